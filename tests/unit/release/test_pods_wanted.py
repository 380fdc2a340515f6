"""A candidate whose pods tell too little gets more of them; they change neither its share nor what it waits for."""

from dataclasses import replace
from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment, Placement
from palier.evidence.objective import Counts, Evidence, ObjectiveRule, observe, start_evidence
from palier.evidence.stepping import is_noticed, is_suspected
from palier.measuring.coverage import Coverage
from palier.release.decide import decide
from palier.release.memory import read_state, write_state
from palier.release.observation import MeasuredEvidence
from palier.release.rules import measured_objectives
from palier.release.state import ReleasePhase, State
from palier.release.targets import find_targets
from tests.support.release.examples import CANDIDATE, NOW, STABLE, observed, ready, releasing
from tests.support.release.world import model_deployment

STABLE_PODS = {f"s{number}": (300.0, 1.5) for number in range(3)}


def spec(*, replicas: int = 4, **serving: Any) -> ModelDeployment:  # noqa: ANN401 - whatever a spec may hold
    """A spec with so many replicas."""
    deployment = model_deployment()
    changed = deployment.spec.serving.model_copy(update={"replicas": replicas, **serving})
    return deployment.model_copy(update={"spec": deployment.spec.model_copy(update={"serving": changed})})


def gather_evidence(deployment: ModelDeployment, *, bad: tuple[float, ...]) -> dict[str, Evidence]:
    """Looks in which each pod of the candidate has ten requests, of which so many fail."""
    objective = measured_objectives(deployment)[0]
    evidence = start_evidence(objective.digest)
    pods = {f"c{number}": (10.0, one) for number, one in enumerate(bad)}
    for _ in range(60):
        candidate = Counts(10 * len(bad), round(sum(bad)), round(sum(bad)))
        evidence = observe(evidence, candidate, Counts(900, 4, 4), objective.rule, pods=(pods, STABLE_PODS))
    return {objective.rule.name: evidence}


def decide_once(deployment: ModelDeployment, evidence: dict[str, Evidence]) -> tuple[State, dict[str, int], str]:
    """The memory, the pods and the reason to hold after a pass with this evidence."""
    state = releasing(ReleasePhase.CANARY, index=1, evidence=evidence)
    observation = observed({STABLE: ready(4), CANDIDATE: ready(1)}, {STABLE: 75, CANDIDATE: 25}, wanted=CANDIDATE)
    measured = MeasuredEvidence(evidence=evidence, pods_read=Coverage(NOW))
    observation = replace(observation, measured=measured)
    decision = decide(deployment, observation, state, now=NOW)
    targets = find_targets(deployment, decision.state, observation, now=NOW)
    return decision.state, dict(targets.replicas), decision.hold.reason if decision.hold else ""


def test_pods_that_differ_bring_more_pods() -> None:
    """Three of them, which are told apart; the release stays where it is."""
    deployment = spec()
    state, replicas, _ = decide_once(deployment, gather_evidence(deployment, bad=(5.0, 0.05)))
    assert state.release is not None
    assert state.release.phase is ReleasePhase.CANARY
    assert replicas[CANDIDATE] == 3
    assert read_state(write_state(state), deployment.spec.release).release == replace(
        state.release, pods_read=state.release.pods_read.without_reason()
    )


def test_a_doubt_that_acts_on_nothing_yet_brings_more_pods() -> None:
    """So that several have been seen when it comes to blame; a candidate that nobody doubts stays as it is."""
    deployment = spec()
    objective = measured_objectives(deployment)[0]
    assert isinstance(objective.rule, ObjectiveRule)
    for bad, wanted in ((3, 3), (0, 1)):
        evidence = start_evidence(objective.digest)
        pods = {"c0": (100.0, float(bad))}
        for _ in range(2):
            counts = Counts(100, bad, bad)
            evidence = observe(evidence, counts, Counts(900, 4, 4), objective.rule, pods=(pods, STABLE_PODS))
        assert is_noticed(evidence, objective.rule) is (wanted > 1)
        assert not is_suspected(evidence, objective.rule)
        state, replicas, _ = decide_once(deployment, {objective.rule.name: evidence})
        assert state.release is not None
        assert state.release.phase is ReleasePhase.CANARY
        assert replicas[CANDIDATE] == wanted


def test_pods_that_agree_end_the_release() -> None:
    """Then it is their version."""
    deployment = spec()
    state, _, _ = decide_once(deployment, gather_evidence(deployment, bad=(2.0, 2.0)))
    assert state.release is not None
    assert state.release.phase is ReleasePhase.ROLLING_BACK
    assert not state.release.pods_wanted


@pytest.mark.parametrize(("replicas", "most"), [(2, 2), (3, 3), (9, 3)])
def test_never_more_pods_than_stable_has(replicas: int, most: int) -> None:
    """What is served by two replicas has room for two."""
    deployment = spec(replicas=replicas)
    _, wanted, _ = decide_once(deployment, gather_evidence(deployment, bad=(5.0, 0.05)))
    assert wanted[CANDIDATE] == max(most, -(-replicas // 4))


GPU = Placement.model_validate({"accelerator": "GPU", "gpu": {}})


@pytest.mark.parametrize(
    ("deployment", "may"),
    [
        (spec(), True),
        (spec(replicas=1), False),
        (spec(placement=GPU), False),
        (model_deployment(traffic={"service": {}}), False),
    ],
    ids=["plain", "one replica", "a GPU", "no gateway"],
)
def test_where_a_candidate_may_have_more_pods(deployment: ModelDeployment, *, may: bool) -> None:
    """Not where they would be its share, cost a GPU each, or be more than stable has."""
    rule = measured_objectives(deployment)[0].rule
    assert isinstance(rule, ObjectiveRule)
    assert rule.pods_may_grow is may
