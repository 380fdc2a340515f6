"""The `palier` program on a real API server: it ends on SIGTERM, hands over the lead, and does what people ask for."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from palier.cli.main import main
from palier.cluster.store import Store
from tests.apiserver.conftest import Api
from tests.apiserver.runtime_support import model_deployment

PALIER = "import sys; from palier.cli.main import main; sys.exit(main())"


class Process:
    """A `palier operator` process."""

    def __init__(self, api: Api, log: Path, *flags: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = log
        with log.open("w", encoding="utf-8") as output:
            self._popen = subprocess.Popen(
                [
                    *(sys.executable, "-c", PALIER, "operator", "--prometheus-url=http://127.0.0.1:1"),
                    *(f"--kubeconfig={api.client.kubeconfig}", f"--health-port={self.port}", "--log-format=json"),
                    *(f"--namespaces={api.namespace}", f"--lease-namespace={api.namespace}", *flags),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def end(self, number: signal.Signals) -> tuple[int, float]:
        """Send a signal; the exit status, and the seconds that it took to end."""
        began = time.monotonic()
        self._popen.send_signal(number)
        return self._popen.wait(20), time.monotonic() - began

    def kill(self) -> None:
        """Make sure that it is gone."""
        self._popen.kill()
        self._popen.wait(20)

    def readiness(self) -> str:
        """What /readyz says; nothing before it answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return str(error.read().decode())
        except OSError:
            return ""

    def becomes(self, readiness: str, *, within: float = 30.0) -> float:
        """Wait until /readyz says this; the seconds that it took."""
        began = time.monotonic()
        while (now := self.readiness()) != readiness:
            waited = time.monotonic() - began
            told = self.log.read_text(encoding="utf-8")
            assert self._popen.poll() is None, f"it ended:\n{told}"
            assert waited < within, f"{now!r} and not {readiness!r} after {waited:.0f} s:\n{told}"
            time.sleep(0.05)
        return time.monotonic() - began


@pytest.fixture
def start(api: Api, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts operators, each in its own process, and ends those that are left."""
    processes: list[Process] = []

    def begin(*flags: str) -> Process:
        process = Process(api, tmp_path / f"operator-{len(processes)}.log", *flags)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_in_order(start: Callable[..., Process], number: signal.Signals) -> None:
    """On SIGTERM and Ctrl-C it ends within seconds, without an error, and its log has no complaint."""
    process = start()
    process.becomes("ready: acting")
    status, seconds = process.end(number)
    assert status == 0
    assert seconds < 5
    entries = [json.loads(line) for line in process.log.read_text(encoding="utf-8").splitlines()]
    assert entries[-1]["message"] == "ended as asked"
    complaints = [entry["message"] for entry in entries if entry["level"] not in {"info", "debug"}]
    assert [told for told in complaints if "this cluster does not serve" not in told] == []


def test_lead_is_handed_over(start: Callable[..., Process]) -> None:
    """Of two replicas one acts and both are ready; when it ends, the other acts within seconds."""
    first = start("--leader-elect")
    first.becomes("ready: acting")
    second = start("--leader-elect")
    second.becomes("ready: standing by")
    assert first.readiness() == "ready: acting"
    assert first.end(signal.SIGTERM)[0] == 0
    assert second.becomes("ready: acting") < 5


def test_killed_leader_is_replaced(start: Callable[..., Process]) -> None:
    """After SIGKILL nobody lets go of the lead: the other replica waits until it has run out, and then acts."""
    first = start("--leader-elect")
    first.becomes("ready: acting")
    second = start("--leader-elect")
    second.becomes("ready: standing by")
    first.end(signal.SIGKILL)
    assert 5 < second.becomes("ready: acting") < 20


def test_replaced_leader_ends_with_an_error(api: Api, start: Callable[..., Process]) -> None:
    """A leader that finds another one in its place ends at once, and says why."""
    process = start("--leader-elect")
    process.becomes("ready: acting")
    api.must("patch", "lease", "palier", "--type=merge", '-p={"spec": {"holderIdentity": "another"}}')
    assert process._popen.wait(10) == 1
    assert "was taken by another replica" in process.log.read_text(encoding="utf-8")


def test_what_people_ask_for_arrives(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands write annotations and the field, are seen as ours, and show the page."""

    def palier(command: str, name: str = "a") -> tuple[int, str, str]:
        status = main([command, name, "-n", api.namespace, "--kubeconfig", str(api.client.kubeconfig)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    assert palier("status") == (1, "", f"palier: there is no ModelDeployment a in namespace {api.namespace}\n")
    body = api.apply(model_deployment(api.namespace))
    assert palier("abort")[0] == 1
    report: dict[str, Any] = {
        "observedGeneration": 1,
        "stage": "Canary 5",
        "candidate": {"revision": "5f6a7b8c9d"},
        "release": {"step": "Canary", "cursor": 0, "startedAt": "2026-01-02T03:04:05.000000Z"},
    }
    body = {key: body[key] for key in ("apiVersion", "kind")} | {"metadata": {"name": "a"}, "status": report}
    api.apply(body, manager="palier-status", status=True)

    for command in ("abort", "promote", "pause"):
        assert palier(command)[0] == 0
    assert "Canary 5" in palier("status")[1]

    stored = json.loads(api.must("get", "mdep", "a", "-ojson", "--show-managed-fields"))
    annotations = stored["metadata"]["annotations"]
    request = "5f6a7b8c9d@2026-01-02T03:04:05.000000Z"
    assert annotations["palier.dev/abort"] == annotations["palier.dev/promote"] == request
    assert stored["spec"]["release"]["paused"] is True
    store = Store()
    store.put(stored)
    writer = store.who_wrote(api.namespace, "a", "palier.dev/abort")
    assert writer is not None
    assert writer.manager == "palier-cli"
