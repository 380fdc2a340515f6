"""The detector of wrong labels, over random streams: what a split into batches changes, and what never happens."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.evidence.dispersion import NO_JUMPS, temper_gain
from palier.evidence.odds_ratio import RATIOS
from palier.watch.edetector import CAP, NO_LABELS, Batch, Detector, DetectorRule, Recursion, compute_gains
from palier.watch.groups import EVERYONE, ConceptWatch, WatchRule
from tests.support.thorough import examples

RULE = DetectorRule(0.1)
NAMES = st.sampled_from(["a", "b", "c", EVERYONE])

BATCHES = st.lists(
    st.integers(0, 30).flatmap(lambda size: st.builds(Batch, st.just(size), st.integers(0, size))), max_size=20
)


def watch(batches: list[Batch], rule: DetectorRule = RULE, *, is_blind: bool = False) -> Detector:
    """The detector after all batches, without starting anew at an alarm; a blind one sees no labels come together."""
    detector = Detector()
    for batch in batches:
        detector = detector.add_batch(batch, compute_gains(batch, rule.tolerated), rule)
        if is_blind:
            detector = replace(detector, jumps=NO_JUMPS, last=NO_LABELS)
    return detector


@settings(max_examples=examples(40, thorough=2000), deadline=None)
@given(BATCHES)
def test_capital_is_the_stated_sum_over_batches(batches: list[Batch]) -> None:
    """However labels are split: what began in each batch, times what all batches from it on have multiplied it by."""
    kept = [batch for batch in batches if batch.labels]
    logs = watch(batches).logs
    effects = [watch(kept[: number + 1]).jumps.design_effect for number in range(len(kept))]
    for bet in range(len(RATIOS) if kept else 0):
        gains = [
            min(CAP, temper_gain(compute_gains(batch, RULE.tolerated)[bet], effect))
            for batch, effect in zip(kept, effects, strict=True)
        ]
        terms = [math.log(batch.labels) + math.fsum(gains[k:]) for k, batch in enumerate(kept)]
        largest = max(terms)
        total = largest + math.log(math.fsum(math.exp(term - largest) for term in terms))
        assert logs[bet] == pytest.approx(total, abs=1e-9)


@settings(max_examples=examples(40, thorough=2000), deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=30), st.data())
def test_the_order_of_labels_matters_and_one_batch_claims_less_than_its_best_order(
    labels: list[bool], data: st.DataObject
) -> None:
    """One by one, labels say most where the wrong ones come last; a batch knows no order, and never says as much."""
    wrong = sum(labels)
    apart = [Batch(1, 1)] * wrong + [Batch(1, 0)] * (len(labels) - wrong)
    orders = (apart, data.draw(st.permutations(apart)), apart[::-1])
    first, any_order, last = (watch(list(order), is_blind=True).log_capital for order in orders)
    assert first - 1e-9 <= any_order <= last + 1e-9
    assert watch([Batch(len(labels), wrong)]).log_capital <= last + 1e-9


@settings(max_examples=examples(40, thorough=2000), deadline=None)
@given(BATCHES, st.integers(1, 30), st.data())
def test_more_wrong_labels_never_speak_for_a_version(batches: list[Batch], size: int, data: st.DataObject) -> None:
    """At any place of the stream, by either recursion, where they do not make labels look as if they came together."""
    wrong = data.draw(st.integers(0, size - 1))
    place = data.draw(st.integers(0, len(batches)))
    for recursion in Recursion:
        rule = DetectorRule(0.1, recursion=recursion)
        better, worse = (
            watch([*batches[:place], Batch(size, hits), *batches[place:]], rule, is_blind=True)
            for hits in (wrong, wrong + 1)
        )
        assert better.log_capital <= worse.log_capital


@settings(max_examples=examples(25, thorough=1000), deadline=None)
@given(BATCHES)
def test_any_stream_is_finite_and_reads_back(batches: list[Batch]) -> None:
    """A restart between two batches changes nothing, and no number overflows."""
    detector = watch(batches)
    assert Detector.from_status(detector.to_status()) == detector
    assert detector.risen.wrong <= detector.risen.labels <= sum(batch.labels for batch in batches)
    assert not batches or detector.log_capital < math.inf


@settings(max_examples=examples(25, thorough=1000), deadline=None)
@given(st.lists(st.dictionaries(NAMES, st.integers(1, 9).map(lambda size: Batch(size, size // 2)), max_size=4)))
def test_groups_have_the_capital_of_their_own_labels(stream: list[dict[str, Batch]]) -> None:
    """As if nobody else were watched; and everyone that of the labels together, as all tolerate the same here."""
    rule = WatchRule(RULE, elsewhere=RULE.tolerated)
    seen = ConceptWatch()
    for batch in stream:
        seen = seen.add_batch(batch, rule)
    for name in ("a", "b", "c"):
        alone = watch([batch[name] for batch in stream if name in batch])
        assert seen.groups.get(name, Detector()).logs == pytest.approx(alone.logs)
    sums = [Batch(sum(one.labels for one in b.values()), sum(one.wrong for one in b.values())) for b in stream]
    assert seen.everyone.logs == pytest.approx(watch(sums).logs)
    assert ConceptWatch.from_status(seen.to_status()) == seen
