"""Which revision serves when the status does not say so: marks first, then a clear route, then a person."""

from dataclasses import replace
from typing import Any

import pytest

from palier.release.decide import decide
from palier.release.observation import Observation, Requests, RevisionFacts
from palier.release.recovery import recover_stable
from palier.release.situation import Hold, Note
from palier.release.state import Drain, Former, ReleasePhase, RevisionRef, State
from tests.support.release.examples import (
    CANDIDATE,
    FORMER,
    NOW,
    STABLE,
    THIRD,
    first,
    observed,
    ready,
    ref,
    releasing,
    serving,
    warm,
)
from tests.support.release.world import model_deployment

OLDER, NEWER = NOW - 900, NOW + 900


def marked(revision: str, *, since: float = NOW, pods: int = 2, port: int = 8080) -> RevisionFacts:
    """A revision whose Deployment says that it serves or has served, since then."""
    return ready(pods, mark=replace(ref(revision), since=since), port=port)


def seen(
    revisions: dict[str, RevisionFacts],
    weights: dict[str, int] | None = None,
    *,
    named: str = "",
    **route: Any,  # noqa: ANN401
) -> Observation:
    """What the shell saw: a route of Palier's own with these weights, unless `route` says otherwise."""
    observation = observed(revisions, weights, wanted=CANDIDATE, **{"ours": True, **route})
    return replace(observation, requests=Requests(stable=named))


def recovered(state: State, observation: Observation) -> tuple[State, tuple[Note, ...], Hold | None]:
    """What is known of the stable revision after a look at the world."""
    return recover_stable(model_deployment(), observation, state, now=NOW)


def stable_of(state: State, observation: Observation) -> RevisionRef:
    """The revision that was recognised, of which people are told."""
    found, notes, hold = recovered(state, observation)
    assert hold is None
    assert [(note.type, note.reason) for note in notes] == [("Warning", "StableRecovered")]
    assert found.stable is not None
    return found.stable


@pytest.mark.parametrize(
    "facts",
    [
        {STABLE: ready(2)},
        {STABLE: marked(STABLE)},
        {STABLE: marked(STABLE), FORMER: marked(FORMER, since=OLDER)},
        {STABLE: marked(STABLE, since=NEWER)},
    ],
    ids=["no mark yet", "its own mark", "beside an older one", "its own, newer"],
)
def test_a_status_that_agrees_with_the_world_is_believed(facts: dict[str, RevisionFacts]) -> None:
    """Nothing is recovered and nobody is told."""
    assert recovered(serving(), seen(facts, {STABLE: 100})) == (serving(), (), None)


def test_a_status_that_is_gone_is_made_up_from_the_mark() -> None:
    """All that the mark says of the revision: nobody needs the spec that it came from."""
    found, notes, _ = recovered(State(), seen({STABLE: marked(STABLE), CANDIDATE: ready(1)}, {STABLE: 100}))

    assert found.stable == ref(STABLE)
    assert notes[0].message == (
        f"lingua v-a ({STABLE}) serves although the status did not say so: its Deployment carries the mark"
    )


def test_the_newest_of_several_marks_counts() -> None:
    """A mark is never taken away: whatever has served has one."""
    observation = seen({FORMER: marked(FORMER, since=OLDER), STABLE: marked(STABLE), THIRD: ready(1)}, {FORMER: 100})

    assert stable_of(State(), observation).revision == STABLE


def test_a_status_that_is_older_than_the_world_does_not_count() -> None:
    """A backup was restored: what it says of a release is about another time, and that release is dropped."""
    state = replace(releasing(ReleasePhase.CANARY), former=Former(ref(THIRD), NOW + 600), drains=(Drain(FORMER, NOW),))
    observation = seen({STABLE: marked(STABLE), THIRD: marked(THIRD, since=NEWER)}, {THIRD: 100}, positions=(THIRD, ""))
    found, notes, _ = recovered(state, observation)

    assert found.stable is not None
    assert found.stable.revision == THIRD
    assert (found.release, found.candidate, found.former) == (None, None, None)
    assert found.backend_positions == (THIRD, "")
    assert found.drains == (Drain(FORMER, NOW),)
    assert "its mark is newer than the status" in notes[0].message


def test_what_serves_is_not_drained() -> None:
    """An old status had it on its way out; the warm revision stays warm if it is another one."""
    state = serving(drains=(Drain(THIRD, NOW), Drain(FORMER, NOW)), former=warm())
    found, _, _ = recovered(state, seen({THIRD: marked(THIRD, since=NEWER)}, {THIRD: 100}))

    assert found.drains == (Drain(FORMER, NOW),)
    assert found.former == warm()


def test_a_release_that_is_about_to_make_its_candidate_stable_goes_on() -> None:
    """The mark comes before all of the traffic, and the status after it."""
    facts = {STABLE: marked(STABLE, since=OLDER), CANDIDATE: marked(CANDIDATE, since=NEWER)}
    promoting, canary = releasing(ReleasePhase.PROMOTING), releasing(ReleasePhase.CANARY)

    assert recovered(promoting, seen(facts, {CANDIDATE: 100})) == (promoting, (), None)
    assert stable_of(canary, seen(facts, {CANDIDATE: 100})).revision == CANDIDATE


def test_a_first_revision_on_its_way_is_not_disturbed() -> None:
    """It serves nobody yet, or its mark is there for the traffic that it is about to get."""
    for step in (ReleasePhase.PREPARING, ReleasePhase.PROMOTING):
        assert recovered(first(step), seen({CANDIDATE: ready(2)})) == (first(step), (), None)
    with_mark = seen({CANDIDATE: marked(CANDIDATE)}, {CANDIDATE: 100})
    assert recovered(first(ReleasePhase.PROMOTING), with_mark) == (first(ReleasePhase.PROMOTING), (), None)


