"""End-to-end tests that disturb what all share run beside those that bear it or do the same, and beside nobody else."""

from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.e2e.turns import Company, turn

ORDINARY = Company()
KILLS_OPERATOR = Company(disturbed=frozenset({"operator"}))
STOPS_PROMETHEUS = Company(disturbed=frozenset({"prometheus"}))
BEARS_KILLS = Company(borne=frozenset({"operator"}))
BEARS_BOTH = Company(borne=frozenset({"operator", "prometheus"}))
FILLS_MACHINE = Company(disturbed=frozenset({"machine"}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ORDINARY, ORDINARY),
        (ORDINARY, BEARS_BOTH),
        (KILLS_OPERATOR, KILLS_OPERATOR),
        (KILLS_OPERATOR, BEARS_KILLS),
        (BEARS_BOTH, STOPS_PROMETHEUS),
    ],
)
def test_tests_that_do_not_mind_each_other_run_side_by_side(tmp_path: Path, one: Company, other: Company) -> None:
    """Neither waits for the other."""
    with turn(one, tmp_path), turn(other, tmp_path):
        assert list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("running", "waiting"),
    [
        (ORDINARY, KILLS_OPERATOR),
        (KILLS_OPERATOR, ORDINARY),
        (KILLS_OPERATOR, STOPS_PROMETHEUS),
        (STOPS_PROMETHEUS, BEARS_KILLS),
        (BEARS_KILLS, STOPS_PROMETHEUS),
    ],
)
def test_others_wait_until_the_last_of_them_has_ended(tmp_path: Path, running: Company, waiting: Company) -> None:
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


@pytest.mark.parametrize("running", [ORDINARY, BEARS_BOTH, KILLS_OPERATOR, FILLS_MACHINE])
def test_who_needs_the_whole_machine_is_alone(tmp_path: Path, running: Company) -> None:
    """Also beside its like it would count what a busy machine does not manage."""
    entered = Event()

    def enter() -> None:
        with turn(FILLS_MACHINE, tmp_path):
            entered.set()

    with turn(running, tmp_path):
        thread = Thread(target=enter)
        thread.start()
        assert not entered.wait(0.3)
    thread.join()
    assert entered.is_set()
