"""What a preset says: the signals of a runtime, router or front end, with units, bucket edges, caveats and remedies.

Every name, unit and bucket edge is data, because no two runtimes agree on them and none can be guessed from the others.
The models here only say what such data looks like, and refuse files that say something else.
"""

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

SIGNALS: Final = (
    "requests",
    "errors",
    "latency",
    "timeToFirstToken",
    "interTokenLatency",
    "timePerOutputToken",
    "queueTime",
    "tokensIn",
    "tokensOut",
    "queueDepth",
)
"""The names of signals, in the order in which they are shown."""
REQUIRED: Final = ("requests", "errors", "latency")
"""Signals that every runtime's preset speaks of, if only to say that they are missing and what helps."""

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Namespace = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Selector = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^{}]*\})?$", max_length=512)]
Unit = Literal["Seconds", "Milliseconds", "Microseconds", ""]
"""The unit of a duration; empty for what is no duration."""


class Provenance(StrEnum):
    """How we know what a preset says."""

    DOCUMENTED = "Documented"
    """Read in documentation or source; the program itself was never met."""
    RECORDED = "Recorded"
    """The program ran, and its answer was recorded and is what the tests read."""
    SCRAPED = "Scraped"
    """The tests run the program and scrape it."""


def _check_rising(bounds: tuple[float, ...]) -> tuple[float, ...]:
    if not all(lower < upper for lower, upper in pairwise(bounds)):
        raise ValueError("bucket edges rise from one to the next")
    return bounds


def _check_suffix(selector: str) -> str:
    if re.match(r"[^{]*_(bucket|sum|count)(\{|$)", selector):
        raise ValueError("a histogram is named without its suffix _bucket, _sum or _count")
    return selector


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Counter(_Record):
    """Events, counted since the program started; several selectors stand for their sum."""

    kind: Literal["Counter"] = "Counter"
    selectors: Annotated[tuple[Selector, ...], Field(min_length=1)]
    caveats: tuple[Text, ...] = ()


class Histogram(_Record):
    """Observations in buckets: shares above an edge are exact."""

    kind: Literal["Histogram"] = "Histogram"
    selector: Annotated[Selector, AfterValidator(_check_suffix)]
    """Without a suffix."""
    unit: Unit
    bounds: Annotated[tuple[float, ...], Field(min_length=1), AfterValidator(_check_rising)]
    """The default bucket edges in `unit`, without infinity."""
    fix: str = ""
    """What gives the histogram finer edges; empty where nothing does."""
    caveats: tuple[Text, ...] = ()


class Mean(_Record):
    """A sum and the number of its parts: their quotient is known, their distribution is not."""

    kind: Literal["Mean"] = "Mean"
    amount: Selector
    total: Annotated[tuple[Selector, ...], Field(min_length=1)]
    unit: Unit
    fix: str = ""
    """What gives a distribution; empty where nothing does."""
    caveats: tuple[Text, ...] = ()


class Gauge(_Record):
    """A level at the moment of the scrape."""

    kind: Literal["Gauge"] = "Gauge"
    selector: Selector
    caveats: tuple[Text, ...] = ()


class Missing(_Record):
    """The runtime does not export it."""

    kind: Literal["Missing"] = "Missing"
    why: Text
    fix: Text
    caveats: tuple[Text, ...] = ()


Signal = Annotated[Counter | Histogram | Mean | Gauge | Missing, Field(discriminator="kind")]


class Source(_Record):
    """Where the facts of a preset were read."""

    project: Text
    document: Text
    """A file, a page, or the program's own answer."""
    read: date


class Scrape(_Record):
    """Where the runtime answers Prometheus, unless configured otherwise."""

    port: Annotated[int, Field(ge=1, le=65535)]
    path: Annotated[str, StringConstraints(pattern=r"^/")]
    needs: tuple[Text, ...] = ()
    """What has to be switched on before there is anything to scrape."""


