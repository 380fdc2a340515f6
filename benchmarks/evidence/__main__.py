"""One command, one report: `python -m benchmarks.evidence`."""

import argparse
import json
import math
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from benchmarks.evidence.goals import goals
from benchmarks.evidence.numbers import Summary, summary
from benchmarks.evidence.pictures import Point, draw
from benchmarks.evidence.pilot import ranks
from benchmarks.evidence.play import Task, play, tasks
from benchmarks.evidence.report import Facts, report
from benchmarks.evidence.rows import BY_KEY, FULL, PICTURES, QUICK, ROWS, SWEPT, Effort, Row
from benchmarks.evidence.settings import DOCUMENTED, Setting, engine, swept
from benchmarks.nulls.command import run_nulls
from palier.simulate.traffic import Traffic

_HERE = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Play everything and write the report; 1 where a goal is not met in a full run."""
    asked = _arguments().parse_args(arguments)
    if asked.nulls:
        return _run_nulls(asked)
    effort = QUICK if asked.quick else FULL
    if asked.scale != 1.0:
        effort = Effort(**{name: max(1, round(runs * asked.scale)) for name, runs in asdict(effort).items()})
    begun = time.monotonic()
    milliseconds = _cost()
    played = play(_documented(effort, asked.seed), jobs=asked.jobs, title="rows")
    turned = play(_turned(effort, asked.seed), jobs=asked.jobs, title="knobs")
    onset = {row.key: row.case.onset for row in SWEPT.values()}
    found = {key: summary(results, onset=onset[key[0]]) for key, results in played.items()}
    told = goals(found, milliseconds=milliseconds)
    knobs = {key: summary(results, onset=onset[key[0]]) for key, results in turned.items()}
    panels = {
        picture: [(curve, _points(curve.harmless, curve.harmful, knobs)) for curve in curves]
        for picture, curves in PICTURES.items()
    }
    facts = Facts(
        seed=asked.seed,
        versions={
            "Python": platform.python_version(),
            **{name: version(name) for name in ("palier", "numpy", "scipy")},
        },
        found=found,
        goals=told,
        ranks=list(ranks(found)),
        curves=[panel for panels_of_one in panels.values() for panel in panels_of_one],
        quick=asked.quick,
    )
    asked.out.mkdir(parents=True, exist_ok=True)
    for picture, drawn in panels.items():
        draw([(curve, [point for _, point in points]) for curve, points in drawn], asked.out / f"{picture}.svg")
    (asked.out / "report.md").write_text(report(facts), encoding="utf-8")
    written = {
        "seed": asked.seed,
        "effort": asdict(effort),
        "versions": facts.versions,
        "millisecondsPerLook": round(milliseconds, 3),
        "goals": [goal._asdict() for goal in told],
        "documented": _plain(found),
        "knobs": _plain(knobs),
        "ranks": [rank._asdict() for rank in facts.ranks],
    }
    (asked.out / "results.json").write_text(_json(written), encoding="utf-8")
    print(f"{asked.out / 'report.md'} after {time.monotonic() - begun:.0f} s", file=sys.stderr)
    for goal in told:
        print(f"{'met    ' if goal.met else 'NOT met'}  {goal.promise}: {goal.measured}")
    return 0 if asked.quick or all(goal.met for goal in told) else 1


def _run_nulls(asked: argparse.Namespace) -> int:
    try:
        return run_nulls(
            quick=asked.quick, scale=asked.scale, jobs=asked.jobs, seed=asked.seed, out=asked.out, only=asked.only
        )
    except ValueError as error:
        _arguments().error(f"argument --{error}")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evidence", description=__doc__)
    parser.add_argument(
        "--nulls", action="store_true", help="instead: where the assumptions fail, Palier alone (about half an hour)"
    )
    parser.add_argument("--only", default="", metavar="KEY", help="with --nulls: only rows whose key begins like this")
    parser.add_argument("--quick", action="store_true", help="few runs: about two minutes on two cores")
    parser.add_argument("--scale", type=float, default=1.0, help="multiply every number of runs (default 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: all cores)")
    parser.add_argument("--seed", type=int, default=1, help="of all runs (default 1)")
    parser.add_argument(
        "--out", type=Path, default=_HERE / "results", help="folder of the report (default: results beside the code)"
    )
    return parser


def _documented(effort: Effort, seed: int) -> list[Task]:
    ours, peers = DOCUMENTED[:1], DOCUMENTED[1:]
    todo: list[Task] = []
    for row in ROWS:
        runs = effort.thorough if row.thorough else effort.harmless if row.harmless else effort.harmful
        todo += tasks(row, ours, seed=seed, runs=min(runs, effort.harmless) if row.blind else runs, chunk=20)
        todo += tasks(row, peers, seed=seed, runs=effort.peers, chunk=125)
    return todo


def _turned(effort: Effort, seed: int) -> list[Task]:
    todo: list[Task] = []
    settings = swept()
    ours = [setting for setting in settings if setting.engine == "palier"]
    peers = [setting for setting in settings if setting.engine != "palier"]
    keys = {key: None for curves in PICTURES.values() for curve in curves for key in (curve.harmless, curve.harmful)}
    for key in keys:
        # Other runs than those of the tables, so that the two are independent.
        todo += tasks(SWEPT[key], ours, seed=seed + 1, runs=effort.sweep, chunk=4)
        todo += tasks(SWEPT[key], peers, seed=seed + 1, runs=effort.sweep_peers, chunk=40)
    return todo


def _points(harmless: str, harmful: str, knobs: dict[tuple[str, str], Summary]) -> list[tuple[str, Point]]:
    points = []
    for setting in swept():
        good, bad = knobs[harmless, setting.label], knobs[harmful, setting.label]
        points.append(
            (
                setting.label,
                Point(setting.engine, not setting.turned, good.rolled_back.value, good.runs, bad.mean_extra),
            )
        )
    return points


def _cost() -> float:
    """Milliseconds of processor time that one look at one objective takes."""
    row: Row = BY_KEY["aa-100"]
    judged_by = engine(Setting("palier"), row.case)
    runs = [Traffic(row.case, seed=7, run=run) for run in range(3)]
    judged_by(runs[0])
    begun = time.process_time()
    for run in runs[1:]:
        judged_by(run)
    return 1000 * (time.process_time() - begun) / (2 * row.case.duration / row.case.look)


def _json(written: dict[str, object]) -> str:
    """One line for each entry of a list, so that the file stays small and its changes can be read."""
    parts = []
    for name, value in written.items():
        if isinstance(value, list):
            lines = ",\n".join(json.dumps(one, allow_nan=False) for one in value)
            parts.append(f"{json.dumps(name)}: [\n{lines}\n]")
        else:
            parts.append(f"{json.dumps(name)}: {json.dumps(value, allow_nan=False)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _plain(found: dict[tuple[str, str], Summary]) -> list[dict[str, object]]:
    return [{"row": row, "setting": label, **_numbers(one)} for (row, label), one in found.items()]


def _numbers(one: Summary) -> dict[str, object]:
    return {
        name: [_finite(number) for number in value] if isinstance(value, tuple) else _finite(value)
        for name, value in one._asdict().items()
    }


def _finite(number: float) -> float | None:
    return round(number, 6) if math.isfinite(number) else None


if __name__ == "__main__":
    sys.exit(main())
