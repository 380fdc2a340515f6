"""The load test for real: the generator as a process, a server on the loopback."""

import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from palier.errors import GeneratorUnavailable, InvalidCorpus
from palier.evidence.verdicts import Verdict
from palier.loadtest import measure
from palier.loadtest.findings import SearchResult
from palier.loadtest.measure import Phase, Step, StepResult
from palier.loadtest.objectives import LoadObjective, Promise
from palier.loadtest.plan import LoadTestPlan
from palier.loadtest.result import LoadTestResult
from palier.workers import load_test as run
from palier.workers.load_test import Progress, load_test, result_of
from tests.support.loadtest.served import ERLANG_B, Served, served

ERRORS = LoadObjective("errors", Promise.ERRORS, 0.2)


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """A server for all tests here."""
    with served() as one:
        yield one


@pytest.fixture
def plan(server: Served) -> LoadTestPlan:
    """A plan that takes seconds."""
    return LoadTestPlan(
        objectives=(ERRORS,),
        base_urls=(server.url,),
        path="/busy",
        timeout=5.0,
        warm_up=1.0,
        step_duration=0.5,
        soak=1.5,
        max_duration=120.0,
        start_rate=60.0,
    )


def _tested(plan: LoadTestPlan, lines: list[str] | None = None) -> tuple[LoadTestResult, list[Progress]]:
    told: list[Progress] = []
    return load_test(plan, lines, tell=told.append), told


