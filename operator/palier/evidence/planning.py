"""How much more is needed until a test can decide: what turns "not enough data" into something to act on.

All results are planning numbers, not promises: they suppose that the shares stay what they were.
"""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from palier.evidence import absolute, odds_ratio
from palier.evidence.counts import Tally
from palier.evidence.rules import ObjectiveRule
from palier.evidence.state import Evidence

_MOST = 10_000_000
"""Beyond this many requests "about N more" is no help any more."""


def requests_needed(log_e: Callable[[float, float], float], *, bad: float, total: float, gain: float) -> int | None:
    """Further requests until `log_e(bad, total)` has grown by `gain`, if the share of bad events stays what it is.

    Returns:
        None if it is more than ten million, or if the share leads nowhere.
    """
    share, now = bad / total, log_e(bad, total)

    def is_enough(more: int) -> bool:
        return log_e(bad + share * more, total + more) - now >= gain

    upper = 1
    while not is_enough(upper):
        upper *= 2
        if upper > _MOST:
            return None
    lower = upper // 2
    while upper - lower > 1:
        middle = (lower + upper) // 2
        lower, upper = (lower, middle) if is_enough(middle) else (middle, upper)
    return upper


def until_failure(evidence: Evidence, rule: ObjectiveRule, tally: Tally) -> int | None:
    """Further requests until the absolute or the relative test fails the candidate, whichever comes first.

    Args:
        evidence: what is known; each bet goes on from its capital.
        rule: how the objective is judged.
        tally: the stretch whose shares are supposed to last.
    """
    bound, share = math.log(rule.tests / rule.alpha), tally.bad / tally.total
    rates = [share * hit + (1 - share) * miss for hit, miss in absolute.steps(rule.limit)]
    found = [_soonest(evidence.absolute.logs, rates, bound=bound)]
    if rule.compare_with_stable:
        ratios = [rule.margin * ratio for ratio in odds_ratio.RATIOS]
        found.append(
            _soonest(evidence.relative.logs, rate_growth(_expect(tally, tally.bad), ratios, rule.margin), bound=bound)
        )
    return min((number for number in found if number is not None), default=None)


def until_below(margin: float, evidence: Evidence, rule: ObjectiveRule) -> int | None:
    """Further requests until the odds ratio against stable is proven to be below `margin`.

    One look adds no more than the cap, so what it takes depends on the requests of a look where there are many.
    """
    ratios, release = odds_ratio.proof_ratios(margin), evidence.release
    most = rule.cap * evidence.looks / release.total
    rates = [min(most, rate) for rate in rate_growth(_expect(release, release.bad_possible), ratios, margin)]
    return _soonest(evidence.not_worse, rates, bound=math.log(len(ratios) / rule.beta))


class Expected(NamedTuple):
    """What is expected of both arms, over any stretch of time."""

    total: float
    """Events of the candidate."""
    bad: float
    stable_total: float
    stable_bad: float


def rate_growth(expected: Expected, ratios: Iterable[float], margin: float) -> list[float]:
    """Growth for each request of the candidate of each bet on an odds ratio, by the binomial approximation."""
    all_bad, total = expected.bad + expected.stable_bad, expected.total + expected.stable_total
    if all_bad == 0 or expected.stable_total == 0:
        return [0.0 for _ in ratios]
    rho, share = expected.total / total, expected.bad / all_bad
    return [
        all_bad
        / expected.total
        * (share * math.log(w / margin) - math.log((1 - rho + rho * w) / (1 - rho + rho * margin)))
        for w in ratios
    ]


def _expect(tally: Tally, bad: int) -> Expected:
    """More of what a stretch had, with so many bad events of the candidate."""
    return Expected(tally.total, bad, tally.stable_total, tally.stable_bad)


def _soonest(logs: Iterable[float], rates: Iterable[float], *, bound: float) -> int | None:
    """Requests until the first bet alone reaches the bound."""
    needed = min(
        (max(1.0, (bound - log) / rate) for log, rate in zip(logs, rates, strict=False) if rate > 0), default=math.inf
    )
    return math.ceil(needed) if needed <= _MOST else None
