"""Lives after a promotion: error budgets are counted, told, remembered, and freeze releases where the spec says so."""

from typing import Any

import pytest
from prometheus_client import generate_latest

from palier.api.constants import KIND
from palier.cluster.instruments import Instruments
from palier.evidence.objective import Counts
from palier.metrics.served import ServedMinute
from tests.support.safety.life import KEY, Life, revision_of
from tests.support.safety.specs import canary

POLICY = {"errorBudgetDays": 7, "errorBudgetPolicy": {"freezeAt": 99}}
"""Of a week's budget one percent is spent in two minutes in which half of the requests fail."""
STAGES = [canary(50)]


async def promoted(**watch: Any) -> Life:  # noqa: ANN401 - values are what YAML can hold
    """A life in which version 1 serves, and has been counted for some minutes."""
    life = Life()
    life.ask_for("1", stages=STAGES, spec={"watch": watch or POLICY})
    await life.until("1", 100)
    await life.run(200)
    await life.settle()
    return life


def budget(life: Life) -> dict[str, Any]:
    """What the status says of the objective."""
    (entry,) = life.status["watch"]["objectives"]
    return dict(entry)


def events(life: Life, reason: str) -> list[str]:
    """What was told with a reason."""
    return [note for _, told, note in life.cluster.events if told == reason]


async def break_down(life: Life, *, seconds: int = 240) -> None:
    """Half of the requests to version 1 fail for some minutes."""
    life.fails["1"] = 0.5
    await life.run(seconds)


async def test_a_service_that_keeps_its_objective_has_all_of_its_budget() -> None:
    """It is counted from its promotion on, and says so."""
    life = await promoted()

    assert life.said("WithinErrorBudget")["status"] in {"True", "Unknown"}
    assert "alert" not in budget(life)
    assert events(life, "ErrorBudgetBurns") == []


async def test_before_anything_serves_nothing_is_counted() -> None:
    """The first version is not what users were promised something about."""
    life = Life()
    life.ask_for("1", stages=STAGES, spec={"watch": POLICY})
    life.most_ready["1"] = 0
    await life.run(30, idly=True)
    assert "watch" not in life.status
    assert life.said("WithinErrorBudget") == {}


async def test_an_objective_that_went_while_it_was_read_is_counted_for_nobody() -> None:
    """The reading of a minute ends, and the fleet's next one begins."""
    life = await promoted()
    life.budgets._accounts[KEY].objectives.clear()
    await life.run(130)
    await life.settle()
    assert budget(life)["objective"] == "errors"


async def test_people_are_told_once_that_the_budget_burns() -> None:
    """In an Event, a condition and the status, with the numbers; and once that it is over."""
    life = await promoted()
    await break_down(life)

    assert life.said("WithinErrorBudget")["reason"] in {"ErrorBudgetBurns", "ErrorBudgetSpent"}
    assert budget(life)["alert"] == "Page"
    (told,) = events(life, "ErrorBudgetBurns")
    assert told.startswith("errors: ")
    assert "somebody should look at once" in told
    life.fails["1"] = 0.0
    await life.run(3 * 3600, by=60)
    assert events(life, "ErrorBudgetCalm") == ["errors: the error budget is no longer used up too fast"]
    assert len(events(life, "ErrorBudgetBurns")) == 1


async def test_a_spent_budget_freezes_releases() -> None:
    """The new version waits, with the reason and the way out; the old one goes on."""
    life = await promoted()
    await break_down(life)
    life.ask_for("2", stages=STAGES, spec={"watch": POLICY})
    await life.run(20)

    assert life.release == {}
    assert life.share("1") == 100
    assert life.said("Ready")["reason"] == "ReleasesFrozen"
    assert "palier.dev/fix with the version 2" in life.said("Ready")["message"]


@pytest.mark.parametrize("mark", ["version", "revision"])
async def test_a_fix_does_not_wait(mark: str) -> None:
    """Its owner names the version, or its revision; a mark of another version excuses nothing."""
    life = await promoted()
    await break_down(life)
    life.annotate(fix="1")
    life.ask_for("2", stages=STAGES, spec={"watch": POLICY})
    await life.run(10)
    assert life.release == {}
    life.annotate(fix="2" if mark == "version" else await revision_of("2", stages=STAGES))
    await life.until("2", 50)
    await life.until("2", 100)


async def test_the_way_back_is_open() -> None:
    """A version that has served before waits for no budget, when it is no longer warm either."""
    life = await promoted()
    life.ask_for("2", stages=STAGES, spec={"watch": POLICY})
    await life.until("2", 100)
    await life.run(30)
    life.fails["2"] = 0.5
    await life.run(240)
    life.ask_for("3", stages=STAGES, spec={"watch": POLICY})
    await life.run(10)
    assert life.said("Ready")["reason"] == "ReleasesFrozen"
    life.ask_for("1", stages=STAGES, spec={"watch": POLICY})
    await life.until("1", 50)


async def test_without_a_policy_nothing_waits() -> None:
    """A spent budget is told, and nothing else."""
    life = await promoted(errorBudgetDays=7)
    life.fails["1"] = 0.5
    await life.run(4 * 3600, by=60)
    assert life.said("WithinErrorBudget")["reason"] == "ErrorBudgetSpent"
    life.ask_for("2", stages=STAGES, spec={"watch": {"errorBudgetDays": 7}})
    await life.until("2", 50)


