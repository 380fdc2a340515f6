"""Whole releases with load tests in a cluster in memory: the operator's own loop, killed after any of its writes."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from palier.api.constants import API_VERSION, KIND, LABEL_REVISION
from palier.api.v1alpha1 import parse
from palier.cluster.queue import Key
from palier.cluster.store import Store
from palier.errors import Forbidden, MetricsUnavailable, Unavailable
from palier.evidence.counters import Series
from palier.evidence.verdicts import Verdict
from palier.loadtest.result import LoadTestResult
from palier.manifests.traffic import route_weights
from palier.metrics.prices import Prices
from palier.reconcile.controller import Controller
from palier.reconcile.costs import CostObserver
from palier.reconcile.trials import Trials
from tests.support.cluster.bell import Bell
from tests.support.cluster.memory import MemoryCluster
from tests.support.release.load_world import load_tested
from tests.support.thorough import some_of

KEY = Key("ml", "demo")
BORN = 1_795_564_800.0
"""2026-11-25."""
TEXTS: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "texts", "namespace": "ml", "labels": {"palier.dev/watch": "true"}},
    "data": {"requests": '{"body": 1}\n'},
}
CORPUS = {"corpus": {"configMapKeyRef": {"name": "texts", "key": "requests"}}}
FOUND = LoadTestResult(Verdict.PASS, "CapacityFound", "100 requests/s held", capacity=Decimal(100), requests=9000)


class Silence:
    """Stands for a Prometheus that never answers; these releases have no canary and need none."""

    async def samples(self, selector: str, *, at: float, seconds: float) -> list[Series]:
        """See `MetricSource.samples`."""
        raise MetricsUnavailable("Unreachable", f"{selector} at {at} over {seconds} s")

    def close(self) -> None:
        """Nothing is held."""


class Life:
    """A cluster, the operator in it, the Job controller, and the clock."""

    def __init__(self, tmp_path: Path, *, image: str = "palier:test") -> None:
        self.cluster, self.now, self.image = MemoryCluster(), BORN, image
        self.results: dict[str, LoadTestResult] = {}
        """What a load test finds, by revision; everything carries 100 requests/s that is not here."""
        self.takes = 3
        self.started: dict[str, float] = {}
        self.prices = tmp_path / "prices.yaml"
        self.tell_prices()
        self.restart()

    def tell_prices(self) -> None:
        """Somebody writes the table of prices."""
        self.prices.write_text("{currency: EUR, source: list, asOf: 2026-11-01, cpuHour: 0.1, memoryGiBHour: 0.01}")

    def restart(self) -> None:
        """Another process of the operator, which knows only what the API server tells."""
        self.store = Store()
        self.cluster.tell(self.store)
        economy = CostObserver(
            cluster=self.cluster,
            store=self.store,
            source=Silence(),
            prices=Prices(self.prices, clock=lambda: self.now),
            scrape_interval=1,
            clock=lambda: self.now,
        )
        self.bell = Bell(self.cluster)
        self.controller = Controller(
            cluster=self.cluster,
            store=self.store,
            queue=self.bell,
            source=Silence(),
            cost_observer=economy,
            trials=Trials(cluster=self.cluster, store=self.store, source=Silence(), image=self.image),
            look_interval=1,
            scrape_interval=1,
            clock=lambda: self.now,
            monotonic=lambda: self.now,
        )

    def ask_for(self, version: str, **changes: Any) -> None:  # noqa: ANN401 - arguments of `load_tested`
        """The author applies the spec."""
        rules = {"weights": (), "rollbackWindow": "5s", "drainDelay": "2s", "progressDeadline": "30s", "test": CORPUS}
        deployment = load_tested(version, **rules | changes)
        spec = deployment.model_dump(mode="json", by_alias=True, exclude_none=True)["spec"]
        self.cluster.put(TEXTS)
        known = self.cluster.find(KIND, "demo") or {"metadata": {"name": "demo", "namespace": "ml"}}
        self.cluster.put({**known, "apiVersion": API_VERSION, "kind": KIND, "spec": spec})

    async def run(self, seconds: int, *, idly: bool = False) -> None:
        """The world and the operator take turns; an operator that lost its API server is killed and started again.

        Args:
            seconds: for which they do.
            idly: whether the operator passes in every second, and not only when there is a reason.
        """
        for _ in range(seconds):
            self.now += 1
            self.cluster.bring_up_pods()
            self.cluster.accept_routes()
            self.keep_jobs()
            self.cluster.tell(self.store)
            if not idly and not self.bell.rings(self.now):
                continue
            self.bell.begin()
            try:
                self.bell.end(await self.controller.reconcile(KEY), self.now)
            except Unavailable:
                self.cluster.breaks_after = None
                self.restart()

    def keep_jobs(self) -> None:
        """The Job controller and the kubelet: every Job has a pod, which leaves its result after a while."""
        self.cluster.pods = []
        for (kind, namespace, name), job in list(self.cluster.objects.items()):
            revision = job["metadata"].get("labels", {}).get(LABEL_REVISION, "")
            if kind == "Deployment":
                labels = job["spec"]["template"]["metadata"]["labels"]
                self.cluster.pods += [
                    pod(f"{name}-{number}", namespace, labels) for number in range(job["spec"]["replicas"])
                ]
            if kind != "Job":
                continue
            started = self.started.setdefault(name, self.now)
            labels = job["spec"]["template"]["metadata"]["labels"]
            status: dict[str, Any] = {"startTime": "2026-11-25T00:00:00Z", "active": 1}
            tester = pod(name, namespace, labels)
            if self.now >= started + self.takes:
                result = self.results.get(revision, FOUND)
                terminated = {"exitCode": 0, "reason": "Completed", "message": result.to_json()}
                tester["status"] = {
                    "phase": "Succeeded",
                    "containerStatuses": [{"name": "load-test", "state": {"terminated": terminated}}],
                }
                status = {**status, "active": 0, "conditions": [{"type": "Complete", "status": "True"}]}
            self.cluster.pods.append(tester)
            self.cluster.put({**job, "status": status})

    @property
    def status(self) -> dict[str, Any]:
        """What the ModelDeployment says."""
        status: dict[str, Any] = (self.cluster.find(KIND, "demo") or {})["status"]
        return status

    def said(self, kind: str) -> dict[str, Any]:
        """A condition."""
        return next(dict(entry) for entry in self.status["conditions"] if entry["type"] == kind)

    def left(self) -> set[tuple[str, str]]:
        """Kind and name of everything that was made, but for the route and the endpoints."""
        kinds = {"Deployment", "Service", "Job", "ConfigMap"}
        return {
            (kind, name) for kind, _, name in self.cluster.objects if kind in kinds and name not in {"texts", "demo"}
        }

    def served(self) -> set[str]:
        """The revisions that users reach: by the route, or by the Service that they call; empty for every revision."""
        front = self.cluster.find("Service", "demo")
        if front is not None:
            return {front["spec"]["selector"].get(LABEL_REVISION, "")}
        return {name for name, weight in self.weights().items() if weight}

    def weights(self) -> dict[str, int]:
        """The split as the route has it; empty before there is a route."""
        route = self.cluster.find("HTTPRoute", "demo")
        return route_weights(parse(self.cluster.find(KIND, "demo") or {}), route) if route else {}


def pod(name: str, namespace: str, labels: dict[str, str]) -> dict[str, Any]:
    """A pod that runs, older than any load test."""
    metadata = {"name": name, "namespace": namespace, "labels": labels, "creationTimestamp": "2026-11-24T00:00:00Z"}
    return {"metadata": metadata, "spec": {"nodeName": "node-7"}, "status": {"phase": "Running"}}


@pytest.fixture
def life(tmp_path: Path) -> Life:
    """A life that has just begun."""
    return Life(tmp_path)


async def serving(life: Life, *, traffic: dict[str, Any] | None = None) -> str:
    """The first version was tested and serves; its revision."""
    life.ask_for("1", traffic=traffic)
    await life.run(20)
    assert life.status["stage"] == "Serving"
    assert life.status["stable"]["version"] == "1"
    revision: str = life.status["stable"]["revision"]
    assert life.left() == {("Deployment", f"demo-{revision}"), ("Service", f"demo-{revision}")}
    return revision


async def test_a_version_is_tested_then_served(life: Life) -> None:
    """The record says on which node, the plan what it costs; nothing of the test is left."""
    await serving(life)
    (record,) = life.status["loadTests"]

    assert (record["verdict"], record["capacity"], record["node"]) == ("Pass", "100", "node-7")
    assert life.status["plan"]["replicas"] == 2
    assert (life.said("WithinBudget")["status"], life.said("Ready")["status"]) == ("True", "True")
    assert [reason for _, reason, _ in life.cluster.events] == [
        "ReleaseStarted",
        "LoadTestStarted",
        "LoadTestFinished",
        "LoadTestPassed",
        "Promoted",
    ]


@pytest.mark.parametrize(
    ("traffic", "writes"),
    [
        *((None, writes) for writes in some_of(range(34), one_in=4)),
        *(({"service": {}}, writes) for writes in some_of(range(34), one_in=5)),
    ],
)
async def test_a_kill_after_any_write_leaves_nothing_behind(
    life: Life, traffic: dict[str, Any] | None, writes: int
) -> None:
    """Two variants are tested and the second is released, wherever the operator dies; users meet no other one."""
    first = await serving(life, traffic=traffic)
    known: set[str] = set()
    life.cluster.after_write = lambda: known.update(life.served())
    life.ask_for("2", variants={"dear": "4", "cheap": "1"}, traffic=traffic)
    life.cluster.breaks_after = writes
    await life.run(60)
    revision = life.status["stable"]["revision"]

    assert (life.status["stage"], life.status["stable"]["variant"]) == ("Serving", "cheap")
    assert life.left() == {("Deployment", f"demo-{revision}"), ("Service", f"demo-{revision}")}
    assert known - {""} == {first, revision}
    assert [(one["variant"], one["verdict"]) for one in life.status["loadTests"][1:]] == [
        ("dear", "Pass"),
        ("cheap", "Pass"),
    ]


@pytest.mark.parametrize("writes", some_of(range(24), one_in=4))
async def test_a_kill_while_a_version_is_refused_leaves_nothing_behind(life: Life, writes: int) -> None:
    """It is refused all the same, stable serves, and nothing else is there."""
    first = await serving(life)
    life.ask_for("2", budget={"currency": "EUR", "monthly": "100"})
    life.cluster.breaks_after = writes
    await life.run(50)

    assert life.status["stage"] == "Refused"
    assert life.weights() == {first: 100}
    assert life.left() == {("Deployment", f"demo-{first}"), ("Service", f"demo-{first}")}


@pytest.mark.parametrize("traffic", [None, {"service": {}}], ids=["gateway", "service"])
async def test_a_life_at_rest_writes_nothing(life: Life, traffic: dict[str, Any] | None) -> None:
    """After a release with variants an hour of passes changes nothing but the cost, which grows."""
    life.ask_for("1", variants={"a": "1", "b": "2"}, traffic=traffic)
    await life.run(40)
    assert life.status["stage"] == "Serving"
    rest, told = life.cluster.version, len(life.cluster.events)
    spent = life.status["cost"]["spent"]
    for _ in range(20):
        life.now += 180
        await life.run(1, idly=True)

    # What was spent is written every ten minutes.
    assert life.cluster.version - rest <= 7
    assert Decimal(life.status["cost"]["spent"]) > Decimal(spent)
    assert len(life.cluster.events) == told


async def test_a_load_test_that_nothing_can_run_is_told_once(tmp_path: Path) -> None:
    """However often the operator passes, and the release goes on as soon as the spec names an image."""
    life = Life(tmp_path, image="")
    life.ask_for("1")
    await life.run(10)
    version = life.cluster.version

    assert "spec.scale.loadTest.image" in life.said("Ready")["message"]

    for _ in range(5):
        life.now += 700
        await life.run(1, idly=True)

    assert life.cluster.version == version

    life.ask_for("1", test={**CORPUS, "image": "mine:1"})
    await life.run(20)

    assert life.status["stage"] == "Serving"


async def test_prices_that_come_late_end_the_waiting(life: Life) -> None:
    """The release holds with the reason, and goes on without a second test."""
    life.prices.unlink()
    life.ask_for("1")
    await life.run(20)

    assert life.said("Ready")["reason"] == "PricesMissing"
    assert life.said("WithinBudget")["status"] == "Unknown"

    jobs = len(life.started)
    life.tell_prices()
    await life.run(10)

    assert life.status["stage"] == "Serving"
    assert len(life.started) == jobs == 1


async def test_requests_that_are_replaced_do_not_disturb_the_run(life: Life) -> None:
    """While the ConfigMap is away the Job goes on, and its result counts for the same requests."""
    life.takes = 12
    life.ask_for("1")
    await life.run(5)
    assert len(life.started) == 1
    texts = life.cluster.objects.pop(("ConfigMap", "ml", "texts"))
    life.store.remove({**texts, "metadata": {**texts["metadata"], "resourceVersion": str(life.cluster.version + 1)}})
    life.cluster.version += 1
    await life.run(4)

    assert life.said("Ready")["reason"] == "TextUnreadable"
    assert {kind for kind, _ in life.left()} >= {"Job", "ConfigMap"}

    life.cluster.put(TEXTS)
    await life.run(15)

    assert life.status["stage"] == "Serving"
    assert len(life.started) == 1


async def test_an_abort_in_mid_test_takes_everything_away(life: Life) -> None:
    """Job, config and pods of the candidate; stable never notices."""
    first = await serving(life)
    life.takes = 100
    life.ask_for("2")
    await life.run(5)
    assert life.status["stage"] == "LoadTest"
    body = life.cluster.find(KIND, "demo")
    assert body is not None
    annotations = {"palier.dev/abort": life.status["candidate"]["revision"]}
    life.cluster.put({**body, "metadata": {**body["metadata"], "annotations": annotations}})
    await life.run(10)

    assert life.status["outcome"]["result"] == "Aborted"
    assert life.left() == {("Deployment", f"demo-{first}"), ("Service", f"demo-{first}")}
    assert life.weights() == {first: 100}


async def test_the_progress_of_a_run_is_in_the_status(life: Life) -> None:
    """For the person who waits."""
    life.takes = 100
    life.ask_for("1")
    await life.run(4)
    (job,) = (name for kind, _, name in life.cluster.objects if kind == "Job")
    life.cluster.logs[job] = json.dumps({"progress": {"phase": "Climb", "requestsPerSecond": "16"}}) + "\n"
    await life.run(40)

    assert life.status["release"]["testing"]["phase"] == "Climb"
    assert life.said("Ready")["message"].endswith("Climb, 16 requests/s")


async def test_what_is_left_of_a_load_test_keeps_nobody_from_users(life: Life) -> None:
    """A policy denies that its Job is deleted: the version is served all the same, and the Job is named."""
    life.ask_for("1")
    life.cluster.refuses_deletion["Job"] = Forbidden("policy: nothing is deleted")
    await life.run(30)

    assert (life.status["stage"], life.said("Ready")["status"]) == ("Serving", "True")
    assert life.said("Denied")["message"].startswith("deleting Job ml/load-demo-")
