"""What is known of the features of a window: counts in bins, never a row.

Two windows are compared by counts alone, so that one of them can come from a Prometheus histogram, from a file, or from
the data that a model was trained with, and be kept for weeks in a few kilobytes. A profile's file is this, in JSON:

    {"format": "palier-profile", "version": 1, "rows": 20000, "by": "country",
     "features": {
       "amount": {"kind": "number", "edges": [1.5, 4.2], "counts": [6600, 6700, 6690], "nulls": 10, "unreadable": 0,
                  "least": 0.2, "most": 311.0, "total": 90412.5, "decades": 8410.2, "squares": 5120.8,
                  "nonzero": 19990},
       "plan": {"kind": "category", "counts": {"free": 15000, "paid": 5000}, "other": 0, "nulls": 0, "numeric": false}},
     "groups": {"fr": {"rows": 9000, "features": {...}}, ...}}

Bin i of a number ends at edge i, which belongs to it, as in Prometheus; the last one has no end. Whoever writes another
version of it says so in `version`; an unknown one is refused.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import ConfigDict, Discriminator, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

FORMAT: Final = "palier-profile"
VERSION: Final = 1

EVERYBODY: Final = ""
"""The group of all users together."""
OTHER: Final = "(other)"
"""Whatever has no place of its own: rare categories, and small groups."""

_STRICT: Final = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


@checked(frozen=True, slots=True, config=_STRICT)
class Numbers:
    """A feature that is a number."""

    edges: tuple[float, ...]
    """Upper ends of all bins but the last, ascending; a value that is an edge belongs below it."""
    counts: tuple[int, ...]
    """Events in each bin: one more than there are edges."""
    nulls: int = 0
    """Events without a value."""
    unreadable: int = 0
    """Events with a value that is no number."""
    least: float | None = None
    """Smallest value; None where only bins are known."""
    most: float | None = None
    """Largest value."""
    total: float | None = None
    """Sum of the values."""
    decades: float | None = None
    """Sum of the decimal logarithms of the values, without signs and without zeros."""
    squares: float | None = None
    """Sum of the squares of these logarithms."""
    nonzero: int = 0
    """Events in the two sums."""
    kind: Literal["number"] = "number"

    def __post_init__(self) -> None:
        """Refuse what no window can have."""
        if len(self.counts) != len(self.edges) + 1:
            raise ValueError(f"{len(self.edges)} edges make {len(self.edges) + 1} bins, not {len(self.counts)}")
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("the edges have to ascend")
        _refuse_negative((*self.counts, self.nulls, self.unreadable, self.nonzero))

    @property
    def values(self) -> int:
        """Events with a number."""
        return sum(self.counts)

    @property
    def events(self) -> int:
        """All events."""
        return self.values + self.nulls + self.unreadable


@checked(frozen=True, slots=True, config=_STRICT)
class Categories:
    """A feature that is one of several words."""

    counts: Mapping[str, int]
    """Events of each category that has a place of its own."""
    other: int = 0
    """Events of all other categories."""
    nulls: int = 0
    """Events without a value."""
    numeric: bool = False
    """Whether the words are numbers, of which there are so few that each is a category."""
    kind: Literal["category"] = "category"

    def __post_init__(self) -> None:
        """Refuse what no window can have."""
        _refuse_negative((*self.counts.values(), self.other, self.nulls))

    @property
    def values(self) -> int:
        """Events with a category."""
        return sum(self.counts.values()) + self.other

    @property
    def events(self) -> int:
        """All events."""
        return self.values + self.nulls


Feature: TypeAlias = Annotated[Numbers | Categories, Discriminator("kind")]


def _refuse_negative(counts: Iterable[int]) -> None:
    if any(count < 0 for count in counts):
        raise ValueError("no count is below 0")


@dataclass(frozen=True, slots=True)
class Part:
    """One group of users in a window."""

    rows: int
    features: Mapping[str, Feature]


@dataclass(frozen=True, slots=True)
class Profile:
    """A window, of all users and of each group."""

    rows: int
    features: Mapping[str, Feature]
    by: str = ""
    """What groups are told apart by; empty for not at all."""
    groups: Mapping[str, Part] = field(default_factory=dict)

    def find_part(self, group: str) -> Part | None:
        """All users, or one group of them."""
        return Part(self.rows, self.features) if group == EVERYBODY else self.groups.get(group)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a window is compared with, and what it is called in messages."""

    name: str
    """Such as "the canary of 7d9f4c", "training.json" or "the same hour of the last 4 weeks"."""
    profile: Profile


@checked(frozen=True, config=_STRICT)
class _File:
    """A profile as it is written."""

    format: Literal["palier-profile"]
    version: int
    rows: int
    features: Mapping[str, Feature]
    by: str = ""
    groups: Mapping[str, Part] = field(default_factory=dict)


_FILE: Final = TypeAdapter(_File)


def write_profile(profile: Profile) -> str:
    """The profile as JSON in one line, which `read_profile` reads back."""
    file = _File(FORMAT, VERSION, profile.rows, profile.features, profile.by, profile.groups)
    return _FILE.dump_json(file, exclude_none=True).decode()


def is_profile(document: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether a JSON document says that it is a profile."""
    return isinstance(document, dict) and document.get("format") == FORMAT


def read_profile(text: str | bytes) -> Profile:
    """The profile that a file holds.

    Raises:
        ValueError: it is none, with the field that is wrong.
    """
    try:
        file = _FILE.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from None
    if file.version != VERSION:
        raise ValueError(f"version: it is of version {file.version}; this program reads version {VERSION}")
    return Profile(file.rows, file.features, file.by, file.groups)
