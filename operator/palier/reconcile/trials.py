"""Has candidates tried before users meet them: the load test and golden answers in Jobs, the shadow by a proxy.

What they find out is observed here and decided in `release`; here are only the addresses, the texts and the objects.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from palier.api.v1alpha1 import ModelDeployment, Sampling
from palier.cluster import goldens, loadtests, shadows
from palier.cluster.client import Cluster
from palier.cluster.denials import Denial
from palier.cluster.diagnostics import PodDiagnostics
from palier.cluster.gateways import Gateways
from palier.cluster.goldens import Goldens
from palier.cluster.inputs import SpecInputs
from palier.cluster.loadtests import LoadTests
from palier.cluster.shadows import Shadows
from palier.cluster.store import Store
from palier.errors import ClusterError, InvalidSpec, MetricsUnavailable
from palier.golden import plan as golden_plan
from palier.manifests.metadata import child_name, pod_prefix
from palier.manifests.shadow import LABEL_SHADOW, PORT, shadow_name
from palier.manifests.traffic import Mirror
from palier.metrics.prometheus import MetricSource
from palier.metrics.usage import usage
from palier.release.examining import GoldenFacts, GoldenRun
from palier.release.observation import Observation
from palier.release.shadowing import ShadowFacts, ShadowRun
from palier.release.situation import Decision, Situation
from palier.release.stages.table import work_at
from palier.release.state import State
from palier.release.targets import ALL, Targets
from palier.release.testing import LoadTestFacts, Run
from palier.shadow import plan as shadow_plan

logger = logging.getLogger(__name__)

LONGEST_QUESTION = 10.0
"""Seconds after which an answer is given up: nobody's abort or rollback waits for what a Job has found."""

NO_ANSWER = "the API server does not answer in time"

Versions = Mapping[str, Mapping[str, str]]
"""What is compared, by its part in the comparison: names and versions of model and prompts."""


