"""Which ModelDeployments a change concerns, and what becomes of lists and events on their way to the queue."""

import asyncio
from typing import Any

import pytest
from typing_extensions import override

from palier.cluster.cache import Cache, served_watches
from palier.cluster.client import KubernetesCluster
from palier.cluster.queue import Key, WorkQueue
from palier.cluster.store import Store
from palier.cluster.watches import WATCHES, find_affected
from palier.errors import Conflict, InvalidSettings
from tests.support.cluster.recorder import Run, now


def deployment(name: str = "a", *, version: int = 1, namespace: str = "ml", **spec: object) -> dict[str, Any]:
    """A ModelDeployment."""
    metadata = {"name": name, "namespace": namespace, "resourceVersion": str(version)}
    return {"apiVersion": "palier.dev/v1alpha1", "kind": "ModelDeployment", "metadata": metadata, "spec": spec}


def behind(*hostnames: str) -> dict[str, Any]:
    """Traffic through a gateway."""
    return {"gateway": {"parentRefs": [{"name": "public"}], "hostnames": list(hostnames)}}


def prompted(config_map: str) -> dict[str, Any]:
    """A model with a prompt."""
    return {"name": "m", "prompts": [{"name": "system", "configMapKeyRef": {"name": config_map, "key": "k"}}]}


def child(
    kind: str, *, owner: str | None = "a", version: int = 1, namespace: str = "ml", **fields: object
) -> dict[str, Any]:
    """Another object, which carries our label when it has an owner."""
    labels = {"palier.dev/modeldeployment": owner} if owner else {}
    metadata = {"name": "x", "namespace": namespace, "resourceVersion": str(version), "labels": labels}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields}


def route(*hostnames: str, owner: str | None = None, version: int = 1, **fields: object) -> dict[str, Any]:
    """A route, of somebody else when it has no owner."""
    spec = {"parentRefs": [{"name": "public"}], "hostnames": list(hostnames), **fields}
    return child("HTTPRoute", owner=owner, version=version, namespace="other", spec=spec)


@pytest.fixture
def store() -> Store:
    """Three ModelDeployments: one with a prompt and a hostname, one with another hostname, one unreadable."""
    store = Store()
    store.put(deployment("a", model=prompted("prompts"), traffic=behind("a.example.com")))
    store.put(deployment("b", model=prompted("others"), traffic=behind("b.example.com", "shared.example.com")))
    store.put(deployment("broken", model={"prompts": [7, {"configMapKeyRef": []}]}, traffic={"gateway": "no"}))
    return store


def test_a_deployment_concerns_itself(store: Store) -> None:
    """New, changed or gone: its own key."""
    body = deployment("new")
    for before, after in ((None, body), (body, body), (body, None)):
        assert find_affected(store, before, after) == {Key("ml", "new")}


@pytest.mark.parametrize("kind", ["Deployment", "Job", "Service", "EndpointSlice", "HTTPRoute", "BackendTrafficPolicy"])
def test_children_concern_their_owner(store: Store, kind: str) -> None:
    """The label names the owner, also when it changes hands."""
    assert find_affected(store, None, child(kind, spec={})) == {Key("ml", "a")}
    assert find_affected(store, child(kind, owner="b", spec={}), child(kind, spec={})) == {
        Key("ml", "a"),
        Key("ml", "b"),
    }
    assert find_affected(store, child(kind, spec={}), None) == {Key("ml", "a")}


def test_config_map_concerns_its_readers(store: Store) -> None:
    """Only ModelDeployments of the same namespace that name the ConfigMap, and unreadable ones do no harm."""
    prompts = child("ConfigMap", owner=None)
    prompts["metadata"]["name"] = "prompts"
    assert find_affected(store, None, prompts) == {Key("ml", "a")}
    prompts["metadata"]["namespace"] = "elsewhere"
    assert find_affected(store, None, prompts) == set()


def test_config_map_concerns_those_whose_load_test_sends_it(store: Store) -> None:
    """Requests that changed may need a new load test."""
    corpus = {"configMapKeyRef": {"name": "requests", "key": "chat.jsonl"}}
    store.put(deployment("c", scale={"loadTest": {"corpus": corpus}}))
    store.put(deployment("odd", scale={"loadTest": ["corpus"]}))
    requests = child("ConfigMap", owner=None)
    requests["metadata"]["name"] = "requests"
    assert find_affected(store, None, requests) == {Key("ml", "c")}


