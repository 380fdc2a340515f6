"""What a release knows of money: what runs costs, what was spent, and what a version's answers cost."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from palier.economics.money import Money
from palier.economics.prices import Unpriced
from palier.economics.running import Served
from palier.economics.spending import Rate, Spending, spent_at
from palier.evidence.verdicts import Verdict
from palier.release.cost import (
    ReportedCosts,
    RunningFacts,
    burn_stops,
    cost_judgements,
    find_burn,
    overheads_of,
    revision_cost,
    spending_of,
    spending_status,
    update_reported,
    update_spending,
)
from tests.support.cluster.schema import violations
from tests.support.release.examples import CANDIDATE, FORMER, STABLE
from tests.support.release.load_examples import NOW
from tests.support.release.load_world import load_tested
from tests.support.release.strategies import COMPUTED, SPENDINGS

HOUR = 3600.0
UNPRICED = Unpriced("PricesStale", "the prices are old")
SERVED = Served(10_000, HOUR)


def euros(amount: str) -> Money:
    """So many euros."""
    return Money(Decimal(amount), "EUR")


def running(**changes: Any) -> RunningFacts:  # noqa: ANN401 - fields of the facts
    """Two pods of stable at 0.10 an hour and one of the candidate at 0.30, and 10,000 answers in the last hour."""
    facts: dict[str, Any] = {
        "hourly": {STABLE: euros("0.10"), CANDIDATE: euros("0.30")},
        "pods": {STABLE: 2, CANDIDATE: 1},
        "served": {STABLE: Served(9_000, HOUR), CANDIDATE: Served(1_000, HOUR)},
        "total": SERVED,
    }
    return RunningFacts(**facts | changes)


def spending(hourly: str = "1", *, already: str = "100", currency: str = "EUR") -> Spending:
    """What was spent up to now in November, at the same rate since it began."""
    return Spending(currency, "2026-11", Decimal(already), NOW, (Rate(NOW - 24 * 86_400, Decimal(hourly)),))


def test_all_pods_cost_what_each_of_them_costs() -> None:
    """Every revision that has pods, whatever its part; one without pods costs nothing."""
    assert running().add_hourly() == euros("0.50")
    assert running(pods={STABLE: 2, CANDIDATE: 0}).add_hourly() == euros("0.20")
    assert running(pods={STABLE: 2, CANDIDATE: 1, FORMER: 3}).add_hourly() == euros("0.50")
    assert running(pods={}).add_hourly() is None


def test_one_pod_without_a_price_leaves_no_sum() -> None:
    """A sum that leaves something out would look like a saving; a revision without pods does no harm."""
    facts = {STABLE: euros("0.10"), CANDIDATE: UNPRICED}

    assert running(hourly=facts).add_hourly() == UNPRICED
    assert running(hourly=facts, pods={STABLE: 2, CANDIDATE: 0}).add_hourly() == euros("0.20")


def test_spending_goes_on_while_a_price_is_missing() -> None:
    """The last known rate stands, and nothing is written anew."""
    assert update_spending(spending(), running(hourly={STABLE: UNPRICED}), now=NOW + HOUR) == spending()
    assert update_spending(None, RunningFacts(), now=NOW) is None

    grown = update_spending(spending(), running(), now=NOW + HOUR)

    assert grown is not None
    assert (grown.spent, grown.hourly) == (Decimal(101), euros("0.50"))


def test_what_was_spent_stands_still_when_no_pod_is_left() -> None:
    """A first release on an H100 that is refused after an hour has cost that hour, not the week after it."""
    h100 = running(hourly={CANDIDATE: euros("5.92")}, pods={CANDIDATE: 1}, seen=True)
    began = update_spending(None, h100, now=NOW)
    for gone in (running(hourly={}, pods={}, seen=True), running(pods={CANDIDATE: 0}, hourly=h100.hourly, seen=True)):
        refused = update_spending(began, gone, now=NOW + HOUR)
        assert refused is not None
        assert spent_at(refused, NOW + HOUR + 86_400) == Decimal("5.92")  # the week's end is another month
        assert refused.hourly == euros("0")
        again = update_spending(refused, h100, now=NOW + 2 * HOUR)
        assert again is not None
        assert (again.spent, again.hourly) == (Decimal("5.92"), euros("5.92"))


def test_no_pods_count_only_where_somebody_has_looked() -> None:
    """What was not looked for may be there, and what has no price is there: for both the last cost of an hour holds."""
    assert update_spending(spending(), RunningFacts(), now=NOW + HOUR) == spending()
    unknown = running(hourly={STABLE: UNPRICED, CANDIDATE: euros("0.1")}, pods={STABLE: 1, CANDIDATE: 0}, seen=True)
    assert update_spending(spending(), unknown, now=NOW + HOUR) == spending()
    assert update_spending(None, running(hourly={}, pods={}, seen=True), now=NOW) is None


def test_overheads_are_added_up() -> None:
    """The four kinds of them; none without a plan."""
    paid = {"maintenanceMonthly": "10", "monitoringMonthly": "20", "dataMonthly": "30", "peopleMonthly": "40.5"}

    assert overheads_of(load_tested(scale={"overheads": paid})) == Decimal("100.5")
    assert overheads_of(load_tested()) == 0


@pytest.mark.parametrize(
    ("budget", "known"),
    [
        (None, spending()),
        ({"currency": "EUR", "perThousandInferences": "1"}, spending()),
        ({"currency": "EUR", "monthly": "1000"}, None),
        ({"currency": "USD", "monthly": "1000"}, spending()),
    ],
    ids=["no budget", "no monthly one", "nothing spent", "another currency"],
)
def test_a_budget_that_cannot_be_compared_does_not_burn(budget: dict[str, str] | None, known: Spending | None) -> None:
    """No amount is guessed or converted, and what is not known never stops a release."""
    assert find_burn(load_tested(budget=budget), known, now=NOW) is None


def test_overheads_are_part_of_what_a_month_costs() -> None:
    """The same spending burns with them and not without."""
    scale = {"overheads": {"peopleMonthly": "400"}}
    without, with_them = (
        find_burn(load_tested(**changes), spending("0.9", already="500"), now=NOW) for changes in ({}, {"scale": scale})
    )

    assert without is not None
    assert with_them is not None
    assert (without.exceeds, with_them.exceeds) == (False, True)


@pytest.mark.parametrize(
    ("on_burn", "begin", "go_on"), [("Alert", False, False), ("Freeze", True, False), ("Hold", True, True)]
)
def test_what_a_burning_budget_stops_is_the_owners_choice(on_burn: str, begin: bool, go_on: bool) -> None:
    """An alert stops nothing, a freeze what has not begun, a hold both; a budget that is kept stops nothing at all."""
    deployment = load_tested(budget={"currency": "EUR", "monthly": "1000", "onBurn": on_burn})
    burns = find_burn(deployment, spending(already="1200"), now=NOW)
    fine = find_burn(deployment, spending("0.1", already="1"), now=NOW)

    assert burns is not None
    assert burns.exceeds
    assert burn_stops(deployment, burns, under_way=False) is begin
    assert burn_stops(deployment, burns, under_way=True) is go_on
    for found in (fine, None):
        assert not burn_stops(deployment, found, under_way=False)
        assert not burn_stops(deployment, found, under_way=True)


COSTLY = load_tested(objectives=({"name": "cost", "cost": {"maxPerThousandInferences": "0.05"}},), replicas=4)


@pytest.mark.parametrize(
    ("facts", "verdict", "reason"),
    [
        (running(), Verdict.FAIL, "ObjectiveBreached"),
        (running(hourly={STABLE: euros("0.10"), CANDIDATE: euros("0.12")}), Verdict.PASS, "WithinObjective"),
        (running(hourly={STABLE: euros("0.30"), CANDIDATE: euros("0.30")}), Verdict.NO_EVIDENCE, "StableBreachesToo"),
        (running(hourly={STABLE: euros("0.10")}), Verdict.NO_EVIDENCE, "PricesMissing"),
        (running(hourly={CANDIDATE: UNPRICED}), Verdict.NO_EVIDENCE, "PricesStale"),
        (running(total=Served(99, HOUR)), Verdict.NO_EVIDENCE, "InsufficientTraffic"),
        (running(total=None, unknown="Prometheus is away"), Verdict.NO_EVIDENCE, "InsufficientTraffic"),
        (running(hourly={CANDIDATE: Money(Decimal("0.30"), "USD")}), Verdict.NO_EVIDENCE, "CurrencyMismatch"),
    ],
)
def test_a_cost_objective_fails_only_on_what_is_known(facts: RunningFacts, verdict: Verdict, reason: str) -> None:
    """By what all of the traffic would cost with four pods of it; absent prices or requests are no verdict."""
    (judged,) = cost_judgements(COSTLY, facts, candidate=CANDIDATE, stable=STABLE, replicas=4)

    assert (judged.objective, judged.verdict, judged.reason) == ("cost", verdict, reason)


def test_the_share_of_the_traffic_does_not_change_the_verdict() -> None:
    """One pod for 5 % of the users would cost four times as much for each: that says nothing about the version."""
    few, all_of_them = (
        cost_judgements(COSTLY, running(pods={CANDIDATE: pods}), candidate=CANDIDATE, stable=STABLE, replicas=4)
        for pods in (1, 4)
    )

    assert few == all_of_them


@pytest.mark.parametrize(("pods", "verdict"), [(4, Verdict.PASS), (8, Verdict.PASS), (40, Verdict.FAIL)])
def test_a_slow_candidate_pays_for_the_pods_that_it_needs(pods: int, verdict: Verdict) -> None:
    """At the same price for a pod, ten times stable's pods cost ten times as much for each answer."""
    facts = running(hourly={STABLE: euros("0.05"), CANDIDATE: euros("0.05")})
    (judged,) = cost_judgements(
        COSTLY, facts, candidate=CANDIDATE, stable=STABLE, replicas={CANDIDATE: pods, STABLE: 4}
    )

    assert judged.verdict is verdict
    assert judged.estimate == pytest.approx(pods * 0.005)


