"""Runs and records of load tests: which run a record answers, for how long, and what is kept of it."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given

from palier.evidence.verdicts import Verdict
from palier.loadtest.result import LoadTestResult, StepRecord
from palier.release.testing import (
    AGAIN_AFTER,
    DETAILED,
    NO_RESULT,
    NOT_READY,
    POD_REPLACED,
    RECORD_LIMIT,
    LoadTestRecord,
    Run,
    add_record,
    record_for,
    runs_of,
)
from tests.support.cluster.schema import violations
from tests.support.release.examples import CANDIDATE, NOW, STABLE
from tests.support.release.load_world import asked, load_tested
from tests.support.release.strategies import RECORDS

DAY = 86_400.0
DIGEST = "0123456789abcdef"
RUN = Run("", CANDIDATE, replicas=1, index=0, attempt=0, digest=DIGEST)
PASSED = LoadTestResult(Verdict.PASS, "CapacityFound", "42 requests/s held", capacity=Decimal(42))
STEP = StepRecord("Climb", Decimal(10), Decimal(10), 200, 0, Decimal("0.001"), holds=True)


def record(result: LoadTestResult = PASSED, *, age: float = 0.0, **changes: object) -> LoadTestRecord:
    """A record of the run, made so many seconds ago."""
    made = LoadTestRecord(CANDIDATE, "", DIGEST, 1, NOW - age, result)
    return replace(made, **changes)  # type: ignore[arg-type]


def no_evidence(reason: str) -> LoadTestResult:
    """A result that tells nothing, for a reason."""
    return LoadTestResult(Verdict.NO_EVIDENCE, reason, "nobody knows")


def test_the_runs_of_a_spec_are_its_variants_at_their_numbers_of_replicas() -> None:
    """All of one variant, then of the next, counted through; they carry what tells their Jobs and records apart."""
    ways = asked(load_tested(variants={"a": "1", "b": "2"}, test={"replicas": [1, 4]})).options
    runs = runs_of(ways, attempt=3)

    assert [(run.variant, run.replicas, run.index, run.attempt) for run in runs] == [
        ("a", 1, 0, 3),
        ("a", 4, 1, 3),
        ("b", 1, 2, 3),
        ("b", 4, 3, 3),
    ]
    assert {run.revision for run in runs} == {way.revision for way in ways}
    assert {run.digest for run in runs} == {way.digest for way in ways}
    assert all(len(run.digest) == 16 for run in runs)


def test_what_is_asked_is_part_of_a_run() -> None:
    """Other requests, rules or objectives are another question; the budget and the canaries are not part of it."""
    (way,) = asked(load_tested()).options
    same = [load_tested(budget={"currency": "EUR", "monthly": "5"}), load_tested(weights=(9,)), load_tested(target="7")]
    other = [
        load_tested(test={"path": "/predict"}),
        load_tested(test={"maxDuration": "10m"}),
        load_tested(objectives=({"name": "failures", "errorRate": {"maxPercent": "2"}},)),
    ]

    assert {asked(one).options[0].digest for one in same} == {way.digest}
    assert len({way.digest, *(asked(one).options[0].digest for one in other)}) == 4


@pytest.mark.parametrize("change", [{"revision": STABLE}, {"digest": "f" * 16}, {"replicas": 4}])
def test_a_record_about_something_else_answers_nothing(change: dict[str, object]) -> None:
    """Another revision, other requests, another number of pods."""
    assert record_for(RUN, [record(**change)], began_at=NOW, fresh_for=DAY) is None


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL])
@pytest.mark.parametrize(("age", "stands"), [(0.0, True), (DAY, True), (DAY + 1, False), (-60.0, True)])
def test_a_verdict_stands_while_it_is_fresh(verdict: Verdict, age: float, stands: bool) -> None:
    """Its age counts when the release begins, so that it does not go stale in the middle of one."""
    kept = record(replace(PASSED, verdict=verdict), age=age)

    assert (record_for(RUN, [kept], began_at=NOW, fresh_for=DAY) == kept) is stands


def test_what_is_never_used_again_is_only_of_its_own_release() -> None:
    """`freshFor: 0s` tests anew in every release, and once in each."""
    assert record_for(RUN, [record(age=-5)], began_at=NOW, fresh_for=0.0) is not None
    assert record_for(RUN, [record(age=5)], began_at=NOW, fresh_for=0.0) is None


@pytest.mark.parametrize("reason", ["GeneratorLimited", NO_RESULT])
def test_the_lack_of_a_verdict_stands_for_one_release(reason: str) -> None:
    """The next release asks again, however fresh that is."""
    old, own = record(no_evidence(reason), age=1), record(no_evidence(reason), age=-1)

    assert record_for(RUN, [old], began_at=NOW, fresh_for=DAY) is None
    assert record_for(RUN, [own], began_at=NOW, fresh_for=DAY) == own


def test_the_latest_record_counts() -> None:
    """Whatever order they are in."""
    older, newer = record(age=100), record(age=10)

    for records in ([older, newer], [newer, older]):
        assert record_for(RUN, records, began_at=NOW, fresh_for=DAY) == newer


@pytest.mark.parametrize("reason", [NO_RESULT, NOT_READY, POD_REPLACED])
def test_chance_is_worth_another_try_after_a_while(reason: str) -> None:
    """Not at once, so that what is broken is not started all the time."""
    failed = record(no_evidence(reason))

    assert not failed.worth_another(now=NOW + AGAIN_AFTER - 1)
    assert failed.worth_another(now=NOW + AGAIN_AFTER)


@pytest.mark.parametrize(
    "result", [no_evidence("GeneratorLimited"), PASSED, replace(PASSED, verdict=Verdict.FAIL, reason=NO_RESULT)]
)
def test_what_was_found_out_is_not_asked_again(result: LoadTestResult) -> None:
    """A generator that is too weak is so the next time, too."""
    assert not record(result).worth_another(now=NOW + 10 * AGAIN_AFTER)


def test_a_new_record_replaces_the_one_about_the_same() -> None:
    """And no other one; the latest is the last."""
    others = (record(revision=STABLE), record(replicas=4), record(digest="f" * 16))
    records = add_record((*others, record(age=100)), record(age=5))

    assert records == (*others, record(age=5))


def test_records_are_bounded_and_only_the_last_keep_their_steps() -> None:
    """A status has a largest size, and the plan needs the capacity alone."""
    records: tuple[LoadTestRecord, ...] = ()
    for number in range(RECORD_LIMIT + 5):
        new = record(replace(PASSED, steps=(STEP,)), revision=f"{number:010x}")
        records = add_record(records, new)

    assert [one.revision for one in records] == [f"{number:010x}" for number in range(5, RECORD_LIMIT + 5)]
    assert [one for one in records if one.result.steps] == list(records[-DETAILED:])


@given(RECORDS)
def test_a_record_reads_back_exactly_and_fits_the_schema(kept: LoadTestRecord) -> None:
    """What was found survives a restart to the last digit, and the API server takes it."""
    entry = json.loads(json.dumps(kept.to_status()))

    assert LoadTestRecord.from_status(entry) == kept
    assert list(violations({"loadTests": [entry]})) == []
