"""One command, one report: `python -m benchmarks.evidence --nulls`."""

import json
import math
import platform
import sys
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

from benchmarks.evidence.goals import Goal
from benchmarks.nulls.goals import goals
from benchmarks.nulls.numbers import Summary, summary
from benchmarks.nulls.play import play_rows
from benchmarks.nulls.report import report
from benchmarks.nulls.rows import FULL, QUICK, ROWS, Aim, Effort, Row


def run_nulls(*, quick: bool, scale: float, jobs: int, seed: int, out: Path, only: str = "") -> int:
    """Play everything and write the report; 1 where a goal is not met in a full run.

    Args:
        quick: whether to play few runs.
        scale: multiplies every number of runs.
        jobs: processes.
        seed: of all runs.
        out: folder of the report.
        only: how the key of a row begins, where not all are played.

    Raises:
        ValueError: no row has such a key.
    """
    rows = [row for row in ROWS if row.key.startswith(only)]
    if not rows:
        raise ValueError(f"only: no row begins with {only!r}; they are {', '.join(row.key for row in ROWS)}")
    begun = time.monotonic()
    effort = QUICK if quick else FULL
    runs = {row.key: max(1, round(scale * _count_runs(row, effort))) for row in rows}
    found = {key: summary(results) for key, results in play_rows(runs, seed=seed, jobs=jobs).items()}
    told = goals(rows, found, quick=quick)
    versions = {
        "Python": platform.python_version(),
        **{name: version(name) for name in ("palier", "numpy", "scipy")},
    }
    out.mkdir(parents=True, exist_ok=True)
    written = report(rows, found, told, seed=seed, versions=versions, quick=quick)
    (out / "nulls.md").write_text(written, encoding="utf-8")
    (out / "nulls.json").write_text(_write_json(seed, versions, told, found), encoding="utf-8")
    print(f"{out / 'nulls.md'} after {time.monotonic() - begun:.0f} s", file=sys.stderr)
    for goal in told:
        print(f"{'met    ' if goal.met else 'NOT met'}  {goal.promise}: {goal.measured}")
    return 0 if quick or all(goal.met for goal in told) else 1


def _count_runs(row: Row, effort: Effort) -> int:
    if row.heavy:
        return effort.heavy
    return effort.harmful if row.aim is Aim.FOUND else effort.harmless


def _write_json(seed: int, versions: Mapping[str, str], told: Iterable[Goal], found: Mapping[str, Summary]) -> str:
    """One line for each goal and each row, so that changes can be read."""
    parts = {
        "goals": [goal._asdict() for goal in told],
        "rows": [{"row": key, **_plain(one)} for key, one in found.items()],
    }
    lines = [f'"seed": {seed}', f'"versions": {json.dumps(versions)}']
    for name, values in parts.items():
        inside = ",\n".join(json.dumps(one, allow_nan=False) for one in values)
        lines.append(f'"{name}": [\n{inside}\n]')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _plain(one: Summary) -> dict[str, object]:
    return {
        name: [_finite(number) for number in value] if isinstance(value, tuple) else _finite(value)
        for name, value in one._asdict().items()
    }


def _finite(number: float) -> float | None:
    return round(number, 6) if math.isfinite(number) else None
