"""The memory survives a restart: what is written to `status` reads back the same, and fits the schema."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.api.status import Status
from palier.evidence.objective import Counts, Evidence, fresh, observe
from palier.release.rules import measured_objectives
from palier.release.state import (
    HISTORY_LIMIT,
    Drain,
    Ending,
    Former,
    Outcome,
    Release,
    Result,
    RevisionRef,
    State,
    Step,
)
from palier.release.times import format_time, parse_time
from tests.property.load_world import load_tested
from tests.property.world import model_deployment
from tests.unit.cluster.schema import violations
from tests.unit.release.examples import CANDIDATE, NOW, STABLE, releasing, serving
from tests.unit.release.load_examples import passed, recorded_of, ways
from tests.unit.release.strategies import GOLDEN, RECKONED, RECORDS, SPENDINGS
from tests.unit.release.trial_examples import GOOD, trying
from tests.unit.release.trial_examples import recorded as examined

RULE = measured_objectives(model_deployment())[0].rule

MICROSECONDS = st.integers(0, 4_000_000_000_000_000)
TIMES = MICROSECONDS.map(lambda number: number / 1_000_000)
REVISIONS = st.text("0123456789abcdef", min_size=10, max_size=10)
WORDS = st.from_regex(r"[A-Z][A-Za-z]{0,20}", fullmatch=True)
SENTENCES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=300)
REFERENCES = st.builds(
    RevisionRef,
    revision=REVISIONS,
    model=st.text(min_size=1, max_size=20),
    version=st.text(min_size=1, max_size=20),
    port=st.integers(1, 65535),
    since=TIMES,
    runtime=st.sampled_from(["", "vllm", "custom"]),
    runtime_version=st.sampled_from(["", "0.11.2"]),
    variant=st.sampled_from(["", "cpu-int8"]),
    family=st.just("") | REVISIONS,
)
OUTCOMES = st.builds(
    Outcome,
    revision=REVISIONS,
    result=st.sampled_from(Result),
    reason=WORDS,
    message=SENTENCES,
    time=TIMES,
    rules=st.text("0123456789abcdef", max_size=16),
    family=st.just("") | REVISIONS,
)


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    """Evidence of a few looks."""
    evidence = fresh()
    for total, bad, stable in draw(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500)))):
        bad_events = min(total, bad)
        evidence = observe(evidence, Counts(total, bad_events, bad_events), Counts(stable, 0, 0), RULE)
    return evidence


RELEASES = st.builds(
    Release,
    step=st.sampled_from(Step),
    started_at=TIMES,
    stage_started_at=TIMES,
    stage_index=st.integers(0, 15),
    direct=st.booleans(),
    traffic_since=st.none() | TIMES,
    last_look=st.none() | TIMES,
    cannot_measure_since=st.none() | TIMES,
    router_last_look=st.none() | TIMES,
    router_unseen_since=st.none() | TIMES,
    examined=st.booleans(),
    shadowed=st.booleans(),
    breach=SENTENCES,
    tested=st.booleans(),
    test_replicas=st.integers(0, 64),
    attempt=st.integers(0, 1000),
    ending=st.none() | st.builds(Ending, result=st.sampled_from(Result), reason=WORDS, message=SENTENCES),
    evidence=st.dictionaries(st.sampled_from(["errors", "latency", "feedback"]), evidences(), max_size=2),
)
STATES = st.builds(
    State,
    stable=st.none() | REFERENCES,
    candidate=st.none() | REFERENCES,
    former=st.none() | st.builds(Former, reference=REFERENCES, until=TIMES),
    slots=st.none() | st.tuples(REVISIONS, REVISIONS),
    drains=st.lists(st.builds(Drain, revision=REVISIONS, until=TIMES), max_size=3).map(tuple),
    release=st.none() | RELEASES,
    outcome=st.none() | OUTCOMES,
    history=st.lists(OUTCOMES, max_size=3).map(tuple),
    handled_retry=st.text(max_size=10),
    load_tests=st.lists(RECORDS, max_size=2).map(tuple),
    golden=st.none() | GOLDEN,
    spending=st.none() | SPENDINGS,
    costs=RECKONED,
)


def through_the_api_server(status: dict[str, Any]) -> dict[str, Any]:
    """The status as it comes back: JSON all the way."""
    stored: dict[str, Any] = json.loads(json.dumps(status))
    return stored


@given(STATES)
def test_the_memory_reads_back_exactly(state: State) -> None:
    """An operator that is killed goes on with the very same numbers; times are kept to the microsecond."""
    assert State.from_status(through_the_api_server(state.to_status())) == state


@given(STATES)
def test_the_memory_is_written_the_same_way_again(state: State) -> None:
    """Reading and writing changes nothing, or each restart would write every status."""
    status = through_the_api_server(state.to_status())

    assert State.from_status(status).to_status() == status


@given(st.floats(0, 4e9))
def test_times_are_kept_to_the_microsecond(instant: float) -> None:
    """The clock's own digits beyond it are cut once and never drift."""
    text = format_time(instant)

    assert abs(parse_time(text) - instant) <= 1e-6
    assert format_time(parse_time(text)) == text
    assert text.endswith("Z")


