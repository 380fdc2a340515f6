"""What a shadow is told, and which shadows compare the same."""

import json
from dataclasses import replace
from typing import Any

import pytest

from palier.api.spec.answers import Answers
from palier.api.spec.shadow import Disagreements
from palier.api.v1alpha1 import ModelDeployment, parse
from palier.shadow.plan import ShadowPlan, digest, plan_for

PLAN = ShadowPlan(
    candidate="7f6c5d4b3a",
    stable="1a2b3c4d5e",
    candidate_url="http://10.0.0.1:8080",
    stable_url="http://[fd00::1]:8080",
    percent=20,
    methods=("GET", "POST"),
    timeout=2.5,
    max_body_bytes=65536,
    max_queue=100,
    max_concurrent=8,
    segment_header="x-customer-kind",
    answers=Answers.model_validate({"checks": [{"name": "language", "path": "$.language", "compare": "Label"}]}),
    thresholds=(0.25, 1.0),
    factors=("1.5", "2"),
    disagreements=Disagreements.model_validate({"keep": 3, "redact": ["$.text"]}),
    versions={"candidate": {"model": "m", "version": "2", "prompt/system": "abc"}, "stable": {"model": "m"}},
    comparison="0123456789abcdef",
)


def deployment(**spec: Any) -> ModelDeployment:  # noqa: ANN401
    """A ModelDeployment with these fields too."""
    return parse(
        {
            "metadata": {"name": "demo", "namespace": "ml"},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": {"name": "m", "version": "1"},
                "serving": {"port": 8080, "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}},
                "traffic": {"service": {}},
                "signals": {
                    "requests": "r_total",
                    "errors": "e_total",
                    "latency": {"histogram": "l"},
                    "timeToFirstToken": {"histogram": "t"},
                    "queueTime": {"histogram": "q"},
                },
                "objectives": [{"name": "errors", "errorRate": {"maxPercent": "1"}}],
                **spec,
            },
        }
    )


def test_a_plan_survives_its_file() -> None:
    """The pod reads what the operator wrote."""
    assert ShadowPlan.from_json(PLAN.to_json()) == PLAN
    plain = replace(PLAN, disagreements=None, versions={}, segment_header="", thresholds=(), factors=())
    assert ShadowPlan.from_json(plain.to_json()) == plain


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("percent", 0),
        ("percent", 101),
        ("percent", "many"),
        ("timeout", 0),
        ("timeout", float("inf")),
        ("timeout", float("nan")),
        ("maxQueue", -1),
        ("maxConcurrent", 0),
        ("maxBodyBytes", None),
        ("methods", 3),
        ("answers", {"checks": [{"name": "x", "compare": "Guess"}]}),
        ("answers", None),
        ("thresholds", [0]),
        ("thresholds", ["soon"]),
        ("factors", ["0.5"]),
        ("factors", ["twice"]),
        ("disagreements", {"keep": 1000}),
        ("versions", 3),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_in_one_line(field: str, value: object) -> None:
    """The proxy must not run with other rules than the operator's."""
    entry = json.loads(PLAN.to_json()) | {field: value}

    with pytest.raises(ValueError, match=r"^not the plan of a shadow: [^\n]+$"):
        ShadowPlan.from_json(json.dumps(entry))


@pytest.mark.parametrize("text", ["", "{}", "[]", "3", '{"candidate": "x"}'])
def test_what_is_no_plan_is_refused(text: str) -> None:
    """A half-written file is no plan."""
    with pytest.raises(ValueError, match=r"not the plan of a shadow|Expecting value"):
        ShadowPlan.from_json(text)


