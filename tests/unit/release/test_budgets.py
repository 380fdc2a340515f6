"""What is remembered of error budgets, when that is written, and what the status says of it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from palier.api.spec.watch import ErrorBudgetPolicy, Watch
from palier.release.budgets import (
    find_freeze,
    judge_remembered,
    update_memory,
    watch_status,
    within_error_budget,
)
from palier.release.memory import read_state, write_state
from palier.release.served import digest_objectives, find_limits
from palier.release.situation import Situation
from palier.release.state import State
from palier.release.testing import ServingOption
from palier.release.watch_memory import WRITTEN_AFTER, WRITTEN_SOONER, WatchMemory
from palier.watch.objectives import ObjectiveWatch
from tests.support.release.examples import CANDIDATE, STABLE, observed, ready, ref, serving
from tests.support.release.world import model_deployment

LIMITS = {"errors": Decimal("0.01")}
START = 1_795_564_800.0
OF = "0123456789abcdef"


def counted(minutes: int = 60, *, bad: int = 0, days: int = 28) -> ObjectiveWatch:
    """What was counted in so many minutes of 600 requests each."""
    one = ObjectiveWatch.begin(OF, days, now=START)
    for number in range(minutes):
        since = START + 60 * number
        one = one.add_minute(bad, 600, since=since, until=since + 60, limit=LIMITS["errors"])
    return one


def remember(one: ObjectiveWatch, *, at: float = START + 3600) -> WatchMemory:
    """The memory that was written of it."""
    return WatchMemory(at, {"errors": one})


@pytest.mark.parametrize(
    ("under_way", "after"), [(False, WRITTEN_AFTER), (True, WRITTEN_SOONER)], ids=["at rest", "during a release"]
)
def test_counts_without_news_are_written_now_and_then(under_way: bool, after: float) -> None:
    """Until then what was written stays as it is, to the letter, so that the status does."""
    before, seen = remember(counted()), {"errors": counted(60 + round(after / 60))}
    for seconds, memory in ((after - 1, before), (after, WatchMemory(before.at + after, seen))):
        now = before.at + seconds
        assert update_memory(before, seen, LIMITS, now=now, under_way=under_way) == (memory, ())


def test_news_is_written_and_told_at_once() -> None:
    """What is told was written, so that another process does not tell it again."""
    before, seen = remember(counted()), {"errors": counted(61, bad=300)}
    memory, notes = update_memory(before, seen, LIMITS, now=before.at + 60, under_way=False)
    assert memory.objectives == seen
    assert [note.reason for note in notes] == ["ErrorBudgetBurns"]
    assert update_memory(memory, seen, LIMITS, now=before.at + 120, under_way=False) == (memory, ())


def test_what_becomes_known_is_written_at_once_and_told_nobody() -> None:
    """Else the status would say for hours that nothing is known yet."""
    unknown = ObjectiveWatch.begin(OF, 28, now=START)
    before, seen = remember(unknown, at=START), {"errors": counted(2)}
    memory, notes = update_memory(before, seen, LIMITS, now=START + 120, under_way=False)
    assert (memory.objectives, notes) == (seen, ())
    (finding,) = within_error_budget(judge_remembered(State(watch=memory), LIMITS))
    assert (finding.status, finding.reason) == ("True", "ErrorBudgetLeft")


def test_a_budget_that_is_spent_is_told_as_such() -> None:
    """A service that fails half of its requests spends a week's budget in less than four hours."""
    before, seen = remember(counted(200, bad=300, days=7)), {"errors": counted(300, bad=300, days=7)}
    memory, notes = update_memory(before, seen, LIMITS, now=START + 300 * 60, under_way=False)
    assert [(note.type, note.reason) for note in notes] == [("Warning", "ErrorBudgetSpent")]
    (finding,) = within_error_budget(judge_remembered(State(watch=memory), LIMITS))
    assert (finding.status, finding.reason) == ("False", "ErrorBudgetSpent")
    assert watch_status(State(watch=memory), judge_remembered(State(watch=memory), LIMITS))["objectives"][0][
        "budgetLeft"
    ].startswith("-")


def test_what_was_told_is_not_told_again_with_other_news() -> None:
    """A budget that is spent stays spent when it cannot be seen any more, and the other way round."""
    spent = counted(300, bad=300, days=7)
    unseen = spent.miss_minute("nobody there", limit=LIMITS["errors"], now=START + 300 * 60 + 700)
    now = START + 300 * 60 + 700
    seen, notes = update_memory(remember(spent), {"errors": unseen}, LIMITS, now=now, under_way=False)
    assert [note.reason for note in notes] == ["CannotWatch"]
    unspent = WatchMemory(now, {"errors": replace(counted(10, days=7), problem="nobody there", alert=spent.alert)})
    assert seen.objectives["errors"].problem == "nobody there"
    _, notes = update_memory(unspent, {"errors": unseen}, LIMITS, now=now, under_way=False)
    assert [note.reason for note in notes] == ["ErrorBudgetSpent"]


def test_a_version_whose_deployment_says_that_it_has_served_waits_for_nothing() -> None:
    """Its promotion may be longer ago than the history reaches."""
    deployment = model_deployment()
    watch = Watch(error_budget_policy=ErrorBudgetPolicy(freeze_at=99))
    frozen = deployment.model_copy(update={"spec": deployment.spec.model_copy(update={"watch": watch})})
    seen = observed({CANDIDATE: ready(2)}, {STABLE: 100}, wanted=CANDIDATE)
    seen = replace(seen, budgets={"errors": counted(300, bad=300, days=7)})
    option = ServingOption("", CANDIDATE, frozen)
    situation = Situation(frozen, seen, serving(), START + 300 * 60)
    held = find_freeze(situation, option)
    assert held is not None
    assert held.reason == "ReleasesFrozen"
    marked = replace(seen, revisions={CANDIDATE: ready(2, mark=ref(CANDIDATE))})
    assert find_freeze(replace(situation, observation=marked), option) is None


