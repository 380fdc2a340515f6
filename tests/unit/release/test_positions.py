"""Positions in the route: they name living revisions, and no revision moves from one to the other."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.release.state import Drain, Former, ReleasePhase, State
from palier.release.targets import positions_after
from tests.support.release.examples import (
    CANDIDATE,
    FORMER,
    NOW,
    STABLE,
    THIRD,
    first,
    ready,
    ref,
    release_at,
    releasing,
    serving,
    warm,
)
from tests.support.release.wanted import wanted

REVISIONS = st.sampled_from([STABLE, CANDIDATE, FORMER, THIRD])


@st.composite
def states(draw: st.DrawFn) -> State:
    """Any memory of an object that has a stable revision at one of its positions."""
    stable = draw(REVISIONS)
    other = draw(REVISIONS)
    candidate = draw(REVISIONS.filter(lambda revision: revision != stable) | st.none())
    former = draw(REVISIONS.filter(lambda revision: revision not in {stable, candidate}) | st.none())
    step = draw(st.sampled_from(ReleasePhase) | st.none())
    release = release_at(step) if step and candidate else None
    return State(
        stable=ref(stable),
        candidate=ref(candidate) if candidate else None,
        former=Former(ref(former), NOW + 5) if former else None,
        backend_positions=draw(st.sampled_from([(stable, other), (other, stable)])),
        drains=tuple(
            Drain(revision, NOW + until)
            for revision, until in draw(st.dictionaries(REVISIONS, st.integers(-5, 5))).items()
        ),
        release=release,
    )


@given(states())
def test_the_stable_revision_never_changes_its_position(state: State) -> None:
    """A gateway that keeps one cluster by position never has to start one under the full traffic."""
    after = positions_after(state, now=NOW)

    assert state.backend_positions is not None
    assert state.stable is not None
    assert after is not None
    before = [position for position in (0, 1) if state.backend_positions[position] == state.stable.revision]
    assert any(after[position] == state.stable.revision for position in before)


@given(states())
def test_positions_name_only_revisions_that_are_kept(state: State) -> None:
    """Every name in the route has pods: stable, the candidate of a release, the warm one, or one that still drains."""
    after = positions_after(state, now=NOW)
    assert after is not None
    kept = {state.stable.revision if state.stable else ""}
    kept |= {state.candidate.revision} if state.candidate and state.release else set()
    kept |= {state.former.reference.revision} if state.former else set()
    kept |= {drain.revision for drain in state.drains if drain.until > NOW}

    assert set(after) - {""} <= kept


@given(states())
def test_a_candidate_in_traffic_has_a_position(state: State) -> None:
    """During canary and promotion both revisions are named, so that a shift is a change of weights alone."""
    if state.release is None or state.release.phase not in {ReleasePhase.CANARY, ReleasePhase.PROMOTING}:
        return
    assert state.candidate is not None
    assert state.stable is not None

    assert set(positions_after(state, now=NOW) or ()) == {state.stable.revision, state.candidate.revision}


@given(states())
def test_positions_come_to_rest(state: State) -> None:
    """Computing them again changes nothing, so that the route is not written in circles."""
    after = positions_after(state, now=NOW)

    assert positions_after(replace(state, backend_positions=after), now=NOW) == after


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        (serving(backend_positions=(FORMER, STABLE), former=warm()), True),
        (serving(backend_positions=(FORMER, STABLE), drains=(Drain(FORMER, NOW + 1),)), True),
        (serving(backend_positions=(FORMER, STABLE), drains=(Drain(FORMER, NOW),)), False),
        (serving(backend_positions=(FORMER, STABLE)), False),
    ],
    ids=["warm", "draining", "drained", "unknown"],
)
def test_the_other_position_keeps_its_revision_until_that_may_go(state: State, kept: bool) -> None:
    """A name that leaves the route takes its last requests with it: not before the drain delay is over."""
    assert positions_after(state, now=NOW) == ((FORMER, STABLE) if kept else ("", STABLE))


def test_a_candidate_that_is_rolled_back_keeps_its_position() -> None:
    """Its weight goes to zero first."""
    assert positions_after(releasing(ReleasePhase.ROLLING_BACK), now=NOW) == (STABLE, CANDIDATE)


def test_positions_before_there_is_a_stable_revision() -> None:
    """None while the first one prepares, then it has the first."""
    assert positions_after(first(ReleasePhase.PREPARING), now=NOW) is None
    assert positions_after(first(ReleasePhase.PROMOTING), now=NOW) == (CANDIDATE, "")
    assert positions_after(State(), now=NOW) is None


def test_lost_positions_are_given_anew() -> None:
    """A memory without positions, or with those of strangers, starts with stable at the first."""
    assert positions_after(serving(backend_positions=None), now=NOW) == (STABLE, "")
    assert positions_after(serving(backend_positions=(THIRD, FORMER)), now=NOW) == (STABLE, "")


@given(states(), st.dictionaries(REVISIONS, st.integers(0, 2)), REVISIONS, REVISIONS, st.integers(0, 100))
def test_whatever_is_weighted_has_a_position_and_pods(
    state: State, pods: dict[str, int], some: str, other: str, share: int
) -> None:
    """From any memory, pods and route, edited by hand or not, the wanted weights sum to 100 over living positions."""
    settled = replace(state, backend_positions=positions_after(state, now=NOW))
    facts = {revision: ready(count) for revision, count in pods.items()}
    found = wanted(settled, facts, {some: 100} if some == other else {some: 100 - share, other: share})

    assert found.weights is not None
    assert sum(found.weights.values()) == 100
    for revision, weight in found.weights.items():
        assert revision in (found.backend_positions or ())
        assert not weight or found.replicas.get(revision) or pods.get(revision)
        assert revision not in found.remove
