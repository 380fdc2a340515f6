"""The order of every change of traffic: pods, then the route, then removal; looked at after each single write."""

from typing import Any

import pytest

from palier.api.constants import API_VERSION, KIND
from palier.api.v1alpha1 import parse
from palier.cluster.queue import Key
from palier.cluster.store import Store
from palier.errors import ClusterError, Forbidden, Invalid, MetricsUnavailable, Unavailable
from palier.evidence.counters import Series
from palier.manifests.traffic import route_weights
from palier.metrics.prices import Prices
from palier.reconcile.controller import Controller
from palier.reconcile.costs import CostObserver
from palier.reconcile.trials import Trials
from tests.support.cluster.bell import Bell
from tests.support.cluster.memory import MemoryCluster

KEY = Key("ml", "demo")
IMAGES = ("m:1", "m:2")
SERVICE: dict[str, Any] = {"service": {}}
GATEWAY: dict[str, Any] = {"gateway": {"parentRefs": [{"name": "public"}], "hostnames": ["m.example.com"]}}


class Silence:
    """Stands for a Prometheus that never answers; these releases have no objectives and need none."""

    async def samples(self, selector: str, *, at: float, seconds: float) -> list[Series]:
        """See `MetricSource.samples`."""
        raise MetricsUnavailable("Unreachable", f"{selector} at {at} over {seconds} s")

    def close(self) -> None:
        """Nothing is held."""


def written(image: str, traffic: dict[str, Any]) -> dict[str, Any]:
    """The ModelDeployment as its author applies it."""
    stages = [{"canary": {"weight": weight, "minDuration": "0s", "maxDuration": "1m"}} for weight in (10, 50)]
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": "demo", "namespace": "ml"},
        "spec": {
            "owner": {"name": "Somebody", "email": "somebody@example.com"},
            "model": {
                "name": "m",
                "version": image,
                "prompts": [{"name": "system", "configMapKeyRef": {"name": "texts", "key": "system"}}],
            },
            "serving": {
                "port": 8080,
                "replicas": 2,
                "template": {"spec": {"containers": [{"name": "m", "image": image}]}},
            },
            "traffic": traffic,
            "release": {"stages": stages, "rollbackWindow": "5s", "drainDelay": "2s", "progressDeadline": "30s"},
        },
    }


TEXTS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "texts", "namespace": "ml", "labels": {"palier.dev/watch": "true"}},
    "data": {"system": "Be kind."},
}


class Life:
    """A cluster, the operator in it, and the clock."""

    def __init__(self, traffic: dict[str, Any]) -> None:
        self.cluster, self.traffic, self.now = MemoryCluster(), traffic, 1_000_000.0
        self.broken: frozenset[str] = frozenset()
        self.restart()

    def restart(self) -> None:
        """Another process of the operator, which knows only what the API server tells."""
        self.store = Store()
        self.cluster.tell(self.store)
        self.economy = CostObserver(
            cluster=self.cluster,
            store=self.store,
            source=Silence(),
            prices=Prices(None),
            scrape_interval=1,
            clock=lambda: self.now,
        )
        self.bell = Bell(self.cluster)
        self.controller = Controller(
            cluster=self.cluster,
            store=self.store,
            queue=self.bell,
            source=Silence(),
            cost_observer=self.economy,
            trials=Trials(cluster=self.cluster, store=self.store, source=Silence(), image="palier:test"),
            look_interval=1,
            scrape_interval=1,
            clock=lambda: self.now,
            monotonic=lambda: self.now,
        )

    def ask_for(self, image: str) -> None:
        """The author applies the spec."""
        self.cluster.put(TEXTS)
        self.cluster.put({**(self.cluster.find(KIND, "demo") or {}), **written(image, self.traffic)})

    async def run(self, seconds: int, *, idly: bool = False) -> None:
        """The world and the operator take turns; an operator that lost its API server is killed and started again.

        Args:
            seconds: for which they do.
            idly: whether the operator passes in every second, and not only when there is a reason.
        """
        for _ in range(seconds):
            self.now += 1
            self.cluster.bring_up_pods(but=self.broken)
            self.cluster.accept_routes()
            self.cluster.tell(self.store)
            if not idly and not self.bell.rings(self.now):
                continue
            self.bell.begin()
            try:
                self.bell.end(await self.controller.reconcile(KEY), self.now)
            except Unavailable:
                self.cluster.breaks_after = None
                self.restart()

    @property
    def status(self) -> dict[str, Any]:
        """What the ModelDeployment says."""
        status: dict[str, Any] = (self.cluster.find(KIND, "demo") or {})["status"]
        return status

    def revisions(self) -> set[str]:
        """Revisions of which anything is left, whatever the kind."""
        return {
            name.removeprefix("demo-").removesuffix("-prompts")
            for kind, _, name in self.cluster.objects
            if kind in {"Deployment", "Service", "ConfigMap"} and name.startswith("demo-")
        }

    def weights(self) -> dict[str, int]:
        """The split as the route has it; empty before there is a route."""
        route = self.cluster.find("HTTPRoute", "demo")
        return route_weights(parse(written("m:1", GATEWAY)), route) if route else {}


def check(life: Life) -> None:
    """What holds at every instant: users are sent only to revisions that can answer."""
    weights = life.weights()
    assert not weights or sum(weights.values()) == 100
    for revision, weight in weights.items():
        assert life.cluster.find("Deployment", f"demo-{revision}"), f"the route names {revision}, which is gone"
        assert life.cluster.find("Service", f"demo-{revision}"), f"the route names the Service of {revision}"
        slices = life.cluster.find("EndpointSlice", f"demo-{revision}-a")
        assert not weight or (slices and slices["endpoints"]), f"{weight} % for {revision}, which has no ready pod"


