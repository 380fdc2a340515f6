"""Which tests may run at the same time: most of them beside all others, some only beside those that bear it.

A test that disturbs a part which all share says so with the mark `disturbs`, and one that passes whether or not another
disturbs that part says so with the mark `bears`. pytest-xdist's workers are processes of their own, so the rule is kept
by locks of files.
"""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

OPERATOR = "operator"
PROMETHEUS = "prometheus"
MACHINE = "machine"
"""Whoever counts what a busy machine would not manage is alone: every test disturbs that."""
PARTS = (OPERATOR, PROMETHEUS, MACHINE)


@dataclass(frozen=True)
class Company:
    """Beside which tests a test may run.

    Args:
        disturbed: the parts that it disturbs.
        borne: the parts that others may disturb meanwhile.
    """

    disturbed: frozenset[str] = frozenset()
    borne: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Check the names, which come from marks."""
        assert self.disturbed <= set(PARTS)
        assert self.borne <= {OPERATOR, PROMETHEUS}

    @property
    def undisturbed_parts(self) -> frozenset[str]:
        """The parts that nobody may disturb meanwhile; those who disturb the same part do not mind each other."""
        return frozenset(PARTS) - self.borne - (self.disturbed - {MACHINE})

    @property
    def place(self) -> tuple[bool, bool, bool, bool]:
        """When such tests begin, so that few have to wait: whoever disturbs a part before those who bear that.

        Those who need the operator come after those who bear its loss; those who need Prometheus before its loss.
        """
        without_prometheus = PROMETHEUS in self.disturbed | self.borne
        needs_operator = OPERATOR not in self.disturbed | self.borne
        waits = needs_operator and not without_prometheus
        return MACHINE in self.disturbed, without_prometheus, waits, not self.disturbed


def company_of(item: pytest.Item) -> Company:
    """Beside which tests a test may run, as its marks say."""
    disturbs, bears = (
        frozenset(part for mark in item.iter_markers(name) for part in mark.args) for name in ("disturbs", "bears")
    )
    return Company(disturbs, bears)


@contextmanager
def turn(company: Company, folder: Path) -> Iterator[None]:
    """Wait until nobody runs who disturbs what this test needs, or needs what it disturbs; keep such tests out then.

    Args:
        company: of the test.
        folder: for the files that are locked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pause = threading.Event()
    with ExitStack() as opened:
        door = opened.enter_context((folder / "e2e-door").open("w"))
        needed, disturbed = (
            {part: opened.enter_context((folder / f"e2e-{part}-{how}").open("w")) for part in PARTS}
            for how in ("needed", "disturbed")
        )
        held = [needed[part] for part in company.undisturbed_parts] + [disturbed[part] for part in company.disturbed]
        excluded = [disturbed[part] for part in company.undisturbed_parts] + [
            needed[part] for part in company.disturbed
        ]
        while not _enter(door, held, excluded):
            pause.wait(0.1)
        yield


def _enter(door: IO[str], held: list[IO[str]], excluded: list[IO[str]]) -> bool:
    """Come in, unless somebody is there who must not be; one at a time may look."""
    fcntl.flock(door, fcntl.LOCK_EX)
    try:
        if not all(_is_free(lock) for lock in excluded):
            return False
        for lock in held:
            fcntl.flock(lock, fcntl.LOCK_SH)
        return True
    finally:
        fcntl.flock(door, fcntl.LOCK_UN)


def _is_free(lock: IO[str]) -> bool:
    """Whether nobody holds a lock."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(lock, fcntl.LOCK_UN)
    return True
