"""Releases whose API server fails or denies something in the middle: what is said, what is written, what goes on."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from palier.api.constants import API_VERSION, KIND
from palier.errors import ClusterError, Forbidden, Invalid, Unavailable
from tests.support.cluster.trial_life import KEY, PROMISES, Life, serving, whole

NO_GPU = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
POLICY = "admission webhook denied the request: images come from registry.corp"
ALONE: dict[str, Any] = {"golden": False, "spec": {}}


async def unschedulable(_namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """The pods as the scheduler leaves them when no accelerator is free."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": NO_GPU}
    metadata = {"name": "demo-x", "namespace": "ml", "labels": dict(labels)}
    return [{"metadata": metadata, "status": {"phase": "Pending", "conditions": [condition]}}]


def failing(error: ClusterError | None) -> Callable[..., Awaitable[list[dict[str, Any]]]]:
    """A list of pods that fails; without an error there are none."""

    async def listed(_namespace: str, _labels: Mapping[str, str]) -> list[dict[str, Any]]:
        if error is not None:
            raise error
        return []

    return listed


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

    life.restart()
    monkeypatch.setattr(life.cluster, "list_pods", failing(Unavailable("etcdserver: request timed out")))
    await life.run(5)
    assert (life.status["stage"], life.said("Ready")["reason"]) == ("Preparing", "CandidateNotReady")
    assert "etcdserver: request timed out" in life.said("Ready")["message"]

    monkeypatch.setattr(life.cluster, "list_pods", unschedulable)
    await life.run(5)
    assert (life.status["stage"], life.said("Ready")["reason"]) == ("Preparing", "AcceleratorShortage")


UNKNOWN = [Unavailable("etcdserver: request timed out"), Forbidden("pods is forbidden")]


async def waiting_in_traffic(life: Life, monkeypatch: pytest.MonkeyPatch, error: ClusterError) -> tuple[str, str]:
    """A candidate with half of the users gets no pod for the rest, and pods cannot be listed; both revisions."""
    first = await serving(life)
    life.ask_for("2", golden=False, shadow=False, objectives=PROMISES[:1], spec={})
    while not life.weights() or life.weights()[first] != 50:
        await life.run(1)
    second = life.status["candidate"]["revision"]
    bring_up = life.cluster.bring_up_pods
    monkeypatch.setattr(life.cluster, "bring_up_pods", lambda: bring_up(but=frozenset({second})))
    monkeypatch.setattr(life.cluster, "list_pods", failing(error))
    for _ in range(30):
        await life.run(1)
        if life.status["release"]["step"] == "Promoting":
            break
    assert life.status["release"]["step"] == "Promoting"
    return first, second


@pytest.mark.parametrize("error", UNKNOWN, ids=type)
async def test_whoever_cannot_list_pods_obeys_people(
    life: Life, monkeypatch: pytest.MonkeyPatch, error: ClusterError
) -> None:
    """Users are on the candidate while its further pods come up: an abort takes them back, whatever is not known."""
    first, second = await waiting_in_traffic(life, monkeypatch, error)
    await life.run(12)
    life.annotate(abort=second)
    await life.run(8)

    assert life.status["outcome"]["result"] == "Aborted"
    assert life.weights() == {first: 100}


@pytest.mark.parametrize("error", UNKNOWN, ids=type)
async def test_whoever_cannot_list_pods_sees_a_breach(
    life: Life, monkeypatch: pytest.MonkeyPatch, error: ClusterError
) -> None:
    """And takes the users back for it at once."""
    first, _ = await waiting_in_traffic(life, monkeypatch, error)
    await life.run(12)
    life.fails["2"] = 0.5
    await life.run(8)

    assert (life.status["outcome"]["result"], life.status["outcome"]["reason"]) == ("RolledBack", "ObjectiveBreached")
    assert life.weights() == {first: 100}


