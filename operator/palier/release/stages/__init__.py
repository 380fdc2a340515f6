"""The kinds of stages, each in a module of its own: all that a release asks of a kind stands in its `StageKind`.

`kind` says what that is and `table` has all kinds; `advance` is the step from one stage to the next, and `words` what
people read of a stage. A new kind of stage is one more module and one more line in `table`.
"""
