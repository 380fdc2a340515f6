"""The only code that talks to the Kubernetes API, and what keeps the operator running: cache, queue, Lease, health.

Everything above speaks in plain dictionaries and in the errors of `palier.errors`; the client library stays in here.

- `store`, `indices`, `cache`, `watches`: our cache; by what objects are found; how it is fed; which object concerns
  whom
- `queue`, `lease`, `health`, `instruments`, `costs`: the work queue, leader election, `/healthz`, `/readyz`,
  `/metrics`
- `client`, `transport`, `kinds`, `reading`: requests to the API server, and its JSON, read with a bound of depth
- `observe`, `diagnostics`, `reach`, `gateways`: from the cache to an observation; why pods do not get ready;
  connections to the pods of a candidate; what a gateway can do
- `act`, `keeper`, `ownership`, `denials`, `disruption`, `served_revisions`: writes what differs; whose an object is;
  deletes what no release needs; disruption budgets; the revisions that users may meet
- `inputs`, `jobs`, `loadtests`, `goldens`, `shadows`: what a spec asks for with the texts that it names; Jobs and
  shadow proxies
- `reporter`: writes `status` when it says something new
"""
