"""Which objectives a load test judges."""

from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.errors import InvalidSpec
from palier.loadtest.objectives import LoadObjective, Promise, objectives_under_load


def deployment(*objectives: dict[str, Any], stream: bool = False, scale: bool = True) -> ModelDeployment:
    """A ModelDeployment with these objectives."""
    spec: dict[str, Any] = {
        "owner": {"name": "Somebody", "email": "somebody@example.com"},
        "model": {"name": "m", "version": "1", "runtime": "vllm"},
        "serving": {"port": 8080, "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}},
        "traffic": {"service": {}},
        "signals": {"requests": "requests_total", "errors": "errors_total"},
        "objectives": list(objectives),
    }
    if scale:
        spec["scale"] = {"target": {"requestsPerSecond": "10"}, "loadTest": {"stream": stream}}
    return parse({"metadata": {"name": "demo", "namespace": "ml"}, "spec": spec})


def timed(signal: str | None = None, percentile: int = 95) -> dict[str, Any]:
    """A latency objective."""
    latency = {"percentile": percentile, "threshold": "250ms"}
    return {"name": "slow", "latency": latency | ({"signal": signal} if signal else {})}


FEEDBACK = {"name": "feedback", "ratio": {"bad": "bad_total", "total": "all_total", "maxPercent": "5"}}
ERRORS = {"name": "errors", "errorRate": {"maxPercent": "0.5"}}


def test_latency_and_failures_are_judged() -> None:
    """With the numbers that the user wrote."""
    judged, others = objectives_under_load(deployment(timed(), ERRORS))

    assert judged == (
        LoadObjective("slow", Promise.LATENCY, 0.05, 0.25),
        LoadObjective("errors", Promise.ERRORS, 0.005),
    )
    assert others == ()


@pytest.mark.parametrize(
    ("signal", "kind"),
    [
        ("timeToFirstToken", Promise.FIRST_TOKEN),
        ("timePerOutputToken", Promise.PER_TOKEN),
        ("interTokenLatency", Promise.BETWEEN_TOKENS),
    ],
)
def test_times_inside_an_answer_are_judged_of_streams(signal: str, kind: Promise) -> None:
    """They can only be seen there."""
    judged, _ = objectives_under_load(deployment(timed(signal, percentile=99), stream=True))

    assert judged == (LoadObjective("slow", kind, 0.01, 0.25),)


def test_times_inside_an_answer_are_left_out_where_answers_are_whole() -> None:
    """What cannot be seen is told instead of passed."""
    judged, others = objectives_under_load(deployment(timed("timeToFirstToken"), ERRORS))

    assert [one.name for one in judged] == ["errors"]
    assert others == ("slow",)


@pytest.mark.parametrize("stream", [False, True])
def test_what_only_users_or_pods_can_tell_is_left_out(stream: bool) -> None:
    """Feedback and queues are judged in the stages after."""
    queue = {"name": "queue", "latency": {"signal": "queueTime", "percentile": 95, "threshold": "1s"}}
    judged, others = objectives_under_load(deployment(timed(), FEEDBACK, queue, stream=stream))

    assert [one.name for one in judged] == ["slow"]
    assert others == ("feedback", "queue")


def test_nothing_to_judge_is_a_mistake() -> None:
    """Without a promise about time or failures, every rate would hold."""
    with pytest.raises(InvalidSpec, match="latency or errorRate") as told:
        objectives_under_load(deployment(FEEDBACK))

    assert told.value.field == "spec.objectives"


def test_the_mistake_tells_of_streams() -> None:
    """Who promises a first token may have forgotten to say that answers are streams."""
    with pytest.raises(InvalidSpec, match="stream: true"):
        objectives_under_load(deployment(timed("timeToFirstToken")))
