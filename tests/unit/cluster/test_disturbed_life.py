"""Releases whose API server fails or denies something in the middle: what is said, what is written, what goes on."""

from collections.abc import Mapping
from typing import Any

import pytest

from palier.api.constants import API_VERSION, KIND
from palier.errors import ClusterError, Forbidden, Invalid, Unavailable
from tests.unit.cluster.trial_life import KEY, Life, serving, whole

NO_GPU = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
POLICY = "admission webhook denied the request: images come from registry.corp"
ALONE: dict[str, Any] = {"golden": False, "spec": {}}


@pytest.fixture
def life() -> Life:
    """A life that has just begun."""
    return Life()


async def unschedulable(_namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """The pods as the scheduler leaves them when no accelerator is free."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": NO_GPU}
    metadata = {"name": "demo-x", "namespace": "ml", "labels": dict(labels)}
    return [{"metadata": metadata, "status": {"phase": "Pending", "conditions": [condition]}}]


async def test_a_candidate_that_waits_for_an_accelerator_outlives_its_operator(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new operator's first list of the pods fails: nothing is known, so nothing is decided."""
    await serving(life)
    life.ask_for("2", **ALONE)
    body = life.cluster.find(KIND, "demo")
    assert body is not None
    body["spec"]["serving"]["placement"] = {"accelerator": "GPU", "gpu": {}}
    monkeypatch.setattr(life.cluster, "bring_up_pods", lambda **_: None)
    monkeypatch.setattr(life.cluster, "list_pods", unschedulable)
    await life.run(60)
    assert (life.status["stage"], life.said("Ready")["reason"]) == ("Preparing", "AcceleratorShortage")

    async def away(_namespace: str, _labels: Mapping[str, str]) -> list[dict[str, Any]]:
        raise Unavailable("etcdserver: request timed out")

    life.restart()
    monkeypatch.setattr(life.cluster, "list_pods", away)
    version = life.cluster.version
    with pytest.raises(Unavailable):
        await life.controller.reconcile(KEY)
    assert life.cluster.version == version

    monkeypatch.setattr(life.cluster, "list_pods", unschedulable)
    await life.run(5)
    assert (life.status["stage"], life.said("Ready")["reason"]) == ("Preparing", "AcceleratorShortage")


async def test_a_deadline_shorter_than_the_first_look_at_the_pods(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has looked yet when it comes: that is no reason to blame the candidate for a missing accelerator."""
    await serving(life)
    life.ask_for("2", **ALONE, progressDeadline="5s")
    body = life.cluster.find(KIND, "demo")
    assert body is not None
    body["spec"]["serving"]["placement"] = {"accelerator": "GPU", "gpu": {}}
    monkeypatch.setattr(life.cluster, "bring_up_pods", lambda **_: None)
    monkeypatch.setattr(life.cluster, "list_pods", unschedulable)
    await life.run(30)

    assert (life.status["stage"], life.said("Ready")["reason"]) == ("Preparing", "AcceleratorShortage")


@pytest.mark.parametrize(
    "answer", [[], Unavailable("away"), Forbidden("pods is forbidden")], ids=["none", "away", "no right"]
)
async def test_why_a_proxy_does_not_start_is_only_told(
    life: Life, monkeypatch: pytest.MonkeyPatch, answer: list[dict[str, Any]] | ClusterError
) -> None:
    """Nothing is decided by it, so that a list of its pods that fails stops nothing, not even a person's abort."""
    first = await serving(life)
    bring_up = life.cluster.bring_up_pods

    def without_proxies() -> None:
        bring_up()
        for (kind, _, name), obj in list(life.cluster.objects.items()):
            if kind == "EndpointSlice" and name.startswith("shadow-"):
                life.cluster.put({**obj, "endpoints": []})

    async def listed(_namespace: str, _labels: Mapping[str, str]) -> list[dict[str, Any]]:
        if isinstance(answer, ClusterError):
            raise answer
        return answer

    monkeypatch.setattr(life.cluster, "bring_up_pods", without_proxies)
    monkeypatch.setattr(life.cluster, "list_pods", listed)
    life.ask_for("2", **ALONE)
    await life.run(25)
    assert (life.status["stage"], life.said("Ready")["reason"]) == ("Shadow 20", "ShadowNotReady")

    life.annotate(abort=life.status["candidate"]["revision"])
    await life.run(12)
    assert life.status["outcome"]["result"] == "Aborted"
    assert life.left() == whole(first)


DENIED = {
    "Deployment shadow-": ({**ALONE}, "Shadowing", "applying Deployment ml/shadow-demo-"),
    "Job golden-": ({}, "Examining", "applying Job ml/golden-demo-"),
}


async def denied(life: Life, what: str, refusal: ClusterError, **changes: Any) -> str:  # noqa: ANN401
    """A second version whose proxy or Job the API server does not take; the first one's revision."""
    first = await serving(life)
    life.cluster.refuses[what] = refusal
    asked, step, _ = DENIED[what]
    life.ask_for("2", **{**asked, **changes})
    await life.run(12)
    assert life.status["release"]["step"] == step
    return first


@pytest.mark.parametrize("what", DENIED)
@pytest.mark.parametrize("refusal", [Forbidden(POLICY), Invalid("spec.template: Invalid value")], ids=type)
async def test_a_refusal_stands_until_it_is_mended(life: Life, what: str, refusal: ClusterError) -> None:
    """Every pass tries again, and none writes anything: the status names the object and the API server's words."""
    await denied(life, what, refusal)
    written: list[str] = []
    life.cluster.after_write = lambda: written.append(life.status["stage"])
    for restarted in (False, False, True, False):
        if restarted:
            life.restart()
        life.now += 3
        life.cluster.tell(life.store)
        tried = life.cluster.requests
        await life.controller.reconcile(KEY)

        assert life.cluster.requests > tried
        ready = life.said("Ready")
        assert (life.status["stage"], ready["status"]) == ("Invalid", "False")
        assert ready["reason"] == ("Forbidden" if isinstance(refusal, Forbidden) else "Rejected")
        assert DENIED[what][2] in ready["message"]
        assert str(refusal) in ready["message"]
    assert written == []

    life.cluster.refuses.clear()
    await life.run(40)
    assert (life.status["stage"], life.status["stable"]["version"]) == ("Serving", "2")


@pytest.mark.parametrize("what", DENIED)
async def test_a_refusal_ends_with_the_spec_that_asked_for_it(life: Life, what: str) -> None:
    """The author takes the stage out: the release goes on without it."""
    await denied(life, what, Forbidden(POLICY))
    life.ask_for("2", golden=False, shadow=False, objectives=(), spec={})
    await life.run(30)

    assert (life.status["stage"], life.status["stable"]["version"]) == ("Serving", "2")


@pytest.mark.parametrize("what", DENIED)
@pytest.mark.parametrize("refusal", [Forbidden(POLICY), Invalid("spec.template: Invalid value")], ids=type)
async def test_a_release_that_waits_for_a_refusal_obeys_its_people(
    life: Life, what: str, refusal: ClusterError
) -> None:
    """An abort ends it at once; what the policy denies is not needed for that."""
    first = await denied(life, what, refusal)
    life.annotate(abort=life.status["candidate"]["revision"])
    await life.run(12)

    assert life.status["outcome"]["result"] == "Aborted"
    assert (life.status["stage"], life.said("Ready")["reason"]) == ("RolledBack", "Aborted")
    assert life.weights() == {first: 100}
    assert life.left() == whole(first)


@pytest.mark.parametrize("what", DENIED)
@pytest.mark.parametrize("refusal", [Forbidden(POLICY), Invalid("spec.template: Invalid value")], ids=type)
async def test_a_release_that_waits_for_a_refusal_obeys_its_deadline(
    life: Life, what: str, refusal: ClusterError
) -> None:
    """Without any event in between: the operator wakes when the stage's time is over."""
    first = await denied(life, what, refusal, onNoEvidence="Rollback")
    begun = life.now
    while life.status.get("release") and life.now < begun + 100:
        life.cluster.tell(life.store)
        rest = await life.controller.reconcile(KEY)
        assert rest is not None
        life.now += max(rest, 0.01)
        life.cluster.accept_routes()

    assert life.now < begun + 60
    assert (life.status["outcome"]["result"], life.status["outcome"]["reason"]) == ("Refused", "NoEvidence")
    assert life.weights() == {first: 100}


async def test_a_candidate_with_users_is_judged_whatever_is_refused(life: Life) -> None:
    """The proxy of the shadow before may not be deleted: the canary is taken back for its errors all the same."""
    first = await serving(life)
    life.fails["2"] = 0.5
    life.cluster.refuses_deletion["Deployment shadow-"] = Forbidden("policy: nobody deletes on Fridays")
    life.ask_for("2", **ALONE)
    await life.run(40)

    assert (life.status["outcome"]["result"], life.status["outcome"]["reason"]) == ("RolledBack", "ObjectiveBreached")
    assert life.weights() == {first: 100}
    assert "deleting Deployment ml/shadow-demo-" in life.said("Ready")["message"]


async def test_votes_that_may_be_those_of_a_twin_hold_the_canary(life: Life) -> None:
    """The same stable model serves under another name too: whose users vote, the label `revision` does not tell."""
    first = await serving(life)
    twin = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "us", "namespace": "ml"}}
    life.cluster.put({**twin, "spec": {}, "status": {"stable": {"revision": first}}})
    votes = {"name": "votes", "ratio": {"bad": "bad_votes_total", "total": "votes_total", "maxPercent": "10"}}
    life.ask_for("2", golden=False, shadow=False, objectives=(votes,), spec={})
    for _ in range(40):
        for revision in (first, (life.status.get("candidate") or {}).get("revision", "")):
            for selector, amount in (("votes_total", 50), ("bad_votes_total", 1)):
                life.source.add(selector, amount, at=life.now + 1, pod="front-end-0", revision=revision)
        await life.run(1)

    assert (life.status["stage"], life.status["stable"]["revision"]) == ("Canary 50", first)
    assert life.said("Ready")["reason"] in {"CannotMeasure", "DeadlineWithoutEvidence"}
    assert "may be of us as well" in life.said("Ready")["message"]