async def serving(traffic: dict[str, Any]) -> tuple[Life, str]:
    """A life whose first revision serves, checked at every write from its beginning."""
    life = Life(traffic)
    life.cluster.after_write = lambda: check(life)
    life.ask_for(IMAGES[0])
    await life.run(8)

    assert life.status["stage"] == "Serving"
    return life, life.status["stable"]["revision"]


def version(obj: dict[str, Any] | None) -> int:
    """The resource version."""
    assert obj is not None
    return int(obj["metadata"]["resourceVersion"])


async def test_pods_then_route_then_removal() -> None:
    """A whole release: every weight is given to ready pods, and what goes is no longer named by the route."""
    life, first = await serving(GATEWAY)
    splits: list[dict[str, int]] = []

    def remember() -> None:
        check(life)
        if not splits or splits[-1] != life.weights():
            splits.append(life.weights())

    life.cluster.after_write = remember
    life.ask_for(IMAGES[1])
    await life.run(30)
    second = life.status["stable"]["revision"]

    assert second != first
    assert [split.get(second, 0) for split in splits] == [0, 1, 10, 50, 99, 100, 100]
    assert life.revisions() == {second}
    assert version(life.cluster.find("Deployment", f"demo-{second}")) > 0
    assert version(life.cluster.gone["Deployment", "ml", f"demo-{first}"]) > version(
        life.cluster.find("HTTPRoute", "demo")
    )


async def test_a_front_service_of_a_stranger_is_told_once() -> None:
    """However often the operator passes, the status says what is in the way and nothing is written again."""
    life = Life(SERVICE)
    stranger = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "demo", "namespace": "ml"}}
    life.cluster.put({**stranger, "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 80}]}})
    life.ask_for(IMAGES[0])
    await life.run(10)
    version = life.cluster.version
    (ready,) = (entry for entry in life.status["conditions"] if entry["type"] == "Ready")

    assert "Service demo exists and is not Palier's" in ready["message"]

    await life.run(10, idly=True)

    assert life.cluster.version == version


@pytest.mark.parametrize(
    "refusal", [Forbidden("policy: no routes on Fridays"), Invalid("spec.rules: Invalid value")], ids=type
)
async def test_a_route_that_may_not_be_written_is_told_for_as_long_as_that(refusal: ClusterError) -> None:
    """The last word of every try is the refusal, told once; and when it is lifted the release goes on."""
    life = Life(GATEWAY)
    life.cluster.refuses["HTTPRoute"] = refusal
    life.ask_for(IMAGES[0])
    await life.run(4)
    version = life.cluster.version
    for _ in range(4):
        life.now += 700
        await life.run(1, idly=True)
        (ready,) = (entry for entry in life.status["conditions"] if entry["type"] == "Ready")

        assert str(refusal) in ready["message"]
    assert life.cluster.version == version

    life.cluster.refuses.clear()
    life.now += 700
    await life.run(4)

    assert life.status["stage"] == "Serving"


async def test_a_refused_write_does_not_undo_the_memory() -> None:
    """What was decided was written before it was tried, and telling of the refusal must not take it back."""
    life, _ = await serving(GATEWAY)
    life.ask_for(IMAGES[1])
    life.cluster.refuses["HTTPRoute"] = Forbidden("policy: no routes on Fridays")
    await life.run(6)

    assert life.status["release"]["step"] == "Canary"
    assert {entry["reason"] for entry in life.status["conditions"] if entry["type"] == "Ready"} == {"Forbidden"}


@pytest.mark.parametrize("traffic", [GATEWAY, SERVICE], ids=["gateway", "service"])
async def test_a_life_at_rest_writes_nothing(traffic: dict[str, Any]) -> None:
    """An hour of passes after a release asks the API server for nothing and tells nobody anything."""
    life, _ = await serving(traffic)
    life.ask_for(IMAGES[1])
    await life.run(30)
    at_rest, told = life.cluster.requests, len(life.cluster.events)
    for _ in range(20):
        life.now += 180
        await life.run(1, idly=True)

    assert life.status["stage"] == "Serving"
    assert (life.cluster.requests, len(life.cluster.events)) == (at_rest, told)


@pytest.mark.parametrize("traffic", [GATEWAY, SERVICE], ids=["gateway", "service"])
@pytest.mark.parametrize("writes", range(26))
async def test_a_kill_after_any_write_leaves_nothing_behind(writes: int, traffic: dict[str, Any]) -> None:
    """Wherever in the release the operator dies, in the end the second revision serves and the first is gone whole."""
    life, first = await serving(traffic)
    life.ask_for(IMAGES[1])
    life.cluster.breaks_after = writes
    await life.run(45)

    assert life.status["stage"] == "Serving"
    assert life.status["stable"]["version"] == IMAGES[1]
    assert first not in life.revisions()


@pytest.mark.parametrize("writes", range(12))
async def test_a_kill_while_a_broken_candidate_goes_leaves_nothing_behind(writes: int) -> None:
    """A candidate that never became ready has no traffic at any instant, and is gone whole in the end."""
    life, first = await serving(GATEWAY)
    life.ask_for(IMAGES[1])
    await life.run(1)
    life.broken = frozenset({life.status["candidate"]["revision"]})
    life.cluster.breaks_after = writes
    await life.run(60)

    assert life.status["stage"] == "RolledBack"
    assert life.weights() == {first: 100}
    assert life.revisions() == {first}
