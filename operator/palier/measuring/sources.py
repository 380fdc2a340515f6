"""What is read for an objective: which series, by which arithmetic, and whose they are.

A selector is a plain PromQL vector selector. Several selectors stand for the sum of their series, because servers that
count successes and failures apart have no counter of all requests.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from palier.evidence.counters import Measurable
from palier.evidence.objective import Rule


@dataclass(frozen=True, slots=True)
class CounterRatio:
    """Bad events and all events as counters."""

    bad: tuple[str, ...]
    total: tuple[str, ...]

    @property
    def selectors(self) -> tuple[str, ...]:
        """Every vector selector that has to be read."""
        return self.bad + self.total


@dataclass(frozen=True, slots=True)
class SlowerThan:
    """Bad events are the observations of a histogram above a threshold."""

    histogram: str
    """Selector of the histogram without a suffix: its `_bucket` series or its native samples are read."""
    threshold: float
    """In the unit of the histogram's bucket edges."""

    @property
    def selectors(self) -> tuple[str, ...]:
        """Every vector selector that has to be read."""
        return (self.histogram,)


@dataclass(frozen=True, slots=True)
class AboveLevel:
    """Events are the scrapes of a gauge, bad ones those above a threshold."""

    gauge: str
    threshold: float

    @property
    def selectors(self) -> tuple[str, ...]:
        """Every vector selector that has to be read."""
        return (self.gauge,)


@dataclass(frozen=True, slots=True)
class MeanOf:
    """A mean: the increase of one counter divided by that of others."""

    amount: str
    total: tuple[str, ...]
    scale: float = 1.0
    """What the amount is multiplied by, for instance 0.001 where milliseconds are counted and seconds are judged."""

    @property
    def selectors(self) -> tuple[str, ...]:
        """Every vector selector that has to be read."""
        return (self.amount, *self.total)


Source = CounterRatio | SlowerThan | AboveLevel | MeanOf


class Origin(StrEnum):
    """Who exports the series."""

    PODS = "Pods"
    """The model's own pods: they can be seen in Prometheus before they have any traffic."""
    ROUTER = "Router"
    """The gateway's proxies, for each backend: they still speak when a pod does not."""
    SHADOW = "Shadow"
    """The proxy of a shadow: its pod's name tells whose it is, and its series which comparison they are about."""
    ELSEWHERE = "Elsewhere"
    """Another program, with a `revision` label alone: nothing is known about when its series begin."""


_LEFT_OUT = frozenset({"alpha", "cautious", "pod_spread", "pods_may_grow"})
"""Fields of a rule that change what is decided and not what is gathered."""


@dataclass(frozen=True, slots=True)
class MeasuredObjective:
    """One objective with the rule that judges it and the series that feed it."""

    rule: Rule
    source: Source
    """What the candidate's series are."""
    stable_source: Source | None
    """What stable's series are: others only where it runs on another serving runtime; None where it has no such series
    in the same place, so that nothing can be compared."""
    origin: Origin = Origin.PODS
    segment_by: str = ""
    """Label whose values are judged apart, too; empty for none. Only with `CounterRatio` and `SlowerThan`."""
    expected_edges: tuple[float, ...] = ()
    """Bucket edges that the histogram has by default, ascending; empty where they are not known before it is read."""
    remedy: str = ""
    """What gives the histogram other edges."""
    about: str = ""
    """Digest of what else the numbers rest on, such as how answers are compared."""
    label_delay: float = 0.0
    """Seconds after an answer until it is known whether it was good."""
    warms_up: bool = False
    """Whether it is about the time that answers take, which a cold cache makes longer."""

    @property
    def counts_every_request(self) -> bool:
        """Whether its events are all requests of both revisions, as the pods themselves count them.

        Counters of the router would not do: they rise by the very requests that reach nobody.
        """
        own = self.origin is Origin.PODS and self.stable_source is not None
        return own and isinstance(self.source, CounterRatio)

    @property
    def selectors(self) -> tuple[str, ...]:
        """Every vector selector that has to be read at a look."""
        stable = self.stable_source.selectors if self.stable_source else ()
        return tuple(dict.fromkeys(self.source.selectors + stable))

    @property
    def digest(self) -> str:
        """Names everything that evidence rests on; evidence under another digest is about something else.

        The share of alpha is not in it: another objective beside this one changes what is needed, not what was seen.
        Nor is what a suspicion does to the candidate's share, or how much pods may differ.
        """
        rule = {name: value for name, value in asdict(self.rule).items() if name not in _LEFT_OUT}
        for name in ("require_better", "in_spells", "most"):
            if not rule.get(name):
                rule.pop(name, None)  # an experiment, a level and a mean with a largest amount are about something else
        named = (self.origin.value, self.segment_by, *([self.about] if self.about else ()))
        text = repr((sorted(rule.items()), self.source, self.stable_source, *named))
        return hashlib.sha256(text.encode()).hexdigest()[:10]


@dataclass(frozen=True, slots=True)
class RouterSeries:
    """Which of the router's series are those of the two revisions: by where they come from and by one label's value."""

    label: str
    candidate: str
    stable: str
    namespaces: tuple[str, ...]
    """Where the gateway's proxies run: whoever exports the same label elsewhere is no router of this gateway."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How well the candidate's histogram answers a latency objective."""

    measurable: Measurable
    lower: float | None
    """Largest bucket edge at or below the threshold; None if there is none."""
    upper: float | None
    """Smallest bucket edge at or above the threshold, possibly infinite; None if there is none."""


@dataclass(frozen=True, slots=True)
class KnownReading:
    """A reading that is remembered, with what was read: it says nothing about another histogram or threshold."""

    of: str
    reading: Reading

    def to_status(self) -> dict[str, str]:
        """The entry of `status.readings`; `from_status` reads the same value back."""
        edges = {"lower": self.reading.lower, "upper": self.reading.upper}
        return {
            "of": self.of,
            "measurable": self.reading.measurable.value,
            **{name: repr(edge) for name, edge in edges.items() if edge is not None},
        }

    @classmethod
    def from_status(cls, entry: Mapping[str, Any]) -> Self:
        """Read an entry back.

        Raises:
            KeyError, TypeError, ValueError: it is unreadable.
        """
        lower, upper = entry.get("lower"), entry.get("upper")
        reading = Reading(
            Measurable(entry["measurable"]),
            lower=None if lower is None else float(lower),
            upper=None if upper is None else float(upper),
        )
        return cls(entry["of"], reading)


def reading_of(source: SlowerThan) -> str:
    """Names the histogram and the threshold that a reading is about."""
    return f"{source.histogram} {source.threshold:.12g}"
