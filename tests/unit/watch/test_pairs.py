"""What pairs of labels say: reference values, factors whose mean is 1 at most where the claim is false, and counts."""

import itertools
import math
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from palier.evidence.odds_ratio import RATIOS
from palier.watch.edetector import Batch
from palier.watch.pairs import (
    NO_PAIRS,
    STAKES,
    PairedLabels,
    Tolerated,
    blame_present,
    blame_world,
    compare_versions,
    watch_former,
)

ALIKE = Tolerated(0.3, 0.3)
APART = Tolerated(0.3, 0.1)
"""The former version was better than what is tolerated of the present one."""
Chances = tuple[float, float, float, float]
"""Probabilities of both right, only the present one wrong, only the former one wrong, both wrong."""


def mean_factors(gains: Callable[[PairedLabels], Sequence[float]], chances: Chances, *, pairs: int = 3) -> list[float]:
    """The mean of the factor of each bet over all outcomes of so many pairs."""
    total = [0.0] * len(gains(NO_PAIRS))
    for kinds in itertools.product(range(4), repeat=pairs):
        chance = math.prod(chances[kind] for kind in kinds)
        labels = PairedLabels.from_counts([kinds.count(kind) for kind in range(4)])
        total = [sum_ + chance * math.exp(gain) for sum_, gain in zip(total, gains(labels), strict=True)]
    return total


def join(present: float, former: float, both: float) -> Chances:
    """The probabilities of the kinds of pairs, by the shares of wrong answers and the share of which both are."""
    return 1 - present - former + both, present - both, former - both, both


def test_only_pairs_that_differ_compare_the_versions() -> None:
    """A bet on twice the odds: at a margin of 1 the present version is the wrong one in two of three of them."""
    gains = compare_versions(PairedLabels(50, 3, 2, 40, Batch(9, 9)), margin=1)
    assert gains[RATIOS.index(2.0)] == pytest.approx(3 * math.log(4 / 3) + 2 * math.log(2 / 3))
    assert compare_versions(PairedLabels(50, 0, 0, 40), margin=1) == (0.0,) * len(RATIOS)


def test_bets_on_the_world_have_their_reference_values() -> None:
    """A pair has the value 0, -0.2, 1 and 0.8 against 0.24, with stakes up to 1 / 0.44."""
    stake = STAKES[2] / 0.44
    expected = [math.log(1 + stake * (z - 0.24)) for z in (0.0, -0.2, 1.0, 0.8)]
    gains = blame_world(PairedLabels(4, 3, 2, 1), ALIKE, part=0.2)
    assert gains[2] == pytest.approx(math.fsum(map(math.prod, zip((4, 3, 2, 1), expected, strict=True))))


def test_bets_on_the_present_version_have_their_reference_values() -> None:
    """A pair has the value 0, -0.8, 1 and 0.2 against 0.06 in the other direction, with stakes up to 1 / 0.94."""
    stake = STAKES[1] / 0.94
    expected = [math.log(1 + stake * (0.06 - z)) for z in (0.0, -0.8, 1.0, 0.2)]
    gains = blame_present(PairedLabels(4, 3, 2, 1), ALIKE, part=0.2)
    assert gains[1] == pytest.approx(math.fsum(map(math.prod, zip((4, 3, 2, 1), expected, strict=True))))


@pytest.mark.parametrize("both", [0.0, 0.1, 0.25])
def test_two_versions_that_are_alike_have_mean_one(both: float) -> None:
    """Enumerated, however much their mistakes have in common; less where the present version is better."""
    alike = mean_factors(lambda labels: compare_versions(labels, margin=1), join(0.3, 0.3, both))
    assert alike == pytest.approx([1.0] * len(RATIOS))
    better = mean_factors(lambda labels: compare_versions(labels, margin=1), join(0.26, 0.3, both))
    assert max(better) < 1


def join_all(chances: Sequence[float]) -> Chances:
    """The four of them."""
    both_right, present_wrong, former_wrong, both_wrong = chances
    return both_right, present_wrong, former_wrong, both_wrong