def _check_signal(name: str) -> str:
    if name not in SIGNALS:
        raise ValueError(f"no signal is called {name}; there are {', '.join(SIGNALS)}")
    return name


def _check_complete(signals: Mapping[str, Signal]) -> Mapping[str, Signal]:
    if missing := [name for name in REQUIRED if name not in signals]:
        raise ValueError(f"every runtime says something about {', '.join(missing)}, if only that it is missing")
    return MappingProxyType(dict(signals))


class Preset(_Record):
    """The signals of a serving runtime in a range of its versions."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
    title: Text
    versions: Annotated[str, StringConstraints(pattern=r"^((>=|<)[0-9]+([.][0-9]+)*(,(>=|<)[0-9]+([.][0-9]+)*)*)?$")]
    """A PEP 440 specifier of `>=` and `<` only; empty for all versions."""
    provenance: Provenance
    source: Annotated[tuple[Source, ...], Field(min_length=1)]
    scrape: Scrape
    signals: Annotated[Mapping[Annotated[str, AfterValidator(_check_signal)], Signal], AfterValidator(_check_complete)]
    caveats: tuple[Text, ...] = ()

    def covers(self, version: str) -> bool:
        """Whether the preset is for this version.

        Args:
            version: such as `0.11.2` or `v1.19.0-rc1`; what follows the numbers is not looked at.

        Raises:
            ValueError: it does not begin with numbers.
        """
        numbers = release_numbers(version)
        return all(
            numbers >= bound if operator == ">=" else numbers < bound for operator, bound in _bounds(self.versions)
        )

    @property
    def first_version(self) -> tuple[int, ...]:
        """Numbers of the oldest version that the preset is for; empty where there is none."""
        return max((bound for operator, bound in _bounds(self.versions) if operator == ">="), default=())


class RouterPreset(_Record):
    """What a router counts for each of its backends."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]*$")]
    title: Text
    provenance: Provenance
    source: Annotated[tuple[Source, ...], Field(min_length=1)]
    scrape: Scrape
    namespaces: Annotated[tuple[Namespace, ...], Field(min_length=1)]
    """Where its proxies usually run."""
    beside_gateway: bool = False
    """Whether they run in the namespaces of the Gateways, too."""
    requests: Counter
    errors: Counter
    latency: Histogram | None = None
    label: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
    """The label by which the backends are distinguished."""
    value: Annotated[str, StringConstraints(pattern=r"^([^{}]|\{(namespace|name|revision|position)\})+$")]
    """The label's value for a revision: a template with {namespace}, {name}, {revision} and {position}."""
    caveats: tuple[Text, ...] = ()

    def backend(self, *, namespace: str, name: str, revision: str, position: int) -> str:
        """The value of `label` that the series of a revision carry.

        Args:
            namespace: of the route.
            name: of the route.
            revision: of the model.
            position: of the backend within its rule, from 0.
        """
        return self.value.format(namespace=namespace, name=name, revision=revision, position=position)


class ProductPreset(_Record):
    """What a front end counts of one thing that users do with answers, distinguished by the label `revision`."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]*$")]
    title: Text
    noun: Text
    """What is counted: sessions or votes."""
    bad_noun: Text
    """What the bad ones are, in words that follow the noun: "3 of 120 sessions abandoned"."""
    bad: Annotated[tuple[Selector, ...], Field(min_length=1)]
    """Counters of the bad ones, which `total` counts, too."""
    total: Annotated[tuple[Selector, ...], Field(min_length=1)]
    caveats: tuple[Text, ...] = ()


def release_numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with, without the zeros at their end.

    Raises:
        ValueError: it does not begin with numbers.
    """
    match = re.match(r"v?([0-9]+(?:\.[0-9]+)*)", version)
    if match is None:
        raise ValueError(f"{version!r} is not a version: it does not begin with numbers such as 1.19")
    numbers = [int(part) for part in match[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _bounds(specifier: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(operator, release_numbers(bound)) for operator, bound in re.findall(r"(>=|<)([0-9.]+)", specifier)]
