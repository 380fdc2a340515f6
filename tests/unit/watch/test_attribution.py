"""Whether the world has changed or the model is worse: both promises, enumerated; what is found, and how it is kept."""

import itertools
import json
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest

from palier.evidence.bets import CAP
from palier.evidence.odds_ratio import RATIOS
from palier.watch.attribution import (
    ALPHA,
    NO_CLAIM,
    Attribution,
    AttributionRule,
    Cause,
    Claim,
    Series,
    compute_pair_gains,
)
from palier.watch.edetector import Batch
from palier.watch.pairs import NO_PAIRS, STAKES, PairedLabels, Tolerated

RULE = AttributionRule(Tolerated(0.1, 0.1))
WORLD = (0.72, 0.08, 0.08, 0.12)
"""Both versions are wrong in 20 %."""
MODEL = (0.76, 0.14, 0.04, 0.06)
"""The present version is wrong in 20 %, the former one in 10 %."""
NEITHER = (0.84, 0.06, 0.06, 0.04)
"""Both are wrong in 10 %."""
SHOWN = Claim(is_shown=True)


def add(attribution: Attribution, batches: Iterable[PairedLabels], rule: AttributionRule = RULE) -> Attribution:
    """What is known after all of these batches."""
    for labels in batches:
        attribution = attribution.add_batch(labels, compute_pair_gains(labels, rule.everyone, rule), rule)
    return attribution


def draw(chances: Sequence[float], *, number: int, seed: int, size: int = 10) -> list[PairedLabels]:
    """Batches of independent pairs."""
    drawn = np.random.default_rng(seed).multinomial(size, chances, size=number)
    return [PairedLabels.from_counts(counts) for counts in drawn.tolist()]


def find_cause(chances: Sequence[float], *, seed: int) -> tuple[Cause, float]:
    """The first verdict and how many pairs it took."""
    attribution = Attribution()
    for number, labels in enumerate(draw(chances, number=300, seed=seed), start=1):
        attribution = add(attribution, [labels])
        if attribution.cause is not Cause.UNATTRIBUTED:
            return attribution.cause, 10 * number
    return Cause.UNATTRIBUTED, math.inf


def walk(
    chances: Sequence[float], rule: AttributionRule, sizes: Sequence[int], measure: Callable[[Attribution], float]
) -> float:
    """The mean of a measure over every path of batches of these sizes, with pairs of these chances."""
    kinds = [
        [counts for counts in itertools.product(range(size + 1), repeat=4) if sum(counts) == size] for size in sizes
    ]
    total = 0.0
    for path in itertools.product(*kinds):
        chance = 1.0
        for counts in path:
            ways = math.factorial(sum(counts)) / math.prod(map(math.factorial, counts))
            chance *= ways * math.prod(p**count for p, count in zip(chances, counts, strict=True))
        total += chance * measure(add(Attribution(), map(PairedLabels.from_counts, path), rule)) if chance else 0.0
    return total


NULLS: dict[str, tuple[Tolerated, tuple[float, float, float, float]]] = {
    "worse": (Tolerated(0.2, 0.2), (0.58, 0.12, 0.12, 0.18)),
    "own": (Tolerated(0.24, 0.24), (0.52, 0.16, 0.14, 0.18)),
    "fallen": (Tolerated(0.2, 0.2), (0.5, 0.3, 0.1, 0.1)),
    "world": (Tolerated(0.125, 0.125), (0.48, 0.32, 0.02, 0.18)),
}
"""What is tolerated, and chances at which it is just false: a fifth of the fall is 2 of 10 points."""


@pytest.mark.parametrize("claim", NULLS)
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (2, 3)])
def test_the_mean_of_each_e_value_is_at_most_one_over_every_path(claim: str, sizes: tuple[int, ...]) -> None:
    """Enumerated where the claim is just false; not much less, or verdicts would come late."""
    tolerated, chances = NULLS[claim]
    rule = AttributionRule(tolerated, alpha=1e-9)
    mean = walk(chances, rule, sizes, lambda one: math.exp(getattr(one, claim).bets.log_e))
    assert 0.8 < mean <= 1 + 1e-12


