"""A spent error budget keeps changes waiting; absent data keeps nothing waiting."""

from decimal import Decimal

import pytest

from palier.watch.freeze import describe_spent

NOTHING = Decimal(0)
SPENT = {"errors": Decimal(-20), "latency": Decimal(40)}


def test_one_spent_budget_is_enough() -> None:
    """It is named, and those with something left are not."""
    assert describe_spent(SPENT, freeze_at=NOTHING) == "the error budget of errors is spent"


def test_exactly_nothing_left_is_spent() -> None:
    """And a hundredth of a percent is not."""
    assert describe_spent({"errors": Decimal(0)}, freeze_at=NOTHING)
    assert not describe_spent({"errors": Decimal("0.01")}, freeze_at=NOTHING)


def test_a_reserve_makes_changes_wait_earlier() -> None:
    """What is left and the reserve are told."""
    told = describe_spent({"errors": Decimal("7.25")}, freeze_at=Decimal("10.0"))
    assert told == "7.2 % of the error budget of errors is left, and releases wait at 10 %"


def test_absent_data_does_not_hide_a_spent_budget() -> None:
    """The known ones decide, and the unknown ones are named beside them."""
    told = describe_spent({**SPENT, "a": None, "b": None, "c": None}, freeze_at=NOTHING)
    assert told.endswith("; it is not known what is left of the error budget of a, b and c")


def test_the_worst_budget_comes_first() -> None:
    """Every spent one is named."""
    told = describe_spent({"a": Decimal(-1), "b": Decimal(-5)}, freeze_at=NOTHING)
    assert told == "the error budget of b is spent; the error budget of a is spent"


@pytest.mark.parametrize("left", [{}, {"errors": Decimal(1)}, {"errors": None, "latency": Decimal(50)}])
def test_what_keeps_nothing_waiting(left: dict[str, Decimal | None]) -> None:
    """No objective, enough left, or nothing known."""
    assert describe_spent(left, freeze_at=NOTHING) == ""
