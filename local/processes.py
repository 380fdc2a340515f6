"""Starts and stops the cluster's processes, and never touches one that is not provably its own.

A process id alone proves nothing: it may have been given to somebody else since. So a process counts as ours only if
its command line names our state folder, and it is signalled through a handle that cannot come to mean another one.
"""

import contextlib
import os
import select
import shutil
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.paths import Layout

_WRAPPER = "setpriv"
"""Asks the kernel to end a process with the one that started it, and becomes the program then."""


@dataclass(frozen=True)
class Daemon:
    """A long-running process, known by its name and by the pid file in the layout's folder."""

    name: str
    layout: Layout

    @property
    def log(self) -> Path:
        """What the process prints."""
        return self.layout.logs / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        """Holds the process id while the process should run."""
        return self.layout.pids / f"{self.name}.pid"

    def pid(self) -> int | None:
        """The id of the running process, or None if it does not run (or is not ours)."""
        pid = self._recorded()
        if pid is not None:
            _reap(pid)
        return pid if pid is not None and names(pid, self.layout.root) else None

    def start(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None, *, end_with_us: bool = False
    ) -> None:
        """Starts the process in its own session, if it does not run already.

        Args:
            command: program and arguments; one of them must name the state folder.
            environment: in place of our own.
            end_with_us: the kernel kills the process when we end, however we end.
        """
        if self.pid() is not None:
            return
        if end_with_us and threading.current_thread() is threading.main_thread():
            # The kernel ties this to the thread that starts the process, hence the condition.
            command = [_WRAPPER, "--pdeathsig", "KILL", "--", *command]
        program = shutil.which(command[0])
        if program is None:
            raise FileNotFoundError(command[0])
        pid = os.posix_spawn(
            program,
            list(command),
            dict(os.environ if environment is None else environment),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                # Whatever our caller left open for us, such as a lock, must not stay open as long as the process runs.
                *((os.POSIX_SPAWN_CLOSE, inherited) for inherited in _inherited()),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGPIPE),
        )
        self.pid_file.write_text(str(pid))
        _wait_for_program(pid)

    def stop(self, grace: float) -> None:
        """Ends the process: asks it to, and kills it when the grace (in seconds) is over or zero."""
        pid = self._recorded()
        if pid is not None:
            try:
                handle = os.pidfd_open(pid)
            except ProcessLookupError:
                pass
            else:
                try:
                    if names(pid, self.layout.root):
                        _end(handle, grace)
                finally:
                    os.close(handle)
            _reap(pid)
        self.pid_file.unlink(missing_ok=True)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        try:
            text = self.log.read_text(errors="replace")
        except FileNotFoundError:
            return "(no log)"
        return "\n".join(text.splitlines()[-lines:])

    def _recorded(self) -> int | None:
        try:
            return int(self.pid_file.read_text())
        except (OSError, ValueError):
            return None


def names(pid: int, folder: Path) -> bool:
    """Whether a process is alive and its command line names the folder."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return os.fsencode(folder) + b"/" in arguments  # a process that has ended has an empty command line


def left_over(folder: Path, programs: Path) -> dict[int, str]:
    """Every process on this machine that runs one of our programs with a command line that names the folder."""
    processes = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or not names(int(entry.name), folder):
            continue
        with contextlib.suppress(OSError):  # it has ended since, or is another user's
            if (entry / "exe").readlink().is_relative_to(programs):
                processes[int(entry.name)] = (entry / "comm").read_text().strip()
    return processes


def _inherited() -> list[int]:
    """File descriptors that a program which we start would get, besides the three that it has to have."""
    descriptors = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # it was for looking here, and is closed again
            if int(entry.name) > 2 and os.get_inheritable(int(entry.name)):  # noqa: PLR2004 - standard error
                descriptors.append(int(entry.name))
    return descriptors


def _wait_for_program(pid: int) -> None:
    """Waits until the program itself runs, or has ended.

    The command line of a live process is empty for a moment whenever it becomes another program, and a process without
    one counts as dead. So the change from the wrapper to the program has to be over too.
    """
    while Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0] in {b"", os.fsencode(_WRAPPER)}:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return  # its zombie, which keeps the number ours, is let go of later
        time.sleep(0.001)


def _end(handle: int, grace: float) -> None:
    over = select.poll()
    over.register(handle, select.POLLIN)  # readable once the process has ended
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        if patience:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            if over.poll(patience * 1000):
                return


def _reap(pid: int) -> None:
    """Lets go of a child that has ended; whoever started it otherwise keeps it as a zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
