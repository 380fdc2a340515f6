"""The digest of the rules: it changes with everything that judges, and with nothing else."""

from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment, Stage
from palier.release.rules import rules_digest
from tests.support.release.objectives import judged_by, latency
from tests.support.release.world import model_deployment


def test_the_digest_is_that_of_the_same_rules() -> None:
    """Two equal specs have one digest, which fits its field in `status`."""
    assert rules_digest(model_deployment()) == rules_digest(model_deployment())
    assert len(rules_digest(model_deployment())) <= 64


@pytest.mark.parametrize(
    "changes",
    [
        {"paused": True},
        {"replicas": 7},
        {"onBreach": "Hold"},
        {"onNoEvidence": "Rollback"},
        {"rollbackWindow": "1h"},
        {"traffic": {"service": {}}},
    ],
)
def test_what_does_not_judge_is_not_in_the_digest(changes: dict[str, Any]) -> None:
    """Pausing or scaling must not bring back a revision that was refused."""
    assert rules_digest(model_deployment(**changes)) == rules_digest(model_deployment())


@pytest.mark.parametrize("weights", [(5, 25), (5, 25, 51), (), (25, 50, 75)])
def test_other_stages_have_another_digest(weights: tuple[int, ...]) -> None:
    """A refused revision may do better on other landings."""
    assert rules_digest(model_deployment(weights=weights)) != rules_digest(model_deployment())


@pytest.mark.parametrize(
    "changed",
    [
        judged_by({"name": "it", **latency(95, "251ms")}),
        judged_by({"name": "it", **latency(96, "250ms")}),
        judged_by({"name": "other", **latency(95, "250ms")}),
        judged_by({"name": "it", **latency(95, "250ms")}, latency={"histogram": "other_seconds"}),
        judged_by({"name": "it", **latency(95, "250ms")}, {"name": "more", "errorRate": {"maxPercent": "1"}}),
        judged_by(),
    ],
    ids=["threshold", "percentile", "name", "signal", "one more", "none"],
)
def test_other_objectives_have_another_digest(changed: ModelDeployment) -> None:
    """A corrected objective is a reason to try a refused revision again."""
    assert rules_digest(changed) != rules_digest(judged_by({"name": "it", **latency(95, "250ms")}))


def test_another_proof_is_another_rule_and_another_name_of_the_same_is_not() -> None:
    """Who only takes the newer name does not get a refused revision tried again."""
    digests = {
        proof: rules_digest(judged_by({"name": "it", **latency(95, "250ms"), "proof": proof}))
        for proof in ("WithinLimit", "BelowTwiceTheLimit", "BelowTheLimit", "NoBreach")
    }

    assert digests["WithinLimit"] == digests["BelowTwiceTheLimit"]
    assert len(set(digests.values())) == 3


class LaterStage(Stage):
    """A stage as a later Palier may know it."""

    purpose: str = "canary"
    """A field that did not exist before, with a default."""


def test_a_field_of_a_later_palier_does_not_change_the_digest() -> None:
    """An upgrade that only adds a field with a default must not bring back every refused revision of the fleet."""
    deployment = model_deployment()
    stages = [LaterStage.model_validate(stage.model_dump()) for stage in deployment.spec.release.stages]
    release = deployment.spec.release.model_copy(update={"stages": stages})
    spec = deployment.spec.model_copy(update={"release": release})

    assert rules_digest(deployment.model_copy(update={"spec": spec})) == rules_digest(deployment)
