"""From raw samples to evidence, as pure functions: what is asked, whose it is, and what it adds to a release.

- `sources`, `resolve`, `questions`, `matchers`: what an objective reads, which series those are, what is asked for them
- `interval`, `arms`, `segments`, `look`: the events between two looks, of each revision and by groups of users too; how
  evidence grows by them
- `warm_up`: from when on it counts how fast a candidate answers
- `coverage`: how far and how well the pods and the router have been read
- `alerts`: what a look may change about a release that cannot wait for the rest of the fleet
- `provenance`, `scrapes`: what must not be added
- `measurability`, `histograms`: how exactly a latency can be told
"""