def test_config_map_concerns_those_whose_data_is_compared_with_it(store: Store) -> None:
    """Another profile is another reference."""
    profile = {"configMapKeyRef": {"name": "training", "key": "profile.json"}}
    store.put(deployment("c", watch={"dataDrift": {"reference": {"profile": profile}}}))
    store.put(deployment("odd", watch={"dataDrift": {"reference": ["profile"]}}))
    training = child("ConfigMap", owner=None)
    training["metadata"]["name"] = "training"
    assert find_affected(store, None, training) == {Key("ml", "c")}


@pytest.mark.parametrize(
    "golden",
    [
        {"corpus": {"configMapKeyRef": {"name": "texts", "key": "k"}}},
        {"judge": {"prompt": {"name": "texts", "key": "k"}}},
        {"judge": {"calibration": {"corpus": {"configMapKeyRef": {"name": "texts", "key": "k"}}}}},
    ],
    ids=["corpus", "prompt", "calibration"],
)
def test_config_map_concerns_those_whose_golden_answers_need_it(store: Store, golden: dict[str, Any]) -> None:
    """Other requests, another prompt or other judged pairs ask another question."""
    store.put(deployment("c", golden=golden))
    store.put(deployment("odd", golden={"corpus": 3, "judge": ["prompt"]}))
    texts = child("ConfigMap", owner=None)
    texts["metadata"]["name"] = "texts"
    assert find_affected(store, None, texts) == {Key("ml", "c")}


def test_foreign_route_concerns_those_who_share_a_hostname(store: Store) -> None:
    """A route that claims a hostname, or lets go of it, may change whose traffic it is."""
    assert find_affected(store, None, route("B.example.com", "c.example.com")) == {Key("ml", "b")}
    assert find_affected(store, route("a.example.com"), route("shared.example.com")) == {Key("ml", "a"), Key("ml", "b")}
    assert find_affected(store, route("a.example.com"), None) == {Key("ml", "a")}
    assert find_affected(store, None, route()) == set()


def test_status_of_a_foreign_route_concerns_nobody(store: Store) -> None:
    """Gateways write route status all the time: only hostnames, parents and rules matter."""
    before, after = route("a.example.com"), route("a.example.com", version=2)
    after["status"] = {"parents": []}
    assert find_affected(store, before, after) == set()
    assert find_affected(store, before, route("a.example.com", version=2, rules=[{}])) == {Key("ml", "a")}


def test_foreign_budget_concerns_its_namespace(store: Store) -> None:
    """Its pods may be those of any ModelDeployment there; how many of them are ready just now concerns nobody."""
    store.put(deployment("elsewhere", namespace="other"))
    before = child("PodDisruptionBudget", owner=None, spec={"minAvailable": 1})
    everybody = {Key("ml", name) for name in ("a", "b", "broken")}
    for change in ((None, before), (before, None), (before, {**before, "spec": {"minAvailable": 2}})):
        assert find_affected(store, *change) == everybody
    assert find_affected(store, before, {**before, "status": {"currentHealthy": 1}}) == set()


def test_every_watched_kind_has_a_place() -> None:
    """The paths of all watched kinds are known."""
    assert [(watch.group, watch.version, watch.plural) for watch in WATCHES] == [
        ("palier.dev", "v1alpha1", "modeldeployments"),
        ("apps", "v1", "deployments"),
        ("batch", "v1", "jobs"),
        ("", "v1", "services"),
        ("discovery.k8s.io", "v1", "endpointslices"),
        ("", "v1", "configmaps"),
        ("gateway.networking.k8s.io", "v1", "httproutes"),
        ("gateway.envoyproxy.io", "v1alpha1", "backendtrafficpolicies"),
        ("policy", "v1", "poddisruptionbudgets"),
    ]


async def drained(queue: WorkQueue[Key]) -> list[Key]:
    """The keys that were added so far."""
    keys: list[Key] = []

    async def take(key: Key) -> None:
        keys.append(key)
        if not queue.depth:
            queue.shut_down()

    if queue.depth:
        await asyncio.wait_for(queue.run(take, workers=1), 1)
    return keys


async def test_news_reach_the_queue_and_echoes_do_not(store: Store) -> None:
    """The event of a change that the answer of our own write already told is not handled again."""
    queue = WorkQueue[Key]()
    cache = Cache(store, queue)
    store.put(child("Deployment", version=5))
    cache.update_object(child("Deployment", version=5))
    cache.update_object(child("Deployment", version=4))
    assert queue.depth == 0
    cache.update_object(child("Deployment", version=6))
    assert await drained(queue) == [Key("ml", "a")]


