"""Processes: only those that are provably ours are ever signalled."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.errors import LocalError
from local.paths import Layout
from local.processes import Daemon
from local.waiting import until

_WAIT = "import signal; signal.pause()"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A process that is not started yet, and is stopped in the end."""
    layout = Layout(tmp_path / "state")
    layout.make()
    example = Daemon("example", layout)
    yield example
    example.stop(0)


def _command(daemon: Daemon) -> list[str]:
    return [sys.executable, "-c", _WAIT, f"{daemon.layout.root}/x"]


def test_a_started_process_is_found_and_stopped(daemon: Daemon) -> None:
    """Starting twice starts one; stopping twice is no error."""
    daemon.start(_command(daemon))
    pid = daemon.pid()
    assert pid is not None
    daemon.start(_command(daemon))
    assert daemon.pid() == pid
    daemon.stop(5)
    daemon.stop(5)
    assert daemon.pid() is None
    assert not Path(f"/proc/{pid}").exists()


def test_a_start_is_over_when_the_program_itself_runs(daemon: Daemon) -> None:
    """While the wrapper becomes the program, the process has no command line, and would be taken for dead."""
    for _ in range(10):
        daemon.start(_command(daemon), end_with_us=True)
        pid = daemon.pid()
        assert pid is not None
        assert Path(f"/proc/{pid}/cmdline").read_bytes().startswith(os.fsencode(sys.executable))
        daemon.stop(0)


def test_what_the_caller_has_open_stays_with_the_caller(daemon: Daemon, tmp_path: Path) -> None:
    """A process that runs for days must not hold the lock of the script that started it."""
    with (tmp_path / "lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        daemon.start(_command(daemon))
    opened = set()
    for entry in Path(f"/proc/{daemon.pid()}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a program that starts opens and closes files all the time
            opened.add(entry.readlink())
    assert tmp_path / "lock" not in opened
    assert daemon.log in opened


def test_a_process_of_somebody_else_is_left_alone(daemon: Daemon) -> None:
    """A process id that has been given to another program since is not ours to signal."""
    with subprocess.Popen([sys.executable, "-c", _WAIT]) as other:
        daemon.pid_file.write_text(str(other.pid))
        assert daemon.pid() is None
        daemon.stop(1)
        assert other.poll() is None
        other.kill()


def test_a_process_of_another_state_folder_with_the_same_beginning_is_left_alone(daemon: Daemon) -> None:
    """The folder /tmp/a does not claim what belongs to /tmp/a-b."""
    with subprocess.Popen([sys.executable, "-c", _WAIT, f"{daemon.layout.root}-other/x"]) as other:
        daemon.pid_file.write_text(str(other.pid))
        assert daemon.pid() is None
        other.kill()


def test_waiting_ends_when_a_needed_process_has_ended_and_shows_its_log(daemon: Daemon) -> None:
    """Nobody waits a minute for a program that could not start."""
    daemon.start([sys.executable, "-c", "print('cannot work')", f"{daemon.layout.root}/x"])
    with pytest.raises(LocalError, match=r"example ended while waiting for luck(.|\n)*cannot work"):
        until(lambda: False, "luck", limit=30, needs=[daemon])


def test_waiting_has_a_limit() -> None:
    """The message says what was waited for."""
    with pytest.raises(LocalError, match="in vain for luck"):
        until(lambda: False, "luck", limit=0)


def test_a_folder_with_other_files_is_never_taken_for_state(tmp_path: Path) -> None:
    """State is deleted in the end, so a folder of the user must not become state."""
    (tmp_path / "thesis").touch()
    with pytest.raises(LocalError, match="other files"):
        Layout(tmp_path).make()


def test_state_is_closed_to_other_users(tmp_path: Path) -> None:
    """The administrator's key lies in it."""
    layout = Layout(tmp_path / "state")
    layout.make()
    assert layout.root.stat().st_mode & 0o777 == 0o700
    assert layout.root.stat().st_uid == os.getuid()
