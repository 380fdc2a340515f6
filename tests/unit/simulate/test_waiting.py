"""The times that the simulation shows for each strength of proof, held against releases that it plays."""

import pytest

from palier.api.spec.values import Proof
from palier.simulate.case import Case, Stage
from palier.simulate.runs import Plan, play
from palier.simulate.waiting import LADDER, describe_proofs, list_waits

FAST = Case(minutes=20, stages=(Stage(10, 1200, 1200),))


def play_releases(proof: Proof, case: Case, runs: int) -> list[float]:
    """When each release had its first proof; the end where it had none."""
    plan = Plan(case, engine="palier", seed=3, proofs=dict.fromkeys(case.objectives, proof))
    return [run.outcome.first_proof or case.duration for run in play(plan, range(runs))]


@pytest.mark.parametrize("proof", LADDER[1:])
def test_about_half_of_the_played_releases_are_proven_by_then_and_most_within_twice_the_time(proof: Proof) -> None:
    """By chance one takes longer and another is sooner."""
    (seconds,) = next(wait.seconds for wait in list_waits(FAST, [FAST.rps]) if wait.proof is proof)
    assert seconds is not None
    found = play_releases(proof, FAST, 30)
    assert 10 <= sum(time <= seconds for time in found) <= 24
    assert sum(time <= 2 * seconds for time in found) >= 23


def test_without_a_proof_every_release_waits_for_its_fewest_requests_alone() -> None:
    """And for as many failures as the limit leaves room for, so that a few wait one look longer."""
    (seconds,) = list_waits(FAST, [FAST.rps])[0].seconds
    assert seconds == FAST.look
    assert sorted(play_releases(Proof.NO_BREACH, FAST, 15))[10] == FAST.look


def test_a_candidate_at_the_limit_is_promoted_by_default_and_not_by_the_strict_proof() -> None:
    """Twice as bad as stable, and exactly what is allowed: 50 requests a second of its own for ten minutes."""
    case = Case(minutes=10, stages=(Stage(50, 600, 600),), error_delta=0.005, base_error=0.005, rps=10)
    kinds = {
        proof: [
            run.outcome.kind for run in play(Plan(case, engine="palier", seed=2, proofs={"errors": proof}), range(20))
        ]
        for proof in (Proof.BELOW_TWICE_THE_LIMIT, Proof.BELOW_THE_LIMIT)
    }
    assert kinds[Proof.BELOW_TWICE_THE_LIMIT].count("promote") >= 5
    assert kinds[Proof.BELOW_THE_LIMIT].count("promote") <= 3
    assert kinds[Proof.BELOW_THE_LIMIT].count("rollback") == kinds[Proof.BELOW_TWICE_THE_LIMIT].count("rollback")


def test_the_older_name_is_the_same_proof() -> None:
    """Run by run."""
    case = Case(minutes=5, stages=(Stage(10, 300, 300),))
    runs = [
        list(play(Plan(case, engine="palier", seed=1, proofs=proofs), range(3)))
        for proofs in ({}, {"errors": Proof.WITHIN_LIMIT}, {"errors": Proof.BELOW_TWICE_THE_LIMIT})
    ]
    assert runs[0] == runs[1] == runs[2]


def test_slow_requests_are_waited_for_too() -> None:
    """With a threshold of 280 ms the slow share is 4.3 % of 5 %, with 500 ms it is 0.4 %: less has to be waited for."""
    far, near = (
        Case(objectives=("latency",), latency_threshold=threshold, stages=(Stage(10, 0, 3600),))
        for threshold in (0.5, 0.28)
    )
    slow = Proof.BELOW_THE_LIMIT
    waits = [next(wait.seconds for wait in list_waits(case) if wait.proof is slow) for case in (far, near)]
    for wait, longer in zip(*waits, strict=True):
        assert wait is not None
        assert longer is not None
        assert longer > 10 * wait


def test_the_users_of_a_segment_count_with_their_share() -> None:
    """A tenth that fails twenty times as often makes the total three times as bad, and over the limit."""
    mixed = Case(segment_share=0.1, segment_base_error=0.1)
    assert {wait.seconds for wait in list_waits(mixed)} == {(None, None, None)}


def test_a_cost_has_no_such_table() -> None:
    """A mean is proven otherwise, and the promises that are shares are listed beside it."""
    alone = Plan(Case(objectives=("cost",)), engine="palier", seed=1)
    assert describe_proofs(alone)["untilProven"]["seconds"] == {}
    assert describe_proofs(alone)["proofs"] == {}
    both = Plan(Case(objectives=("cost", "errors"), rps=7), engine="palier", seed=1)
    assert describe_proofs(both)["proofs"] == {"errors": "BelowTwiceTheLimit"}
    assert describe_proofs(both)["untilProven"]["requestsPerSecond"] == [1, 7, 10, 100]