def test_what_the_spec_says_is_in_the_plan() -> None:
    """In seconds, with the thresholds of what a proxy can time, and the factors as they are written."""
    plan = plan_for(
        deployment(
            shadow={
                "methods": ["POST", "GET"],
                "timeout": "5s",
                "maxBodyBytes": 2048,
                "maxQueue": 10,
                "maxConcurrent": 4,
                "segmentHeader": "X-Kind",
                "disagreements": {"keep": 5},
            },
            traffic={"gateway": {"parentRefs": [{"name": "g"}], "hostnames": ["demo.example.com"]}},
            answers={"checks": [{"name": "whole"}]},
            objectives=[
                {"name": "late", "latency": {"percentile": 95, "threshold": "1s"}},
                {"name": "later", "latency": {"percentile": 99, "threshold": "250ms"}},
                {"name": "first", "latency": {"signal": "timeToFirstToken", "percentile": 95, "threshold": "300ms"}},
                {"name": "queue", "latency": {"signal": "queueTime", "percentile": 95, "threshold": "70ms"}},
                {"name": "slow", "slowdown": {"factor": "2.50", "maxPercent": "50"}},
                {"name": "slower", "slowdown": {"maxPercent": "5"}},
                {"name": "same", "slowdown": {"factor": "1.5", "maxPercent": "10"}},
            ],
            release={"stages": [{"shadow": {"percent": 20}}, {"canary": {"weight": 5}}]},
        ),
        candidate="c",
        stable="s",
        percent=20,
        candidate_url="http://10.0.0.1:8080",
        stable_url="http://10.0.0.2:8080",
        versions={"stable": {"model": "m"}},
        comparison="0123456789abcdef",
    )

    assert plan == ShadowPlan(
        candidate="c",
        stable="s",
        candidate_url="http://10.0.0.1:8080",
        stable_url="http://10.0.0.2:8080",
        percent=20,
        methods=("GET", "POST"),
        timeout=5.0,
        max_body_bytes=2048,
        max_queue=10,
        max_concurrent=4,
        segment_header="X-Kind",
        answers=Answers.model_validate({"checks": [{"name": "whole"}]}),
        thresholds=(0.25, 0.3, 1.0),
        factors=("2.50", "1.5"),
        disagreements=Disagreements(keep=5),
        versions={"stable": {"model": "m"}},
        comparison="0123456789abcdef",
    )


def test_the_defaults_are_those_of_the_api() -> None:
    """Requests that change nothing, half a minute, a megabyte; nothing is kept."""
    assert plan_for(deployment(), candidate="c", stable="s") == ShadowPlan(
        candidate="c",
        stable="s",
        methods=("GET", "HEAD"),
        timeout=30.0,
        max_body_bytes=1048576,
        max_queue=500,
        max_concurrent=64,
        answers=Answers(),
    )


def test_a_digest_knows_neither_addresses_nor_the_size_of_the_sample() -> None:
    """A larger sample, or a Service with another address, goes on with the same counts; nor does it know itself."""
    other = replace(PLAN, candidate_url="", stable_url="", percent=100, versions={}, comparison="")
    assert digest(PLAN) == digest(other)
    assert digest(PLAN) == digest(replace(PLAN, comparison=digest(PLAN)))
    assert len(digest(PLAN)) == 16
    assert set(digest(PLAN)) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "changes",
    [
        {"candidate": "other"},
        {"stable": "other"},
        {"methods": ("GET",)},
        {"timeout": 3.0},
        {"max_body_bytes": 1},
        {"max_queue": 1},
        {"max_concurrent": 1},
        {"segment_header": ""},
        {"answers": Answers()},
        {"thresholds": (0.25,)},
        {"factors": ()},
        {"disagreements": None},
    ],
)
def test_a_digest_knows_everything_else(changes: dict[str, Any]) -> None:
    """What is compared in another way must not be added to what was counted before."""
    assert digest(replace(PLAN, **changes)) != digest(PLAN)


def test_a_digest_survives_the_file() -> None:
    """The operator and the pod mean the same shadow."""
    assert digest(ShadowPlan.from_json(PLAN.to_json())) == digest(PLAN)
