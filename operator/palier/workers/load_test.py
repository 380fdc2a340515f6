"""The load test itself: has the generator send each step, reports its progress, and leaves its result.

It runs in a pod of its own, or by hand. Whatever happens to the operator meanwhile, the search goes on, and its result
waits in the pod's termination message.
"""

import json
import math
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from palier.api.status.values import LoadTestPhase as Phase
from palier.errors import GeneratorUnavailable
from palier.loadtest import corpus, findings
from palier.loadtest.findings import SearchResult
from palier.loadtest.measure import Step, StepResult, answer_type, answers_of, bad_answers, measure_step
from palier.loadtest.plan import CONNECTIONS, LoadTestPlan
from palier.loadtest.result import LoadTestResult, StepRecord, decimal_of
from palier.loadtest.search import next_step, surely_fails

if TYPE_CHECKING:
    from numpy.typing import NDArray

GENERATOR: Final = "palier-generator"
_LATE: Final = 1.0
"""Seconds after the end of a step from which on nothing more is sent: who is so late cannot offer the rate."""
_GRACE: Final = 10.0
"""Seconds after which a generator that has had time for everything is taken to hang."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is."""

    step: Step
    passed: float | None
    """Highest rate that has held so far."""
    failed: float | None
    """Lowest rate that has not."""
    message: str
    finished: tuple[StepRecord, ...] = ()
    """The steps that are over, for a caller that stops the search."""

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

    Whatever ends it, an exception out of a handler of signals too, no generator is left.

    Args:
        plan: what is asked.
        lines: the corpus; None without one.
        tell: called before each step.

    Raises:
        GeneratorUnavailable: the generator is not on the PATH, or failed.
        InvalidCorpus: the requests cannot be read.
    """
    program = shutil.which(GENERATOR)
    if program is None:
        raise GeneratorUnavailable(
            f"{GENERATOR} is not on the PATH: build it with `CGO_ENABLED=0 go build -trimpath -o {GENERATOR} .` in"
            " operator/generator, or use Palier's image, which has it"
        )
    requests = corpus.read(lines) if lines is not None else ()
    most = corpus.MOST_TARGETS if requests or corpus.varies(plan.path) else len(plan.base_urls)
    history: list[StepResult] = []
    with tempfile.TemporaryDirectory(prefix="palier-") as folder:
        targets = Path(folder, "targets.jsonl")
        while isinstance(step := next_step(history, plan), Step):
            tell(_progress(step, history))
            start, seed = time.monotonic(), plan.seed + len(history)
            written = corpus.targets(
                requests,
                base_urls=plan.base_urls,
                path=plan.path,
                method=plan.method,
                count=max(len(plan.base_urls), min(most, math.ceil(step.rate * step.seconds))),
                seed=seed,
                first=sum(result.sent for result in history),
            )
            with targets.open("w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in written)
            sending = _Sending(step, plan)
            with _generator(_command(program, targets, step, plan, seed), limit=_limit(step, plan)) as generator:
                sending.follow(generator)
            history.append(sending.result(elapsed=time.monotonic() - start))
    return result_of(step, history)


def result_of(search_result: SearchResult, history: Sequence[StepResult]) -> LoadTestResult:
    """The result of a search, as it travels."""
    soaks = [one for one in history if one.step.phase is Phase.SOAK and one.step.rate == search_result.capacity]
    soak = soaks[-1] if soaks else StepResult(Step(Phase.SOAK, 0.0, 0.0))
    return LoadTestResult(
        verdict=search_result.verdict,
        reason=search_result.reason,
        message=search_result.message,
        capacity=_decimal(search_result.capacity),
        ceiling=_decimal(search_result.ceiling),
        at_least=search_result.at_least,
        requests=sum(result.sent for result in history),
        schedule_lag=_decimal(max((result.lag for result in history), default=None)),
        tokens_per_second=_decimal(soak.tokens_per_second),
        first_token=_decimal(soak.first_token),
        per_token=_decimal(soak.per_token),
        steps=tuple(_record(result) for result in history),
        soak_began=soak.began,
        soak_ended=None if soak.began is None else soak.began + soak.step.seconds,
    )


def _decimal(value: float | None) -> Decimal | None:
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
        p50=_decimal(result.latency.get(50)),
        p95=_decimal(result.latency.get(95)),
        p99=_decimal(result.latency.get(99)),
    )


_WORDS: Final = {
    Phase.WARM_UP: "warms up with",
    Phase.CLIMB: "tries",
    Phase.SEARCH: "narrows down at",
    Phase.SOAK: "soaks at",
}


def _progress(step: Step, history: Sequence[StepResult]) -> Progress:
    judged = [one for one in history if one.step.phase is not Phase.WARM_UP and not one.generator_limited]
    passed = max((one.step.rate for one in judged if one.holds), default=None)
    failed = min((one.step.rate for one in judged if not one.holds), default=None)
    known = [f"{findings.write_rate(passed)} held"] if passed else []
    known += [f"{findings.write_rate(failed)} did not"] if failed else []
    progress = f", so far {' and '.join(known)}" if known else ""
    message = f"{_WORDS[step.phase]} {findings.write_rate(step.rate)} for {step.seconds:.0f} s{progress}"
    return Progress(step, passed, failed, message, finished=tuple(map(_record, history)))


def _command(program: str, targets: Path, step: Step, plan: LoadTestPlan, seed: int) -> list[str]:
    return [
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


def _limit(step: Step, plan: LoadTestPlan) -> float:
    """Seconds within which the generator is done, though all connections hang and a request waits for one of them."""
    return step.seconds + _LATE + 2 * plan.timeout + _GRACE


@contextmanager
def _generator(command: Sequence[str], *, limit: float) -> Iterator[subprocess.Popen[str]]:
    """The generator, whose output is to be read to its end; it ends when we do.

    Raises:
        GeneratorUnavailable: it cannot be started, failed, or did not end within so many seconds.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        try:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)  # noqa: S603
        except OSError as error:
            raise GeneratorUnavailable(f"{command[0]} cannot be started: {error.strerror}") from error
        hangs = threading.Event()

        def end() -> None:
            hangs.set()
            process.kill()

        watchdog = threading.Timer(limit, end)
        try:
            watchdog.start()
            yield process
            process.wait()
        finally:
            watchdog.cancel()
            process.kill()  # what it still waits for is of no use any more
            process.wait()
            if process.stdout:
                process.stdout.close()
        if hangs.is_set():
            raise GeneratorUnavailable(f"{GENERATOR} was ended because it had not finished after {limit:.0f} s")
        if process.returncode:
            errors.seek(0)
            raise GeneratorUnavailable(_failure(process.returncode, errors.read()))


