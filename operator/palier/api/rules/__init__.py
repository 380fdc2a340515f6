"""Rules between parts of a spec, each once as CEL and once as Python: what can be measured, planned and judged."""
