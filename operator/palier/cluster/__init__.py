"""The only code that talks to the Kubernetes API, and what keeps the operator running: cache, queue, Lease, health.

Everything above speaks in plain dictionaries and in the errors of `palier.errors`; the client library stays in here.
"""
