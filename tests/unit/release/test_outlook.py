"""What people read of capacity and cost in the status, all of which fits the schema."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment
from palier.economics.spending import Rate, Spending
from palier.loadtest.result import LoadTestResult
from palier.release import outlook
from palier.release.finding import Finding
from palier.release.memory import read_state
from palier.release.outlook import choose_shown, cost_status, plan_status, within_budget
from palier.release.report import conditions, status_of
from palier.release.situation import Decision
from palier.release.stages.words import stage_word
from palier.release.state import Outcome, ReleasePhase, Result, State
from palier.release.testing import LoadTestFacts, LoadTestRecord, Usage
from tests.support.cluster.schema import violations
from tests.support.release.examples import STABLE, ready, ref, serving
from tests.support.release.load_examples import (
    FAILED,
    NOW,
    UNKNOWN,
    decided,
    ended,
    passed,
    recorded_of,
    seen,
    under_load,
    ways,
)
from tests.support.release.load_world import load_tested

THREE = {"slow": "1", "dear": "4", "fits": "2"}
BURNT = Spending("EUR", "2026-11", Decimal(1200), NOW, (Rate(NOW - 24 * 86_400, Decimal(2)),))


def decision_of(deployment: ModelDeployment, *records: LoadTestRecord, **changes: Any) -> Decision:  # noqa: ANN401
    """What was decided in a release that has these records."""
    variant = next(iter(ways(deployment)))
    return decided(deployment, under_load(deployment, variant, load_tests=records, **changes))


def whole(deployment: ModelDeployment, decision: Decision, **observation: Any) -> dict[str, Any]:  # noqa: ANN401
    """The whole status as the API server takes it."""
    looked = seen(deployment, **observation)
    status = status_of(deployment, decision, looked, found=conditions(decision, looked))
    timed = [{**entry, "lastTransitionTime": "2026-11-25T00:00:00Z"} for entry in status["conditions"]]
    assert list(violations({**status, "conditions": timed})) == []
    return status


def test_the_plan_has_its_numbers() -> None:
    """Capacity, pods, the four points, and where the prices are from; a decimal is never in exponent form."""
    deployment = load_tested(target="1000000")
    plan = plan_status(decision_of(deployment, recorded_of(ways(deployment)[""], passed(100))))

    assert (plan["currency"], plan["hourlyPerReplica"], plan["capacity"]) == ("EUR", "0.1", "100")
    assert (plan["utilization"], plan["replicas"]) == ("0.7", 14286)
    assert [point["name"] for point in plan["points"]] == ["POC", "Target", "Double", "Tenfold"]
    assert plan["points"][1]["monthlyTotal"] == "1042878"
    assert plan["points"][1]["withinBudget"] is False
    assert (plan["verdict"], plan["reason"]) == ("Fail", "OverBudget")
    assert (plan["priceSource"], plan["pricesAsOf"]) == ("list", "2026-11-01")
    assert "variants" not in plan
    assert list(violations({"plan": plan})) == []


def test_without_a_plan_in_the_spec_there_is_none_in_the_status() -> None:
    """Nor while it is not known what the spec asks for."""
    deployment = load_tested()

    assert plan_status(Decision(serving())) == {}
    assert choose_shown(None, serving()) is None
    unreadable = decided(deployment, under_load(deployment), replace(seen(deployment), unreadable="no ConfigMap"))
    assert plan_status(unreadable) == {}


def test_every_variant_is_on_record_with_its_reason() -> None:
    """The chosen one and those that were not; names, revisions and what each would cost."""
    deployment = load_tested(variants=THREE)
    slow, dear, fits = ways(deployment).values()
    records = (recorded_of(slow, FAILED), recorded_of(dear, passed(10)), recorded_of(fits, passed(100)))
    plan = plan_status(decision_of(deployment, *records))

    assert [(one["name"], one["verdict"], one["reason"], one.get("chosen")) for one in plan["variants"]] == [
        ("slow", "Fail", "ObjectiveUnreachable", None),
        ("dear", "Fail", "OverBudget", None),
        ("fits", "Pass", "Cheapest", True),
    ]
    assert [one["revision"] for one in plan["variants"]] == [slow.revision, dear.revision, fits.revision]
    assert plan["variants"][2]["monthlyTotal"] == "292"
    assert list(violations({"plan": plan})) == []


def test_the_plan_is_about_the_candidate_else_about_stable() -> None:
    """Else about the chosen way, so that a person who looks at rest sees something too."""
    deployment = load_tested(variants=THREE)
    slow, dear, fits = ways(deployment).values()
    records = (recorded_of(dear, passed(10)), recorded_of(fits, passed(100)))
    decision = decision_of(deployment, *records)
    survey, state = decision.survey, decision.state

    def about(candidate: str | None, stable: str | None) -> str:
        parts = {"candidate": ref(candidate) if candidate else None, "stable": ref(stable) if stable else None}
        prospect = choose_shown(survey, replace(state, **parts))
        assert prospect is not None
        return prospect.option.variant

    assert about(dear.revision, fits.revision) == "dear"
    assert about(None, slow.revision) == "slow"
    assert about("ffffffffff", slow.revision) == "slow"
    assert about(None, None) == "fits"


def test_what_was_used_under_load_makes_a_recommendation() -> None:
    """Of the run at one replica; without what was used only what follows from the plan."""
    deployment = load_tested()
    record = recorded_of(ways(deployment)[""], passed(100))
    usage = Usage(cpu_cores=Decimal("0.85"), memory_bytes=2**30)
    advice = plan_status(decision_of(deployment, replace(record, usage=usage)))["recommendation"]

    assert advice["cpuRequest"] == "850m"
    assert advice["memoryRequest"].endswith("Mi")
    assert "cpuRequest" not in plan_status(decision_of(deployment, record)).get("recommendation", {})
    assert "recommendation" not in plan_status(decision_of(deployment))


def test_the_cost_is_told_as_of_the_memory() -> None:
    """With the projection and the burn where there is a monthly budget, and nothing without any spending."""
    deployment = load_tested()
    told = cost_status(deployment, serving(spending=BURNT))

    assert told["hourly"] == "2"
    assert Decimal(told["monthlyProjection"]) > 1200
    assert Decimal(told["burn"]) > 1
    assert "1,200 EUR spent in 2026-11" in told["message"]
    assert cost_status(load_tested(budget={"currency": "USD", "monthly": "9"}), serving(spending=BURNT)) == {
        "hourly": "2"
    }
    assert cost_status(deployment, serving()) == {}


PROGRESS = {"phase": "Search", "requestsPerSecond": "42", "passed": "40", "failed": "45", "message": "step 7"}


def told_of(progress: Mapping[str, Any] | None, *, message: str = "") -> dict[str, Any]:
    """The progress of a run in the status."""
    deployment = load_tested(variants=THREE)
    job = LoadTestFacts(exists=True, running=True, progress=progress, message=message)
    decision = decided(deployment, under_load(deployment, "slow"), seen(deployment, job=job))
    testing = whole(deployment, decision, job=job)["release"]["testing"]
    assert testing == outlook.testing_status(decision, seen(deployment, job=job))
    return dict(testing)


def test_the_run_under_way_is_told_with_its_progress() -> None:
    """Which run of which variant, and how far it is."""
    (revision, *_) = (way.revision for way in ways(load_tested(variants=THREE)).values())

    assert told_of(PROGRESS) == {
        "variant": "slow",
        "revision": revision,
        "replicas": 1,
        "run": 0,
        "attempt": 0,
        **PROGRESS,
    }
    assert told_of(None, message="pod x cannot be placed")["message"] == "pod x cannot be placed"


@pytest.mark.parametrize(
    "progress",
    [
        {**PROGRESS, "phase": "Dancing"},
        {**PROGRESS, "requestsPerSecond": 42},
        {**PROGRESS, "passed": "1e3"},
        {**PROGRESS, "message": ["no", "text"]},
    ],
)
def test_a_progress_that_does_not_fit_is_not_told(progress: Mapping[str, Any]) -> None:
    """Whatever an image writes into its log, it must not keep the memory from being written."""
    told = told_of(progress, message="it runs")

    assert not {"phase", "requestsPerSecond", "passed", "failed"} & told.keys()
    assert told["message"] == "it runs"


def test_long_words_are_cut() -> None:
    """A pod that writes a novel into its progress does not make the status too large."""
    assert len(told_of({**PROGRESS, "message": "no" * 2000})["message"]) == 1024
    assert len(told_of(None, message="no" * 2000)["message"]) == 1024


def test_only_a_run_under_way_has_a_progress() -> None:
    """It goes from the status together with its Job."""
    deployment = load_tested()
    job = ended(passed())
    decision = decided(deployment, under_load(deployment), seen(deployment, job=job))

    assert outlook.testing_status(decision, seen(deployment, job=job)) == {}
    assert "testing" not in whole(deployment, decision, job=job)["release"]


def found(deployment: ModelDeployment, *records: LoadTestRecord, **changes: Any) -> tuple[str, str]:  # noqa: ANN401
    """Status and reason of the condition."""
    ((finding),) = within_budget(deployment, decision_of(deployment, *records, **changes))
    assert isinstance(finding, Finding)
    assert finding.type == "WithinBudget"
    return finding.status, finding.reason


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (passed(100), ("True", "WithinBudget")),
        (passed(1), ("False", "OverBudget")),
        (FAILED, ("Unknown", "ObjectiveUnreachable")),
        (UNKNOWN, ("Unknown", "GeneratorLimited")),
    ],
)
def test_the_budget_is_kept_or_not_by_what_the_target_costs(result: LoadTestResult, told: tuple[str, str]) -> None:
    """What cannot carry the target has no price there: neither within the budget nor over it."""
    deployment = load_tested()

    assert found(deployment, recorded_of(ways(deployment)[""], result)) == told


def test_what_is_spent_comes_before_what_would_be() -> None:
    """A plan that fits does not hide a month that has cost too much already."""
    deployment = load_tested()
    record = recorded_of(ways(deployment)[""], passed(100))

    assert found(deployment, record, spending=BURNT) == ("False", "BudgetSpent")


def test_without_a_plan_the_spending_alone_counts() -> None:
    """And before anything was counted nothing is known; without a budget there is no such condition."""
    deployment = load_tested()
    burning, waiting = (Decision(serving(spending=spending)) for spending in (BURNT, None))

    assert [one.status for one in within_budget(deployment, waiting)] == ["Unknown"]
    assert [one.status for one in within_budget(deployment, burning)] == ["Unknown"]
    assert within_budget(load_tested(budget=None), burning) == []


def test_a_refused_release_says_so() -> None:
    """One word for the column, and the reason with its numbers where tools look."""
    deployment = load_tested(budget={"currency": "EUR", "monthly": "100"})
    record = recorded_of(ways(deployment)[""], passed(100))
    decision = decision_of(deployment, record)
    over = decided(deployment, decision.state, now=NOW + 1)
    status = whole(deployment, over)
    said = {entry["type"]: entry for entry in status["conditions"]}

    assert status["stage"] == "Refused"
    assert (said["Ready"]["status"], said["Ready"]["reason"]) == ("False", "Refused")
    assert said["Stalled"]["message"].startswith("OverBudget: 100 requests/s take 2 replicas")
    assert said["Available"]["status"] == "True"
    assert (said["WithinBudget"]["status"], said["WithinBudget"]["reason"]) == ("False", "OverBudget")
    assert status["plan"]["verdict"] == "Fail"


def test_a_first_revision_that_is_refused_serves_nobody() -> None:
    """The word is the same, and users get no answer."""
    outcome = Outcome(STABLE, Result.REFUSED, "OverBudget", "too dear", NOW)

    assert stage_word(State(outcome=outcome), wanted=STABLE) == "Refused"
    assert stage_word(serving(outcome=outcome), wanted=STABLE) == "Refused"


def test_the_stage_of_a_load_test_is_one_word() -> None:
    """Also while there is a second run."""
    assert stage_word(under_load(load_tested()), wanted=STABLE) == "LoadTest"


def test_a_release_that_may_not_start_is_awaited() -> None:
    """Tools that wait go on waiting, and the reason says for what; what serves is available."""
    deployment = load_tested(budget={"currency": "EUR", "monthly": "1000", "onBurn": "Freeze"})
    decision = decided(deployment, serving(spending=BURNT), seen(deployment, {STABLE: ready(2)}))
    status = whole(deployment, decision)
    said = {entry["type"]: (entry["status"], entry["reason"]) for entry in status["conditions"]}

    assert said["Ready"] == ("Unknown", "BudgetSpent")
    assert said["Reconciling"] == ("True", "BudgetSpent")
    assert said["Progressing"] == ("False", "BudgetSpent")
    assert said["Available"] == ("True", "Serving")
    assert status["stage"] == "Serving"


def test_everything_at_once_fits_the_schema() -> None:
    """A release in mid-test of the last of many variants, with records, plan, spending and progress."""
    names = {f"v{number}": str(number + 1) for number in range(8)}
    deployment = load_tested(variants=names, test={"replicas": [1, 2, 4, 8]})
    records = [
        replace(recorded_of(way, passed(100 * replicas), replicas=replicas), usage=Usage(cpu_cores=Decimal("0.5")))
        for way in ways(deployment).values()
        for replicas in (1, 2, 4, 8)
    ][:-1]
    state = under_load(deployment, "v7", load_tests=tuple(records), spending=BURNT)
    pods = {STABLE: ready(2), ways(deployment)["v7"].revision: ready(8)}
    job = LoadTestFacts(exists=True, running=True, progress=PROGRESS)
    decision = decided(deployment, state, seen(deployment, pods, job=job))
    status = whole(deployment, decision, pods=pods, job=job)

    assert status["release"]["testing"]["run"] == 31
    assert len(status["loadTests"]) == 31
    assert len(status["plan"]["variants"]) == 8
    assert read_state(status, deployment.spec.release) == decision.state
    assert decision.state.release is not None
    assert decision.state.release.phase is ReleasePhase.LOAD_TESTING
