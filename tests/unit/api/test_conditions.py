"""Conditions keep the time of their last change."""

from palier.api.status.conditions import MESSAGE_LIMIT, condition, merge_conditions, rfc3339

NOW = 1_767_323_045.9
LATER = NOW + 60


def _ready(status: str, reason: str = "Serving") -> dict[str, object]:
    return condition("Ready", status, reason=reason, message="", observed_generation=1)  # type: ignore[arg-type]


def test_a_new_condition_starts_now() -> None:
    """The first time of a condition is the present one, in whole seconds."""
    (merged,) = merge_conditions([], [_ready("True")], NOW)

    assert merged["lastTransitionTime"] == "2026-01-02T03:04:05Z"


def test_the_time_stays_while_the_status_does() -> None:
    """Another reason or generation is no transition."""
    old = merge_conditions([], [_ready("False", "Starting")], NOW)

    (merged,) = merge_conditions(old, [_ready("False", "Failed")], LATER)

    assert merged["lastTransitionTime"] == rfc3339(NOW)
    assert merged["reason"] == "Failed"


def test_the_time_moves_with_the_status() -> None:
    """A changed status is a transition."""
    old = merge_conditions([], [_ready("False")], NOW)

    (merged,) = merge_conditions(old, [_ready("True")], LATER)

    assert merged["lastTransitionTime"] == rfc3339(LATER)


def test_what_no_longer_holds_disappears() -> None:
    """`Stalled` and `Reconciling` exist only while they are true."""
    old = merge_conditions([], [_ready("False"), {**_ready("True"), "type": "Stalled"}], NOW)

    assert [each["type"] for each in merge_conditions(old, [_ready("True")], LATER)] == ["Ready"]


def test_long_messages_are_cut() -> None:
    """A message longer than the schema allows would make the whole status unwritable."""
    long = condition("Ready", "False", reason="Failed", message="x" * (MESSAGE_LIMIT + 1), observed_generation=1)

    assert len(long["message"]) == MESSAGE_LIMIT
