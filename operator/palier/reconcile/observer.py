"""Makes the one observation that a pass decides by.

What the cache and the looks know costs nothing. Everything that has to be asked for, of the API server, of Prometheus
or of the candidate's pods, is bounded in time, and a question that fails leaves its answer unknown: people, breaches
and a candidate that is gone never wait for it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from palier.api.constants import LABEL_DEPLOYMENT, LABEL_REVISION
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.diagnostics import PodDiagnostics
from palier.cluster.inputs import SpecInputs
from palier.cluster.observe import observe, revision_facts
from palier.cluster.queue import Key
from palier.cluster.reach import PortProbe
from palier.cluster.store import Store
from palier.errors import ClusterError
from palier.metrics.looks import Looks
from palier.reconcile.budgets import BudgetKeeper
from palier.reconcile.costs import CostObserver
from palier.reconcile.data import DataKeeper
from palier.reconcile.session import Session
from palier.reconcile.trials import Trials
from palier.release.observation import MeasuredEvidence, Observation, RevisionFacts
from palier.release.reach import hold_for_reach, note_of_reach
from palier.release.state import State
from palier.release.watching import measured_of

logger = logging.getLogger(__name__)

LONGEST_QUESTION = 10.0
"""Seconds after which an answer is given up that a rollback does not need."""

NOTHING_KNOWN: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})


@dataclass(frozen=True, slots=True)
class Observer:
    """The only maker of an `Observation`."""

    store: Store
    looks: Looks
    troubles: PodDiagnostics
    cost_observer: CostObserver
    budgets: BudgetKeeper | None
    """Counts what serves; None where nobody counts."""
    data: DataKeeper | None
    """Watches the data of what serves; None where nobody does."""
    trials: Trials
    ports: PortProbe | None
    """Asks whether pods accept connections; None where nobody asks."""
    monotonic: Callable[[], float]

    async def observe(
        self, key: Key, deployment: ModelDeployment, state: State, session: Session, *, inputs: SpecInputs, now: float
    ) -> Observation:
        """Everything that a decision reads, as it is now.

        Args:
            key: the object.
            deployment: the spec with the stages of the release in progress.
            state: the memory.
            session: what this process remembers of the object.
            inputs: what the spec asks for.
            now: seconds since the epoch.
        """
        troubles, unexplained = await self._explain_pods(key, deployment, state, now=now)
        observation = observe(
            self.store,
            deployment,
            state,
            inputs=inputs,
            measured=self._read_measured(key, state),
            troubles=troubles,
            unexplained=unexplained,
            steered_for=self.monotonic() - session.steered_at,
        )
        if self.budgets is not None:
            observation = self.budgets.complete_observation(key, deployment, observation, state)
        if self.data is not None:
            observation = self.data.complete_observation(key, deployment, observation, state)
        observation = await self._try_ports(deployment, observation, state)
        try:
            async with asyncio.timeout(LONGEST_QUESTION):
                observation = await self.cost_observer.complete_observation(
                    key, deployment, observation, state, now=now
                )
        except TimeoutError:
            logger.warning("%s: prices are not known for the moment", key)
        return await self.trials.complete_observation(deployment, observation, state, inputs=inputs, now=now)

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self.troubles.forget(key.namespace, key.name)
        if self.ports is not None:
            self.ports.forget(key)

    def _read_measured(self, key: Key, state: State) -> MeasuredEvidence:
        release, candidate = state.release, state.candidate
        if not release or not candidate:
            return MeasuredEvidence()
        return measured_of(
            self.looks.find_watched(
                key,
                candidate=candidate.revision,
                begun_at=release.started_at,
                stage_index=release.cursor,
                cautious=release.cautious_since is not None,
            )
        )

    async def _try_ports(self, deployment: ModelDeployment, observation: Observation, state: State) -> Observation:
        """With what connections to the pods of a candidate tell that waits for weight."""
        if self.ports is None or state.candidate is None:
            return observation
        mine, theirs = await self.ports.before_weight(self.store, deployment, state)
        held, note = hold_for_reach(mine, stable=theirs), note_of_reach(mine, stable=theirs)
        if held is None and note is None:
            return observation
        refused, unproven = held.message if held else "", note.message if note else ""
        return observation.with_reach(state.candidate.revision, refused=refused, unproven=unproven)

    async def _explain_pods(
        self, key: Key, deployment: ModelDeployment, state: State, *, now: float
    ) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Why pods of a candidate are not ready, and why that is not known, where it could not be asked."""
        release, candidate = state.release, state.candidate
        if release is None or candidate is None or release.ending:
            self.troubles.forget(key.namespace, key.name)
            return NOTHING_KNOWN
        facts = revision_facts(self.store, deployment, {}).get(candidate.revision, RevisionFacts())
        if release.opened_at is not None and release.unready_since is None and facts.carries(1):
            self.troubles.forget(key.namespace, key.name)
            return NOTHING_KNOWN
        labels = {LABEL_DEPLOYMENT: deployment.metadata.name, LABEL_REVISION: candidate.revision}
        since = release.unready_since or release.stage_started_at
        due = since + deployment.spec.release.progress_deadline.seconds
        seen = (facts.pods, facts.available, facts.endpoints)
        try:
            async with asyncio.timeout(LONGEST_QUESTION):
                told = await self.troubles.diagnose(*key, labels, since=since, now=now, due=due, seen=seen)
        except (ClusterError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            logger.warning("why pods of %s are not ready is not known: %s", key, why)
            return {}, {candidate.revision: why}
        return {candidate.revision: told}, {}
