"""Objectives as other tools write them, and back: so that nobody has to write the same promise twice.

- `record`: one objective between two ways of writing it
- `export`, `adopt`: from a ModelDeployment's objective to a record, and back
- `openslo`, `sloth`, `pyrra`: a record as the object of one tool, and back
- `promql`: the queries in those objects
- `fields`: reading objects of others so that nothing is overlooked
"""