async def test_deletions_reach_the_queue_once(store: Store) -> None:
    """A deletion empties the cache and is told; its repetition is not."""
    queue = WorkQueue[Key]()
    cache = Cache(store, queue)
    store.put(child("Service", version=5))
    cache.remove_object(child("Service", version=6))
    assert store.list("Service") == []
    assert queue.depth == 1
    cache.remove_object(child("Service", version=6))
    assert await drained(queue) == [Key("ml", "a")]


def with_step(obj: dict[str, Any], step: str, *, version: int = 1, uid: str = "u1") -> dict[str, Any]:
    """The same ModelDeployment with a release at that step."""
    metadata = {**obj["metadata"], "resourceVersion": str(version), "uid": uid}
    return {**obj, "metadata": metadata, "status": {"release": {"step": step}}}


async def test_what_concerns_a_rollback_goes_first(store: Store) -> None:
    """Its first sight after a restart, and each of the gateway's answers, do not wait for the rest of the fleet."""
    queue = WorkQueue[Key]()
    cache = Cache(store, queue)
    for number in range(20):
        cache.update_object(deployment(f"other-{number}"))
    cache.update_object(with_step(deployment("a"), "RollingBack", version=7))
    cache.update_object(with_step(deployment("b"), "Canary", version=8))
    order = await drained(queue)
    assert (order[0], order[-1], len(order)) == (Key("ml", "a"), Key("ml", "b"), 22)

    queue = WorkQueue[Key]()
    cache = Cache(store, queue)
    for number in range(20):
        cache.update_object(deployment(f"other-{number}", version=2))
    cache.update_object(child("HTTPRoute", version=9, spec={}, status={"parents": []}))
    assert (await drained(queue))[0] == Key("ml", "a")


@pytest.mark.parametrize("deletion_is_seen", [True, False])
def test_an_object_made_again_does_not_inherit_the_backoff(
    store: Store,
    in_faked_time: Run,
    deletion_is_seen: bool,
) -> None:
    """Identity is the uid: the failures of the former object, and its timer, are none of the new one's."""

    async def scenario() -> list[float]:
        queue = WorkQueue[Key]()
        cache = Cache(store, queue)
        times: list[float] = []

        async def handler(_key: Key) -> None:
            times.append(now())
            raise Conflict("no")

        task = asyncio.create_task(queue.run(handler, workers=1))
        cache.update_object(with_step(deployment("new"), "Preparing", version=10))
        await asyncio.sleep(5000)
        if deletion_is_seen:
            cache.remove_object(with_step(deployment("new"), "Preparing", version=11))
        cache.update_object(with_step(deployment("new"), "Preparing", version=12, uid="u2"))
        await asyncio.sleep(2)
        queue.shut_down()
        await task
        return [at - 5000 for at in times if at >= 5000]

    times = in_faked_time(scenario())
    assert times[0] == 0.0
    assert len(times) > 5


class Served(KubernetesCluster):
    """A cluster that serves every watched kind but some."""

    def __init__(self, *missing: str) -> None:
        self.missing = missing

    @override
    async def served_kinds(self, api_version: str) -> frozenset[str]:
        kinds = {watch.kind for watch in WATCHES if watch.api_version == api_version}
        return frozenset(kinds - set(self.missing))


async def test_some_kinds_may_be_missing(caplog: pytest.LogCaptureFixture) -> None:
    """Who needs one waits, and it is told who that is; all others are served."""
    missing = {"HTTPRoute", "BackendTrafficPolicy", "PodDisruptionBudget"}
    watches = await served_watches(Served(*missing))

    assert {watch.kind for watch in WATCHES} - {watch.kind for watch in watches} == missing
    route, policy, budget = (record.getMessage() for record in caplog.records)
    assert route.endswith("httproutes.gateway.networking.k8s.io: ModelDeployments behind a gateway wait until it does")
    assert policy.endswith(
        "backendtrafficpolicies.gateway.envoyproxy.io: ModelDeployments with traffic.gateway.sticky wait until it does"
    )
    assert budget.endswith(
        "poddisruptionbudgets.policy: drained nodes may take all pods of a revision at once until it does"
    )


@pytest.mark.parametrize("missing", [watch.kind for watch in WATCHES if not watch.without])
async def test_other_kinds_may_not_be_missing(missing: str) -> None:
    """Without them there is nothing to do."""
    with pytest.raises(InvalidSettings, match="install Palier's CRDs first"):
        await served_watches(Served(missing))
