"""How a release with a load test begins: what need not be tested, and what is no release at all."""

from dataclasses import replace
from typing import Any

import pytest

from palier.release.observation import Requests
from palier.release.state import Drain, Former, ReleasePhase, Result
from palier.release.targets import find_targets
from tests.support.release.examples import FORMER, STABLE, ready, ref, release_of, serving
from tests.support.release.load_examples import (
    FAILED,
    NOW,
    candidate_of,
    decided,
    ended,
    passed,
    recorded_of,
    seen,
    under_load,
    ways,
)
from tests.support.release.load_world import load_tested

TWO = {"a": "1", "b": "2"}
HOURS = 3600.0


def test_the_way_back_to_a_warm_revision_is_not_tested() -> None:
    """It has carried its users before, and the way back must not take half an hour."""
    deployment = load_tested()
    (way,) = ways(deployment).values()
    warm = Former(ref(way.revision), NOW + 600)
    observation = seen(deployment, {STABLE: ready(2), way.revision: ready(2)})
    decision = decided(deployment, serving(former=warm), observation)

    assert release_of(decision).plan == ()
    assert release_of(decided(deployment, decision.state, observation)).phase is ReleasePhase.PROMOTING


def test_a_former_revision_that_is_tested_anew_is_no_longer_the_way_back() -> None:
    """Its pods are the candidate's from then on; another former one stays warm."""
    deployment = load_tested()
    (way,) = ways(deployment).values()
    for former, kept in ((way.revision, False), (FORMER, True)):
        warm = Former(ref(former), NOW + 600)
        decision = decided(deployment, serving(former=warm), seen(deployment, {STABLE: ready(2)}))
        aims = find_targets(deployment, decision.state, seen(deployment, {STABLE: ready(2)}), now=NOW)

        assert aims.replicas[way.revision] == 1
        assert (decision.state.former == warm) is kept


def test_the_records_of_a_retry_are_those_that_passed() -> None:
    """What did not pass is asked again, and only then."""
    deployment = load_tested(variants=TWO)
    a, b = ways(deployment).values()
    records = (recorded_of(a, passed()), recorded_of(b, FAILED))
    for retry, kept in (("", records), ("again", records[:1])):
        observation = seen(deployment, {STABLE: ready(2)}, requests=Requests(retry=retry))

        assert decided(deployment, serving(load_tests=records), observation).state.load_tests == kept


def test_everything_that_is_known_already_is_not_tested_again() -> None:
    """The release begins with the conclusion: the verdict is there before any pod is made."""
    deployment = load_tested(budget={"currency": "EUR", "monthly": "100"})
    (way,) = ways(deployment).values()
    state = serving(load_tests=(recorded_of(way, passed(), at=NOW - HOURS),))
    observation = seen(deployment, {STABLE: ready(2)})
    decision = decided(deployment, state, observation)

    assert release_of(decision).ending is not None
    assert find_targets(deployment, decision.state, observation, now=NOW).replicas == {STABLE: 2}

    over = decided(deployment, decision.state, observation, now=NOW + 1).state

    assert over.outcome is not None
    assert over.outcome.result is Result.REFUSED


def test_the_candidate_of_variants_is_never_stable_itself() -> None:
    """Also where stable is the first variant: a release must not take the traffic away from what serves."""
    deployment = load_tested(variants=TWO, budget={"currency": "EUR", "monthly": "1"})
    a, b = ways(deployment).values()
    state = serving(load_tests=(recorded_of(a, passed()), recorded_of(b, passed())))
    state = replace(state, stable=ref(a.revision), backend_positions=(a.revision, ""))
    observation = replace(
        seen(deployment, {a.revision: ready(2)}), route=replace(seen(deployment).route, weights={a.revision: 100})
    )
    decision = decided(deployment, state, observation)

    assert candidate_of(decision) == b.revision
    assert release_of(decision).ending is not None

    over = decided(deployment, decision.state, observation, now=NOW + 1).state

    assert over.release is None
    assert over.stable == state.stable


@pytest.mark.parametrize("changes", [{"variants": {"only": "1"}}, {}])
def test_what_serves_is_not_released_under_another_name(changes: dict[str, Any]) -> None:
    """As the only variant, or as no variant any more: the names change and nothing else."""
    deployment = load_tested(**changes)
    (way,) = ways(deployment).values()
    state = serving(stable=replace(ref(way.revision), variant="old", family="0123456789"))
    decision = decided(deployment, state, seen(deployment, {way.revision: ready(2)}))

    assert decision.state.release is None
    assert decision.hold is None
    assert decision.state.stable is not None
    assert decision.state.stable.revision == way.revision
    assert decision.state.stable.variant == way.variant
    assert decision.state.stable.asked_for_by == seen(deployment).revision
    assert decision.state.stable.since == state.stable.since  # type: ignore[union-attr]


def test_a_former_revision_that_is_one_of_the_variants_gives_its_pods() -> None:
    """When its turn to be tested comes, or when it is chosen: it is not drained as former and released as candidate."""
    deployment = load_tested(variants=TWO)
    a, b = ways(deployment).values()
    warm = Former(ref(b.revision), NOW + 600)
    turn = decided(deployment, under_load(deployment, "a", former=warm), seen(deployment, job=ended(FAILED)))
    records = (recorded_of(a, FAILED), recorded_of(b, passed()))
    chosen = decided(deployment, under_load(deployment, "a", former=warm, load_tests=records))

    for decision in (turn, chosen):
        assert candidate_of(decision) == b.revision
        assert decision.state.former is None
        assert decision.state.drains == (Drain(a.revision, NOW),)


def test_the_spec_of_stable_alone_reverts_a_release_of_variants() -> None:
    """Stable was a variant when it was released, and is asked for by its own hash now."""
    alone = load_tested()
    (way,) = ways(alone).values()
    state = under_load(load_tested("2"), stable=replace(ref(way.revision), variant="a", family="0123456789"))
    ending = release_of(decided(alone, state)).ending

    assert ending is not None
    assert ending.result is Result.REVERTED


def test_the_deadline_of_the_load_test_wakes_the_operator() -> None:
    """Nothing else may happen at that instant."""
    deployment = load_tested(stage={"maxDuration": "90s"}, progressDeadline="10s")
    decision = decided(deployment, under_load(deployment), now=NOW + 20)

    assert decision.wake_at == NOW + 90
