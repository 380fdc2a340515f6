"""Palier's own search, as the pod of a load test runs it: `palier load-test --plan FILE`."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from palier.loadtest.objectives import LoadObjective, Promise
from palier.loadtest.plan import LoadTestPlan
from palier.loadtest.result import LoadTestResult


class Times(NamedTuple):
    """How long the parts of a search last, in seconds."""

    warm_up: float
    step: float
    soak: float
    most: float
    """The whole search."""


class Found(NamedTuple):
    """What it found, and what that took."""

    verdict: str
    reason: str
    message: str
    capacity: float | None
    ceiling: float | None
    lag: float | None
    """How late 99 % of the requests of a step were sent at most, in seconds."""
    requests: int
    seconds: float
    steps: tuple[str, ...]
    """Each step in a few words."""


def search(url: str, program: Path, *, threshold: float, times: Times, seed: int, start: float | None = None) -> Found:
    """Search for the capacity of the server at this address.

    Args:
        url: of the server.
        program: the generator.
        threshold: 95 % of the requests are promised an answer within so many seconds.
        times: of the parts of the search.
        seed: of the arrivals.
        start: rate to begin with; the search chooses it when left out.
    """
    plan = LoadTestPlan(
        objectives=(LoadObjective("latency", Promise.LATENCY, 0.05, threshold),),
        base_urls=(url,),
        warm_up=times.warm_up,
        step_duration=times.step,
        soak=times.soak,
        max_duration=times.most,
        start_rate=start,
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        asked, written = Path(folder, "plan.json"), Path(folder, "result.json")
        asked.write_text(plan.to_json(), encoding="utf-8")
        command = [str(Path(sys.executable).with_name("palier")), "load-test", f"--plan={asked}", f"--result={written}"]
        path = f"{program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        begun = time.monotonic()
        with subprocess.Popen(  # noqa: S603 (nothing of it is anybody's input)
            command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PATH": path}
        ) as process:
            for line in process.stdout or ():
                if "progress" in (told := json.loads(line)):
                    print(f"  search {told['progress']['message']}", flush=True)
        seconds = time.monotonic() - begun
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        return _found(LoadTestResult.from_json(written.read_text(encoding="utf-8")), seconds)


def _found(result: LoadTestResult, seconds: float) -> Found:
    steps = tuple(
        f"{step.phase} {step.offered}/s: p95 {1000 * float(step.p95 or 0):.0f} ms, "
        f"lag {1000 * float(step.lag):.1f} ms, {'holds' if step.holds else 'fails'}"
        for step in result.steps
    )
    return Found(
        verdict=str(result.verdict),
        reason=result.reason,
        message=result.message,
        capacity=None if result.capacity is None else float(result.capacity),
        ceiling=None if result.ceiling is None else float(result.ceiling),
        lag=None if result.schedule_lag is None else float(result.schedule_lag),
        requests=result.requests,
        seconds=seconds,
        steps=steps,
    )