def _only(*steps: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    """These steps instead of a search."""
    end = SearchResult(Verdict.NO_EVIDENCE, "Over", "over", capacity=steps[-1].rate)
    monkeypatch.setattr(run, "next_step", lambda history, _plan: [*steps, end][len(history)])


def _no_server() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return f"http://127.0.0.1:{held.getsockname()[1]}"


@contextmanager
def _of_http2() -> Iterator[str]:
    """A server that answers with a frame of HTTP/2, as one of gRPC does."""
    frame = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00"

    class Frames(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.request.sendall(frame + b"\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Frames) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _on_path(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program in the generator's place."""
    program = folder / "palier-generator"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


@pytest.mark.usefixtures("generator")
def test_a_known_capacity_is_found(plan: LoadTestPlan) -> None:
    """By Erlang's formula a fifth is refused at 184 requests/s; the machine is shared, so half as many will do."""
    result, told = _tested(plan)

    assert result.verdict is Verdict.PASS, result.message
    assert result.capacity is not None
    assert ERLANG_B / 2 < result.capacity < 1.3 * ERLANG_B
    assert result.ceiling is not None
    assert result.ceiling > result.capacity
    assert {progress.step.phase for progress in told} == set(Phase)
    assert len(result.steps) == len(told)
    assert [progress.finished for progress in told] == [result.steps[:number] for number in range(len(told))]
    climbs = [progress.message for progress in told if progress.step.phase is Phase.CLIMB]
    assert climbs[0].startswith("tries 60 requests/s for ")  # a first rate that fails is lowered
    assert result.soak_began is not None
    assert result.soak_ended is not None
    assert time.time() - 60 < result.soak_began < result.soak_ended <= time.time() + 1


@pytest.mark.usefixtures("generator")
def test_the_highest_rate_that_may_be_tried(plan: LoadTestPlan) -> None:
    """A server that carries it is not tried further, and its capacity is at least so much."""
    result, _ = _tested(replace(plan, path="/", max_rate=40.0))

    assert (result.verdict, result.reason) == (Verdict.PASS, "HighestRateHeld")
    assert (result.capacity, result.at_least) == (40, True)


@pytest.mark.usefixtures("generator")
def test_nobody_answers(plan: LoadTestPlan) -> None:
    """A dead server is no bad server: there is no evidence."""
    result, _ = _tested(replace(plan, base_urls=(_no_server(),)))

    assert (result.verdict, result.reason) == (Verdict.NO_EVIDENCE, "NoServer")


@pytest.mark.usefixtures("generator")
def test_requests_that_are_wrong(plan: LoadTestPlan) -> None:
    """Answers with 404 speak against the requests and not against the server."""
    result, _ = _tested(replace(plan, path="/missing"))

    assert (result.verdict, result.reason) == (Verdict.NO_EVIDENCE, "CorpusRefused")
    assert "404" in result.message


@pytest.mark.usefixtures("generator")
def test_requests_that_cannot_be_sent(plan: LoadTestPlan, server: Served) -> None:
    """A path that HTTP does not have never reaches the server, whose fault it therefore is not."""
    server.requests.clear()
    result, _ = _tested(replace(plan, path="/50%off"))

    assert (result.verdict, result.reason) == (Verdict.NO_EVIDENCE, "CorpusRefused")
    assert "could not be sent" in result.message
    assert 'invalid URL escape "%of"' in result.message
    assert server.requests == []


@pytest.mark.usefixtures("generator")
def test_an_answer_in_another_protocol(plan: LoadTestPlan) -> None:
    """A port of gRPC is no server of HTTP/1.1: nothing is known about it."""
    with _of_http2() as url:
        result, _ = _tested(replace(plan, base_urls=(url,)))

    assert (result.verdict, result.reason) == (Verdict.NO_EVIDENCE, "NoServer")
    assert "HTTP/1.1" in result.message


@pytest.mark.usefixtures("generator")
def test_requests_that_wait_for_a_connection_have_their_own_time(
    plan: LoadTestPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that hangs under load is measured: one request more is sent as soon as the first ones have timed out."""
    monkeypatch.setattr(run, "CONNECTIONS", 5)
    monkeypatch.setattr(measure, "CONNECTIONS", 5)
    monkeypatch.setattr(run, "_GRACE", 0.5)
    _only(Step(Phase.CLIMB, 50.0, 0.4), monkeypatch=monkeypatch)

    result, _ = _tested(replace(plan, path="/silent", timeout=2.0))

    (step,) = result.steps
    assert result.reason == "Over"
    assert (step.errors, step.holds) == (step.requests, False)


@pytest.mark.usefixtures("generator")
def test_streams_are_timed(plan: LoadTestPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of streams the times to the first event and between events are told, and how many events came."""
    objectives = (
        LoadObjective("first token", Promise.FIRST_TOKEN, 0.2, 1.0),
        LoadObjective("gaps", Promise.BETWEEN_TOKENS, 0.2, 1.0),
    )
    _only(Step(Phase.SOAK, 30.0, 2.0), monkeypatch=monkeypatch)

    result, _ = _tested(replace(plan, objectives=objectives, path="/stream", stream=True))

    assert [step.holds for step in result.steps] == [True]
    assert result.first_token is not None
    assert 0.009 < result.first_token < 1
    assert result.per_token is not None
    assert 0.009 < result.per_token < 1
    assert result.tokens_per_second is not None
    assert 60 < result.tokens_per_second < 240


@pytest.mark.usefixtures("generator")
def test_each_step_has_requests_of_its_own(plan: LoadTestPlan, server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sequence goes on from step to step, so that no cache has seen them before."""
    server.requests.clear()
    _only(Step(Phase.CLIMB, 30.0, 1.0), Step(Phase.CLIMB, 40.0, 1.0), monkeypatch=monkeypatch)

    result, _ = _tested(plan, ['{"path": "/own", "method": "POST", "body": "{{sequence}}"}'])

    assert result.requests == 70
    assert sorted(int(seen.body) for seen in server.requests) == list(range(70))


@pytest.mark.usefixtures("generator")
def test_a_hopeless_step_is_cut_short(plan: LoadTestPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no answer that is still to come could save a step, nothing more is sent, and what was sent is judged."""
    impossible = LoadObjective("latency", Promise.LATENCY, 0.05, 0.001)
    _only(Step(Phase.CLIMB, 100.0, 10.0), monkeypatch=monkeypatch)

    result, _ = _tested(replace(plan, objectives=(impossible,), path="/silent", timeout=2.5))

    (step,) = result.steps
    assert result.requests < 700
    assert not step.holds
    assert step.requests > 40
    assert 60 < step.achieved < 140


@pytest.mark.usefixtures("generator")
def test_a_server_that_is_silent_ends_a_step_in_time(plan: LoadTestPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that nobody answers are waited for as long as the timeout says."""
    _only(Step(Phase.CLIMB, 20.0, 1.0), monkeypatch=monkeypatch)

    result, _ = _tested(replace(plan, path="/silent", timeout=0.5))

    (step,) = result.steps
    assert (step.errors, step.holds) == (step.requests, False)
    assert step.requests > 10


@pytest.mark.usefixtures("generator")
def test_too_many_open_requests_end_a_step(plan: LoadTestPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no connection is left, the step is over, and the server has not kept up."""
    monkeypatch.setattr(run, "CONNECTIONS", 20)
    monkeypatch.setattr(measure, "CONNECTIONS", 20)
    _only(Step(Phase.CLIMB, 100.0, 30.0), monkeypatch=monkeypatch)

    result, _ = _tested(replace(plan, path="/silent", timeout=1.0))

    (step,) = result.steps
    assert result.requests < 300
    assert step.requests > 0
    assert not step.holds


def test_no_generator(plan: LoadTestPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told how to get one."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(GeneratorUnavailable, match="go build"):
        _tested(plan)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'palier-generator: no rate' >&2; exit 1", "failed: no rate"),
        ("kill -9 $$", "killed by signal 9"),
        ("exit 0", "before it was done"),
        ("exec sleep 60", "was ended because it had not finished"),
    ],
    ids=["fails", "killed", "says nothing", "hangs"],
)
def test_a_generator_that_fails(
    plan: LoadTestPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    """It says nothing about the server, and is not waited for without end."""
    monkeypatch.setattr(run, "_GRACE", 0.1)
    _on_path(tmp_path, script, monkeypatch)
    _only(Step(Phase.CLIMB, 20.0, 0.2), monkeypatch=monkeypatch)

    with pytest.raises(GeneratorUnavailable, match=words):
        _tested(replace(plan, timeout=0.1))


def test_a_generator_that_is_late(plan: LoadTestPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has not sent soon after the end of a step, it need not send any more."""
    beat = '{"elapsed": 5.0, "sent": 1, "open": 1}'
    script = f"""trap 'echo "{{\\"done\\": true, \\"peakOpen\\": 1}}"; exit 0' TERM
while :; do echo '{beat}'; sleep 0.1; done"""
    _on_path(tmp_path, script, monkeypatch)
    _only(Step(Phase.CLIMB, 20.0, 0.2), monkeypatch=monkeypatch)

    result, _ = _tested(plan)

    assert (result.reason, result.requests) == ("Over", 0)


@pytest.mark.usefixtures("generator")
def test_unknown_variables_in_the_path(plan: LoadTestPlan) -> None:
    """They are told before anything is sent."""
    with pytest.raises(InvalidCorpus, match=r"the path: \{\{user\}\} is not known"):
        _tested(replace(plan, path="/busy?user={{user}}"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_leave_nothing_behind(server: Served, generator: Path, tmp_path: Path, number: int) -> None:
    """Who ends the test ends its generator too, though requests are still open."""
    script = generator.with_name("palier-generator")
    pid_file, wrapped = tmp_path / "pid", tmp_path / "bin"
    wrapped.mkdir()
    wrapper = wrapped / "palier-generator"
    wrapper.write_text(
        f'#!/bin/sh\necho $$ > "{pid_file}.new"\nmv "{pid_file}.new" "{pid_file}"\nexec "{script}" "$@"\n'
    )
    wrapper.chmod(0o755)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = os.environ | {"PATH": f"{wrapped}{os.pathsep}{os.environ['PATH']}", "TMPDIR": str(scratch)}
    # A shell that runs the tests in the background has its children ignore Ctrl-C: here it is to work as at a terminal.
    code = "import signal, sys; from palier.cli.main import main; "
    code += "signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(main())"
    command = [sys.executable, "-c", code, "load-test", f"{server.url}/silent", "--errors", "1%", "--start", "20"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _until(pid_file.exists)
            sender = int(pid_file.read_text())
            _until(lambda: any(seen.path == "/silent" for seen in server.requests))
            process.send_signal(number)
            status = process.wait(30)
        except BaseException:
            process.kill()
            raise

    assert status == 128 + number
    assert not Path(f"/proc/{sender}").exists()
    assert list(scratch.iterdir()) == []


def _until(holds: Callable[[], bool]) -> None:
    """Wait until something is true, which it soon is."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_soak_of_the_capacity_is_what_is_reported() -> None:
    """Times of tokens and the soak's own time are those of the rate that was found, not of an earlier soak."""
    history = [
        StepResult(Step(Phase.SOAK, rate, 60.0), began=began, first_token=first, lag=lag)
        for rate, began, first, lag in ((100.0, 1000.0, 0.5, 0.004), (93.0, 2000.0, 0.25, 0.001))
    ]

    result = result_of(SearchResult(Verdict.PASS, "CapacityFound", "found", 93.0, 100.0), history)

    assert (result.soak_began, result.soak_ended) == (2000.0, 2060.0)
    assert float(result.first_token or 0) == 0.25
    assert float(result.schedule_lag or 0) == 0.004


def test_no_capacity_has_no_soak() -> None:
    """A search without a result names no time at which the capacity was carried."""
    result = result_of(SearchResult(Verdict.NO_EVIDENCE, "OutOfTime", "not enough"), [])

    assert (result.soak_began, result.soak_ended, result.capacity, result.schedule_lag) == (None, None, None, None)


def test_progress_is_a_line_with_the_fields_of_the_status() -> None:
    """What is not known yet is left out."""
    step = Step(Phase.CLIMB, 12.5, 20.0)

    line = Progress(step, 6.25, None, "climbs").to_json()

    assert line == (
        '{"progress": {"phase": "Climb", "requestsPerSecond": "12.5", "passed": "6.25", "message": "climbs"}}'
    )
