"""From raw samples to evidence, as pure functions: what is asked, whose it is, and what it adds to a release.

`sources` says what an objective reads and `questions` what is asked for that; `interval` counts the events between two
looks, and `look` adds them to the evidence. `provenance` and `scrapes` say what must not be added, `measurability` and
`histograms` how exactly a latency can be told.
"""
