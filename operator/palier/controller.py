"""One reconcile: observe → decide → act → report.

The memory is written before the world is changed and the news is told after, so that a kill between any two lines
loses nothing and no status or Event is ahead of the traffic.
"""

import asyncio
import logging
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from palier.api.constants import KIND, LABEL_DEPLOYMENT, LABEL_REVISION
from palier.api.v1alpha1 import ModelDeployment, parse
from palier.cluster.act import Actor
from palier.cluster.client import Cluster
from palier.cluster.denials import Denial, denied, denied_before
from palier.cluster.gateways import Stickers
from palier.cluster.observe import observe
from palier.cluster.queue import Key, WorkQueue
from palier.cluster.reporter import Reporter
from palier.cluster.served import served_revisions
from palier.cluster.store import Store
from palier.cluster.trouble import ASKED_AGAIN_AFTER, Troubles
from palier.cluster.wanted import wanted
from palier.economy import Economy
from palier.errors import ClusterError, Forbidden, Invalid, InvalidSpec
from palier.metrics.looks import LookFinished, Looks
from palier.metrics.prometheus import MetricSource
from palier.quality import Quality
from palier.release import gate
from palier.release.beginning import wake_at
from palier.release.decide import decide
from palier.release.look import Watched
from palier.release.observation import Measured
from palier.release.report import conditions, refused, status_of, written
from palier.release.resolve import router_series
from palier.release.situation import Decision
from palier.release.state import Release, State, Step
from palier.release.targets import targets

logger = logging.getLogger(__name__)

RESYNC = 600.0
"""Seconds after which an object is looked at again although nothing happened."""

FORBIDDEN_RETRY = 30.0
"""Seconds after which something forbidden is tried again."""

