"""What would Palier, and what would others, have done with this traffic? Seeded simulations of whole releases.

- `case`, `scenarios`, `conditions`, `traffic`, `recording`: what is simulated, and what Prometheus would hold of it
- `engine`, `prometheus`: Palier's own decisions on it, by the code that the operator runs
- `peers`, `promql`, `kayenta`, `knobs`: the rules of other tools on the same traffic
- `concept`, `concept_runs`: labels after a promotion, and the detector that watches them
- `runs`, `outcome`, `measures`: many runs, their ends, and the rates, times and harm that they come to
"""
