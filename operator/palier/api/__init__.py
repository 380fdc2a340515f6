"""What users write and read: the kinds of `palier.dev/v1alpha1` as pydantic models, and everything derived from them.

The models are the only source of the schema: the CRD under `crds/` and the reference under `docs/reference/` are
generated from them and verified by the tests.

- `v1alpha1`: the ModelDeployment as pydantic models, and the parser of stored objects
- `spec`, `rules`, `status`: what users write; the rules between parts of a spec; what users read
- `rule`: what a rule is, once as CEL and once as Python
- `variants`, `revision`: from one spec with variants to one for each; the hash that names a revision
- `stored_status`, `blame`: what is kept of a stored status; how an overlooked fault is reported to the author
- `printable`, `figures`, `constants`: text of others that is printed, never obeyed; numbers; names for others
- `generate`: writes `crds/` and `docs/reference/`
"""
