"""The small world with golden answers and shadows: a proxy that comes late or dies, answers that differ or do not.

How often a revision answers differently, how slow it is and what its golden answers find are functions of the revision
alone, so that two runs of one fate can be compared, and what should come of it is known without asking Palier.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from typing_extensions import override

from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.objective import Counts, observe, start_evidence
from palier.manifests.golden import golden_name
from palier.manifests.shadow import shadow_name
from palier.measuring.coverage import Coverage
from palier.release.examining import GoldenFacts, GoldenRun
from palier.release.observation import MeasuredEvidence, Observation
from palier.release.shadow_objectives import COVERAGE, LEFT_OUT
from palier.release.shadowing import NO_SHADOW, ShadowFacts, ShadowRun
from palier.release.situation import Decision, Situation
from palier.release.stages.table import work_at
from palier.release.state import Release, ReleasePhase, State
from palier.release.targets import Targets
from tests.support.release.trial_specs import Truth, revision_of
from tests.support.release.world import World

DRAINED_AFTER = 2.0
"""Seconds after its last copy in which a proxy still counts pairs: what waited in its queue."""


@dataclass
class Proxy:
    """A shadow proxy; what it compares by was fixed when it was made."""

    run: ShadowRun
    made_at: float
    lenient: bool
    last_copy: float = 0.0


@dataclass
class TrialWorld(World):
    """A world whose releases begin with golden answers and a shadow."""

    truths: dict[str, Truth] = field(default_factory=dict)
    """By revision; a revision that is not here answers as stable does."""
    corpus: str = "0123456789abcdef"
    """Digest of the golden answers."""
    examination_takes: float = 2.0
    proxy_takes: float = 2.0
    proxies_live: bool = True
    proxies: dict[str, Proxy] = field(default_factory=dict)
    jobs: dict[str, tuple[GoldenRun, float]] = field(default_factory=dict)
    """Run and start by the name of the Job."""
    made: list[GoldenRun] = field(default_factory=list)
    """Every Job that was ever made."""
    mirror: str | None = None
    """The Service that the route sends copies to, as written."""
    copied_to: str | None = None
    """The same as the gateway does it."""
    paired: dict[float, tuple[int, int, int, int]] = field(default_factory=dict)
    """What the proxies have counted in each second: pairs, those that differ, those slower, and those without an answer
    of the candidate."""
    unpaired: float = 0.0
    """Share of the sampled requests that the proxy loses."""
    pairs: dict[str, int] = field(default_factory=dict)
    """Pairs of each revision, ever."""
    unseen_since: float | None = None
    away: bool = False
    """There is no operator."""
    decision: Decision | None = None
    """The last one."""

    @classmethod
    def born(cls, deployment: ModelDeployment, **fields: Any) -> "TrialWorld":  # noqa: ANN401 - fields of the world
        """A world in which a spec was just applied."""
        return cls(deployment, revision_of(deployment), **fields)

    def truth(self, revision: str) -> Truth:
        """What is so about a revision."""
        return self.truths.get(revision, Truth())

    def ask_for(self, deployment: ModelDeployment) -> str:
        """The author applies a spec; the revision that it asks for."""
        generation = self.deployment.metadata.generation + 1
        metadata = deployment.metadata.model_copy(update={"generation": generation})
        self.deployment = deployment.model_copy(update={"metadata": metadata})
        self.revision = revision_of(self.deployment)
        return self.revision

    @override
    def observation(self) -> Observation:
        """With the looks of the moment, the golden answers and the shadow."""
        seen, release = replace(super().observation(), golden_digest=self.corpus), self.state.release
        if release and release.phase in {ReleasePhase.SHADOWING, ReleasePhase.CANARY}:
            seen = replace(seen, measured=self._measured(release))
        work = work_at(Situation(self.pinned(), seen, self.state, self.now))
        return replace(
            seen,
            golden=self._examined(work if isinstance(work, GoldenRun) else None),
            shadow=self._shadowed(work if isinstance(work, ShadowRun) else None),
        )

    @override
    def reconcile(self) -> Iterator[str]:
        """As the shell: a proxy is made after the memory was written, and goes after the route that names it."""
        yield from super().reconcile()
        assert self.decision is not None
        yield from self._keep(self.decision)

    @override
    def act_besides(self, decision: Decision) -> Iterator[str]:
        """Only remembers: Jobs and proxies come after the route."""
        self.decision = decision
        yield from ()

    @override
    def tick(self, *, kill_after: int | None = None) -> None:
        """One second passes for the proxies, too."""
        now = self.now + 1
        if self.accepted or self.gateway_answers:
            self.copied_to = self.mirror
        if (found := self.proxies.get(self.copied_to or "")) and self._ready(found):
            found.last_copy = now
        self._pair(now)
        super().tick(kill_after=kill_after)

    def restart(self, *, after: int = 0) -> None:
        """The operator dies and comes back, and acts before it has looked at anything.

        Args:
            after: seconds without any operator, in which the world goes on.
        """
        self.forget()
        self.away = True
        self.run(after)
        self.away = False
        self.settle()

    @override
    def settle(self, *, kill_after: int | None = None) -> None:
        """Without an operator nothing is done."""
        if not self.away:
            super().settle(kill_after=kill_after)

    @override
    def forget(self) -> None:
        """The process dies; the next one knows only the status."""
        super().forget()
        self.unseen_since = None

    def left_behind(self) -> set[str]:
        """What exists and belongs to nothing that serves or is kept warm."""
        kept = {reference.revision for reference in (self.state.stable,) if reference}
        if self.state.former:
            kept.add(self.state.former.reference.revision)
        return {*(set(self.replicas) - kept), *self.jobs, *self.proxies, *({self.mirror} - {None})}

    def ready_proxy(self, name: str) -> bool:
        """Whether a proxy can take copies."""
        return name in self.proxies and self._ready(self.proxies[name])

    def _ready(self, proxy: Proxy) -> bool:
        return self.proxies_live and self.now >= proxy.made_at + self.proxy_takes

    def _pair(self, now: float) -> None:
        """What the proxies count in the second that ends now."""
        added = [0, 0, 0, 0]
        for proxy in self.proxies.values():
            if not proxy.last_copy or not self._ready(proxy) or now > proxy.last_copy + DRAINED_AFTER:
                continue
            revision = proxy.run.candidate
            truth, pairs = self.truth(revision), self.requests_per_second * proxy.run.percent // 100
            differs = truth.differs_leniently if proxy.lenient else truth.differs
            dead = not self.ready.get(revision)
            shares = (1.0, 1.0 if dead else differs, 1.0 if dead else truth.slower, float(dead))
            for place, share in enumerate(shares):
                added[place] += round(pairs * share)
            self.pairs[revision] = self.pairs.get(revision, 0) + pairs
        self.paired[now] = (added[0], added[1], added[2], added[3])

    @override
    def _steer(self, wanted: Targets) -> bool:
        """With the copies: never to a proxy that cannot take them."""
        assert self.decision is not None
        run = self.decision.shadow if wanted.mirrored else None
        mirror = shadow_name(self.deployment, run) if run else None
        assert mirror is None or self.ready_proxy(mirror), "copies for a proxy that is not ready"
        steered = super()._steer(wanted)
        if mirror == self.mirror:
            return steered
        self.mirror, self.steered_at, self.accepted = mirror, self.now, self.gateway_answers
        if self.accepted:
            self.copied_to = mirror
        return True

    def _keep(self, decision: Decision) -> Iterator[str]:
        proxy = shadow_name(self.deployment, decision.shadow) if decision.shadow else ""
        for other in [other for other in self.proxies if other not in {proxy, self.mirror}]:
            if self.accepted:
                assert other != self.copied_to, "users of a route whose mirror has no Service get errors"
                del self.proxies[other]
                yield f"removed {other}"
        if decision.shadow and proxy not in self.proxies:
            lenient = bool(self.deployment.spec.answers.effective_checks[0].ignore)
            self.proxies[proxy] = Proxy(decision.shadow, self.now, lenient)
            yield f"made {proxy}"
        elif decision.shadow:
            self.proxies[proxy].run = decision.shadow  # another share of the requests needs no other proxy
        job = golden_name(self.deployment, decision.examination) if decision.examination else ""
        for other in [other for other in self.jobs if other != job]:
            del self.jobs[other]
            yield f"removed {other}"
        if decision.examination and job not in self.jobs:
            self.jobs[job] = decision.examination, self.now
            self.made.append(decision.examination)
            yield f"made {job}"

    def _examined(self, run: GoldenRun | None) -> GoldenFacts:
        under_way = self.jobs.get(golden_name(self.deployment, run)) if run else None
        if run is None or under_way is None:
            return GoldenFacts()
        truth, (_, started) = self.truth(run.candidate), under_way
        if truth.golden == "Never" or self.now < started + self.examination_takes:
            return GoldenFacts(exists=True, running=True, started_at=started)
        result = truth.found()
        if result is None:
            return GoldenFacts(exists=True, failed=True, message="the pod was evicted", started_at=started)
        return GoldenFacts(exists=True, result=result, started_at=started, about=("candidate: m",))

    def _shadowed(self, run: ShadowRun | None) -> ShadowFacts:
        name = shadow_name(self.deployment, run) if run else ""
        found = self.proxies.get(name)
        if found is None:
            return NO_SHADOW
        return ShadowFacts(exists=True, ready=self._ready(found), mirrored=self.mirror == name and self.accepted)

    def _measured(self, release: Release) -> MeasuredEvidence:
        """What the looks have told; before the first one of a process nothing, and nobody knows since when."""
        if release.traffic_since is None or self.evidence_of != _watched(self.state):
            return MeasuredEvidence(pods_read=Coverage(unseen="no look yet"))
        gathered = MeasuredEvidence(evidence=dict(self.evidence), pods_read=Coverage(self.last_look))
        if self.measurable:
            return gathered
        return replace(gathered, pods_read=Coverage(self.last_look, "Prometheus is away", self.unseen_since))

    @override
    def _look(self) -> None:
        """Like that of the world, for the pairs of a shadow too, and with failures of stable."""
        release, candidate = self.state.release, self.state.candidate
        steps = {ReleasePhase.SHADOWING, ReleasePhase.CANARY}
        if self.away or not release or not candidate or release.phase not in steps or release.traffic_since is None:
            return
        if self.evidence_of != _watched(self.state) or (release.pods_read.until or 0) > (self.last_look or 0):
            self.evidence_of, self.last_look = _watched(self.state), release.pods_read.until
            self.evidence = dict(release.evidence)
        if not self.measurable:
            self.unseen_since = self.unseen_since or self.now
            return
        self.unseen_since = None
        begin = self.last_look if self.last_look is not None else release.traffic_since
        assert self.decision is not None
        objectives = self.decision.objectives.measured  # not those of a spec that nobody has read yet
        for instant in [moment for moment in self.counted if begin < moment <= self.now]:
            for objective in objectives:
                rule = objective.rule
                known_so_far = self.evidence.get(rule.name)
                if known_so_far is None or known_so_far.of != objective.digest:
                    known_so_far = start_evidence(objective.digest)
                counts = self._in_shadow if release.phase is ReleasePhase.SHADOWING else self._in_canary
                self.evidence[rule.name] = observe(known_so_far, *counts(rule.name, instant), rule)
        self.last_look = self.now

    def _in_shadow(self, objective: str, instant: float) -> tuple[Counts, Counts]:
        """What a proxy has counted for an objective in a second: of the candidate, and of stable."""
        pairs, differing, slower, unanswered = self.paired[instant]
        lost = round(pairs * self.unpaired)
        total, bad = {
            "answers": (pairs - lost, differing),
            "pace": (pairs - lost, slower),
            "errors": (pairs, unanswered),
            COVERAGE: (pairs, lost),
            LEFT_OUT: (pairs, 0),
        }[objective]
        return Counts(total, min(bad, total), min(bad, total)), Counts(total, 0, 0)

    def _in_canary(self, objective: str, instant: float) -> tuple[Counts, Counts]:
        """What the pods have counted for the only objective with users in a second."""
        assert objective == "errors"
        assert self.state.stable is not None
        share, failing = self.counted[instant]
        total = round(self.requests_per_second * share)
        others = self.requests_per_second - total
        bad, also = round(total * failing), round(others * self.failing.get(self.state.stable.revision, 0.0))
        return Counts(total, bad, bad), Counts(others, also, also)


def _watched(state: State) -> tuple[Any, ...]:
    """Names the stretch of a release that is looked at."""
    release = state.release
    assert release is not None
    return state.candidate, release.started_at, release.landing, release.traffic_since
