"""The load test itself: has the generator send each step, tells how far it is, and leaves its result.

It runs in a pod of its own, or by hand. Whatever happens to the operator meanwhile, the search goes on, and its result
waits in the pod's termination message.
"""

import json
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from palier.errors import PalierError
from palier.loadtest import corpus, findings
from palier.loadtest.findings import Finished
from palier.loadtest.measure import Phase, Step, StepResult, answers_of, measured
from palier.loadtest.plan import CONNECTIONS, LoadTestPlan
from palier.loadtest.result import LoadTestResult, StepRecord, decimal_of
from palier.loadtest.search import next_step

__all__ = ["GENERATOR", "GeneratorMissing", "Progress", "load_test", "result_of"]

GENERATOR: Final = "palier-generator"
_GRACE: Final = 10.0


class GeneratorMissing(PalierError):
    """The program that sends the requests is not there, or failed; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is."""

    step: Step
    passed: float | None
    failed: float | None
    message: str

    def to_json(self) -> str:
        """One line with the fields of `status.release.testing`."""
        known: dict[str, Any] = {
            "phase": self.step.phase.value,
            "requestsPerSecond": format(decimal_of(self.step.rate), "f"),
            "passed": None if self.passed is None else format(decimal_of(self.passed), "f"),
            "failed": None if self.failed is None else format(decimal_of(self.failed), "f"),
            "message": self.message,
        }
        return json.dumps({"progress": {name: value for name, value in known.items() if value is not None}})


def load_test(plan: LoadTestPlan, lines: Iterable[str] | None, *, tell: Callable[[Progress], None]) -> LoadTestResult:
    """Search for the capacity.

    Args:
        plan: what is asked.
        lines: the corpus; None without one.
        tell: told before each step.

    Raises:
        GeneratorMissing: the generator is not on the PATH, or failed.
        InvalidCorpus: the requests cannot be read.
    """
    program = shutil.which(GENERATOR)
    if program is None:
        raise GeneratorMissing(
            f"{GENERATOR} is not on the PATH: build it with `CGO_ENABLED=0 go build -trimpath -o {GENERATOR} .` in"
            " operator/generator, or use Palier's image"
        )
    requests = corpus.read(lines) if lines is not None else ()
    with tempfile.TemporaryDirectory() as folder:
        targets = Path(folder, "targets.jsonl")
        count = corpus.MOST if requests else len(plan.base_urls)
        with targets.open("w", encoding="utf-8") as file:
            written = corpus.targets(
                requests, base_urls=plan.base_urls, path=plan.path, method=plan.method, count=count, seed=plan.seed
            )
            file.writelines(f"{line}\n" for line in written)
        history: list[StepResult] = []
        while isinstance(step := next_step(history, plan), Step):
            tell(_progress(step, history, plan))
            history.append(_sent(program, targets, step, plan, seed=plan.seed + len(history)))
    return result_of(step, history)


def result_of(found: Finished, history: Sequence[StepResult]) -> LoadTestResult:
    """The result of a search, as it travels."""
    at_capacity = [one for one in history if one.step.phase is Phase.SOAK and one.step.rate == found.capacity]
    soak = at_capacity[-1] if at_capacity else None
    lags = [result.lag for result in history]
    return LoadTestResult(
        verdict=found.verdict,
        reason=found.reason,
        message=found.message,
        capacity=None if found.capacity is None else decimal_of(found.capacity),
        ceiling=None if found.ceiling is None else decimal_of(found.ceiling),
        at_least=found.at_least,
        requests=sum(result.sent for result in history),
        schedule_lag=decimal_of(max(lags)) if lags else None,
        tokens_per_second=_known(soak and soak.tokens_per_second),
        first_token=_known(soak and soak.first_token),
        per_token=_known(soak and soak.per_token),
        steps=tuple(_record(result) for result in history),
        soak_began=soak.began if soak else None,
        soak_ended=soak.began + soak.step.seconds if soak and soak.began is not None else None,
    )


def _known(value: float | None) -> Any:  # noqa: ANN401
    return None if value is None else decimal_of(value)


def _record(result: StepResult) -> StepRecord:
    return StepRecord(
        phase=result.step.phase.value,
        offered=decimal_of(result.step.rate),
        achieved=decimal_of(result.achieved),
        requests=result.requests,
        errors=result.errors,
        lag=decimal_of(result.lag),
        holds=result.holds,
        p50=_known(result.latency.get(50)),
        p95=_known(result.latency.get(95)),
        p99=_known(result.latency.get(99)),
    )


def _progress(step: Step, history: Sequence[StepResult], plan: LoadTestPlan) -> Progress:
    judged = [one for one in history if one.step.phase is not Phase.WARM_UP and not one.generator_limited]
    passed = max((one.step.rate for one in judged if one.holds), default=None)
    failed = min((one.step.rate for one in judged if not one.holds), default=None)
    known = [f"{findings.named(passed)} held"] if passed else []
    known += [f"{findings.named(failed)} did not"] if failed else []
    told = f", so far {' and '.join(known)}" if known else ""
    words = {
        Phase.WARM_UP: "warms up with",
        Phase.CLIMB: "climbs to",
        Phase.SEARCH: "narrows down at",
        Phase.SOAK: "soaks at",
    }
    return Progress(
        step, passed, failed, f"{words[step.phase]} {findings.named(step.rate)} for {step.seconds:.0f} s{told}"
    )


def _sent(program: str, targets: Path, step: Step, plan: LoadTestPlan, *, seed: int) -> StepResult:
    command = [
        program,
        f"--rate={step.rate}",
        f"--duration={step.seconds}s",
        f"--seed={seed}",
        f"--timeout={plan.timeout}s",
        f"--connections={CONNECTIONS}",
        f"--targets={targets}",
        *(["--stream"] if plan.stream else []),
        *(f"--gap={gap}s" for gap in plan.gaps),
    ]
    began = time.time()
    limit = step.seconds + plan.timeout + _GRACE
    with _running(command) as process:
        output, errors = process.communicate(timeout=limit)
    if process.returncode:
        raise GeneratorMissing(f"{GENERATOR} failed: {errors.strip()[-300:]}")
    lines = [json.loads(line) for line in output.splitlines()]
    answers = answers_of((line for line in lines if "at" in line), gaps=len(plan.gaps))
    peak = max((line.get("peakOpen", 0) for line in lines), default=0)
    return measured(step, answers, plan, elapsed=time.time() - began, peak_open=peak, began=began)


@contextmanager
def _running(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """The generator, which ends when we do."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(_GRACE)
