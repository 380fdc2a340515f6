"""Which variant is released: the cheapest that keeps every promise and the budget, and why not the others."""

from dataclasses import replace
from decimal import Decimal

import pytest

from palier.api.spec.budget import Budget
from palier.economics.capacity import ScalingLaw
from palier.economics.plan import plan
from palier.economics.prices import Priced, Unpriced
from palier.economics.variants import Choice, VariantFinding, choose
from palier.evidence.verdicts import Verdict
from tests.support.economics.examples import inputs, priced, unpriced

BUDGET = Budget.model_validate({"currency": "EUR", "monthly": "3000"})


def way(
    name: str,
    *,
    hourly: str = "0.05",
    capacity: str | None = "10",
    price: Priced | Unpriced | None = None,
    budget: Budget | None = BUDGET,
) -> VariantFinding:
    """A variant at 200 requests/s, of which one replica carries `capacity`."""
    law = ScalingLaw(Decimal(capacity)) if capacity else None
    made = inputs(hourly=price or priced(hourly), law=law, budget=budget)
    return VariantFinding(name, f"{name:0<10}"[:10], plan(made))


def failed_test(name: str) -> VariantFinding:
    """A variant that no load lets keep its objectives."""
    found = way(name, capacity=None)
    message = "even at 0.5 requests/s 31 % of the answers are slower than 250ms"
    return replace(
        found, plan=replace(found.plan, verdict=Verdict.FAIL, reason="ObjectiveUnreachable", message=message)
    )


def told(choice: Choice) -> list[tuple[str, str, bool]]:
    """Each variant with its reason."""
    return [(one.name, one.reason, one.chosen) for one in choice.findings]


def test_the_cheapest_that_fits_is_chosen() -> None:
    """Of one too slow, one too dear and two that fit, the cheaper of the two is released; all stay on record."""
    choice = choose([failed_test("slow"), way("dear", hourly="9"), way("fits", hourly="0.06"), way("small")])
    assert (choice.verdict, choice.reason, choice.chosen) == (Verdict.PASS, "Cheapest", "small00000")
    assert told(choice) == [
        ("slow", "ObjectiveUnreachable", False),
        ("dear", "OverBudget", False),
        ("fits", "NotCheapest", False),
        ("small", "Cheapest", True),
    ]
    assert choice.message.startswith("small is the cheapest that fits: 200 requests/s take 29 replicas")
    assert "slow: even at 0.5 requests/s 31 % of the answers are slower than 250ms" in choice.message
    assert "dear: OverBudget at 190,530 EUR a month" in choice.message
    assert "fits: within budget at 1,270 EUR a month" in choice.message


def test_the_record_tells_what_each_costs_and_what_it_costs_more() -> None:
    """A variant that fits but is dearer is told by how much; one without a cost has none."""
    choice = choose([failed_test("slow"), way("fits", hourly="0.06"), way("small")])
    slow, fits, small = choice.findings
    assert (slow.monthly_total, slow.verdict) == (None, Verdict.FAIL)
    assert fits.monthly_total == Decimal("0.06") * 730 * 29
    assert fits.verdict is Verdict.PASS
    assert fits.message.startswith("212 EUR a month more than small: 200 requests/s take 29 replicas")
    assert small.monthly_total == Decimal("0.05") * 730 * 29


def test_what_is_cheaper_by_the_hour_can_be_dearer_by_the_month() -> None:
    """A big machine that carries more than its price is the cheaper one."""
    choice = choose([way("cheap-hour", hourly="0.05", capacity="1"), way("big", hourly="0.40", capacity="100")])
    assert choice.chosen == "big0000000"


def test_of_equals_the_first_is_chosen() -> None:
    """The order of the spec decides between the same costs, so that the choice does not change by chance."""
    choice = choose([way("one"), way("two")])
    assert choice.chosen == "one0000000"
    assert choice.findings[1].message.startswith("as cheap as one, which comes first")
    assert choose([way("two"), way("one")]).chosen == "two0000000"


