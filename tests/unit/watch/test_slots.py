"""Counts by time slot: what is in a window, what is a gap, and what a status keeps."""

import json
from dataclasses import replace
from typing import Any

import pytest

from palier.watch.slots import PARTS, Slot, Slots

DAYS = 30
SLOT = 300
"""Seconds of a fine slot of 30 days."""
BEGIN = 1_800_057_600
"""The first second of a fine, a middle and a coarse slot."""


def watch(*looks: tuple[int, int], every: int = 60, begin: int = BEGIN) -> Slots:
    """Slots after looks of so many bad and so many events."""
    slots = Slots.begin(DAYS, now=begin)
    for bad, total in looks:
        slots = slots.add_look(bad, total, since=slots.at, until=slots.at + every)
    return slots


def test_slots_begin_together() -> None:
    """The tests' first second begins a slot of every ring, so that their numbers are those of whole slots."""
    assert BEGIN % (288 * SLOT) == 0


def test_a_window_holds_what_was_read_in_it() -> None:
    """The last hour knows nothing of the hour before; the day holds both."""
    slots = watch((3, 10), (1, 20), every=3600)
    slots = slots.add_look(0, 5, since=slots.at, until=slots.at + SLOT)

    assert slots.read_window(1, now=slots.at)[:2] == (1, 25)  # the slot before the present one is in it, too
    assert slots.read_window(12, now=slots.at)[:2] == (1, 25)
    assert slots.read_window(12, now=slots.at + 3600)[:2] == (0, 5)
    assert slots.read_window(288, now=slots.at + 7 * 3600)[:2] == (4, 35)


def test_a_window_is_at_most_one_slot_longer() -> None:
    """It reaches back to the beginning of a slot, whenever it is read."""
    slots = Slots.begin(DAYS, now=BEGIN)
    for now in (BEGIN + 7200, BEGIN + 7201, BEGIN + 7350, BEGIN + 7499):
        for parts, slot in ((1, SLOT), (12, SLOT), (24, 12 * SLOT)):
            span = slots.read_window(parts, now=now).span
            assert min(now - BEGIN, parts * SLOT) <= span <= parts * SLOT + slot


def test_what_is_older_than_the_window_is_forgotten() -> None:
    """After 31 days nothing is left of the first look, and the status has not grown."""
    slots = watch((7, 9))
    slots = slots.add_look(0, 1, since=slots.at, until=BEGIN + 31 * 288 * SLOT + 1)

    assert slots.read_window(PARTS, now=slots.at)[:2] == (0, 1)
    assert sum(map(len, slots.rings)) <= 13 + 25 + 31


def test_time_in_which_nobody_looked_is_a_gap() -> None:
    """An hour was not looked at: two thirds of the time are known, and the counts are those of the looks."""
    slots = watch((0, 10), every=3600)
    slots = slots.add_look(1, 10, since=slots.at + 3600, until=slots.at + 7200)
    window = slots.read_window(24, now=slots.at)

    assert window == (1, 20, 7200, 10_800)
    assert window.known_part == pytest.approx(2 / 3)
    assert window.share == 1 / 20


def test_nothing_is_known_of_a_window_without_looks() -> None:
    """No events are no share of bad ones, neither a good one nor a bad one."""
    window = Slots.begin(DAYS, now=BEGIN).read_window(12, now=BEGIN + 3600)

    assert (window.share, window.known_part, window.span) == (None, 0.0, 3600)


def test_time_that_was_looked_at_twice_counts_once() -> None:
    """Two leaders that both looked have counted their events, and the same minute."""
    slots = watch((0, 10))
    slots = slots.add_look(0, 10, since=slots.at - 60, until=slots.at)

    assert slots.read_window(1, now=slots.at)[1:] == (20, 60, 60)


def test_a_clock_that_is_set_back_loses_nothing() -> None:
    """What is read then counts in the present slot, and the instant of the last look stays."""
    slots = watch((0, 10), every=SLOT)
    later = slots.add_look(1, 1, since=slots.at - 3600, until=slots.at - 3000)

    assert later.at == slots.at
    assert later.read_window(1, now=later.at - 3600) == (1, 11, SLOT, SLOT)


