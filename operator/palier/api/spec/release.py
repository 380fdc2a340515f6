"""The rules of a release: its landings in order, and what decides when they have no answer."""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from palier.api.field_names import to_camel
from palier.api.rule import ATOMIC, ApiObject, Rule
from palier.api.spec.fields import exactly_one, longer_than_zero
from palier.api.spec.values import Duration, LabelName, OnBreach, OnNoEvidence, OnStableUnavailable

_MIN_BEFORE_MAX: Final = Rule(
    cel=(
        f"!self.minDuration.matches(r'{Duration.form}') || !self.maxDuration.matches(r'{Duration.form}')"
        " || duration(self.minDuration) <= duration(self.maxDuration)"
    ),
    holds=lambda stage: stage.min_duration.seconds <= stage.max_duration.seconds,
    message="maxDuration must not be shorter than minDuration",
    field=".maxDuration",
)


def _warm_up_before(field: str) -> Rule:
    """The rule that a stage is longer than its warm-up."""
    longest = f"self.{field}"
    return Rule(
        cel=(
            f"!has(self.warmUp) || !self.warmUp.matches(r'{Duration.form}') || !{longest}.matches(r'{Duration.form}')"
            f" || duration(self.warmUp) < duration({longest})"
        ),
        holds=lambda stage: stage.warm_up is None or stage.warm_up.seconds < stage.max_duration.seconds,
        message=f"warmUp must be shorter than {field}",
        field=".warmUp",
    )


class Canary(ApiObject):
    """The candidate serves a share of the users' requests, judged by every objective."""

    constraints: ClassVar[tuple[Rule, ...]] = (_MIN_BEFORE_MAX, _warm_up_before("maxDuration"))

    weight: Annotated[int, Field(ge=1, le=99)]
    """The candidate's share of the requests in percent, 1 to 99. Example: `5`."""
    min_duration: Duration = Duration("1m")
    """Shortest stay at this weight, however good the evidence."""
    max_duration: Duration = Duration("1h")
    """Longest stay without enough evidence; then `release.onNoEvidence` decides. Not shorter than `minDuration`."""
    warm_up: Duration | None = None
    """How long after the candidate got this weight its times do not count, because its caches are cold; everything else
    counts at once. When left out: until it is no longer slow; not before one minute or half of `minDuration`, and at
    the latest after four minutes, four times `minDuration` or half of `maxDuration`, whichever comes first. `0s` is
    none. Shorter than `maxDuration`."""


class LoadTestStage(ApiObject):
    """The candidate has to carry the target within its objectives and the budget before users' requests reach it."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        longer_than_zero("maxDuration", what="the maxDuration of a loadTest", example="2h"),
    )

    max_duration: Duration = Duration("2h")
    """Longest time of this stage without a verdict, all its load tests together; then `release.onNoEvidence` decides.
    One load test alone takes at most `spec.scale.loadTest.maxDuration`."""


class GoldenStage(ApiObject):
    """The candidate answers the golden corpus, without any requests of users."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        longer_than_zero("maxDuration", what="the maxDuration of a golden stage", example="30m"),
    )

    max_duration: Duration = Duration("30m")
    """Longest time of this stage without a verdict; then `release.onNoEvidence` decides."""


