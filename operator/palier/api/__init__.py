"""What users write and read: the kinds of `palier.dev/v1alpha1` as pydantic models, and everything derived from them.

The models are the only source of the schema: the CRD under `crds/` and the reference under `docs/reference/` are
generated from them and verified by the tests.

- `v1alpha1`, `serving`, `objectives`, `values`: the ModelDeployment as pydantic models, and the parser of stored
  objects
- `scale`, `budget`, `load_test`, `release`, `variants`: the plan, the budget, the load test, the stages; from one
  spec with variants to one for each
- `rules`, `measuring`, `planning`, `quality`: each rule once, as CEL and as Python; the rules that refuse what cannot
  be measured or judged
- `answers`, `shadow`, `golden`, `timeouts`: how answers are compared; the shadow; golden answers, judges and scorers
- `template`, `stored`, `blame`: what a pod template has to be; what is kept of a stored status; what was overlooked
- `status`, `status_values`, `evidence_status`, `golden_status`, `load_test_status`, `cost_status`, `figures`: the
  shape of `status`
- `conditions`, `printable`: conditions and their times; text of others that is printed and never obeyed
- `revision`, `constants`: the hash that names a revision; names that others rely on
- `crd`, `structural`, `reference`, `generated`: write `crds/` and `docs/reference/`
"""
