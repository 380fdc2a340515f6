"""One objective between two ways of writing it: as Palier does, and as an object of another tool."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from palier.api.constants import GROUP

PREFIX: Final = f"{GROUP}/"
"""What Palier's own annotations begin with: they keep what the object of another tool has no place for."""
WINDOW_DAYS: Final = 28
"""Days of the rolling window that is written; an objective of Palier has no window of its own."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Bad events and all events, each the sum of counters."""

    bad: tuple[str, ...]
    total: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """The observations of a histogram; those above an edge of its buckets are bad."""

    histogram: str
    """Selector without the suffix of its series."""
    edge: Decimal
    """In the unit of the histogram."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of a record were read: fields that a refusal names."""

    name: str = "metadata.name"
    target: str = "target"
    bad: str = "bad"
    total: str = "total"


@dataclass(frozen=True, slots=True)
class SloRecord:
    """One objective."""

    name: str
    """Name of the objective."""
    service: str
    """Name of the ModelDeployment."""
    namespace: str
    """Its namespace; empty where nobody has said it."""
    target: Decimal
    """Percent of the events that have to be good."""
    indicator: Counters | Edge
    description: str = ""
    marks: Mapping[str, str] = field(default_factory=dict)
    """Palier's own annotations without their prefix; empty where Palier has not written the object."""
    places: Places = Places()
    origin: str = ""
    """Kind and name of the object that it was read from."""

    @property
    def object_name(self) -> str:
        """Name of the object that holds it."""
        return f"{self.service}-{self.name}"

    @property
    def annotations(self) -> dict[str, str]:
        """Palier's own annotations."""
        return {f"{PREFIX}{name}": value for name, value in self.marks.items()}


def write_decimal(number: Decimal) -> str:
    """A decimal number without exponent and without zeros at its end."""
    return format(number.normalize(), "f")


def write_number(number: Decimal) -> int | float:
    """The same as a number of YAML."""
    return int(number) if number == number.to_integral_value() else float(number)
