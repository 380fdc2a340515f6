"""What a candidate is judged by: the promises to users and the counters that show whether they are kept."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from palier.api.field_names import to_snake
from palier.api.rule import ApiObject, Rule
from palier.api.spec.fields import exactly_one, longer_than_zero
from palier.api.spec.values import (
    Amount,
    CounterOwner,
    Duration,
    HistogramSelector,
    LabelKey,
    LabelName,
    Percent,
    ProductSignal,
    Proof,
    Selector,
    TimeUnit,
)


class HistogramSignal(ApiObject):
    """A Prometheus histogram of times, classic or native."""

    histogram: HistogramSelector
    """Name of the histogram without its `_bucket` suffix, with label matchers if needed.
    Example: `http_request_duration_seconds{handler="/predict"}`."""
    unit: TimeUnit = TimeUnit.SECONDS
    """Unit of the bucket edges: `Seconds`, `Milliseconds` or `Microseconds`."""


class Signals(ApiObject):
    """Series that the pods export to Prometheus, as plain PromQL vector selectors; they go before a preset's."""

    requests: Selector | None = None
    """Counter of all requests. Example: `http_requests_total`."""
    errors: Selector | None = None
    """Counter of failed requests, counted by `requests` too. Example: `http_requests_total{code=~"5.."}`."""
    latency: HistogramSignal | None = None
    """Histogram of response times; latency objectives read it."""
    time_to_first_token: HistogramSignal | None = None
    """Histogram of the times until the first token of an answer."""
    inter_token_latency: HistogramSignal | None = None
    """Histogram of the times between two tokens, counted for each token."""
    time_per_output_token: HistogramSignal | None = None
    """Histogram of the mean times between two tokens, counted for each request."""
    queue_time: HistogramSignal | None = None
    """Histogram of the times that requests wait before work on them begins."""
    tokens_in: Selector | None = None
    """Counter of prompt tokens."""
    tokens_out: Selector | None = None
    """Counter of generated tokens."""
    queue_depth: Selector | None = None
    """Gauge of waiting requests."""


class TimeSignal(StrEnum):
    """Which of the signals a latency objective reads."""

    LATENCY = "latency"
    TIME_TO_FIRST_TOKEN = "timeToFirstToken"  # noqa: S105 - a token of text
    INTER_TOKEN_LATENCY = "interTokenLatency"  # noqa: S105
    TIME_PER_OUTPUT_TOKEN = "timePerOutputToken"  # noqa: S105
    QUEUE_TIME = "queueTime"


class Latency(ApiObject):
    """At most 100 minus `percentile` percent of the requests may be slower than `threshold`."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        longer_than_zero("threshold", example="250ms"),
        Rule(
            cel="!has(self.source) || self.source != 'Router' || self.signal == 'latency'",
            holds=lambda latency: latency.source is not CounterOwner.ROUTER or latency.signal is TimeSignal.LATENCY,
            message="a router measures whole responses only: signal must be latency where source is Router",
            field=".signal",
        ),
    )

    signal: TimeSignal = TimeSignal.LATENCY
    """What is timed: `latency` (the whole response), `timeToFirstToken`, `interTokenLatency`, `timePerOutputToken` or
    `queueTime`."""
    percentile: Annotated[int, Field(ge=50, le=99)]
    """Percentile as a whole number, 50 to 99. Example: `95` allows 5 % of the requests to be slower."""
    threshold: Duration
    """Longest time of a good request, best an edge of the histogram's buckets. Examples: `250ms`, `2s`."""
    source: CounterOwner | None = None
    """Whose histogram: `Pods` (default) or `Router`, the gateway's proxies; needs `traffic.gateway.router`."""


class ErrorRate(ApiObject):
    """At most `maxPercent` of the requests may fail."""

    max_percent: Percent
    """Largest allowed share of failed requests in percent, in quotes, above 0 and below 100, at most 4 decimals.
    Example: `"1"`."""
    source: CounterOwner | None = None
    """Whose counters: `Pods`, or `Router`, the gateway's proxies, which also see requests that a pod never answers;
    needs `traffic.gateway.router`. Left out: the pods' where `signals` or the runtime's preset names both counters,
    else the router's."""


class Ratio(ApiObject):
    """At most `maxPercent` of the events of one counter may be events of another."""

    bad: Selector
    """Counter of bad events. Example: `feedback_total{kind="bad"}`."""
    total: Selector
    """Counter of all events, the bad ones included. Example: `feedback_total`."""
    max_percent: Percent
    """Largest allowed share of bad events in percent, in quotes, above 0 and below 100, at most 4 decimals.
    Example: `"10"`."""


class CountedSignal(StrEnum):
    """Which of the signals has a mean."""

    LATENCY = "latency"
    TIME_TO_FIRST_TOKEN = "timeToFirstToken"  # noqa: S105 - a token of text
    INTER_TOKEN_LATENCY = "interTokenLatency"  # noqa: S105
    TIME_PER_OUTPUT_TOKEN = "timePerOutputToken"  # noqa: S105
    QUEUE_TIME = "queueTime"
    TOKENS_IN = "tokensIn"
    TOKENS_OUT = "tokensOut"