@pytest.mark.parametrize("claim", NULLS)
@pytest.mark.parametrize("alpha", [0.3, 0.6])
def test_a_wrong_verdict_is_as_rare_as_promised_over_every_path(claim: str, alpha: float) -> None:
    """Enumerated, at any time: whichever of the two claims of a verdict is false."""
    tolerated, chances = NULLS[claim]

    def is_wrong(one: Attribution) -> bool:
        return one.world_too if claim in {"fallen", "world"} else one.cause is Cause.MODEL_IS_WORSE

    assert 0 < walk(chances, AttributionRule(tolerated, alpha=alpha), (2, 2, 2), is_wrong) <= alpha


@pytest.mark.parametrize(
    ("chances", "cause"), [(WORLD, Cause.WORLD_CHANGED), (MODEL, Cause.MODEL_IS_WORSE)], ids=["world", "model"]
)
def test_a_fall_of_ten_points_is_attributed_within_700_pairs(chances: Sequence[float], cause: Cause) -> None:
    """From 90 % to 80 % right: at least 95 % of the verdicts are right, and half of them within 300 pairs."""
    found = [find_cause(chances, seed=seed) for seed in range(60)]
    assert sum(one == cause and pairs <= 700 for one, pairs in found) >= 57
    assert sorted(pairs for _, pairs in found)[29] <= 300


def test_without_a_difference_nobody_knows() -> None:
    """A false alarm, both versions as good as before: of 30 of them none is explained in 1,000 pairs."""
    for seed in range(30):
        assert add(Attribution(), draw(NEITHER, number=100, seed=seed)).cause is Cause.UNATTRIBUTED


def test_a_difference_that_was_there_before_explains_no_fall() -> None:
    """The world takes 20 points from both, and the present version is wrong in two points more: it is not blamed."""
    chances = (0.58, 0.12, 0.10, 0.20)
    for seed in range(10):
        known = add(Attribution(), draw(chances, number=800, seed=seed))
        assert known.cause is Cause.WORLD_CHANGED


def test_a_former_version_that_was_always_worse_has_not_fallen() -> None:
    """It is held against what is tolerated of it: equal now, nothing has happened to it, and going back is no help."""
    rule = AttributionRule(Tolerated(0.1, 0.2))
    for seed in range(20):
        assert add(Attribution(), draw(WORLD, number=150, seed=seed), rule).cause is Cause.UNATTRIBUTED


def test_where_both_are_true_going_back_helps_and_the_world_is_named_too() -> None:
    """From 90 % right to 70 and to 80: half of the fall is the present version's own."""
    known = add(Attribution(), draw((0.65, 0.15, 0.05, 0.15), number=400, seed=1))
    assert known.cause is Cause.MODEL_IS_WORSE
    assert known.world_too


@pytest.mark.parametrize(
    ("shown", "cause", "world_too"),
    [
        ((), Cause.UNATTRIBUTED, False),
        (("worse",), Cause.UNATTRIBUTED, False),
        (("own",), Cause.UNATTRIBUTED, False),
        (("fallen",), Cause.UNATTRIBUTED, False),
        (("world",), Cause.UNATTRIBUTED, False),
        (("worse", "fallen"), Cause.UNATTRIBUTED, False),
        (("own", "world"), Cause.UNATTRIBUTED, False),
        (("fallen", "world"), Cause.WORLD_CHANGED, True),
        (("worse", "own"), Cause.MODEL_IS_WORSE, False),
        (("worse", "own", "fallen"), Cause.MODEL_IS_WORSE, False),
        (("worse", "own", "fallen", "world"), Cause.MODEL_IS_WORSE, True),
    ],
)
def test_a_verdict_needs_both_of_its_claims(shown: tuple[str, ...], cause: Cause, *, world_too: bool) -> None:
    """One alone says nothing; where both verdicts are true it is the one that may roll back."""
    known = Attribution(**dict.fromkeys(shown, SHOWN))  # type: ignore[arg-type]
    assert (known.cause, known.world_too) == (cause, world_too)


def test_a_claim_is_shown_at_its_bound() -> None:
    """The capital of its bets reaches it, and not before."""
    gains = [0.4, 0.2, -0.1]
    reached = NO_CLAIM.add_batch(gains, bound=9).bets.log_e
    assert NO_CLAIM.add_batch(gains, bound=reached - 1e-9) == SHOWN
    waiting = NO_CLAIM.add_batch(gains, bound=reached + 1e-9)
    assert (waiting.is_shown, waiting.bets.log_e) == (False, reached)


