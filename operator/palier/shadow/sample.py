"""Which requests are compared, what group of users they belong to, and which disagreements are kept to be read.

All of it is bounded: what a request says must not decide how much memory the proxy takes, or how many series it has.
"""

import json
import random
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

from palier.answers.paths import redact_paths
from palier.api.constants import SHADOW_HEADER
from palier.api.spec.answers import JsonPath
from palier.shadow.plan import ShadowPlan

OTHER: Final = "(other)"
MOST_SEGMENTS: Final = 20
LONGEST_SEGMENT: Final = 64

_GRPC: Final = "application/grpc"
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f]")
_WHOLE: Final = 100

Item = TypeVar("Item")


class Exclusion(StrEnum):
    """Why a request that reached the proxy is not sent on."""

    LOOP = "Loop"
    PERCENT = "Percent"
    PROTOCOL = "Protocol"
    METHOD = "Method"
    REQUEST_TOO_LARGE = "RequestTooLarge"
    REQUEST_INCOMPLETE = "RequestIncomplete"


def find_exclusion(method: str, headers: Mapping[str, str], plan: ShadowPlan, *, draw: float) -> Exclusion | None:
    """Why a request is left out, by what its head says; None when it is taken.

    The sample is drawn first: then what cannot be sent has the same share of it as of all the traffic.

    Args:
        method: in capitals.
        headers: by name, in whatever case the mapping understands `x-palier-shadow`.
        plan: which methods and what share are taken.
        draw: a number from 0 to below 1, drawn for this request alone.
    """
    if SHADOW_HEADER in headers:
        return Exclusion.LOOP
    if draw * _WHOLE >= plan.percent:
        return Exclusion.PERCENT
    if is_foreign(headers):
        return Exclusion.PROTOCOL
    if method not in plan.methods:
        return Exclusion.METHOD
    return None


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether a request speaks another protocol than plain HTTP: gRPC, or one that it asks to change to."""
    return "upgrade" in headers or headers.get("content-type", "").lower().startswith(_GRPC)


class Segments:
    """Groups of users, as the requests name them: the first 20 keep their names, all others share one."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def label(self, value: str) -> str:
        """The name under which a group is counted, fit for a label of a metric; a request without a group has ""."""
        name = _UNSEEN.sub("", value.strip().encode(errors="replace").decode())[:LONGEST_SEGMENT]
        if not name or name in self._known:
            return name
        if len(self._known) == MOST_SEGMENTS:
            return OTHER
        self._known.add(name)
        return name


class Reservoir(Generic[Item]):
    """A fair sample of all that was ever offered: each has the same chance to be in it (Vitter's algorithm R)."""

    def __init__(self, keep: int, chance: random.Random) -> None:
        self._keep = keep
        self._chance = chance
        self._items: dict[int, Item] = {}
        self.offered = 0

    def place(self) -> int | None:
        """Offer one item: the place where it is to be put, or None when it is not kept.

        Placing comes before making, because most items need not be made at all.
        """
        self.offered += 1
        if self.offered <= self._keep:
            return self.offered - 1
        place = self._chance.randrange(self.offered)
        return place if place < self._keep else None

    def put(self, place: int, item: Item) -> None:
        """Keep an item instead of the one that had its place."""
        self._items[place] = item

    def items(self) -> list[Item]:
        """What is kept, in no order that means anything."""
        return list(self._items.values())


def show_body(text: str, *, redact: Sequence[JsonPath], longest: int) -> str:
    """What may be kept of a body: a JSON document without the redacted places, cut to some characters.

    With anything to redact, of a body that is not a document only the length is kept: nobody knows what is in it.
    """
    if redact and text:
        document = _document(text)
        if document is None:
            return f"({len(text)} characters)"
        text = json.dumps(redact_paths(document, redact), ensure_ascii=False)
    return text if len(text) <= longest else f"{text[:longest]}…"


def _document(text: str) -> Any:  # noqa: ANN401
    """An object or a list of JSON; None for everything else, single texts too."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict | list) else None
