"""Gathers what a decision has to know of prices and spending, and tells the world what serving costs.

Everything here is asked for only where a spec has a budget or a plan, and a question that fails leaves its answer
unknown: a release may wait for it, what serves goes on.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from palier.api.constants import LABEL_DEPLOYMENT, LABEL_REVISION
from palier.api.spec.serving import Placement
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.client import Cluster
from palier.cluster.costs import CostFigures, RevisionFigures, Role, burn_figures
from palier.cluster.instruments import Instruments
from palier.cluster.loadtests import places_of
from palier.cluster.queue import Key
from palier.cluster.store import Store
from palier.economics.money import Money
from palier.economics.prices import Priced, Unpriced
from palier.economics.replica import replica_price
from palier.economics.running import overall_unit_cost
from palier.economics.spending import spent_at
from palier.errors import ClusterError
from palier.manifests.metadata import owned_by
from palier.metrics.inquiries import ANYBODY, Scope
from palier.metrics.prices import Prices
from palier.metrics.prometheus import MetricSource
from palier.metrics.running import RunningTraffic
from palier.release.answer_counters import choose_counters
from palier.release.cost import RunningFacts, overheads_of, revision_cost
from palier.release.observation import Observation
from palier.release.shadow_copies import find_copies
from palier.release.situation import Decision
from palier.release.state import RevisionRef, State

logger = logging.getLogger(__name__)

PLACES_KEPT = 60.0
"""Seconds for which it is not asked again on which nodes the pods run."""


class CostObserver:
    """The prices and the traffic of all ModelDeployments."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        store: Store,
        source: MetricSource,
        prices: Prices,
        scrape_interval: float,
        instruments: Instruments | None = None,
        clock: Callable[[], float] = time.time,
        counted: Callable[[Sequence[tuple[str, str]]], None] | None = None,
        scope: Scope = ANYBODY,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._prices = prices
        self._traffic = RunningTraffic(
            source, scrape_interval=scrape_interval, clock=clock, counted=counted, scope=scope
        )
        self._instruments = instruments
        self._clock = clock
        self._running_on: dict[Key, tuple[float, Mapping[str, Sequence[str]]]] = {}

    async def run(self) -> None:
        """The loop that counts what is answered, for what an answer costs."""
        await self._traffic.run()

    async def complete_observation(
        self, key: Key, deployment: ModelDeployment, observation: Observation, state: State, *, now: float
    ) -> Observation:
        """The observation with prices, and with what running pods cost and answer."""
        if deployment.spec.scale is None and deployment.spec.budget is None:
            return observation
        observation = await self._add_prices(key, deployment, observation, state)
        if deployment.spec.budget is None:
            return observation
        return replace(observation, running=self._find_running(key, deployment, observation, now=now))

    def tell(self, key: Key, deployment: ModelDeployment, observation: Observation, decision: Decision) -> None:
        """Follow the traffic from now on, and export the numbers."""
        if deployment.spec.budget is None:
            self._tell_nothing(key)
            return
        state = decision.state
        self._traffic.watch(key, choose_counters(deployment, state), copies=find_copies(deployment, state))
        if self._instruments:
            self._instruments.cost(key, self._figures(key, deployment, observation, decision))

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self._running_on.pop(key, None)
        self._tell_nothing(key)

    def _tell_nothing(self, key: Key) -> None:
        """There is no budget: nothing is counted, and nothing exported of what was."""
        self._traffic.forget(key)
        if self._instruments:
            self._instruments.forget_cost(key)

    async def _add_prices(
        self, key: Key, deployment: ModelDeployment, observation: Observation, state: State
    ) -> Observation:
        """Prices hold on nodes: those where a revision runs, else where it was tested, else anywhere."""
        anywhere, problem = await self._prices.table()
        tables = {"": anywhere} if anywhere is not None else {}
        places = await self._find_nodes(key, deployment, state) if self._prices.by_node else {}
        for revision, nodes in places.items():
            table, told = await self._prices.table(nodes)
            if table is not None:
                tables[revision] = table
            problem = told or problem
        return replace(observation, prices=tables, prices_problem=problem)

    async def _find_nodes(self, key: Key, deployment: ModelDeployment, state: State) -> Mapping[str, Sequence[str]]:
        """The nodes of each revision, one for each pod; asks the API server, so only now and then."""
        asked_at, running = self._running_on.get(key, (-math.inf, {}))
        if self._clock() - asked_at >= PLACES_KEPT:
            try:
                pods = await self._cluster.list_pods(
                    deployment.metadata.namespace, {LABEL_DEPLOYMENT: deployment.metadata.name}
                )
            except ClusterError as error:
                logger.warning("the nodes of %s are not known: %s", deployment.metadata.name, error)
            else:
                revisions = {pod["metadata"]["labels"].get(LABEL_REVISION, "") for pod in pods}
                running = {
                    one: nodes
                    for one in revisions
                    if (nodes := places_of(pod for pod in pods if pod["metadata"]["labels"].get(LABEL_REVISION) == one))
                }
                self._running_on[key] = self._clock(), running
        tested = {record.revision: (record.node,) for record in state.load_tests if record.node}
        return {**tested, **running}

    def _find_running(
        self, key: Key, deployment: ModelDeployment, observation: Observation, *, now: float
    ) -> RunningFacts:
        """What each revision's pods cost by their own requests, which an older spec no longer tells."""
        revisions = {}
        selector = {LABEL_DEPLOYMENT: deployment.metadata.name}
        for workload in self._store.list("Deployment", deployment.metadata.namespace, selector):
            revision = workload["metadata"]["labels"].get(LABEL_REVISION)
            if revision and owned_by(deployment, workload):
                revisions[revision] = _hourly(deployment, workload, observation, revision, now=now)
        return RunningFacts(
            hourly=revisions,
            pods={revision: observation.facts(revision).replicas for revision in revisions},
            served={revision: self._traffic.measure_revision(key, revision) for revision in revisions},
            total=self._traffic.measure_all(key),
            unknown=self._traffic.problem(key),
            seen=True,
        )

    def _figures(
        self, key: Key, deployment: ModelDeployment, observation: Observation, decision: Decision
    ) -> CostFigures:
        state, running, budget = decision.state, observation.running, deployment.spec.budget
        assert budget is not None  # noqa: S101 - asked for only with a budget
        burns, exceeded = burn_figures(decision.burn) if decision.burn else ({}, {})
        unpriced = [one for one in running.hourly.values() if isinstance(one, Unpriced)]
        now, overall = self._clock(), None
        if state.spending is not None:
            served, overheads = self._traffic.measure_all(key), overheads_of(deployment)
            overall = overall_unit_cost(state.spending, served=served, now=now, overheads=overheads)
        return CostFigures(
            currency="" if unpriced or state.spending is None else state.spending.currency,
            revisions=tuple(_revision_figures(decision, running)),
            per_thousand=overall.per_thousand.amount if overall else None,
            spent=spent_at(state.spending, now) if state.spending else None,
            projected=decision.burn.projected if decision.burn else None,
            budget=budget.monthly.decimal if budget.monthly else None,
            budget_per_thousand=budget.per_thousand_inferences.decimal if budget.per_thousand_inferences else None,
            burns=burns,
            exceeded=exceeded,
            unpriced=unpriced[0].reason if unpriced else "",
        )


