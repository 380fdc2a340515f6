"""One pass over one ModelDeployment: observe, decide, carry out, report.

`reconcile` is the whole of it. What is seen is in `palier.cluster.observe`, the decision in `palier.release.decide`,
the actions that follow from it in `palier.reconcile.worklist`, and the order of safety in which they are carried out
in `palier.reconcile.actions`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from palier.api.constants import KIND
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.act import Actor
from palier.cluster.client import Cluster
from palier.cluster.diagnostics import PodDiagnostics
from palier.cluster.gateways import SessionAffinity
from palier.cluster.inputs import SpecInputs, read_inputs
from palier.cluster.queue import Key, Rest, WorkQueue
from palier.cluster.reach import PortProbe
from palier.cluster.reporter import Reporter
from palier.cluster.served_revisions import served_revisions
from palier.cluster.store import Store
from palier.errors import InvalidSpec, PalierError
from palier.metrics.inquiries import ANYBODY, Scope
from palier.metrics.looks import LookFinished, Looks
from palier.metrics.prometheus import MetricSource
from palier.reconcile.actions import Outcomes, Tier, carry_out, describe_failures, is_lasting
from palier.reconcile.budgets import BudgetKeeper
from palier.reconcile.costs import CostObserver
from palier.reconcile.data import DataKeeper
from palier.reconcile.observer import Observer
from palier.reconcile.overlay import REFUSED, overlay_of, standing_overlay
from palier.reconcile.rest import RESYNC, rest_after
from palier.reconcile.session import Session
from palier.reconcile.stored import pin_plan, read_body, read_memory, read_spec
from palier.reconcile.trials import Trials
from palier.reconcile.worklist import Pass, Planner
from palier.release.decide import decide
from palier.release.observation import Observation
from palier.release.report import report_refused, write_conditions
from palier.release.situation import Decision, Note
from palier.release.targets import find_targets
from palier.release.watching import watched_of

logger = logging.getLogger(__name__)


class Controller:
    """Reconciles ModelDeployments; everything it needs is handed in."""

    def __init__(  # noqa: PLR0913 - the parts that it is put together from
        self,
        *,
        cluster: Cluster,
        store: Store,
        queue: WorkQueue[Key],
        source: MetricSource,
        look_interval: float,
        scrape_interval: float,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        cost_observer: CostObserver,
        budgets: BudgetKeeper | None = None,
        data: DataKeeper | None = None,
        trials: Trials,
        look_finished: LookFinished | None = None,
        ports: PortProbe | None = None,
        scope: Scope = ANYBODY,
    ) -> None:
        """Put the parts together.

        Without `ports`, nobody asks whether the pods of a candidate accept connections; without `budgets`, nobody
        counts what serves, and without `data` nobody looks at its data.
        """
        self.store = store
        self.queue = queue
        self.clock = clock
        self.monotonic = monotonic
        self.cluster = cluster
        self.looks = Looks(
            source,
            interval=look_interval,
            scrape_interval=scrape_interval,
            looked=self._queue_looked,
            changed=self._queue_alerted,
            clock=clock,
            finished=look_finished,
            serving=lambda: served_revisions(store),
            scope=scope,
        )
        self._cost_observer = cost_observer
        self._budgets = budgets
        self._data = data
        self._trials = trials
        self._reporter = Reporter(cluster, store)
        self._planner = Planner(
            cluster=cluster,
            store=store,
            actor=Actor(cluster, store),
            trials=trials,
            session_affinity=SessionAffinity(cluster, store),
            reporter=self._reporter,
        )
        self._diagnostics = PodDiagnostics(cluster)
        self._observer = Observer(
            store, self.looks, self._diagnostics, cost_observer, budgets, data, trials, ports, self.monotonic
        )
        self._sessions: dict[Key, Session] = {}

    async def run_looks(self) -> None:
        """The loops of the fleet's looks, and of what is counted every minute and in every window."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self.looks.run())
            loops.create_task(self._cost_observer.run())
            if self._budgets is not None:
                loops.create_task(self._budgets.run())
            if self._data is not None:
                loops.create_task(self._data.run())

    async def reconcile(self, key: Key) -> float | None:
        """Bring one ModelDeployment one step further.

        Returns:
            Seconds until it has to be looked at again at the latest, or None when it is gone.
        """
        stored = self.store.get(KIND, key.namespace, key.name)
        if stored is None or stored["metadata"].get("deletionTimestamp"):
            self._forget(key)
            return None
        session = self._session(key, str(stored["metadata"].get("uid", "")))
        body, odd = read_body(stored, session)
        session.is_urgent = False
        return Rest(await self._reconcile_readable(key, body, session, odd), urgent=session.is_urgent)

    async def _reconcile_readable(
        self, key: Key, body: Mapping[str, Any], session: Session, odd: Sequence[str]
    ) -> float:
        """A pass whose object may say what nobody can act on; then the object tells that, and others go on."""
        try:
            return await self._reconcile(key, body, session, odd)
        except InvalidSpec as error:
            return await self._refuse(key, body, "InvalidSpec", f"{error.field}: {error.message}")
        except PalierError:
            raise
        except Exception as error:
            # Whoever wrote such an object harms nobody else: it says so, and the others go on.
            logger.exception("%s: a pass failed unexpectedly", key)
            return await self._refuse(key, body, "InternalError", f"a pass failed: {type(error).__name__}")

    async def _reconcile(self, key: Key, body: Mapping[str, Any], session: Session, odd: Sequence[str]) -> float:
        now = self.clock()
        spec, problem = read_spec(body, session)
        state, lost = read_memory(body, spec, odd)
        deployment = pin_plan(spec, state)
        inputs = read_inputs(self.store, deployment, state)
        observation = await self._observer.observe(key, deployment, state, session, inputs=inputs, now=now)
        decision = decide(spec, observation, state, now=now)
        session.is_urgent = decision.state.release is not None and decision.state.release.ending is not None
        this = await self._plan(
            body, pin_plan(spec, decision.state), observation, decision, inputs=inputs, problem=problem, now=now
        )
        outcomes = await carry_out(self._planner.actions(this), session.attempts, clock=self.monotonic)
        if this.moved:
            session.steered_at = self.monotonic()
        if this.veto is not None:
            raise this.veto
        return await self._report(key, this, outcomes, session, lost)

    async def _plan(
        self,
        body: Mapping[str, Any],
        deployment: ModelDeployment,
        observation: Observation,
        decision: Decision,
        *,
        inputs: SpecInputs,
        problem: InvalidSpec | None,
        now: float,
    ) -> Pass:
        """What follows from the decision."""
        targets = find_targets(deployment, decision.state, observation, now=now)
        return Pass(
            body=body,
            deployment=deployment,
            observation=observation,
            decision=decision,
            targets=targets,
            inputs=inputs,
            standing=standing_overlay(body),
            mirror=await self._trials.mirror(deployment, decision, targets),
            veto=self._planner.find_veto(deployment, observation, decision),
            problem=problem,
            now=now,
        )

    async def _report(
        self, key: Key, this: Pass, outcomes: Outcomes, session: Session, lost: tuple[Note, ...]
    ) -> float:
        """Tell what was done and what failed, and say when to look again."""
        told = False
        if outcomes.has_failed(Tier.MEMORY):
            logger.warning("%s: %s", key, describe_failures(outcomes.failures))
        else:
            self._follow(key, this)
            news = () if lost == session.told_lost else lost
            session.told_lost = lost
            for note in (*news, *this.decision.notes):
                await self.cluster.emit_event(
                    regarding=this.body, type_=note.type, reason=note.reason, action=note.reason, note=note.message
                )
            overlay = overlay_of(failure for failure in outcomes.failures if not session.attempts.is_passing(failure))
            if this.problem is not None:
                overlay = replace(overlay, stalled=("InvalidSpec", f"{this.problem.field}: {this.problem.message}"))
            if overlay != this.standing:
                told = await self._reporter.report(
                    self._find_latest(key, this.body), this.status(overlay), now=this.now
                )
        passing = next((one.error for one in outcomes.failures if not is_lasting(one.error)), None)
        # What may well succeed at once is left to the queue, unless a weight on its way down would wait for that.
        falls = session.is_urgent and this.targets.again_in is not None and not outcomes.has_failed(Tier.LOWER)
        if passing is not None and not falls:
            raise passing
        if this.moved or this.told or told:
            return 0.0
        again_in = this.targets.again_in
        rest = again_in
        if rest is None:
            diagnosed_in = self._diagnostics.again_in(*key, now=this.now)
            rest = rest_after(this.decision, diagnosed_in=diagnosed_in, now=this.now)
        return rest if outcomes.again_in is None else min(rest, outcomes.again_in)

    def _follow(self, key: Key, this: Pass) -> None:
        """Have the release judged and paid for from now on, or no longer."""
        watched = watched_of(this.deployment, this.decision.state, this.decision.objectives)
        if watched is None:
            self.looks.forget(key)
        else:
            self.looks.watch(key, watched)
        self._cost_observer.tell(key, this.deployment, this.observation, this.decision)
        if self._budgets is not None:
            self._budgets.follow(key, this.deployment, this.observation, this.decision)
        if self._data is not None:
            self._data.follow(key, this.deployment, this.decision)

    def _session(self, key: Key, uid: str) -> Session:
        """What is remembered of this very object: one that is made again under the same name is another one."""
        known = self._sessions.get(key)
        if known is None or known.uid != uid:
            if known is not None:
                self._forget(key)
            known = self._sessions[key] = Session(uid)
        return known

    def _forget(self, key: Key) -> None:
        self.looks.forget(key)
        self._cost_observer.forget(key)
        if self._budgets is not None:
            self._budgets.forget(key)
        if self._data is not None:
            self._data.forget(key)
        self._observer.forget(key)
        self._trials.forget(key.namespace, key.name)
        self._sessions.pop(key, None)
        self._reporter.forget(key)

    def _queue_looked(self, keys: Sequence[tuple[str, str]]) -> None:
        for key in keys:
            self.queue.add(Key(*key))

    def _queue_alerted(self, keys: Sequence[tuple[str, str]]) -> None:
        for key in keys:
            # A rollback may hang on it: before everything that merely wants to be looked at again.
            self.queue.add(Key(*key), urgent=True)

    def _find_latest(self, key: Key, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The object as this very pass may have written it."""
        latest = self.store.get(KIND, key.namespace, key.name)
        return body if latest is None else read_body(latest)[0]

    async def _refuse(self, key: Key, body: Mapping[str, Any], reason: str, message: str) -> float:
        """Say what is wrong and leave everything that serves as it is."""
        generation = int(body["metadata"].get("generation", 0))
        # This very pass may have written a newer memory before it was refused.
        body = self._find_latest(key, body)
        before = body.get("status") or {}
        found = report_refused(reason, message, serves=bool(before.get("stable")))
        status = {
            **before,
            "observedGeneration": generation,
            "stage": REFUSED,
            "conditions": write_conditions(found, generation=generation),
        }
        await self._reporter.report(body, status, now=self.clock())
        return RESYNC
