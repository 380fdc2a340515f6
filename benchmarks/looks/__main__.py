"""`python -m benchmarks.looks`: CPU seconds, bytes and questions of one look, for fleets of different sizes.

With `--served`: those of one reading of the objectives of as many ModelDeployments at rest, for their error budgets. A
look is made every few seconds while a release is in progress, such a reading once a minute.

Everything that the operator does for a look is counted, from the socket to the evidence. The Prometheus that answers is
a process of its own and is not.
"""

import argparse
import asyncio
import functools
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from multiprocessing.connection import Connection
from typing import Any
from unittest import mock

from prometheus_api_client import PrometheusConnect

from benchmarks.looks.fleet import SCRAPE, prometheus, releases
from palier.metrics.looks import Looks
from palier.metrics.minutes import INTERVAL
from palier.metrics.owners import Key, Owners
from palier.metrics.prometheus import PrometheusSource
from palier.metrics.served import ServedMinute, ServedObjectives
from palier.release.answer_counters import NOBODY
from palier.watch.objectives import ObjectiveWatch

START = 1_800_000_000.0
SIZES = (10, 100, 1000)
PHASES = ("receive, decode", "series", "owners", "count", "observe", "total")


@dataclass
class Cost:
    """What one look has cost."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """CPU seconds by phase."""
    answers: list[int] = field(default_factory=list)
    """Bytes of each answer."""


class Meter:
    """Measures the CPU time that threads spend in chosen functions."""

    def __init__(self) -> None:
        self.cost = Cost()

    def timed(self, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, with its CPU time counted for a phase."""

        @functools.wraps(function)
        def wrapped(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
            begun = time.thread_time()
            try:
                return function(*arguments, **named)
            finally:
                self.cost.seconds[phase] += time.thread_time() - begun

        return wrapped


async def measured(number: int, *, looks: int, served: bool = False) -> list[Cost]:
    """The cost of each of several looks that follow each other at a fleet of that size; the first is left out.

    Args:
        number: size of the fleet.
        looks: how many.
        served: whether what serves is read for its error budgets, instead of looks at releases.
    """
    meter = Meter()
    with (
        prometheus(number) as (url, told),
        mock.patch.object(
            PrometheusConnect, "custom_query", meter.timed("receive, decode", PrometheusConnect.custom_query)
        ),
        mock.patch(
            "palier.metrics.prometheus.parse_matrix",
            meter.timed("series", _function("metrics.prometheus", "parse_matrix")),
        ),
        mock.patch.object(Owners, "sort_series", meter.timed("owners", Owners.sort_series)),
        mock.patch("palier.measuring.look.observe", meter.timed("observe", _function("measuring.look", "observe"))),
    ):
        source = PrometheusSource(url, timeout=120.0)
        look, interval = (_read_budgets if served else _look)(source, number)
        costs = [await _one(look, meter, told, at=START + (index + 1) * interval) for index in range(looks + 1)]
        source.close()
    return costs[1:]


Look = Callable[[float], Awaitable[object]]


def _look(source: PrometheusSource, number: int) -> tuple[Look, float]:
    """Looks at so many releases, and the seconds between them."""
    fleet = Looks(source, interval=SCRAPE, scrape_interval=SCRAPE, looked=lambda _keys: None, clock=time.monotonic)
    for key, watched in releases(number, since=START).items():
        fleet.watch(key, watched)
    return fleet.look, SCRAPE


def _read_budgets(source: PrometheusSource, number: int) -> tuple[Look, float]:
    """Readings of the objectives of so many ModelDeployments at rest, and the seconds between them."""
    budgets: dict[tuple[Key, str], ObjectiveWatch] = {}
    limit = Decimal("0.01")

    def add_minute(key: Key, minute: ServedMinute) -> None:
        for name, counts in minute.counts.items():
            if isinstance(counts, str):
                raise RuntimeError(f"{name} of {key} cannot be counted: {counts}")  # noqa: TRY004 - it is a reason
            before = budgets.get((key, name)) or ObjectiveWatch.begin(name, 28, now=START)
            budgets[key, name] = before.add_minute(
                counts.bad, counts.total, since=minute.start, until=minute.end, limit=limit
            )

    reader = ServedObjectives(source, scrape_interval=SCRAPE, clock=time.monotonic, minute_read=add_minute)
    for key, watched in releases(number, since=START).items():
        reader.watch(key, replace(watched, candidate=NOBODY))
    return reader.read, INTERVAL


async def _one(look: Look, meter: Meter, told: Connection, *, at: float) -> Cost:
    meter.cost = Cost()
    begun = time.process_time()
    await look(at)
    cost = meter.cost
    cost.seconds["total"] = time.process_time() - begun
    cost.seconds["count"] = cost.seconds["total"] - sum(cost.seconds[phase] for phase in PHASES if phase != "total")
    while told.poll(0.05):
        cost.answers.append(told.recv())
    return cost


def _function(module: str, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(__import__(f"palier.{module}", fromlist=[name]), name)
    return found


def table(costs: dict[int, list[Cost]], *, of: str) -> str:
    """One line for each size of fleet; CPU seconds are medians over the looks."""
    lines = [f"CPU seconds of one {of}", "", f"{'objects':>10}" + "".join(f"{phase:>17}" for phase in PHASES)]
    lines[-1] += f"{'questions':>12}{'MB':>8}"
    for number, looks in costs.items():
        medians = [statistics.median(cost.seconds[phase] for cost in looks) for phase in PHASES]
        answers = looks[-1].answers
        lines.append(
            f"{number:>10}"
            + "".join(f"{seconds:>17.3f}" for seconds in medians)
            + f"{len(answers):>12}{sum(answers) / 1e6:>8.1f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.looks", description=__doc__)
    parser.add_argument(
        "--releases", type=int, metavar="N", help="measure only a fleet of N releases (default: 10, 100 and 1000)"
    )
    parser.add_argument("--looks", type=int, default=5, metavar="N", help="looks at each fleet (default: 5)")
    parser.add_argument("--served", action="store_true", help="read error budgets of what serves, instead of looks")
    given = parser.parse_args()
    sizes = (given.releases,) if given.releases else SIZES
    costs = {number: asyncio.run(measured(number, looks=given.looks, served=given.served)) for number in sizes}
    print(table(costs, of="reading of error budgets" if given.served else "look"))


if __name__ == "__main__":
    main()
