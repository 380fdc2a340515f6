"""A promoted version goes on being watched: has something become worse since?

A release ends with a promotion, and with it the comparison with a stable version. What can still be asked is whether
the world has changed: whether answers are wrong more often than when the version was promoted. There is no end at which
an error probability could be stated, so what is promised here is how rarely a false alarm comes: a number of labels for
each one, on average.

Everything here is pure: counts come in, evidence and findings come out.

- `edetector`: the test: is the error rate above what is tolerated, since some unknown moment?
- `groups`: the same for all users and for each group of them, under one promise
- `attribution`: after an alarm, whether the world has changed or the model is worse, as labels of two versions tell
- `pairs`: what these labels say; `attributed`: of everyone and of groups; `attribution_words`: as sentences
- `reference`: which error rate is tolerated, where nobody has stated one
- `second_opinion`: what another detector says of the same labels, where it is installed
- `error_budget`: what is left of the failures that an objective allows, and how fast they are spent
- `freeze`: whether a spent budget freezes releases
- `slots`: what a budget remembers of a month
- `features`: data drift, the features of a model beside those of its release
- `slo`: objectives as SLOs of other tools
"""
