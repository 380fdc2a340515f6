"""Streams of labels after a promotion: what is drawn, when a change comes, and what counts as false."""

import math

import numpy as np
import pytest

from palier.simulate.concept import REST, SEGMENT, ConceptCase
from palier.simulate.concept_runs import ConceptRun, _draw_batches, _make_rule, play, summarize
from palier.watch.groups import EVERYONE


def draw(case: ConceptCase) -> list[dict[str, tuple[int, float]]]:
    """The labels and wrong ones of each batch by group."""
    ends = np.minimum(np.arange(case.batch, case.labels + case.batch, case.batch), case.labels)
    batches = _draw_batches(case, ends, np.random.default_rng(1))
    return [{name: (one.labels, one.wrong) for name, one in batch.items()} for batch in batches]


def test_a_change_may_come_within_a_batch() -> None:
    """All labels are drawn, the last batch may be smaller, and a batch may have labels of both kinds."""
    batches = draw(ConceptCase(0.9999, 0.0, labels=25, change_at=14))
    assert [batch[EVERYONE] for batch in batches] == [(10, 0), (10, 6), (5, 5)]


def test_labels_of_a_stream_that_ends_with_a_whole_batch() -> None:
    """There is no empty batch behind it."""
    assert [batch[EVERYONE][0] for batch in draw(ConceptCase(labels=30))] == [10, 10, 10]


def test_only_the_segment_becomes_worse() -> None:
    """The others stay as they were."""
    batches = draw(ConceptCase(0.9999, 0.0, labels=2000, change_at=1000, segment_share=0.3))
    assert sum(batch[REST][1] for batch in batches) <= 2
    assert sum(batch[SEGMENT][1] for batch in batches[:100]) == 0
    assert all(batch[SEGMENT][0] == batch[SEGMENT][1] for batch in batches[100:])
    assert 500 <= sum(batch[SEGMENT][0] for batch in batches) <= 700


def test_labels_of_a_batch_may_depend_on_each_other() -> None:
    """The number of wrong ones varies more from batch to batch, around the same mean."""
    plain, clustered = (
        np.array([batch[EVERYONE][1] for batch in draw(ConceptCase(0.8, labels=20_000, overdispersion=correlation))])
        for correlation in (0.0, 0.3)
    )
    assert clustered[:1000].var() > 2 * plain[:1000].var()
    assert clustered[:1000].mean() == pytest.approx(2.0, abs=0.2)


def test_what_is_tolerated_is_stated_or_learned() -> None:
    """Stated for everyone and each group; learned, an upper bound for each, which few labels make higher."""
    random = np.random.default_rng(1)
    stated = _make_rule(ConceptCase(segment_share=0.2), random)
    assert stated.everyone.tolerated == stated.find_tolerated(SEGMENT) == pytest.approx(0.1)
    learned = _make_rule(ConceptCase(segment_share=0.2, reference_labels=5000), random)
    assert 0.1 < learned.everyone.tolerated < 0.12
    assert all(0.09 < learned.groups[name] < 0.13 for name in (SEGMENT, REST))
    assert _make_rule(ConceptCase(reference_labels=100), random).everyone.tolerated > learned.everyone.tolerated
    assert not _make_rule(ConceptCase(reference_labels=5000), random).by_group
    hopeless = _make_rule(ConceptCase(0.01, reference_labels=1), random)
    assert 0.99 < hopeless.everyone.tolerated < 1


def test_runs_depend_on_their_number_alone() -> None:
    """In any order."""
    case = ConceptCase(labels=1000)
    assert list(play(case, 1, [3, 1])) == [next(play(case, 1, [3])), next(play(case, 1, [1]))]
    assert list(play(case, 1, range(20))) != list(play(case, 2, range(20)))


def test_measures_count_what_happened() -> None:
    """A stream in which nothing was found is infinitely late; the interval of none is that of 3.7 expected alarms."""
    case = ConceptCase(labels=20_000, labels_per_hour=20, segment_share=0.5)
    runs = [
        ConceptRun(0, 10_000, 100.0, (SEGMENT,)),
        ConceptRun(0, 10_000, 200.0, (EVERYONE, SEGMENT)),
        ConceptRun(0, 10_000, math.inf),
    ]
    result = summarize(runs, case)
    assert result["detectedRate"] == pytest.approx(2 / 3)
    assert (result["medianLabelsToDetection"], result["medianHoursToDetection"]) == (200.0, 10.0)
    assert result["p90LabelsToDetection"] is None
    assert result["onlySegmentNamedRate"] == 0.5
    assert result["falseAlarmsPer10000Interval"] == pytest.approx([0, 3.689 / 3], abs=1e-3)
    three = [run._replace(false_alarms=1) for run in runs]
    assert summarize(three, case)["falseAlarmsPer10000"] == 1
    assert summarize(three, case)["falseAlarmsPer10000Interval"] == pytest.approx([0.6187 / 3, 8.767 / 3], abs=1e-3)


def test_an_alarm_before_the_change_is_false_and_the_watch_goes_on() -> None:
    """The change is found all the same; where nothing that matters changes, all alarms are false."""
    case = ConceptCase(labels=2000, change_at=1800, run_length=20, batch=1)
    runs = list(play(case, 1, range(20)))
    assert sum(run.false_alarms for run in runs) > 20
    assert {run.quiet_labels for run in runs} == {1800}
    assert all(run.found_after <= 200 for run in runs)
    same = list(play(ConceptCase(0.9, 0.9, labels=2000, change_at=1800, run_length=20, batch=1), 1, range(20)))
    assert {run.quiet_labels for run in same} == {2000}
    assert sum(run.false_alarms for run in same) > sum(run.false_alarms for run in runs)


@pytest.mark.parametrize(("after", "tolerated", "is_worse"), [(0.8, None, True), (0.9, None, False), (0.8, 0.8, False)])
def test_worse_is_what_is_not_tolerated(after: float, tolerated: float | None, is_worse: bool) -> None:
    """A change within what is tolerated is none that matters."""
    assert ConceptCase(0.9, after, tolerated_accuracy=tolerated).is_worse is is_worse