def _hourly(
    deployment: ModelDeployment, workload: Mapping[str, Any], observation: Observation, revision: str, *, now: float
) -> Money | Unpriced:
    """What one pod of a live Deployment costs in an hour."""
    template = deployment.spec.serving.template.model_copy(update={"spec": workload["spec"]["template"]["spec"]})
    serving = deployment.spec.serving.model_copy(update={"template": template, "placement": Placement()})
    spec = deployment.spec.model_copy(update={"serving": serving})
    live = deployment.model_copy(update={"spec": spec})
    table, problem = observation.prices_of(revision)
    today = datetime.fromtimestamp(now, UTC).date()
    _, found = replica_price(live, table, today=today, problem=problem)
    return found.money if isinstance(found, Priced) else found


def _revision_figures(decision: Decision, running: RunningFacts) -> list[RevisionFigures]:
    state = decision.state
    parts: tuple[tuple[Role, RevisionRef | None], ...] = (
        ("stable", state.stable),
        ("candidate", state.candidate if state.release else None),
        ("former", state.former.reference if state.former else None),
    )
    figures = []
    for role, reference in parts:
        if reference is None:
            continue
        one, pods = running.hourly.get(reference.revision), running.pods.get(reference.revision, 0)
        cost, served = revision_cost(running, reference.revision), running.served.get(reference.revision)
        prospect = decision.survey.find_prospect(reference.revision) if decision.survey else None
        law = prospect.plan.inputs.law if prospect else None
        figures.append(
            RevisionFigures(
                revision=reference.revision,
                role=role,
                hourly=(one * pods).amount if isinstance(one, Money) else None,
                per_thousand=cost.per_thousand.amount if cost else None,
                requests_per_second=served.requests / served.seconds if served and served.seconds else None,
                capacity=law.capacity(pods) if law and pods else None,
            )
        )
    return figures