class ShadowStage(ApiObject):
    """The candidate answers copies of users' requests, and its answers are compared with stable's."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        _MIN_BEFORE_MAX,
        longer_than_zero("maxDuration", what="the maxDuration of a shadow stage", example="30m"),
        _warm_up_before("maxDuration"),
    )

    percent: Annotated[int, Field(ge=1, le=100)] = 20
    """Share of the requests that are copied, in percent, 1 to 100."""
    min_pairs: Annotated[int, Field(ge=20, le=10000000)] = 500
    """Least number of requests that both versions have answered, at least 20."""
    min_duration: Duration = Duration("1m")
    """Shortest time in the shadow, however good the evidence."""
    max_duration: Duration = Duration("30m")
    """Longest time without enough evidence; then `release.onNoEvidence` decides. Not shorter than `minDuration`."""
    warm_up: Duration | None = None
    """How long after the shadow began the candidate's times do not count, because its caches are cold. When left out,
    as in a canary. `0s` is none. Shorter than `maxDuration`."""


class Experiment(ApiObject):
    """Users are split between stable and candidate for a stated time, and the better of the two is kept.

    The candidate is promoted only if it is proven to be better than stable; otherwise stable is kept.
    """

    constraints: ClassVar[tuple[Rule, ...]] = (
        longer_than_zero("duration", what="the duration of an experiment", example="24h"),
        _warm_up_before("duration"),
    )

    objective: LabelName
    """Name of the objective that decides which one is better: a `ratio`, `product`, `errorRate` or `latency`."""
    weight: Annotated[int, Field(ge=1, le=99)] = 50
    """The candidate's share of the users in percent, 1 to 99; even shares need the least time."""
    duration: Duration = Duration("24h")
    """How long users are split. Set it before the experiment begins; a breach ends it early."""
    warm_up: Duration | None = None
    """How long after the candidate got this weight its times do not count, because its caches are cold; everything else
    counts at once. When left out: until it is no longer slow, not before one minute and at the latest after four, or
    half of `duration`. `0s` is none. Shorter than `duration`."""

    @property
    def min_duration(self) -> Duration:
        """Shortest time at this weight."""
        return self.duration

    @property
    def max_duration(self) -> Duration:
        """Longest time at this weight."""
        return self.duration


Landing = Canary | Experiment
"""A stage in which users meet the candidate."""

_KINDS = ("load_test", "golden", "shadow", "canary", "experiment")
"""The kinds of stages in the order in which they may come."""


class Stage(ApiObject):
    """One landing of the release: exactly one of its kinds."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        exactly_one(
            *map(to_camel, _KINDS),
            message=(
                "a stage takes exactly one of loadTest, golden, shadow, canary and experiment, such as canary:"
                " {weight: 5}"
            ),
        ),
    )

    load_test: LoadTestStage | None = None
    """The candidate is load-tested and its cost is computed, without any requests of users. Needs `spec.scale`. Write
    `loadTest: {}`."""
    golden: GoldenStage | None = None
    """The candidate answers requests whose good answers are known, without any requests of users. Needs `spec.golden`.
    Write `golden: {}`."""
    shadow: ShadowStage | None = None
    """The candidate answers copies of users' requests; users get stable's answers. Needs `traffic.gateway`."""
    canary: Canary | None = None
    """The candidate serves a share of the users' requests."""
    experiment: Experiment | None = None
    """The candidate serves a share of the users for a stated time, and is kept only if it is better than stable."""

    @property
    def kind(self) -> str:
        """Which kind it is, by the name of its field."""
        return next(kind for kind in _KINDS if getattr(self, kind) is not None)

    @property
    def rank(self) -> int:
        """Where its kind stands in the order of stages, from 0."""
        return _KINDS.index(self.kind)

    @property
    def landing(self) -> Landing | None:
        """The stage in which users meet the candidate; None for a stage before that."""
        return self.canary or self.experiment

    @property
    def weight(self) -> int:
        """The candidate's share of the users' requests in percent; 0 before any user meets it."""
        return self.landing.weight if self.landing else 0

    @property
    def share(self) -> int:
        """The share of the users' requests that the candidate answers, themselves or their copies, in percent."""
        return self.shadow.percent if self.shadow else self.weight

    @property
    def durations(self) -> tuple[float, ...]:
        """The shortest time of the stage, if it has one, and the longest, in seconds."""
        if timed := self.shadow or self.landing:
            return timed.min_duration.seconds, timed.max_duration.seconds
        alone = self.load_test or self.golden
        return (alone.max_duration.seconds,) if alone else ()


def _default_stages() -> list[Stage]:
    return [Stage(canary=Canary(weight=weight)) for weight in (5, 25, 50)]