async def test_a_finding_survives_the_end_of_the_process() -> None:
    """What was told is in the status: it is not told again, and what was counted until then goes on."""
    life = await promoted()
    await break_down(life)
    before = budget(life)["counts"]
    life.restart()
    await life.settle()
    await life.run(130)

    assert len(events(life, "ErrorBudgetBurns")) == 1
    after = life.budgets.reader  # the other process counts on from what the first one has written
    assert KEY in after.find_fleet()
    assert budget(life)["counts"]["since"] == before["since"]


async def test_an_outage_of_metrics_is_no_finding_about_the_model() -> None:
    """It is told as what it is after ten minutes, and freezes nothing."""
    life = await promoted()
    life.source.away = True
    await life.run(500, by=20)
    assert events(life, "CannotWatch") == []
    await life.run(400, by=20)

    (told,) = events(life, "CannotWatch")
    assert told.startswith("errors: nothing is known at present")
    assert life.said("WithinErrorBudget")["reason"] == "CannotWatch"
    life.ask_for("2", stages=STAGES, spec={"watch": POLICY})
    await life.run(10)
    assert life.said("Ready")["reason"] != "ReleasesFrozen"


async def test_an_outage_asks_for_one_pass_and_not_for_one_a_minute() -> None:
    """A thousand objects cannot be seen then, and their passes would come when the API server may be in trouble too."""
    life = await promoted()
    asked: list[object] = []
    life.budgets._changed = asked.append
    for number in range(1, 41):
        end = life.now + 60 * number  # while nobody answers, a reading begins up to ten minutes before it ends
        life.budgets._add_minute(KEY, ServedMinute(max(life.now, end - 600), end, {"errors": "nobody there"}))
    assert asked == [KEY]
    life.budgets._add_minute(KEY, ServedMinute(end, end + 60, {"errors": Counts(600, 0, 0)}))
    assert asked == [KEY, KEY]


async def test_where_no_objective_is_left_nobody_is_asked() -> None:
    """They were taken out of the spec: what is read for them costs nothing any more."""
    life = await promoted()
    life.promise()
    await life.settle()
    assert life.budgets.reader.find_fleet() == {}
    assert "watch" not in life.status


async def test_counts_alone_are_written_every_six_hours() -> None:
    """A service at rest costs the API server nothing: what moves every minute is kept in memory."""
    life = await promoted()
    await life.run(60, idly=True)
    written = budget(life)["counts"]["at"]
    await life.run(3600, by=60, idly=True)
    assert budget(life)["counts"]["at"] == written
    await life.run(6 * 3600, by=60, idly=True)
    assert int(budget(life)["counts"]["at"]) >= int(written) + 6 * 3600


async def test_other_events_are_another_budget() -> None:
    """Another limit is the same budget, larger or smaller; another kind of event begins anew."""
    life = await promoted()
    since = budget(life)["counts"]["since"]
    life.promise({"name": "errors", "errorRate": {"maxPercent": "2"}})
    await life.run(130)
    await life.settle()
    assert budget(life)["counts"]["since"] == since
    life.promise({"name": "errors", "ratio": {"bad": "odd_total", "total": "requests_total", "maxPercent": "2"}})
    await life.run(130)
    await life.settle()
    assert budget(life)["counts"]["since"] > since


async def test_the_numbers_of_the_minute_are_exported_until_the_object_is_gone() -> None:
    """For dashboards, and for alerts on ways of their own."""
    instruments = Instruments()
    life = await promoted(errorBudgetDays=7)
    life.budgets._instruments = instruments
    await break_down(life)
    labels = 'model_deployment="demo",model_namespace="ml",objective="errors",severity="Page"'
    assert f"palier_error_budget_alert{{{labels}}} 1.0" in generate_latest(instruments.registry).decode()
    life.cluster.vanish(KIND, "demo")
    await life.run(70)
    assert "palier_objective_watched{" not in generate_latest(instruments.registry).decode()
    assert life.budgets.reader.find_fleet() == {}


async def test_another_length_of_the_window_begins_anew() -> None:
    """What was counted in slots of one length cannot be told in those of another."""
    life = await promoted()
    spec = {**life.body["spec"], "watch": {"errorBudgetDays": 28}}
    life.cluster.write({**life.body, "spec": spec})
    await life.run(130)
    await life.settle()
    assert budget(life)["counts"]["days"] == "28"


async def test_unreadable_counts_cost_nothing_else() -> None:
    """Somebody has edited them: they begin anew, which is told, and the rest of the memory stays."""
    life = await promoted()
    status = life.status
    entry = {**budget(life)}
    entry["counts"] = {**entry["counts"], "since": "9" * 15}
    life.set_status({**status, "watch": {**status["watch"], "objectives": [entry]}})
    life.restart()
    await life.settle()

    assert life.serving() == "1"
    assert any("watch" in told for told in events(life, "StatusUnreadable"))
    await life.run(130)
    await life.settle()
    assert int(budget(life)["counts"]["since"]) < 2_000_000_000
