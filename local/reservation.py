"""Keeps programs that use the local cluster at the same time from each other: the second one is told who has it.

The lock is the kernel's (flock), so that it goes with the process that holds it, however that ends. What the file says
is only for the message; a file without a lock means nothing.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from local.errors import LocalError
from local.paths import cache, state


class OccupiedError(LocalError):
    """Another program uses the local cluster."""


def reserve(user: str) -> AbstractContextManager[None]:
    """Reserves the local cluster for a program; a cluster of the user's own (PALIER_KUBECONFIG) needs no reservation.

    Args:
        user: what the program is called when another one is turned away.

    Raises:
        OccupiedError: another program has reserved it.
    """
    return nullcontext() if os.environ.get("PALIER_KUBECONFIG") else _hold_lock(user)


@contextmanager
def _hold_lock(user: str) -> Iterator[None]:
    path = cache() / "locks" / f"use-{str(state()).strip('/').replace('/', '-')}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read() or "another program"  # it may not have written its name yet
            raise OccupiedError(
                f"the local cluster is in use by {holder}: wait until that has ended, or end it"
            ) from None
        lock.truncate(0)
        lock.write(f"{user} (process {os.getpid()})")
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)
            # A program that is being started may have a copy of the file for a moment: closing ours frees nothing then.
            fcntl.flock(lock, fcntl.LOCK_UN)
