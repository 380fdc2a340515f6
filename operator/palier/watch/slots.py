"""Counts of events by time slot: what an error budget remembers of a month, in about a kilobyte.

A budget over 28 days needs old counts only roughly and new ones finely. So the same events are counted in three rings
of slots. A slot of the finest ring is the 8640th part of the window: 4 min 40 s of 28 days, 5 min of 30 days.

    fine     12 slots of 1 part              and the present one
    middle   24 slots of 12 parts            and the present one
    coarse   30 slots of 288 parts           and the present one

The events of a look belong to the slot in which they were read, whenever they happened since the look before: only
shares are computed from them, and a share does not depend on how long it took. Each slot also knows for how many of its
seconds somebody looked. Time in which nobody did is a gap. It is told, and it counts neither as good nor as bad.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, NamedTuple, Self

PARTS: Final = 8640
"""The parts of a window; for 30 days each is 5 minutes, the shortest window of the SRE workbook."""
LONGEST_WINDOW: Final = 366
"""Days of a window at most."""
LARGEST_COUNT: Final = 2**53
"""Events at most, as everywhere in Palier."""

_DAY: Final = 86_400
_LATEST: Final = 2**40
"""Seconds since the epoch that no clock shows."""
_WHOLE: Final = re.compile("[0-9]{1,16}")
_SLOT: Final = re.compile(r"-|([0-9]{1,16})/([0-9]{1,16})/([0-9]{1,8})")


class Ring(NamedTuple):
    """Slots of one length."""

    parts: int
    """Length of a slot, in parts of the window."""
    slots: int
    """Slots that are kept beside the present one."""


RINGS: Final = (Ring(1, 12), Ring(12, 24), Ring(288, 30))
"""From fine to coarse; each slot of a ring holds whole slots of the one before."""


class Slot(NamedTuple):
    """What was read in one slot."""

    number: int
    """Which slot it is, counted from the epoch."""
    bad: int
    total: int
    """All events, the bad ones included."""
    seconds: int
    """For how long somebody looked."""


class Window(NamedTuple):
    """What was read in a stretch of time that ends now."""

    bad: int
    total: int
    seconds: int
    """For how long somebody looked."""
    span: int
    """Seconds from its beginning until now; counting may have begun within it."""

    @property
    def share(self) -> float | None:
        """Share of bad events; None where nothing was counted."""
        return self.bad / self.total if self.total else None

    @property
    def known_part(self) -> float:
        """The part of its time in which somebody looked, from 0 to 1."""
        return min(1.0, self.seconds / self.span) if self.span else 0.0


@dataclass(frozen=True, slots=True)
class Slots:
    """Bad events and all events of one objective, over the window of its budget.

    Raises:
        ValueError: numbers that no looks can have given.
    """

    days: int
    """Length of the window."""
    since: int
    """Seconds since the epoch when counting began."""
    at: int
    """Seconds since the epoch of the last look; it never goes back."""
    rings: tuple[tuple[Slot, ...], ...] = ((), (), ())
    """For each of `RINGS` the slots in which anything is known, ascending."""

    def __post_init__(self) -> None:
        """Refuse numbers that no looks can have given."""
        if not 1 <= self.days <= LONGEST_WINDOW or not 0 < self.since <= self.at < _LATEST:
            raise ValueError(f"impossible window of {self.days} days, counted since {self.since} until {self.at}")
        if len(self.rings) != len(RINGS):
            raise ValueError(f"{len(self.rings)} rings of slots, and not {len(RINGS)}")
        for ring, slots in zip(RINGS, self.rings, strict=True):
            self._check(ring, slots)
        for finer, coarser in pairwise(self.rings):
            if any(sum(fine) > sum(coarse) for fine, coarse in zip(_columns(finer), _columns(coarser), strict=True)):
                raise ValueError("finer slots hold more than the coarser ones in which they lie")

    @classmethod
    def begin(cls, days: int, *, now: float) -> Self:
        """The memory before the first look.

        Args:
            days: length of the window.
            now: seconds since the epoch.

        Raises:
            ValueError: there is no such window or instant.
        """
        return cls(days, since=_floor_instant(now), at=_floor_instant(now))

    def add_look(self, bad: int, total: int, *, since: float, until: float) -> Self:
        """The same after one more look.

        A look that ends before the last one, because a clock was set back, is counted as if it ended there. Time in
        which somebody looked before does not count twice.

        Args:
            bad: bad events that were read.
            total: all events that were read, the bad ones included.
            since: when they began to be counted, in seconds since the epoch.
            until: when they were read.

        Raises:
            ValueError: counts or instants that no look can have.
        """
        if not 0 <= bad <= total <= LARGEST_COUNT or not since <= until:
            raise ValueError(f"impossible look: {bad} of {total} events from {since} until {until}")
        at = max(self.at, _floor_instant(until))
        begun = min(max(self.at, _floor_instant(since)), at)
        rings = (
            self._count(ring, slots, bad, total, begun=begun, at=at)
            for ring, slots in zip(RINGS, self.rings, strict=True)
        )
        return replace(self, at=at, rings=tuple(rings))

    @property
    def is_begun(self) -> bool:
        """Whether anything was ever counted."""
        return any(self.rings)

    def read_window(self, parts: int, *, now: float) -> Window:
        """What was read in the last so many parts of the window, and since the beginning of the slot before them.

        So it is up to one slot longer than asked, of the finest ring that reaches so far, and never shorter.

        Args:
            parts: a whole number of slots of one of the rings.
            now: seconds since the epoch; an instant before the last look stands for that look.

        Raises:
            ValueError: no ring has such a window.
        """
        at = max(self.at, _floor_instant(now))
        for ring, slots in zip(RINGS, self.rings, strict=True):
            number, rest = divmod(parts, ring.parts)
            if rest == 0 and 0 < number <= ring.slots:
                first = self._index(ring, at) - number
                inside = [slot for slot in slots if slot.number >= first]
                bad, total, seconds = (sum(column) for column in _columns(inside))
                return Window(bad, total, seconds, at - max(self.since, first * self.length_of(ring)))
        raise ValueError(f"no ring of slots has a window of {parts} parts")

    def length_of(self, ring: Ring) -> int:
        """Seconds of a slot."""
        return ring.parts * self.days * _DAY // PARTS

    def to_status(self) -> dict[str, Any]:
        """The entry of a status; `from_status` reads the same value back."""
        return {
            "days": str(self.days),
            "since": str(self.since),
            "at": str(self.at),
            "slots": [_write_ring(slots) for slots in self.rings],
        }

    @classmethod
    def from_status(cls, entry: Mapping[str, Any]) -> Self:
        """Read an entry back.

        Raises:
            ValueError: it is unreadable, or holds numbers that no looks can have given.
        """
        try:
            days, since, at = (_read_floor_instant(entry[name]) for name in ("days", "since", "at"))
            return cls(days, since, at, tuple(tuple(_read_ring(written)) for written in entry["slots"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"unreadable slots: {type(error).__name__} {error}") from None

    def _index(self, ring: Ring, at: int) -> int:
        """The slot of the second that ends at an instant."""
        return (at - 1) // self.length_of(ring)

    def _count(
        self, ring: Ring, slots: Sequence[Slot], bad: int, total: int, *, begun: int, at: int
    ) -> tuple[Slot, ...]:
        """A ring with one more look, without the slots that are too old."""
        length, last = self.length_of(ring), self._index(ring, at)
        first = last - ring.slots
        found = {slot.number: slot for slot in slots if slot.number >= first}
        for index in range(max(first, begun // length), last + 1):
            looked = min(at, (index + 1) * length) - max(begun, index * length)
            if looked > 0:
                old = found.get(index, Slot(index, 0, 0, 0))
                found[index] = old._replace(seconds=old.seconds + looked)
        if total:
            old = found.get(last, Slot(last, 0, 0, 0))
            found[last] = old._replace(bad=old.bad + bad, total=old.total + total)
        return tuple(found[index] for index in sorted(found))

    def _check(self, ring: Ring, slots: Sequence[Slot]) -> None:
        length, last = self.length_of(ring), self._index(ring, self.at)
        for slot in slots:
            began = max(self.since, slot.number * length)
            ended = min(self.at, (slot.number + 1) * length)
            counts = 0 <= slot.bad <= slot.total <= LARGEST_COUNT
            if not counts or not last - ring.slots <= slot.number <= last or not 0 <= slot.seconds <= ended - began:
                raise ValueError(f"impossible slot: {slot.bad} of {slot.total} events in {slot.seconds} s")
        if any(one.number >= other.number for one, other in pairwise(slots)):
            raise ValueError("slots that do not follow each other")


def _columns(slots: Sequence[Slot]) -> tuple[list[int], list[int], list[int]]:
    return [slot.bad for slot in slots], [slot.total for slot in slots], [slot.seconds for slot in slots]


def _floor_instant(instant: float) -> int:
    if not math.isfinite(instant):
        raise ValueError(f"{instant} is no instant")
    return math.floor(instant)


def _write_ring(slots: Sequence[Slot]) -> dict[str, str]:
    if not slots:
        return {}
    first, known = slots[0].number, {slot.number: slot for slot in slots}
    texts = (
        f"{known[index].bad}/{known[index].total}/{known[index].seconds}" if index in known else "-"
        for index in range(first, slots[-1].number + 1)
    )
    return {"first": str(first), "counts": " ".join(texts)}


def _read_floor_instant(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no whole number")
    return int(text)


def _read_ring(written: Mapping[str, str]) -> Iterator[Slot]:
    if written == {}:
        return
    for index, text in enumerate(written["counts"].split(" "), start=_read_floor_instant(written["first"])):
        found = _SLOT.fullmatch(text)
        if found is None:
            raise ValueError(f"unreadable slot: {text[:40]!r}")
        if text != "-":
            yield Slot(index, *(int(number) for number in found.groups()))
