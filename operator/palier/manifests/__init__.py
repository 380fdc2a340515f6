"""From a revision to the Kubernetes objects that run it and the ones that send it traffic; pure rendering.

- `revision`, `metadata`, `drift`: Deployment, Service and prompts; names and owners; whether an object has what we
  state
- `traffic`, `affinity`, `disruption`: HTTPRoute and front Service; the policy that keeps users apart; disruption
  budgets
- `loadtest`, `golden`, `shadow`, `workers`, `corpora`: the Jobs, the shadow proxy, and what their pods have in common
"""
