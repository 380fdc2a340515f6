"""What the API server does with the CRD besides refusing: defaults, merging, subresources, columns, explanations."""

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.apiserver.conftest import Api

ROOT = Path(__file__).parents[2]
CRDS = ROOT / "crds"
EVERY_FIELD = ROOT / "tests" / "apiserver" / "accept" / "every-field.yaml"
SCALING = EVERY_FIELD.with_name("scaling-every-field.yaml")
QUALITY = EVERY_FIELD.with_name("quality-every-field.yaml")
SIGNALS = {"requests": "http_requests_total", "errors": "http_errors_total"}


def test_crd_is_accepted_without_warnings(api: "Api") -> None:
    """The API server finds nothing to remark on the generated CRD."""
    api.must("apply", "--server-side", "--dry-run=server", "-f", str(CRDS))
    conditions = json.loads(api.must("get", "crd", "modeldeployments.palier.dev", "-ojsonpath={.status.conditions}"))

    assert {each["type"]: each["status"] for each in conditions} == {"NamesAccepted": "True", "Established": "True"}


def test_crd_does_not_drift(api: "Api") -> None:
    """What is stored of the CRD is what the file says, so that GitOps tools show it as in sync."""
    assert _diff(api, "-f", str(CRDS)) == (0, "")


def test_defaults_are_stored(api: "Api", minimal: dict[str, Any]) -> None:
    """Every reader sees the defaults, because the API server fills them in."""
    spec = api.apply(minimal)["spec"]

    assert spec["serving"]["replicas"] == 1
    assert spec["serving"]["placement"] == {"accelerator": "CPU", "surge": "Wait"}
    assert spec["release"] == {
        "stages": [{"canary": {"weight": weight, "minDuration": "1m", "maxDuration": "1h"}} for weight in (5, 25, 50)],
        "onBreach": "Rollback",
        "onNoEvidence": "Hold",
        "paused": False,
        "rollbackWindow": "10m",
        "progressDeadline": "10m",
        "candidateGrace": "1m",
        "onStableUnavailable": "Hold",
        "drainDelay": "10s",
    }


def test_defaults_are_not_merged_with_what_an_author_writes_later(api: "Api", minimal: dict[str, Any]) -> None:
    """Nobody owns a stored default: in a list that is merged it would stay beside the author's own entries for ever."""
    stored = api.apply(minimal)["spec"]

    def entries(value: Any, path: str = "") -> set[str]:  # noqa: ANN401 - any part of a spec
        if isinstance(value, list):
            return {path} if value else set()
        if isinstance(value, dict):
            return set().union(*(entries(part, f"{path}.{name}") for name, part in value.items()))
        return set()

    written = entries(minimal["spec"])
    assert entries(stored) - written == {".release.stages", ".shadow.methods"}

    minimal["spec"]["traffic"] = {"gateway": {"parentRefs": [{"name": "public"}]}}
    minimal["spec"]["shadow"] = {"methods": ["POST"]}
    minimal["spec"]["answers"] = {"checks": [{"name": "language", "path": "$.language", "compare": "Label"}]}
    minimal["spec"]["release"] = {"stages": [{"canary": {"weight": 10}}]}
    spec = api.apply(minimal)["spec"]

    assert spec["shadow"]["methods"] == ["POST"]
    assert [check["name"] for check in spec["answers"]["checks"]] == ["language"]
    assert len(spec["release"]["stages"]) == 1


def test_defaults_reach_into_partly_written_objects(api: "Api", minimal: dict[str, Any]) -> None:
    """Writing one field of an object does not lose the defaults of the others."""
    minimal["spec"]["serving"]["placement"] = {"accelerator": "GPU", "gpu": {}}
    minimal["spec"]["signals"] = {"latency": {"histogram": "latency_seconds"}}
    minimal["spec"]["release"] = {"stages": [{"canary": {"weight": 10}}]}

    spec = api.apply(minimal)["spec"]

    assert spec["serving"]["placement"]["gpu"] == {"resource": "nvidia.com/gpu", "count": 1}
    assert spec["signals"]["latency"]["unit"] == "Seconds"
    assert spec["release"]["stages"] == [{"canary": {"weight": 10, "minDuration": "1m", "maxDuration": "1h"}}]
    assert spec["release"]["drainDelay"] == "10s"


