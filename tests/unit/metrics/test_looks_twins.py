"""Looks at twins, the same model and serving under two names: nobody is judged by the events of another."""

import pytest

from palier.evidence.objective import ObjectiveRule
from palier.measuring.sources import CounterRatio, MeasuredObjective, Origin
from tests.support.metrics.recorded import CANDIDATE, KEY, STABLE, START, Recorded, found, looks_at, release, steady

PAIRED = MeasuredObjective(
    ObjectiveRule("answers", limit=0.03, margin=1.25, alpha=0.01, compare_with_stable=False),
    CounterRatio(("palier_shadow_disagreements_total",), ("palier_shadow_pairs_total",)),
    None,
    origin=Origin.SHADOW,
    about="0123456789abcdef",
)

FEEDBACK = MeasuredObjective(
    ObjectiveRule("feedback", limit=0.1, margin=1.25, alpha=0.01),
    CounterRatio(("bad_votes_total",), ("votes_total",)),
    CounterRatio(("bad_votes_total",), ("votes_total",)),
    origin=Origin.ELSEWHERE,
)


def paired(source: Recorded, name: str, *, per_second: int, differing: int = 0) -> None:
    """The proxy of a shadow of this name, which compares as everybody does."""
    labels = {"pod": f"shadow-{name}-0123456789-6b7f9c8d5f-x2x4z", "revision": CANDIDATE, "comparison": PAIRED.about}
    for selector, rate in (("palier_shadow_pairs_total", per_second), ("palier_shadow_disagreements_total", differing)):
        source.record(selector, labels, [(START - 4.7 + second, second * rate) for second in range(65)])


@pytest.mark.parametrize("both", [True, False], ids=["both in their shadow", "one was just refused"])
async def test_twins_in_the_shadow_are_judged_each_by_its_own_pairs(both: bool) -> None:
    """The same model and serving under two names, compared alike: the answers of the one are no fault of the other."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=1)
    paired(source, "demo", per_second=10)
    paired(source, "us", per_second=30, differing=15)
    looks = looks_at(source)
    looks.watch(KEY, release(objectives=(PAIRED,)))
    if both:
        looks.watch(("ml", "us"), release(objectives=(PAIRED,)))
    for second in range(1, 11):
        await looks.look(START + second)
    tally = found(looks).evidence["answers"].release

    assert (tally.total, tally.bad, found(looks).missing) == (100, 0, {})


@pytest.mark.parametrize("shared", [CANDIDATE, STABLE])
@pytest.mark.parametrize("watched", [True, False], ids=["under judgement", "at rest"])
async def test_votes_that_may_be_a_twins_are_no_evidence(shared: str, watched: bool) -> None:
    """A front end tells revisions apart and nothing else: with a twin its votes count for nobody, and that is said."""
    source = Recorded()
    for revision in (CANDIDATE, STABLE):
        steady(revision, source, per_second=1)
        for selector in ("votes_total", "bad_votes_total"):
            labels = {"pod": "front-end-0", "revision": revision}
            source.record(selector, labels, [(START - 4.7 + second, second * 7) for second in range(65)])
    twin: dict[tuple[str, str], frozenset[str]] = {}
    looks = looks_at(source, serving=lambda: twin)
    looks.watch(KEY, release(objectives=(FEEDBACK,)))
    for second in range(1, 6):
        await looks.look(START + second)
    before = found(looks)
    assert (before.missing, before.evidence["feedback"].release.total) == ({}, 35)

    if watched:
        other = release(objectives=(FEEDBACK,), candidate="cccccccccc", stable=shared)
        looks.watch(("ml", "us"), other)
    else:
        twin["ml", "us"] = frozenset({shared})
    for second in range(6, 11):
        await looks.look(START + second)

    assert found(looks).evidence == before.evidence
    assert "votes_total" in found(looks).missing["feedback"]
    assert "may belong to us as well, which has the same revision in namespace ml" in found(looks).missing["feedback"]
