"""Pods while a candidate is put under load, and the replica that stable lends when accelerators are short."""

from dataclasses import replace
from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment
from palier.release.holds import waiting_for_pods
from palier.release.observation import RevisionFacts
from palier.release.situation import Situation
from palier.release.state import Ending, Release, ReleasePhase, Result, State
from palier.release.targets import accelerator_short, find_targets, stage_replicas
from tests.support.release.examples import STABLE, planned, ready, release_of, serving
from tests.support.release.load_examples import NOW, decided, passed, recorded_of, seen, under_load, ways
from tests.support.release.load_world import load_tested, pod

SHORT = "pod demo-x cannot be placed: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
GPU = {"accelerator": "GPU", "gpu": {}}


def on_gpus(**changes: Any) -> ModelDeployment:  # noqa: ANN401
    """A spec whose pods need an accelerator each."""
    return load_tested(serving={"placement": {**GPU, **changes.pop("placement", {})}}, **changes)


def pods_of(deployment: ModelDeployment, state: State, facts: RevisionFacts) -> dict[str, int]:
    """The pods that the candidate, as `its`, and stable have to have."""
    revision = state.candidate.revision if state.candidate else ""
    stable = ready(deployment.spec.serving.replicas)
    found = find_targets(deployment, state, seen(deployment, {STABLE: stable, revision: facts}), now=NOW).replicas
    return {"its" if one == revision else one: number for one, number in found.items()}


@pytest.mark.parametrize("step", [ReleasePhase.PREPARING, ReleasePhase.LOAD_TESTING])
@pytest.mark.parametrize("present", [0, 1, 4, 9])
@pytest.mark.parametrize("traffic", [None, {"service": {}}])
def test_a_load_test_has_exactly_its_pods(step: ReleasePhase, present: int, traffic: dict[str, Any] | None) -> None:
    """However many there are, and although stable has another number; users stay with stable."""
    deployment = load_tested(replicas=3, traffic=traffic, test={"replicas": [1, 4]})
    (way,) = ways(deployment).values()
    state = under_load(deployment, step=step, load_tests=(recorded_of(way, passed()),))

    assert stage_replicas(deployment, state, seen(deployment), now=NOW) == 4
    assert pods_of(deployment, state, ready(present)) == {STABLE: 3, "its": 4}
    assert find_targets(deployment, state, seen(deployment), now=NOW).weights == {STABLE: 100}


def test_after_the_load_test_the_stages_count_their_own_pods() -> None:
    """Surplus ones are kept as at any other stage."""
    deployment = load_tested(replicas=4, weights=(5, 50))
    state = under_load(deployment, release=Release(NOW, NOW, plan=planned(deployment), cursor=1))

    assert pods_of(deployment, state, ready(0)) == {STABLE: 4, "its": 1}
    assert pods_of(deployment, state, ready(2)) == {STABLE: 4, "its": 2}


def test_what_was_never_made_is_not_made_for_its_end() -> None:
    """A release that is refused by what was known before has no pods to take back."""
    deployment = load_tested()
    ending = Ending(Result.REFUSED, "OverBudget", "too dear")
    state = under_load(deployment, release=Release(NOW, NOW, plan=planned(deployment), ending=ending))

    assert find_targets(deployment, state, seen(deployment, {STABLE: ready(2)}), now=NOW).replicas == {STABLE: 2}
    assert pods_of(deployment, state, ready(0)) == {STABLE: 2}
    assert pods_of(deployment, state, ready(3)) == {STABLE: 2, "its": 3}


@pytest.mark.parametrize(
    ("surge", "replicas", "trouble", "lent"),
    [
        ("Swap", 2, SHORT, 1),
        ("Swap", 5, SHORT, 1),
        ("Swap", 1, SHORT, 0),
        ("Swap", 2, "pod demo-x cannot be placed: 3 Insufficient cpu.", 0),
        ("Swap", 2, "", 0),
        ("Wait", 2, SHORT, 0),
    ],
)
def test_stable_lends_one_replica_at_most(surge: str, replicas: int, trouble: str, lent: int) -> None:
    """Only where its owner allows that, only for an accelerator, and never its last one."""
    deployment = on_gpus(placement={"surge": surge}, replicas=replicas)
    waiting = ready(1, available=0, endpoints=0, trouble=trouble)

    assert pods_of(deployment, under_load(deployment, step=ReleasePhase.PREPARING), waiting) == {
        STABLE: replicas - lent,
        "its": 1,
    }