def test_what_is_shown_stays_shown() -> None:
    """Whatever comes after it."""
    known = add(Attribution(), draw(MODEL, number=150, seed=1))
    assert known.cause is Cause.MODEL_IS_WORSE
    assert add(known, [PairedLabels(former_wrong=10)] * 100).cause is Cause.MODEL_IS_WORSE


def test_a_fall_long_after_a_false_alarm_is_found_at_the_next_one() -> None:
    """10,000 pairs in which nothing differed: the next alarm bets what was kept. In the median 200 pairs more do."""
    lost = add(Attribution(), [PairedLabels(84, 6, 6, 4)] * 100)
    assert lost.cause is Cause.UNATTRIBUTED
    batches = [draw(MODEL, number=200, seed=seed) for seed in range(20)]
    fresh, alarmed, silent = (
        sorted(count_batches(one, begun) for one in batches)[9] for begun in (Attribution(), lost.add_alarm(), lost)
    )
    assert fresh <= alarmed <= fresh + 20
    assert silent > alarmed + 20


def count_batches(batches: Sequence[PairedLabels], begun: Attribution) -> int:
    """How many of them it takes until the model is called worse."""
    for number, labels in enumerate(batches):
        if begun.cause is Cause.MODEL_IS_WORSE:
            return number
        begun = add(begun, [labels])
    return len(batches)


def test_an_alarm_makes_no_capital() -> None:
    """However often it comes: every e-value stays what it is, and what is shown stays shown."""
    known = add(Attribution(), draw(MODEL, number=12, seed=4))
    again = known.add_alarm().add_alarm()
    for name in ("worse", "own", "fallen", "world"):
        before, after = getattr(known, name), getattr(again, name)
        assert after.bets.log_e == pytest.approx(before.bets.log_e)
        assert after.bets.cash == pytest.approx(before.bets.cash + 2 * math.log(0.75))
    assert Attribution().add_alarm() == Attribution()
    assert Attribution(own=SHOWN).add_alarm().own == SHOWN


def test_an_alarm_that_names_several_groups_needs_more_of_each() -> None:
    """Alpha is divided among them: the log of their number more."""
    batches = draw(MODEL, number=300, seed=3)

    number = count_batches(batches, Attribution(named=20))
    assert count_batches(batches, Attribution()) < number
    bound = math.log(20 / ALPHA)
    one = add(Attribution(named=20), batches[: number - 1])
    assert min(1.0 if claim.is_shown else 0.0 for claim in (one.worse, one.own)) == 0.0
    assert all(claim.is_shown or claim.bets.log_e < bound for claim in (one.worse, one.own))


def test_no_batch_decides_alone() -> None:
    """However large it is: four lie between nothing and a verdict."""
    for size in (10, 1000, 100_000):
        known = add(Attribution(), [PairedLabels(present_wrong=size)] * 3)
        assert math.log(1 / ALPHA) > 3 * CAP
        assert known.cause is Cause.UNATTRIBUTED


@pytest.mark.parametrize("kind", ["differing", "former"])
def test_labels_that_come_together_weaken_what_is_gained(kind: str) -> None:
    """Batches of one user each: those that differ jump in one case, the former version's mistakes in the other."""
    ways = {
        "differing": [PairedLabels(2, 8, 0, 8), PairedLabels(10, 0, 8, 0)],
        "former": [PairedLabels(0, 1, 1, 10), PairedLabels(10, 1, 1, 0)],
    }
    known = add(Attribution(), ways[kind] * 3)
    calm = {name: getattr(known, name).jumps.design_effect for name in ("differing", "former")}
    assert calm.pop(kind) > 1.5
    assert list(calm.values()) == [1.0]
    labels = PairedLabels(4, 4, 1, 1)
    more = add(known, [labels])
    effect = max(more.differing.jumps.design_effect, more.former.jumps.design_effect)
    gains = compute_pair_gains(labels, RULE.everyone, RULE).own
    expected = known.own.bets.add_look([gain / effect if gain > 0 else gain for gain in gains], looks=10**9)
    assert more.own.bets.logs == pytest.approx(expected.logs)


