"""The life of a release as pure functions: memory + observations + evidence + clock → what happens next.

- `decide`, `situation`, `observation`, `finding`: the rules in their order; the arguments of a decision, and its
  answer
- `state`, `memory`, `times`: the memory; how it is written to `status` and read back; its instants
- `beginning`, `plan`, `recovery`, `requests`: when a release starts; its pinned stages; which revision serves when the
  memory is gone; what people ask
- `stages`: the kinds of stages, each in a module of its own
- `jobs`, `testing`, `prospects`, `examining`, `shadowing`: what is known of load tests, golden answers and shadows
- `endings`, `rollback`, `refusal`: what ends a release at once; the way back; the end of a stage without users
- `judging`, `criteria`, `rules`, `shadow_objectives`, `watching`: the verdicts of one pass, and from what they are made
- `readiness`, `reach`, `targets`, `scale_selector`: lost pods; whether anybody reaches the candidate; what the world
  should look like
- `cost`, `answer_counters`, `shadow_copies`, `outlook`, `alarm`: what a release knows of money, and what is told of it
- `report`, `standing`, `holds`: conditions and verdicts; where a release stands; why it waits
"""
