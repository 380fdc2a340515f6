"""Labels of two versions after a promotion: what is drawn, which verdict is right, and what is counted."""

import math

import numpy as np
import pytest

from palier.simulate.world_or_model import AttributionCase
from palier.simulate.world_or_model_runs import (
    AttributionRun,
    _draw_batches,
    _list_chances,
    list_attribution_parameters,
    list_right_causes,
    play_attributions,
    summarize_attributions,
)
from palier.watch.attribution import Cause

WORLD, MODEL, NOBODY = Cause.WORLD_CHANGED, Cause.MODEL_IS_WORSE, Cause.UNATTRIBUTED


def test_labels_before_and_after_the_change() -> None:
    """It may come within a batch, the last batch may be smaller, and pairs are part of all labels."""
    case = AttributionCase(
        0.9999, 0.0, former_accuracy_after=0.5, copied=0.5, labels=2005, change_at=1004, shared_mistakes=0.0
    )
    drawn = list(_draw_batches(case, np.random.default_rng(1)))
    assert [one.present.labels for one in drawn[-2:]] == [10, 5]
    assert sum(one.present.wrong for one in drawn[:100]) <= 2
    assert drawn[100].present.wrong in {6, 7}
    assert all(one.present.wrong == one.present.labels for one in drawn[101:])
    pairs = drawn[0].pairs
    for one in drawn[1:]:
        pairs = pairs.plus(one.pairs)
    assert 900 <= pairs.pairs <= 1100
    assert pairs.both_wrong == pytest.approx(250, abs=50)
    assert pairs.former_wrong <= 2


@pytest.mark.parametrize("copied", [0.0, 1.0])
def test_nothing_or_everything_is_copied(copied: float) -> None:
    """All labels are those of the present version, whoever else answered."""
    case = AttributionCase(copied=copied, labels=100)
    for one in _draw_batches(case, np.random.default_rng(1)):
        assert one.pairs.pairs == copied * one.present.labels
        assert one.present.labels == 10


def test_mistakes_may_be_shared() -> None:
    """With this correlation, and as far as the shares leave room for it; both shares stay what they are."""
    for present, former, correlation in (
        (0.8, 0.9, 0.3),
        (0.8, 0.8, 1.0),
        (0.8, 0.9, 0.0),
        (0.5, 0.99, 1.0),
        (0.0, 1.0, 0.5),
    ):
        chances = _list_chances(present, former, correlation)
        assert math.fsum(chances) == pytest.approx(1)
        assert min(chances) >= 0
        assert chances[1] + chances[3] == pytest.approx(1 - present)
        assert chances[2] + chances[3] == pytest.approx(1 - former)
    _, only_present, only_former, _ = _list_chances(0.8, 0.8, 1.0)
    assert only_present == pytest.approx(only_former) == pytest.approx(0)
    both = _list_chances(0.8, 0.9, 0.3)[3]
    assert both == pytest.approx(0.02 + 0.3 * 0.4 * 0.3)


@pytest.mark.parametrize(
    ("after", "former", "causes"),
    [
        (0.8, None, {WORLD}),
        (0.8, 0.9, {MODEL}),
        (0.8, 0.95, {MODEL}),
        (0.8, 0.85, {WORLD, MODEL}),
        (0.8, 0.81, {WORLD}),
        (0.8, 0.89, {MODEL}),
        (0.8, 0.7, {WORLD}),
        (0.9, None, set()),
        (0.95, 0.8, set()),
    ],
)
def test_right_is_whose_part_of_the_fall_is_more_than_a_fifth(
    after: float, former: float | None, causes: set[Cause]
) -> None:
    """Of both, where both have one; without a fall nothing is right."""
    assert list_right_causes(AttributionCase(accuracy_after=after, former_accuracy_after=former)) == causes


def test_measures() -> None:
    """Right, wrong and undecided add up; a verdict before the change is wrong; other runs are infinitely late."""
    runs = [
        AttributionRun(MODEL, False, 100, 400, 50),
        AttributionRun(MODEL, False, 120, 500, 60),
        AttributionRun(MODEL, False, -300, -100, 20),
        AttributionRun(WORLD, True, 100, 300, 40),
        AttributionRun(NOBODY, False, 200, math.inf, 90),
        AttributionRun(NOBODY, False, math.inf, math.inf, 0),
    ]
    figures = summarize_attributions(runs, AttributionCase(former_accuracy_after=0.9))
    assert figures["rightRate"] == pytest.approx(2 / 6)
    assert figures["wrongRate"] == pytest.approx(2 / 6)
    assert figures["undecidedRate"] == pytest.approx(2 / 6)
    assert figures["noAlarmRate"] == pytest.approx(1 / 6)
    assert (figures["worldChangedRate"], figures["modelIsWorseRate"]) == (pytest.approx(1 / 6), pytest.approx(3 / 6))
    assert figures["medianLabelsToVerdict"] is None
    assert figures["medianLabelsToAlarm"] == 100
    both = summarize_attributions(runs[:2], AttributionCase(former_accuracy_after=0.9))
    assert (both["medianLabelsToVerdict"], both["p90LabelsToVerdict"]) == (400, 500)
    assert (both["medianPairsToVerdict"], both["medianHoursToVerdict"]) == (50, 40)


def test_a_run_depends_on_its_number_alone() -> None:
    """Whoever plays it."""
    case = AttributionCase()
    assert list(play_attributions(case, 1, [3])) == list(play_attributions(case, 1, range(5)))[3:4]


def test_parameters_say_what_was_played() -> None:
    """With what follows from what was left out."""
    parameters = list_attribution_parameters(AttributionCase())
    assert (parameters["changeAt"], parameters["formerAccuracyAfter"]) == (1000, 0.8)
