"""One pass over one ModelDeployment: observe, decide, act, report.

`reconcile` is the whole of it. What is seen is in `palier.cluster.observe`, the decision in `palier.release.decide`,
the actions that follow from it in `palier.reconcile.worklist`, and the order of safety in which they are carried out
in `palier.reconcile.actions`.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from palier.api.constants import KIND
from palier.api.stored_status import fitting_status
from palier.api.v1alpha1 import ModelDeployment, parse
from palier.cluster.act import Actor
from palier.cluster.client import Cluster
from palier.cluster.diagnostics import ASKED_AGAIN_AFTER, PodDiagnostics
from palier.cluster.gateways import SessionAffinity
from palier.cluster.inputs import SpecInputs, read_inputs
from palier.cluster.queue import Key, Rest, WorkQueue
from palier.cluster.reach import REFUSED_AGAIN_AFTER, PortProbe
from palier.cluster.reporter import Reporter
from palier.cluster.served_revisions import served_revisions
from palier.cluster.store import Store
from palier.errors import InvalidSpec, PalierError
from palier.metrics.inquiries import ANYBODY, Scope
from palier.metrics.looks import LookFinished, Looks
from palier.metrics.prometheus import MetricSource
from palier.reconcile.actions import Outcomes, Tier, carry_out, describe_failures, is_lasting
from palier.reconcile.costs import CostObserver
from palier.reconcile.observer import Observer
from palier.reconcile.overlay import REFUSED, overlay_of, standing_overlay
from palier.reconcile.session import Session
from palier.reconcile.trials import Trials
from palier.reconcile.worklist import Pass, Planner
from palier.release.decide import decide
from palier.release.memory import read_state
from palier.release.observation import Observation
from palier.release.plan import pin_stages, proves_itself
from palier.release.report import report_refused, write_conditions
from palier.release.situation import Decision, Note
from palier.release.state import State
from palier.release.targets import find_targets
from palier.release.watching import watched_of

logger = logging.getLogger(__name__)

RESYNC = 600.0
"""Seconds after which an object is looked at again although nothing happened."""

PROGRESS_AFTER = 5.0
"""Seconds after which it is read again how far a load test or golden answers have come."""


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
        trials: Trials,
        look_finished: LookFinished | None = None,
        ports: PortProbe | None = None,
        scope: Scope = ANYBODY,
    ) -> None:
        """Put the parts together; without `ports`, nobody asks whether the pods of a candidate accept connections."""
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
        self._trials = trials
        self._reporter = Reporter(cluster, store)
        self._planner = Planner(
            cluster=cluster,
            store=store,
            actor=Actor(cluster, store, cost_observer.load_test_image),
            trials=trials,
            session_affinity=SessionAffinity(cluster, store),
            reporter=self._reporter,
        )
        self._diagnostics = PodDiagnostics(cluster)
        self._observer = Observer(store, self.looks, self._diagnostics, cost_observer, trials, ports, self.monotonic)
        self._sessions: dict[Key, Session] = {}

    async def run_looks(self) -> None:
        """The loops of the fleet's looks, and of the counts by which the cost of an answer is found."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self.looks.run())
            loops.create_task(self._cost_observer.run())

    async def reconcile(self, key: Key) -> float | None:
        """Bring one ModelDeployment one step further.

        Returns:
            Seconds until it has to be looked at again at the latest, or None when it is gone.
        """
        stored = self.store.get(KIND, key.namespace, key.name)
        if stored is None or stored["metadata"].get("deletionTimestamp"):
            self._forget(key)
            return None
        body, odd = _readable(stored)
        session = self._session(key, str(body["metadata"].get("uid", "")))
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
        spec, problem = _read_spec(body, session)
        state, lost = _remember(body, spec, odd)
        deployment = _pin(spec, state)
        inputs = read_inputs(self.store, deployment, state)
        observation = await self._observer.observe(key, deployment, state, session, inputs=inputs, now=now)
        decision = decide(spec, observation, state, now=now)
        session.is_urgent = decision.state.release is not None and decision.state.release.ending is not None
        this = await self._plan(
            body, _pin(spec, decision.state), observation, decision, inputs=inputs, problem=problem, now=now
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
        rest = self._rest(key, this.decision, now=this.now) if again_in is None else again_in
        return rest if outcomes.again_in is None else min(rest, outcomes.again_in)

    def _rest(self, key: Key, decision: Decision, *, now: float) -> float:
        rest = RESYNC * random.uniform(0.9, 1.1)  # noqa: S311 - spreads the fleet, guards nothing
        if decision.wake_at is not None:
            rest = min(rest, max(0.0, decision.wake_at - now) + 0.01)
        if decision.state.release:
            rest = min(rest, ASKED_AGAIN_AFTER, self._diagnostics.again_in(*key, now=now) + 0.01)
        hold = decision.hold.reason if decision.hold else ""
        if hold == "PortRefused":
            rest = min(rest, REFUSED_AGAIN_AFTER)
        if decision.run or decision.examination:
            rest = min(rest, PROGRESS_AFTER)
        return rest

    def _follow(self, key: Key, this: Pass) -> None:
        """Have the release judged and paid for from now on, or no longer."""
        watched = watched_of(this.deployment, this.decision.state, this.decision.objectives)
        if watched is None:
            self.looks.forget(key)
        else:
            self.looks.watch(key, watched)
        self._cost_observer.tell(key, this.deployment, this.observation, this.decision)

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
        return body if latest is None else _readable(latest)[0]

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


def _read_spec(body: Mapping[str, Any], session: Session) -> tuple[ModelDeployment, InvalidSpec | None]:
    """The spec, or the last one that could be read while a release is under way, and what is wrong with that of now.

    A spec that became unreadable in mid-release moves nothing forward, but a bad candidate is taken back all the same.

    Raises:
        InvalidSpec: it cannot be read, and no release that this process has seen is under way.
    """
    try:
        spec = parse(body)
    except InvalidSpec as problem:
        if session.spec is None or not body["status"].get("release"):
            raise
        metadata = body["metadata"]
        known = {name: metadata.get(name) for name in ("generation", "annotations", "labels") if metadata.get(name)}
        rules = session.spec.spec.release.model_copy(update={"paused": True})
        held = session.spec.spec.model_copy(update={"release": rules})
        about = session.spec.metadata.model_copy(update=known)
        return session.spec.model_copy(update={"metadata": about, "spec": held}), problem
    session.spec = spec if body["status"].get("release") else None
    return spec, None


def _readable(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], Sequence[str]]:
    """An object with the parts of its status that are as the API declares them, and the fields that are not."""
    kept, odd = fitting_status(body.get("status"))
    return {**body, "status": kept}, odd


def _remember(body: Mapping[str, Any], spec: ModelDeployment, odd: Sequence[str]) -> tuple[State, tuple[Note, ...]]:
    """The memory in the status, and what to tell of it: a part that cannot be read is as good as lost."""
    lost = "what of the memory in the status cannot be read is lost, and what serves is recognised from what exists"
    try:
        state = read_state(body["status"], spec.spec.release, proves=proves_itself(spec))
    except ValueError as error:
        return State(), (Note("Warning", "StatusUnreadable", f"{lost}: {error}"[:1024]),)
    return state, (Note("Warning", "StatusUnreadable", f"{lost}: {', '.join(odd)}"[:1024]),) if odd else ()


def _pin(spec: ModelDeployment, state: State) -> ModelDeployment:
    """The spec with the stages of the release in progress."""
    return pin_stages(spec, state.release.plan if state.release else None)
