"""What a candidate is judged by: the promises to users and the counters that show whether they are kept."""

from typing import Annotated, ClassVar

from pydantic import Field

from palier.api.rules import ApiObject, Rule
from palier.api.values import Duration, HistogramSelector, LabelName, Percent, Selector, TimeUnit


class HistogramSignal(ApiObject):
    """A Prometheus histogram of response times."""

    histogram: HistogramSelector
    """Name of the histogram without its `_bucket` suffix, with label matchers if needed.
    Example: `http_request_duration_seconds{handler="/predict"}`."""
    unit: TimeUnit = TimeUnit.SECONDS
    """Unit of the bucket edges: `Seconds`, `Milliseconds` or `Microseconds`."""


class Signals(ApiObject):
    """The counters that the pods themselves export to Prometheus, as plain PromQL vector selectors."""

    requests: Selector | None = None
    """Counter of all requests. Example: `http_requests_total`."""
    errors: Selector | None = None
    """Counter of failed requests, counted by `requests` too. Example: `http_requests_total{code=~"5.."}`."""
    latency: HistogramSignal | None = None
    """Histogram of response times; latency objectives read it."""


class Latency(ApiObject):
    """At most 100 minus `percentile` percent of the requests may be slower than `threshold`."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"!self.threshold.matches(r'{Duration.form}') || duration(self.threshold) > duration('0s')",
            holds=lambda latency: latency.threshold.seconds > 0,
            message="threshold must be above zero, such as 250ms",
            field=".threshold",
        ),
    )

    percentile: Annotated[int, Field(ge=50, le=99)]
    """Percentile as a whole number, 50 to 99. Example: `95` allows 5 % of the requests to be slower."""
    threshold: Duration
    """Longest response time of a good request, best an edge of the histogram's buckets. Examples: `250ms`, `2s`."""


class ErrorRate(ApiObject):
    """At most `maxPercent` of `signals.requests` may be `signals.errors`."""

    max_percent: Percent
    """Largest allowed share of failed requests in percent, in quotes, above 0 and below 100, at most 4 decimals.
    Example: `"1"`."""


class Ratio(ApiObject):
    """At most `maxPercent` of the events of one counter may be events of another."""

    bad: Selector
    """Counter of bad events. Example: `feedback_total{kind="bad"}`."""
    total: Selector
    """Counter of all events, the bad ones included. Example: `feedback_total`."""
    max_percent: Percent
    """Largest allowed share of bad events in percent, in quotes, above 0 and below 100, at most 4 decimals.
    Example: `"10"`."""


def _how_many_kinds(objective: "Objective") -> int:
    return sum(kind is not None for kind in (objective.latency, objective.error_rate, objective.ratio))


class Objective(ApiObject):
    """One promise to the users of the model: exactly one of `latency`, `errorRate` and `ratio`."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="[has(self.latency), has(self.errorRate), has(self.ratio)].filter(given, given).size() == 1",
            holds=lambda objective: _how_many_kinds(objective) == 1,
            message="an objective takes exactly one of latency, errorRate and ratio",
        ),
    )

    name: LabelName
    """Name of the objective, unique in the list: lower-case letters, digits and `-`. Example: `latency`."""
    latency: Latency | None = None
    """A limit on slow requests; needs `signals.latency`."""
    error_rate: ErrorRate | None = None
    """A limit on failed requests; needs `signals.requests` and `signals.errors`."""
    ratio: Ratio | None = None
    """A limit on the share of any counted event, such as bad feedback or empty answers."""
