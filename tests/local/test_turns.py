"""End-to-end tests that disturb what all share run beside their like, and beside nobody else."""

from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.e2e.turns import KINDS, MACHINE, turn


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != MACHINE])
def test_alike_tests_run_side_by_side(tmp_path: Path, kind: str) -> None:
    """Nobody waits for a test that disturbs the same."""
    with turn(kind, tmp_path), turn(kind, tmp_path):
        assert list(tmp_path.iterdir())


@pytest.mark.parametrize(("running", "waiting"), [("nothing", "operator"), ("operator", "nothing")])
def test_others_wait_until_the_last_of_them_has_ended(tmp_path: Path, running: str, waiting: str) -> None:
    """A test that kills the operator neither begins beside those that need it, nor do they begin beside it."""
    entered = Event()

    def enter() -> None:
        with turn(waiting, tmp_path):
            entered.set()

    with ExitStack() as others:
        first = others.enter_context(ExitStack())
        first.enter_context(turn(running, tmp_path))
        second = others.enter_context(ExitStack())
        second.enter_context(turn(running, tmp_path))
        thread = Thread(target=enter)
        thread.start()
        assert not entered.wait(0.3)
        first.close()
        assert not entered.wait(0.3)
        second.close()
        thread.join()
    assert entered.is_set()


@pytest.mark.parametrize("running", ["nothing", MACHINE])
def test_who_needs_the_whole_machine_is_alone(tmp_path: Path, running: str) -> None:
    """Also beside its like it would count what a busy machine does not manage."""
    entered = Event()

    def enter() -> None:
        with turn(MACHINE, tmp_path):
            entered.set()

    with turn(running, tmp_path):
        thread = Thread(target=enter)
        thread.start()
        assert not entered.wait(0.3)
    thread.join()
    assert entered.is_set()
