"""The test of labels: its promise on false alarms, its reference values, how soon it finds a change, and its status."""

import itertools
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from palier.evidence.dispersion import NO_JUMPS
from palier.evidence.odds_ratio import RATIOS
from palier.watch.edetector import (
    CAP,
    NO_LABELS,
    Batch,
    Detector,
    DetectorRule,
    Recursion,
    compute_gains,
    multiply_capital,
)

SR, CUSUM = Recursion.SHIRYAEV_ROBERTS, Recursion.CUSUM


def play(batches: Iterable[Batch], rule: DetectorRule) -> Iterator[tuple[int, Batch]]:
    """The labels before each alarm, and what seems to have risen; the detector starts anew after one."""
    detector, labels = Detector(), 0
    for batch in batches:
        detector = detector.add_batch(batch, compute_gains(batch, rule.tolerated), rule)
        labels += batch.labels
        if detector.log_capital >= rule.log_bound:
            yield labels, detector.risen
            detector = detector.start_anew()


def draw(wrong: float, *, size: int, number: int, seed: int) -> list[Batch]:
    """Batches of independent labels."""
    random = np.random.default_rng(seed)
    return [Batch(size, int(hits)) for hits in random.binomial(size, wrong, number)]


@pytest.mark.parametrize(("recursion", "value"), [(SR, 3420.5420), (CUSUM, 1242.5149)])
def test_the_recursions_have_their_reference_values(recursion: Recursion, value: float) -> None:
    """Ten labels, three bets on the mean of values between 0 and 1 against 0.1."""
    logs: tuple[float, ...] = ()
    for label in (0, 0, 1, 0, 1, 1, 0, 1, 1, 1):
        gains = [math.log1p(stake * (label - 0.1)) for stake in (0.5, 2, 4)]
        logs = multiply_capital(logs, gains, begun=1, recursion=recursion)
    assert sum(map(math.exp, logs)) / 3 == pytest.approx(value, abs=1e-4)


def test_gains_are_those_of_a_bet_on_the_mean() -> None:
    """A likelihood ratio of two shares is a bet of a constant stake: both ways to write the factor agree."""
    odds = 0.1 / 0.9 * 2
    share = odds / (1 + odds)
    stake = (share - 0.1) / (0.1 * 0.9)
    gain = compute_gains(Batch(5, 2), 0.1)[RATIOS.index(2.0)]
    assert gain == pytest.approx(2 * math.log1p(stake * 0.9) + 3 * math.log1p(-stake * 0.1))


@pytest.mark.parametrize("recursion", [SR, CUSUM])
@pytest.mark.parametrize("sizes", [(1,) * 8, (3, 1, 4), (8,), (2, 6)])
@pytest.mark.parametrize("wrong", [0.3, 0.2])
def test_capital_and_alarms_never_exceed_the_labels_over_every_path(
    recursion: Recursion, sizes: tuple[int, ...], wrong: float
) -> None:
    """The promise, enumerated: at any end the mean of M and of A for each alarm is at most the number of labels."""
    rule = DetectorRule(0.3, run_length=100.0 * max(sizes), recursion=recursion)
    capital = alarms = 0.0
    for path in itertools.product(*(range(size + 1) for size in sizes)):
        chance = math.prod(
            math.comb(size, hits) * wrong**hits * (1 - wrong) ** (size - hits)
            for size, hits in zip(sizes, path, strict=True)
        )
        detector = Detector()
        for size, hits in zip(sizes, path, strict=True):
            batch = Batch(size, hits)
            detector = detector.add_batch(batch, compute_gains(batch, rule.tolerated), rule)
            if detector.log_capital >= rule.log_bound:
                alarms += chance
                detector = detector.start_anew()
        capital += chance * math.exp(detector.log_capital) if detector.logs else 0.0
    assert capital + rule.run_length * alarms <= sum(sizes) * (1 + 1e-12)
    if recursion is SR and wrong == rule.tolerated and sizes == (1,) * 8:
        assert alarms > 0.001
        assert capital + rule.run_length * alarms > 0.5 * sum(sizes)


def test_at_what_is_tolerated_capital_grows_by_the_labels() -> None:
    """Without the cap and the limit of what begins, the mean of M is the number of labels: nothing is lost."""
    sizes, total = (2, 1, 3), 0.0
    for path in itertools.product(*(range(size + 1) for size in sizes)):
        logs: tuple[float, ...] = ()
        chance = 1.0
        for size, hits in zip(sizes, path, strict=True):
            chance *= math.comb(size, hits) * 0.3**hits * 0.7 ** (size - hits)
            logs = multiply_capital(logs, compute_gains(Batch(size, hits), 0.3), begun=size, recursion=SR)
        total += chance * sum(map(math.exp, logs)) / len(logs)
    assert total == pytest.approx(6)


