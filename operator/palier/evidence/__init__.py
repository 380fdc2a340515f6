"""Is the candidate worse? Exact tests on counts that stay valid however often somebody looks.

Everything here is pure: counts come in, evidence and verdicts come out. Nothing in this package knows Kubernetes,
Prometheus or the time of day. `objective` is its front; nothing is imported here, so that whoever needs only the words
(`verdicts`, `sentences`) does not load SciPy.
"""
