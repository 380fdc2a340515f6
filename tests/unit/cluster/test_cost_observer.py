"""What is gathered of load, prices and spending, what is not asked for, and what stays unknown if a question fails."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.act import Actor
from palier.cluster.instruments import Instruments
from palier.cluster.observe import observe
from palier.cluster.queue import Key
from palier.cluster.store import Store
from palier.economics.money import Money
from palier.economics.prices import Unpriced
from palier.errors import MetricsUnavailable, Unavailable
from palier.evidence.counters import Series
from palier.manifests.loadtest import load_test_job, load_test_name
from palier.metrics.prices import Prices
from palier.reconcile import trials
from palier.reconcile.costs import PLACES_KEPT, CostObserver
from palier.reconcile.trials import Trials
from palier.release.observation import MeasuredEvidence, Observation
from palier.release.situation import Decision
from palier.release.state import ReleasePhase, State
from palier.release.targets import Targets
from palier.release.testing import Run, runs_of
from tests.support.cluster.acting import keep_revisions
from tests.support.cluster.memory import MemoryCluster
from tests.support.release.examples import ref, serving
from tests.support.release.load_examples import NOW, decided, passed, recorded_of, under_load, ways
from tests.support.release.load_world import BORN, asked, load_tested
from tests.support.release.trial_examples import trying
from tests.support.release.trial_specs import tried
from tests.support.release.world import model_deployment

KEY = Key("ml", "demo")
TABLE = "{currency: EUR, source: list, asOf: 2026-11-01, cpuHour: 0.1, memoryGiBHour: 0.01}"
OPEN_COST = "{openCost: {currency: EUR}}"


class Metrics:
    """Stands for Prometheus: the prices of nodes, and half a core used by every pod under load."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[str] = []
        self.cpu_hour = {"node-7": 0.4}

    async def samples(self, selector: str, *, at: float, seconds: float) -> list[Series]:
        """See `MetricSource.samples`."""
        self.asked.append(selector)
        if self.away:
            raise MetricsUnavailable("Unreachable", "Prometheus is away")
        match selector.partition("{")[0]:
            case "node_cpu_hourly_cost":
                return [Series({"node": node}, [(at - 1, price)]) for node, price in self.cpu_hour.items()]
            case "node_ram_hourly_cost":
                return [Series({"node": node}, [(at - 1, 0.04)]) for node in self.cpu_hour]
            case "container_cpu_usage_seconds_total":
                labels = {"pod": "demo-x", "container": "m", "id": "/m"}
                return [Series(labels, [(at - seconds + 1, 100.0), (at - 1, 100.0 + (seconds - 2) / 2)])]
            case _:
                return []

    def close(self) -> None:
        """Nothing is held."""