def _failure(code: int, errors: str) -> str:
    if code < 0:
        return f"{GENERATOR} was killed by signal {-code}: does it have enough memory (loadTest.resources)?"
    lines = errors.strip().splitlines() or [f"exit status {code}"]
    return f"{GENERATOR} failed: {lines[0].removeprefix(f'{GENERATOR}: ')[:300]}"


class _Sending:
    """One step under way: what its answers say so far, and whether it is worth going on."""

    def __init__(self, step: Step, plan: LoadTestPlan) -> None:
        self._step, self._plan = step, plan
        self._lines: list[Mapping[str, Any]] = []
        self._answers: list[NDArray[np.void]] = [np.empty(0, dtype=answer_type(len(plan.gaps)))]
        self._bad = [0] * len(plan.objectives)
        self._ended: float | None = None
        self._began: float | None = None
        self._peak_open = 0
        self._unsendable = ""
        self._done = False

    def follow(self, generator: "subprocess.Popen[str]") -> None:
        """Read what the generator reports, and have it stop when more would be of no use."""
        enough = False
        for text in generator.stdout or ():
            line = json.loads(text)
            if "at" in line:
                self._lines.append(line)
            elif "done" in line:
                self._peak_open, self._unsendable, self._done = line["peakOpen"], line.get("unsendable", ""), True
            elif not enough and (enough := self._is_over(line)):
                generator.terminate()

    def result(self, *, elapsed: float) -> StepResult:
        """What the step has shown.

        Raises:
            GeneratorUnavailable: the generator has not reported everything.
        """
        if not self._done:
            raise GeneratorUnavailable(f"{GENERATOR} ended before it was done")
        self._gather()
        return measure_step(
            self._step,
            np.concatenate(self._answers),
            self._plan,
            ended=self._ended,
            elapsed=elapsed,
            peak_open=self._peak_open,
            began=self._began,
            unsendable=self._unsendable,
        )

    def _gather(self) -> None:
        """Make an array of the lines so far, which is much smaller, and count the bad ones."""
        answers = answers_of(self._lines, gaps=len(self._plan.gaps))
        self._lines.clear()
        self._answers.append(answers)
        judged = answers[answers["due"] >= self._step.settles]
        for place, objective in enumerate(self._plan.objectives):
            self._bad[place] += int(bad_answers(objective, judged, self._plan).sum())

    def _is_over(self, beat: Mapping[str, Any]) -> bool:
        """Whether nothing more has to be sent."""
        elapsed = float(beat["elapsed"])
        if self._began is None:
            self._began = time.time() - elapsed
        self._gather()
        if elapsed >= self._step.seconds:
            return elapsed > self._step.seconds + _LATE
        if beat["open"] >= CONNECTIONS:
            # Whatever is due from now on waits for a connection, so the step is over, as short as it was.
            self._step = replace(self._step, seconds=elapsed)
            return True
        if surely_fails(self._bad, self._step, self._plan):
            self._ended = elapsed
            return True
        return False