@pytest.mark.parametrize(("recursion", "least"), [(SR, 0.2), (CUSUM, 0.02)])
def test_false_alarms_are_as_rare_as_promised(recursion: Recursion, least: float) -> None:
    """At the tolerated share itself: no more than one in a run length, and not so few that alarms would come late."""
    rule = DetectorRule(0.1, run_length=200.0, recursion=recursion)
    batches = draw(0.1, size=1, number=40_000, seed=1)
    promised = 40_000 / rule.run_length
    assert least * promised <= len(list(play(batches, rule))) <= promised


@pytest.mark.parametrize("size", [1, 10, 50])
def test_ten_points_more_are_found_within_250_labels_in_the_median(size: int) -> None:
    """From 90 % to 80 % right, at one false alarm in 10,000 labels, from the first label on."""
    rule = DetectorRule(0.1)
    found = []
    for seed in range(60):
        batches = draw(0.2, size=size, number=3000 // size, seed=seed)
        found.append(next(play(batches, rule), (math.inf, Batch(0, 0)))[0])
    assert sorted(found)[29] <= 250
    assert max(found) < math.inf


def test_a_late_change_takes_no_longer() -> None:
    """What was fine for a long time counts for nothing: capital begins with every batch."""
    rule = DetectorRule(0.1)
    found = []
    for seed in range(40):
        batches = [*draw(0.05, size=10, number=1000, seed=seed), *draw(0.2, size=10, number=300, seed=seed + 1000)]
        found.append(next(labels for labels, _ in play(batches, rule)) - 10_000)
    assert min(found) > 0
    assert sorted(found)[19] <= 250


def test_cusum_is_never_before_shiryaev_roberts() -> None:
    """It keeps less capital; so it has fewer false alarms, and finds later."""
    for seed in range(10):
        batches = draw(0.2, size=5, number=400, seed=seed)
        first, second = (next(play(batches, DetectorRule(0.1, recursion=one)))[0] for one in (SR, CUSUM))
        assert first <= second


def test_no_batch_decides_alone() -> None:
    """However large it is and however wrong: three batches lie between nothing and an alarm."""
    for size in (1, 10, 1_000, 1_000_000):
        batches = [Batch(size, size)] * 40
        assert next(play(batches, DetectorRule(0.1)))[0] >= 3 * size


def test_one_batch_multiplies_by_no_more_than_the_cap() -> None:
    """Each bet."""
    rule, batch = DetectorRule(0.1), Batch(500, 500)
    before = Detector().add_batch(Batch(10, 1), compute_gains(Batch(10, 1), 0.1), rule)
    after = before.add_batch(batch, compute_gains(batch, 0.1), rule)
    grown = [
        new - math.log(math.exp(old) + 100) for old, new in zip(before.logs, after.logs, strict=True)
    ]  # a hundredth of the run length begins
    assert grown == pytest.approx([CAP] * len(RATIOS))


def test_labels_that_come_together_are_noticed_and_weaken_what_is_gained() -> None:
    """Ten labels of one user each, good or bad together, make more false alarms than promised, and far more without."""
    random = np.random.default_rng(1)
    rule = DetectorRule(0.1, run_length=1000.0)
    size = 1 / 0.1 - 1
    batches = [Batch(10, int(hits)) for hits in random.binomial(10, random.beta(0.1 * size, 0.9 * size, 10_000))]
    detector, without = Detector(), 0
    for batch in batches:
        blind = replace(detector, jumps=NO_JUMPS, last=NO_LABELS)
        detector = blind.add_batch(batch, compute_gains(batch, 0.1), rule)
        if detector.log_capital >= rule.log_bound:
            without, detector = without + 1, Detector()
    assert len(list(play(batches, rule))) < 0.6 * without


def test_after_an_alarm_what_is_known_of_the_labels_stays() -> None:
    """The capital is gone, and how labels come together is not."""
    rule, detector = DetectorRule(0.1), Detector()
    for wrong in (0, 9, 1, 8):
        detector = detector.add_batch(Batch(10, wrong), compute_gains(Batch(10, wrong), 0.1), rule)
    anew = detector.start_anew()
    assert detector.jumps.design_effect > 1
    assert (anew.logs, anew.rise, anew.risen) == ((), 0.0, NO_LABELS)
    assert (anew.jumps, anew.last) == (detector.jumps, Batch(10, 8))


def test_the_labels_of_the_rise_are_told() -> None:
    """What came before the change is not among them, or hardly any of it."""
    rule = DetectorRule(0.1)
    quiet, bad = [Batch(10, 0)] * 100, [Batch(10, 4)] * 20
    labels, risen = next(play([*quiet, *bad], rule))
    assert risen == Batch(labels - 1000, 0.4 * (labels - 1000))


def test_values_count_less_than_themselves() -> None:
    """The sum of values between 0 and 1 never gains more than the values one by one would."""
    odds = 0.1 / 0.9 * 3
    share = odds / (1 + odds)
    hit, miss = share / 0.1, (1 - share) / 0.9
    for values in ((0.5, 0.5), (0.1, 0.9, 0.3), (0.0, 1.0)):
        exact = sum(math.log(value * hit + (1 - value) * miss) for value in values)
        gain = compute_gains(Batch(len(values), sum(values)), 0.1)[RATIOS.index(3.0)]
        assert gain <= exact + 1e-12


def test_without_labels_nothing_changes() -> None:
    """An interval in which nobody said anything is no news."""
    detector = Detector().add_batch(Batch(10, 3), compute_gains(Batch(10, 3), 0.1), DetectorRule(0.1))
    assert detector.add_batch(Batch(0, 0), compute_gains(Batch(0, 0), 0.1), DetectorRule(0.1)) == detector


def test_status_reads_back_exactly() -> None:
    """Also through JSON, at every moment of a stream."""
    rule, detector = DetectorRule(0.1), Detector()
    for batch in (Batch(10, 0), Batch(7, 3), Batch(3, 1.25), Batch(200, 90)):
        assert Detector.from_status(json.loads(json.dumps(detector.to_status()))) == detector
        detector = detector.add_batch(batch, compute_gains(batch, 0.1), rule)
    assert detector.risen.wrong == 94.25
    assert Detector.from_status(detector.to_status()) == detector
    assert Detector.from_status({}) == Detector()


def test_capital_of_other_bets_starts_anew() -> None:
    """As an older version with another grid may have left it."""
    batch = Batch(10, 3)
    gains = compute_gains(batch, 0.1)
    old = Detector((9.0, 9.0))
    assert old.add_batch(batch, gains, DetectorRule(0.1)).logs == Detector().add_batch(
        batch, gains, DetectorRule(0.1)
    ).logs  # fmt: skip


@pytest.mark.parametrize(
    "status",
    [
        {"logs": ["nan"]},
        {"logs": ["inf"]},
        {"logs": ["much"]},
        {"logs": 3},
        {"rise": "-1.0"},
        {"rise": "inf"},
        {"labels": -1},
        {"labels": 3, "wrong": "4.0"},
        {"labels": 3, "wrong": "nan"},
        {"labels": [1]},
        {"pairs": -1},
        {"sum": "nan"},
        {"lastLabels": 1, "lastWrong": "2.0"},
        [],
    ],
)
def test_an_impossible_status_is_refused(status: dict[str, object]) -> None:
    """It was damaged: whoever reads it starts anew rather than trusting it."""
    with pytest.raises(ValueError, match=r".+"):
        Detector.from_status(status)


@pytest.mark.parametrize(
    ("tolerated", "run_length", "message"),
    [
        (0.0, 100.0, "the tolerated share must be above 0 and below 1, not 0"),
        (1.0, 100.0, "the tolerated share must be above 0 and below 1, not 1"),
        (math.nan, 100.0, "the tolerated share must be above 0 and below 1, not nan"),
        (0.1, 0.5, "a false alarm may come in so many labels, at least 1, not 0.5"),
        (0.1, math.inf, "a false alarm may come in so many labels, at least 1, not inf"),
    ],
)
def test_rules_that_promise_nothing_are_refused(tolerated: float, run_length: float, message: str) -> None:
    """With the number and what is allowed."""
    with pytest.raises(ValueError, match=f"^{message}$"):
        DetectorRule(tolerated, run_length=run_length)


@pytest.mark.parametrize(("labels", "wrong"), [(3, 4), (3, -1), (-1, 0), (3, math.nan)])
def test_impossible_labels_are_refused(labels: int, wrong: float) -> None:
    """Nobody has sent them."""
    with pytest.raises(ValueError, match=r"^impossible labels"):
        Batch(labels, wrong)