def test_a_first_release_beside_a_mark_is_none() -> None:
    """An object that was made anew took what it found for nothing: the marked revision serves, and is compared with."""
    assert stable_of(first(ReleasePhase.PREPARING), seen({STABLE: marked(STABLE)}, {STABLE: 100})).revision == STABLE


def test_without_marks_a_route_to_one_revision_is_clear() -> None:
    """An earlier version has set none: what has all of the traffic serves, as far as it can be described."""
    found = stable_of(State(), seen({STABLE: ready(2, port=9000)}, {STABLE: 100}))

    assert (found.revision, found.model, found.version, found.port) == (STABLE, "m", "unknown", 9000)


def test_what_the_spec_asks_for_is_described_by_it() -> None:
    """It serves already: no release of it begins."""
    observation = seen({CANDIDATE: ready(2)}, {CANDIDATE: 100, STABLE: 0})
    found = stable_of(State(), observation)

    assert (found.revision, found.model, found.version, found.port) == (CANDIDATE, "m", "1", 8080)
    assert decide(model_deployment(), observation, State(), now=NOW).state.release is None


@pytest.mark.parametrize(
    "observation",
    [
        seen({STABLE: ready(2)}),
        seen({STABLE: ready(2)}, {STABLE: 0}),
        seen({STABLE: ready(2)}, {STABLE: 100}, ours=False),
    ],
    ids=["no route", "no weight", "somebody else's route"],
)
def test_before_anybody_has_users_there_is_nothing_to_recover(observation: Observation) -> None:
    """The first release begins, and what is there without a part in it waits."""
    assert recovered(State(), observation) == (State(), (), None)


UNCLEAR = {STABLE: 95, CANDIDATE: 5}


@pytest.mark.parametrize(
    ("revisions", "weights"),
    [
        ({STABLE: ready(2), CANDIDATE: ready(1)}, UNCLEAR),
        ({CANDIDATE: ready(1)}, {STABLE: 100}),
        ({}, {STABLE: 100}),
    ],
    ids=["two of them", "a revision that is not there", "nothing is there"],
)
def test_what_is_not_clear_is_left_to_a_person(revisions: dict[str, RevisionFacts], weights: dict[str, int]) -> None:
    """A revision never becomes stable because the memory is gone: nothing moves, and the hold says what to do."""
    observation = seen(revisions, weights)
    decision = decide(model_deployment(), observation, State(), now=NOW)

    assert decision.state == State()
    assert decision.hold is not None
    assert decision.hold.reason == "StableUnknown"
    assert f"{STABLE} has {weights[STABLE]} %" in decision.hold.message
    assert "palier.dev/stable" in decision.hold.message


def test_a_person_says_which_one_it_is() -> None:
    """Of those that have users; the others are judged against it from then on."""
    pods = {STABLE: ready(2), CANDIDATE: ready(1), THIRD: ready(1)}
    found = recovered(State(), seen(pods, UNCLEAR, named=STABLE, positions=(STABLE, CANDIDATE)))

    assert stable_of(State(), seen(pods, UNCLEAR, named=STABLE)).revision == STABLE
    assert "a person named it" in found[1][0].message
    assert found[0].backend_positions == (STABLE, CANDIDATE)


@pytest.mark.parametrize("named", [THIRD, "eeeeeeeeee"], ids=["without users", "unknown"])
def test_a_person_cannot_name_what_has_no_users(named: str) -> None:
    """It would take all of them from those who answer."""
    pods = {STABLE: ready(2), CANDIDATE: ready(1), THIRD: ready(1)}
    found, notes, hold = recovered(State(), seen(pods, UNCLEAR, named=named))

    assert (found, notes) == (State(), ())
    assert hold is not None
    assert hold.reason == "StableUnknown"


def test_a_name_does_not_overrule_what_is_known() -> None:
    """The annotation stays long after it was needed: neither a status nor a mark asks for it."""
    pods = {STABLE: marked(STABLE), CANDIDATE: ready(1)}

    assert recovered(serving(), seen(pods, UNCLEAR, named=CANDIDATE)) == (serving(), (), None)
    assert stable_of(State(), seen(pods, UNCLEAR, named=CANDIDATE)).revision == STABLE


def test_what_was_recovered_is_remembered_and_told_once() -> None:
    """The next look reads it from the status."""
    observation = replace(seen({STABLE: marked(STABLE)}, {STABLE: 100}), revision=STABLE)
    told = decide(model_deployment(), observation, State(), now=NOW)
    again = decide(model_deployment(), observation, told.state, now=NOW + 1)

    assert [note.reason for note in told.notes] == ["StableRecovered"]
    assert again.notes == ()
    assert again.state.stable == ref(STABLE)
    assert again.state.backend_positions == (STABLE, "")


def test_a_clock_that_was_set_back_makes_no_former_revision_stable() -> None:
    """The mark of what is promoted is newer than every other one, whatever the wall clock says."""
    earlier = NOW - 3600
    facts = {STABLE: marked(STABLE, since=NOW), CANDIDATE: ready(2)}
    state = releasing(ReleasePhase.PROMOTING)
    promoted = decide(model_deployment(), seen(facts, {CANDIDATE: 100}), state, now=earlier).state

    assert promoted.stable is not None
    assert promoted.stable.revision == CANDIDATE

    facts = {**facts, CANDIDATE: ready(2, mark=promoted.stable)}
    after = decide(model_deployment(), seen(facts, {CANDIDATE: 100}), promoted, now=earlier + 1).state

    assert after.stable == promoted.stable