@pytest.mark.parametrize(("present", "kept"), [(1, 1), (2, 2)])
def test_what_is_lent_stays_lent_while_nobody_knows(present: int, kept: int) -> None:
    """A failed list of the pods neither takes the place from the candidate nor lends it one."""
    deployment = on_gpus(placement={"surge": "Swap"}, replicas=2)
    (way,) = ways(deployment).values()
    waiting = ready(1, available=0, endpoints=0, unexplained="etcd timeout")
    observation = seen(deployment, {STABLE: ready(present), way.revision: waiting})
    state = under_load(deployment, step=ReleasePhase.PREPARING)

    assert find_targets(deployment, state, observation, now=NOW).replicas[STABLE] == kept


def test_nothing_is_lent_without_a_release() -> None:
    """Pods of a refused candidate that still drain are nobody's reason."""
    deployment = on_gpus(placement={"surge": "Swap"})
    state = replace(under_load(deployment), release=None)
    facts = {STABLE: ready(2), next(iter(ways(deployment).values())).revision: ready(1, trouble=SHORT)}

    assert find_targets(deployment, state, seen(deployment, facts), now=NOW).replicas[STABLE] == 2


def test_the_accelerator_is_that_of_the_variant() -> None:
    """A variant on CPUs is not short of what another one needs, nor is one with another resource."""
    variants = [
        {"name": "cpu", "placement": {}, "template": pod("1")},
        {"name": "gpu", "placement": GPU, "template": pod("1")},
        {"name": "amd", "placement": {"accelerator": "GPU", "gpu": {"resource": "amd.com/gpu"}}, "template": pod("2")},
    ]
    deployment = load_tested(serving={"variants": variants})
    short = {}
    for variant, way in ways(deployment).items():
        waiting = {STABLE: ready(2), way.revision: ready(1, available=0, endpoints=0, trouble=SHORT)}
        state = under_load(deployment, variant, step=ReleasePhase.PREPARING)
        short[variant] = accelerator_short(deployment, seen(deployment, waiting), state)

    assert short == {"cpu": False, "gpu": True, "amd": False}


def unready(deployment: ModelDeployment) -> State:
    """A candidate whose pods have not been ready for its load test since the release began."""
    state = under_load(deployment, step=ReleasePhase.PREPARING)
    assert state.release is not None
    return replace(state, release=replace(state.release, unready_since=NOW))


def test_nobody_is_too_late_while_the_reason_is_not_known() -> None:
    """It may be an accelerator; as soon as it is known that it is not, the deadline decides."""
    deployment = on_gpus()
    (way,) = ways(deployment).values()
    state = unready(deployment)
    steps = []
    for unexplained in ("etcd timeout", ""):
        waiting = ready(1, available=0, endpoints=0, unexplained=unexplained)
        observation = seen(deployment, {STABLE: ready(2), way.revision: waiting})
        steps.append(release_of(decided(deployment, state, observation, now=NOW + 1000)).phase)

    assert steps == [ReleasePhase.PREPARING, ReleasePhase.ROLLING_BACK]


def test_a_shortage_holds_for_as_long_as_it_takes() -> None:
    """No deadline blames a candidate for accelerators that are not there; anything else has its time."""
    deployment = on_gpus()
    (way,) = ways(deployment).values()
    state = unready(deployment)
    steps = {}
    for trouble in (SHORT, "pod demo-x: ErrImagePull"):
        waiting = {STABLE: ready(2), way.revision: ready(1, available=0, endpoints=0, trouble=trouble)}
        observation = seen(deployment, waiting)
        decision = decided(deployment, state, observation, now=NOW + 1000)
        hold = waiting_for_pods(Situation(deployment, observation, state, NOW), 1)
        steps[hold.reason] = release_of(decision).phase

    assert steps == {"AcceleratorShortage": ReleasePhase.PREPARING, "CandidateNotReady": ReleasePhase.ROLLING_BACK}


def test_at_rest_stable_has_all_of_its_pods() -> None:
    """Whatever the placement says."""
    deployment = on_gpus(placement={"surge": "Swap"})

    assert find_targets(deployment, serving(), seen(deployment), now=NOW).replicas == {STABLE: 2}
