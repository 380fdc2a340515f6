"""The local cluster serves one program at a time: whoever comes second learns who has it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.demo.__main__ import main as demo
from local.paths import checkout
from local.reservation import OccupiedError, reserve

HOLDER = """
import signal
from local.reservation import reserve
with reserve("the end-to-end tests"):
    print("reserved", flush=True)
    signal.pause()
"""


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches a cluster that somebody uses, or could start one where nothing can be written."""
    monkeypatch.delenv("PALIER_KUBECONFIG", raising=False)
    monkeypatch.setenv("PALIER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PALIER_STATE", "/proc/nowhere")


@pytest.fixture
def holder() -> Iterator[subprocess.Popen[str]]:
    """Another program that has reserved the cluster."""
    command = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=checkout()) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "reserved\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("command", ["up", "down"])
def test_the_command_line_is_turned_away_with_the_holders_name(command: str, holder: subprocess.Popen[str]) -> None:
    """One sentence says who has the cluster and what to do, and the exit status is 2."""
    arguments = [sys.executable, "-m", "local", command]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=checkout())

    assert done.returncode == 2
    assert done.stderr == (
        f"error: the local cluster is in use by the end-to-end tests (process {holder.pid}): "
        "wait until that has ended, or end it\n"
    )


def test_the_demonstration_is_turned_away_too(
    holder: subprocess.Popen[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It brings up nothing beside somebody else's work."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the handlers of the test's own process stay

    assert demo([]) == 2
    assert f"in use by the end-to-end tests (process {holder.pid})" in capsys.readouterr().out


def test_the_lock_of_a_dead_process_is_no_lock(holder: subprocess.Popen[str]) -> None:
    """A killed holder cleans nothing up, and needs not."""
    holder.kill()
    holder.wait()

    with reserve("the demonstration"), pytest.raises(OccupiedError, match=f"demonstration .process {os.getpid()}."):
        reserve("the end-to-end tests").__enter__()


def test_a_program_that_the_holder_has_started_does_not_keep_the_lock() -> None:
    """What runs on after its starter, as the cluster itself does, holds nothing."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with reserve("the demonstration"):
        started = subprocess.Popen(command, stdin=subprocess.PIPE, close_fds=False)
    with started, reserve("the end-to-end tests"):
        assert started.poll() is None


def test_a_cluster_of_the_users_own_needs_no_reservation(
    holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not the local one that is used then."""
    monkeypatch.setenv("PALIER_KUBECONFIG", "/nonexistent")

    with reserve("the demonstration"):
        assert holder.poll() is None