def test_a_plan_of_nothing_but_a_target_gets_its_defaults(api: "Api", minimal: dict[str, Any]) -> None:
    """The load test that will run can be read in the stored object, though nothing of it was written."""
    minimal["spec"]["scale"] = {"target": {"requestsPerSecond": "200"}}
    minimal["spec"]["budget"] = {"currency": "EUR", "monthly": "3000"}
    minimal["spec"]["release"] = {"stages": [{"loadTest": {}}]}

    spec = api.apply(minimal)["spec"]

    assert spec["budget"]["onBurn"] == "Alert"
    assert spec["release"]["stages"] == [{"loadTest": {"maxDuration": "2h"}}]
    assert spec["scale"] == {
        "target": {"requestsPerSecond": "200"},
        "utilization": "70",
        "minimumReplicas": 1,
        "overheads": {
            "maintenanceMonthly": "0",
            "monitoringMonthly": "0",
            "dataMonthly": "0",
            "peopleMonthly": "0",
            "releasesPerMonth": 0,
        },
        "loadTest": {
            "path": "/",
            "method": "GET",
            "stream": False,
            "timeout": "30s",
            "warmUp": "10s",
            "stepDuration": "20s",
            "soak": "2m",
            "maxDuration": "30m",
            "maxRequests": 500000,
            "maxRequestsPerSecond": "10000",
            "replicas": [1],
            "freshFor": "720h",
        },
    }


def test_comparisons_of_nothing_but_their_stages_get_their_defaults(api: "Api", minimal: dict[str, Any]) -> None:
    """What will be asked and compared can be read in the stored object, though next to nothing of it was written."""
    minimal["spec"]["traffic"] = {"gateway": {"parentRefs": [{"name": "public"}]}}
    minimal["spec"]["golden"] = {"corpus": {"inline": ["{}"]}, "judge": {"url": "http://judge/", "model": "judge"}}
    minimal["spec"]["objectives"] = [{"name": "slower", "slowdown": {}}]
    minimal["spec"]["release"] = {
        "stages": [{"golden": {}}, {"shadow": {}}, {"experiment": {"objective": "users"}}],
    }
    minimal["spec"]["objectives"] += [{"name": "users", "product": {"signal": "Feedback", "maxPercent": "10"}}]

    spec = api.apply(minimal)["spec"]

    assert spec["answers"] == {"streamPath": "$.choices[0].delta.content"}
    assert spec["shadow"] == {
        "methods": ["GET", "HEAD"],
        "timeout": "30s",
        "maxBodyBytes": 1048576,
        "maxQueue": 500,
        "maxConcurrent": 64,
        "sampling": "Auto",
    }
    assert spec["golden"] == {
        "corpus": {"inline": ["{}"]},
        "path": "/",
        "method": "POST",
        "marginPercent": "2",
        "repeat": 1,
        "concurrency": 4,
        "timeout": "60s",
        "judge": {
            "url": "http://judge/",
            "model": "judge",
            "votes": 1,
            "timeout": "60s",
            "maxTokensTotal": 5000000,
        },
    }
    assert spec["objectives"][0]["slowdown"] == {"factor": "1.5", "maxPercent": "50"}
    assert spec["release"]["stages"] == [
        {"golden": {"maxDuration": "30m"}},
        {"shadow": {"percent": 20, "minPairs": 500, "minDuration": "1m", "maxDuration": "30m"}},
        {"experiment": {"objective": "users", "weight": 50, "duration": "24h"}},
    ]


def test_nothing_is_stored_for_empty_lists_and_maps(api: "Api", minimal: dict[str, Any]) -> None:
    """Fields without a default stay out of the stored object."""
    spec = api.apply(minimal)["spec"]

    assert set(spec) == {"owner", "model", "serving", "traffic", "answers", "shadow", "release", "watch"}
    assert set(spec["model"]) == {"name", "version"}
    assert set(spec["serving"]["template"]) == {"spec"}


@pytest.mark.parametrize(
    "path", [ROOT / "examples" / "minimal.yaml", EVERY_FIELD, SCALING, QUALITY], ids=lambda path: path.stem
)
def test_applying_again_changes_nothing(api: "Api", path: Path) -> None:
    """A GitOps tool that applies the same manifest again sees no diff and makes no new generation."""
    first = api.apply(path.read_text())
    again = api.apply(path.read_text())

    assert _diff(api, "-f", str(path)) == (0, "")
    assert first["metadata"]["resourceVersion"] == again["metadata"]["resourceVersion"]


