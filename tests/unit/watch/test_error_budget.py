"""Error budgets: who is told of a burn, who is not, what is left, and until when it lasts."""

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from palier.evidence.absolute import log_e_above
from palier.watch.error_budget import (
    ALERT_RULES,
    LEAST_BAD,
    Severity,
    judge_budget,
    read_burns,
)
from palier.watch.slots import PARTS, RINGS, Slots

DAYS = 30
BEGIN = 1_800_057_600
MINUTE, HOUR, DAY = 60, 3600, 86_400
PERCENT = Decimal("0.01")


def watch(slots: Slots, *, share: float, rate: float, seconds: int, every: int = MINUTE) -> Slots:
    """Looks at steady traffic with a steady share of bad events, counted to the nearest whole one."""
    counted = bad = 0
    for number in range(1, seconds // every + 1):
        total = round(rate * every * number) - counted
        failed = round(share * (counted + total)) - bad
        slots = slots.add_look(failed, total, since=slots.at, until=slots.at + every)
        counted, bad = counted + total, bad + failed
    return slots


def begin() -> Slots:
    """Nothing counted yet."""
    return Slots.begin(DAYS, now=BEGIN)


def fire(slots: Slots, limit: Decimal = PERCENT) -> list[tuple[Severity, float]]:
    """The rules that somebody is told of."""
    burns = read_burns(slots, limit=limit, now=slots.at)
    return [(one.rule.severity, one.rule.factor) for one in burns if one.fires]


def test_the_windows_are_those_of_the_workbook() -> None:
    """For 30 days; each factor uses up its share of the budget in its long window."""
    hours = [(rule.long * 5 / 60, rule.short * 5) for rule in ALERT_RULES]

    assert hours == [(1, 5), (6, 30), (24, 120), (72, 360)]
    assert [rule.factor * rule.long / PARTS for rule in ALERT_RULES] == pytest.approx([0.02, 0.05, 0.1, 0.1])


def test_every_window_has_a_ring() -> None:
    """A rule that no ring of slots can answer would fail at every look."""
    reaches = {ring.parts * slots for ring in RINGS for slots in range(1, ring.slots + 1)}

    assert {parts for rule in ALERT_RULES for parts in (rule.long, rule.short)} | {PARTS} <= reaches


def test_an_outage_pages_within_minutes() -> None:
    """Everything fails, after a good day, at ten requests a second."""
    slots = watch(begin(), share=0, rate=10, seconds=DAY)
    assert fire(slots) == []

    slots = watch(slots, share=1, rate=10, seconds=15 * MINUTE)
    assert (Severity.PAGE, 14.4) in fire(slots)


def test_a_burn_of_eight_pages_by_the_slower_rule() -> None:
    """8 % of the requests fail where 1 % may, for six hours."""
    slots = watch(begin(), share=0, rate=10, seconds=6 * HOUR)
    slots = watch(slots, share=0.08, rate=10, seconds=6 * HOUR)

    assert fire(slots)[0] == (Severity.PAGE, 6.0)


def test_a_burn_of_two_is_a_ticket() -> None:
    """Nobody is woken by it, and somebody is told."""
    slots = watch(begin(), share=0.02, rate=1, seconds=3 * DAY, every=10 * MINUTE)

    assert fire(slots) == [(Severity.TICKET, 1.0)]


def test_both_windows_have_to_exceed() -> None:
    """An outage that is over pages nobody any more, although the hour is still bad."""
    slots = watch(begin(), share=1, rate=10, seconds=30 * MINUTE)
    assert fire(slots)[0] == (Severity.PAGE, 14.4)

    slots = watch(slots, share=0, rate=10, seconds=11 * MINUTE)
    fast = read_burns(slots, limit=PERCENT, now=slots.at)[0]
    assert fast.long_burn is not None
    assert fast.long_burn > fast.rule.factor
    assert fast.short_burn == 0
    assert not fast.exceeds
    assert not fast.fires


def test_one_failure_in_a_quiet_hour_pages_nobody() -> None:
    """A burn of 100 and more, of one request: the windows alone would page."""
    slots = watch(begin(), share=0, rate=0.005, seconds=DAY)
    slots = slots.add_look(1, 1, since=slots.at, until=slots.at + MINUTE)
    burns = read_burns(slots, limit=Decimal("0.0001"), now=slots.at)

    assert burns[0].exceeds
    assert fire(slots, Decimal("0.0001")) == []


def test_a_few_failures_page_nobody_however_small_the_limit_is() -> None:
    """Four failures of one request that was tried again are strong evidence, of one cause."""
    slots = begin().add_look(LEAST_BAD - 1, LEAST_BAD - 1, since=BEGIN, until=BEGIN + MINUTE)
    (fast, *_) = read_burns(slots, limit=Decimal("0.0001"), now=slots.at)
    assert fast.log_e > math.log(10**6)
    assert fire(slots, Decimal("0.0001")) == []

    slots = slots.add_look(1, 1, since=slots.at, until=slots.at + MINUTE)
    assert (Severity.PAGE, 14.4) in fire(slots, Decimal("0.0001"))


def test_a_burn_without_evidence_tells_nobody() -> None:
    """Six failures of 600 requests exceed 1.0 times 0.9 % in three days, and say nothing about it."""
    slots = begin().add_look(6, 600, since=BEGIN, until=BEGIN + MINUTE)
    slow = read_burns(slots, limit=Decimal("0.009"), now=slots.at)[-1]

    assert slow.exceeds
    assert slow.long.bad >= LEAST_BAD
    assert slow.log_e == log_e_above(6, 600, limit=0.009)
    assert not slow.fires


def test_without_counts_nobody_is_told() -> None:
    """Absent data is no burn, and no evidence."""
    for one in read_burns(begin(), limit=PERCENT, now=BEGIN + DAY):
        assert (one.long_burn, one.short_burn, one.log_e) == (None, None, 0.0)
        assert not one.exceeds
        assert "nothing was counted" in one.describe()


def test_an_alert_says_its_numbers() -> None:
    """Counts, burns, windows and how strong the evidence is."""
    slots = watch(begin(), share=1, rate=1, seconds=HOUR)
    said = read_burns(slots, limit=PERCENT, now=slots.at)[0].describe()

    assert said.startswith(
        "3600 of 3600 bad in 60 minutes, 100 times the 1 % that is allowed, and 100 times in 10 minutes"
    )
    assert "more than 14.4 times in both" in said


@pytest.mark.parametrize(("share", "left"), [(0.0, 100), (0.005, 50), (0.01, 0), (0.02, -100)])
def test_what_is_left_of_a_whole_window(share: float, left: float) -> None:
    """A month with half of the allowed share has half of its budget left."""
    slots = watch(begin(), share=share, rate=1, seconds=DAYS * DAY, every=HOUR)
    budget = judge_budget(slots, limit=PERCENT, now=slots.at)

    assert budget.left is not None
    assert float(budget.left) == pytest.approx(left, abs=0.01)
    assert budget.known == 1


def test_exactly_the_budget_is_spent() -> None:
    """Not a billionth is left, whatever floats would make of a limit of 0.1 %."""
    slots = begin().add_look(3, 3000, since=BEGIN, until=BEGIN + DAYS * DAY)
    budget = judge_budget(slots, limit=Decimal("0.001"), now=slots.at)

    assert budget.left == 0
    assert budget.lasts == 0
    assert budget.message == "the error budget of 30 days is spent"


def test_a_young_service_has_spent_little() -> None:
    """Its first day was ten times too bad, which is a third of the month's budget."""
    slots = watch(begin(), share=0.1, rate=1, seconds=DAY, every=10 * MINUTE)
    budget = judge_budget(slots, limit=PERCENT, now=slots.at)

    assert budget.left is not None
    assert float(budget.left) == pytest.approx(100 - 1000 / 30, abs=0.1)
    assert budget.burn == pytest.approx(10, rel=0.01)
    assert budget.lasts == pytest.approx(float(budget.left) / 100 * DAYS * DAY / 10, rel=0.01)
    assert budget.message.startswith("67 % of the error budget of 30 days is left, and at the present burn of 10 it is")
    assert budget.message.endswith(" gone in 2 days at the earliest")


def test_a_budget_that_lasts_says_so() -> None:
    """At half of the allowed share it is never gone."""
    slots = watch(begin(), share=0.005, rate=1, seconds=3 * DAY, every=HOUR)
    budget = judge_budget(slots, limit=PERCENT, now=slots.at)

    assert budget.lasts is None
    assert "at the present burn of 0.5 it lasts" in budget.message


def test_the_present_burn_is_that_of_the_shortest_window_that_can_tell() -> None:
    """An outage that has just begun counts at once where it has enough failures, and a lone failure does not."""
    slots = watch(begin(), share=0.001, rate=1, seconds=3 * DAY, every=HOUR)
    assert judge_budget(slots, limit=PERCENT, now=slots.at).burn == pytest.approx(0.1, rel=0.1)

    quiet = slots.add_look(0, 0, since=slots.at, until=slots.at + 2 * HOUR)
    quiet = quiet.add_look(1, 1, since=quiet.at, until=quiet.at + MINUTE)
    assert judge_budget(quiet, limit=PERCENT, now=quiet.at).burn == pytest.approx(0.1, rel=0.1)

    slots = watch(slots, share=1, rate=1, seconds=10 * MINUTE)
    burn = judge_budget(slots, limit=PERCENT, now=slots.at).burn
    assert burn is not None
    assert burn > 10


def test_a_gap_is_neither_good_nor_bad() -> None:
    """Ten days in which nobody looked leave the same share of the budget as if they had been like the others."""
    whole = watch(begin(), share=0.005, rate=1, seconds=DAYS * DAY, every=HOUR)
    slots = watch(begin(), share=0.005, rate=1, seconds=10 * DAY, every=HOUR)
    later = slots.at + 10 * DAY
    slots = slots.add_look(0, 0, since=later, until=later)
    slots = watch(slots, share=0.005, rate=1, seconds=10 * DAY, every=HOUR)
    with_gap = judge_budget(slots, limit=PERCENT, now=slots.at)

    assert with_gap.left == judge_budget(whole, limit=PERCENT, now=whole.at).left
    assert with_gap.known == pytest.approx(2 / 3, abs=0.01)
    assert "nobody looked for 33 % of the time" in with_gap.message


def test_too_little_is_known() -> None:
    """If nobody looked for more than half of the time, nothing is said of what is left."""
    slots = watch(begin(), share=0.5, rate=1, seconds=DAY, every=HOUR)
    budget = judge_budget(slots, limit=PERCENT, now=slots.at + 2 * DAY)

    assert (budget.left, budget.lasts) == (None, None)
    assert budget.message == (
        "it is not known what is left of the error budget: there are counts for 33 % of the last 3 days"
    )


def test_nothing_is_known_at_first() -> None:
    """A budget of no requests is none."""
    budget = judge_budget(begin(), limit=PERCENT, now=BEGIN + HOUR)

    assert (budget.left, budget.burn, budget.lasts, budget.known) == (None, None, None, 0.0)


@pytest.mark.parametrize("limit", ["0", "1", "-0.1", "1.5"])
def test_a_limit_that_is_none_is_refused(limit: str) -> None:
    """It would divide by zero, or allow everything."""
    with pytest.raises(ValueError, match="limit"):
        judge_budget(begin(), limit=Decimal(limit), now=BEGIN)
    with pytest.raises(ValueError, match="limit"):
        read_burns(begin(), limit=Decimal(limit), now=BEGIN)


def test_a_shorter_window_has_shorter_alarms() -> None:
    """For a week, what is an hour of 30 days is 14 minutes."""
    slots = replace(begin(), days=7)
    (fast, *_) = read_burns(slots, limit=PERCENT, now=BEGIN + DAY)

    assert 14 * MINUTE <= fast.long.span <= 14 * MINUTE + 70
    assert 70 <= fast.short.span <= 140