def test_objectives_about_anything_else_are_not_judged_here() -> None:
    """And without a budget there is no currency to judge in."""
    assert cost_judgements(load_tested(), running(), candidate=CANDIDATE, stable=STABLE, replicas=2) == ()


def test_what_a_thousand_answers_of_a_revision_cost() -> None:
    """All of its pods, over what it answered itself: 2 x 0.10 an hour for 9,000."""
    cost = revision_cost(running(), STABLE)

    assert cost is not None
    assert round(cost.per_thousand.amount, 6) == Decimal("0.022222")
    assert revision_cost(running(served={STABLE: None}), STABLE) is None
    assert revision_cost(running(pods={STABLE: 0}), STABLE) is None
    assert revision_cost(running(hourly={STABLE: UNPRICED}), STABLE) is None
    assert revision_cost(running(), FORMER) is None


def told(
    before: ReportedCosts, facts: RunningFacts, *, anew: bool = False, candidate: str = CANDIDATE
) -> tuple[str, str]:
    """What is told of stable and of the candidate."""
    now = update_reported(before, facts, stable=STABLE, candidate=candidate, anew=anew)
    return now.stable, now.candidate


def test_the_cost_of_an_answer_is_told_when_the_spending_is() -> None:
    """In between only news count: what was not known before, or a candidate that is gone."""
    old = ReportedCosts("0.5", "0.7")

    assert told(old, running()) == ("0.5", "0.7")
    assert told(old, running(), anew=True) == ("0.02222", "0.3000")
    assert told(ReportedCosts(), running()) == ("0.02222", "0.3000")
    assert told(ReportedCosts("0.5"), running()) == ("0.02222", "0.3000")
    assert told(old, running(), candidate="") == ("0.02222", "")
    assert told(old, RunningFacts()) == ("0.5", "0.7")
    assert told(old, RunningFacts(), anew=True) == ("", "")


@given(COMPUTED)
def test_what_was_told_reads_back(told_before: ReportedCosts) -> None:
    """Or an Event would be told twice after a restart."""
    status = told_before.to_status()

    assert ReportedCosts.from_status(status) == told_before
    assert list(violations({"cost": status})) == []
    assert ReportedCosts.from_status(None) == ReportedCosts()


@given(SPENDINGS)
def test_what_was_spent_reads_back_to_the_last_digit(known: Spending) -> None:
    """An operator that is killed goes on counting where it was."""
    status = json.loads(json.dumps(spending_status(known)))

    assert spending_of(status) == known
    assert list(violations({"cost": status})) == []
    assert spending_of({"currency": "EUR", "perThousandInferences": "0.4"}) is None
    assert spending_of(None) is None
