"""`PYTHONPATH=instrument python -m benchmarks.instrument`: microseconds that counting adds to a call.

Plain and decorated functions take turns in short rounds, so that whatever else the machine does meets both; what is
printed is the median over the rounds. Values are drawn once, with a fixed seed: half of the features are numbers with
nine edges, half are categories with ten names, one value in twenty is missing.
"""

import argparse
import random
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Final

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from palier_instrument import Category, Declaration, Number, Watch
from palier_instrument.declaration import MOST_GROUPS

FEATURES: Final = 20
ROWS: Final = 200
"""Different requests."""
MOST: Final = 100.0
"""Microseconds of a call that are too many."""

Row = Mapping[str, Any]


def declare(features: int, groups: int) -> Declaration:
    """Half numbers with nine edges, half categories with ten names, a score, and so many groups."""
    names = [f"c{index}" for index in range(10)]
    numbers = [Number(f"n{index}", [float(edge) for edge in range(1, 10)]) for index in range(features // 2)]
    categories = [Category(f"k{index}", names) for index in range(features - features // 2)]
    group = Category("country", [f"g{index}" for index in range(groups)]) if groups else None
    return Declaration([*numbers, *categories], [Number("score", [0.25, 0.5, 0.75])], group)


def draw_rows(declaration: Declaration, seed: int) -> list[Row]:
    """Requests for a declaration."""
    chance = random.Random(seed)
    groups = declaration.group.names if declaration.group else ("",)
    rows: list[Row] = []
    for _ in range(ROWS):
        row: dict[str, object] = {"country": chance.choice(groups)}
        for one in declaration.features:
            value = chance.uniform(0, 10) if isinstance(one, Number) else chance.choice(one.names)
            row[one.name] = value if chance.random() < 0.95 else None  # noqa: PLR2004 - one in twenty is missing
        rows.append(row)
    return rows


def answer_row(row: object) -> float:
    """A model that does nothing."""
    return 0.5 if row else 0.0


def answer_arguments(**row: object) -> float:
    """The same with each feature as an argument."""
    return 0.5 if row else 0.0


def measure_call(call: Callable[[Row], object], rows: Sequence[Row], calls: int) -> float:
    """Microseconds of one call, the loop around it included."""
    started = time.perf_counter()
    for number in range(calls):
        call(rows[number % ROWS])
    return (time.perf_counter() - started) / calls * 1e6


def measure_threads(call: Callable[[Row], object], rows: Sequence[Row], calls: int, threads: int) -> float:
    """Microseconds of wall-clock time for each call, where several threads call at once."""
    started = time.perf_counter()
    running = [threading.Thread(target=measure_call, args=(call, rows, calls // threads)) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return (time.perf_counter() - started) / calls * 1e6


def list_ways(features: int) -> dict[str, Callable[[Row], object]]:
    """What takes turns, by what it is called in the table."""
    declared = declare(features, 4)
    by_hand, by_row, by_arguments = (Watch(declared, registry=None) for _ in range(3))
    decorated, spread = by_row(answer_row), by_arguments(answer_arguments)
    usual = {
        one.name: Histogram(one.name, "One of prometheus-client.", buckets=range(1, 10), registry=None)
        for one in declared.features
    }

    def observe_all(row: Row) -> float:
        for name, histogram in usual.items():
            value = row[name]
            histogram.observe(value if isinstance(value, float) else 0.0)
        return answer_row(row)

    return {
        "plain": answer_row,
        "decorated, a mapping": decorated,
        "decorated, an object": lambda row: decorated(SimpleNamespace(**row)),
        "plain, keyword arguments": lambda row: answer_arguments(**row),
        "decorated, keyword arguments": lambda row: spread(**row),
        "`count` by hand": by_hand.count,
        "a histogram of prometheus-client for each": observe_all,
    }


def time_pages(declaration: Declaration, pages: int) -> float:
    """Milliseconds to write the page of metrics, median."""
    registry = CollectorRegistry()
    Watch(declaration, registry=registry)
    times = []
    for _ in range(pages):
        started = time.perf_counter()
        generate_latest(registry)
        times.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where a call with twenty features costs too much."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instrument", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50, metavar="N", help="rounds of each function (50)")
    parser.add_argument("--calls", type=int, default=2000, metavar="N", help="calls in a round (2000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the values (1)")
    asked = parser.parse_args(arguments)
    rows = draw_rows(declare(FEATURES, 4), asked.seed)
    ways = list_ways(FEATURES)
    times: dict[str, list[float]] = {name: [] for name in ways}
    shared: list[float] = []
    for _ in range(asked.rounds):
        for name, call in ways.items():
            times[name].append(measure_call(call, rows, asked.calls))
        shared.append(measure_threads(ways["decorated, a mapping"], rows, asked.calls, 4))
    print(f"{FEATURES} features, four groups and (other); median of {asked.rounds} rounds of {asked.calls} calls\n")
    print("| a call | µs | 9 in 10 rounds within |\n| --- | --- | --- |")
    for name, measured in {**times, "decorated, a mapping, from four threads at once": shared}.items():
        ordered = sorted(measured)
        print(f"| {name} | {statistics.median(measured):.2f} | {ordered[len(ordered) * 9 // 10]:.2f} |")
    print("\n| series | page, ms |\n| --- | --- |")
    for features, groups in ((FEATURES, 0), (FEATURES, 4), (50, MOST_GROUPS)):
        declared = declare(features, groups)
        print(f"| {declared.series:,} | {time_pages(declared, max(3, asked.rounds // 5)):.1f} |")
    cost = statistics.median(times["decorated, a mapping"]) - statistics.median(times["plain"])
    print(f"\nCounting adds {cost:.1f} µs to a call.")
    return int(cost > MOST)


if __name__ == "__main__":
    raise SystemExit(main())
