"""A candidate that nobody can reach: no weight while its port refuses, and none any more once nobody reaches it."""

from dataclasses import replace

import pytest

from palier.evidence.arrivals import Arrivals, Block, Stretch
from palier.evidence.objective import start_evidence
from palier.release.decide import decide
from palier.release.state import ReleasePhase, Result, State
from palier.release.targets import find_targets
from tests.support.release.examples import CANDIDATE, NOW, STABLE, first, observed, ready, releasing
from tests.support.release.world import model_deployment

REFUSED = "port 8080 refuses connections at pod 10.0.0.7: nothing listens on serving.port"
BEFORE = {
    "first weight": releasing(ReleasePhase.PREPARING, traffic_since=None),
    "first revision": first(ReleasePhase.PREPARING),
    "next weight": releasing(ReleasePhase.CANARY, index=1, opened_at=None, traffic_since=None),
    "weight on its way": releasing(ReleasePhase.CANARY, index=1, traffic_since=None),
    "all of it": releasing(ReleasePhase.PROMOTING, traffic_since=None),
}


@pytest.mark.parametrize("state", BEFORE.values(), ids=BEFORE)
def test_a_port_that_refuses_holds_before_any_further_weight(state: State) -> None:
    """Ready pods are not enough; at the deadline the release ends with the same reason."""
    observation = observed({STABLE: ready(2), CANDIDATE: ready(2, refused=REFUSED)}, {STABLE: 100}, wanted=CANDIDATE)
    held = decide(model_deployment(), observation, state, now=NOW + 5)
    ended = decide(model_deployment(), observation, held.state, now=NOW + 65)

    assert held.hold is not None
    assert (held.hold.reason, held.hold.message) == ("PortRefused", REFUSED)
    assert held.state.release is not None
    assert held.state.release.phase is state.release.phase if state.release else False
    assert ended.state.release is not None
    assert ended.state.release.ending is not None
    assert ended.state.release.ending.reason == "PortRefused"
    assert REFUSED in ended.state.release.ending.message


@pytest.mark.parametrize("state", list(BEFORE.values())[:2], ids=list(BEFORE)[:2])
def test_a_port_that_refuses_gets_no_weight(state: State) -> None:
    """Nothing is written for it."""
    observation = observed({STABLE: ready(2), CANDIDATE: ready(2, refused=REFUSED)}, {STABLE: 100}, wanted=CANDIDATE)
    decision = decide(model_deployment(), observation, state, now=NOW + 5)
    aims = find_targets(model_deployment(), decision.state, observation, now=NOW + 5)

    assert not (aims.weights or {}).get(CANDIDATE)


@pytest.mark.parametrize(("counted", "ends"), [(0, True), (300, False)])
def test_a_candidate_that_counts_nothing_is_taken_back_at_once(counted: int, *, ends: bool) -> None:
    """Its stage is under way, its pods are ready, and 900 requests of stable stand beside none of its own."""
    arrivals = Arrivals(1, 0.0, 0.0, 0.0, (Stretch(),), (Block(counted, 900),))
    evidence = {"errors": replace(start_evidence(), arrivals=arrivals)}
    observation = observed({STABLE: ready(2), CANDIDATE: ready(1)}, {STABLE: 75, CANDIDATE: 25}, wanted=CANDIDATE)
    observation = replace(observation, measured=replace(observation.measured, evidence=evidence))
    state = releasing(ReleasePhase.CANARY, index=1, evidence=evidence)
    release = decide(model_deployment(), observation, state, now=NOW + 61).state.release

    assert release is not None
    ending = release.ending
    assert (ending is not None) == ends
    if ending:
        assert (ending.result, ending.reason) == (Result.ROLLED_BACK, "NotReached")
