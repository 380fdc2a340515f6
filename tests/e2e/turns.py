"""Which tests may run at the same time: most of them beside all others, some only beside their like.

A test that disturbs a part which all share says so with the mark `disturbs`. pytest-xdist's workers are processes of
their own, so the rule is kept by locks of files.
"""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import pytest

NOTHING = "nothing"
MACHINE = "machine"
"""Whoever counts what a busy machine would not manage is alone."""
KINDS = (NOTHING, "operator", "prometheus", MACHINE)
"""What a test may disturb, in the order in which such tests come."""


def disturbed_by(item: pytest.Item) -> str:
    """What a test disturbs."""
    mark = item.get_closest_marker("disturbs")
    kind = mark.args[0] if mark else NOTHING
    assert kind in KINDS
    return str(kind)


@contextmanager
def turn(kind: str, folder: Path) -> Iterator[None]:
    """Wait until nobody runs who disturbs something else, and keep such tests out for as long.

    Args:
        kind: what the test disturbs.
        folder: for the files that are locked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pause = threading.Event()
    with ExitStack() as opened:
        door, *files = (opened.enter_context((folder / f"e2e-{name}").open("w")) for name in ("door", *KINDS))
        running = dict(zip(KINDS, files, strict=True))
        while not _enter(kind, door, running):
            pause.wait(0.1)
        yield


def _enter(kind: str, door: IO[str], running: dict[str, IO[str]]) -> bool:
    """Come in, unless somebody is there who disturbs something else; one at a time may look."""
    fcntl.flock(door, fcntl.LOCK_EX)
    try:
        if not all(_free(lock) for other, lock in running.items() if other != kind or kind == MACHINE):
            return False
        fcntl.flock(running[kind], fcntl.LOCK_SH)
        return True
    finally:
        fcntl.flock(door, fcntl.LOCK_UN)


def _free(lock: IO[str]) -> bool:
    """Whether nobody holds a lock."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(lock, fcntl.LOCK_UN)
    return True
