"""`python -m benchmarks.segments`: groups of users that are hurt, and groups that are not.

Seeded: the same command gives the same numbers, with any number of processes.
"""

import argparse
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import starmap

from benchmarks.segments.play import NAME, Result, play
from benchmarks.segments.rows import HEALTHY, HURT, MANY, Row
from palier.evidence.sentences import percent
from palier.simulate.measures import clopper_pearson, quantile

_PROMISE = 0.01
"""At most so many good candidates are rolled back."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play everything and print; 1 where more healthy releases were failed than is promised."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.segments", description=__doc__)
    parser.add_argument(
        "--releases",
        type=int,
        default=400,
        metavar="N",
        help="healthy releases a row; a fifth of it with harm, or with very many groups (default 400)",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="processes (default: all cores)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all runs (default 1)")
    asked = parser.parse_args(arguments)
    begun = time.monotonic()
    with ProcessPoolExecutor(max_workers=asked.jobs) as pool:

        def played(row: Row, number: int) -> list[Result]:
            return list(pool.map(partial(_play, row, asked.seed), range(number), chunksize=5))

        healthy = [(row, played(row, asked.releases)) for row in HEALTHY]
        healthy += [(row, played(row, max(1, asked.releases // 5))) for row in MANY]
        print("\n".join(_false_alarms(healthy)))
        print()
        print("\n".join(_hurt([(row, played(row, max(1, asked.releases // 5))) for row in HURT])), flush=True)
    print(f"{time.monotonic() - begun:.0f} s", file=sys.stderr)
    return int(any(clopper_pearson(_alarms(results), len(results))[0] > _PROMISE for _, results in healthy))


def _play(row: Row, seed: int, run: int) -> Result:
    return play(row, seed=seed, run=run)


def _alarms(results: Sequence[Result]) -> int:
    return sum(math.isfinite(result.apart.seconds) for result in results)


def _false_alarms(rows: Sequence[tuple[Row, list[Result]]]) -> Iterator[str]:
    yield "No group is hurt: releases that were failed nevertheless, in an hour of 120 looks, weight 10, 25, 50 %"
    yield ""
    yield "| mix | requests/s | releases | groups apart (at most) | total only (at most) |"
    yield "| --- | --- | --- | --- | --- |"
    together = [result for _, results in rows for result in results]
    lines = [(row.mix.title, f"{row.rate:g}", results) for row, results in rows]
    for title, rate, results in [*lines, ("all together", "", together)]:
        apart = _alarms(results)
        total = sum(math.isfinite(result.total.seconds) for result in results)
        shown = " | ".join(starmap(_share, ((apart, len(results)), (total, len(results)))))
        yield f"| {title} | {rate} | {len(results)} | {shown} |"


def _share(hits: int, number: int) -> str:
    """How many, and the upper end of the 95 % interval of their share: "0 (0.92 %)"."""
    return f"{hits} ({percent(clopper_pearson(hits, number)[1])})"


def _hurt(rows: Sequence[tuple[Row, list[Result]]]) -> Iterator[str]:
    yield "A group with 5 % of the users has 10 instead of 5 % bad events: found within six hours"
    yield ""
    yield (
        "| requests/s | weight | releases | found | at least | median | 90 % within | only it was named |"
        " total only: found |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for row, results in rows:
        found = [result.apart for result in results if math.isfinite(result.apart.seconds)]
        times = [result.apart.seconds for result in results]
        named = sum(one.groups == (NAME,) for one in found)
        total = sum(math.isfinite(result.total.seconds) for result in results)
        yield " | ".join(
            (
                f"| {row.rate:g} | {row.weights[0]} % | {len(results)}",
                percent(len(found) / len(results)),
                percent(clopper_pearson(len(found), len(results))[0]),
                _minutes(quantile(times, 0.5)),
                _minutes(quantile(times, 0.9)),
                f"{named} of {len(found)}",
                f"{total} of {len(results)} |",
            )
        )


def _minutes(seconds: float | None) -> str:
    return "later" if seconds is None else f"{seconds / 60:.0f} min"


if __name__ == "__main__":
    sys.exit(main())
