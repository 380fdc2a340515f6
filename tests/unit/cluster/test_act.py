"""What is in the cluster after Palier acted: the children of each revision, the split, and nothing written twice."""

from typing import Any

import pytest

from palier.cluster.act import Actor
from palier.cluster.inputs import SpecInputs
from palier.cluster.observe import observe
from palier.cluster.store import Store
from palier.errors import NameTaken, Unavailable
from palier.manifests.revision import deployment_manifest, service_manifest
from palier.manifests.traffic import front_service_manifest, route_weights
from palier.release.observation import MeasuredEvidence, Observation
from palier.release.state import Former, RevisionRef, State
from palier.release.targets import Targets
from tests.support.cluster.acting import keep_revisions, steer
from tests.support.cluster.memory import MemoryCluster
from tests.support.release.world import model_deployment

STABLE, CANDIDATE, FORMER = "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"
SERVICE: dict[str, Any] = {"service": {}}
SPLIT = Targets({STABLE: 95, CANDIDATE: 5}, (STABLE, CANDIDATE), {STABLE: 2, CANDIDATE: 1})


def ref(revision: str, port: int = 8080) -> RevisionRef:
    """A revision that has been there for ever."""
    return RevisionRef(revision, "m", "1", port, 0.0)


STATE = State(stable=ref(STABLE), candidate=ref(CANDIDATE), former=Former(ref(FORMER, 7000), 9.0))


class Shell:
    """An operator that acts on a cluster in memory; its watches catch up between two passes."""

    def __init__(self, **changes: Any) -> None:  # noqa: ANN401
        self.deployment = model_deployment(**changes)
        self.cluster, self.store = MemoryCluster(), Store()
        self.prompts: dict[str, str] = {}
        self.actor = Actor(self.cluster, self.store)

    def look(self, wanted: str = CANDIDATE, state: State = STATE) -> Observation:
        """What it sees now."""
        return observe(
            self.store, self.deployment, state, inputs=SpecInputs(wanted), measured=MeasuredEvidence(), troubles={}
        )

    async def act(self, targets: Targets, *, state: State = STATE, wanted: str = CANDIDATE) -> bool:
        """One pass; tells whether the traffic was steered."""
        seen = self.look(wanted, state)
        await keep_revisions(self.actor, self.deployment, state, targets, observation=seen, prompts=self.prompts)
        moved = await steer(self.actor, self.deployment, state, targets, observation=seen)
        await self.actor.remove(self.deployment, targets)
        self.cluster.tell(self.store)
        return moved

    async def born(self, *revisions: str) -> None:
        """Each of the revisions is made."""
        for revision in revisions:
            await self.act(Targets(None, None, {revision: 1}), wanted=revision)

    def names(self) -> set[tuple[str, str]]:
        """Kind and name of everything that exists."""
        return {(kind, name) for kind, _, name in self.cluster.objects}

    def replicas(self, revision: str) -> int:
        """Pods that the revision's Deployment asks for."""
        workload = self.cluster.find("Deployment", f"demo-{revision}")
        assert workload is not None
        return int(workload["spec"]["replicas"])

    def weights(self) -> dict[str, int]:
        """The split as the route has it."""
        route = self.cluster.find("HTTPRoute", "demo")
        assert route is not None
        return route_weights(self.deployment, route)

    def selector(self) -> dict[str, str]:
        """What the front Service selects."""
        service = self.cluster.find("Service", "demo")
        assert service is not None
        return dict(service["spec"]["selector"])


async def test_a_revision_is_a_deployment_and_a_service_of_its_own() -> None:
    """Both carry the revision in their names and belong to the ModelDeployment."""
    shell = Shell()
    await shell.act(Targets(None, None, {CANDIDATE: 2}))

    assert shell.names() == {("Deployment", "demo-bbbbbbbbbb"), ("Service", "demo-bbbbbbbbbb")}
    assert shell.replicas(CANDIDATE) == 2
    for obj in shell.cluster.objects.values():
        assert obj["metadata"]["ownerReferences"][0]["uid"] == "u1"