class Trials:
    """The load tests, the golden answers and the shadows of all ModelDeployments."""

    def __init__(
        self, *, cluster: Cluster, store: Store, source: MetricSource, image: str, cluster_wide: bool = True
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._source = source
        self._load_tests = LoadTests(cluster, store, image)
        self._shadows = Shadows(cluster, store, image)
        self._goldens = Goldens(cluster, store, image)
        self._gateways = Gateways(cluster, cluster_wide=cluster_wide)
        self._diagnostics = PodDiagnostics(cluster)
        self._unready_since: dict[tuple[str, str], float] = {}
        """By namespace and name of the ModelDeployment: since when its proxy is not ready."""

    async def complete_observation(
        self, deployment: ModelDeployment, observation: Observation, state: State, *, inputs: SpecInputs, now: float
    ) -> Observation:
        """The observation with what is known of the load test, the golden answers or the shadow."""
        release = state.release
        if release is None or release.stage is None or state.candidate is None:
            return observation
        if release.stage.golden and not observation.unreadable:
            observation = self._add_golden_digest(deployment, observation, state, inputs)
        match work_at(Situation(deployment, observation, state, now)):
            case Run() as run:
                return replace(observation, load_test=await self._load_test_facts(deployment, run))
            case GoldenRun() as run:
                described = observation.describe_revision(deployment, state.candidate.revision)
                about = _in_words(_versions(described, state, inputs))
                return replace(observation, golden=replace(await self._golden_facts(described, run), about=about))
            case ShadowRun() as run:
                facts = shadows.facts(self._store, deployment, run)
                return replace(observation, shadow=await self._explain_unready(deployment, run, facts, now=now))
            case _:
                return observation

    def demand_images(self, deployment: ModelDeployment, observation: Observation, decision: Decision) -> None:
        """Refuse what nothing could run, before anybody is told that it runs.

        Raises:
            InvalidSpec: neither the spec nor the operator's own settings name an image.
        """
        described = _describe_tried(deployment, observation, decision)
        self._load_tests.demand_image(described, decision.run)
        self._goldens.demand_image(described, decision.examination)
        self._shadows.demand_image(described, decision.shadow)

    async def mirror(self, deployment: ModelDeployment, decision: Decision, targets: Targets) -> Mirror | None:
        """Where the gateway sends copies of the requests; None where it sends none."""
        if decision.shadow is None or not targets.mirrored:
            return None
        at_gateway = await self._sampled_at_gateway(deployment, decision.shadow)
        percent = decision.shadow.percent if at_gateway else None
        return Mirror(shadow_name(deployment, decision.shadow), PORT, percent)

    def programs(
        self, deployment: ModelDeployment, observation: Observation, decision: Decision, *, inputs: SpecInputs
    ) -> Mapping[str, Callable[[], Awaitable[Denial]]]:
        """By the kind of a program: how to have it run if it has to, and nothing of any other one.

        Each tells what may not go, and raises InvalidSpec where nothing names the image that would do it.
        """
        described = _describe_tried(deployment, observation, decision)
        versions = _versions(described, decision.state, inputs) if decision.state.candidate else {}

        async def keep_load_test() -> Denial:
            return await self._load_tests.keep(described, decision.run, requests=inputs.requests)

        async def keep_golden() -> Denial:
            run, plan = decision.examination, ""
            if run is not None:
                plan = self._golden_plan(described, run.candidate, run.stable, inputs, versions).to_json()
            return await self._goldens.keep(
                described, run, plan_json=plan, requests=inputs.golden_requests, calibration=inputs.calibration
            )

        async def keep_shadow() -> Denial:
            run, plan = decision.shadow, ""
            if run is not None:
                plan = await self._shadow_plan(described, run, versions)
            return await self._shadows.keep(described, run, plan_json=plan)

        kept: dict[str, Callable[[], Awaitable[Denial]]] = {"shadow": keep_shadow}
        if not decision.work_stays:  # what runs was told everything: it goes on while a text is away for a moment
            kept |= {"load test": keep_load_test, "golden answers": keep_golden}
        return kept

    def forget(self, namespace: str, name: str) -> None:
        """The object is gone."""
        self._unready_since.pop((namespace, name), None)
        self._diagnostics.forget(namespace, name)

    async def _sampled_at_gateway(self, deployment: ModelDeployment, run: ShadowRun) -> bool:
        """Whether the route itself takes the sample; all of the requests need no sampling."""
        gateway = deployment.spec.traffic.gateway
        if run.percent == ALL or gateway is None:
            return False
        match deployment.spec.shadow.sampling:
            case Sampling.GATEWAY:
                return True
            case Sampling.PROXY:
                return False
            case Sampling.AUTO:
                return await self._gateways.mirrors_percent(deployment, gateway)

    async def _explain_unready(
        self, deployment: ModelDeployment, run: ShadowRun, facts: ShadowFacts, *, now: float
    ) -> ShadowFacts:
        """With the kubelet's words where a proxy is not ready."""
        namespace, name = deployment.metadata.namespace, deployment.metadata.name
        if facts.ready or not facts.exists or facts.message:
            self._unready_since.pop((namespace, name), None)
            self._diagnostics.forget(namespace, name)
            return facts
        since = self._unready_since.setdefault((namespace, name), now)
        labels = {LABEL_SHADOW: shadow_name(deployment, run)}
        try:
            message = await self._diagnostics.diagnose(namespace, name, labels, since=since, now=now)
        except ClusterError as error:  # it is only told, and nothing is decided by it
            logger.warning("why the shadow proxy of %s/%s is not ready is not known: %s", namespace, name, error)
            message = self._diagnostics.recall(namespace, name)
        return replace(facts, message=message)

    def _add_golden_digest(
        self, deployment: ModelDeployment, observation: Observation, state: State, inputs: SpecInputs
    ) -> Observation:
        """The observation with the digest of the golden answers that are asked for now."""
        assert state.candidate is not None  # noqa: S101 - golden answers are a candidate's
        candidate, stable = state.candidate.revision, state.stable.revision if state.stable else ""
        described = observation.describe_revision(deployment, candidate)
        try:
            plan = self._golden_plan(described, candidate, stable, inputs, {})
        except InvalidSpec as error:
            # The golden answers have to wait for it; a candidate with users must not.
            return replace(observation, unreadable=f"{error.field}: {error.message}")
        return replace(observation, golden_digest=golden_plan.digest(plan))

    async def _load_test_facts(self, deployment: ModelDeployment, run: Run) -> LoadTestFacts:
        """What is known of the run's Job, with what the tested pods used while they carried their capacity."""
        try:
            async with asyncio.timeout(LONGEST_QUESTION):
                facts = await loadtests.facts(self._cluster, self._store, deployment, run)
        except (ClusterError, TimeoutError) as error:
            message = str(error) or NO_ANSWER
            logger.warning("a load test of %s cannot be read: %s", deployment.metadata.name, message)
            return LoadTestFacts(exists=True, message=message)
        result = facts.result
        if result is None or result.soak_began is None or result.soak_ended is None:
            return facts
        try:
            async with asyncio.timeout(LONGEST_QUESTION):
                used = await usage(
                    self._source,
                    namespace=deployment.metadata.namespace,
                    pod_prefix=pod_prefix(deployment.metadata.name, run.revision),
                    began=result.soak_began,
                    ended=result.soak_ended,
                )
        except (MetricsUnavailable, TimeoutError) as error:
            logger.info("what the pods used under load is not known: %s", str(error) or type(error).__name__)
            return facts
        return replace(facts, usage=replace(used, cold_start=facts.usage.cold_start))

    async def _golden_facts(self, deployment: ModelDeployment, run: GoldenRun) -> GoldenFacts:
        try:
            async with asyncio.timeout(LONGEST_QUESTION):
                return await goldens.facts(self._cluster, self._store, deployment, run)
        except (ClusterError, TimeoutError) as error:
            message = str(error) or NO_ANSWER
            logger.warning("golden answers of %s cannot be read: %s", deployment.metadata.name, message)
            return GoldenFacts(exists=True, message=message)

    def _golden_plan(
        self, deployment: ModelDeployment, candidate: str, stable: str, inputs: SpecInputs, versions: Versions
    ) -> golden_plan.GoldenPlan:
        return golden_plan.plan_for(
            deployment,
            candidate=candidate,
            stable=stable,
            candidate_url=self._url(deployment, candidate),
            stable_url=self._url(deployment, stable) if stable else "",
            requests=inputs.golden_requests,
            judge_prompt=inputs.judge_prompt,
            calibration=inputs.calibration,
            versions=versions,
        )

    async def _shadow_plan(self, described: ModelDeployment, run: ShadowRun, versions: Versions) -> str:
        return shadow_plan.plan_for(
            described,
            candidate=run.candidate,
            stable=run.stable,
            percent=ALL if await self._sampled_at_gateway(described, run) else run.percent,
            candidate_url=self._url(described, run.candidate),
            stable_url=self._url(described, run.stable),
            comparison=run.digest,
            versions=versions,
        ).to_json()

    def _url(self, deployment: ModelDeployment, revision: str) -> str:
        """Where a revision is reached without asking any DNS; by its name where its Service has no address."""
        namespace, name = deployment.metadata.namespace, child_name(deployment, revision)
        service = self._store.get("Service", namespace, name)
        if service is None:
            return ""
        address, port = service["spec"].get("clusterIP", ""), service["spec"]["ports"][0]["port"]
        if not address or address == "None":
            return f"http://{name}.{namespace}.svc:{port}"
        return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _describe_tried(deployment: ModelDeployment, observation: Observation, decision: Decision) -> ModelDeployment:
    """The spec as the revision serves it that is tried."""
    if decision.run:
        return observation.describe_revision(deployment, decision.run.revision)
    candidate = decision.state.candidate
    return observation.describe_revision(deployment, candidate.revision) if candidate else deployment


def _versions(deployment: ModelDeployment, state: State, inputs: SpecInputs) -> Versions:
    """The models and prompts of both versions, as far as they are known."""
    model = deployment.spec.model
    prompts = {
        f"prompt/{name}": f"sha256:{hashlib.sha256(text.encode()).hexdigest()}" for name, text in inputs.prompts.items()
    }
    uri = {"uri": model.uri} if model.uri else {}
    candidate = {"model": model.name, "version": model.version, **uri, **prompts}
    if state.stable is None:
        return {"candidate": candidate}
    return {"candidate": candidate, "stable": {"model": state.stable.model, "version": state.stable.version}}


def _in_words(versions: Versions) -> tuple[str, ...]:
    """A line for each version."""
    return tuple(
        f"{part}: {', '.join(f'{name} {value}' for name, value in named.items())}"[:512]
        for part, named in versions.items()
    )
