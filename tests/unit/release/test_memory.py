"""The memory survives a restart: what is written to `status` reads back the same, and fits the schema."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.api.spec.release import ReleaseRules, Stage
from palier.api.status.status import Status
from palier.evidence.objective import Counts, Evidence, observe, start_evidence
from palier.measuring.coverage import Coverage
from palier.release.memory import read_state, write_state
from palier.release.requests import REQUESTS
from palier.release.rules import measured_objectives
from palier.release.state import (
    DRAIN_LIMIT,
    Drain,
    Ending,
    Former,
    Outcome,
    Release,
    ReleasePhase,
    Result,
    RevisionRef,
    State,
)
from palier.release.times import format_time, parse_time
from tests.support.cluster.schema import violations
from tests.support.release.examples import CANDIDATE, NOW, STABLE, releasing, serving
from tests.support.release.load_examples import passed, recorded_of, ways
from tests.support.release.load_world import load_tested
from tests.support.release.strategies import COMPUTED, GOLDEN, RECORDS, SPENDINGS
from tests.support.release.trial_examples import GOOD, trying
from tests.support.release.trial_examples import recorded as examined
from tests.support.release.world import model_deployment

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
    evidence = start_evidence()
    for total, bad, stable in draw(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500)))):
        bad_events = min(total, bad)
        evidence = observe(evidence, Counts(total, bad_events, bad_events), Counts(stable, 0, 0), RULE)
    return evidence


@st.composite
def stages(draw: st.DrawFn) -> Stage:
    """A stage of any kind, as the API server takes it."""
    weight, longest = draw(st.integers(1, 99)), draw(st.sampled_from(["90s", "1m", "2h"]))
    kinds: list[dict[str, Any]] = [
        {"loadTest": {"maxDuration": longest}},
        {"golden": {"maxDuration": longest}},
        {"shadow": {"percent": weight, "minPairs": 20 + weight, "minDuration": "1s", "maxDuration": longest}},
        {"canary": {"weight": weight, "minDuration": "0s", "maxDuration": longest}},
        {"experiment": {"objective": "feedback", "weight": weight, "duration": longest}},
    ]
    return Stage.model_validate(draw(st.sampled_from(kinds)))


@st.composite
def releases(draw: st.DrawFn) -> Release:
    """Any release, somewhere in its plan or after its last stage."""
    plan = tuple(draw(st.lists(stages(), max_size=4)))
    instants = st.none() | TIMES
    return Release(
        started_at=draw(TIMES),
        stage_started_at=draw(TIMES),
        plan=plan,
        cursor=draw(st.integers(0, len(plan))),
        opened_at=draw(instants),
        traffic_since=draw(instants),
        unready_since=draw(instants),
        gone_since=draw(instants),
        losses=draw(st.integers(0, 3)),
        attempt=draw(st.integers(0, 1000)),
        pods_read=Coverage(draw(instants), unseen_since=draw(instants)),
        router_read=Coverage(draw(instants), unseen_since=draw(instants)),
        breach=draw(SENTENCES),
        ending=draw(st.none() | st.builds(Ending, result=st.sampled_from(Result), reason=WORDS, message=SENTENCES)),
        evidence=draw(st.dictionaries(st.sampled_from(["errors", "latency", "feedback"]), evidences(), max_size=2)),
    )


STATES = st.builds(
    State,
    stable=st.none() | REFERENCES,
    candidate=st.none() | REFERENCES,
    former=st.none() | st.builds(Former, reference=REFERENCES, until=TIMES),
    backend_positions=st.none() | st.tuples(REVISIONS, REVISIONS),
    drains=st.lists(st.builds(Drain, revision=REVISIONS, until=TIMES), max_size=3).map(tuple),
    release=st.none() | releases(),
    outcome=st.none() | OUTCOMES,
    history=st.lists(OUTCOMES, max_size=3).map(tuple),
    handled=st.dictionaries(st.sampled_from(REQUESTS), st.text(min_size=1, max_size=10)),
    load_tests=st.lists(RECORDS, max_size=2).map(tuple),
    golden=st.none() | GOLDEN,
    spending=st.none() | SPENDINGS,
    costs=COMPUTED,
).map(lambda state: state if state.candidate else replace(state, release=None))
"""A release is always that of a candidate."""


def through_the_api_server(status: dict[str, Any]) -> dict[str, Any]:
    """The status as it comes back: JSON all the way."""
    stored: dict[str, Any] = json.loads(json.dumps(status))
    return stored


def read(status: dict[str, Any]) -> State:
    """The memory that a status holds, beside the rules that a spec has without saying so."""
    return read_state(status, ReleaseRules())


@given(STATES)
def test_the_memory_reads_back_exactly(state: State) -> None:
    """An operator that is killed goes on with the very same numbers; times are kept to the microsecond."""
    assert read(through_the_api_server(write_state(state))) == state


@given(STATES)
def test_the_memory_is_written_the_same_way_again(state: State) -> None:
    """Reading and writing changes nothing, or each restart would write every status."""
    status = through_the_api_server(write_state(state))

    assert write_state(read(status)) == status


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
    Status.model_validate(write_state(state))

    assert list(violations(write_state(state))) == []


LONG = "0/3 nodes are available. " * 1000


@pytest.mark.parametrize(
    "state",
    [
        serving(outcome=Outcome(CANDIDATE, Result.FAILED, "CandidateNotReady", LONG, NOW)),
        serving(history=(Outcome(CANDIDATE, Result.FAILED, "CandidateNotReady", LONG, NOW),)),
        releasing(ReleasePhase.ROLLING_BACK, ending=Ending(Result.FAILED, "CandidateNotReady", LONG)),
        releasing(ReleasePhase.CANARY, breach=LONG),
    ],
    ids=["outcome", "history", "ending", "breach"],
)
def test_a_long_message_of_somebody_else_fits(state: State) -> None:
    """Schedulers, registries and admission webhooks write as much as they like, and it must not stop a release."""
    Status.model_validate(write_state(state))


def test_what_is_not_there_never_happened() -> None:
    """An object without a status starts from nothing, and writes nothing about nothing."""
    assert read({}) == State()
    assert write_state(State()) == {}
    assert read({"conditions": [], "stage": "Serving", "stable": None, "release": {}}) == State()


GOLDEN_ANSWERS = write_state(examined(trying(ReleasePhase.EXAMINING), GOOD))["golden"]
RECORD = recorded_of(ways(load_tested())[""], passed()).to_status()
COST = {
    "currency": "EUR",
    "month": "2026-11",
    "spent": "1",
    "at": "2026-11-25T00:00:00Z",
    "rates": [{"since": "2026-11-25T00:00:00Z", "hourly": "1"}],
}
CANARY = write_state(releasing(ReleasePhase.CANARY))
BROKEN: dict[str, dict[str, Any]] = {
    "revision without a hash": {"stable": {"model": "m"}},
    "revision that is text": {"stable": "aaaaaaaaaa"},
    "time that is none": {"stable": {**write_state(serving())["stable"], "since": "yesterday"}},
    "time that is a number": {"stable": {**write_state(serving())["stable"], "since": 5}},
    "port that is none": {"stable": {**write_state(serving())["stable"], "port": "http"}},
    "one position": {"slots": [STABLE]},
    "three positions": {"slots": [STABLE, STABLE, CANDIDATE]},
    "unknown step of an earlier version": {
        **CANARY,
        "release": {"step": "Dancing", "startedAt": "2026-11-25T00:00:00Z", "stageStartedAt": "2026-11-25T00:00:00Z"},
    },
    "plan that is none": {**CANARY, "release": {**CANARY["release"], "plan": [{"canary": "5"}]}},
    "place that is no number": {**CANARY, "release": {**CANARY["release"], "cursor": "first"}},
    "requests that are a list": {"handledRequests": ["abort"]},
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
        **CANARY,
        "release": {
            **CANARY["release"],
            "evidence": [{"objective": "errors", "absolute": ["much"]}],
        },
    },
}


@pytest.mark.parametrize("status", BROKEN.values(), ids=BROKEN)
def test_an_unreadable_memory_is_an_error_of_one_kind(status: dict[str, Any]) -> None:
    """Half a memory must not be acted on: the caller says so and leaves everything as it is."""
    with pytest.raises(ValueError, match=r"\S"):
        read(status)


@pytest.mark.parametrize("change", [{"cursor": -3}, {"losses": -1}, {"attempt": -1}])
def test_a_number_below_zero_reads_as_none_at_all(change: dict[str, int]) -> None:
    """Somebody wrote the subresource by hand: a release never stands before its first stage."""
    found = read({**CANARY, "release": {**CANARY["release"], **change}}).release

    assert found is not None
    assert (found.cursor, found.losses, found.attempt) == (0, 0, 0)


def test_a_place_beyond_the_plan_is_its_end() -> None:
    """All of its stages are passed then, whatever the number is."""
    found = read({**CANARY, "release": {**CANARY["release"], "cursor": 99}}).release

    assert found is not None
    assert (found.cursor, found.stage) == (3, None)


def test_a_release_of_nobody_is_none() -> None:
    """Somebody took its candidate out of the status: what is left tells nothing that could go on."""
    status = {name: part for name, part in CANARY.items() if name != "candidate"}

    assert read(status).release is None


def test_as_many_drains_as_fit_are_remembered() -> None:
    """The status has a largest size; the others wait for their turn and are found again by what exists."""
    many = tuple(Drain(f"{number:010x}", NOW) for number in range(DRAIN_LIMIT + 5))

    assert read(write_state(serving(drains=many))).drains == many[:DRAIN_LIMIT]


def test_the_stages_are_those_of_the_memory_and_not_of_the_spec() -> None:
    """They were pinned when the release began: whatever the spec says now, the same ones are read."""
    state = releasing(ReleasePhase.CANARY, index=1)
    others = ReleaseRules.model_validate({"stages": [{"canary": {"weight": 99}}]})

    assert read_state(write_state(state), others) == state
