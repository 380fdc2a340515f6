"""From raw samples to evidence, as pure functions: what is asked, whose it is, and what it adds to a release.

- `sources`, `resolve`, `questions`: what an objective reads, which series that are, and what is asked for them
- `interval`, `look`: the events between two looks; how they are added to the evidence
- `alerts`: what a look may change about a release that cannot wait for the rest of the fleet
- `provenance`, `scrapes`: what must not be added
- `measurability`, `histograms`: how exactly a latency can be told
"""
