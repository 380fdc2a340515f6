"""Shadow proxies in the cluster: there when they are needed, and not gone while a route can still send them copies."""

from dataclasses import replace
from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.act import Actor
from palier.cluster.inputs import SpecInputs
from palier.cluster.observe import observe
from palier.cluster.shadows import Shadows, facts
from palier.cluster.store import Store
from palier.errors import InvalidSpec, Unavailable
from palier.manifests.shadow import PORT, shadow_config, shadow_name
from palier.manifests.traffic import Mirror
from palier.release.observation import MeasuredEvidence
from palier.release.shadowing import NO_SHADOW, ShadowFacts, ShadowRun
from palier.release.state import RevisionRef, State
from palier.release.targets import Targets
from tests.support.cluster.acting import steer
from tests.support.cluster.memory import MemoryCluster, endpoint_slice
from tests.support.release.world import model_deployment

STABLE, CANDIDATE = "aaaaaaaaaa", "bbbbbbbbbb"
RUN = ShadowRun(CANDIDATE, STABLE, percent=20, digest="0123456789abcdef")
OTHER = replace(RUN, digest="fedcba9876543210")
STATE = State(stable=RevisionRef(STABLE, "m", "1", 8080, 0.0))


class Shell:
    """An operator that acts on a cluster in memory; its watches catch up after each pass."""

    def __init__(self, *, image: str = "palier:test", **spec: Any) -> None:  # noqa: ANN401
        self.deployment = with_shadow(**spec)
        self.cluster, self.store = MemoryCluster(), Store()
        self.shadows = Shadows(self.cluster, self.store, image)
        self.plan = '{"timeout": 5}'

    async def keep(self, run: ShadowRun | None) -> None:
        """One pass with this comparison."""
        await self.shadows.keep(self.deployment, run, plan_json=self.plan)
        self.cluster.tell(self.store)

    async def mirror(self, run: ShadowRun | None, *, accepted: bool = True) -> None:
        """The route sends copies to the proxy of a run, or to none; the gateway has taken it over, or not yet."""
        copies = Mirror(shadow_name(self.deployment, run), PORT, run.percent) if run else None
        seen = observe(
            self.store, self.deployment, STATE, inputs=SpecInputs(STABLE), measured=MeasuredEvidence(), troubles={}
        )
        split = Targets({STABLE: 100}, (STABLE, ""), {})
        actor = Actor(self.cluster, self.store)
        await steer(actor, self.deployment, STATE, split, observation=seen, mirror=copies)
        if accepted:
            self.cluster.accept_routes()
        self.cluster.tell(self.store)

    def come_up(self) -> None:
        """The kubelets start what is asked for."""
        self.cluster.bring_up_pods()
        self.cluster.tell(self.store)

    def facts(self, run: ShadowRun = RUN) -> ShadowFacts:
        """What the operator knows."""
        return facts(self.store, self.deployment, run)

    def names(self, kind: str) -> set[str]:
        """Names of what exists of a kind."""
        return {name for known, _, name in self.cluster.objects if known == kind}

    def proxies(self) -> set[str]:
        """Names of the proxies, which have all of their objects or none."""
        kinds = [self.names(kind) for kind in ("Deployment", "Service", "ConfigMap")]
        assert kinds[0] == kinds[1] == kinds[2]
        return kinds[0]

    def find(self, kind: str, run: ShadowRun = RUN) -> dict[str, Any]:
        """One of the objects of a run's proxy."""
        found = self.cluster.find(kind, shadow_name(self.deployment, run))
        assert found is not None
        return found


def with_shadow(**spec: Any) -> ModelDeployment:  # noqa: ANN401
    """A ModelDeployment behind a gateway, with other fields of its spec."""
    body = model_deployment().model_dump(mode="json", by_alias=True, exclude_none=True)
    body["spec"] |= spec
    return ModelDeployment.model_validate(body)


async def test_a_comparison_has_a_proxy_of_its_own() -> None:
    """With all of its objects, which belong to the ModelDeployment, and with the plan that it was given."""
    shell = Shell()
    await shell.keep(RUN)

    assert shell.proxies() == {shadow_name(shell.deployment, RUN)}
    assert shell.find("ConfigMap")["data"] == {"plan.json": shell.plan}
    assert shell.find("Deployment")["spec"]["template"]["spec"]["containers"][0]["image"] == "palier:test"
    for obj in shell.cluster.objects.values():
        assert obj["metadata"]["ownerReferences"][0]["uid"] == "u1"


async def test_nothing_is_written_the_second_time() -> None:
    """A pass with nothing new asks the API server for nothing, also before the watches have caught up."""
    shell = Shell()
    await shell.shadows.keep(shell.deployment, RUN, plan_json=shell.plan)
    requests = shell.cluster.requests
    await shell.shadows.keep(shell.deployment, RUN, plan_json=shell.plan)
    shell.come_up()
    await shell.keep(RUN)

    assert shell.cluster.requests == requests


