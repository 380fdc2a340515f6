"""Data drift: do the features of a model look as they did when its version was released?

- `data_drift`: the findings of one window, and of two that confirm each other
- `measure`: one feature beside its reference, by `distances`, by the exact test of `homogeneity`, and what is `broken`
- `profile`: what features look like, kept as `table`s of `bins` or categories
- `rows`, `counting`: a profile of the rows of a file
- `season`, `merging`: the same hour of the weeks before as a reference
- `drift_words`: what is said of a finding
"""
