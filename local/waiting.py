"""The only place that waits: always for a condition, always with a limit, and never longer than it can come true."""

import time
from collections.abc import Callable, Iterable

from local.errors import LocalError
from local.processes import Daemon

_INTERVAL = 0.05


def until(condition: Callable[[], bool], what: str, *, limit: float, needs: Iterable[Daemon] = ()) -> None:
    """Waits for a condition.

    Args:
        condition: asked again and again until it is true.
        what: names the condition in the error message.
        limit: seconds after which the wait fails.
        needs: processes without which the condition cannot come true; the wait fails as soon as one has ended.
    """
    deadline = time.monotonic() + limit
    needed = tuple(needs)
    while not condition():
        for daemon in needed:
            if daemon.pid() is None:
                raise LocalError(f"{daemon.name} ended while waiting for {what}; its log says:\n{daemon.log_tail()}")
        if time.monotonic() > deadline:
            logs = "".join(f"\n{daemon.name} says:\n{daemon.log_tail(5)}" for daemon in needed)
            raise LocalError(f"waited {limit:.0f} s in vain for {what}{logs}")
        time.sleep(_INTERVAL)
