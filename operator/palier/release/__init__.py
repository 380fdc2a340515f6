"""The life of a release as pure functions: memory + observations + evidence + clock → what happens next.

- `decide`, `situation`, `observation`, `finding`: the rules in their order; the arguments of a decision, and its
  answer
- `state`, `memory`, `times`: the memory; how it is written to `status` and read back; its instants
- `beginning`, `plan`, `stages`, `recovery`, `requests`: when a release starts; its pinned stages; the step from one
  to the next; which revision serves when the memory is gone; what people ask
- `gate`, `testing`, `prospects`: load test, capacity, cost and variants, before any user
- `golden_stage`, `examining`, `shadow_stage`, `shadowing`, `shadow_objectives`: golden answers and the shadow
- `canary`, `promotion`, `rollback`, `endings`, `refusal`: a stage with users; how a release ends, well or not
- `judging`, `criteria`, `rules`, `resolve`, `watching`: the verdicts of one pass, and from what they are made
- `readiness`, `reach`, `targets`, `scaled`: lost pods; whether anybody reaches the candidate; what the world should
  look like
- `cost`, `answered`, `copies`, `outlook`, `alarm`: what a release knows of money, and what people are told of it
- `report`, `standing`, `holds`: conditions and verdicts; where a release stands; why it waits
"""
