"""`python -m benchmarks.reach`: candidates that get their share, and candidates that get nothing.

Seeded: the same command gives the same numbers.
"""

import argparse
from collections.abc import Sequence
from statistics import median, quantiles

import numpy as np

from benchmarks.reach.play import Case, found_at
from palier.simulate.measures import clopper_pearson

_STAGE = 600.0
"""Seconds of a healthy stage, and at most an hour where the candidate gets nothing."""
_HOUR = 3600.0

HEALTHY = (
    *(Case(weight, rate) for weight in (1, 5, 50) for rate in (1, 10, 100)),
    Case(50, 100, lasts=4.0),
    Case(50, 100, served=0.4),
)
LOST = (
    *(Case(weight, rate, lost_from=0.0) for weight in (1, 5, 10, 50) for rate in (1, 10, 50, 100)),
    Case(10, 50, lost_from=300.0),
    Case(10, 50, lost_from=0.0, interval=1.0, scrape=1.0),
    Case(10, 50, lost_from=300.0, interval=1.0, scrape=1.0),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play everything and print; 1 where a healthy candidate was said not to be reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reach", description=__doc__)
    parser.add_argument("--releases", type=int, default=10_000, metavar="N", help="healthy releases a row (10000)")
    parser.add_argument("--lost", type=int, default=300, metavar="N", help="releases a row that are lost (300)")
    parser.add_argument("--seed", type=int, default=12, metavar="N", help="of all runs (default 12)")
    asked = parser.parse_args(arguments)
    chance = np.random.default_rng(asked.seed)
    print(f"The candidate gets its share: said not to be reached in {_STAGE / 60:g} minutes")
    print("\n| weight | requests/s | scrapes, looks | a request lasts | releases | wrong (at most) |")
    print("| --- | --- | --- | --- | --- | --- |")
    alarms = 0
    for case in HEALTHY:
        wrong = sum(found_at(case, until=_STAGE, chance=chance) is not None for _ in range(asked.releases))
        alarms += wrong
        most = clopper_pearson(wrong, asked.releases)[1]
        weight = f"{case.weight} %" + (f", served {case.served:g} of it" if case.served < 1 else "")
        every = f"{case.scrape:g} s, {case.interval:g} s"
        print(f"| {weight} | {case.rate} | {every} | {case.lasts:g} s | {asked.releases} | {wrong} ({most:.2%}) |")
    print("\nThe candidate gets nothing: seconds until that is found\n")
    print("| weight | requests/s | scrapes, looks | lost from | found within an hour | median | 95 of 100 |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for case in LOST:
        times = [found_at(case, until=_HOUR, chance=chance) for _ in range(asked.lost)]
        found = [time - case.lost_from for time in times if time is not None]
        print(
            f"| {case.weight} % | {case.rate} | {case.scrape:g} s, {case.interval:g} s | {case.lost_from:g} s "
            f"| {len(found)} of {asked.lost} | {median(found):.0f} s | {quantiles(found, n=20)[-1]:.0f} s |",
            flush=True,
        )
    return int(alarms > 0)


if __name__ == "__main__":
    raise SystemExit(main())
