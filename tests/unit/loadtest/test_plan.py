"""What a load test is told, and which results answer the same question."""

from dataclasses import replace
from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment, Objective, parse
from palier.errors import InvalidSpec
from palier.loadtest.objectives import LoadObjective, Promise
from palier.loadtest.plan import LoadTestPlan, digest, plan_for

PLAN = LoadTestPlan(
    objectives=(
        LoadObjective("latency", Promise.LATENCY, 0.05, 0.25),
        LoadObjective("errors", Promise.ERRORS, 0.01),
        LoadObjective("gaps", Promise.BETWEEN_TOKENS, 0.01, 0.05),
    ),
    base_urls=("http://10.0.0.1:8080", "http://[fd00::1]:8080"),
    path="/v1/chat?x=ä",
    method="POST",
    stream=True,
    corpus="0123456789abcdef",
    start_rate=2.5,
    not_judged=("feedback",),
)


def deployment(**load_test: Any) -> ModelDeployment:  # noqa: ANN401
    """A ModelDeployment with a load test."""
    return parse(
        {
            "metadata": {"name": "demo", "namespace": "ml"},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": {"name": "m", "version": "1"},
                "serving": {"port": 8080, "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}},
                "traffic": {"service": {}},
                "signals": {"requests": "r_total", "errors": "e_total"},
                "objectives": [{"name": "errors", "errorRate": {"maxPercent": "1"}}],
                "scale": {"target": {"requestsPerSecond": "10"}, "loadTest": load_test},
            },
        }
    )


def planned(**load_test: Any) -> LoadTestPlan:  # noqa: ANN401
    """The plan for it."""
    return plan_for(deployment(**load_test), base_urls=("http://10.0.0.1:8080",))


def test_a_plan_survives_its_file() -> None:
    """The pod reads what the operator wrote."""
    assert LoadTestPlan.from_json(PLAN.to_json()) == PLAN


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"objectives": 3}', PLAN.to_json().replace("betweenTokens", "x")])
def test_what_is_no_plan_is_refused(text: str) -> None:
    """A half-written file must not become a test with other rules."""
    with pytest.raises(ValueError, match=r"not the plan|Expecting value"):
        LoadTestPlan.from_json(text)


def test_what_the_spec_says_is_in_the_plan() -> None:
    """In seconds and requests per second."""
    plan = planned(
        path="/predict",
        method="POST",
        timeout="5s",
        warmUp="1s",
        stepDuration="3s",
        soak="1m",
        maxDuration="10m",
        maxRequests=1000,
        startRequestsPerSecond="0.5",
        maxRequestsPerSecond="200",
    )

    assert plan == LoadTestPlan(
        objectives=(LoadObjective("errors", Promise.ERRORS, 0.01),),
        base_urls=("http://10.0.0.1:8080",),
        path="/predict",
        method="POST",
        timeout=5.0,
        warm_up=1.0,
        step_duration=3.0,
        soak=60.0,
        max_duration=600.0,
        max_requests=1000,
        start_rate=0.5,
        max_rate=200.0,
    )


def test_the_defaults_are_those_of_the_api() -> None:
    """A plan by hand means the same as a spec that leaves everything out."""
    objectives = (LoadObjective("errors", Promise.ERRORS, 0.01),)

    assert planned() == LoadTestPlan(objectives=objectives, base_urls=("http://10.0.0.1:8080",))


def test_without_a_plan_for_traffic_there_is_no_load_test() -> None:
    """It says which field is missing."""
    whole = deployment()
    bare = whole.model_copy(update={"spec": whole.spec.model_copy(update={"scale": None})})

    with pytest.raises(InvalidSpec, match=r"spec\.scale"):
        plan_for(bare, base_urls=())


@pytest.mark.parametrize("timeout", ["30s", "29s"])
def test_a_timeout_within_a_promise_is_refused(timeout: str) -> None:
    """What a promise still calls good would be counted as a failure: the server would fail without fault."""
    promised = deployment(timeout=timeout)
    slow = Objective.model_validate({"name": "slow", "latency": {"percentile": 95, "threshold": "30s"}})
    spec = promised.spec.model_copy(update={"objectives": [*promised.spec.objectives, slow]})

    with pytest.raises(InvalidSpec) as raised:
        plan_for(promised.model_copy(update={"spec": spec}), base_urls=())

    assert raised.value.field == "spec.scale.loadTest.timeout"
    assert raised.value.message == (
        f"it is {timeout}, and an objective allows 30 s: a request would fail before it is late"
    )


