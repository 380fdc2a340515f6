"""An earlier, idealised simulation, to compare with: does a different experiment rank the engines alike?

It drew binomial counts for each look: one weight, no pods, no scrapes, no rates. `EXPLAINED` says where and why the
numbers here must differ.
"""

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.evidence.goals import Found

FALSE = {
    "aa-100": {"palier": 0.0, "naive": 12.7, "argo": 0.0, "flagger": 0.25, "kayenta": 0.0},
    "aa-10": {"palier": 0.0, "naive": 16.8, "argo": 0.65, "flagger": 96.8, "kayenta": 0.0},
    "aa-1": {"palier": 0.0, "naive": 15.9, "argo": 28.9, "flagger": 0.0, "kayenta": 0.0},
}
"""Percent of equal pairs rolled back."""

HARM = {
    "errors-0.5": {"palier": 50.0, "naive": 8.0, "argo": 180.0, "flagger": 64.0, "kayenta": 46.0},
    "errors-1": {"palier": 33.0, "naive": 6.0, "argo": 360.0, "flagger": 72.0, "kayenta": 62.0},
    "errors-5": {"palier": 75.0, "naive": 15.0, "argo": 1029.0, "flagger": 300.0, "kayenta": 300.0},
    "errors-1-slow": {"palier": 20.0, "naive": 4.0, "argo": 35.0, "flagger": 10.0, "kayenta": 30.0},
    "errors-5-slow": {"palier": 9.0, "naive": 2.0, "argo": 16.0, "flagger": 11.0, "kayenta": 18.0},
}
"""Extra failed requests."""

EXPLAINED = (
    """Flagger acts one tick after the check that reaches the threshold, and its first check comes one tick after the
    start: 11 min where the earlier simulation had 10.""",
    """Flagger's rate over one minute sees three of the four intervals between scrapes and extrapolates, so the share of
    a minute rests on fewer requests than arrived and varies more.""",
    """Argo's irate sees 15 s of every five minutes. With one candidate pod and 0.1 requests/s most measurements hold
    one or two requests, or none.""",
    """Palier now also tests the candidate against the objective itself, which finds small differences at low traffic a
    little sooner than the comparison with stable alone.""",
    """Kayenta judges the ratio of two rates over one minute, which vary more than the counts of whole minutes.""",
)


class Rank(NamedTuple):
    """How one row ranks the engines, best first."""

    row: str
    measure: str
    before: tuple[str, ...]
    now: tuple[str, ...]
    numbers: tuple[tuple[str, float, float], ...]
    """Engine, number before, number now."""
    swapped: tuple[tuple[str, str], ...]
    """Pairs that were clearly apart then and are clearly the other way round now."""


def ranks(found: Found) -> Iterator[Rank]:
    """The rows that both experiments have."""
    for row, numbers in FALSE.items():
        now = {one: 100 * found[row, one].rolled_back.value for one in numbers}
        yield _rank(row, "false rollbacks, %", numbers, now, apart=1.0)
    for row, numbers in HARM.items():
        now = {one: found[row, one].median_extra.value for one in numbers}
        yield _rank(row, "extra failures, median", numbers, now, apart=0.0)


def _rank(row: str, measure: str, before: dict[str, float], now: dict[str, float], *, apart: float) -> Rank:
    def differs(one: float, other: float) -> bool:
        return abs(one - other) > max(apart, 0.15 * max(one, other))

    swapped = tuple(
        (one, other)
        for one in before
        for other in before
        if before[one] < before[other] and now[one] > now[other]
        and differs(before[one], before[other]) and differs(now[one], now[other])
    )  # fmt: skip
    return Rank(
        row,
        measure,
        tuple(sorted(before, key=before.__getitem__)),
        tuple(sorted(now, key=now.__getitem__)),
        tuple((one, before[one], now[one]) for one in before),
        swapped,
    )
