"""The client on a real API server: server-side apply, dry runs, conflicts, status, deletion, Events."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from palier.cluster.client import KubernetesCluster, Reference
from palier.errors import Conflict, Forbidden, Invalid, NotFound
from tests.apiserver.conftest import Api
from tests.apiserver.runtime_support import model_deployment, service


@pytest.fixture
async def cluster(api: Api) -> AsyncIterator[KubernetesCluster]:
    """Our client, as the administrator."""
    cluster = await KubernetesCluster.connect(kubeconfig=str(api.client.kubeconfig))
    yield cluster
    await cluster.close()


def status_of(body: dict[str, Any], **status: object) -> dict[str, Any]:
    """What is applied to a status."""
    metadata = {name: body["metadata"][name] for name in ("namespace", "name")}
    return {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": metadata, "status": status}


async def test_apply_creates_and_changes_and_then_rests(api: Api, cluster: KubernetesCluster) -> None:
    """The same apply twice is one write; a changed one returns the live object with the change."""
    first = await cluster.apply(service(api.namespace, "a"))
    assert first["metadata"]["managedFields"][0]["manager"] == "palier"
    second = await cluster.apply(service(api.namespace, "a"))
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    third = await cluster.apply(service(api.namespace, "a", {"changed": "yes"}))
    assert third["metadata"]["labels"] == {"changed": "yes"}
    assert int(third["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])


async def test_dry_run_changes_nothing(api: Api, cluster: KubernetesCluster) -> None:
    """A dry run answers as if, and stores nothing."""
    answer = await cluster.apply(service(api.namespace, "a"), dry_run=True)
    assert answer["spec"]["clusterIP"]
    assert await cluster.get(Reference.from_object(answer)) is None


async def test_apply_takes_over_what_others_own(api: Api, cluster: KubernetesCluster) -> None:
    """A field that somebody changed by hand is ours again, and fields that we never state stay theirs."""
    await cluster.apply(service(api.namespace, "a", {"ours": "yes"}))
    api.must("label", "service", "a", "ours=no", "theirs=yes", "--overwrite")
    answer = await cluster.apply(service(api.namespace, "a", {"ours": "yes"}))
    assert answer["metadata"]["labels"] == {"ours": "yes", "theirs": "yes"}


ENV = {"name": "A", "value": "1"}


@pytest.mark.parametrize(
    ("container", "told"),
    [
        ({"imagePullPolcy": "Always"}, "imagePullPolcy: field not declared in schema"),
        ({"env": [ENV, ENV]}, "env: duplicate entries for key"),
        ({"ports": [{"containerPort": "http"}]}, "containerPort: expected numeric"),
        ({"resources": {"limits": {"cpu": "plenty"}}}, "quantities must match"),
        ({"image": None}, "image: Required value"),
    ],
)
async def test_broken_pod_template_is_refused(
    api: Api, cluster: KubernetesCluster, container: dict[str, Any], told: str
) -> None:
    """A template is a user's: every fault in it is Invalid with the reason, also where the API server answers 500."""
    labels = {"app": "a"}
    pod = {"containers": [{"name": "c", "image": "example.com/c", **container}]}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    metadata = {"name": "a", "namespace": api.namespace}
    with pytest.raises(Invalid, match=told):
        await cluster.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})


TEXTS = [
    "🦊 \U0001d518",
    "\x7f\x80\x85\x9f",
    "\u2028\u2029\ufeff\ufffe\uffff",
    r"\ud835 \\ \u0000",
    "\0\x1b\t\r\n",
    '"{[',
    "<<",
    "é: # -",
]


async def test_every_text_arrives_as_it_is(api: Api, cluster: KubernetesCluster) -> None:
    """What is applied is read as YAML, which has fewer escapes than JSON: nothing is refused for an emoji."""
    data = {str(number): text for number, text in enumerate(TEXTS)}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": api.namespace}}
    assert (await cluster.apply({**manifest, "data": data}))["data"] == data
    assert (await cluster.apply({**manifest, "data": {"half": "a\ud800b"}}))["data"] == {"half": "a\ufffdb"}


async def test_unknown_field_of_a_custom_kind_is_refused(api: Api, cluster: KubernetesCluster) -> None:
    """Fields that a custom kind does not have are refused rather than silently dropped."""
    with pytest.raises(Invalid, match=r"spec\.replica"):
        await cluster.apply(model_deployment(api.namespace, replica=3))


