"""A cluster in memory with an operator, gateways, Jobs and a Prometheus, for whole releases that are tried first."""

import copy
import json
from typing import TYPE_CHECKING, Any

from palier.api.constants import API_VERSION, KIND, LABEL_REVISION
from palier.cluster.queue import Key
from palier.cluster.store import Store
from palier.errors import MetricsUnavailable, Unavailable
from palier.evidence.counters import Series
from palier.golden.result import GoldenResult
from palier.manifests.shadow import LABEL_SHADOW
from palier.manifests.traffic import mirror_of, route_weights
from palier.metrics.prices import Prices
from palier.reconcile.controller import Controller
from palier.reconcile.costs import CostObserver
from palier.reconcile.trials import Trials
from tests.support.cluster.bell import Bell
from tests.support.cluster.memory import MemoryCluster
from tests.support.metrics.pods import count_in_pods
from tests.support.release.trial_examples import GOOD
from tests.support.release.trial_specs import tried

if TYPE_CHECKING:
    from palier.api.v1alpha1 import ModelDeployment

KEY = Key("ml", "demo")
BORN = 1_795_564_800.0
"""2026-11-25."""
TEXTS: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "texts", "namespace": "ml", "labels": {"palier.dev/watch": "true"}},
    "data": {"requests": '{"body": 1, "expected": 1}\n'},
}
GOLDEN = {"corpus": {"configMapKeyRef": {"name": "texts", "key": "requests"}}, "minPercent": "50"}
PROMISES = (
    {"name": "errors", "errorRate": {"maxPercent": "1"}},
    {"name": "answers", "agreement": {"minPercent": "95"}},
)
PER_SECOND = 400
NOT_SENT_TWICE = "Method|Protocol|RequestTooLarge|RequestIncomplete"


class Counted:
    """Stands for a Prometheus: counters that the life adds to, scraped every second."""

    def __init__(self) -> None:
        self.away = False
        self._held: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._samples: dict[tuple[str, tuple[tuple[str, str], ...]], list[tuple[float, float]]] = {}

    def add(self, selector: str, amount: float, *, at: float, **labels: str) -> None:
        """A counter rises and is scraped."""
        known = selector, tuple(sorted({"namespace": "ml", "job": "pods", **labels}.items()))
        self._held[known] = self._held.get(known, 0.0) + amount
        self._samples.setdefault(known, []).append((at, self._held[known]))

    def up(self, pod: str, *, at: float) -> None:
        """A pod is scraped."""
        self._samples.setdefault(("up", _of_pod(pod)), []).append((at, 1.0))

    async def samples(self, selector: str, *, at: float, seconds: float) -> list[Series]:
        """See `MetricSource.samples`."""
        if self.away:
            raise MetricsUnavailable("Unreachable", "nobody there")
        head = selector.partition('namespace=~"')[0].rstrip(",{")
        plain = f"{head}}}" if "{" in head else head
        return [
            Series(dict(labels), [sample for sample in samples if at - seconds < sample[0] <= at])
            for (name, labels), samples in self._samples.items()
            if name == plain
        ]

    def close(self) -> None:
        """Nothing is held."""


def _of_pod(pod: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({"namespace": "ml", "job": "pods", "pod": pod, "instance": pod}.items()))