def test_a_status_is_small_and_says_the_same() -> None:
    """A month of looks of a busy service, through JSON and back."""
    slots = Slots.begin(DAYS, now=BEGIN + 17)
    for _ in range(31 * 24):
        slots = slots.add_look(1234, 360_000_000, since=slots.at, until=slots.at + 3600)
    for _ in range(60):
        slots = slots.add_look(20, 6_000_000, since=slots.at, until=slots.at + 60)
    written = json.dumps(slots.to_status())

    assert Slots.from_status(json.loads(written)) == slots
    assert len(written) < 2500


def test_a_new_status_says_the_same() -> None:
    """Nothing was counted yet."""
    slots = Slots.begin(DAYS, now=BEGIN)

    assert Slots.from_status(slots.to_status()) == slots


STATUS = watch((3, 10), (0, 5), every=4000).to_status()


@pytest.mark.parametrize(
    "changes",
    [
        {"days": "0"},
        {"days": "367"},
        {"days": "-30"},
        {"days": 30},
        {"days": None},
        {"since": "0"},
        {"since": str(BEGIN + 9000)},
        {"at": str(BEGIN - 1)},
        {"at": "1e9"},
        {"at": str(2**41)},
        {"at": str(BEGIN + 10**8)},
        {"slots": None},
        {"slots": STATUS["slots"][:2]},
        {"slots": [*STATUS["slots"], {}]},
        {"slots": ["", "", ""]},
        {"slots": [{}, {}, {"first": "x", "counts": "1/2/3"}]},
        {"slots": [{}, {}, {"first": "1"}]},
        {"slots": [STATUS["slots"][0], {}, {}]},
    ],
    ids=str,
)
def test_what_no_looks_can_have_given_is_refused(changes: dict[str, Any]) -> None:
    """A status that somebody has edited is no memory."""
    with pytest.raises(ValueError, match=r"."):
        Slots.from_status({**STATUS, **changes})


@pytest.mark.parametrize("name", ["days", "since", "at", "slots"])
def test_a_status_without_a_field_is_refused(name: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="unreadable slots"):
        Slots.from_status({field: value for field, value in STATUS.items() if field != name})


@pytest.mark.parametrize(
    "counts",
    [
        "11/10/60",
        "1/10/9999",
        "-1/10/60",
        "1/10",
        "1/10/60 ",
        "1.5/10/60",
        "a/b/c",
        "",
        f"0/{2**53 + 1}/60",
        "1/1/1 - x",
    ],
)
def test_impossible_slots_are_refused(counts: str) -> None:
    """More bad events than events, more seconds than the slot has, or no numbers at all."""
    coarse = {"first": str(BEGIN // (288 * SLOT)), "counts": counts}
    with pytest.raises(ValueError, match=r"."):
        Slots.from_status({**STATUS, "slots": [{}, {}, coarse]})


def test_slots_that_do_not_follow_each_other_are_refused() -> None:
    """Each is there once, the oldest first."""
    slot = Slot(BEGIN // (288 * SLOT), 0, 1, 60)
    slots = replace(watch((0, 1)), rings=((), (), (slot,)))
    with pytest.raises(ValueError, match="follow"):
        replace(slots, rings=((), (), (slot, slot)))


@pytest.mark.parametrize(
    ("bad", "total", "since", "until"),
    [
        (2, 1, 0, 60),
        (-1, 1, 0, 60),
        (0, 2**53 + 1, 0, 60),
        (0, 1, 60, 0),
        (0, 1, float("nan"), 60),
        (0, 1, 0, float("inf")),
    ],
)
def test_an_impossible_look_is_refused(bad: int, total: int, since: float, until: float) -> None:
    """Counts and instants that no look can have."""
    with pytest.raises(ValueError, match=r"."):
        watch().add_look(bad, total, since=BEGIN + since, until=BEGIN + until)


@pytest.mark.parametrize("parts", [0, -1, 5 * 288 + 1, 31 * 288, 13])
def test_a_window_that_no_ring_has_is_refused(parts: int) -> None:
    """A wrong number in a rule shows at once."""
    with pytest.raises(ValueError, match="no ring"):
        watch().read_window(parts, now=BEGIN)