async def test_nothing_is_written_the_second_time() -> None:
    """A pass with nothing new asks the API server for nothing."""
    shell = Shell()
    shell.prompts = {"system": "Be kind."}
    await shell.born(STABLE, CANDIDATE)
    assert await shell.act(SPLIT)
    requests = shell.cluster.requests

    assert not await shell.act(SPLIT)
    assert shell.cluster.requests == requests


async def test_nothing_is_written_twice_before_the_watches_catch_up() -> None:
    """The answers of our own writes are enough to know that they are done."""
    shell = Shell()
    seen = shell.look()
    requests = []
    for _ in range(2):
        await keep_revisions(
            shell.actor, shell.deployment, STATE, Targets(None, None, {CANDIDATE: 3}), observation=seen
        )
        requests.append(shell.cluster.requests)

    assert requests[0] == requests[1]
    assert shell.replicas(CANDIDATE) == 3


async def test_scaling_changes_the_number_of_pods_and_nothing_else() -> None:
    """A revision is rendered once: a later spec, or a later Palier, never restarts its pods."""
    shell = Shell()
    await shell.born(STABLE)
    before = dict(shell.cluster.find("Deployment", "demo-aaaaaaaaaa") or {})
    shell.deployment = model_deployment(replicas=5)
    template = {"spec": {"containers": [{"name": "m", "image": "m:2"}]}}
    serving = shell.deployment.spec.serving
    changed = serving.model_copy(update={"template": serving.template.model_copy(update=template)})
    shell.deployment = shell.deployment.model_copy(
        update={"spec": shell.deployment.spec.model_copy(update={"serving": changed})}
    )
    await shell.act(Targets(None, None, {STABLE: 5}), wanted=STABLE)
    after = shell.cluster.find("Deployment", "demo-aaaaaaaaaa") or {}

    assert after["spec"] == {**before["spec"], "replicas": 5}


async def test_a_lost_revision_that_the_spec_no_longer_describes_is_not_made_up() -> None:
    """Pods of another template under the old name would be a lie about what serves."""
    shell = Shell()
    await shell.act(Targets(None, None, {STABLE: 2, CANDIDATE: 1}), wanted=CANDIDATE)

    assert shell.names() == {("Deployment", "demo-bbbbbbbbbb"), ("Service", "demo-bbbbbbbbbb")}


async def test_a_service_that_somebody_deleted_comes_back_on_the_port_of_its_revision() -> None:
    """The port is remembered by revision, since the spec may name another one by now."""
    shell = Shell()
    await shell.born(FORMER)
    lost = shell.cluster.objects.pop(("Service", "ml", "demo-cccccccccc"))
    shell.store.remove(lost)
    await shell.act(Targets(None, None, {FORMER: 1}))
    again = shell.cluster.find("Service", "demo-cccccccccc")

    assert again is not None
    assert again["spec"]["ports"][0]["port"] == 7000


async def test_prompts_are_copied_before_the_pods_that_mount_them() -> None:
    """Their copy has a lower resource version than the Deployment: no pod ever waits for its volume."""
    shell = Shell()
    shell.prompts = {"system": "Be kind."}
    await shell.born(CANDIDATE)
    copied = shell.cluster.find("ConfigMap", "demo-bbbbbbbbbb-prompts")
    workload = shell.cluster.find("Deployment", "demo-bbbbbbbbbb")

    assert copied is not None
    assert workload is not None
    assert copied["data"] == {"system": "Be kind."}
    assert int(copied["metadata"]["resourceVersion"]) < int(workload["metadata"]["resourceVersion"])


async def test_the_route_has_the_wanted_split() -> None:
    """Each revision at its position with its weight."""
    shell = Shell()
    await shell.born(STABLE, CANDIDATE)
    await shell.act(SPLIT)

    assert shell.weights() == {STABLE: 95, CANDIDATE: 5}


async def test_what_somebody_changed_in_the_route_is_set_right() -> None:
    """A hand-made split does not last, for the evidence would be of another traffic; an added field is theirs."""
    shell = Shell()
    await shell.born(STABLE, CANDIDATE)
    await shell.act(SPLIT)
    route = shell.cluster.find("HTTPRoute", "demo")
    assert route is not None
    rules = [{**route["spec"]["rules"][0], "timeouts": {"request": "1s"}}]
    rules[0]["backendRefs"] = [{**backend, "weight": 50} for backend in rules[0]["backendRefs"]]
    shell.cluster.put({**route, "spec": {**route["spec"], "rules": rules}})
    shell.cluster.tell(shell.store)

    assert await shell.act(SPLIT)
    assert shell.weights() == {STABLE: 95, CANDIDATE: 5}

    shell.cluster.tell(shell.store)
    assert not await shell.act(SPLIT)