async def test_invalid_object_is_refused(api: Api, cluster: KubernetesCluster) -> None:
    """The API server's reason reaches us."""
    with pytest.raises(Invalid, match=r"spec\.model\.version: Required value"):
        await cluster.apply(model_deployment(api.namespace, model={"name": "lingua"}))


async def test_namespace_that_does_not_exist(cluster: KubernetesCluster) -> None:
    """Applying into the void is NotFound, whatever there is to apply."""
    with pytest.raises(NotFound):
        await cluster.apply(service("no-such-namespace", "a"))


async def test_status_has_a_manager_of_its_own(api: Api, cluster: KubernetesCluster) -> None:
    """The status is applied whole: what is left out is removed, and the spec stays with its author."""
    body = await cluster.apply(model_deployment(api.namespace), manager="a-user")
    await cluster.apply_status(status_of(body, observedGeneration=1, stage="Canary 5", weight=5))
    answer = await cluster.apply_status(status_of(body, observedGeneration=1, stage="Serving"))
    assert answer["status"] == {"observedGeneration": 1, "stage": "Serving"}
    assert answer["metadata"]["generation"] == 1
    owners = {entry["manager"]: entry.get("subresource") for entry in answer["metadata"]["managedFields"]}
    assert owners == {"a-user": None, "palier-status": "status"}
    again = await cluster.apply_status(status_of(body, observedGeneration=1, stage="Serving"))
    assert again["metadata"]["resourceVersion"] == answer["metadata"]["resourceVersion"]


async def test_a_status_that_was_replaced_is_applied_whole_again(api: Api, cluster: KubernetesCluster) -> None:
    """A backup of the status was restored: its fields belong to somebody else, and go all the same when left out."""
    body = await cluster.apply(model_deployment(api.namespace), manager="a-user")
    instant = "2026-11-25T00:00:00.000000Z"
    began = {"step": "Canary", "cursor": 0, "startedAt": instant, "stageStartedAt": instant}
    candidate = {"revision": "aaaaaaaaaa", "model": "m", "version": "2", "port": 80, "since": instant}
    opened = {**began, "openedAt": instant, "trafficSince": instant}
    ready = {"type": "Ready", "status": "True", "reason": "Serving", "message": "", "lastTransitionTime": instant}
    told = [ready, {**ready, "type": "Stalled"}]
    in_release = {"stage": "Canary 5", "weight": 5, "release": opened, "candidate": candidate, "conditions": told}
    await cluster.apply_status(status_of(body, observedGeneration=1, **in_release))
    backup = api.get(body["metadata"]["name"])["status"]
    await cluster.apply_status(status_of(body, observedGeneration=1, stage="Serving"))
    given = {**api.get(body["metadata"]["name"]), "status": backup}
    api.must("replace", "--subresource=status", "-f-", given=given)

    next_stage = {**began, "cursor": 1}
    answer = await cluster.apply_status(
        status_of(body, observedGeneration=1, stage="Canary 5", release=next_stage, candidate=candidate)
    )
    assert answer["status"]["release"] == next_stage
    assert "weight" not in answer["status"]
    answer = await cluster.apply_status(status_of(body, observedGeneration=1, stage="Serving", conditions=[ready]))
    assert answer["status"] == {"observedGeneration": 1, "stage": "Serving", "conditions": [ready]}
    again = await cluster.apply_status(status_of(body, observedGeneration=1, stage="Serving", conditions=[ready]))
    assert again["metadata"]["resourceVersion"] == answer["metadata"]["resourceVersion"]


async def test_status_of_what_is_gone(api: Api, cluster: KubernetesCluster) -> None:
    """The status of a deleted ModelDeployment cannot bring it back."""
    body = model_deployment(api.namespace)
    with pytest.raises(NotFound):
        await cluster.apply_status(status_of(body, stage="Serving"))
    assert await cluster.get(Reference.from_object(body)) is None


async def test_stale_replace_is_a_conflict(api: Api, cluster: KubernetesCluster) -> None:
    """Optimistic concurrency: who writes last with an old version loses, and creating twice does too."""
    created = await cluster.create(service(api.namespace, "a"))
    with pytest.raises(Conflict):
        await cluster.create(service(api.namespace, "a"))
    changed = await cluster.replace(created | {"metadata": created["metadata"] | {"labels": {"turn": "1"}}})
    with pytest.raises(Conflict):
        await cluster.replace(created)
    assert await cluster.get(Reference.from_object(created)) == changed


