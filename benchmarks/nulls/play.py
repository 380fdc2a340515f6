"""Play rows, in many processes, and bring back what happened."""

import math
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from benchmarks.evidence.play import find_stop, first_look_with_six
from benchmarks.nulls.amounts import Means, play_means
from benchmarks.nulls.gauges import Gauges, play_gauges
from benchmarks.nulls.groups import Groups, play_groups
from benchmarks.nulls.result import Result
from benchmarks.nulls.rows import ROW_BY_KEY, Row
from palier.simulate.case import Case
from palier.simulate.engine import objectives_of, palier
from palier.simulate.outcome import Outcome
from palier.simulate.recording import Recording
from palier.simulate.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Task:
    """Some runs of one row."""

    key: str
    seed: int
    runs: range


def play_rows(runs: Mapping[str, int], *, seed: int, jobs: int) -> dict[str, list[Result]]:
    """Play so many runs of each row, by its key; the results do not depend on the number of processes."""
    todo = [
        Task(key, seed, range(at, min(at + 25, number))) for key, number in runs.items() for at in range(0, number, 25)
    ]
    found = dict(zip(todo, _play_tasks(todo, jobs), strict=True))
    return {key: [result for task in todo if task.key == key for result in found[task]] for key in runs}


def play(row: Row, *, seed: int, runs: Iterable[int]) -> list[Result]:
    """Play the runs of these numbers."""
    match row.world:
        case Groups() as world:
            return [play_groups(world, seed=seed, run=run) for run in runs]
        case Means() as world:
            return [play_means(world, seed=seed, run=run) for run in runs]
        case Gauges() as world:
            return [play_gauges(world, seed=seed, run=run) for run in runs]
        case Case() as world:
            objectives = objectives_of(world)
            results = []
            for run in runs:
                traffic = Traffic(world, seed=seed, run=run)
                outcome = palier(traffic, objectives)
                results.append(describe(row, traffic.make_recording(), outcome, look=world.look))
            return results


def describe(row: Row, recording: Recording, outcome: Outcome, *, look: float) -> Result:
    """What an outcome means for the users of the recorded release."""
    stopped = find_stop(recording.weights)
    if outcome.kind == "rollback" and outcome.at is not None:
        stopped = min(stopped, outcome.at)
    until = min(stopped, recording.duration)
    after_six = math.inf
    if row.dead and math.isfinite(stopped):
        # A candidate that had less traffic before anybody could see six failures was stopped in no time.
        after_six = max(stopped - first_look_with_six(recording, look), 0.0)
    return Result(
        kind=outcome.kind,
        at=math.inf if outcome.at is None else outcome.at,
        steps_down=outcome.steps_down,
        first_step=math.inf if outcome.first_step is None else outcome.first_step,
        stopped=max(stopped - row.onset, 0.0),
        extra=float(recording.truth.extra_bad[: round(until / recording.truth.step)].sum()),
        after_six=after_six,
    )


def _play_tasks(todo: Sequence[Task], jobs: int) -> list[list[Result]]:
    found: dict[int, list[Result]] = {}
    begun = time.monotonic()
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        numbers = {pool.submit(_play_task, task): number for number, task in enumerate(todo)}
        for done, future in enumerate(as_completed(numbers), start=1):
            found[numbers[future]] = future.result()
            if done * 10 // len(todo) > (done - 1) * 10 // len(todo):
                print(f"nulls: {done} of {len(todo)} after {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return [found[number] for number in range(len(todo))]


def _play_task(task: Task) -> list[Result]:
    return play(ROW_BY_KEY[task.key], seed=task.seed, runs=task.runs)