def test_none_that_fits_is_refused_with_what_would_fit() -> None:
    """All too dear or too slow: each is named with its reason, and how much the one affords that affords most."""
    choice = choose([failed_test("slow"), way("dear", hourly="9"), way("less", hourly="0.9", capacity="12")])
    assert (choice.verdict, choice.reason, choice.chosen) == (Verdict.FAIL, "NoVariantFits", None)
    assert choice.message == (
        "no variant fits: slow: even at 0.5 requests/s 31 % of the answers are slower than 250ms;"
        " dear: OverBudget at 190,530 EUR a month; less: OverBudget at 15,768 EUR a month;"
        " less carries the most within the budget: at most 33.6 requests/s"
    )
    assert not any(one.chosen for one in choice.findings)
    assert told(choice)[1:] == [("dear", "OverBudget", False), ("less", "OverBudget", False)]


def test_one_reason_for_all_is_the_reason() -> None:
    """Where every variant is over budget, that is why the release is refused."""
    choice = choose([way("dear", hourly="9"), way("dearer", hourly="99")])
    assert (choice.verdict, choice.reason) == (Verdict.FAIL, "OverBudget")
    assert (
        "carries the most"
        not in choose([way("a", hourly="9", capacity="1"), way("b", hourly="9", capacity="1")]).message
    )


def test_while_one_might_still_pass_nothing_is_refused() -> None:
    """A variant without evidence keeps the release waiting when none passes, and its reason is the reason."""
    choice = choose([way("dear", hourly="9"), way("untested", capacity=None)])
    assert (choice.verdict, choice.reason, choice.chosen) == (Verdict.NO_EVIDENCE, "NoCapacity", None)
    assert "untested: it is not known how many requests/s" in choice.message
    priceless = choose([way("dear", hourly="9"), way("gpu", price=unpriced("GpuPriceMissing"))])
    assert (priceless.verdict, priceless.reason) == (Verdict.NO_EVIDENCE, "GpuPriceMissing")


def test_one_that_passes_is_released_beside_one_without_evidence() -> None:
    """What is not known does not stop what is known to fit."""
    choice = choose([way("untested", capacity=None), way("small")])
    assert (choice.verdict, choice.chosen) == (Verdict.PASS, "small00000")
    assert told(choice) == [("untested", "NoCapacity", False), ("small", "Cheapest", True)]


def test_the_only_way_is_judged_by_its_own_plan() -> None:
    """Without variants there is no choice: the plan's verdict, reason and sentence are the outcome."""
    for one in (way(""), way("", hourly="9"), way("", capacity=None)):
        choice = choose([one])
        assert (choice.verdict, choice.reason, choice.message) == (one.plan.verdict, one.plan.reason, one.plan.message)
        passes = one.plan.verdict is Verdict.PASS
        assert choice.chosen == (one.revision if passes else None)
        assert [found.chosen for found in choice.findings] == [passes]


def test_one_that_passes_without_a_price_is_not_called_the_cheapest() -> None:
    """Without a budget a way may pass unpriced: which of several is the cheapest is then not known."""
    choice = choose([way("free", price=unpriced(), budget=None), way("dear", hourly="9")])
    assert (choice.verdict, choice.reason, choice.chosen) == (Verdict.NO_EVIDENCE, "PricesMissing", None)


def test_variants_in_two_currencies_are_not_compared() -> None:
    """10 dollars are not less than 11 euros: nothing is chosen, and it is said."""
    choice = choose([way("euros", budget=None), way("dollars", price=priced("0.01", "USD"), budget=None)])
    assert (choice.verdict, choice.reason, choice.chosen) == (Verdict.NO_EVIDENCE, "CurrencyMismatch", None)
    assert "EUR and USD" in choice.message


def test_there_must_be_something_to_choose_from() -> None:
    """An empty choice is a mistake of the caller."""
    with pytest.raises(ValueError, match="choose from"):
        choose([])