async def test_delete_is_exact_and_can_be_repeated(api: Api, cluster: KubernetesCluster) -> None:
    """A uid spares the successor of the same name; a second deletion is no failure."""
    created = await cluster.apply(service(api.namespace, "a"))
    with pytest.raises(Conflict):
        await cluster.delete(Reference("v1", "Service", api.namespace, "a", uid="0000-other"))
    assert await cluster.get(Reference.from_object(created)) is not None
    for _ in range(2):
        await cluster.delete(Reference.from_object(created))
    assert await cluster.get(Reference.from_object(created)) is None


async def test_pods_by_labels(api: Api, cluster: KubernetesCluster) -> None:
    """Only pods that carry all the labels are listed, and they say what they are."""
    # Without controllers nobody makes the ServiceAccount that a pod is admitted with.
    api.must("create", "serviceaccount", "default")
    for name, labels in (("one", "x=1,y=1"), ("two", "x=1")):
        api.must("run", name, "--image=example.com/x", f"--labels={labels}")
    pods = await cluster.list_pods(api.namespace, {"x": "1", "y": "1"})
    assert [(pod["kind"], pod["metadata"]["name"]) for pod in pods] == [("Pod", "one")]


async def test_event_is_told_about_the_object(api: Api, cluster: KubernetesCluster) -> None:
    """People see the Event with the object it is about, and a long note is cut rather than lost."""
    body = await cluster.apply(model_deployment(api.namespace))
    await cluster.emit_event(
        regarding=body, type_="Warning", reason="RolledBack", action="RollBack", note="zu viele Fehler: 4 % — " * 100
    )
    (event,) = json.loads(api.must("get", "events.v1.events.k8s.io", "-ojson"))["items"]
    assert event["regarding"]["uid"] == body["metadata"]["uid"]
    assert (event["type"], event["reason"], event["action"]) == ("Warning", "RolledBack", "RollBack")
    assert event["reportingController"] == "palier.dev/palier"
    assert event["note"].startswith("zu viele Fehler: 4 % — zu viele")
    assert "RolledBack" in api.must("events", "--for", "modeldeployment/a")


async def test_list_says_how_new_it_is(api: Api, cluster: KubernetesCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list over several pages is complete, and its version is not older than what is in it."""
    monkeypatch.setattr("palier.cluster.client.CHUNK", 2)
    for number in range(5):
        await cluster.apply(service(api.namespace, f"s{number}", {"listed": "yes"}))
    await cluster.apply(service(api.namespace, "other"))
    objects, version = await cluster.list("v1", "Service", namespace=api.namespace, selector="listed=yes")
    assert [obj["metadata"]["name"] for obj in objects] == [f"s{number}" for number in range(5)]
    assert max(int(obj["metadata"]["resourceVersion"]) for obj in objects) <= int(version)


async def test_served_kinds(cluster: KubernetesCluster) -> None:
    """What the API server serves is known by kind, and an absent API version serves nothing."""
    assert "ModelDeployment" in await cluster.served_kinds("palier.dev/v1alpha1")
    assert {"Service", "Pod"} <= await cluster.served_kinds("v1")
    assert await cluster.served_kinds("gateway.networking.k8s.io/v1") == frozenset()


@pytest.mark.parametrize("known", [True, False])
async def test_missing_rights_are_forbidden(api: Api, tmp_path: Path, *, known: bool) -> None:
    """Whether an identity has no rights or is not known at all: the answer is Forbidden."""
    api.must("create", "serviceaccount", "nobody")
    token = api.must("create", "token", "nobody").strip() if known else "made-up"
    config = json.loads(api.client.kubeconfig.read_text(encoding="utf-8"))
    config["users"][0]["user"] = {"token": token}
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(config), encoding="utf-8")
    nobody = await KubernetesCluster.connect(kubeconfig=str(kubeconfig))
    try:
        with pytest.raises(Forbidden, match="nobody" if known else "Unauthorized"):
            await nobody.apply(service(api.namespace, "a"))
    finally:
        await nobody.close()
