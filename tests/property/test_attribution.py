"""The cause of a fall, over random streams of pairs: what never happens, and what nothing changes."""

import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from palier.watch.attributed import Attributions
from palier.watch.attribution import Attribution, AttributionRule, Cause, compute_pair_gains
from palier.watch.edetector import Batch
from palier.watch.groups import EVERYONE
from palier.watch.pairs import PairedLabels, Tolerated, blame_present, blame_world, compare_versions
from tests.support.thorough import examples

SHARES = st.floats(0.01, 0.99)
ALONE = st.integers(0, 30).flatmap(lambda size: st.builds(Batch, st.just(size), st.integers(0, size)))
COUNTS = st.integers(0, 40)
LABELS = st.builds(PairedLabels, COUNTS, COUNTS, COUNTS, COUNTS, ALONE)
RULES = st.builds(
    AttributionRule,
    st.builds(Tolerated, SHARES, SHARES),
    margin=st.floats(1, 3),
    alpha=st.floats(0.001, 0.5),
    part=st.floats(0.01, 0.49),
)
ORDER = (Cause.UNATTRIBUTED, Cause.WORLD_CHANGED, Cause.MODEL_IS_WORSE)


@settings(max_examples=examples(40, thorough=2000), deadline=None)
@given(st.lists(LABELS, max_size=15), RULES)
def test_a_verdict_is_never_taken_back_and_always_kept(batches: list[PairedLabels], rule: AttributionRule) -> None:
    """It only becomes more certain, whatever comes, and `status` holds it at every moment."""
    known = Attribution()
    for labels in batches:
        after = known.add_batch(labels, compute_pair_gains(labels, rule.everyone, rule), rule)
        assert ORDER.index(after.cause) >= ORDER.index(known.cause)
        assert after.world_too >= known.world_too
        assert Attribution.from_status(json.loads(json.dumps(after.to_status()))) == after
        known = after
    assert known.labels.former.labels == sum(labels.former.labels for labels in batches)


@settings(max_examples=examples(40, thorough=2000), deadline=None)
@given(st.builds(Tolerated, SHARES, SHARES), st.floats(0.01, 0.49), st.tuples(SHARES, SHARES, SHARES))
def test_a_pair_never_gains_on_average_where_a_claim_is_false(
    shares: Tolerated, part: float, versions: tuple[float, float, float]
) -> None:
    """One pair, of any two versions, whatever their mistakes have in common."""
    present, former, alike = versions
    both = alike * min(present, former) + (1 - alike) * max(0.0, present + former - 1)
    chances = (1 - present - former + both, present - both, former - both, both)
    kinds = [PairedLabels.from_counts([int(kind == other) for other in range(4)]) for kind in range(4)]
    fall, lost = present - shares.present, former - shares.former

    def mean(gains: list[tuple[float, ...]]) -> float:
        """The largest mean of a factor."""
        return max(
            math.fsum(p * math.exp(g) for p, g in zip(chances, bet, strict=True)) for bet in zip(*gains, strict=True)
        )

    if lost <= part * fall:
        assert mean([blame_world(kind, shares, part=part) for kind in kinds]) <= 1 + 1e-9
    if lost >= (1 - part) * fall:
        assert mean([blame_present(kind, shares, part=part) for kind in kinds]) <= 1 + 1e-9
    if present <= former:
        assert mean([compare_versions(kind, margin=1) for kind in kinds]) <= 1 + 1e-9


@settings(max_examples=examples(30, thorough=1000), deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", EVERYONE]), LABELS), max_size=10), RULES)
def test_everyone_is_the_sum_of_all_groups(batches: list[dict[str, PairedLabels]], rule: AttributionRule) -> None:
    """Labels, however they are grouped; and an open question of one group is that group's alone."""
    questions = Attributions().begin([EVERYONE, "a"])
    for batch in batches:
        questions = questions.add_batch(batch, rule, places=("a", "b"))
    every, own = PairedLabels(), PairedLabels()
    for batch in batches:
        for name, labels in batch.items():
            if labels.former.labels:
                every = every.plus(labels)
                own = own.plus(labels) if name == "a" else own
    assert (questions.open[EVERYONE].labels, questions.open["a"].labels) == (every, own)
