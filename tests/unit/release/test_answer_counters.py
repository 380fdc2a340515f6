"""Whose counters tell how many requests are answered, and which revisions have users at all."""

from dataclasses import replace
from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.measuring.look import WatchedRelease
from palier.measuring.sources import CounterRatio, Origin, Source
from palier.release.answer_counters import NOBODY, choose_counters
from palier.release.state import ReleasePhase, Result, State
from tests.support.release.examples import CANDIDATE, NOW, STABLE, ended, first, ref, releasing, serving, warm

GATEWAY = {"parentRefs": [{"name": "public"}], "hostnames": ["m.example.com"]}


def deployment(
    *, signals: dict[str, Any] | None = None, router: str | None = None, runtime: str | None = None, version: str = ""
) -> ModelDeployment:
    """A spec with these sources of numbers."""
    model: dict[str, Any] = {"name": "m", "version": "1"}
    if runtime:
        model |= {"runtime": runtime, **({"runtimeVersion": version} if version else {})}
    return parse(
        {
            "metadata": {"name": "demo", "namespace": "ml", "uid": "u1", "generation": 1},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": model,
                "serving": {"port": 8080, "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}},
                "traffic": {"gateway": {**GATEWAY, **({"router": router} if router else {})}},
                **({"signals": signals} if signals else {}),
            },
        }
    )


def watched(spec: ModelDeployment, state: State) -> WatchedRelease:
    """What is counted."""
    found = choose_counters(spec, state)
    assert isinstance(found, WatchedRelease)
    return found


def sources(found: WatchedRelease) -> tuple[Source, Source | None, Origin]:
    """The candidate's counters, stable's, and whose they are."""
    (counter,) = found.objectives
    return counter.source, counter.stable_source, counter.origin


def with_runtime(state: State, *, stable: str, candidate: str) -> State:
    """The same with known serving programs."""
    assert state.stable is not None
    assert state.candidate is not None
    return replace(
        state, stable=replace(state.stable, runtime=stable), candidate=replace(state.candidate, runtime=candidate)
    )


BOTH = {"requests": "requests_total", "errors": 'requests_total{code="500"}'}


def test_the_counters_that_the_spec_names() -> None:
    """Requests and their failures, as the pods count them."""
    found = watched(deployment(signals=BOTH, router="EnvoyGateway"), serving())
    counters = CounterRatio(('requests_total{code="500"}',), ("requests_total",))

    assert sources(found) == (counters, counters, Origin.PODS)
    assert (found.stable, found.candidate) == (STABLE, NOBODY)


def test_each_revision_by_its_own_program() -> None:
    """A release that changes the runtime changes the names of the counters."""
    state = with_runtime(releasing(ReleasePhase.CANARY), stable="triton", candidate="tgi")
    candidate, stable, origin = sources(watched(deployment(), state))

    assert candidate == CounterRatio(
        ('tgi_request_failure{err!="validation"}',), ("tgi_request_success", "tgi_request_failure")
    )
    assert stable == CounterRatio(
        ('nv_inference_request_failure{reason!="CANCELED"}',),
        ("nv_inference_request_success", "nv_inference_request_failure"),
    )
    assert origin is Origin.PODS


def test_the_router_where_a_program_counts_no_failures() -> None:
    """Both revisions are then read there, so that both are counted alike."""
    state = with_runtime(releasing(ReleasePhase.CANARY), stable="triton", candidate="kserve")
    found = watched(deployment(router="EnvoyGateway"), state)
    candidate, stable, origin = sources(found)

    assert (
        candidate
        == stable
        == CounterRatio(
            ('envoy_cluster_upstream_rq_xx{envoy_response_code_class="5"}',), ("envoy_cluster_upstream_rq_completed",)
        )
    )
    assert origin is Origin.ROUTER
    assert found.router is not None
    assert found.router.stable == "httproute/ml/demo/rule/0/backend/0"
    assert found.router.candidate == "httproute/ml/demo/rule/0/backend/1"


def test_requests_alone_where_nobody_counts_failures() -> None:
    """Better than nothing: every failure makes a request seem a little cheaper."""
    state = with_runtime(releasing(ReleasePhase.CANARY), stable="kserve", candidate="kserve")

    assert sources(watched(deployment(), state))[0] == CounterRatio((), ("request_predict_seconds_count",))


def test_the_number_of_latencies_is_a_number_of_requests() -> None:
    """Every histogram counts what it has observed."""
    spec = deployment(signals={"latency": {"histogram": 'latency_seconds{path="/v1"}'}})

    assert sources(watched(spec, serving()))[0] == CounterRatio((), ('latency_seconds_count{path="/v1"}',))


def test_nothing_counts_requests() -> None:
    """The words say what to do."""
    assert choose_counters(deployment(), serving()) == (
        f"nothing counts the requests of {STABLE}: name their counter as spec.signals.requests, or set "
        "spec.traffic.gateway.router to read the gateway's"
    )


def test_no_preset_for_the_version() -> None:
    """Neither an exception nor a count."""
    state = replace(serving(), stable=replace(ref(STABLE), runtime="knative", runtime_version="new"))

    found = choose_counters(deployment(), state)
    assert isinstance(found, str)
    assert found.startswith("spec.model.runtimeVersion: ")


def test_before_the_first_revision_serves() -> None:
    """There is nobody to count."""
    assert choose_counters(deployment(signals=BOTH), first(ReleasePhase.PREPARING)) == "no revision serves yet"


@pytest.mark.parametrize(
    ("state", "candidate"),
    [
        (releasing(ReleasePhase.PREPARING, traffic_since=None), NOBODY),
        (releasing(ReleasePhase.LOAD_TESTING, traffic_since=None), NOBODY),
        (releasing(ReleasePhase.CANARY, traffic_since=None), NOBODY),
        (releasing(ReleasePhase.CANARY), CANDIDATE),
        (releasing(ReleasePhase.CANARY, index=1, traffic_since=None), CANDIDATE),
        (releasing(ReleasePhase.PROMOTING, traffic_since=None), CANDIDATE),
        (releasing(ReleasePhase.ROLLING_BACK, traffic_since=None), NOBODY),
        (releasing(ReleasePhase.ROLLING_BACK, traffic_since=NOW), CANDIDATE),
        (ended(Result.ROLLED_BACK), NOBODY),
        (serving(former=warm()), NOBODY),
    ],
)
def test_a_candidate_counts_from_its_first_user_on(state: State, candidate: str) -> None:
    """What a load test sends is answered, but it is no traffic."""
    found = watched(deployment(signals=BOTH), state)

    assert (found.stable, found.candidate) == (STABLE, candidate)


@pytest.mark.parametrize(
    ("router", "stable"),
    [("EnvoyGateway", "httproute/ml/demo/rule/0/backend/1"), ("Istio", f"demo-{STABLE}.ml.svc.cluster.local")],
)
def test_stable_alone_behind_a_router(router: str, stable: str) -> None:
    """Outside of a release, wherever stable has its position."""
    state = serving(backend_positions=("", STABLE))
    found = watched(deployment(router=router), state)

    assert found.router is not None
    assert found.router.stable == stable
    assert found.router.candidate == stable.replace("backend/1", "backend/0").replace(STABLE, NOBODY)


@pytest.mark.parametrize("slots", [None, ("", CANDIDATE)])
def test_a_router_that_has_no_position_for_stable(slots: tuple[str, str] | None) -> None:
    """Nobody's requests are counted as stable's."""
    assert (
        choose_counters(deployment(router="Istio"), serving(backend_positions=slots))
        == "the route has no backend position yet"
    )