def test_times_are_rfc_3339_in_utc() -> None:
    """As people and other programs read them."""
    assert format_time(1_767_225_600.25) == "2026-01-01T00:00:00.250000Z"
    assert parse_time("2026-01-01T00:00:00Z") == 1_767_225_600
    assert parse_time("2026-01-01T01:30:00.5+01:30") == 1_767_225_600.5


@given(STATES)
def test_the_memory_fits_the_schema(state: State) -> None:
    """What the API server would refuse could never be written, and the release would stand still for ever."""
    Status.model_validate(state.to_status())

    assert list(violations(state.to_status())) == []


LONG = "0/3 nodes are available. " * 1000


@pytest.mark.parametrize(
    "state",
    [
        serving(outcome=Outcome(CANDIDATE, Result.FAILED, "CandidateNotReady", LONG, NOW)),
        serving(history=(Outcome(CANDIDATE, Result.FAILED, "CandidateNotReady", LONG, NOW),)),
        releasing(Step.ROLLING_BACK, ending=Ending(Result.FAILED, "CandidateNotReady", LONG)),
        releasing(Step.CANARY, breach=LONG),
    ],
    ids=["outcome", "history", "ending", "breach"],
)
def test_a_long_message_of_somebody_else_fits(state: State) -> None:
    """Schedulers, registries and admission webhooks write as much as they like, and it must not stop a release."""
    Status.model_validate(state.to_status())


def test_who_asked_for_a_revision_is_its_family_or_itself() -> None:
    """A variant is asked for by the whole spec; anything else by its own hash."""
    variant, alone = RevisionRef(STABLE, "m", "1", 80, NOW, family=CANDIDATE), RevisionRef(STABLE, "m", "1", 80, NOW)
    outcome = Outcome(STABLE, Result.REFUSED, "OverBudget", "", NOW, family=CANDIDATE)

    assert (variant.asked_for_by, alone.asked_for_by) == (CANDIDATE, STABLE)
    assert (outcome.asked_for_by, replace(outcome, family="").asked_for_by) == (CANDIDATE, STABLE)


def test_what_is_not_there_never_happened() -> None:
    """An object without a status starts from nothing, and writes nothing about nothing."""
    assert State.from_status({}) == State()
    assert State().to_status() == {}
    assert State.from_status({"conditions": [], "stage": "Serving", "stable": None, "release": {}}) == State()


GOLDEN_ANSWERS = examined(trying(Step.EXAMINING), GOOD).to_status()["golden"]
RECORD = recorded_of(ways(load_tested())[""], passed()).to_status()
COST = {
    "currency": "EUR",
    "month": "2026-11",
    "spent": "1",
    "at": "2026-11-25T00:00:00Z",
    "rates": [{"since": "2026-11-25T00:00:00Z", "hourly": "1"}],
}
BROKEN: dict[str, dict[str, Any]] = {
    "revision without a hash": {"stable": {"model": "m"}},
    "revision that is text": {"stable": "aaaaaaaaaa"},
    "time that is none": {"stable": {**serving().to_status()["stable"], "since": "yesterday"}},
    "time that is a number": {"stable": {**serving().to_status()["stable"], "since": 5}},
    "port that is none": {"stable": {**serving().to_status()["stable"], "port": "http"}},
    "one position": {"slots": [STABLE]},
    "three positions": {"slots": [STABLE, STABLE, CANDIDATE]},
    "unknown step": {"release": {**releasing(Step.CANARY).to_status()["release"], "step": "Dancing"}},
    "unknown result": {"outcome": {"revision": STABLE, "result": "Fine", "reason": "", "message": "", "time": ""}},
    "drain without an end": {"drains": [{"revision": STABLE}]},
    "load test without a verdict": {"loadTests": [{**RECORD, "verdict": "Perhaps"}]},
    "capacity that is no number": {"loadTests": [{**RECORD, "capacity": "much"}]},
    "golden answers of nobody": {"golden": {name: one for name, one in GOLDEN_ANSWERS.items() if name != "candidate"}},
    "golden answers without a verdict": {"golden": {**GOLDEN_ANSWERS, "verdict": "Perhaps"}},
    "score that is no number": {"golden": {**GOLDEN_ANSWERS, "score": "good"}},
    "golden answers of no time": {"golden": {**GOLDEN_ANSWERS, "measuredAt": "yesterday"}},
    "judge without a name": {"golden": {**GOLDEN_ANSWERS, "judge": {"votes": 3}}},
    "rate that is no number": {"cost": {**COST, "rates": [{"since": "2026-11-25T00:00:00Z", "hourly": "much"}]}},
    "spending without a month": {"cost": {name: value for name, value in COST.items() if name != "month"}},
    "evidence that is no number": {
        "release": {
            **releasing(Step.CANARY).to_status()["release"],
            "evidence": [{"objective": "errors", "absolute": ["much"]}],
        }
    },
}