@pytest.mark.parametrize("survived", [0, 1, 2])
async def test_an_operator_that_dies_in_between_finishes_it(survived: int) -> None:
    """Whatever it could still write, the next one makes what is missing."""
    shell = Shell()
    shell.cluster.breaks_after = survived
    with pytest.raises(Unavailable):
        await shell.keep(RUN)
    shell.cluster.breaks_after = None
    shell.cluster.tell(shell.store)
    await shell.keep(RUN)

    assert shell.proxies() == {shadow_name(shell.deployment, RUN)}


async def test_another_plan_reaches_the_pod() -> None:
    """The address of a Service that was made anew: the pod reads its plan only once, so there has to be another pod."""
    shell = Shell()
    await shell.keep(RUN)
    before = shell.find("Deployment")["spec"]["template"]
    shell.plan = '{"timeout": 6}'
    await shell.keep(RUN)

    assert shell.find("ConfigMap")["data"] == {"plan.json": shell.plan}
    assert shell.find("Deployment")["spec"]["template"] != before


@pytest.mark.parametrize("kind", ["Deployment", "Service", "ConfigMap"])
async def test_what_somebody_deletes_is_made_again(kind: str) -> None:
    """Above all the Service, without which Envoy Gateway answers users with 500."""
    shell = Shell()
    await shell.keep(RUN)
    found = shell.find(kind)
    del shell.cluster.objects[kind, "ml", found["metadata"]["name"]]
    shell.store.remove({**found, "metadata": {**found["metadata"], "resourceVersion": "9999"}})
    await shell.keep(RUN)

    assert shell.proxies() == {shadow_name(shell.deployment, RUN)}


async def test_a_proxy_that_somebody_scaled_away_comes_back() -> None:
    """There is one pod, neither none nor two that count the same requests."""
    shell = Shell()
    await shell.keep(RUN)
    for replicas in (0, 2):
        workload = shell.find("Deployment")
        shell.cluster.put({**workload, "spec": {**workload["spec"], "replicas": replicas}})
        shell.cluster.tell(shell.store)
        await shell.keep(RUN)

        assert shell.find("Deployment")["spec"]["replicas"] == 1


async def test_a_proxy_stays_while_the_route_sends_it_copies() -> None:
    """A Service that a mirror names and that does not exist would break the route for all users."""
    shell = Shell()
    await shell.keep(RUN)
    await shell.mirror(RUN)
    await shell.keep(None)
    assert shell.proxies() == {shadow_name(shell.deployment, RUN)}

    # The route without a mirror is written, but the gateway has not seen it yet.
    await shell.mirror(None, accepted=False)
    await shell.keep(None)
    assert shell.proxies() == {shadow_name(shell.deployment, RUN)}

    await shell.mirror(None)
    await shell.keep(None)
    assert shell.proxies() == set()


async def test_another_comparison_takes_the_place_of_the_one_before() -> None:
    """Its proxy is made at once; the former one goes when the copies have moved."""
    shell = Shell()
    await shell.keep(RUN)
    await shell.mirror(RUN)
    await shell.keep(OTHER)
    assert shell.proxies() == {shadow_name(shell.deployment, run) for run in (RUN, OTHER)}

    await shell.mirror(OTHER)
    await shell.keep(OTHER)
    assert shell.proxies() == {shadow_name(shell.deployment, OTHER)}


async def test_a_proxy_that_no_route_knows_goes_at_once() -> None:
    """The route may be gone, or may never have been."""
    shell = Shell()
    await shell.keep(RUN)
    await shell.keep(None)

    assert shell.proxies() == set()


async def test_what_an_operator_left_behind_is_found() -> None:
    """One that was killed after the ConfigMap, in a stage that is over by now."""
    shell = Shell()
    await shell.cluster.apply(shadow_config(shell.deployment, RUN, "{}"))
    shell.cluster.tell(shell.store)
    await shell.keep(None)

    assert shell.proxies() == set()


async def test_proxies_of_others_and_other_objects_stay() -> None:
    """Those of a namesake that was deleted go with it; a revision has no proxy's label."""
    shell = Shell()
    earlier = shell.deployment.model_copy(
        update={"metadata": shell.deployment.metadata.model_copy(update={"uid": "u0"})}
    )
    await shell.shadows.keep(earlier, OTHER, plan_json="{}")
    labels = {"palier.dev/modeldeployment": "demo", "app.kubernetes.io/managed-by": "palier"}
    owners = [{"uid": "u1"}]
    service = {"name": "demo-x", "namespace": "ml", "labels": labels, "ownerReferences": owners}
    shell.cluster.put({"apiVersion": "v1", "kind": "Service", "metadata": service, "spec": {"selector": labels}})
    shell.cluster.tell(shell.store)
    before = set(shell.cluster.objects)
    await shell.keep(None)

    assert set(shell.cluster.objects) == before