async def test_no_candidate_is_too_late_while_nobody_knows_why(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may lack an accelerator. The release waits beyond its deadline, says why, and writes nothing meanwhile."""
    error = Forbidden("pods is forbidden")
    await waiting_in_traffic(life, monkeypatch, error)
    await life.run(60)
    ready = life.said("Ready")
    assert (life.status["stage"], ready["status"], ready["reason"]) == ("Promoting", "Unknown", "CandidateNotReady")
    assert ready["message"].endswith("; why is not known: pods is forbidden")
    written: list[str] = []
    life.cluster.after_write = lambda: written.append(life.status["stage"])
    for _ in range(3):
        life.now += 1
        await life.controller.reconcile(KEY)
    assert written == []

    life.cluster.after_write = life.check
    monkeypatch.setattr(life.cluster, "list_pods", failing(None))
    await life.run(8)
    assert life.status["stage"] == "Promoting"  # the time in which nobody knew is not counted

    await life.run(60)
    assert (life.status["outcome"]["result"], life.status["outcome"]["reason"]) == ("RolledBack", "CandidateNotReady")


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
async def test_a_refusal_stands_until_it_is_corrected(life: Life, what: str, refusal: ClusterError) -> None:
    """It is tried again now and then, and no try writes anything: the status has the object and the words of it."""
    await denied(life, what, refusal)
    written: list[str] = []
    life.cluster.after_write = lambda: written.append(life.status["stage"])
    for restarted in (False, False, True, False):
        if restarted:
            life.restart()
        life.now += 31
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
async def test_a_refusal_ends_with_the_release_that_needed_it(life: Life, what: str) -> None:
    """The author takes the stage out: this release keeps its stages, and the next one goes on without it."""
    await denied(life, what, Forbidden(POLICY))
    life.ask_for("2", golden=False, shadow=False, objectives=(), spec={})
    await life.run(30)
    assert life.status["stable"]["version"] == "1"

    life.annotate(abort=life.status["candidate"]["revision"])
    await life.run(12)
    assert life.status["stage"] == "RolledBack"

    life.annotate(retry="without that stage")
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
    assert (life.status["stage"], life.said("Ready")["reason"]) == ("RolledBack", "RolledBack")
    assert life.said("Denied")["message"].startswith("deleting Deployment ml/shadow-demo-")


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
    assert "may belong to us as well" in life.said("Ready")["message"]


def store(life: Life, objectives: list[Any]) -> list[Any]:
    """Store a spec with these objectives past the rules of the API server; those of before."""
    body = life.cluster.find(KIND, "demo")
    assert body is not None
    before: list[Any] = body["spec"]["objectives"]
    life.cluster.put({**body, "spec": {**body["spec"], "objectives": objectives}})
    return before


@pytest.mark.parametrize("fate", ["Rollback", "Hold"])
async def test_a_stored_shadow_that_can_judge_nothing_passes_nobody(life: Life, fate: str) -> None:
    """It was stored before the rule: that is said, and the deadline of the stage decides as the spec says."""
    first = await serving(life)
    life.ask_for("2", **ALONE, onNoEvidence=fate)
    promised = store(life, [])
    await life.run(25)
    assert (life.status["stage"], life.said("Ready")["reason"]) == ("Shadow 20", "NothingToJudge")
    assert "it can judge none of spec.objectives" in life.said("Ready")["message"]
    assert life.weights() == {first: 100}

    await life.run(45)
    if fate == "Rollback":
        assert (life.status["outcome"]["result"], life.status["outcome"]["reason"]) == ("Refused", "NoEvidence")
        assert life.left() == whole(first)
        return
    assert life.said("Ready")["reason"] == "DeadlineWithoutEvidence"
    store(life, promised)
    await life.run(40)
    assert (life.status["stage"], life.status["stable"]["version"]) == ("Serving", "2")


async def test_an_upgrade_strands_no_release_that_is_past_its_shadow(life: Life) -> None:
    """What was stored before the rule is judged and can be aborted: users are on the candidate."""
    first = await serving(life)
    life.ask_for("2", **ALONE)
    for _ in range(40):
        await life.run(1)
        if life.status["release"]["step"] == "Canary" and life.status["release"].get("trafficSince"):
            break
    assert life.weights()[first] == 50
    store(life, [{"name": "votes", "ratio": {"bad": "bad_total", "total": "votes_total", "maxPercent": "10"}}])
    life.restart()
    await life.run(3)
    assert life.status["stage"] == "Canary 50"

    life.annotate(abort=life.status["candidate"]["revision"])
    await life.run(12)
    assert life.status["outcome"]["result"] == "Aborted"
    assert life.weights() == {first: 100}
