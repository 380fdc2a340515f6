"""Fires the generator at one rate and reads its answers; the arithmetic is not Palier's, so that it checks Palier's."""

import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_MODULE = Path(__file__).parents[2] / "operator" / "generator"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Point:
    """What one rate did; times are seconds."""

    offered: float
    """Requests per second that were asked for."""
    arrived: float
    """Requests per second that were sent while it was measured."""
    requests: int
    failed: int
    late: float
    """Share of the requests that failed or took longer than the threshold."""
    p50: float
    p95: float
    p99: float
    lag: float
    """How late 99 % of the requests were sent at most."""
    server_cpu: float
    """Processors that the server used."""
    other_cpu: float
    """Processors that everything else on the machine used, but for the server and the generator."""

    @property
    def holds(self) -> bool:
        """Whether the promise was kept."""
        return self.late <= 0.05  # noqa: PLR2004 (95 %)


def built(folder: Path) -> Path:
    """The generator's program: built from its sources into the folder, or from PATH where there is no Go."""
    found = shutil.which("palier-generator")
    if found and not shutil.which("go"):
        return Path(found)
    program = folder / "palier-generator"
    environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}
    command = ["go", "build", "-trimpath", "-o", str(program), "."]
    subprocess.run(command, cwd=_MODULE, check=True, env=environment)  # noqa: S603 (nothing of it is anybody's input)
    return program


def fire(program: Path, url: str, *, rate: float, settle: float, seconds: float, threshold: float, seed: int) -> Point:
    """Offer Poisson arrivals for a while, and judge those after the server has settled."""
    with tempfile.TemporaryDirectory() as folder:
        targets = Path(folder, "targets.jsonl")
        targets.write_text(json.dumps({"method": "GET", "url": f"{url}/"}) + "\n")
        command = [str(program), f"--rate={rate}", f"--duration={settle + seconds}s", f"--seed={seed}"]
        before = _Busy.now(url)
        command += ["--timeout=30s", f"--targets={targets}"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 (the same)
        after = _Busy.now(url)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    answers = [line for line in lines if "latency" in line and line["at"] >= settle]
    good = np.array([line["code"] == 200 for line in answers])  # noqa: PLR2004 (HTTP's OK)
    latency = np.array([line["latency"] for line in answers])
    p50, p95, p99 = np.quantile(latency, (0.5, 0.95, 0.99), method="inverted_cdf")
    spent = after.since(before)
    return Point(
        offered=rate,
        arrived=len(answers) / seconds,
        requests=len(answers),
        failed=int((~good).sum()),
        late=float((~good | (latency > threshold)).mean()),
        p50=float(p50),
        p95=float(p95),
        p99=float(p99),
        lag=float(np.quantile([line["lag"] for line in answers], 0.99)),
        server_cpu=spent.server,
        other_cpu=max(0.0, spent.machine - spent.server - spent.generator),
    )


@dataclass(frozen=True, slots=True)
class _Busy:
    """Processor seconds so far, and when; or, as a difference, processors in use."""

    at: float
    machine: float
    server: float
    generator: float

    @classmethod
    def now(cls, url: str) -> "_Busy":
        ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
        user, nice, system, _idle, _wait, irq, softirq, *_ = ticks
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return cls(
            time.monotonic(),
            (user + nice + system + irq + softirq) / _TICKS,
            _server_seconds(url),
            children.ru_utime + children.ru_stime,
        )

    def since(self, before: "_Busy") -> "_Busy":
        passed = self.at - before.at
        return _Busy(
            passed,
            (self.machine - before.machine) / passed,
            (self.server - before.server) / passed,
            (self.generator - before.generator) / passed,
        )


def _server_seconds(url: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:  # noqa: S310 (always http)
        for line in answer.read().decode().splitlines():
            name, _, value = line.rpartition(" ")
            if name == "process_cpu_seconds_total":
                return float(value)
    raise LookupError(f"{url}/metrics does not tell process_cpu_seconds_total")
