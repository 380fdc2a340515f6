"""What a thousand answered requests cost, and when that is a reason to go back."""

from decimal import Decimal

import pytest

from palier.economics.money import Money
from palier.economics.prices import Unpriced
from palier.economics.running import Served, judge_cost, overall_unit_cost, unit_cost
from palier.economics.spending import advance_spending
from palier.evidence.verdicts import Judgement, Verdict
from tests.support.economics.examples import euros

HOUR = 3600.0
NOW = 1_700_000_000.0


def judged(
    candidate: Money | Unpriced,
    *,
    stable: Money | Unpriced | None = None,
    requests: int = 10_000,
    seconds: float = HOUR,
    maximum: Money | None = None,
) -> Judgement:
    """The verdict on at most 0.40 for a thousand."""
    return judge_cost(
        "cost",
        maximum=maximum or euros("0.40"),
        candidate=candidate,
        stable=stable,
        served=Served(requests, seconds),
    )


def test_a_thousand_requests() -> None:
    """Two an hour over ten thousand requests in an hour: 0.20 for each thousand."""
    cost = unit_cost(euros("2"), Served(10_000, HOUR))

    assert cost is not None
    assert cost.per_thousand == euros("0.20")
    assert unit_cost(euros("2"), Served(100, 600.0)) is not None
    half = unit_cost(euros("2"), Served(10_000, HOUR / 2))
    assert half is not None
    assert half.per_thousand == euros("0.10")


@pytest.mark.parametrize("served", [None, Served(99, HOUR), Served(100_000, 599.0)])
def test_too_little_traffic_has_no_cost(served: Served | None) -> None:
    """Not an enormous one, and not none."""
    assert unit_cost(euros("2"), served) is None


def test_everything_that_is_paid() -> None:
    """All pods over the time of the requests, and the overheads of that time."""
    spending = advance_spending(None, hourly=euros("1"), now=NOW - 2 * HOUR)
    spending = advance_spending(spending, hourly=euros("3"), now=NOW - 0.5 * HOUR)

    cost = overall_unit_cost(spending, served=Served(10_000, HOUR), now=NOW, overheads=Decimal(1460))
    assert cost is not None
    assert (cost.hourly, cost.per_thousand) == (euros("4"), euros("0.4"))
    young = overall_unit_cost(spending, served=Served(10_000, 3 * HOUR), now=NOW)
    assert young is not None
    assert young.hourly == euros("3")  # not counted for so long: the present one
    assert overall_unit_cost(spending, served=None, now=NOW) is None


def test_within_the_objective() -> None:
    """The sentence has the cost, the limit, and what both rest on."""
    verdict = judged(euros("2"))

    assert (verdict.verdict, verdict.reason) == (Verdict.PASS, "WithinObjective")
    assert verdict.message == (
        "cost: 0.2 EUR for a thousand requests if it had all of the traffic, 0.4 EUR allowed "
        "(10,000 requests in 60 minutes, pods for 2 EUR an hour)"
    )
    assert (verdict.estimate, verdict.total, verdict.hard_stop) == (0.2, 10_000, False)
    assert (verdict.bad, verdict.stable_total, verdict.stable_bad) == (0, 0, 0)
    assert verdict.interval == pytest.approx((0.2 / 1.01**2, 0.2 / 0.99**2))


def test_exactly_the_limit_is_within_it() -> None:
    """At most means at most."""
    assert judged(euros("4")).verdict is Verdict.PASS
    assert judged(euros("4.2"), requests=1_000_000, maximum=euros("0.0042")).verdict is Verdict.PASS


def test_a_candidate_that_costs_too_much_fails() -> None:
    """And the reader learns what stable would cost for the same requests."""
    verdict = judged(euros("8"), stable=euros("3"))

    assert (verdict.verdict, verdict.reason) == (Verdict.FAIL, "ObjectiveBreached")
    assert verdict.message == (
        "cost: 0.8 EUR for a thousand requests if it had all of the traffic, 0.4 EUR allowed "
        "(10,000 requests in 60 minutes, pods for 8 EUR an hour); stable would cost 0.3 EUR"
    )