def _weights_increase(release: "ReleaseRules") -> bool:
    weights = [stage.canary.weight for stage in release.stages if stage.canary]
    all_of_them = [stage.weight for stage in release.stages]
    return sorted(all_of_them) == all_of_them and len(set(weights)) == len(weights)


def _in_order(release: "ReleaseRules") -> bool:
    ranks = [stage.rank for stage in release.stages]
    alone = [rank for rank in ranks if _KINDS[rank] != "canary"]
    return sorted(ranks) == ranks and len(set(alone)) == len(alone)


_CEL_RANK = "has(stage.loadTest) ? 0 : has(stage.golden) ? 1 : has(stage.shadow) ? 2 : has(stage.canary) ? 3 : 4"


class ReleaseRules(ApiObject):
    """How a new revision becomes stable."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                f"self.stages.map(stage, {_CEL_RANK}).isSorted() && ["
                "self.stages.filter(stage, has(stage.loadTest)), self.stages.filter(stage, has(stage.golden)),"
                " self.stages.filter(stage, has(stage.shadow)), self.stages.filter(stage, has(stage.experiment))"
                "].all(same, same.size() <= 1)"
            ),
            holds=_in_order,
            message=(
                "the stages come in the order loadTest, golden, shadow, canaries, experiment; only canaries can be more"
                " than one"
            ),
            field=".stages",
        ),
        Rule(
            cel=(
                "self.stages.map(stage, has(stage.canary) ? stage.canary.weight : has(stage.experiment) ?"
                " stage.experiment.weight : 0).isSorted() && self.stages.all(stage, !has(stage.canary) ||"
                " self.stages.exists_one(other, has(other.canary) && other.canary.weight == stage.canary.weight))"
            ),
            holds=_weights_increase,
            message="the weights of the stages must increase from stage to stage, such as 5, 25, 50",
            field=".stages",
        ),
        longer_than_zero("progressDeadline", example="10m"),
    )

    stages: Annotated[list[Stage], Field(max_length=16), ATOMIC] = Field(default_factory=_default_stages)
    """The landings on the way up, at most 16, in the order `loadTest`, `golden`, `shadow`, canaries, each with more
    weight than the one before, and `experiment`. A release keeps the stages that it began with; others count from the
    next release on. An empty list replaces stable as soon as the candidate is ready, without any evidence."""
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
    """How long a candidate may be without enough ready pods at the beginning of a stage before the release ends. Only
    the time in which it is not ready counts; pauses and outages of the gateway or of Prometheus do not."""
    candidate_grace: Duration = Duration("1m")
    """How long a candidate with users may be without any ready pod before the release ends, for instance while its node
    is drained. Its weight is 0 at once, and comes back when its pods are ready again. The third such loss in one stage
    ends the release at once."""
    on_stable_unavailable: OnStableUnavailable = OnStableUnavailable.HOLD
    """What happens while stable has no ready pod and a candidate with users has: `Hold` keeps the weights and says so,
    `SendToCandidate` sends all requests to the candidate until stable is back."""
    drain_delay: Duration = Duration("10s")
    """How long pods stay after their traffic went to zero, so that requests in flight end and proxies forget them."""

    @property
    def canaries(self) -> list[Landing]:
        """The stages with traffic of users, in order."""
        return [stage.landing for stage in self.stages if stage.landing is not None]

    @property
    def load_test(self) -> LoadTestStage | None:
        """The load test before them, if there is one."""
        return next((stage.load_test for stage in self.stages if stage.load_test is not None), None)

    @property
    def golden(self) -> GoldenStage | None:
        """The golden answers before them, if they are asked for."""
        return next((stage.golden for stage in self.stages if stage.golden is not None), None)

    @property
    def shadow(self) -> ShadowStage | None:
        """The shadow before them, if there is one."""
        return next((stage.shadow for stage in self.stages if stage.shadow is not None), None)
