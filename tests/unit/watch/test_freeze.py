"""A spent error budget freezes changes, and neither fixes nor rollbacks; absent data freezes nothing."""

from decimal import Decimal

import pytest

from palier.watch.freeze import ErrorBudgetPolicy, KindOfRelease, decide_freeze

POLICY = ErrorBudgetPolicy()
SPENT = {"errors": Decimal(-20), "latency": Decimal(40)}


def test_a_spent_budget_freezes_a_change() -> None:
    """One objective is enough; it is named."""
    decision = decide_freeze(SPENT, POLICY, KindOfRelease.CHANGE)

    assert decision.frozen
    assert decision.reason == "BudgetSpent"
    assert decision.message == "the error budget of errors is spent. Only a fix does not wait"


@pytest.mark.parametrize(
    ("kind", "reason"), [(KindOfRelease.FIX, "FixAllowed"), (KindOfRelease.ROLLBACK, "RollbackAllowed")]
)
def test_fixes_and_rollbacks_do_not_wait(kind: KindOfRelease, reason: str) -> None:
    """They end the trouble; the reason says why they go on."""
    decision = decide_freeze(SPENT, POLICY, kind)

    assert not decision.frozen
    assert decision.reason == reason
    assert "the error budget of errors is spent" in decision.message


def test_exactly_nothing_left_is_spent() -> None:
    """And a hundredth of a percent is not."""
    assert decide_freeze({"errors": Decimal(0)}, POLICY, KindOfRelease.CHANGE).frozen
    assert not decide_freeze({"errors": Decimal("0.01")}, POLICY, KindOfRelease.CHANGE).frozen


def test_a_policy_may_freeze_earlier() -> None:
    """With a reserve of 10 %, what is left and the reserve are told."""
    policy = ErrorBudgetPolicy(freeze_at=Decimal("10.0"))
    decision = decide_freeze({"errors": Decimal("7.25")}, policy, KindOfRelease.CHANGE)

    assert decision.frozen
    assert decision.message.startswith("7.2 % of the error budget of errors is left, and releases wait at 10 %")


def test_absent_data_freezes_nothing() -> None:
    """It says so, and names the objective."""
    decision = decide_freeze({"errors": None, "latency": Decimal(50)}, POLICY, KindOfRelease.CHANGE)

    assert (decision.frozen, decision.reason) == (False, "BudgetUnknown")
    assert decision.message == ("it is not known what is left of the error budget of errors, and that freezes nothing")


def test_absent_data_does_not_hide_a_spent_budget() -> None:
    """The known ones decide, and the unknown ones are named beside them."""
    decision = decide_freeze({**SPENT, "a": None, "b": None, "c": None}, POLICY, KindOfRelease.CHANGE)

    assert decision.frozen
    assert "it is not known what is left of the error budget of a, b and c" in decision.message


def test_every_spent_budget_is_named() -> None:
    """The worst one first."""
    decision = decide_freeze({"a": Decimal(-1), "b": Decimal(-5)}, POLICY, KindOfRelease.CHANGE)

    assert decision.message.startswith("the error budget of b is spent; the error budget of a is spent")


@pytest.mark.parametrize(
    ("left", "policy", "reason"),
    [
        (SPENT, None, "NoPolicy"),
        ({}, POLICY, "NoBudget"),
        ({"errors": Decimal(1)}, POLICY, "BudgetLeft"),
    ],
)
def test_what_freezes_nothing(left: dict[str, Decimal | None], policy: ErrorBudgetPolicy | None, reason: str) -> None:
    """No policy, no objective, or enough left."""
    decision = decide_freeze(left, policy, KindOfRelease.CHANGE)

    assert (decision.frozen, decision.reason) == (False, reason)


@pytest.mark.parametrize("freeze_at", ["-1", "100", "200"])
def test_a_policy_that_always_or_never_freezes_is_refused(freeze_at: str) -> None:
    """Such a number is a mistake."""
    with pytest.raises(ValueError, match="frozen at 0 to 100"):
        ErrorBudgetPolicy(freeze_at=Decimal(freeze_at))
