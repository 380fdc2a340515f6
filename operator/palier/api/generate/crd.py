"""The CustomResourceDefinition, generated from the models so that there is one source of the schema.

The generated file is checked in, because people install it without this program, and a test fails while it is stale:
`python -m palier.api.generate.crd --write` brings it up to date, `--check` tells whether it is.
"""

import json
import sys
from typing import Any

import yaml

from palier.api import constants
from palier.api.generate import generated
from palier.api.generate.structural import Schema, structural_schema
from palier.api.rule import VALIDATIONS
from palier.api.status.status import Status
from palier.api.v1alpha1 import ModelDeployment, Spec

PROGRAM = "python -m palier.api.generate.crd"
FILE_NAME = f"{constants.GROUP}_{constants.PLURAL}.yaml"

_READY = f'.status.conditions[?(@.type=="{constants.READY}")]'


def _column(name: str, path: str, description: str, *, kind: str = "string", wide: bool = False) -> dict[str, Any]:
    """A column of `kubectl get`; a wide one is shown by `-o wide` only."""
    column = {"name": name, "type": kind, "description": description, "jsonPath": path}
    return {**column, "priority": 1} if wide else column


COLUMNS: tuple[dict[str, Any], ...] = (
    _column("Ready", f"{_READY}.status", "Whether the newest revision serves and nothing is in progress."),
    _column("Stage", ".status.stage", "Where the release stands."),
    _column("Weight", ".status.weight", "The candidate's share of the requests now, in percent.", kind="integer"),
    _column("Stable", ".status.stable.version", "The model version that serves the users."),
    _column("Candidate", ".status.candidate.version", "The model version under trial, or the refused one."),
    _column(
        "Cost/1k",
        ".status.cost.perThousandInferences",
        "What a thousand inferences cost now, in the budget's currency.",
    ),
    _column("Reason", f"{_READY}.reason", "Why the object is ready or not."),
    _column("Age", ".metadata.creationTimestamp", "Time since the object was made.", kind="date"),
    _column(
        "StableRevision",
        ".status.stable.revision",
        "The revision that serves the users: also the end of the names of its Deployment and Service.",
        wide=True,
    ),
    _column(
        "CandidateRevision",
        ".status.candidate.revision",
        "The revision under trial, or the refused one: what an abort or a promotion names.",
        wide=True,
    ),
    _column("Owner", ".spec.owner.name", "The accountable person.", wide=True),
    _column("Message", f"{_READY}.message", "Why the object is ready or not, as a sentence.", wide=True),
)


def object_schema() -> Schema:
    """The schema of a whole ModelDeployment."""
    return {
        "description": " ".join((ModelDeployment.__doc__ or "").split()),
        "type": "object",
        "required": ["metadata", "spec"],
        "properties": {
            "apiVersion": {"description": f"`{constants.API_VERSION}`.", "type": "string"},
            "kind": {"description": f"`{constants.KIND}`.", "type": "string"},
            "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
            "spec": structural_schema(Spec),
            "status": structural_schema(Status),
        },
        VALIDATIONS: [rule.as_schema() for rule in ModelDeployment.constraints],
    }


def custom_resource_definition() -> dict[str, Any]:
    """The CRD; values that the API server would fill in are written out, so that GitOps tools see no drift."""
    version = {
        "name": constants.VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": list(COLUMNS),
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.serving.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "schema": {"openAPIV3Schema": object_schema()},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{constants.PLURAL}.{constants.GROUP}"},
        "spec": {
            "group": constants.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": constants.KIND,
                "listKind": f"{constants.KIND}List",
                "plural": constants.PLURAL,
                "singular": constants.SINGULAR,
                "shortNames": [constants.SHORT_NAME],
                "categories": [constants.CATEGORY],
            },
            "conversion": {"strategy": "None"},
            "versions": [version],
        },
    }


def files() -> dict[str, str]:
    """The generated files by name."""
    # Through JSON, so that equal parts are written out instead of becoming YAML anchors.
    definition = json.loads(json.dumps(custom_resource_definition()))
    text = yaml.safe_dump(definition, sort_keys=False, allow_unicode=True, width=120)
    return {FILE_NAME: f"# Generated by `{PROGRAM} --write` from operator/palier/api; do not edit.\n{text}"}


if __name__ == "__main__":
    sys.exit(generated.main(files(), program=PROGRAM, folder="crds"))
