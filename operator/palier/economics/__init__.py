"""What serving a model takes and costs: capacity, prices, the plan of the Scalability Owner, and its budget.

Everything here is pure: a spec, measured capacities and prices come in, numbers and verdicts come out. Money is exact:
amounts are decimals of one currency and are rounded only where somebody reads them (`sentences` and the printers).

- `money`, `quantities`, `resources`, `prices`, `price_fields`, `replica`: amounts of one currency; what a replica
  asks for, and what an hour of it costs
- `capacity`, `measured_capacity`, `queueing`: the scaling law of several replicas, and how well it is known; queues
- `plan`, `planning`, `costs`, `affordable`, `verdict`: the month at every traffic, what fits, and the verdict
- `variants`, `recommendation`: the cheapest way that fits; requests, limits and bounds of an autoscaler
- `spending`, `burn`, `running`: what was spent, whether the budget burns, what a thousand answers cost
- `sentences`: numbers as people read them
"""
