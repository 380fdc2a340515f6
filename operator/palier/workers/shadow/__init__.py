"""The shadow proxy: takes copies of requests, asks both versions, and exports what it has compared.

- `run`, `proxy`, `turns`: the program; where copies are taken; in which order pairs are counted
- `sender`, `pairs`: asks both versions; from two replies to one pair
- `metrics`, `pages`: what Prometheus scrapes; health and disagreements
"""