@pytest.mark.parametrize("status", BROKEN.values(), ids=BROKEN)
def test_an_unreadable_memory_is_an_error_of_one_kind(status: dict[str, Any]) -> None:
    """Half a memory must not be acted on: the caller says so and leaves everything as it is."""
    with pytest.raises(ValueError, match=r"\S"):
        State.from_status(status)


def test_the_history_is_bounded() -> None:
    """The oldest outcomes go; the last one is also the outcome, and the release is over."""
    state = releasing(Step.ROLLING_BACK)
    for number in range(HISTORY_LIMIT + 5):
        state = state.ended(Outcome(CANDIDATE, Result.ABORTED, "AbortRequested", str(number), NOW + number))

    assert [outcome.message for outcome in state.history] == [str(number) for number in range(5, HISTORY_LIMIT + 5)]
    assert state.outcome == state.history[-1]
    assert state.release is None


@pytest.mark.parametrize("result", Result)
def test_only_a_failed_try_refuses_the_revision(result: Result) -> None:
    """What ended for another reason than its own quality may be tried again."""
    assert result.refuses is (
        result
        in {
            Result.ROLLED_BACK,
            Result.ABORTED,
            Result.FAILED,
            Result.REFUSED,
            Result.KEPT_STABLE,
        }
    )


def test_a_stage_begins_without_traffic_and_with_its_own_evidence() -> None:
    """The clock of the stage and its processes start anew; those of the whole release go on, but for the load test."""
    evidence = observe(fresh(), Counts(100, 5, 5), Counts(1000, 5, 5), RULE)
    release = replace(
        releasing(Step.PREPARING, index=0).release, evidence={"errors": evidence}, last_look=NOW + 3, test_replicas=4
    )
    begun = release.at_stage(1, now=NOW + 9)

    assert (begun.step, begun.stage_index, begun.stage_started_at) == (Step.CANARY, 1, NOW + 9)
    assert begun.traffic_since is None
    assert begun.test_replicas == 0
    assert begun.started_at == release.started_at
    assert begun.evidence["errors"].release == evidence.release
    assert begun.evidence["errors"].stage.total == 0


def test_what_a_shadow_has_shown_is_none_of_the_users_business() -> None:
    """Its evidence, its clock and how far it was read are dropped together; everything else stays."""
    evidence = observe(fresh(), Counts(100, 5, 5), Counts(1000, 5, 5), RULE)
    before = Release(
        Step.SHADOWING,
        NOW,
        NOW + 1,
        traffic_since=NOW + 2,
        last_look=NOW + 3,
        cannot_measure_since=NOW + 3,
        router_last_look=NOW + 3,
        router_unseen_since=NOW + 3,
        breach="answers: too many",
        tested=True,
        attempt=2,
        examined=True,
        shadowed=True,
        evidence={"answers": evidence},
    )

    assert before.unjudged() == Release(
        Step.SHADOWING, NOW, NOW + 1, tested=True, attempt=2, examined=True, shadowed=True
    )


@pytest.mark.parametrize("step", Step)
def test_evidence_of_the_shadow_is_told_apart_from_that_of_the_first_canary(step: Step) -> None:
    """A look that was made for the one is never counted for the other."""
    assert replace(trying(step).release, stage_index=3).landing == (-1 if step is Step.SHADOWING else 3)


def test_a_memory_of_before_there_were_golden_answers_reads_as_without_any() -> None:
    """An operator that is updated in the middle of a release goes on with it."""
    status = releasing(Step.CANARY).to_status()

    assert {"examined", "shadowed"} & set(status["release"]) == set()
    assert "golden" not in status
    assert State.from_status(status) == releasing(Step.CANARY)
