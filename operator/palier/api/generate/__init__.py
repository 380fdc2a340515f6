"""Writes the CRD and the reference of the API from the models: `python -m palier.api.generate.crd --write`."""
