"""What is told of a cause: counts first, then whose fall it is, or what is not known."""

from palier.watch.attribution import Attribution, AttributionRule, Claim
from palier.watch.attribution_words import describe_cause
from palier.watch.edetector import Batch
from palier.watch.pairs import PairedLabels, Tolerated

RULE = AttributionRule(Tolerated(0.1, 0.125))
LABELS = PairedLabels(300, 60, 20, 20, Batch(50, 50))
SHOWN = Claim(is_shown=True)
COUNTS = (
    "since the alarm, of 400 requests with labels for both, the present version got 80 wrong (20 %, tolerated 10 %) "
    "and the former one 40 (10 %, tolerated 12.5 %)"
)
NOBODY = "Nobody knows yet whether the world has changed or the present version is worse: "


def describe(*shown: str, labels: PairedLabels = LABELS) -> str:
    """The words of what has been shown."""
    claims = dict.fromkeys(shown, SHOWN)
    return describe_cause(Attribution(labels=labels, **claims), RULE, RULE.everyone)  # type: ignore[arg-type]


def test_the_world_has_changed() -> None:
    """With the counts of both, and why going back is no help."""
    assert describe("fallen", "world") == (
        f"The world has changed: {COUNTS}. More than 20 % of the fall is not the present version's own, and going back "
        "would not undo it."
    )


def test_the_model_is_worse() -> None:
    """With what going back would do."""
    assert describe("worse", "own") == (
        f"The present version is worse than the former one: {COUNTS}. More than 20 % of its fall is its own, and going "
        "back would undo that."
    )


def test_both_are_true() -> None:
    """Going back helps, and only in part."""
    assert describe("worse", "own", "fallen", "world").endswith(
        "More than 20 % of its fall is its own, and more than that part is the world's, so going back would undo only "
        "a part of it."
    )
    assert describe("worse", "own", "fallen").endswith(
        "its own; the former version is worse than it was as well, so going back would undo only a part of it."
    )


def test_nobody_knows() -> None:
    """And what is known, and what is missing."""
    assert describe() == (
        f"{NOBODY}{COUNTS}. Neither is shown to be worse than the other, nor the former one to be worse than it was."
    )
    assert describe("worse") == (
        f"{NOBODY}{COUNTS}. The present version is worse than the former one; that this is more than 20 % of its fall "
        "is not shown."
    )
    assert describe("fallen") == (
        f"{NOBODY}{COUNTS}. The former version is worse than it was as well; how much of the fall that explains is not "
        "shown."
    )


def test_nobody_can_tell_without_pairs() -> None:
    """Labels of the former version alone say nothing about the two of them."""
    nothing = f"{NOBODY}since the alarm no request has a label for both versions' answers."
    assert describe(labels=PairedLabels()) == nothing
    assert describe(labels=PairedLabels(former_alone=Batch(9, 9))) == nothing
