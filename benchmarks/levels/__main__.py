"""`python -m benchmarks.levels`: gauges that keep their limit in spells of minutes, and gauges that do not.

Seeded: the same command gives the same numbers.
"""

import argparse
import math
from collections.abc import Sequence

import numpy as np

from benchmarks.levels.play import MINUTE, level, play

_HOUR, _LONG = 60.0, 240.0
"""Minutes of a release whose gauge keeps its limit, and of one whose gauge does not."""

LIMITS = (0.01, 0.05)
PARTS = (0.2, 0.4, 1.0)
"""The share of the time above, as a part of what is allowed."""
SPELLS = (1, 3, 10)
"""Minutes."""
TOO_HIGH = ((1.0, 1), (0.5, 1), (0.5, 3), (0.5, 10), (0.2, 1), (0.2, 3))
"""Share of the time above, and the mean minutes of a spell."""
_MOST_WRONG = 0.01


def main(arguments: Sequence[str] | None = None) -> int:
    """Play everything and print; 1 where more than one in a hundred good candidates was blamed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.levels", description=__doc__)
    parser.add_argument("--releases", type=int, default=1000, metavar="N", help="releases a row that keep it (1000)")
    parser.add_argument("--high", type=int, default=100, metavar="N", help="releases a row above it (100)")
    parser.add_argument("--seed", type=int, default=20, metavar="N", help="of all runs (default 20)")
    asked = parser.parse_args(arguments)
    chance = np.random.default_rng(asked.seed)
    worst = 0.0
    print("Within the limit: wrongly rolled back in an hour\n")
    print("| allowed | above | spells of | each scrape an event | in spells |")
    print("| --- | --- | --- | --- | --- |")
    for limit in LIMITS:
        for spell in SPELLS:
            for part in PARTS:
                found = []
                for in_spells in (False, True):
                    rule, what = level(limit, in_spells=in_spells), {"above": part * limit, "spell": spell * MINUTE}
                    times = [play(chance, rule, **what, minutes=_HOUR) for _ in range(asked.releases)]
                    found.append(sum(map(math.isfinite, times)) / asked.releases)
                worst = max(worst, found[1])
                print(
                    f"| {limit:.0%} | {part * limit:.1%} | {spell} min | {found[0]:.1%} | {found[1]:.1%} |", flush=True
                )
    print("\nAbove the limit: minutes until that is found\n")
    print("| allowed | above | spells of | found in four hours | median | 90 of 100 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for limit in LIMITS:
        for above, spell in TOO_HIGH:
            rule, what = level(limit), {"above": above, "spell": spell * MINUTE}
            times = sorted(play(chance, rule, **what, minutes=_LONG) for _ in range(asked.high))
            number = sum(map(math.isfinite, times))
            median, most = times[len(times) // 2], times[math.ceil(0.9 * len(times)) - 1]
            print(
                f"| {limit:.0%} | {above:.0%} | {f'{spell} min' if above < 1 else 'no end'} | {number} of {asked.high} "
                f"| {median:g} | {most:g} |",
                flush=True,
            )
    return int(worst > _MOST_WRONG)


if __name__ == "__main__":
    raise SystemExit(main())