class Mean(ApiObject):
    """The mean of something may be at most `max`: for what has no histogram, such as the tokens of an answer."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.signal) ? !has(self.sum) && !has(self.count) : has(self.sum) && has(self.count)",
            holds=lambda mean: (
                (mean.sum is None) == (mean.count is None) and (mean.signal is None) != (mean.sum is None)
            ),
            message="a mean takes either signal, or both sum and count",
        ),
        Rule(
            cel=(
                f"!has(self.maxPerEvent) || !self.max.matches(r'{Amount.form}') ||"
                f" !self.maxPerEvent.matches(r'{Amount.form}') || double(self.maxPerEvent) >= double(self.max)"
            ),
            holds=lambda mean: mean.max_per_event is None or mean.max_per_event.value >= mean.max.value,
            message="maxPerEvent must be at least max: no mean is above the largest amount of one event",
            field=".maxPerEvent",
        ),
    )

    signal: CountedSignal | None = None
    """A signal of `signals` or of the runtime's preset: one that is timed, judged in seconds, or `tokensIn` or
    `tokensOut`, judged in tokens for each request."""
    sum: Selector | None = None
    """Counter of the summed values. Example: `answer_characters_sum`."""
    count: Selector | None = None
    """Counter of how many values were summed. Example: `answer_characters_count`."""
    max: Amount
    """Largest allowed mean as a decimal number in quotes. Example: `"0.35"`."""
    max_per_event: Amount | None = None
    """Largest amount that one event can ever have, in the unit of `max`, in quotes: the token limit of an answer, the
    timeout of a request. With it a promotion proves that the mean is below `max`; without it all is an estimate.
    Example: `"4096"`."""


class Score(ApiObject):
    """The mean of scores between 0 and 1 must be at least `min`: for quality that pods or judges count."""

    sum: Selector
    """Counter of the summed scores; each score lies between 0 and 1. Example: `judge_score_sum`."""
    count: Selector
    """Counter of how many scores were summed. Example: `judge_score_count`."""
    min: Percent
    """Smallest allowed mean in percent of the best score, in quotes, above 0 and below 100. Example: `"80"` for 0.8."""


class Level(ApiObject):
    """At most `maxPercent` of the scrapes may show a gauge above `max`: for queues. Not compared with stable."""

    gauge: Selector | None = None
    """The gauge; the signal `queueDepth` when left out. Example: `vllm:num_requests_waiting`."""
    max: Amount
    """Largest good value as a decimal number in quotes. Example: `"20"`."""
    max_percent: Percent
    """Largest allowed share of scrapes above it in percent, in quotes, above 0 and below 100. Example: `"5"`."""


class UnitCost(ApiObject):
    """A thousand inferences may cost at most so much, in the currency of `spec.budget`: for live traffic."""

    max_per_thousand_inferences: Amount
    """Largest allowed cost of a thousand requests as a decimal number in quotes: what the pods cost, also while they
    are idle, for each thousand requests that they answer. Example: `"0.40"`."""


class Agreement(ApiObject):
    """At least `minPercent` of the shadowed requests are answered alike by candidate and stable."""

    min_percent: Percent
    """Least share of pairs that agree in percent, in quotes, above 0 and below 100. Example: `"97"`."""
    check: LabelName | None = None
    """Name of the one check of `spec.answers` that this objective is about; all together when left out."""


class Slowdown(ApiObject):
    """At most `maxPercent` of the shadowed requests take the candidate `factor` times as long as stable.

    Both answer the same request at the same moment, so that a candidate that is merely slower is found by few requests,
    whatever they ask.
    """

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"!self.factor.matches(r'{Amount.form}') || double(self.factor) >= 1.0",
            holds=lambda slowdown: slowdown.factor.value >= 1,
            message='factor must be at least "1": how many times as long as stable',
            field=".factor",
        ),
    )

    factor: Amount = Amount("1.5")
    """How many times as long as stable the candidate may take for the same request, in quotes, at least 1."""
    max_percent: Percent = Percent("50")
    """Largest allowed share of pairs beyond it in percent, in quotes: `"50"` is about the typical request, `"5"` about
    nearly all of them."""


class Product(ApiObject):
    """At most `maxPercent` of the users' sessions or votes may go badly, as the front end counts them.

    The front end exports `product_sessions_total` and `product_feedback_total` with the label `revision`, the value of
    the answers' header `x-palier-revision`; docs/product-signals.md has the details.
    """

    signal: ProductSignal
    """`FirstPassResolution`: sessions that were not resolved by the first answer. `Abandonment`: sessions that were
    left without an answer that helped. `Feedback`: votes that were thumbs down. `ManualFallback`: sessions that a
    person had to take over."""
    max_percent: Percent
    """Largest allowed share of them in percent, in quotes, above 0 and below 100. Example: `"10"`."""


KINDS = ("latency", "errorRate", "ratio", "product", "mean", "score", "level", "agreement", "slowdown", "cost")
_SHARES = ("latency", "errorRate", "ratio", "product")
_LIMITED = (*_SHARES, "level", "agreement", "slowdown")
_LABELLED = ("ratio", "product", "score")
_CEL_SHARES = " || ".join(f"has(self.{kind})" for kind in _SHARES)


def _list_given_kinds(objective: "Objective") -> list[str]:
    return [name for name in KINDS if getattr(objective, to_snake(name)) is not None]


def _of_router(objective: "Objective") -> bool:
    kinds = (objective.latency, objective.error_rate)
    return any(kind is not None and kind.source is CounterOwner.ROUTER for kind in kinds)


class Objective(ApiObject):
    """One promise to the users of the model: exactly one of its kinds, from `latency` to `cost`."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        exactly_one(
            *KINDS,
            message=(
                "an objective takes exactly one of latency, errorRate, ratio, product, mean, score, level, agreement,"
                " slowdown and cost"
            ),
        ),
        Rule(
            cel=f"!has(self.segmentBy) || {_CEL_SHARES}",
            holds=lambda objective: objective.segment_by is None or set(_list_given_kinds(objective)) <= set(_SHARES),
            message="only latency, errorRate, ratio and product objectives can be judged by segment",
            field=".segmentBy",
        ),
        Rule(
            cel=(
                "!has(self.segmentBy) || !(has(self.latency) && has(self.latency.source) && self.latency.source =="
                " 'Router' || has(self.errorRate) && has(self.errorRate.source) && self.errorRate.source == 'Router')"
            ),
            holds=lambda objective: objective.segment_by is None or not _of_router(objective),
            message="a router does not know groups of users: segmentBy needs counters of the pods",
            field=".segmentBy",
        ),
        Rule(
            cel=(
                "!has(self.proof) || self.proof == 'WithinLimit' || self.proof == 'NoWorseThanStable' || "
                + " || ".join(f"has(self.{kind})" for kind in _LIMITED)
            ),
            holds=lambda objective: (
                objective.proof in {None, Proof.WITHIN_LIMIT, Proof.NO_WORSE_THAN_STABLE}
                or set(_list_given_kinds(objective)) <= set(_LIMITED)
            ),
            message="a mean, a score and a cost have a proof of their own: proof is for limits on a share of events",
            field=".proof",
        ),
        Rule(
            cel=f"!has(self.proof) || self.proof != 'NoWorseThanStable' || {_CEL_SHARES}",
            holds=lambda objective: (
                objective.proof is not Proof.NO_WORSE_THAN_STABLE or set(_list_given_kinds(objective)) <= set(_SHARES)
            ),
            message="only latency, errorRate, ratio and product objectives can be proven to be no worse than stable",
            field=".proof",
        ),
        Rule(
            cel=f"!has(self.labelDelay) || {' || '.join(f'has(self.{kind})' for kind in _LABELLED)}",
            holds=lambda objective: (
                objective.label_delay is None or set(_list_given_kinds(objective)) <= set(_LABELLED)
            ),
            message="labelDelay is for what is known later than the answer: ratio, product and score objectives",
            field=".labelDelay",
        ),
    )

    name: LabelName
    """Name of the objective, unique in the list: lower-case letters, digits and `-`. Example: `latency`."""
    latency: Latency | None = None
    """A limit on slow requests; needs a histogram, named in `signals` or by the runtime's preset."""
    error_rate: ErrorRate | None = None
    """A limit on failed requests; needs the pods' counters or the router's."""
    ratio: Ratio | None = None
    """A limit on the share of any counted event, such as bad feedback or empty answers."""
    product: Product | None = None
    """A limit on what users do with the answers, as their front end counts it."""
    mean: Mean | None = None
    """A limit on the mean of something that is summed and counted."""
    score: Score | None = None
    """A least mean of scores between 0 and 1."""
    level: Level | None = None
    """A limit on how often a gauge is too high."""
    agreement: Agreement | None = None
    """A least share of shadowed requests that candidate and stable answer alike; needs a `shadow` stage."""
    slowdown: Slowdown | None = None
    """A limit on how often the candidate takes much longer than stable for the same request; needs a `shadow` stage."""
    cost: UnitCost | None = None
    """A limit on the cost of a thousand inferences; needs `spec.budget`. Nothing of it is read from the pods: it comes
    from the requests that were answered and the price of the pods."""
    segment_by: LabelKey | None = None
    """Label of the counters whose values are groups of users, each judged on its own too, so that a regression of a
    small group is found and named; at most 20 groups. Example: `customer_kind`."""
    label_delay: Duration | None = None
    """How long after an answer it is known whether it was good: a stage is not passed before its first answers are
    that old. Whatever counts an answer has to wait until that is known, good or bad. Example: `30m`."""
    proof: Proof | None = None
    """What a promotion has to prove, with evidence of at least 1:20. `BelowTwiceTheLimit` (default): the share of bad
    events is below twice what is allowed. `BelowTheLimit`: it is below what is allowed, which takes several times as
    many requests. `NoWorseThanStable`: it is below twice what is allowed, and the odds of a bad event are below twice
    stable's, which takes many more. `NoBreach`: nothing; enough requests are within the limit and nothing speaks
    against the candidate, for traffic that can prove no more. `WithinLimit` is the older name of
    `BelowTwiceTheLimit`."""
