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

_READY = f'@.type=="{constants.READY}"'

COLUMNS: tuple[dict[str, Any], ...] = (
    {
        "name": "Ready",
        "type": "string",
        "description": "Whether the newest revision serves and nothing is in progress.",
        "jsonPath": f".status.conditions[?({_READY})].status",
    },
    {
        "name": "Stage",
        "type": "string",
        "description": "Where the release stands.",
        "jsonPath": ".status.stage",
    },
    {
        "name": "Weight",
        "type": "integer",
        "description": "The candidate's share of the requests now, in percent.",
        "jsonPath": ".status.weight",
    },
    {
        "name": "Stable",
        "type": "string",
        "description": "The model version that serves the users.",
        "jsonPath": ".status.stable.version",
    },
    {
        "name": "Candidate",
        "type": "string",
        "description": "The model version under trial, or the refused one.",
        "jsonPath": ".status.candidate.version",
    },
    {
        "name": "Cost/1k",
        "type": "string",
        "description": "What a thousand inferences cost now, in the budget's currency.",
        "jsonPath": ".status.cost.perThousandInferences",
    },
    {
        "name": "Reason",
        "type": "string",
        "description": "Why the object is ready or not.",
        "jsonPath": f".status.conditions[?({_READY})].reason",
    },
    {
        "name": "Age",
        "type": "date",
        "description": "Time since the object was made.",
        "jsonPath": ".metadata.creationTimestamp",
    },
    {
        "name": "StableRevision",
        "type": "string",
        "description": "The revision that serves the users: also the end of the names of its Deployment and Service.",
        "jsonPath": ".status.stable.revision",
        "priority": 1,
    },
    {
        "name": "CandidateRevision",
        "type": "string",
        "description": "The revision under trial, or the refused one: what an abort or a promotion names.",
        "jsonPath": ".status.candidate.revision",
        "priority": 1,
    },
    {
        "name": "Owner",
        "type": "string",
        "description": "The accountable person.",
        "jsonPath": ".spec.owner.name",
        "priority": 1,
    },
    {
        "name": "Message",
        "type": "string",
        "description": "Why the object is ready or not, as a sentence.",
        "jsonPath": f".status.conditions[?({_READY})].message",
        "priority": 1,
    },
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
