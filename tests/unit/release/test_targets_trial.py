"""Pods, weights and copies while a candidate is tried before any user meets it."""

from dataclasses import replace
from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment
from palier.release.observation import Requests
from palier.release.shadowing import NO_SHADOW, ShadowFacts
from palier.release.state import ReleasePhase, State
from palier.release.targets import Targets, find_targets, positions_after, stage_replicas
from tests.support.release.examples import (
    CANDIDATE,
    FORMER,
    NOW,
    SERVICE,
    STABLE,
    planned,
    ready,
    release_of,
    releasing,
    serving,
    warm,
)
from tests.support.release.trial_examples import COMPARING, decided, seen, trying
from tests.support.release.trial_specs import tried

BEFORE_USERS = (ReleasePhase.PREPARING, ReleasePhase.EXAMINING, ReleasePhase.SHADOWING)


EVERY = planned(tried())
"""Golden answers, a shadow, and canaries at 5 and 50 %."""


def pods_needed(spec: ModelDeployment, state: State) -> int:
    """The pods that the present stage takes."""
    return stage_replicas(spec, state, seen(), now=NOW)


def wanted(state: State, *, pods: int = 9, facts: ShadowFacts = NO_SHADOW, **changes: Any) -> Targets:  # noqa: ANN401
    """What the cluster should look like; stable has ten replicas."""
    spec = tried(**{"replicas": 10, **changes})
    revisions = {STABLE: ready(10), CANDIDATE: ready(pods), **({FORMER: ready(10)} if state.former else {})}
    observation = replace(seen(shadow=facts), revisions=revisions)
    settled = replace(state, backend_positions=positions_after(state, now=NOW))
    return find_targets(spec, settled, observation, now=NOW)


@pytest.mark.parametrize("step", BEFORE_USERS)
@pytest.mark.parametrize(("percent", "pods"), [(1, 1), (20, 2), (25, 3), (100, 10)])
def test_a_shadow_needs_the_pods_of_its_share(step: ReleasePhase, percent: int, pods: int) -> None:
    """Before it, too, so that nothing has to start twice; as many as the same share of users would need."""
    spec = tried(replicas=10, percent=percent)

    state = trying(step, plan=planned(spec))

    assert pods_needed(spec, state) == pods
    assert wanted(state, pods=0, percent=percent).replicas == {STABLE: 10, CANDIDATE: pods}


@pytest.mark.parametrize(
    ("state", "pods"),
    [
        (trying(ReleasePhase.PREPARING, plan=EVERY, cursor=2), 1),
        (releasing(ReleasePhase.CANARY, plan=EVERY), 1),
        (releasing(ReleasePhase.CANARY, plan=EVERY, index=1), 5),
        (releasing(ReleasePhase.PROMOTING, plan=EVERY), 10),
        (trying(ReleasePhase.PREPARING, plan=()), 10),
        (trying(ReleasePhase.EXAMINING, first=True), 10),
    ],
)
def test_every_other_stage_has_its_own_pods(state: State, pods: int) -> None:
    """A passed shadow does not count any more, and a first revision gets all of them at once."""
    assert pods_needed(tried(replicas=10), state) == pods


def test_without_a_shadow_golden_answers_have_the_pods_of_the_first_stage() -> None:
    """They need one only, and the next stage needs those."""
    spec, alone = tried(shadow=False, replicas=10), tried(shadow=False, replicas=10, weights=())

    assert pods_needed(spec, trying(ReleasePhase.EXAMINING, plan=planned(spec))) == 1
    assert pods_needed(alone, trying(ReleasePhase.EXAMINING, plan=planned(alone))) == 10


def test_pods_of_the_shadow_are_kept_for_the_canary() -> None:
    """The next stages will need them."""
    assert wanted(trying(ReleasePhase.PREPARING, plan=EVERY, cursor=2), pods=3).replicas[CANDIDATE] == 3


@pytest.mark.parametrize("step", BEFORE_USERS)
@pytest.mark.parametrize("traffic", [None, SERVICE], ids=["gateway", "service"])
@pytest.mark.parametrize("since", [None, NOW])
def test_nobody_is_sent_to_a_candidate_that_is_tried(
    step: ReleasePhase, traffic: dict[str, Any] | None, since: float | None
) -> None:
    """However many pods it has, and although copies of requests reach it."""
    changes = {"traffic": traffic, "shadow": False} if traffic else {}
    found = wanted(trying(step, traffic_since=since), pods=10, facts=COMPARING, **changes)

    assert found.weights == {STABLE: 100}
    assert found.backend_positions is not None
    assert CANDIDATE not in found.backend_positions


@pytest.mark.parametrize("step", ReleasePhase)
@pytest.mark.parametrize(
    "facts",
    [
        NO_SHADOW,
        ShadowFacts(exists=True),
        ShadowFacts(exists=True, mirrored=True),
        ShadowFacts(exists=True, ready=True),
        COMPARING,
    ],
    ids=["none", "starts", "died", "ready", "compares"],
)
def test_copies_go_to_a_ready_proxy_in_the_shadow_only(step: ReleasePhase, facts: ShadowFacts) -> None:
    """And are taken away as soon as either is over."""
    for since in (None, NOW):
        state = trying(step, traffic_since=since)

        assert wanted(state, facts=facts).mirrored is (step is ReleasePhase.SHADOWING and facts.ready)
    assert not wanted(serving(), facts=facts).mirrored


def test_a_breach_that_is_held_needs_no_more_copies() -> None:
    """A person decides now, and stable need not answer everything twice meanwhile."""
    assert not wanted(
        trying(ReleasePhase.SHADOWING, traffic_since=NOW, breach="answers: too many"), facts=COMPARING
    ).mirrored


def test_a_warm_revision_keeps_its_position_meanwhile() -> None:
    """The way back stays as fast as it was."""
    state = replace(trying(ReleasePhase.SHADOWING), former=warm(), backend_positions=(FORMER, STABLE))
    found = wanted(state, facts=COMPARING)

    assert found.backend_positions == (FORMER, STABLE)
    assert found.weights == {STABLE: 100}
    assert found.replicas[FORMER] == 10


@pytest.mark.parametrize(
    ("step", "since"), [(ReleasePhase.EXAMINING, None), (ReleasePhase.SHADOWING, None), (ReleasePhase.SHADOWING, NOW)]
)
def test_a_promotion_on_request_has_no_landing_of_a_canary(step: ReleasePhase, since: float | None) -> None:
    """Nobody until its pods can carry everybody, then everybody, over the least weights and no canary's."""
    spec = tried(replicas=10)
    asked = replace(seen(requests=Requests(promote=CANDIDATE)), revisions={STABLE: ready(10), CANDIDATE: ready(2)})
    promoted = decided(spec, trying(step, plan=EVERY, traffic_since=since), asked)

    assert release_of(promoted).stage is None
    assert find_targets(spec, promoted.state, asked, now=NOW).weights == {STABLE: 100}

    carried = replace(asked, revisions={STABLE: ready(10), CANDIDATE: ready(10)})
    opened = decided(spec, promoted.state, carried).state
    assert opened.release is not None
    assert opened.release.phase is ReleasePhase.PROMOTING
    shares, weights = [], {STABLE: 100}
    for _ in range(4):
        carried = replace(carried, route=replace(asked.route, weights=weights))
        weights = dict(find_targets(spec, opened, carried, now=NOW).weights or {})
        shares.append(weights.get(CANDIDATE, 0))

    assert shares == [1, 99, 100, 100]