async def test_without_any_image_the_field_to_fill_in_is_named() -> None:
    """Before anything is written, and before anybody is told that a shadow runs; a proxy that runs already goes on."""
    shell = Shell(image="")
    with pytest.raises(InvalidSpec) as demanded:
        shell.shadows.demand_image(shell.deployment, RUN)
    with pytest.raises(InvalidSpec) as kept:
        await shell.keep(RUN)
    assert demanded.value.field == kept.value.field == "spec.shadow.image"
    assert shell.proxies() == set()

    shell.shadows.demand_image(shell.deployment, None)
    shell.shadows.demand_image(with_shadow(shadow={"image": "proxy:1"}), RUN)
    await Shadows(shell.cluster, shell.store, "palier:test").keep(shell.deployment, RUN, plan_json="{}")
    shell.shadows.demand_image(shell.deployment, RUN)


async def test_it_is_there_before_it_is_ready_and_ready_before_it_gets_copies() -> None:
    """Each is seen for itself: copies are only sent to what can take them."""
    shell = Shell()
    assert shell.facts() == NO_SHADOW

    await shell.keep(RUN)
    assert shell.facts() == ShadowFacts(exists=True)

    shell.come_up()
    assert shell.facts() == ShadowFacts(exists=True, ready=True)

    await shell.mirror(RUN, accepted=False)
    assert shell.facts() == ShadowFacts(exists=True, ready=True)

    await shell.mirror(RUN)
    assert shell.facts() == ShadowFacts(exists=True, ready=True, mirrored=True)
    assert shell.facts(OTHER) == NO_SHADOW


@pytest.mark.parametrize("missing", ["Deployment", "Service"])
async def test_half_a_proxy_is_none(missing: str) -> None:
    """Copies need both."""
    shell = Shell()
    await shell.keep(RUN)
    shell.come_up()
    found = shell.find(missing)
    shell.store.remove({**found, "metadata": {**found["metadata"], "resourceVersion": "9999"}})

    assert shell.facts() == NO_SHADOW


async def test_a_pod_of_the_former_plan_is_not_ready() -> None:
    """Between a change and the controller's answer to it, the numbers are about the pod that goes."""
    shell = Shell()
    await shell.keep(RUN)
    workload = shell.find("Deployment")
    status = {"availableReplicas": 1, "observedGeneration": workload["metadata"]["generation"] - 1}
    shell.cluster.put({**workload, "status": status})
    shell.cluster.put(endpoint_slice(shadow_name(shell.deployment, RUN), "demo", ready=1))
    shell.cluster.tell(shell.store)
    assert not shell.facts().ready

    shell.cluster.put({**workload, "status": {**status, "observedGeneration": workload["metadata"]["generation"]}})
    shell.cluster.tell(shell.store)
    assert shell.facts().ready


async def test_a_pod_that_no_service_knows_yet_is_not_ready() -> None:
    """The gateway would send copies nowhere."""
    shell = Shell()
    await shell.keep(RUN)
    shell.come_up()
    shell.cluster.put(endpoint_slice(shadow_name(shell.deployment, RUN), "demo", ready=0))
    shell.cluster.tell(shell.store)

    assert shell.facts() == ShadowFacts(exists=True)


@pytest.mark.parametrize(
    ("type_", "status"), [("ReplicaFailure", "True"), ("Progressing", "False")], ids=["quota", "too late"]
)
async def test_a_proxy_that_does_not_get_ready_says_why(type_: str, status: str) -> None:
    """As its Deployment tells; a condition that merely describes is no reason."""
    shell = Shell()
    await shell.keep(RUN)
    fine = {"type": "Progressing", "status": "True", "message": "ReplicaSet is progressing"}
    said = {"type": type_, "status": status, "message": "exceeded quota"}
    for conditions, told in (([fine], ""), ([fine, said], "exceeded quota")):
        shell.cluster.put({**shell.find("Deployment"), "status": {"conditions": conditions}})
        shell.cluster.tell(shell.store)

        assert shell.facts() == ShadowFacts(exists=True, message=told)


async def test_without_a_gateway_nobody_waits_for_one() -> None:
    """Traffic that was moved to a Service leaves a route behind that nobody answers any more."""
    shell = Shell()
    await shell.keep(RUN)
    await shell.mirror(None, accepted=False)
    shell.deployment = with_shadow(traffic={"service": {}})
    await shell.keep(None)

    assert shell.proxies() == set()