class Life:
    """A cluster, the operator in it, everything around them, and the clock."""

    def __init__(self, *, image: str = "palier:test") -> None:
        self.cluster, self.now, self.image = MemoryCluster(), BORN, image
        self.source = Counted()
        self.golden = dict[str, GoldenResult]()
        """What golden answers find, by the name of the model's version; good ones where it is not here."""
        self.differs: dict[str, float] = {}
        """Share of the requests that a version answers otherwise than stable."""
        self.fails: dict[str, float] = {}
        """Share of the users' requests that a version fails."""
        self.unscraped: set[str] = set()
        """Versions whose pods Prometheus does not know."""
        self.examination_takes = 2
        self.gateways_answer = True
        self.copied_to: str | None = None
        """Where the gateways send copies: what the last route said that they have accepted."""
        self.asked: ModelDeployment | None = None
        """The last spec."""
        self.started: dict[str, float] = {}
        """When each Job began."""
        self.log: list[str] = []
        """What appeared and went, in order."""
        self._there: set[str] = set()
        self.cluster.after_write = self.check
        self.restart()

    def restart(self) -> None:
        """Another process of the operator, which knows only what the API server tells."""
        self.store = Store()
        self.cluster.tell(self.store)
        self.bell = Bell(self.cluster)
        self.controller = Controller(
            cluster=self.cluster,
            store=self.store,
            queue=self.bell,
            source=self.source,
            cost_observer=CostObserver(
                cluster=self.cluster,
                store=self.store,
                source=self.source,
                prices=Prices(None),
                scrape_interval=1,
                clock=lambda: self.now,
            ),
            trials=Trials(cluster=self.cluster, store=self.store, source=self.source, image=self.image),
            look_interval=1,
            scrape_interval=1,
            clock=lambda: self.now,
            monotonic=lambda: self.now,
        )

    def ask_for(self, version: str, **changes: Any) -> None:  # noqa: ANN401 - arguments of `tried`
        """The author applies the spec."""
        rules: dict[str, Any] = {
            "objectives": PROMISES,
            "weights": (50,),
            "rollbackWindow": "5s",
            "drainDelay": "2s",
            "progressDeadline": "30s",
            "spec": {"golden": GOLDEN},
        }
        self.asked = deployment = tried(version, **rules | changes)
        spec = deployment.model_dump(mode="json", by_alias=True, exclude_none=True)["spec"]
        self.cluster.put(TEXTS)
        known = self.cluster.find(KIND, "demo") or {"metadata": {"name": "demo", "namespace": "ml"}}
        # As `kubectl apply`: a field that is not there any more goes.
        known = {name: part for name, part in known.items() if name != "spec"}
        self.cluster.objects.pop((KIND, "ml", "demo"), None)
        self.cluster.put({**known, "apiVersion": API_VERSION, "kind": KIND, "spec": copy.deepcopy(spec)})

    def annotate(self, **requests: str) -> None:
        """A person writes annotations of Palier's."""
        body = self.cluster.find(KIND, "demo")
        assert body is not None
        annotations = {f"palier.dev/{name}": value for name, value in requests.items()}
        self.cluster.put({**body, "metadata": {**body["metadata"], "annotations": annotations}})

    async def run(self, seconds: int, *, idly: bool = False) -> None:
        """The world and the operator take turns; an operator that lost its API server is killed and started again.

        Args:
            seconds: for which they do.
            idly: whether the operator passes in every second, and not only when there is a reason.
        """
        for _ in range(seconds):
            self.now += 1
            self.cluster.bring_up_pods()
            if self.gateways_answer:
                self.cluster.accept_routes()
                route = self.cluster.find("HTTPRoute", "demo")
                self.copied_to = mirror_of(route) if route else None
            self.keep_jobs()
            self.count()
            self.cluster.tell(self.store)
            await self.controller.looks.look(self.now)
            if not idly and not self.bell.rings(self.now):
                continue
            try:
                await self.settle()
            except Unavailable:
                self.cluster.breaks_after = None
                self.restart()

    async def settle(self) -> None:
        """Passes that follow each other at once, as long as one asks for the next."""
        for _ in range(20):
            self.bell.begin()
            rest = await self.controller.reconcile(KEY)
            self.bell.end(rest, self.now)
            if rest != 0:
                return
            self.cluster.tell(self.store)
        raise AssertionError("the operator does not come to rest")

    def keep_jobs(self) -> None:
        """The Job controller and the kubelet: every Job has a pod, which leaves its result after a while."""
        self.cluster.pods = []
        for (kind, namespace, name), job in list(self.cluster.objects.items()):
            if kind != "Job":
                continue
            started = self.started.setdefault(name, self.now)
            labels = job["spec"]["template"]["metadata"]["labels"]
            examiner: dict[str, Any] = {
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "labels": labels,
                    "creationTimestamp": "2026-11-25T00:00:00Z",
                },
                "spec": {"nodeName": "node-7"},
                "status": {"phase": "Running"},
            }
            status: dict[str, Any] = {"startTime": "2026-11-25T00:00:00Z", "active": 1}
            if self.now >= started + self.examination_takes:
                result = self.golden.get(self.version_of(job["metadata"]["labels"][LABEL_REVISION]), GOOD)
                terminated = {"exitCode": 0, "reason": "Completed", "message": result.to_json()}
                examiner["status"] = {
                    "phase": "Succeeded",
                    "containerStatuses": [{"name": "golden", "state": {"terminated": terminated}}],
                }
                status = {**status, "active": 0, "conditions": [{"type": "Complete", "status": "True"}]}
            self.cluster.pods.append(examiner)
            self.cluster.put({**job, "status": status})

    def count(self) -> None:
        """A second of traffic: users at the revisions that the route names, copies at the proxy that is mirrored to."""
        for kind, _, name in list(self.cluster.objects):
            slices = self.cluster.find("EndpointSlice", f"{name}-a")
            revision = name.removeprefix("demo-")
            if kind != "Deployment" or revision == name or not (slices and slices["endpoints"]):
                continue
            if self.version_of(revision) in self.unscraped:
                continue
            requests = PER_SECOND * self.weights().get(revision, 0) // 100
            failed = round(requests * self.fails.get(self.version_of(revision), 0.0))
            counted = {"requests_total": requests, 'requests_total{code="500"}': failed}
            count_in_pods(self.source, name, counted, at=self.now, pods=len(slices["endpoints"]))
            pod = f"{name}-5d8f7b-x0"
            for edge in ("0.1", "0.5", "+Inf"):
                self.source.add(buckets("seconds"), requests, at=self.now, pod=pod, instance=pod, le=edge)
        for name, candidate in self.proxies().items():
            pairs = PER_SECOND // 5 if name == self.copied_to else 0
            differing = round(pairs * self.differs.get(self.version_of(candidate), 0.0))
            told = {
                "pod": f"{name}-5d8f7b-x",
                "instance": name,
                "revision": candidate,
                "comparison": self.comparison(name),
            }
            for selector, amount in (
                ("palier_shadow_mirrored_total", pairs),
                (f'palier_shadow_excluded_total{{reason=~"{NOT_SENT_TWICE}"}}', 0),
                ("palier_shadow_sampled_total", pairs),
                ("palier_shadow_unpaired_total", 0),
                ("palier_shadow_pairs_total", pairs),
                ("palier_shadow_disagreements_total", differing),
                ("palier_shadow_answers_total", pairs),
                ("palier_shadow_failed_answers_total", 0),
            ):
                self.source.add(selector, amount, at=self.now, **told)
            stable = {**told, "revision": self.status["stable"]["revision"]}
            self.source.add("palier_shadow_answers_total", pairs, at=self.now, **stable)
            self.source.add("palier_shadow_failed_answers_total", 0, at=self.now, **stable)
            for arm in (told, stable):
                for edge in ("0.25", "+Inf"):
                    self.source.add(buckets("palier_shadow_answer_seconds"), pairs, at=self.now, le=edge, **arm)

    def check(self) -> None:
        """What holds at every instant: copies and users go only to what can take them.

        And what appears and goes is written down.
        """
        services = {name for kind, _, name in self.cluster.objects if kind == "Service"}
        route = self.cluster.find("HTTPRoute", "demo")
        mirror = mirror_of(route) if route else None
        for named in {mirror, self.copied_to} - {None}:
            assert named in services, f"a route copies requests to {named}, which is gone: users get errors"
        for revision, weight in self.weights().items():
            slices = self.cluster.find("EndpointSlice", f"demo-{revision}-a")
            assert not weight or (slices and slices["endpoints"]), f"{weight} % for {revision}, which has no ready pod"
        there = {"copies"} if mirror else set()
        for (kind, _, name), obj in self.cluster.objects.items():
            if LABEL_SHADOW in obj["metadata"].get("labels", {}) or kind == "Job":
                there.add(f"{kind} {name.split('-')[0]}")
        if "copies" in there - self._there:
            ready = self.cluster.find("EndpointSlice", f"{mirror}-a")
            assert ready is not None
            assert ready["endpoints"], "copies for a proxy that is not ready"
        self.log += [f"+ {one}" for one in sorted(there - self._there)]
        self.log += [f"- {one}" for one in sorted(self._there - there)]
        self._there = there

    def comparison(self, proxy: str) -> str:
        """What a proxy was told to call its way to compare."""
        config = self.cluster.find("ConfigMap", proxy)
        assert config is not None
        return str(json.loads(config["data"]["plan.json"])["comparison"])

    def version_of(self, revision: str) -> str:
        """Version of the model that a revision serves; empty when nobody serves it."""
        for part in ("candidate", "stable"):
            known: dict[str, Any] = self.status.get(part) or {}
            if known.get("revision") == revision:
                return str(known["version"])
        return ""

    def proxies(self) -> dict[str, str]:
        """The candidate of each proxy that is ready, by the proxy's name."""
        found = {}
        for (kind, _, name), obj in self.cluster.objects.items():
            slices = self.cluster.find("EndpointSlice", f"{name}-a")
            if kind == "Deployment" and LABEL_SHADOW in obj["metadata"]["labels"] and slices and slices["endpoints"]:
                found[name] = (self.status.get("candidate") or {}).get("revision", "")
        return found

    @property
    def status(self) -> dict[str, Any]:
        """What the ModelDeployment says; empty before it says anything."""
        status: dict[str, Any] = (self.cluster.find(KIND, "demo") or {}).get("status") or {}
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

    def weights(self) -> dict[str, int]:
        """The split as the route has it; empty before there is a route."""
        route = self.cluster.find("HTTPRoute", "demo")
        return route_weights(self.asked, route) if route and self.asked else {}


