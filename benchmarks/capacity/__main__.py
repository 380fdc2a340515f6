"""One command, one report: `python -m benchmarks.capacity`, on a real cluster."""

import argparse
import json
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from benchmarks.capacity import generator
from benchmarks.capacity.generator import Point
from benchmarks.capacity.outcome import Outcome
from benchmarks.capacity.pictures import draw
from benchmarks.capacity.report import Facts, report
from benchmarks.capacity.search import Times, search
from benchmarks.capacity.servers import IMAGE, SERVERS, Server, namespace, running
from benchmarks.capacity.sweep import rates, sweep

_HERE = Path(__file__).parent
_NAMESPACE = "capacity-bench"


class Effort(NamedTuple):
    """How much is done."""

    settle: float
    """Seconds at each rate of the sweep that are not counted."""
    seconds: float
    """Seconds that are."""
    step: float
    """Distance of two rates, as a share of what the server can answer at all."""
    search: Times
    start: float | None
    """Share of the bound at which the search begins; None where the search is to choose it, as for users."""


FULL = Effort(settle=6.0, seconds=60.0, step=0.025, search=Times(warm_up=10, step=20, soak=120, most=1800), start=None)
QUICK = Effort(settle=2.0, seconds=7.0, step=0.05, search=Times(warm_up=2, step=4, soak=10, most=120), start=0.35)
QUICK_SERVERS = ("cpu-200m", "fixed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the report; 1 where the search is not near the sweep in a full run."""
    asked = _arguments().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the namespace goes, too
    effort = QUICK if asked.quick else FULL
    chosen = asked.servers or (QUICK_SERVERS if asked.quick else [server.key for server in SERVERS])
    begun = time.monotonic()
    outcomes: list[Outcome] = []
    with ExitStack() as stack:
        program = generator.built(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        stack.enter_context(namespace(_NAMESPACE, image=asked.image))
        for server in SERVERS:
            if server.key in chosen:
                outcomes.append(_measured(server, effort, program=program, image=asked.image, seed=asked.seed))
                _write(outcomes, effort, seed=asked.seed, quick=asked.quick, out=asked.out)
    print(f"{asked.out / 'report.md'} after {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return 0 if asked.quick or all(outcome.met for outcome in outcomes) else 1


def _write(outcomes: Sequence[Outcome], effort: Effort, *, seed: int, quick: bool, out: Path) -> None:
    """Write what is known so far: a run takes long, and may be ended early."""
    facts = Facts(
        outcomes=outcomes,
        versions={"Python": platform.python_version(), "Linux": platform.release(), "palier": version("palier")},
        seconds_per_rate=effort.seconds,
        step=effort.step,
        seed=seed,
        quick=quick,
        picture="capacity.svg",
    )
    out.mkdir(parents=True, exist_ok=True)
    draw(outcomes, out / facts.picture)
    (out / "report.md").write_text(report(facts), encoding="utf-8")
    written = {"seed": seed, "versions": facts.versions, "rows": [outcome.plain() for outcome in outcomes]}
    (out / "results.json").write_text(json.dumps(written, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _measured(server: Server, effort: Effort, *, program: Path, image: str, seed: int) -> Outcome:
    with running(server, namespace=_NAMESPACE, image=image) as url:
        print(f"{server.title}: 95 % within {1000 * server.threshold:g} ms", flush=True)
        fire = partial(_told, program, url, server=server, effort=effort, seed=seed)
        swept = sweep(rates(server.bound, step=effort.step), fire)
        start = None if effort.start is None else effort.start * server.bound
        found = search(url, program, threshold=server.threshold, times=effort.search, seed=seed, start=start)
    outcome = Outcome(server, swept, found)
    difference = "-" if outcome.difference is None else f"{outcome.difference:+.1%}"
    theory = "-" if outcome.theory is None else f"{outcome.theory:.1f}"
    print(f"  by hand {swept.held}, by search {found.capacity} ({difference}), by theory {theory}", flush=True)
    return outcome


def _told(program: Path, url: str, rate: float, *, server: Server, effort: Effort, seed: int) -> Point:
    point = generator.fire(
        program,
        url,
        rate=rate,
        settle=effort.settle,
        seconds=effort.seconds,
        threshold=server.threshold,
        seed=seed * 1_000_000 + round(rate * 100),
    )
    told = "holds" if point.holds else "fails"
    print(f"  {rate:7g}/s: p95 {1000 * point.p95:7.1f} ms, lag {1000 * point.lag:5.1f} ms, {told}", flush=True)
    return point


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    keys = [server.key for server in SERVERS]
    quick = f"short steps, and only {' and '.join(QUICK_SERVERS)} unless --servers says otherwise: about six minutes"
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--servers", nargs="+", choices=keys, help="only these (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="of the arrivals (default 1)")
    parser.add_argument("--image", default=IMAGE, help="of the example server, in the cluster (default %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=_HERE / "results", help="folder of the report (default: results beside the code)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