def test_a_version_within_the_margin_gains_nothing() -> None:
    """At twice the former's odds on every request, a mix of easy and hard ones has a mean of at most 1, at margin 2."""
    chances = [0.0] * 4
    for former in (0.02, 0.5):
        present = 2 * former / (1 + former)
        for kind, chance in enumerate(join(present, former, present * former)):
            chances[kind] += chance / 2
    factors = mean_factors(lambda labels: compare_versions(labels, margin=2), join_all(chances))
    assert max(factors) <= 1 + 1e-12
    assert min(mean_factors(lambda labels: compare_versions(labels, margin=1), join_all(chances))[:3]) > 1


def test_a_former_version_at_what_is_tolerated_has_mean_one() -> None:
    """Of all its labels, also those without a partner; less below."""
    for share, is_below in ((0.1, False), (0.05, True)):
        total = [0.0] * len(RATIOS)
        for hits in range(4):
            chance = math.comb(3, hits) * share**hits * (1 - share) ** (3 - hits)
            paired = PairedLabels(former_wrong=min(hits, 1), both_right=1 - min(hits, 1), former_alone=Batch(2, 0))
            labels = PairedLabels(
                both_right=paired.both_right,
                former_wrong=paired.former_wrong,
                former_alone=Batch(2, hits - paired.former_wrong),
            )
            gains = watch_former(labels, APART)
            total = [sum_ + chance * math.exp(gain) for sum_, gain in zip(total, gains, strict=True)]
        assert max(total) < 1 if is_below else total == pytest.approx([1.0] * len(RATIOS))


@pytest.mark.parametrize("tolerated", [ALIKE, APART])
@pytest.mark.parametrize("alike", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("part", [0.2, 0.4])
def test_who_has_just_that_part_of_the_fall_has_mean_one(tolerated: Tolerated, alike: float, part: float) -> None:
    """Enumerated, of the world and of the present version's own; less for a smaller part, more for a larger one."""
    present = tolerated.present + 0.2
    for function, world in ((blame_world, part), (blame_present, 1 - part)):
        for moved, compare in ((0.0, "at"), (0.1, "more"), (-0.1, "less")):
            of_world = world + moved if function is blame_world else world - moved
            former = tolerated.former + 0.2 * of_world
            both = alike * min(present, former) + (1 - alike) * max(0.0, present + former - 1)
            factors = mean_factors(partial(function, tolerated=tolerated, part=part), join(present, former, both))
            if compare == "at":
                assert factors == pytest.approx([1.0] * len(STAKES))
            elif compare == "less":
                assert max(factors) < 1
            else:
                assert factors[0] > 1


def test_the_largest_stake_keeps_something() -> None:
    """No pair costs everything, whatever is tolerated."""
    for tolerated in (Tolerated(0.999, 0.001), Tolerated(0.001, 0.999), Tolerated(0.5, 0.5)):
        for kind in range(4):
            labels = PairedLabels.from_counts([100 * (kind == other) for other in range(4)])
            for part in (0.01, 0.49):
                gains = (*blame_world(labels, tolerated, part=part), *blame_present(labels, tolerated, part=part))
                assert all(math.isfinite(gain) for gain in gains)


def test_counts_of_both_versions() -> None:
    """The present version's labels, all of the former one's, and the pairs that differ."""
    labels = PairedLabels(5, 4, 3, 2, Batch(7, 6)).plus(PairedLabels(1, 1, 1, 1, Batch(1, 0)))
    assert labels == PairedLabels(6, 5, 4, 3, Batch(8, 6))
    assert labels.pairs == 18
    assert (labels.present, labels.former_paired, labels.former) == (Batch(18, 8), Batch(18, 7), Batch(26, 13))
    assert labels.differing == Batch(9, 5)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("count", [-1, math.nan])
def test_impossible_pairs_are_refused(place: int, count: float) -> None:
    """Nobody has sent them."""
    with pytest.raises(ValueError, match=r"^impossible pairs of labels"):
        PairedLabels.from_counts([count if place == other else 1 for other in range(4)])  # type: ignore[list-item]