def test_without_labels_of_the_former_version_nothing_changes() -> None:
    """There is nobody to ask; labels of it alone say something of it, and nothing of the comparison."""
    assert add(Attribution(), [NO_PAIRS] * 3) == Attribution()
    known = add(Attribution(), [PairedLabels(former_alone=Batch(10, 4))] * 40)
    assert known.fallen.is_shown
    assert known.cause is Cause.UNATTRIBUTED
    assert known.worse.bets.log_e == pytest.approx(0)


def test_status_reads_back_exactly() -> None:
    """Also through JSON, at every moment; what has been shown needs no bets any more."""
    known = Attribution(named=3)
    for labels in (*draw(WORLD, number=60, seed=2), PairedLabels(1, 0, 0, 0, Batch(3, 1.0))):
        assert Attribution.from_status(json.loads(json.dumps(known.to_status()))) == known
        known = add(known, [labels])
    assert known.cause is Cause.WORLD_CHANGED
    assert known.to_status()["fallen"] == {"shown": True}
    assert Attribution.from_status({}) == Attribution()
    assert len(json.dumps(known.to_status())) < 1200


def test_bets_of_another_number_start_anew() -> None:
    """As an older version with another grid may have left them."""
    labels = PairedLabels(4, 3, 2, 1)
    old = Attribution.from_status({"own": {"bets": ["3.0", "3.0"], "cash": "0.0"}})
    assert add(old, [labels]).own == add(Attribution(), [labels]).own
    assert len(add(old, [labels]).own.bets.logs) == len(STAKES)
    assert len(add(old, [labels]).worse.bets.logs) == len(RATIOS)


@pytest.mark.parametrize(
    "status",
    [
        {"named": 0},
        {"named": "many"},
        {"pairs": [1, 2, 3]},
        {"pairs": [1, 2, 3, -1]},
        {"pairs": 3},
        {"aloneLabels": 1, "aloneWrong": "2.0"},
        {"aloneLabels": -1},
        {"worse": {"bets": ["nan"], "cash": "0.0"}},
        {"own": {"bets": ["0.0"], "cash": "inf"}},
        {"fallen": {"bets": ["0.0"]}},
        {"world": {"shown": "yes"}},
        {"world": {"shown": 1}},
        {"worse": ["shown"]},
        {"differing": {"pairs": -1}},
        {"former": {"sum": "nan"}},
        {"former": {"lastLabels": 1, "lastWrong": "2.0"}},
        [],
    ],
)
def test_an_impossible_status_is_refused(status: dict[str, object]) -> None:
    """It was damaged: whoever reads it asks anew rather than trusting it."""
    with pytest.raises(ValueError, match=r".+"):
        Attribution.from_status(status)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"everyone": Tolerated(0.0, 0.1)}, "the tolerated share must be above 0 and below 1, not 0"),
        ({"everyone": Tolerated(0.1, 1.0)}, "the tolerated share must be above 0 and below 1, not 1"),
        ({"groups": {"de": Tolerated(0.1, math.nan)}}, "the tolerated share must be above 0 and below 1, not nan"),
        ({"margin": 0.9}, "the margin must be an odds ratio of at least 1, not 0.9"),
        ({"margin": math.inf}, "the margin must be an odds ratio of at least 1, not inf"),
        ({"alpha": 0.0}, "alpha must be above 0 and below 1, not 0"),
        ({"alpha": 1.0}, "alpha must be above 0 and below 1, not 1"),
        ({"part": 0.0}, "the part of a fall must be above 0 and below a half, not 0"),
        ({"part": 0.5}, "the part of a fall must be above 0 and below a half, not 0.5"),
    ],
)
def test_rules_that_promise_nothing_are_refused(arguments: dict[str, object], message: str) -> None:
    """With the number and what is allowed."""
    with pytest.raises(ValueError, match=f"^{message}$"):
        AttributionRule(**{"everyone": Tolerated(0.1, 0.1), **arguments})  # type: ignore[arg-type]


def test_a_series_without_labels_stays_as_it_is() -> None:
    """The last batch that had any is what the next one is held against."""
    one = Series().add_batch(Batch(10, 3))
    assert one.add_batch(Batch(0, 0)) == one
    assert one.last == Batch(10, 3)