def store(life: Life, objectives: list[Any]) -> list[Any]:
    """Store a spec with these objectives past the rules of the API server; those of before."""
    body = life.cluster.find(KIND, "demo")
    assert body is not None
    before: list[Any] = body["spec"]["objectives"]
    life.cluster.put({**body, "spec": {**body["spec"], "objectives": objectives}})
    return before


async def test_a_stored_shadow_that_can_judge_nothing_passes_nobody(life: Life) -> None:
    """It was stored before the rule: the field is named, and the release goes on when that is mended."""
    first = await serving(life)
    life.differs["2"] = 1.0
    life.ask_for("2", **ALONE)
    promised = store(life, [])
    await life.run(30)

    assert (life.status["stage"], life.said("Ready")["reason"]) == ("Invalid", "InvalidSpec")
    assert life.said("Ready")["message"].startswith("spec.objectives: a shadow stage needs an objective")
    assert life.said("Available")["status"] == "True"
    assert life.weights() == {first: 100}
    assert life.left() == whole(first)

    store(life, promised)
    await life.run(30)
    assert life.status["outcome"]["result"] == "Refused"
    assert life.status["outcome"]["reason"] == "ObjectiveBreached"


@pytest.mark.parametrize("step", ["Shadowing", "Canary"])
async def test_a_release_under_way_is_left_as_it_is(life: Life, step: str) -> None:
    """The author takes away what the shadow judges by, past the API server: nothing moves until that is mended."""
    first = await serving(life)
    life.ask_for("2", **ALONE)
    for _ in range(40):
        await life.run(1)
        if life.status["release"]["step"] == step and life.status["release"].get("trafficSince"):
            break
    weights, there = life.weights(), life.left()
    promised = store(life, [])
    await life.run(10)

    assert (life.status["stage"], life.status["release"]["step"]) == ("Invalid", step)
    assert (life.weights(), life.left()) == (weights, there)
    assert weights[first] == (100 if step == "Shadowing" else 50)

    store(life, promised)
    await life.run(40)
    assert (life.status["stage"], life.status["stable"]["version"]) == ("Serving", "2")
