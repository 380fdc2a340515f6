"""`python -m benchmarks.budgets`: burns of error budgets with and without the rule for low traffic.

A service is looked at five times in a slot; its requests come at random and fail independently. First its share of bad
ones is exactly what its objective allows: every page is one too many. Then it is ten times as much, and half of all.
Seeded: the same command gives the same numbers.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from palier.evidence.absolute import log_e_above
from palier.watch.error_budget import ALERT_RULES, ODDS, AlertRule, BurnWindows, Severity
from palier.watch.slots import PARTS, RINGS, Window

DAY, HOUR = 86_400, 3600
DAYS: Final = 28
"""Length of the budget's window."""
LOOKS: Final = 5
"""In a slot of the finest ring."""
LOOK: Final = DAYS * DAY // PARTS // LOOKS
"""Seconds."""
MONTH, BEFORE, AFTER = 30, 4, 3
"""Days that are counted at the objective, that are played before anything is counted, and after a regression."""
LIMITS: Final = (0.01, 0.001, 0.0001)
RATES: Final = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Requests per second."""
MOST_PAGES: Final = 1.0
"""Wrong pages in 30 days that are too many, with the rule."""

Counts = npt.NDArray[np.int64]


def _is_provably_above(one: BurnWindows) -> bool:
    """The rule that was not chosen: evidence of the same odds against the factor itself."""
    limit = one.limit * one.rule.factor
    return limit < 1 and log_e_above(one.long.bad, one.long.total, limit=limit) >= math.log(ODDS)


WAYS: Final[Mapping[str, Callable[[BurnWindows], bool]]] = {
    "burn alone": lambda one: one.exceeds,
    "Palier": lambda one: one.fires,
    "proven above the factor": _is_provably_above,
}


def sum_windows(counts: Counts, parts: int) -> Counts:
    """At every look, the events that `Slots.read_window` finds in the last so many parts.

    Args:
        counts: events of every look, the first one at the beginning of a slot of every ring.
        parts: of the budget's window.
    """
    ring = next(one for one in RINGS if parts % one.parts == 0 and parts <= one.parts * one.slots)
    slot = ring.parts * LOOKS
    looks = np.arange(len(counts))
    first = np.maximum(0, looks // slot - parts // ring.parts) * slot
    until = np.concatenate([[0], np.cumsum(counts)])
    return np.asarray(until[looks + 1] - until[first])


@lru_cache(maxsize=100_000)
def decide(rule: AlertRule, limit: float, bad: int, total: int) -> tuple[bool, ...]:
    """What each of `WAYS` says of a long window, where the burn is above the factor in both."""
    window = Window(bad, total, 1, 1)
    return tuple(way(BurnWindows(rule, limit, window, window)) for way in WAYS.values())


def find_alerts(bad: Counts, total: Counts, limit: float, severity: Severity) -> npt.NDArray[np.bool_]:
    """At every look, whether each of `WAYS` tells somebody: one row for each."""
    found = np.zeros((len(WAYS), len(bad)), dtype=bool)
    for rule in ALERT_RULES:
        if rule.severity is severity:
            long, short = ([sum_windows(one, parts) for one in (bad, total)] for parts in (rule.long, rule.short))
            least = rule.factor * limit
            for look in np.flatnonzero((long[0] > least * long[1]) & (short[0] > least * short[1])):
                found[:, look] |= decide(rule, limit, int(long[0][look]), int(long[1][look]))
    return found


def play(chance: np.random.Generator, rate: float, shares: Sequence[tuple[float, float]]) -> tuple[Counts, Counts]:
    """Bad requests and all requests of every look, for stretches of so many days with a share of bad ones."""
    looks = [round(days * DAY / LOOK) for days, _ in shares]
    total = chance.poisson(rate * LOOK, size=sum(looks))
    return chance.binomial(total, np.repeat([share for _, share in shares], looks)), total


def count_alerts(limit: float, rate: float, months: int, seed: int) -> Iterator[float]:
    """Alerts in 30 days of a service that is exactly at its objective, for each severity and way."""
    chance = np.random.default_rng([seed, round(1 / limit), round(1000 * rate)])
    days = BEFORE + MONTH * months
    bad, total = play(chance, rate, [(days, limit)])
    for severity in Severity:
        alerts = find_alerts(bad, total, limit, severity)[:, round(BEFORE * DAY / LOOK) :]
        yield from (np.count_nonzero(alerts[:, 1:] & ~alerts[:, :-1], axis=1) / months).tolist()


def time_page(chance: np.random.Generator, limit: float, rate: float, share: float) -> list[float]:
    """Hours until the first page after a regression, for each way; infinite where none came in three days."""
    bad, total = play(chance, rate, [(BEFORE, limit / 5), (AFTER, share)])
    alerts = find_alerts(bad, total, limit, Severity.PAGE)[:, round(BEFORE * DAY / LOOK) :]
    return [(float(np.argmax(row)) + 1) * LOOK / HOUR if row.any() else math.inf for row in alerts]


def main(arguments: Sequence[str] | None = None) -> int:
    """Play everything and print; 1 where a service that keeps its objective was paged about too often."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.budgets", description=__doc__)
    parser.add_argument("--months", type=int, default=100, metavar="N", help="months a row at the objective (100)")
    parser.add_argument("--regressions", type=int, default=100, metavar="N", help="regressions a row (100)")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="of all runs (7)")
    asked = parser.parse_args(arguments)
    worst = 0.0
    print(f"Exactly at the objective, in 30 days: pages, then tickets, each by {', by '.join(WAYS)}\n")
    for limit in LIMITS:
        for rate in RATES:
            means = list(count_alerts(limit, rate, asked.months, asked.seed))
            worst = max(worst, means[1])
            print(f"| {limit:.2%} | {rate:g}/s |" + "".join(f" {mean:.2f} |" for mean in means), flush=True)
    for title, half in (("A burn of 10", False), ("Half of all fail", True)):
        print(f"\n{title}: hours until a page by {', by '.join(WAYS)}; median, and 90 of 100\n")
        for limit in LIMITS:
            for rate in RATES:
                chance = np.random.default_rng([asked.seed, half, round(1 / limit), round(1000 * rate)])
                share = 0.5 if half else 10 * limit
                times = [time_page(chance, limit, rate, share) for _ in range(asked.regressions)]
                told = []
                for hours in zip(*times, strict=True):
                    each = sorted(hours)
                    told.append(f" {each[len(each) // 2]:.2f}, {each[math.ceil(0.9 * len(each)) - 1]:.2f} |")
                print(f"| {limit:.2%} | {rate:g}/s |" + "".join(told), flush=True)
    return int(worst > MOST_PAGES)


if __name__ == "__main__":
    raise SystemExit(main())