class Away(MemoryCluster):
    """An API server that counts how often it is asked for pods, and may be away or never answer."""

    def __init__(self) -> None:
        super().__init__()
        self.away = self.silent = False
        self.asked_for_pods = 0

    @override
    async def list_pods(self, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        self.asked_for_pods += 1
        if self.silent:
            await asyncio.Event().wait()
        if self.away:
            raise Unavailable("the API server is away")
        return await super().list_pods(namespace, labels)


class Shell:
    """The economy of an operator, with the cluster that it looks at."""

    def __init__(self, tmp_path: Path, *, table: str | None = TABLE) -> None:
        self.cluster, self.store, self.metrics, self.now = Away(), Store(), Metrics(), NOW
        self.instruments = Instruments()
        file = tmp_path / "prices.yaml"
        if table:
            file.write_text(table)
        self.economy = CostObserver(
            cluster=self.cluster,
            store=self.store,
            source=self.metrics,
            prices=Prices(file if table else None, self.metrics, clock=lambda: self.now),
            scrape_interval=15,
            instruments=self.instruments,
            clock=lambda: self.now,
        )
        self.trials = Trials(cluster=self.cluster, store=self.store, source=self.metrics, image="palier:test")

    def look(self, deployment: ModelDeployment, state: State) -> Observation:
        """What the shell saw before anything of money."""
        return observe(
            self.store, deployment, state, inputs=asked(deployment), measured=MeasuredEvidence(), troubles={}
        )

    async def complete(self, deployment: ModelDeployment, state: State) -> Observation:
        """The observation with everything."""
        looked = self.look(deployment, state)
        priced = await self.economy.complete_observation(KEY, deployment, looked, state, now=self.now)
        return await self.trials.complete_observation(deployment, priced, state, inputs=asked(deployment), now=self.now)

    async def make(self, deployment: ModelDeployment, revision: str, pods: int = 1) -> None:
        """A revision with pods, on node-7."""
        looked = replace(self.look(deployment, State()), revision=revision)
        way = replace(looked.options_of(deployment)[0], revision=revision)
        await keep_revisions(
            Actor(self.cluster, self.store),
            deployment,
            serving(stable=ref(revision)),
            Targets(None, None, {revision: pods}),
            observation=replace(looked, options=(way,)),
        )
        labels = {"palier.dev/modeldeployment": "demo", "palier.dev/revision": revision}
        metadata = {"name": f"demo-{revision}-x", "namespace": "ml", "labels": labels}
        born = {**metadata, "creationTimestamp": "2026-11-24T00:00:00Z"}
        self.cluster.pods.append({"metadata": born, "spec": {"nodeName": "node-7"}, "status": {"phase": "Running"}})

    def ended(self, deployment: ModelDeployment, run: Run) -> None:
        """The Job of a run has ended with a result, which was held for two minutes."""
        job = load_test_job(deployment, run, image="palier:test")
        status = {"startTime": "2026-11-25T00:00:00Z", "conditions": [{"type": "Complete", "status": "True"}]}
        self.store.put({**job, "metadata": {**job["metadata"], "resourceVersion": "900"}, "status": status})
        result = replace(passed(), soak_began=BORN - 200, soak_ended=BORN - 80)
        terminated = {"exitCode": 0, "reason": "Completed", "message": result.to_json()}
        self.cluster.pods.append(
            {
                "metadata": {
                    "name": "load-x",
                    "namespace": "ml",
                    "labels": {"palier.dev/load-test": load_test_name(deployment, run)},
                },
                "status": {
                    "phase": "Succeeded",
                    "containerStatuses": [{"name": "load-test", "state": {"terminated": terminated}}],
                },
            }
        )

    def exported(self, name: str) -> list[tuple[dict[str, str], float]]:
        """The samples of a metric."""
        return [
            (dict(sample.labels), sample.value)
            for family in self.instruments.registry.collect()
            for sample in family.samples
            if sample.name == name
        ]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """An economy with a table of prices."""
    return Shell(tmp_path)


async def test_without_a_budget_and_a_plan_nothing_is_asked(shell: Shell) -> None:
    """Most objects have neither, and cost nobody anything."""
    deployment = model_deployment()
    looked = shell.look(deployment, State())

    assert await shell.economy.complete_observation(KEY, deployment, looked, State(), now=NOW) == looked
    assert (shell.metrics.asked, shell.cluster.asked_for_pods) == ([], 0)


async def test_a_table_holds_everywhere(shell: Shell) -> None:
    """Nobody has to know on which nodes the pods are."""
    found = await shell.complete(load_tested(), State())
    table, problem = found.prices_of("aaaaaaaaaa")

    assert table is not None
    assert (table.source, table.cpu_hour, problem) == ("list", Decimal("0.1"), "")
    assert shell.cluster.asked_for_pods == 0


async def test_without_a_table_the_reason_is_told(tmp_path: Path) -> None:
    """As the operator knows it: a release that waits for prices says what is missing."""
    found = await Shell(tmp_path, table=None).complete(load_tested(), State())

    assert found.prices_of("aaaaaaaaaa") == (None, found.prices_problem)
    assert "--prices" in found.prices_problem


async def test_open_costs_prices_are_those_of_the_node_of_each_revision(tmp_path: Path) -> None:
    """Of where it runs; of where it was tested if it runs nowhere now; else nothing is known, and said."""
    shell = Shell(tmp_path, table=OPEN_COST)
    deployment = load_tested(variants={"a": "1", "b": "2"})
    a, b = ways(deployment).values()
    await shell.make(deployment, a.revision)
    state = serving(load_tests=(replace(recorded_of(b, passed()), node="node-7"),))
    found = await shell.complete(deployment, state)

    for revision in (a.revision, b.revision):
        table, _ = found.prices_of(revision)
        assert table is not None
        assert table.cpu_hour == Decimal("0.4")
    assert found.prices_of("ffffffffff")[0] is None
    assert found.running.hourly == {a.revision: Money(Decimal("0.4"), "EUR")}

    elsewhere = serving(load_tests=(replace(recorded_of(b, passed()), node="node-1"),))
    missing = await shell.complete(deployment, elsewhere)

    assert missing.prices_of(b.revision) == (None, "OpenCost has no prices of node node-1")


async def test_each_pod_costs_what_its_own_node_costs(tmp_path: Path) -> None:
    """Three pods on a cheap node and one on a dear one; an evicted pod runs nowhere."""
    shell = Shell(tmp_path, table=OPEN_COST)
    deployment = load_tested()
    (way,) = ways(deployment).values()
    await shell.make(deployment, way.revision, pods=4)
    (cheap,) = shell.cluster.pods
    dear = {**cheap, "spec": {"nodeName": "node-8"}}
    shell.cluster.pods += [cheap, cheap, dear, *[{**dear, "status": {"phase": "Failed"}}] * 5]
    shell.metrics.cpu_hour["node-8"] = 0.8
    found = (await shell.complete(deployment, State())).running

    assert found.add_hourly() == Money(Decimal("2.0"), "EUR")
    assert found.is_idle is False


async def test_pods_that_are_gone_cost_nothing(shell: Shell) -> None:
    """Nothing runs, and it was looked."""
    found = (await shell.complete(load_tested(), State())).running

    assert (found.add_hourly(), found.is_idle) == (None, True)


async def test_nodes_are_asked_for_now_and_then(tmp_path: Path) -> None:
    """Pods seldom move; and while the API server is away what was known stands."""
    shell = Shell(tmp_path, table=OPEN_COST)
    deployment = load_tested()
    (way,) = ways(deployment).values()
    await shell.make(deployment, way.revision)
    for _ in range(3):
        await shell.complete(deployment, State())
    assert shell.cluster.asked_for_pods == 1
    shell.now += PLACES_KEPT
    shell.cluster.away = True
    found = await shell.complete(deployment, State())

    assert shell.cluster.asked_for_pods == 2
    assert found.prices_of(way.revision)[0] is not None


async def test_pods_cost_what_they_ask_for_themselves(shell: Shell) -> None:
    """An older revision is not priced by the new spec; every pod that is asked for counts."""
    await shell.make(load_tested(), "aaaaaaaaaa", 3)
    deployment = load_tested("2", variants={"a": "4"})
    await shell.make(deployment, "bbbbbbbbbb")
    found = (await shell.complete(deployment, State())).running

    assert found.hourly == {"aaaaaaaaaa": Money(Decimal("0.1"), "EUR"), "bbbbbbbbbb": Money(Decimal("0.4"), "EUR")}
    assert found.pods == {"aaaaaaaaaa": 3, "bbbbbbbbbb": 1}
    assert found.add_hourly() == Money(Decimal("0.7"), "EUR")
    assert found.total is None
    assert found.unknown


async def test_pods_that_ask_for_nothing_have_no_price(shell: Shell) -> None:
    """With the field that is missing."""
    bare = model_deployment()
    await shell.make(bare, "aaaaaaaaaa")
    found = (await shell.complete(load_tested(), State())).running.hourly["aaaaaaaaaa"]

    assert isinstance(found, Unpriced)
    assert found.reason == "CannotBePriced"
    assert "resources.requests" in found.message


async def test_without_a_budget_no_pods_are_priced(shell: Shell) -> None:
    """A plan alone needs prices and load tests."""
    await shell.make(load_tested(), "aaaaaaaaaa")
    found = await shell.complete(load_tested(budget=None), State())

    assert found.running.hourly == {}
    assert found.prices_of("aaaaaaaaaa")[0] is not None


async def test_a_result_comes_with_what_the_pods_used_at_their_capacity(shell: Shell) -> None:
    """Between the beginning and the end of the soak; without Prometheus the result counts all the same."""
    deployment = load_tested()
    (way,) = ways(deployment).values()
    await shell.make(deployment, way.revision)
    (run,) = runs_of((way,), attempt=0)
    shell.ended(deployment, run)
    found = (await shell.complete(deployment, under_load(deployment))).load_test

    assert found.result is not None
    assert found.result.capacity == 100
    assert (found.usage.cpu_cores, found.usage.memory_bytes) == (Decimal("0.500"), None)

    shell.metrics.away = True
    unmeasured = (await shell.complete(deployment, under_load(deployment))).load_test

    assert unmeasured.result == found.result
    assert unmeasured.usage.cpu_cores is None


async def test_a_job_that_cannot_be_read_goes_on(shell: Shell) -> None:
    """An API server that is away is no failed test, and no reason to make another Job."""
    deployment = load_tested()
    (run,) = runs_of(ways(deployment).values(), attempt=0)
    shell.ended(deployment, run)
    shell.cluster.away = True
    observation = await shell.complete(deployment, under_load(deployment))
    decision = decided(deployment, under_load(deployment), observation)

    assert observation.load_test.exists
    assert observation.load_test.message == "the API server is away"
    assert decision.run == run
    assert decision.state.load_tests == ()


async def test_an_api_server_that_never_answers_keeps_nobody_waiting(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pass goes on, so that an abort is heard, and the load test is taken neither for failed nor for gone."""
    monkeypatch.setattr(trials, "LONGEST_QUESTION", 0.01)
    deployment = load_tested()
    (run,) = runs_of(ways(deployment).values(), attempt=0)
    shell.ended(deployment, run)
    shell.cluster.silent = True
    async with asyncio.timeout(10):
        facts = (
            await shell.trials.complete_observation(
                deployment, shell.look(deployment, State()), under_load(deployment), inputs=asked(deployment), now=NOW
            )
        ).load_test

    assert (facts.exists, facts.failed, facts.message) == (True, False, trials.NO_ANSWER)


async def test_the_numbers_are_exported_and_go_with_the_budget(shell: Shell) -> None:
    """What serving costs, with the role of each revision; nothing stays when the budget or the object is gone."""
    deployment = load_tested()
    (way,) = ways(deployment).values()
    await shell.make(deployment, way.revision, 2)
    state = serving(stable=ref(way.revision))
    for gone in ("budget", "object"):
        observation = await shell.complete(deployment, state)
        shell.economy.tell(KEY, deployment, observation, decided(deployment, state, observation))
        ((labels, value),) = shell.exported("palier_cost_hourly")

        assert (labels["revision"], labels["role"], labels["currency"], value) == (way.revision, "stable", "EUR", 0.2)
        assert shell.exported("palier_budget_monthly")[0][1] == 1000

        if gone == "budget":
            free = load_tested(budget=None)
            observation = await shell.complete(free, state)
            shell.economy.tell(KEY, free, observation, decided(free, state, observation))
        else:
            shell.economy.forget(KEY)

        assert shell.exported("palier_cost_hourly") == []


@pytest.mark.parametrize(
    ("wanted", "step", "asked_for"),
    [(True, ReleasePhase.CANARY, True), (False, ReleasePhase.SHADOWING, True), (False, ReleasePhase.CANARY, False)],
)
async def test_what_a_shadow_adds_to_the_traffic_is_asked_for(
    shell: Shell, step: ReleasePhase, *, wanted: bool, asked_for: bool
) -> None:
    """Its copies are no requests of users; where there is none, and none is wanted, nobody asks."""
    deployment = tried(shadow=wanted, spec={"budget": {"currency": "EUR", "monthly": "1000"}})
    state = trying(step, traffic_since=NOW)
    shell.economy.tell(KEY, deployment, shell.look(deployment, state), Decision(state))
    await shell.economy._traffic.read(NOW)

    asked_questions = {selector.partition("{")[0] for selector in shell.metrics.asked}
    assert "requests_total" in asked_questions
    assert ("palier_shadow_copies_total" in asked_questions) is asked_for