@pytest.mark.parametrize("stable", [None, Unpriced("PricesMissing", "no prices")])
def test_without_stable_the_limit_alone_decides(stable: Unpriced | None) -> None:
    """What cannot be compared is no excuse."""
    assert judged(euros("8"), stable=stable).verdict is Verdict.FAIL


def test_a_quiet_night_is_not_the_candidates_fault() -> None:
    """With so little traffic stable costs as much: going back would not make anything cheaper."""
    for stable in ("8", "9"):
        verdict = judged(euros("8"), stable=euros(stable))
        assert (verdict.verdict, verdict.reason) == (Verdict.NO_EVIDENCE, "StableBreachesToo")
        assert "so the candidate cannot be blamed" in verdict.message
    assert judged(euros("8"), stable=euros("7.9")).verdict is Verdict.FAIL


def test_a_few_requests_more_or_less_decide_nothing() -> None:
    """A hundred requests may have been eighty or a hundred and twenty by chance."""
    close = judged(euros("0.045"), requests=100)
    clear = judged(euros("0.049"), requests=100)

    assert (close.verdict, close.reason) == (Verdict.NO_EVIDENCE, "Undecided")
    assert close.message.endswith("; with so few requests that may be chance")
    assert clear.verdict is Verdict.FAIL
    assert judged(euros("4.5")).verdict is Verdict.FAIL  # the same cost, of many requests


def test_what_is_too_much_is_never_told_as_the_limit() -> None:
    """0.40001 is not told as 0.4; 0.39999 may be."""
    assert judged(euros("4.0001")).message.startswith("cost: 0.401 EUR")
    assert judged(euros("3.9999")).message.startswith("cost: 0.4 EUR")


def test_too_few_requests_are_told() -> None:
    """With their number, their time, and what is needed."""
    verdict = judged(euros("2"), requests=42, seconds=720.0)

    assert (verdict.verdict, verdict.reason) == (Verdict.NO_EVIDENCE, "InsufficientTraffic")
    assert verdict.message == ("cost: 42 requests were answered in 12 minutes; at least 100 in 10 minutes are needed")
    assert (verdict.estimate, verdict.interval, verdict.needed, verdict.total) == (None, None, 58, 42)
    assert judged(euros("2"), requests=420, seconds=100.0).needed is None


def test_unknown_traffic_is_told() -> None:
    """Unknown is neither 0 nor a verdict."""
    verdict = judge_cost(
        "cost",
        maximum=euros("1"),
        candidate=euros("2"),
        stable=None,
        served=None,
        unknown="Prometheus did not answer",
    )

    assert (verdict.verdict, verdict.reason) == (Verdict.NO_EVIDENCE, "InsufficientTraffic")
    assert verdict.message == "cost: Prometheus did not answer; at least 100 in 10 minutes are needed"
    assert verdict.total == 0


def test_without_a_price_there_is_no_verdict() -> None:
    """The reason is that of the prices."""
    verdict = judged(Unpriced("GpuPriceMissing", "no price of H100"))

    assert (verdict.verdict, verdict.reason) == (Verdict.NO_EVIDENCE, "GpuPriceMissing")
    assert verdict.message == "cost: no price of H100"


@pytest.mark.parametrize("amount", ["0.01", "1000"])
def test_currencies_are_never_compared(amount: str) -> None:
    """Neither a cheap nor a dear candidate is judged in another currency."""
    verdict = judged(Money(Decimal(amount), "USD"), stable=Money(Decimal(1), "USD"))

    assert (verdict.verdict, verdict.reason) == (Verdict.NO_EVIDENCE, "CurrencyMismatch")
    assert verdict.message == (
        "cost: prices are in USD and the budget is in EUR; Palier converts nothing: give both in one currency"
    )


def test_stable_priced_in_another_currency_is_no_comparison() -> None:
    """It cannot happen with one table of prices; if it does, nobody is blamed."""
    assert judged(euros("8"), stable=Money(Decimal(1), "USD")).reason == "CurrencyMismatch"