REFUSED = "Invalid"
"""`status.stage` of what cannot be acted on as it is written, or is refused by the API server."""

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
        economy: Economy,
        quality: Quality,
        look_finished: LookFinished | None = None,
    ) -> None:
        self.store = store
        self.queue = queue
        self.clock = clock
        self.cluster = cluster
        self.looks = Looks(
            source,
            interval=look_interval,
            scrape_interval=scrape_interval,
            looked=self._looked,
            clock=clock,
            finished=look_finished,
            serving=lambda: served_revisions(store),
        )
        self._economy = economy
        self._quality = quality
        self._actor = Actor(cluster, store, economy.load_test_image)
        self._stickers = Stickers(cluster, store)
        self._reporter = Reporter(cluster, store)
        self._steered_at: dict[Key, float] = {}
        self._refused: dict[Key, tuple[str, float]] = {}
        """What was asked for when the API server refused it, and when that is tried again."""
        self._troubles = Troubles(cluster)

    async def run_looks(self) -> None:
        """The loops of the fleet's looks, and of the counts by which the cost of an answer is reckoned."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self.looks.run())
            loops.create_task(self._economy.run())

    async def reconcile(self, key: Key) -> float | None:
        """Bring one ModelDeployment one step further.

        Returns:
            Seconds until it has to be looked at again at the latest, or None when it is gone.
        """
        body = self.store.get(KIND, key.namespace, key.name)
        if body is None or body["metadata"].get("deletionTimestamp"):
            self._forget(key)
            return None
        if (wait := self._refused_for(key, body)) > 0:
            return wait
        try:
            return await self._reconcile(key, body)
        except InvalidSpec as error:
            await self._refuse(body, "InvalidSpec", f"{error.field}: {error.message}")
            return RESYNC
        except Invalid as error:
            # The API server rejects what the spec makes us render, a typo in the pod template for instance.
            await self._refuse(body, "Rejected", str(error))
            return self._rest_refused(key, body, RESYNC)
        except Forbidden as error:
            # A quota, an admission policy or a missing right: it may be lifted without a change of the spec.
            await self._refuse(body, "Forbidden", str(error))
            return self._rest_refused(key, body, FORBIDDEN_RETRY)

    async def _reconcile(self, key: Key, body: Mapping[str, Any]) -> float:
        now = self.clock()
        deployment = parse(body)
        state = _remembered(body)
        asked = wanted(self.store, deployment, state)
        troubles, unexplained = await self._look_up_troubles(key, deployment, state, now=now)
        observation = observe(
            self.store,
            deployment,
            state,
            asked=asked,
            measured=self._measured(key, state),
            troubles=troubles,
            unexplained=unexplained,
            steered_for=now - self._steered_at.get(key, -math.inf),
        )
        observation = await self._economy.completed(key, deployment, observation, state, now=now)
        observation = await self._quality.completed(deployment, observation, state, asked=asked, now=now)
        decision = decide(deployment, observation, state, now=now)
        aims = targets(deployment, decision.state, observation, now=now)
        await self._actor.raise_revisions(
            deployment, decision.state, aims, observation=observation, prompts=asked.prompts
        )
        self._actor.demand_image(deployment, decision.run)
        self._quality.demand_images(deployment, observation, decision)
        found, standing = conditions(decision, observation), denied_before(body)
        status = status_of(deployment, decision, observation, found=[*found, *standing])
        # What was refused is tried again first: the memory is written, but not that it goes on before it does.
        refusal = _standing_refusal(body)
        told = await self._reporter.report(body, {**status, **refusal}, now=now)
        # They tell of what is in force already, never of what is about to be steered.
        for note in decision.notes:
            await self.cluster.emit_event(
                regarding=body, type_=note.type, reason=note.reason, action=note.reason, note=note.message
            )
        denials: list[Denial] = []
        if not gate.undisturbed(decision.state, observation):
            denials.append(
                await self._actor.load_test(deployment, decision.run, observation=observation, requests=asked.requests)
            )
        mirror = await self._quality.mirror(deployment, decision, aims)
        moved = await self._actor.steer(deployment, decision.state, aims, observation=observation, mirror=mirror)
        if moved:
            self._steered_at[key] = self.clock()
        # Whoever has users now is judged and paid for, also where the rest of what there is to do is refused.
        self._follow(key, deployment, decision)
        self._economy.tell(key, deployment, observation, decision)
        # A proxy goes only after the route that sent it copies.
        denials.append(await self._quality.keep(deployment, observation, decision, asked=asked))
        denials.append(await self._actor.remove(deployment, aims))
        denials.append(await self._stickers.keep(deployment))
        self._refused.pop(key, None)
        stands = denied(denials)
        if refusal or stands != standing:
            status = status_of(deployment, decision, observation, found=[*found, *stands])
            told = await self._reporter.report(self._latest(key, body), status, now=now) or told
        if moved or told:
            return 0.0
        rest = self._rest(decision, now=now) if aims.again_in is None else aims.again_in
        return min(rest, FORBIDDEN_RETRY) if stands else rest

    def _rest(self, decision: Decision, *, now: float) -> float:
        rest = RESYNC * random.uniform(0.9, 1.1)  # noqa: S311 - spreads the fleet, guards nothing
        if decision.wake_at is not None:
            rest = min(rest, max(0.0, decision.wake_at - now) + 0.01)
        if decision.state.release:
            rest = min(rest, ASKED_AGAIN_AFTER)
        if decision.run or decision.examination:
            rest = min(rest, PROGRESS_AFTER)
        return rest

    def _measured(self, key: Key, state: State) -> Measured:
        release, candidate = state.release, state.candidate
        if not release or not candidate:
            return Measured()
        watched = self.looks.of(
            key, candidate=candidate.revision, begun_at=release.started_at, stage_index=release.landing
        )
        if watched is None:
            return Measured(cannot_measure="no look yet", cannot_measure_since=None)
        return Measured(
            evidence=watched.evidence,
            last_look=watched.last_look,
            cannot_measure=watched.cannot_measure,
            cannot_measure_since=watched.cannot_measure_since,
            router_last_look=watched.router_last_look,
            router_unseen=watched.router_unseen,
            router_unseen_since=watched.router_unseen_since,
            readings=watched.readings,
            missing=watched.missing,
        )

    def _follow(self, key: Key, deployment: ModelDeployment, decision: Decision) -> None:
        """Have the release judged from now on, or no longer."""
        state = decision.state
        release = state.release
        if not state.candidate or not state.stable or release is None or not _judged(release):
            self.looks.forget(key)
            return
        self.looks.watch(
            key,
            Watched(
                candidate=state.candidate.revision,
                stable=state.stable.revision,
                stage_index=release.landing,
                begun_at=release.started_at,
                traffic_since=None
                if release.step is Step.PREPARING
                else release.traffic_since or release.stage_started_at,
                objectives=decision.objectives.measured,
                evidence=release.evidence,
                last_look=release.last_look,
                cannot_measure_since=release.cannot_measure_since,
                router=router_series(
                    deployment,
                    candidate=state.candidate.revision,
                    stable=state.stable.revision,
                    slots=state.slots,
                ),
                router_last_look=release.router_last_look,
                router_unseen_since=release.router_unseen_since,
            ),
        )

    def _forget(self, key: Key) -> None:
        self.looks.forget(key)
        self._economy.forget(key)
        self._troubles.forget(key.namespace, key.name)
        self._quality.forget(key.namespace, key.name)
        self._steered_at.pop(key, None)
        self._refused.pop(key, None)
        self._reporter.forget(key)

    def _looked(self, keys: Sequence[tuple[str, str]]) -> None:
        for key in keys:
            # A rollback may hang on it: before everything that merely wants to be looked at again.
            self.queue.add(Key(*key), urgent=True)

    async def _look_up_troubles(
        self, key: Key, deployment: ModelDeployment, state: State, *, now: float
    ) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Why pods of a slow candidate are not ready, and why that is not known, where it could not be asked."""
        release, candidate = state.release, state.candidate
        if release is None or candidate is None or not _waits_for_pods(release):
            self._troubles.forget(key.namespace, key.name)
            return {}, {}
        labels = {LABEL_DEPLOYMENT: deployment.metadata.name, LABEL_REVISION: candidate.revision}
        since = release.stage_started_at
        due = since + deployment.spec.release.progress_deadline.seconds
        try:
            return {candidate.revision: await self._troubles.of(*key, labels, since=since, now=now, due=due)}, {}
        except ClusterError as error:  # people, breaches and a candidate that is gone do not wait for it
            logger.warning("why pods of %s/%s are not ready is not known: %s", *key, error)
            return {}, {candidate.revision: str(error) or type(error).__name__}

    def _rest_refused(self, key: Key, body: Mapping[str, Any], seconds: float) -> float:
        """Seconds after which what was refused is tried again: earlier where a deadline of the release comes first."""
        now, known = self.clock(), self._latest(key, body)
        due = wake_at(parse(known), _remembered(known), now=now)
        rest = seconds if due is None else min(seconds, due - now + 0.01)
        self._refused[key] = (_asked_for(body), now + rest)
        return rest

    def _refused_for(self, key: Key, body: Mapping[str, Any]) -> float:
        """Seconds for which the same spec need not be tried again after the API server refused what it asks for.

        A candidate that has traffic is never left alone for that: it may have to be taken back.
        """
        asked, until = self._refused.get(key, ("", 0.0))
        release = (body.get("status") or {}).get("release") or {}
        in_traffic = "stable" in (body.get("status") or {}) and release.get("step", Step.PREPARING) != Step.PREPARING
        return 0.0 if in_traffic or asked != _asked_for(body) else until - self.clock()

    def _latest(self, key: Key, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The object as this very pass may have written it."""
        return self.store.get(KIND, key.namespace, key.name) or body

    async def _refuse(self, body: Mapping[str, Any], reason: str, message: str) -> None:
        """Say what is wrong and leave everything that serves as it is."""
        meta = body["metadata"]
        now, generation = self.clock(), int(meta.get("generation", 0))
        # This very pass may have written a newer memory before it was refused.
        body = self._latest(Key(meta["namespace"], meta["name"]), body)
        before = body.get("status") or {}
        stable = before.get("stable")
        found = refused(reason, message, serves=bool(stable))
        status = {
            **before,
            "observedGeneration": generation,
            "stage": REFUSED,
            "conditions": written(found, generation=generation),
        }
        await self._reporter.report(body, status, now=now)


def _remembered(body: Mapping[str, Any]) -> State:
    try:
        return State.from_status(body.get("status") or {})
    except ValueError as error:
        raise InvalidSpec("status", f"{error}; delete status.release to start the release anew") from error


def _asked_for(body: Mapping[str, Any]) -> str:
    """What people have asked for: the spec, and requests such as an abort."""
    metadata = body["metadata"]
    return f"{metadata.get('generation', 0)} {sorted((metadata.get('annotations') or {}).items())}"


def _standing_refusal(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of the status that says that this spec was refused; empty where it was not, or is another one now."""
    status = body.get("status") or {}
    same = status.get("observedGeneration") == int(body["metadata"].get("generation", 0))
    return {part: status[part] for part in ("stage", "conditions")} if same and status.get("stage") == REFUSED else {}


def _judged(release: Release) -> bool:
    """Whether looks are worth making: while pods come up they tell whether the candidate can be measured at all."""
    if release.direct or release.step is Step.ROLLING_BACK:
        return False
    return release.step is Step.PREPARING or release.traffic_since is not None or bool(release.evidence)


def _waits_for_pods(release: Release) -> bool:
    if release.step in {Step.PREPARING, Step.PROMOTING}:
        return True
    return release.step is Step.CANARY and release.traffic_since is None
