"""One pass over one ModelDeployment: what it carries out, in which order, and what a process remembers of it.

- `controller`, `session`: one pass; what the process remembers of one object between two passes
- `stored`, `rest`: what a stored object says, and what of it cannot be read; when to look again
- `observer`, `trials`, `costs`: the observation that a pass decides by; load tests, golden answers and shadows; money
- `worklist`, `actions`, `overlay`: from a decision to actions; their order of safety; what a status says of refused
  writes
"""