def test_objectives_of_two_managers_merge(api: "Api", minimal: dict[str, Any]) -> None:
    """A platform team can add an objective to those of the model's team, and each can change its own alone."""
    minimal["spec"] |= {"signals": SIGNALS, "objectives": [{"name": "errors", "errorRate": {"maxPercent": "1"}}]}
    added = {
        "apiVersion": minimal["apiVersion"],
        "kind": minimal["kind"],
        "metadata": {"name": minimal["metadata"]["name"]},
        "spec": {"objectives": [{"name": "empty", "ratio": {"bad": "empty", "total": "all", "maxPercent": "5"}}]},
    }
    api.apply(minimal, manager="team")
    api.apply(added, manager="platform")
    minimal["spec"]["objectives"][0]["errorRate"]["maxPercent"] = "2"

    stored = api.apply(minimal, manager="team")

    assert [*minimal["spec"]["objectives"], *added["spec"]["objectives"]] == stored["spec"]["objectives"]


def test_status_is_written_apart_from_the_spec(api: "Api", minimal: dict[str, Any]) -> None:
    """Users cannot write the status with the object, and the status writer cannot change the spec."""
    with_status = {**minimal, "status": {"weight": 50}}
    stored = api.apply(with_status)
    intruding = copy.deepcopy(stored)
    intruding["spec"]["serving"]["replicas"] = 9
    intruding["status"] = {"weight": 25}

    api.must("replace", "--subresource=status", "-f-", given=intruding)
    after = api.get(minimal["metadata"]["name"])

    assert "status" not in stored
    assert after["status"] == {"weight": 25}
    assert after["spec"] == stored["spec"]
    assert after["metadata"]["generation"] == stored["metadata"]["generation"]


def test_scale_subresource(api: "Api", minimal: dict[str, Any]) -> None:
    """`kubectl scale` and autoscalers read and write the replicas without knowing the kind."""
    name = minimal["metadata"]["name"]
    api.apply(minimal)
    api.must(
        "patch", "mdep", name, "--subresource=status", "--type=merge", '-p={"status":{"replicas":1,"selector":"a=b"}}'
    )

    api.must("scale", "mdep", name, "--replicas=3")
    scale = json.loads(api.must("get", "mdep", name, "--subresource=scale", "-ojson"))

    assert scale["spec"] == {"replicas": 3}
    assert scale["status"] == {"replicas": 1, "selector": "a=b"}
    assert api.get(name)["spec"]["serving"]["replicas"] == 3


def test_scaling_to_zero_is_refused(api: "Api", minimal: dict[str, Any]) -> None:
    """There is no scale to zero, and an autoscaler that tries it is told."""
    api.apply(minimal)

    answer = api.run("scale", "mdep", minimal["metadata"]["name"], "--replicas=0")

    assert answer.status != 0
    assert "should be greater than or equal to 1" in answer.complaints


def test_columns_tell_the_story(api: "Api", minimal: dict[str, Any]) -> None:
    """`kubectl get` answers: does it serve, where does the release stand, what serves, what is tried, and why."""
    api.apply(minimal)
    status = {
        "stage": "Canary 25",
        "weight": 25,
        "stable": {"revision": "0a1b2c3d4e", "version": "2.1.0"},
        "candidate": {"revision": "5f6a7b8c9d", "version": "2.1.1"},
        "cost": {"currency": "EUR", "perThousandInferences": "0.382"},
        "conditions": [
            {
                "type": "Ready",
                "status": "Unknown",
                "reason": "Judging",
                "message": "25 % for at least 40 s more",
                "lastTransitionTime": "2026-01-02T03:04:05Z",
            }
        ],
    }
    api.apply({**_named(minimal), "status": status}, manager="palier-status", status=True)

    head, row = (line.split() for line in api.must("get", "mdep").splitlines())
    wide = api.must("get", "model-serving", "-owide")

    assert head == ["NAME", "READY", "STAGE", "WEIGHT", "STABLE", "CANDIDATE", "COST/1K", "REASON", "AGE"]
    assert row[:-1] == ["minimal", "Unknown", "Canary", "25", "25", "2.1.0", "2.1.1", "0.382", "Judging"]
    assert {"0a1b2c3d4e", "5f6a7b8c9d"} <= set(wide.split())
    assert "NLP platform lead" in wide
    assert "25 % for at least 40 s more" in wide


def test_fields_explain_themselves(api: "Api") -> None:
    """`kubectl explain` shows the descriptions, with their examples."""
    text = " ".join(api.must("explain", "mdep.spec.objectives.latency.threshold").split())

    assert "Longest time of a good request" in text
    assert "`250ms`" in text


def _named(manifest: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": manifest["apiVersion"],
        "kind": manifest["kind"],
        "metadata": {"name": manifest["metadata"]["name"]},
    }


def _diff(api: "Api", *arguments: str) -> tuple[int, str]:
    answer = api.run("diff", "--server-side", *arguments)
    return answer.status, answer.output + answer.complaints