@pytest.mark.parametrize("targets", [Targets(None, (STABLE, STABLE)), Targets({STABLE: 100}, None)])
@pytest.mark.parametrize("changes", [{}, {"traffic": SERVICE}])
async def test_without_a_wanted_split_no_route_is_written(targets: Targets, changes: dict[str, Any]) -> None:
    """Before a first revision is ready there is nothing to send users to."""
    shell = Shell(**changes)

    assert not await shell.act(targets)
    assert shell.names() == set()


def foreign_route(shell: Shell, name: str) -> dict[str, Any]:
    """A route of somebody else for our host, older than ours can be."""
    gateway = shell.deployment.spec.traffic.gateway
    assert gateway is not None
    parents = [parent.model_dump(by_alias=True, exclude_none=True) for parent in gateway.parent_refs]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "ml", "creationTimestamp": "2020-01-01T00:00:00Z"},
        "spec": {"parentRefs": parents, "hostnames": ["m.example.com"], "rules": [{}]},
    }


@pytest.mark.parametrize("name", ["demo", "other"])
async def test_a_route_of_a_stranger_is_never_taken_over_nor_rivalled(name: str) -> None:
    """Under our name it stays as it is, and under another name ours is not put beside it."""
    shell = Shell()
    theirs = shell.cluster.put(foreign_route(shell, name))
    shell.cluster.tell(shell.store)
    await shell.act(SPLIT)

    assert shell.cluster.find("HTTPRoute", name) == theirs
    assert [key for key in shell.names() if key[0] == "HTTPRoute"] == [("HTTPRoute", name)]


async def test_traffic_is_taken_back_although_the_host_was_taken_meanwhile() -> None:
    """A rival that appears in mid-release may cost us the host, but never keeps a breaching candidate in traffic."""
    shell = Shell()
    await shell.born(STABLE, CANDIDATE)
    await shell.act(SPLIT)
    shell.cluster.put(foreign_route(shell, "other"))
    shell.cluster.tell(shell.store)
    assert shell.look().route.conflict
    await shell.act(Targets({STABLE: 100}, (STABLE, CANDIDATE), {STABLE: 2, CANDIDATE: 1}))

    assert shell.weights() == {STABLE: 100, CANDIDATE: 0}


@pytest.mark.parametrize(
    ("weights", "only"),
    [
        ({STABLE: 100}, STABLE),
        ({CANDIDATE: 100}, CANDIDATE),
        ({STABLE: 95, CANDIDATE: 5}, None),
        ({STABLE: 100, CANDIDATE: 0}, STABLE),
    ],
)
async def test_the_front_service_opens_for_a_canary_and_closes_after_it(
    weights: dict[str, int], only: str | None
) -> None:
    """From any split to any other, the selector names the only revision, or none while two share the traffic."""
    for before in ({STABLE: 100}, {STABLE: 95, CANDIDATE: 5}):
        shell = Shell(traffic=SERVICE)
        await shell.act(Targets(before, (STABLE, CANDIDATE)))
        await shell.act(Targets(weights, (STABLE, CANDIDATE)))
        expected = {"palier.dev/modeldeployment": "demo", **({"palier.dev/revision": only} if only else {})}

        assert shell.selector() == expected


async def test_the_front_service_is_not_written_again() -> None:
    """What Kubernetes added to it, an address and a node port, is no difference."""
    shell = Shell(traffic=SERVICE)
    targets = Targets({STABLE: 100}, (STABLE, STABLE))
    assert await shell.act(targets)
    live = shell.cluster.find("Service", "demo")
    assert live is not None
    ports = [{**port, "nodePort": 30080} for port in live["spec"]["ports"]]
    shell.cluster.put({**live, "spec": {**live["spec"], "clusterIP": "10.0.0.1", "ports": ports}})
    shell.cluster.tell(shell.store)
    version = shell.cluster.version

    assert not await shell.act(targets)
    assert shell.cluster.version == version


