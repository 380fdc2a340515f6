"""The rules of a release: its landings in order, and what decides when they have no answer."""

import itertools
from typing import Annotated, ClassVar

from pydantic import Field

from palier.api.rules import ATOMIC, ApiObject, Rule
from palier.api.values import Duration, OnBreach, OnNoEvidence

__all__ = ["Canary", "LoadTestStage", "ReleaseRules", "Stage"]


class Canary(ApiObject):
    """The candidate serves a share of the users' requests, judged by every objective."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                f"!self.minDuration.matches(r'{Duration.form}') || !self.maxDuration.matches(r'{Duration.form}')"
                " || duration(self.minDuration) <= duration(self.maxDuration)"
            ),
            holds=lambda canary: canary.min_duration.seconds <= canary.max_duration.seconds,
            message="maxDuration must not be shorter than minDuration",
            field=".maxDuration",
        ),
    )

    weight: Annotated[int, Field(ge=1, le=99)]
    """The candidate's share of the requests in percent, 1 to 99. Example: `5`."""
    min_duration: Duration = Duration("1m")
    """Shortest stay at this weight, however good the evidence."""
    max_duration: Duration = Duration("1h")
    """Longest stay without enough evidence; then `release.onNoEvidence` decides. Not shorter than `minDuration`."""


class LoadTestStage(ApiObject):
    """The candidate has to carry the target within its objectives and the budget before users' requests reach it."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"!self.maxDuration.matches(r'{Duration.form}') || duration(self.maxDuration) > duration('0s')",
            holds=lambda stage: stage.max_duration.seconds > 0,
            message="the maxDuration of a loadTest must be above zero, such as 2h",
            field=".maxDuration",
        ),
    )

    max_duration: Duration = Duration("2h")
    """Longest time of this stage without a verdict, all its load tests together; then `release.onNoEvidence` decides.
    One load test alone takes at most `spec.scale.loadTest.maxDuration`."""


class Stage(ApiObject):
    """One landing of the release: exactly one of `loadTest` and `canary`."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.loadTest) != has(self.canary)",
            holds=lambda stage: (stage.load_test is None) != (stage.canary is None),
            message="a stage takes exactly one of loadTest and canary, such as canary: {weight: 5}",
        ),
    )

    load_test: LoadTestStage | None = None
    """The candidate is load-tested and its cost is reckoned, without any requests of users; only as the first stage.
    Needs `spec.scale`. Write `loadTest: {}`."""
    canary: Canary | None = None
    """The candidate serves a share of the users' requests."""


def _default_stages() -> list[Stage]:
    return [Stage(canary=Canary(weight=weight)) for weight in (5, 25, 50)]


def _increasing(release: "ReleaseRules") -> bool:
    return all(earlier.weight < later.weight for earlier, later in itertools.pairwise(release.canaries))


class ReleaseRules(ApiObject):
    """How a new revision becomes stable."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "self.stages.map(stage, has(stage.canary), stage.canary.weight).isSorted() && self.stages.all(stage,"
                " !has(stage.canary) || self.stages.exists_one(other, has(other.canary) &&"
                " other.canary.weight == stage.canary.weight))"
            ),
            holds=_increasing,
            message="the weights of the stages must increase from stage to stage, such as 5, 25, 50",
            field=".stages",
        ),
        Rule(
            cel=(
                "!self.stages.exists(stage, has(stage.loadTest)) || has(self.stages[0].loadTest) &&"
                " self.stages.exists_one(stage, has(stage.loadTest))"
            ),
            holds=lambda release: all(stage.load_test is None for stage in release.stages[1:]),
            message="loadTest can only be the first stage, before any canary, and there can be only one",
            field=".stages",
        ),
        Rule(
            cel=(
                f"!self.progressDeadline.matches(r'{Duration.form}')"
                " || duration(self.progressDeadline) > duration('0s')"
            ),
            holds=lambda release: release.progress_deadline.seconds > 0,
            message="progressDeadline must be above zero, such as 10m",
            field=".progressDeadline",
        ),
    )

    stages: Annotated[list[Stage], Field(max_length=16), ATOMIC] = Field(default_factory=_default_stages)
    """The landings on the way up, in order: a `loadTest` if wanted, then canaries, each with more weight than the one
    before; at most 16. An empty list replaces stable as soon as the candidate is ready, without any evidence."""
    on_breach: OnBreach = OnBreach.ROLLBACK
    """What a breached objective does: `Rollback` takes all traffic back at once; `Hold` keeps the weight and waits for
    a person."""
    on_no_evidence: OnNoEvidence = OnNoEvidence.HOLD
    """What happens at a stage's `maxDuration` without a verdict: `Hold` keeps the weight and waits, `Rollback` takes
    all traffic back."""
    paused: bool = False
    """True keeps a release where it stands; a breach still rolls back."""
    rollback_window: Duration = Duration("10m")
    """How long the former stable revision stays ready after a promotion, so that a way back needs no start."""
    progress_deadline: Duration = Duration("10m")
    """How long a candidate may take to become ready before the release fails."""
    drain_delay: Duration = Duration("10s")
    """How long pods stay after their traffic went to zero, so that requests in flight end and proxies forget them."""

    @property
    def canaries(self) -> list[Canary]:
        """The stages with traffic of users, in order; `status.release.stageIndex` counts these."""
        return [stage.canary for stage in self.stages if stage.canary is not None]

    @property
    def load_test(self) -> LoadTestStage | None:
        """The load test before them, if there is one."""
        return self.stages[0].load_test if self.stages else None
