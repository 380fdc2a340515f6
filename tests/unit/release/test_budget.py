"""A budget that burns, and a limit on the cost of an answer, as they hold and end releases."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.api.v1alpha1 import ModelDeployment
from palier.economics.money import Money
from palier.economics.running import Served
from palier.economics.spending import Rate, Spending
from palier.evidence.objective import Counts, begin_share, observe, start_evidence
from palier.evidence.verdicts import Verdict
from palier.measuring.coverage import Coverage
from palier.release.alarm import note_recount, update_alarm
from palier.release.cost import ReportedCosts, RunningFacts, find_burn
from palier.release.memory import read_state, write_state
from palier.release.observation import MeasuredEvidence, Observation
from palier.release.rules import measured_objectives
from palier.release.situation import Decision, Note
from palier.release.state import Former, ReleasePhase, Result, State
from tests.support.release.examples import (
    FORMER,
    STABLE,
    hold_of,
    observed,
    planned,
    ready,
    ref,
    release_at,
    release_of,
    serving,
)
from tests.support.release.load_examples import NOW, decided, ended, passed, recorded_of, seen, under_load, ways
from tests.support.release.load_world import load_tested

HOUR = 3600.0
COST = {"name": "cost", "cost": {"maxPerThousandInferences": "0.05"}}


def spec(on_burn: str = "Alert", **changes: Any) -> ModelDeployment:  # noqa: ANN401
    """A spec with 1000 EUR a month, of which nothing is left."""
    return load_tested(budget={"currency": "EUR", "monthly": "1000", "onBurn": on_burn}, **changes)


BURNT = Spending("EUR", "2026-11", Decimal(1200), NOW, (Rate(NOW - 24 * 86_400, Decimal(2)),))
FINE = replace(BURNT, spent=Decimal(10), rates=(Rate(NOW - 24 * 86_400, Decimal("0.1")),))


def running(hourly: str = "0.10", *, of: str = STABLE) -> RunningFacts:
    """One pod of a revision at this price, two of stable at 0.10, and 10,000 answers in the last hour."""
    prices = {STABLE: Money(Decimal("0.10"), "EUR"), of: Money(Decimal(hourly), "EUR")}
    return RunningFacts(prices, {STABLE: 2, of: 1}, {}, Served(10_000, HOUR))


def on_canary(deployment: ModelDeployment, **changes: Any) -> tuple[State, Observation]:  # noqa: ANN401
    """A tested candidate that has had 5 % of the users for a while, and has served them well."""
    (way,) = ways(deployment).values()
    release = release_at(ReleasePhase.CANARY, plan=planned(deployment), at=NOW - 10, traffic_since=NOW - 10)
    state = replace(under_load(deployment), release=release, backend_positions=(STABLE, way.revision))
    (objective,) = measured_objectives(deployment)[:1]
    evidence = begin_share(start_evidence(objective.digest))
    for _ in range(60):
        evidence = observe(evidence, Counts(50, 0, 0), Counts(950, 0, 0), objective.rule)
    measured = MeasuredEvidence(evidence={"errors": evidence}, pods_read=Coverage(NOW))
    split = {STABLE: 95, way.revision: 5}
    observation = replace(
        seen(deployment), measured=measured, running=running(of=way.revision), route=observed({}, split).route
    )
    return replace(state, **changes), observation


def step_after(on_burn: str, **changes: Any) -> Decision:  # noqa: ANN401
    """What is decided about a good canary while the budget burns."""
    state, observation = on_canary(spec(on_burn, **changes), spending=BURNT)
    return decided(spec(on_burn, **changes), state, observation)


@pytest.mark.parametrize(("on_burn", "index"), [("Alert", 1), ("Freeze", 1), ("Hold", 0)])
def test_only_a_hold_keeps_a_release_where_it_is(on_burn: str, index: int) -> None:
    """An alert and a freeze let it go on, and a hold says why, with the numbers."""
    decision = step_after(on_burn)

    assert release_of(decision).cursor == 1 + index
    if on_burn == "Hold":
        assert hold_of(decision).reason == "BudgetSpent"
        assert hold_of(decision).message.startswith("held at 5 % (budget.onBurn: Hold): 1,200 EUR spent in 2026-11")


def test_a_release_that_is_held_is_rolled_back_when_it_breaches() -> None:
    """Money is no reason to keep a bad version in front of users."""
    state, observation = on_canary(spec("Hold"), spending=BURNT)
    objective = measured_objectives(spec("Hold"))[0]
    evidence = start_evidence(objective.digest)
    for _ in range(60):
        evidence = observe(evidence, Counts(20, 10, 10), Counts(950, 0, 0), objective.rule)
    bad = replace(observation, measured=MeasuredEvidence(evidence={"errors": evidence}, pods_read=Coverage(NOW)))
    decision = decided(spec("Hold"), state, bad)

    assert release_of(decision).phase is ReleasePhase.ROLLING_BACK
    assert release_of(decision).ending is not None
    assert release_of(decision).ending.reason == "ObjectiveBreached"  # type: ignore[union-attr]


def test_a_hold_is_over_when_the_budget_is_kept_again() -> None:
    """Nobody has to ask for it."""
    state, observation = on_canary(spec("Hold"), spending=FINE)

    assert release_of(decided(spec("Hold"), state, observation)).cursor == 2


@pytest.mark.parametrize(("on_burn", "begins"), [("Alert", True), ("Freeze", False), ("Hold", False)])
def test_a_freeze_starts_no_release(on_burn: str, begins: bool) -> None:
    """The spec waits with its reason; as soon as the budget is kept it begins."""
    deployment = spec(on_burn)
    observation = seen(deployment, {STABLE: ready(2)}, running=running())
    decision = decided(deployment, serving(spending=BURNT), observation)

    assert (decision.state.release is not None) is begins
    if not begins:
        assert hold_of(decision).reason == "BudgetSpent"
    assert decided(deployment, serving(spending=FINE), observation).state.release is not None


@pytest.mark.parametrize("on_burn", ["Freeze", "Hold"])
def test_a_first_revision_and_the_way_back_are_never_stopped(on_burn: str) -> None:
    """What burns may be the very version that is to go, and a model that serves nobody saves nothing."""
    deployment = spec(on_burn)
    (way,) = ways(deployment).values()
    warm = serving(former=Former(ref(way.revision), NOW + 600), spending=BURNT)
    pods = {STABLE: ready(2), way.revision: ready(2)}
    back = decided(deployment, warm, seen(deployment, pods, running=running()))

    assert release_of(back).is_direct
    assert (
        release_of(decided(deployment, back.state, seen(deployment, pods, running=running()))).phase
        is ReleasePhase.PROMOTING
    )

    first = decided(deployment, State(spending=BURNT), seen(deployment, {}, running=running()))

    assert release_of(first).is_direct
    assert FORMER not in pods


def test_a_load_test_under_way_ends_and_the_next_waits() -> None:
    """What was begun is paid for already; the budget holds what would come next."""
    deployment = spec("Hold", variants={"a": "1", "b": "2"})
    _, b = ways(deployment).values()
    state = under_load(deployment, "a", spending=BURNT)
    decision = decided(deployment, state, seen(deployment, job=ended(passed()), running=running()))
    waiting = decided(deployment, decision.state, seen(deployment, running=running()), now=NOW + 1)

    assert len(decision.state.load_tests) == 1
    assert decision.state.candidate is not None
    assert decision.state.candidate.revision == b.revision
    assert (hold_of(waiting).reason, waiting.run) == ("BudgetSpent", None)


def test_an_answer_that_costs_too_much_ends_the_release() -> None:
    """Judged by all of the traffic: 2 pods at 0.60 for 10,000 answers an hour are 0.12 for a thousand."""
    deployment = spec(objectives=(COST,))
    state, observation = on_canary(deployment, spending=FINE)
    (way,) = ways(deployment).values()
    fits = decided(deployment, state, observation)
    dear = decided(deployment, state, replace(observation, running=running("0.60", of=way.revision)))

    assert release_of(fits).cursor == 2
    assert [(one.objective, one.verdict) for one in dear.judgements] == [
        ("errors", Verdict.PASS),
        ("cost", Verdict.FAIL),
    ]
    ending = release_of(dear).ending
    assert ending is not None
    assert (ending.result, ending.reason) == (Result.ROLLED_BACK, "ObjectiveBreached")
    assert ending.message.startswith("cost: 0.12 EUR for a thousand requests")


def test_an_answer_whose_cost_is_not_known_holds() -> None:
    """Neither promoted nor rolled back: the objective has no verdict."""
    deployment = spec(objectives=(COST,))
    state, observation = on_canary(deployment, spending=FINE)
    decision = decided(deployment, state, replace(observation, running=RunningFacts(unknown="no look yet")))

    assert (release_of(decision).phase, release_of(decision).cursor) == (ReleasePhase.CANARY, 1)
    assert hold_of(decision).reason == "Judging"
    assert hold_of(decision).message.startswith("cost: it is not known yet what a pod of")


def test_people_are_told_once_when_the_budget_begins_to_burn_and_when_that_is_over() -> None:
    """However often it is looked at, and after a restart too: what was told is part of the memory."""
    deployment = spec()
    observation = seen(deployment, {STABLE: ready(2)}, running=running(), revision=STABLE)
    said: list[tuple[str, str]] = []
    state = serving(spending=FINE)
    for spending in (FINE, BURNT, BURNT, FINE, FINE):
        state = replace(state, spending=replace(spending))
        for second in range(2):
            decision = decided(deployment, state, observation, now=NOW + second)
            said += [(note.type, note.reason) for note in decision.notes]
            state = read_state(write_state(decision.state), deployment.spec.release)

    assert said == [("Warning", "BudgetSpent"), ("Normal", "WithinBudget")]


def test_a_graver_reason_is_told_too() -> None:
    """Who knows that the month will be over the budget wants to know that it is."""
    burn = find_burn(spec(), BURNT, now=NOW)
    assert burn is not None

    assert update_alarm("ProjectedOverBudget", burn) == ("BudgetSpent", (Note("Warning", "BudgetSpent", burn.message),))
    assert update_alarm("BudgetSpent", burn) == ("BudgetSpent", ())


def test_a_budget_that_is_gone_alarms_nobody() -> None:
    """Nor is anything remembered of it: neither what was spent nor what an answer cost."""
    deployment = load_tested(budget=None)
    state = serving(spending=BURNT, costs=ReportedCosts("0.4", "", "BudgetSpent"))
    decision = decided(deployment, state, seen(deployment, {STABLE: ready(2)}, revision=STABLE))

    assert decision.notes == ()
    assert (decision.state.spending, decision.state.costs) == (None, ReportedCosts())
    assert "cost" not in write_state(decision.state)


@given(
    st.lists(st.integers(1, 4000), min_size=2, max_size=2),
    st.sampled_from(["monthly", "perThousandInferences"]),
    st.integers(1, 400),
    st.integers(0, 500),
)
def test_the_verdict_is_monotone_in_the_budget(amounts: list[int], limit: str, capacity: int, overheads: int) -> None:
    """What a budget allows, every larger one allows; what it refuses, every smaller one refuses."""
    steps = []
    for amount in sorted(amounts):
        budget = {"currency": "EUR", limit: str(amount) if limit == "monthly" else f"0.{amount:06d}"}
        deployment = load_tested(budget=budget, scale={"overheads": {"peopleMonthly": str(overheads)}})
        (way,) = ways(deployment).values()
        state = under_load(deployment, load_tests=(recorded_of(way, passed(capacity)),))
        decision = decided(deployment, state)
        passed_on = release_of(decision).cursor > 0
        assert passed_on or release_of(decision).ending is not None
        steps.append(passed_on)

    assert steps == sorted(steps)


def test_prices_in_another_currency_are_told_once() -> None:
    """Spending is counted anew then: whoever watches the sum must know why it fell."""
    (note,) = note_recount(BURNT, replace(BURNT, currency="USD"))

    assert (note.type, note.reason) == ("Warning", "CurrencyChanged")
    assert "USD" in note.message
    assert note_recount(BURNT, BURNT) == note_recount(None, BURNT) == note_recount(BURNT, None) == ()