async def test_the_front_service_follows_the_port_of_what_it_selects() -> None:
    """Promoting a revision with another port moves the port with the selector."""
    shell = Shell(traffic=SERVICE)
    state = State(stable=ref(STABLE), candidate=ref(CANDIDATE, 9000))
    await shell.act(Targets({STABLE: 100}, (STABLE, STABLE)), state=state)
    await shell.act(Targets({CANDIDATE: 100}, (STABLE, CANDIDATE)), state=state)
    live = shell.cluster.find("Service", "demo")

    assert live is not None
    assert live["spec"]["ports"] == [{"name": "http", "port": 9000, "targetPort": 9000, "protocol": "TCP"}]


def foreign_front_service() -> dict[str, Any]:
    """A Service of somebody else under our name; without our labels, so that the watches do not tell of it."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "demo", "namespace": "ml"},
        "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 80}]},
    }


async def test_a_front_service_of_a_stranger_is_never_taken_over() -> None:
    """It is looked for before the name is used, stays as it is, and is told as what is in the way."""
    shell = Shell(traffic=SERVICE)
    theirs = shell.cluster.put(foreign_front_service())
    targets = Targets({STABLE: 100}, (STABLE, STABLE))

    for _ in range(2):
        with pytest.raises(NameTaken, match="Service demo exists and is not Palier's"):
            await shell.act(targets)

    assert shell.cluster.find("Service", "demo") == theirs


async def test_a_front_service_that_is_ours_but_unknown_to_the_cache_is_kept() -> None:
    """After a restart in the middle of a write, our own Service is read and not written again."""
    shell = Shell(traffic=SERVICE)
    shell.cluster.put(front_service_manifest(shell.deployment, STABLE, port=8080))
    version = shell.cluster.version
    targets = Targets({STABLE: 100}, (STABLE, STABLE))
    await steer(shell.actor, shell.deployment, STATE, targets, observation=shell.look())

    assert shell.cluster.version == version


async def test_removal_takes_everything_of_a_revision_and_nothing_else() -> None:
    """Deployment, Service and prompts of the one go, those of the others stay."""
    shell = Shell()
    shell.prompts = {"system": "Be kind."}
    await shell.born(STABLE, CANDIDATE)
    await shell.act(Targets({STABLE: 100}, (STABLE, STABLE), {STABLE: 1}, frozenset({CANDIDATE})))
    kept = {("Deployment", "demo-aaaaaaaaaa"), ("Service", "demo-aaaaaaaaaa"), ("ConfigMap", "demo-aaaaaaaaaa-prompts")}

    assert shell.names() == {*kept, ("HTTPRoute", "demo")}


async def test_removal_of_what_is_gone_is_no_error() -> None:
    """A second pass before the watches told of the removal changes nothing."""
    shell = Shell()
    await shell.born(STABLE)
    targets = Targets(None, None, {}, frozenset({STABLE, CANDIDATE}))
    await shell.actor.remove(shell.deployment, targets)
    version = shell.cluster.version
    await shell.actor.remove(shell.deployment, targets)

    assert shell.names() == set()
    assert shell.cluster.version == version


async def test_children_of_a_stranger_are_not_removed() -> None:
    """The Deployment of a namesake that was made anew is not ours to delete."""
    shell = Shell()
    for manifest in (
        deployment_manifest(shell.deployment, STABLE),
        service_manifest(shell.deployment, STABLE, port=80),
    ):
        manifest["metadata"]["ownerReferences"][0]["uid"] = "somebody else"
        shell.cluster.put(manifest)
    shell.cluster.tell(shell.store)
    await shell.actor.remove(shell.deployment, Targets(None, None, {}, frozenset({STABLE})))

    assert shell.names() == {("Deployment", "demo-aaaaaaaaaa"), ("Service", "demo-aaaaaaaaaa")}


async def test_an_api_server_that_goes_away_in_between_is_not_hidden() -> None:
    """The caller hears of it, so that the queue tries again; what was done before stays done."""
    shell = Shell()
    shell.cluster.breaks_after = 1
    with pytest.raises(Unavailable):
        await shell.act(Targets(None, None, {CANDIDATE: 2}))

    assert shell.names() == {("Deployment", "demo-bbbbbbbbbb")}
