"""What a ModelDeployment's file says about a release that is to be simulated."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from palier.api.spec.values import Proof
from palier.api.v1alpha1 import ModelDeployment, OnNoEvidence, parse
from palier.cli.yaml_files import explain_unreadable
from palier.errors import InvalidSettings, InvalidSpec
from palier.simulate.case import Stage


@dataclass(frozen=True, slots=True)
class FileChanges:
    """What a ModelDeployment says about a case."""

    changes: dict[str, Any]
    """Parameters of `Case`."""
    proofs: dict[str, Proof]
    """What its objectives ask a promotion to prove, by their names in a case."""
    notes: tuple[str, ...]
    """What of it is not simulated, for the user."""


def file_changes(path: str) -> FileChanges:
    """The parameters that a ModelDeployment's file fixes.

    Raises:
        InvalidSettings: the file cannot be read, or holds no ModelDeployment.
        InvalidSpec: it breaks a rule of the API, or promises nothing that can be simulated.
    """
    deployment = _deployment(path)
    changes: dict[str, Any] = {}
    proofs: dict[str, Proof] = {}
    notes: list[str] = []
    names: list[str] = []
    for objective in deployment.spec.objectives:
        if objective.error_rate is not None and "errors" not in names:
            simulated = "errors"
            changes["max_errors"] = objective.error_rate.max_percent.fraction
        elif objective.latency is not None and "latency" not in names:
            simulated = "latency"
            changes["latency_threshold"] = objective.latency.threshold.seconds
            changes["percentile"] = objective.latency.percentile
        else:
            notes.append(f"objective {objective.name} is not simulated: the first errorRate and latency ones are")
            continue
        names.append(simulated)
        if objective.proof is not None:
            proofs[simulated] = objective.proof
    if not names:
        raise InvalidSpec("spec.objectives", "there is no errorRate and no latency objective to simulate")
    release = deployment.spec.release
    if not release.canaries:
        raise InvalidSpec("spec.release.stages", "without a canary stage there is nothing to simulate")
    changes["objectives"] = tuple(names)
    changes["stages"] = tuple(
        Stage(
            stage.weight,
            stage.min_duration.seconds,
            stage.max_duration.seconds,
            stage.warm_up.seconds if stage.warm_up is not None else None,
        )
        for stage in release.canaries
    )
    changes["stable_pods"] = deployment.spec.serving.replicas
    changes["rollback_without_evidence"] = release.on_no_evidence is OnNoEvidence.ROLLBACK
    return FileChanges(changes, proofs, tuple(notes))


def _deployment(path: str) -> ModelDeployment:
    with explain_unreadable(path):
        written = yaml.safe_load_all(Path(path).read_text(encoding="utf-8"))
        documents = [one for one in written if isinstance(one, dict) and one.get("kind") == "ModelDeployment"]
    if len(documents) != 1:
        raise InvalidSettings(f"{path} holds {len(documents)} ModelDeployments; one is needed")
    return parse(documents[0])
