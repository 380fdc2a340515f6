"""Money under random fates: autoscalers, restarts, months, budgets. Nothing is lost, nothing counts twice."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from palier.economics.burn import burn
from palier.economics.money import Money
from palier.economics.running import MINIMUM_REQUESTS, MINIMUM_SECONDS, Served, judge_cost, unit_cost
from palier.economics.spending import (
    RATE_LIMIT,
    Rate,
    Spending,
    advance_spending,
    mean_rate,
    month_of,
    spent_at,
)
from palier.evidence.verdicts import Verdict
from palier.release.times import format_time, parse_time

START = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
ROUNDING = Decimal("0.000000001")
"""What one write may lose or add."""
ORDER = (Verdict.FAIL, Verdict.NO_EVIDENCE, Verdict.PASS)

hourly_costs = st.decimals(0, 1000, places=4)
amounts = st.decimals(Decimal("0.0001"), 1000, places=4)
histories = st.lists(st.tuples(st.integers(1, 2 * 86_400), hourly_costs), min_size=1, max_size=40)
"""Seconds for which an hourly cost held, and that cost."""
traffic = st.builds(
    Served,
    requests=st.integers(MINIMUM_REQUESTS, 10**9),
    seconds=st.floats(MINIMUM_SECONDS, 3600.0),
)


def euros(amount: Decimal) -> Money:
    """An amount of the usual currency."""
    return Money(amount, "EUR")


def lived(history: Sequence[tuple[int, Decimal]], *, restarts: bool = False) -> tuple[Spending, float]:
    """The memory at the end of a history, and when that is."""
    spending, now = None, START
    for seconds, hourly in history:
        spending = advance_spending(spending, hourly=euros(hourly), now=now)
        if restarts:
            spending = reread(spending)
        now += seconds
    assert spending is not None
    return spending, now


def reread(spending: Spending) -> Spending:
    """The memory after it was written to a status and read by the next operator."""
    return Spending(
        spending.currency,
        spending.month,
        Decimal(format(spending.spent, "f")),
        parse_time(format_time(spending.at)),
        tuple(Rate(parse_time(format_time(one.since)), Decimal(format(one.hourly, "f"))) for one in spending.rates),
    )


def cost_between(history: Sequence[tuple[int, Decimal]], begin: float, end: float) -> Decimal:
    """What a history has cost between two instants, second by second."""
    total, since = Decimal(0), START
    for seconds, hourly in history:
        overlap = min(since + seconds, end) - max(since, begin)
        total += hourly * max(Decimal(0), Decimal(overlap)) / 3600
        since += seconds
    return total


@given(histories)
def test_what_was_spent_is_the_sum_of_what_each_hour_cost(history: list[tuple[int, Decimal]]) -> None:
    """In the month that the history ends in, to a billionth for each write."""
    spending, now = lived(history)
    month = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0).timestamp()

    assert abs(spent_at(spending, now) - cost_between(history, month, now)) <= ROUNDING * (len(history) + 1)


@given(histories, st.data())
def test_looking_more_often_changes_nothing(history: list[tuple[int, Decimal]], data: st.DataObject) -> None:
    """An operator that looks every second and one that sleeps between two changes have spent the same."""
    often = [
        (part, hourly)
        for seconds, hourly in history
        for part in ([seconds] if seconds == 1 else _parts(seconds, data.draw(st.integers(1, seconds - 1))))
    ]
    spending, now = lived(history)
    other, _ = lived(often)

    assert abs(spent_at(spending, now) - spent_at(other, now)) <= ROUNDING * (len(often) + 1)
    assert other.rates == spending.rates


def _parts(seconds: int, first: int) -> list[int]:
    return [first, seconds - first]


@given(histories)
def test_restarts_lose_nothing(history: list[tuple[int, Decimal]]) -> None:
    """What the next operator reads is what the last one knew."""
    assert lived(history, restarts=True) == lived(history)


@given(histories)
def test_the_memory_is_bounded_and_in_order(history: list[tuple[int, Decimal]]) -> None:
    """However restless an autoscaler is; and no rate is outside of what was really paid."""
    spending, now = lived(history)
    since = [rate.since for rate in spending.rates]

    assert len(spending.rates) <= RATE_LIMIT
    assert since == sorted(set(since))
    assert since[-1] <= now
    assert spending.rates[-1].hourly == history[-1][1]
    paid = [hourly for _, hourly in history]
    assert all(min(paid) - ROUNDING <= rate.hourly <= max(paid) + ROUNDING for rate in spending.rates)


@given(histories, st.integers(1, 3 * 86_400))
def test_a_mean_lies_between_what_was_paid(history: list[tuple[int, Decimal]], seconds: int) -> None:
    """Also over averages of old rates, and it is known just as far back as something was counted."""
    spending, now = lived(history)
    mean = mean_rate(spending, seconds=seconds, now=now)

    if now - seconds < START:
        assert mean is None
    else:
        assert mean is not None
        paid = [hourly for _, hourly in history]
        assert min(paid) - 2 * ROUNDING <= mean <= max(paid) + 2 * ROUNDING


@given(histories, amounts, amounts, st.decimals(0, 500, places=2))
def test_a_larger_budget_is_never_exceeded_more(
    history: list[tuple[int, Decimal]], monthly: Decimal, more: Decimal, overheads: Decimal
) -> None:
    """Every rule that is kept with one budget is kept with a larger one."""
    spending, now = lived(history)
    small = burn(spending, monthly=monthly, now=now, overheads=overheads)
    large = burn(spending, monthly=monthly + more, now=now, overheads=overheads)

    assume(monthly > overheads)
    assert set(large.exceeded) <= set(small.exceeded)
    assert large.projected == small.projected >= large.spent + overheads


@given(hourly_costs, amounts, st.integers(0, 40 * 86_400))
def test_a_steady_cost_is_judged_by_its_rate_alone(hourly: Decimal, budget: Decimal, seconds: int) -> None:
    """Whatever the month: what costs no more than the budget has for an hour never exceeds it, anything above does."""
    spending, now = (
        lived([(seconds, hourly)]) if seconds else (advance_spending(None, hourly=euros(hourly), now=START), START)
    )
    found = burn(spending, monthly=730 * budget, now=now)

    if hourly <= budget:
        assert found.exceeded == ()
    elif hourly > budget * Decimal("1.00001") and seconds >= 3 * 86_400:
        assert found.exceeds


@given(amounts, traffic)
def test_the_cost_of_each_thousand_times_the_traffic_is_what_was_paid(hourly: Decimal, served: Served) -> None:
    """No money is made or lost by dividing it."""
    cost = unit_cost(euros(hourly), served)

    assert cost is not None
    paid = hourly * Decimal(served.seconds) / 3600
    assert abs(cost.per_thousand.amount * served.requests / 1000 - paid) <= paid * Decimal("1e-20")
    least, most = cost.chance
    assert 0 < least.amount < cost.per_thousand.amount < most.amount


@given(hourly_costs, traffic, st.integers(1, 10**6))
def test_more_traffic_is_never_dearer_by_the_request(hourly: Decimal, served: Served, more: int) -> None:
    """With the same pods."""
    few = unit_cost(euros(hourly), served)
    many = unit_cost(euros(hourly), served._replace(requests=served.requests + more))

    assert few is not None
    assert many is not None
    assert 0 <= many.per_thousand.amount <= few.per_thousand.amount


@given(amounts, st.none() | amounts, traffic, amounts, amounts)
def test_a_larger_limit_is_never_judged_worse(
    candidate: Decimal, stable: Decimal | None, served: Served, maximum: Decimal, more: Decimal
) -> None:
    """Fail, then no evidence, then Pass; and no currency but the budget's is judged at all."""

    def verdict(limit: Decimal, currency: str = "EUR") -> Verdict:
        return judge_cost(
            "cost",
            maximum=Money(limit, currency),
            candidate=euros(candidate),
            stable=None if stable is None else euros(stable),
            served=served,
        ).verdict

    assert ORDER.index(verdict(maximum)) <= ORDER.index(verdict(maximum + more))
    assert verdict(maximum, "USD") is Verdict.NO_EVIDENCE


@given(st.floats(0, 4e9))
def test_every_instant_has_a_month(instant: float) -> None:
    """Also the last microsecond of a year."""
    assert month_of(instant) == datetime.fromtimestamp(instant, UTC).isoformat()[:7]