def test_a_timeout_beyond_every_promise_is_accepted() -> None:
    """An objective that a load test does not judge needs no patience of it."""
    promised = deployment(timeout="5s")
    others = [
        {"name": "slow", "latency": {"percentile": 95, "threshold": "4s"}},
        {"name": "token", "latency": {"signal": "timeToFirstToken", "percentile": 95, "threshold": "60s"}},
    ]
    objectives = [*promised.spec.objectives, *map(Objective.model_validate, others)]
    spec = promised.spec.model_copy(update={"objectives": objectives})

    assert plan_for(promised.model_copy(update={"spec": spec}), base_urls=()).timeout == 5.0


@pytest.mark.parametrize("path", ["/50%off", "/100%", "/a?share=%"])
def test_a_path_that_cannot_be_sent_is_refused(path: str) -> None:
    """The message says how a percent sign is written."""
    with pytest.raises(InvalidSpec, match="a percent sign in it is written %25") as raised:
        deployment(path=path)

    assert raised.value.field == "spec.scale.loadTest.path"


@pytest.mark.parametrize("path", ["/50%25off", "/%C3%A9?x=%2F%2f", "/predict?user={{uuid}}", "/größe?a=[1]&b=//"])
def test_a_path_that_can_be_sent(path: str) -> None:
    """Escapes and variables are left as they are."""
    assert planned(path=path).path == path


def test_a_digest_does_not_know_where_the_replicas_are() -> None:
    """Other pods of the same revision answer the same question."""
    assert digest(PLAN) == digest(replace(PLAN, base_urls=(), seed=9, not_judged=()))
    assert len(digest(PLAN)) == 16
    assert set(digest(PLAN)) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "/other"},
        {"method": "PUT"},
        {"stream": False},
        {"corpus": ""},
        {"timeout": 1.0},
        {"warm_up": 1.0},
        {"step_duration": 1.0},
        {"soak": 1.0},
        {"max_duration": 1.0},
        {"max_requests": 1},
        {"start_rate": None},
        {"max_rate": 1.0},
        {"objectives": PLAN.objectives[:2]},
        {"objectives": (replace(PLAN.objectives[0], threshold_seconds=0.3), *PLAN.objectives[1:])},
        {"objectives": (replace(PLAN.objectives[0], limit_fraction=0.01), *PLAN.objectives[1:])},
    ],
    ids=str,
)
def test_another_question_has_another_digest(changes: dict[str, Any]) -> None:
    """Or an old result would stand for a test that was never made."""
    assert digest(replace(PLAN, **changes)) != digest(PLAN)


def test_the_digest_of_a_plan_is_frozen() -> None:
    """A new version of Palier must not throw away every result: change this only together with the meaning."""
    assert digest(planned()) == "b82da5a6078a7cab"


def test_the_corpus_is_part_of_the_question() -> None:
    """Its lines where they are known, its place where they are not."""
    plans = [
        planned(),
        planned(corpus={"inline": ["a"]}),
        planned(corpus={"inline": ["a", "b"]}),
        planned(corpus={"volume": {"claimName": "c", "path": "x"}}),
        planned(corpus={"volume": {"claimName": "c", "path": "y"}}),
        planned(corpus={"image": {"reference": "i@sha256:1", "path": "x"}}),
    ]

    assert len({digest(plan) for plan in plans}) == len(plans)


def test_a_corpus_in_a_config_map_is_known_by_its_text() -> None:
    """An edit of the ConfigMap is another question, a rename of its key is not."""
    source = deployment(corpus={"configMapKeyRef": {"name": "requests", "key": "a"}})
    renamed = deployment(corpus={"configMapKeyRef": {"name": "requests", "key": "b"}})
    first, edited, other_key = (
        digest(plan_for(one, base_urls=(), requests=text))
        for one, text in ((source, "x"), (source, "y"), (renamed, "x"))
    )

    assert first == other_key
    assert first != edited


def test_the_tightest_threshold_is_that_of_times_that_lag_would_lengthen() -> None:
    """Gaps between tokens begin after the request was sent."""
    assert PLAN.tightest == 0.25
    assert replace(PLAN, objectives=PLAN.objectives[1:]).tightest is None
    assert PLAN.gaps == (0.05,)
