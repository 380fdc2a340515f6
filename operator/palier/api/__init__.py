"""What users write and read: the kinds of `palier.dev/v1alpha1` as pydantic models, and everything derived from them.

The models are the only source of the schema: the CRD under `crds/` and the reference under `docs/reference/` are
generated from them and verified by the tests.
"""
