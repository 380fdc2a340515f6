"""Is the candidate worse? Exact tests on counts that stay valid however often somebody looks.

Everything here is pure: counts come in, evidence and verdicts come out. Nothing in this package knows Kubernetes,
Prometheus or the time of day. `objective` is its front; nothing is imported here, so that whoever needs only the words
(`verdicts`, `sentences`) does not load SciPy.

- `objective`, `rules`, `state`, `verdicts`: one objective of any kind; how it is judged; what is kept between two
  looks
- `proportion`, `proportion_verdict`, `mean`, `score`: the kinds: shares of bad events, means, scores
- `counters`, `native`, `counts`: from counter samples and histograms to whole numbers of events
- `bets`, `betting`, `odds_ratio`, `absolute`, `asymptotic`: the tests and the capital that they share
- `dispersion`, `segments`, `sample_ratio`, `arrivals`, `interval`: failures that come together; groups of users; the
  served share; how many requests reached each revision; where the true value lies
- `sentences`, `planning`: the words; how much more is needed
"""