def buckets(histogram: str) -> str:
    """How the buckets of a histogram are asked for."""
    return f'{{__name__=~"{histogram}|{histogram}_bucket"}}'


def whole(revision: str) -> set[tuple[str, str]]:
    """Everything that a revision at rest consists of."""
    return {("Deployment", f"demo-{revision}"), ("Service", f"demo-{revision}")}


async def serving(life: Life) -> str:
    """The first version gave its golden answers and serves; its revision."""
    life.ask_for("1")
    await life.run(12)
    assert life.status["stage"] == "Serving"
    revision: str = life.status["stable"]["revision"]
    assert life.left() == whole(revision)
    life.log.clear()
    life.cluster.events.clear()
    return revision


async def reached(life: Life, stage: str, *, version: str = "2", **changes: Any) -> str:  # noqa: ANN401
    """A second version that has come to a stage; the first one's revision."""
    first = await serving(life)
    life.ask_for(version, **changes)
    for _ in range(40):
        await life.run(1)
        if life.status["stage"] == stage:
            return first
    raise AssertionError(f"it never came to {stage}, but to {life.status['stage']}")


async def copied(life: Life, **changes: Any) -> str:  # noqa: ANN401 - arguments of `tried`
    """A second version that answers copies of users' requests; the first one's revision."""
    first = await reached(life, "Shadow 20", **changes)
    await life.run(3)
    assert life.copied_to is not None
    return first
