"""Why a release waits, in the sentences that people read."""

from dataclasses import replace
from typing import Any

import pytest

from palier.evidence.objective import Judgement, Verdict
from palier.measuring.coverage import Coverage
from palier.release.holds import (
    BLIND_FOR,
    CANNOT_MEASURE,
    JUDGING,
    SILENT_FOR,
    describe_shift,
    first_gap,
    pods_in_the_way,
    waiting_for_pods,
    waiting_for_route,
)
from palier.release.observation import MeasuredEvidence, Observation, RevisionFacts, RouteFacts
from palier.release.situation import Hold, Situation
from palier.release.state import ReleasePhase, State
from tests.support.release.examples import CANDIDATE, FORMER, NOW, SERVICE, STABLE, first, ready, releasing
from tests.support.release.world import model_deployment

PARENTS = [{"name": "public", "namespace": "infra"}, {"name": "internal"}]
GATEWAY = {"gateway": {"parentRefs": PARENTS, "hostnames": ["m.example.com"]}}


def situation(
    state: State | None = None,
    revisions: dict[str, RevisionFacts] | None = None,
    *,
    route: RouteFacts | None = None,
    now: float = NOW,
    blind_since: float | None = None,
    **changes: Any,  # noqa: ANN401
) -> Situation:
    """A release in its second stage, unless said otherwise."""
    observation = Observation(
        revision=CANDIDATE,
        revisions=revisions or {},
        route=route or RouteFacts(),
        measured=MeasuredEvidence(pods_read=Coverage(unseen_since=blind_since)),
    )
    return Situation(
        model_deployment(**{"traffic": GATEWAY, **changes}),
        observation,
        state or releasing(ReleasePhase.CANARY, index=1),
        now,
    )


def judged(name: str, verdict: Verdict) -> Judgement:
    """A verdict with its sentence."""
    return Judgement(name, verdict, "Reason", f"{name}: a sentence", None, 0, 0, 0, 0, hard_stop=False)


FAILED, NOTHING, PASSED = (
    judged(verdict.value, verdict) for verdict in (Verdict.FAIL, Verdict.NO_EVIDENCE, Verdict.PASS)
)


def test_the_first_objective_without_a_verdict_is_the_reason() -> None:
    """Its own sentence says what is missing."""
    assert first_gap(situation(), (PASSED, NOTHING, FAILED)) == Hold(JUDGING, "NoEvidence: a sentence")
    assert first_gap(situation(), (PASSED, FAILED)) is None
    assert first_gap(situation(), ()) is None


@pytest.mark.parametrize(
    ("since", "reason"),
    [(None, JUDGING), (NOW, JUDGING), (NOW - BLIND_FOR + 0.1, JUDGING), (NOW - BLIND_FOR, CANNOT_MEASURE)],
)
def test_one_missed_scrape_is_no_reason_of_its_own(since: float | None, reason: str) -> None:
    """Three seconds without a measurement are, and not a moment before."""
    gap = first_gap(situation(blind_since=since), (NOTHING,))

    assert gap is not None
    assert gap.reason == reason


def test_waiting_pods_are_counted() -> None:
    """Ready are those that are both available and reachable; the trouble comes with them."""
    facts = ready(3, available=2, endpoints=1, trouble="pod x: ErrImagePull")

    assert waiting_for_pods(situation(revisions={CANDIDATE: facts}), 3) == Hold(
        "CandidateNotReady", f"1 of 3 pods of {CANDIDATE} are ready: pod x: ErrImagePull"
    )
    unknown = replace(facts, trouble="", unexplained="etcd timeout")
    assert waiting_for_pods(situation(revisions={CANDIDATE: unknown}), 3).message == (
        f"1 of 3 pods of {CANDIDATE} are ready; why is not known: etcd timeout"
    )
    assert waiting_for_pods(situation(), 3).message == f"0 of 3 pods of {CANDIDATE} are ready"


def test_a_shift_waits_only_for_pods_that_it_needs() -> None:
    """One pod carries the second stage of a set of two."""
    assert describe_shift(situation(revisions={CANDIDATE: ready(1)}), "moving to 25 %") == Hold(
        "Shifting", "moving to 25 %"
    )
    assert describe_shift(situation(), "moving to 25 %").reason == "CandidateNotReady"
    assert (
        describe_shift(situation(releasing(ReleasePhase.PROMOTING), {CANDIDATE: ready(1)}), "").reason
        == "CandidateNotReady"
    )


def test_a_conflict_is_told_before_everything_else() -> None:
    """It is the one thing that only a person can change."""
    route = RouteFacts(conflict="m.example.com is taken", problem="refused")

    assert waiting_for_route(situation(route=route)) == Hold("RouteConflict", "m.example.com is taken")


def test_a_refusal_is_told_in_the_gateways_words() -> None:
    """At once, since the gateway has answered."""
    assert waiting_for_route(situation(route=RouteFacts(problem="Gateway infra/public says no"))) == Hold(
        "RouteNotAccepted", "Gateway infra/public says no"
    )


def test_a_silent_gateway_is_named_after_a_while() -> None:
    """Ten seconds of silence ask whether it exists at all; before that it is merely being waited for."""
    assert waiting_for_route(situation(now=NOW + SILENT_FOR - 1)).reason == "Shifting"

    silent = waiting_for_route(situation(now=NOW + SILENT_FOR + 2))

    assert silent.reason == "RouteNotAccepted"
    assert "for 12 s" in silent.message
    assert "infra/public, ml/internal" in silent.message


@pytest.mark.parametrize("waited", [0, SILENT_FOR + 2])
def test_without_a_gateway_nobody_is_asked_for_one(waited: float) -> None:
    """The front Service alone is waited for there."""
    found = waiting_for_route(situation(now=NOW + waited, traffic=SERVICE))

    assert "gateway" not in found.message.lower()


POPULATED = {STABLE: ready(2), CANDIDATE: ready(1), FORMER: ready(2)}


def test_pods_of_a_third_revision_are_in_the_way_without_a_gateway() -> None:
    """The open front Service would select them too."""
    preparing = releasing(ReleasePhase.PREPARING)

    assert pods_in_the_way(situation(preparing, POPULATED, traffic=SERVICE)) == [FORMER]
    assert pods_in_the_way(situation(preparing, {**POPULATED, FORMER: ready(0)}, traffic=SERVICE)) == []


def test_nothing_is_in_the_way_of_a_route_or_of_a_direct_release() -> None:
    """A route names its revisions, and a direct release never opens the front Service."""
    assert pods_in_the_way(situation(releasing(ReleasePhase.PREPARING), POPULATED)) == []
    assert pods_in_the_way(situation(first(ReleasePhase.PREPARING), POPULATED, traffic=SERVICE)) == []
