"""Error budgets under random fates: however the same events are read, the budget is the same."""

import json
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from palier.watch.error_budget import ALERT_RULES, judge_budget, read_burns
from palier.watch.freeze import describe_spent
from palier.watch.slots import PARTS, RINGS, Slots
from tests.support.thorough import examples

BEGIN = 1_800_000_000.5
WINDOWS = (*(rule.long for rule in ALERT_RULES), *(rule.short for rule in ALERT_RULES), PARTS)


class Reading(NamedTuple):
    """What is read at an instant."""

    after: float
    """Seconds since the reading before."""
    good: int
    bad: int
    looked: bool
    """Whether somebody looked since the reading before; else it is a gap."""


readings = st.lists(
    st.builds(
        Reading,
        after=st.one_of(st.floats(0, 600), st.floats(0, 5 * 86_400)),
        good=st.integers(0, 10**6),
        bad=st.integers(0, 1000),
        looked=st.booleans(),
    ),
    min_size=1,
    max_size=30,
)
days = st.integers(1, 90)
cuts = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=3)
limits = st.decimals("0.0001", "0.5", places=4)


def watch(days: int, history: Sequence[Reading], *, cuts: Sequence[tuple[float, float]] = ()) -> Slots:
    """The slots after a history; each reading is cut into several at the same places.

    Args:
        days: of the window.
        history: what was read.
        cuts: for every further reading the part of the time before the instant and the part of the events; all events
            are still read at the very instant.
    """
    slots = Slots.begin(days, now=BEGIN)
    now = BEGIN
    for one in history:
        until = now + one.after
        since = now if one.looked else until
        bad, total = one.bad, one.good + one.bad
        places = sorted({since, *(since + part * (until - since) for part, _ in cuts), until})
        for earlier, later in pairwise(places):
            slots = slots.add_look(0, 0, since=earlier, until=later)
        for _, part in cuts:
            some_bad, some_good = int(part * bad), int(part * (total - bad))
            slots = slots.add_look(some_bad, some_bad + some_good, since=until, until=until)
            bad, total = bad - some_bad, total - some_bad - some_good
        slots = slots.add_look(bad, total, since=until if cuts else since, until=until)
        now = until
    return slots


@settings(max_examples=examples(50, thorough=3000), deadline=None)
@given(days=days, history=readings, cuts=cuts)
def test_any_partition_of_the_same_events_gives_the_same_counts(
    days: int, history: list[Reading], cuts: list[tuple[float, float]]
) -> None:
    """Whether they were read at once or in several portions, by one look or by several."""
    assert watch(days, history, cuts=cuts) == watch(days, history)


@settings(max_examples=examples(50, thorough=3000), deadline=None)
@given(days=days, history=readings)
def test_a_status_says_all(days: int, history: list[Reading]) -> None:
    """Read back at any moment it is the same memory, and goes on in the same way."""
    slots = watch(days, history)

    assert Slots.from_status(json.loads(json.dumps(slots.to_status()))) == slots


@settings(max_examples=examples(50, thorough=3000), deadline=None)
@given(days=days, history=readings, steps=st.lists(st.floats(-(10**6), 10**6), min_size=1, max_size=20))
def test_the_clock_never_goes_back(days: int, history: list[Reading], steps: list[float]) -> None:
    """However the clock of whoever looks is set, the memory's own never goes back, and no event is lost by that."""
    slots = watch(days, history)
    now, at = float(slots.at), slots.at
    for step in steps:
        now = max(1.0, now + step)
        later = slots.add_look(1, 2, since=now, until=now)
        seen = later.read_window(1, now=now)

        assert later.at >= at
        assert seen.bad >= 1
        assert seen.total >= 2
        slots, at = later, later.at


@settings(max_examples=examples(50, thorough=3000), deadline=None)
@given(days=days, history=readings, ahead=st.floats(0, 10**7))
def test_windows_agree_with_a_list_of_all_events(days: int, history: list[Reading], ahead: float) -> None:
    """Every window holds all events of its time and none that is more than a slot older, and knows no more time."""
    slots = watch(days, history)
    now = slots.at + ahead
    instants = list(accumulate((one.after for one in history), initial=BEGIN))[1:]
    for parts in WINDOWS:
        window = slots.read_window(parts, now=now)
        ring = next(one for one in RINGS if parts % one.parts == 0 and parts <= one.parts * one.slots)
        length = parts * days * 86_400 / PARTS
        longest = length + slots.length_of(ring) + 1
        inside = [one for one, at in zip(history, instants, strict=True) if now - length < at - 1]
        near = [one for one, at in zip(history, instants, strict=True) if now - longest - 1 < at]

        assert sum(one.bad for one in inside) <= window.bad <= sum(one.bad for one in near)
        assert sum(one.good + one.bad for one in inside) <= window.total <= sum(one.good + one.bad for one in near)
        assert 0 <= window.seconds <= window.span <= longest


@settings(max_examples=examples(50, thorough=3000), deadline=None)
@given(days=days, history=readings, limit=limits, bad=st.integers(1, 1000))
def test_more_bad_events_leave_less(days: int, history: list[Reading], limit: Decimal, bad: int) -> None:
    """No budget grows by failures, and no alert ends by them."""
    slots = watch(days, history)
    worse = slots.add_look(bad, bad, since=slots.at, until=slots.at)
    before, after = (judge_budget(one, limit=limit, now=slots.at) for one in (slots, worse))

    if before.left is not None and after.left is not None:
        assert after.left <= before.left
    for one, other in zip(
        read_burns(slots, limit=limit, now=slots.at), read_burns(worse, limit=limit, now=slots.at), strict=True
    ):
        assert other.fires or not one.fires


@settings(max_examples=examples(60, thorough=3000))
@given(
    left=st.dictionaries(st.sampled_from("abc"), st.none() | st.decimals(-1000, 100, places=2)),
    freeze_at=st.decimals(0, 99, places=1),
)
def test_changes_wait_for_what_is_known_and_for_nothing_else(
    left: dict[str, Decimal | None], freeze_at: Decimal
) -> None:
    """Whatever else is known or not."""
    spent = [one for one in left.values() if one is not None and one <= freeze_at]

    assert bool(describe_spent(left, freeze_at=freeze_at)) == bool(spent)
