"""Play rows with settings, in many processes, and bring back what happened."""

import math
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchmarks.evidence.rows import Row
from benchmarks.evidence.settings import Setting, engine
from palier.simulate.promql import without_resets
from palier.simulate.recording import Arm, Recording
from palier.simulate.traffic import Traffic

HARDLY_ANY = 1
"""Percent of the traffic at which a candidate counts as stopped."""


class Result(NamedTuple):
    """What one engine did in one run."""

    kind: str
    at: float
    """Seconds; infinite where nothing was decided."""
    extra_bad: float
    """Requests that were bad only because of the candidate, until the rollback or the end."""
    on_absent_data: bool
    bad_seen: float
    """The candidate's bad requests that Prometheus held at the rollback; infinite without one."""
    after_six: float
    """Seconds from the first look that could see six of them until the candidate was stopped."""
    stopped: float
    """Seconds from which on the candidate had hardly any requests, or was rolled back; infinite where it had some."""


@dataclass(frozen=True, slots=True)
class Task:
    """Some runs of one row, for some settings."""

    row: Row
    settings: tuple[Setting, ...]
    seed: int
    runs: range


Played = dict[tuple[str, str], list[Result]]
"""Results by key of the row and label of the setting, in the order of the runs."""


def tasks(row: Row, settings: Sequence[Setting], *, seed: int, runs: int, chunk: int) -> list[Task]:
    """The runs of a row in pieces."""
    return [Task(row, tuple(settings), seed, range(at, min(at + chunk, runs))) for at in range(0, runs, chunk)]


def play(todo: Iterable[Task], *, jobs: int, title: str) -> Played:
    """Play everything; the results do not depend on the number of processes."""
    todo = list(todo)
    found: dict[int, Mapping[tuple[str, str], list[Result]]] = {}
    begun = time.monotonic()
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        numbers = {pool.submit(_played, task): number for number, task in enumerate(todo)}
        for done, future in enumerate(as_completed(numbers), start=1):
            found[numbers[future]] = future.result()
            if done * 10 // len(todo) > (done - 1) * 10 // len(todo):
                print(f"{title}: {done} of {len(todo)} after {time.monotonic() - begun:.0f} s", file=sys.stderr)
    together: Played = defaultdict(list)
    for number in range(len(todo)):
        for key, results in found[number].items():
            together[key] += results
    return dict(together)


def _played(task: Task) -> Played:
    case = task.row.case
    engines = {setting: engine(setting, case) for setting in task.settings}
    found: Played = defaultdict(list)
    for run in task.runs:
        watched = Traffic(case, seed=task.seed, run=run)
        at = 0.0
        for before, stage in zip(case.stages, case.stages[1:], strict=False):
            at += before.minimum
            watched.climb([(at, stage.weight)])
        for setting, judged_by in engines.items():
            traffic = Traffic(case, seed=task.seed, run=run) if setting.engine == "palier" else watched
            outcome = judged_by(traffic)
            recording = traffic.make_recording()
            found[task.row.key, setting.label].append(
                _result(task.row, recording, outcome.kind, outcome.at, outcome.on_absent_data)
            )
    return dict(found)


def _result(row: Row, recording: Recording, kind: str, at: float | None, on_absent_data: bool) -> Result:
    until = at if kind == "rollback" and at is not None else recording.duration
    truth = recording.truth
    extra = float(truth.extra_bad[: round(until / truth.step)].sum())
    stopped = find_stop(recording.weights)
    bad_seen = after_six = math.inf
    if kind == "rollback" and at is not None:
        stopped = min(stopped, at)
        if row.case.objectives == ("errors",):
            bad_seen = _failures_seen(recording, at)
    if row.dead and math.isfinite(stopped):
        # A candidate that had less traffic before anybody could see six failures was stopped in no time.
        after_six = max(0.0, stopped - first_look_with_six(recording, row.case.look))
    absent = on_absent_data or (at is not None and _unseen(recording, at, row.case.scrape))
    return Result(kind, math.inf if at is None else at, extra, absent, bad_seen, after_six, stopped)


def find_stop(weights: Sequence[tuple[float, int]]) -> float:
    """From when on the candidate had hardly any traffic until the end; infinite where it had some then."""
    stopped = math.inf
    for time_, percent in reversed(weights):
        if percent > HARDLY_ANY:
            break
        stopped = time_
    return stopped


def _failures_seen(recording: Recording, at: float) -> float:
    seen = 0.0
    for pod in recording.pods_of(Arm.CANDIDATE):
        held = np.concatenate([[0.0], without_resets(np.nan_to_num(pod.counters["errors"]))])
        seen += float(held[np.searchsorted(pod.times, at, side="right")])
    return seen


def first_look_with_six(recording: Recording, look: float) -> float:
    """When a look could first know of as many failures of the candidate as the hard stop needs; infinite if never."""
    for number in range(1, round(recording.duration / look) + 1):
        if _failures_seen(recording, number * look) >= 6:  # noqa: PLR2004 - what the hard stop needs
            return number * look
    return math.inf


def _unseen(recording: Recording, at: float, scrape: float) -> bool:
    """Whether Prometheus had nothing fresh of the candidate at that moment."""
    if recording.unavailable.covers(at):
        return True
    oldest = at - 2.5 * scrape - 0.5
    return not any(((pod.times > oldest) & (pod.times <= at)).any() for pod in recording.pods_of(Arm.CANDIDATE))
