"""Lives of ModelDeployments, told from outside: what people write, what the route says, and what stands in the status.

Only the Controller's constructor and `reconcile`, the objects of the cluster and the words of the status are used, so
that these tests judge what a release does to its users and not how it is made.
"""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from palier.api.constants import KIND, LABEL_DEPLOYMENT, LABEL_REVISION
from palier.cluster.queue import Key
from palier.cluster.store import Store
from palier.errors import ClusterError, Unavailable
from tests.support.cluster.bell import Bell
from tests.support.cluster.memory import copied, endpoint_slice
from tests.support.metrics.exported import Exported
from tests.support.metrics.pods import count_in_pods
from tests.support.safety import trials
from tests.support.safety.api_server import Counted, StrictCluster
from tests.support.safety.process import keep_budgets, keep_data, make_controller
from tests.support.safety.specs import written

KEY = Key("ml", "demo")
BORN = 1_795_564_800.0
"""2026-11-25."""
PER_SECOND = 4000
"""Requests of the users."""
MINUTE = 60.0
"""Seconds between two readings of what serves."""
MOST_PASSES = 20
"""Passes in which an operator that has nothing new to do comes to rest."""


class Life:
    """A cluster, the operator in it, everything around them, and the clocks."""

    def __init__(self, *, prices: Path | None = None) -> None:
        self.cluster, self.source, self.prices = StrictCluster(), Counted(), prices
        self.features = Exported()
        """What the pods count of their features, in the lives in which they do."""
        self.now = BORN
        """The wall clock, in seconds since the epoch; a test may set it."""
        self.elapsed = 0.0
        """Seconds that have really passed."""
        self.fails: dict[str, float] = {}
        """Share of the users' requests that a version fails."""
        self.odd: dict[str, float] = {}
        """Share of them that a version answers oddly, which only the objective `ODD` minds."""
        self.unscraped: set[str] = set()
        """Versions whose pods Prometheus does not know."""
        self.most_ready: dict[str, int] = {}
        """The most pods of a version that are ready; all of them where it is not here."""
        self.gateways_answer = True
        self.lenient = False
        """Whether somebody else has taken Services away, so that the route may name what is not there."""
        self.revisions: dict[str, str] = {}
        """The revision of each version that has ever had pods; the first of its variants."""
        self.versions: dict[str, str] = {}
        """The version of each revision that has ever had pods."""
        self.splits: list[dict[str, int]] = []
        """Every split of the traffic by version, in order, without those at weight 0."""
        self.raised: list[ClusterError] = []
        """What left a pass as an exception; the queue tries such a pass again."""
        self.passes, self._counted_at = 0, BORN
        self._weights: dict[str, int] = {}
        self._jobs: dict[str, float] = {}
        self.cluster.after_write = self._watch
        self.restart()

    def restart(self) -> None:
        """Another process of the operator, which knows only what the API server tells."""
        self.store = Store()
        self.cluster.tell(self.store)
        self.bell = Bell(self.cluster)
        self.budgets, self.data = keep_budgets(self), keep_data(self)
        self.controller = make_controller(self)

    async def twin(self) -> "Life":
        """Another life that is just as far, with an operator of its own that has come to rest."""
        twin = Life(prices=self.prices)
        for name in ("objects", "gone", "version", "_applied"):
            setattr(twin.cluster, name, copied(getattr(self.cluster, name)))
        for name in ("source", "now", "elapsed", "fails", "odd", "most_ready", "revisions", "versions", "splits"):
            setattr(twin, name, copy.deepcopy(getattr(self, name)))
        twin._weights, twin._jobs = dict(self._weights), dict(self._jobs)
        twin.restart()
        await twin.settle()
        return twin

    # What people do.

    def ask_for(self, version: str, *, promote: str = "", **changes: Any) -> None:  # noqa: ANN401 - see `written`
        """The author applies the spec, as `kubectl apply` does: requests and status stay.

        Args:
            version: of the model.
            promote: value of the annotation `palier.dev/promote` in the same file; empty for none.
            changes: arguments of `written`.
        """
        body = written(version, **changes)
        known = self.cluster.find(KIND, "demo")
        if known is None:
            self.cluster.put(body)
        else:
            self.cluster.write({**known, "spec": copied(body["spec"])})
        if promote:
            # One write for the API server: nobody sees the spec without the annotation.
            found = self.body
            annotations = {**found["metadata"].get("annotations", {}), "palier.dev/promote": promote}
            self.cluster.write({**found, "metadata": {**found["metadata"], "annotations": annotations}})

    def edit(self, **release: Any) -> None:  # noqa: ANN401 - values are what YAML can hold
        """A person edits fields of `spec.release`."""
        spec = copied(self.body["spec"])
        spec["release"].update(release)
        self.cluster.write({**self.body, "spec": spec})

    def promise(self, *objectives: Mapping[str, Any]) -> None:
        """A person edits the objectives."""
        spec = {**self.body["spec"], "objectives": [dict(one) for one in objectives]}
        self.cluster.write({**self.body, "spec": spec})

    def annotate(self, **requests: str | None) -> None:
        """A person writes annotations of Palier's; None takes one away."""
        meta = self.body["metadata"]
        annotations = {**meta.get("annotations", {})}
        for name, value in requests.items():
            annotations.pop(f"palier.dev/{name}", None)
            if value is not None:
                annotations[f"palier.dev/{name}"] = value
        self.cluster.write({**self.body, "metadata": {**meta, "annotations": annotations}})

    def set_status(self, status: Mapping[str, Any] | None) -> None:
        """Somebody replaces the whole status, or takes it away."""
        body = {name: part for name, part in self.body.items() if name != "status"}
        self.cluster.write({**body, "status": copied(dict(status))} if status else body)

    def make_anew(self) -> dict[str, Any]:
        """The object is deleted and made again at once: another uid, no status, nothing of what was asked for."""
        old = self.body
        self.cluster.vanish(KIND, "demo")
        meta = {name: old["metadata"][name] for name in ("name", "namespace")}
        made = {"apiVersion": old["apiVersion"], "kind": KIND, "metadata": meta, "spec": old["spec"]}
        return self.cluster.put(made)

    def children(self) -> list[tuple[str, str]]:
        """Kind and name of everything that has an owner, but for what the kubelets and gateways keep."""
        return [
            (kind, name)
            for (kind, _, name), obj in self.cluster.objects.items()
            if obj["metadata"].get("ownerReferences")
        ]

    # What the world does.

    def tick(self, seconds: float = 1.0) -> None:
        """Time passes, and everything but the operator does its work."""
        self.now += seconds
        self.elapsed += seconds
        self.keep_pods()
        if self.gateways_answer:
            self.cluster.accept_routes()
        trials.keep_jobs(self.cluster, self._jobs, now=self.now)
        self.count(seconds)

    def keep_pods(self) -> None:
        """The kubelets start every pod that is asked for and may be ready, and the endpoints follow."""
        for (kind, _, name), found in list(self.cluster.objects.items()):
            if kind == "Deployment":
                count = found["spec"]["replicas"]
                version = self.version_of(found["metadata"].get("labels", {}).get(LABEL_REVISION, ""))
                ready = min(count, self.most_ready.get(version, count))
                self.cluster.put({**found, "status": {"replicas": count, "availableReplicas": ready}})
                if self.cluster.find("Service", name):
                    owner = found["metadata"]["labels"][LABEL_DEPLOYMENT]
                    self.cluster.put(endpoint_slice(name, owner, ready=ready))
            elif kind == "EndpointSlice" and not self.cluster.find("Service", name.removesuffix("-a")):
                self.cluster.vanish(kind, name)
            elif kind == "EndpointSlice" and not self.cluster.find("Deployment", name.removesuffix("-a")):
                self.cluster.put({**found, "endpoints": []})

    def count(self, seconds: float) -> None:
        """The users' requests, where the route sends them, and the copies of them."""
        weights = self.weights()
        for revision, version in self.versions.items():
            if not self.ready(revision) or version in self.unscraped:
                continue
            requests = round(PER_SECOND * seconds * weights.get(revision, 0) / 100)
            failed, odd = (round(requests * share.get(version, 0.0)) for share in (self.fails, self.odd))
            counted = {"requests_total": requests, 'requests_total{code="500"}': failed, "odd_total": odd}
            count_in_pods(self.source, f"demo-{revision}", counted, at=self.now, pods=self.count_pods(revision))
        trials.count_pairs(self.cluster, self.source, now=self.now)

    def count_pods(self, revision: str) -> int:
        """How many pods of a revision answer."""
        found = self.cluster.find("Deployment", f"demo-{revision}") or {}
        return max(1, found.get("status", {}).get("availableReplicas", 1))

    # What the operator does.

    async def look(self) -> None:
        """The operator looks at the metrics."""
        self.cluster.tell(self.store)
        await self.controller.looks.look(self.now)
        if self.now - self._counted_at >= MINUTE:
            self._counted_at = self.now
            await self.budgets.reader.read(self.now)
            await self.data.reader.read()

    async def one_pass(self) -> float | None:
        """One reconcile; seconds until the next one is asked for, or None when it raised an error of the cluster."""
        self.cluster.tell(self.store)
        self.passes += 1
        self.bell.begin()
        try:
            rest = await self.controller.reconcile(KEY)
            self.bell.end(rest, self.elapsed)
        except ClusterError as error:
            self.raised.append(error)
            if isinstance(error, Unavailable) and self.cluster.breaks_after == 0:
                self.cluster.breaks_after = None
                self.restart()
            return None
        self.cluster.tell(self.store)
        return 600.0 if rest is None else rest

    async def settle(self) -> None:
        """Passes that follow each other at once, as long as one asks for the next."""
        for _ in range(MOST_PASSES):
            if await self.one_pass() != 0:
                return
        raise AssertionError("the operator does not come to rest")

    async def run(self, seconds: float, *, by: float = 1.0, idly: bool = False) -> None:
        """The world and the operator take turns.

        Args:
            seconds: for which they do.
            by: seconds of a turn.
            idly: whether the operator passes in every turn, and not only when there is a reason.
        """
        for _ in range(round(seconds / by)):
            self.tick(by)
            await self.look()
            if idly or self.bell.rings(self.elapsed):
                await self.settle()

    async def until(self, version: str, share: int, *, within: int = 120) -> None:
        """The world goes on until a version has so much of the traffic, and the gateways have accepted that."""
        for _ in range(within):
            if self.share(version) == share and self.accepted():
                return
            await self.run(1)
        raise AssertionError(f"{version} has {self.share(version)} % after {within} s: {self.story()}")

    # What there is.

    @property
    def body(self) -> dict[str, Any]:
        """The ModelDeployment."""
        return self.cluster.find(KIND, "demo") or {}

    @property
    def status(self) -> dict[str, Any]:
        """What the ModelDeployment says; empty before it says anything."""
        return (self.cluster.find(KIND, "demo") or {}).get("status") or {}

    @property
    def release(self) -> dict[str, Any]:
        """The release under way; empty when there is none."""
        return self.status.get("release") or {}

    @property
    def outcome(self) -> tuple[str, str, str]:
        """Version, result and reason of the last release that ended; empty when none has."""
        found = self.status.get("outcome") or {}
        return self.version_of(found.get("revision", "")), found.get("result", ""), found.get("reason", "")

    def serving(self) -> str:
        """The version that is stable; empty when none is."""
        return str((self.status.get("stable") or {}).get("version", ""))

    def said(self, kind: str) -> dict[str, Any]:
        """A condition; empty when it is not there."""
        return next((dict(entry) for entry in self.status.get("conditions", ()) if entry["type"] == kind), {})

    def words(self) -> str:
        """Everything that the conditions say."""
        found = self.status.get("conditions", ())
        return "\n".join(f"{one['type']} {one['status']} {one['reason']}: {one['message']}" for one in found)

    def weights(self) -> dict[str, int]:
        """The split as the route has it, by revision; empty before there is a route."""
        weights: dict[str, int] = {}
        for rule in (self.cluster.find("HTTPRoute", "demo") or {}).get("spec", {}).get("rules", ()):
            for backend in rule.get("backendRefs", ()):
                revision = str(backend["name"]).removeprefix("demo-")
                weights[revision] = weights.get(revision, 0) + int(backend.get("weight", 1))
        return weights

    def share(self, version: str) -> int:
        """The share of a version in percent, as the route has it."""
        return self.weights().get(self.revisions.get(version, ""), 0)

    def accepted(self) -> bool:
        """Whether the gateways have taken over the route as it is now."""
        route = self.cluster.find("HTTPRoute", "demo")
        if route is None:
            return False
        said = [one for parent in route.get("status", {}).get("parents", ()) for one in parent["conditions"]]
        return bool(said) and all(one["observedGeneration"] == route["metadata"]["generation"] for one in said)

    def ready(self, revision: str) -> int:
        """Ready pods of a revision."""
        found = self.cluster.find("EndpointSlice", f"demo-{revision}-a")
        return len(found["endpoints"]) if found else 0

    def version_of(self, revision: str) -> str:
        """The version that a revision serves; empty when it never had pods."""
        return self.versions.get(revision, "")

    def story(self) -> str:
        """For a failed test: what stands in the status, and how the traffic went."""
        told = {name: self.status.get(name) for name in ("stage", "weight", "release", "outcome")}
        return f"{told}\n{self.words()}\nsplits {self.splits}\nraised {self.raised[-3:]}"

    def _watch(self) -> None:
        """What holds at every instant: the route names what is there, and no share rises for pods that are not."""
        for (kind, _, name), found in self.cluster.objects.items():
            if kind == "Deployment" and (revision := found["metadata"].get("labels", {}).get(LABEL_REVISION)):
                image = found["spec"]["template"]["spec"]["containers"][0]["image"]
                self.versions[revision] = image.removeprefix("m:")
                self.revisions.setdefault(self.versions[revision], revision)
                assert name == f"demo-{revision}"
        weights = self.weights()
        if not weights:
            return
        assert sum(weights.values()) == 100, f"the weights {weights} do not sum to 100"
        served = any(self.ready(revision) for revision in weights)
        for revision, weight in weights.items():
            there = self.cluster.find("Service", f"demo-{revision}")
            assert there or self.lenient, f"the route names {revision}, which has no Service: {self.story()}"
            rises = weight > self._weights.get(revision, 0)
            unready = rises and served and not self.ready(revision)
            assert not unready, f"{weight} % for {revision}, which has no ready pod: {self.story()}"
        self._weights = weights
        split = {self.version_of(revision): weight for revision, weight in weights.items() if weight}
        if not self.splits or self.splits[-1] != split:
            self.splits.append(split)


async def serving(*, prices: Path | None = None, **changes: Any) -> Life:  # noqa: ANN401 - arguments of `written`
    """A life whose version 1 serves."""
    life = Life(prices=prices)
    life.ask_for("1", **changes)
    await life.run(20)
    assert life.serving() == "1", life.story()
    assert life.share("1") == 100
    return life


async def releasing(share: int, *, version: str = "2", **changes: Any) -> Life:  # noqa: ANN401 - see `written`
    """A life in which version 1 serves and the next one has a share of the traffic, in force."""
    life = await serving(**changes)
    life.ask_for(version, **changes)
    await life.until(version, share)
    await life.settle()
    return life


async def revision_of(version: str, **changes: Any) -> str:  # noqa: ANN401 - arguments of `written`
    """The revision that a spec will get, learnt from another cluster in which it is the first."""
    twin = Life()
    twin.ask_for(version, **changes)
    await twin.run(2)
    return twin.revisions[version]
