"""From a decision to the actions of a pass: what is different in the cluster from what it should be."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.act import Actor
from palier.cluster.client import Cluster
from palier.cluster.disruption import keep_disruption_budgets
from palier.cluster.gateways import SessionAffinity
from palier.cluster.inputs import SpecInputs
from palier.cluster.reporter import Reporter
from palier.cluster.store import Store
from palier.errors import ClusterError, InvalidSpec
from palier.manifests.metadata import owned_by
from palier.manifests.traffic import Mirror
from palier.reconcile.actions import Action, Tier
from palier.reconcile.overlay import REFUSED, Overlay
from palier.reconcile.trials import Trials
from palier.release.observation import Observation
from palier.release.report import conditions, status_of, write_conditions
from palier.release.situation import Decision
from palier.release.state import RevisionRef
from palier.release.targets import Targets


@dataclass(slots=True)
class Pass:
    """One pass over one object: what was found and decided, what has to be done, and what became of it."""

    body: Mapping[str, Any]
    deployment: ModelDeployment
    """The spec with the stages of the release that was decided on."""
    observation: Observation
    decision: Decision
    targets: Targets
    inputs: SpecInputs
    standing: Overlay
    """What the stored status says of refused writes."""
    mirror: Mirror | None
    veto: InvalidSpec | None
    """Why nothing of the decision may be carried out but what takes a weight away."""
    problem: InvalidSpec | None
    """Why the spec that is written now cannot be read; the pass is about the last one that could."""
    now: float
    moved: bool = field(default=False, init=False)
    """Whether the traffic split of the API server is another one than before."""
    told: bool = field(default=False, init=False)
    """Whether the status is another one than before."""

    def status(self, overlay: Overlay) -> dict[str, Any]:
        """The status with what it says of refused writes."""
        own = conditions(self.decision, self.observation)
        serves = self.decision.state.stable is not None
        status = status_of(
            self.deployment, self.decision, self.observation, found=overlay.list_findings(own, serves=serves)
        )
        if overlay.stalled is None:
            return status
        generation = self.deployment.metadata.generation
        return {
            **status,
            "stage": REFUSED,
            "conditions": write_conditions(overlay.list_findings([], serves=serves), generation=generation),
        }


@dataclass(frozen=True, slots=True)
class Planner:
    """Turns decisions into actions on the cluster."""

    cluster: Cluster
    store: Store
    actor: Actor
    trials: Trials
    session_affinity: SessionAffinity
    reporter: Reporter

    def find_veto(
        self, deployment: ModelDeployment, observation: Observation, decision: Decision
    ) -> InvalidSpec | None:
        """Why a decision cannot be carried out: it asks for a program that nothing could run."""
        try:
            self.trials.demand_images(deployment, observation, decision)
        except InvalidSpec as error:
            return error
        return None

    def actions(self, this: Pass) -> list[Action]:
        """Everything that has to be done for a pass, in no particular order."""
        steering = self._steer(this)
        if this.veto is not None:
            return [action for action in steering if action.tier is Tier.LOWER]
        return [
            *steering,
            *self._keep_revisions(this),
            *self._mark_stable(this),
            Action(Tier.MEMORY, "remember", lambda: self._remember(this), repeated=True),
            *self._work(this),
            Action(
                Tier.REMOVE,
                "remove",
                lambda: self.actor.remove(this.deployment, this.targets),
                vital=False,
                repeated=True,
            ),
        ]

    def _steer(self, this: Pass) -> list[Action]:
        steering = self.actor.plan_steering(
            this.deployment,
            this.decision.state,
            this.targets,
            observation=this.observation,
            mirror=this.mirror,
        )

        async def run() -> None:
            assert steering is not None  # noqa: S101 - else there is no such action
            this.moved = await self.actor.steer(this.deployment, steering)

        async def end_copies() -> None:
            await self.actor.end_copies(this.deployment)

        elsewhere = [*self._settle_entrance(this), Action(Tier.LOWER, "end copies", end_copies, repeated=True)]
        if steering is None:
            return elsewhere
        tier = Tier.RAISE if steering.raises else Tier.LOWER
        return [Action(tier, "steer", run, content=steering.content, lowers=steering.lowers), *elsewhere]

    def _settle_entrance(self, this: Pass) -> list[Action]:
        """An entrance that the spec does not have any more leads to stable alone."""
        manifest = self.actor.settled_entrance(this.deployment, this.decision.state, observation=this.observation)
        if manifest is None:
            return []
        settled = manifest

        async def run() -> None:
            await self.actor.settle_entrance(this.deployment, settled)

        content = json.dumps(manifest["spec"], sort_keys=True)
        return [Action(Tier.LOWER, "settle the other entrance", run, content=content, vital=False)]

    def _keep_revisions(self, this: Pass) -> list[Action]:
        state = this.decision.state
        known = [state.stable, state.candidate, state.former.reference if state.former else None]
        ports = {reference.revision: reference.port for reference in known if reference}
        ways = {way.revision: way.deployment for way in this.observation.options_of(this.deployment)}

        def keep(revision: str, replicas: int) -> Action:
            async def run() -> None:
                await self.actor.keep_revision(
                    this.deployment,
                    revision,
                    replicas,
                    port=ports[revision],
                    described=ways.get(revision),
                    prompts=this.inputs.prompts,
                )

            # What serves goes on with the pods that it has; a candidate that does not get its own cannot.
            waits = state.candidate is not None and revision == state.candidate.revision
            vital = waits and state.release is not None and state.release.opened_at is None
            return Action(Tier.PODS, f"keep {revision}", run, content=str(replicas), vital=vital)

        return [
            keep(revision, replicas)
            for revision, replicas in this.targets.replicas.items()
            if self.actor.lacks(this.deployment, revision, replicas)
        ]

    def _mark_stable(self, this: Pass) -> list[Action]:
        """The mark of what serves, and of a first revision that is about to."""
        state = this.decision.state
        reference = state.stable
        if reference is None and state.candidate and state.release and this.targets.weights:
            reference = state.candidate
        if reference is None or not self._is_there(this.deployment, reference):
            return []
        if this.observation.facts(reference.revision).mark == reference:
            return []
        marked = reference

        async def run() -> None:
            await self.actor.mark_stable(this.deployment, marked)

        return [Action(Tier.PODS, f"mark {reference.revision}", run, content=reference.revision, vital=False)]

    def _is_there(self, deployment: ModelDeployment, reference: RevisionRef) -> bool:
        name = f"{deployment.metadata.name}-{reference.revision}"
        workload = self.store.get("Deployment", deployment.metadata.namespace, name)
        return workload is not None and owned_by(deployment, workload)

    async def _remember(self, this: Pass) -> None:
        # What was refused is tried again first: the memory is written, but not that it goes on before it does.
        this.told = await self.reporter.report(this.body, this.status(this.standing), now=this.now)

    def _work(self, this: Pass) -> list[Action]:
        deployment, observation, decision, inputs = this.deployment, this.observation, this.decision, this.inputs

        async def keep_sticky() -> ClusterError | None:
            return await self.session_affinity.keep(deployment)

        async def keep_budgets() -> ClusterError | None:
            replicas = {
                revision: this.targets.replicas.get(revision, 0)
                for revision, weight in (this.targets.weights or observation.route.weights).items()
                if weight
            }
            return await keep_disruption_budgets(self.cluster, self.store, deployment, replicas)

        programs = self.trials.programs(deployment, observation, decision, inputs=inputs)
        return [
            *(
                Action(Tier.WORK, name, keep, content=str(decision.work), repeated=True)
                for name, keep in programs.items()
            ),
            Action(Tier.WORK, "keep sticky users", keep_sticky, repeated=True),
            Action(Tier.WORK, "keep disruption budgets", keep_budgets, vital=False, repeated=True),
        ]
