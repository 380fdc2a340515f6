"""What serving a model takes and costs: capacity, prices, the plan of the Scalability Owner, and its budget.

Everything here is pure: a spec, measured capacities and prices come in, numbers and verdicts come out. Money is exact:
amounts are decimals of one currency and are rounded only where somebody reads them (`sentences` and the printers).
"""