def test_an_objective_that_is_gone_is_forgotten() -> None:
    """Where none is left, nothing stands in the status."""
    before = remember(counted())
    memory, _ = update_memory(before, {"errors": counted()}, {}, now=before.at + WRITTEN_AFTER, under_way=False)
    assert memory == WatchMemory()
    assert watch_status(State(watch=memory), judge_remembered(State(watch=memory), LIMITS)) == {}
    assert within_error_budget(judge_remembered(State(watch=before), {})) == []


def test_what_nothing_was_counted_of_is_not_written() -> None:
    """Thousands of objects may merely exist; one of which nothing can be counted is told all the same."""
    begun = ObjectiveWatch.begin(OF, 28, now=START)
    assert update_memory(WatchMemory(), {"errors": begun}, LIMITS, now=START, under_way=False) == (WatchMemory(), ())
    unseen = begun.miss_minute("nobody there", limit=LIMITS["errors"], now=START + 700)
    memory, notes = update_memory(WatchMemory(), {"errors": unseen}, LIMITS, now=START + 700, under_way=False)
    assert memory.objectives == {"errors": unseen}
    assert [note.reason for note in notes] == ["CannotWatch"]


def test_a_long_reason_fits_into_the_status() -> None:
    """Prometheus may answer with any text: a field that is too long would cost the whole status."""
    unseen = counted().miss_minute("x" * 100_000, limit=LIMITS["errors"], now=START + 3660)
    state = State(watch=remember(unseen))
    (entry,) = watch_status(state, judge_remembered(state, LIMITS))["objectives"]
    assert max(len(entry["problem"]), len(entry["message"])) <= 512


def test_where_nobody_counts_the_memory_stays() -> None:
    """An operator without the counting leaves what another one has written."""
    before = remember(counted())
    assert update_memory(before, None, LIMITS, now=before.at + WRITTEN_AFTER, under_way=False) == (before, ())


def test_it_is_read_back_as_it_was() -> None:
    """Counts, alerts and problems, through `status`."""
    one = counted(bad=300).miss_minute("nobody there", limit=LIMITS["errors"], now=START + 3660)
    state = State(watch=remember(one))
    status = {**write_state(state), "watch": watch_status(state, judge_remembered(state, LIMITS))}
    assert read_state(status, model_deployment().spec.release) == state


@pytest.mark.parametrize(
    "change",
    [{"of": ""}, {"of": "x" * 65}, {"alert": "Shout", "alertSince": "2026-11-25T00:00:00Z"}, {"counts": {}}],
    ids=["no digest", "a long digest", "another alert", "no counts"],
)
def test_an_unreadable_memory_is_none(change: dict[str, Any]) -> None:
    """Nothing else is lost with it."""
    state = State(watch=remember(counted()), handled={"retry": "x"})
    status = write_state(state)
    status["watch"]["objectives"][0] |= change
    assert read_state(status, model_deployment().spec.release) == State(handled={"retry": "x"})


def test_the_worst_budget_is_the_condition() -> None:
    """One that cannot be seen is worse than one that is kept, and one that burns than both."""
    limits = {name: Decimal("0.01") for name in ("burns", "calm", "unseen")}
    unseen = counted().miss_minute("nobody there", limit=Decimal("0.01"), now=START + 3660)
    objectives = {"calm": counted(), "unseen": unseen, "burns": counted(bad=300)}
    reasons = []
    while objectives:
        (finding,) = within_error_budget(judge_remembered(State(watch=WatchMemory(START + 3660, objectives)), limits))
        reasons.append((finding.status, finding.reason, finding.message.partition(":")[0]))
        del objectives[reasons[-1][2]]
    assert reasons == [
        ("False", "ErrorBudgetBurns", "burns"),
        ("Unknown", "CannotWatch", "unseen"),
        ("True", "ErrorBudgetLeft", "calm"),
    ]


def test_which_events_are_counted_is_what_makes_another_budget() -> None:
    """A name, a limit and a proof change none of them; a threshold of times does."""
    deployment = model_deployment()

    def digest(**objective: Any) -> str:  # noqa: ANN401 - values are what YAML can hold
        one = deployment.spec.objectives[0].model_validate({"name": "slow", **objective})
        spec = deployment.spec.model_copy(update={"objectives": [one]})
        return digest_objectives(deployment.model_copy(update={"spec": spec}))[one.name]

    slow = digest(latency={"percentile": 95, "threshold": "300ms"})
    assert slow == digest(latency={"percentile": 99, "threshold": "300ms"}, name="other", proof="NoBreach")
    assert slow != digest(latency={"percentile": 95, "threshold": "400ms"})
    assert digest(errorRate={"maxPercent": "1"}) == digest(errorRate={"maxPercent": "2"}) != slow


def test_limits_are_those_that_the_spec_writes() -> None:
    """Binary numbers add nothing to them."""
    deployment = model_deployment()
    one = deployment.spec.objectives[0].model_validate(
        {"name": "slow", "latency": {"percentile": 95, "threshold": "300ms"}}
    )
    spec = deployment.spec.model_copy(update={"objectives": [one, *deployment.spec.objectives]})
    limits = find_limits(deployment.model_copy(update={"spec": spec}))
    assert limits == {"slow": Decimal("0.05"), "errors": Decimal("0.01")}
