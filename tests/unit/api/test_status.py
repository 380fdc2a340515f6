"""The schema of the status declares what the pure core writes; undeclared fields are refused by the API server."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from palier.api.rule import ApiObject
from palier.api.status.evidence import (
    ArrivalsStatus,
    BlockStatus,
    CautionStatus,
    EvidenceStatus,
    ExcusedStatus,
    JumpsStatus,
    MomentsStatus,
    PodsStatus,
    PodTallyStatus,
    SegmentStatus,
    SpellsStatus,
    StretchStatus,
    TallyStatus,
)
from palier.api.status.load_test import LoadTestStatus, LoadTestStepStatus
from palier.api.status.values import Verdict
from palier.evidence.arrivals import ScrapedStep, Scrapes
from palier.evidence.objective import Amounts, Counts, MeanRule, ObjectiveRule, observe, start_evidence
from palier.evidence.segments import NAMED
from palier.evidence.spells import NO_SPELLS
from palier.evidence.stepping import step_down
from palier.loadtest.result import STEP_LIMIT, LoadTestResult, StepRecord
from palier.release.testing import LoadTestRecord, Usage


def _declared(model: type[ApiObject]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_evidence_is_declared() -> None:
    """Every part of the evidence has its field, and no field is without one."""
    shares = ObjectiveRule(name="errors", limit=0.01, margin=1.25, alpha=0.01, require_no_worse=True, segmented=True)
    means = MeanRule(name="length", maximum=400.0, alpha=0.01)
    shared, meant = start_evidence("0123456789"), start_evidence("0123456789")
    for number, bad in enumerate((4, 9, 11, 8)):
        counts, stable = Counts(200, bad, bad), Counts(1000, 4, 4)
        segments = {f"tenant-{tenant}": (counts, stable) for tenant in range(NAMED + 1)}
        once = Scrapes(1, number, number)
        scraped = ScrapedStep(number - 1, number, once, once, weight_since=0.0)
        by_pod = ({"a": (200.0, bad)}, {"b": (1000.0, 4.0)})
        shared = observe(
            shared,
            counts,
            stable,
            shares,
            segments=segments,
            scraped=scraped,
            pods=by_pod,
        )
        meant = observe(meant, Amounts(200, 60_000.0 + bad), Amounts(1000, 300_000.0), means)
    meant = observe(meant, Amounts(20, 6_000.0), Amounts(30, 9_000.0), means)
    spells = NO_SPELLS.add_look(2, 2, seconds=30.5).add_look(0, 2, seconds=30.5)
    pods = shared.pods.add_look({"c": (200.0, 9.0)}, {}, seconds=30.5).excuse(200, 9, seconds=30.5)
    shared = replace(shared, warm_since=1_767_323_045.5, spells=spells, pods=pods)
    written: list[dict[str, Any]] = [shared.to_status(), meant.to_status()]

    assert _declared(EvidenceStatus) == {"objective", *written[0], *written[1]}
    assert _declared(TallyStatus) == {*written[0]["release"], *written[1]["release"]}
    assert _declared(SegmentStatus) == {name for segment in written[0]["segments"] for name in segment}
    assert _declared(MomentsStatus) == set(written[1]["means"]["absolute"])
    assert _declared(JumpsStatus) == set(written[0]["dispersion"]["candidate"])
    assert _declared(ArrivalsStatus) == set(written[0]["arrivals"])
    assert _declared(StretchStatus) == set(written[0]["arrivals"]["stretches"][0])
    assert _declared(SpellsStatus) == set(written[0]["spells"])
    assert _declared(PodsStatus) == set(written[0]["pods"])
    assert _declared(PodTallyStatus) == set(written[0]["pods"]["candidate"][-1])
    assert _declared(ExcusedStatus) == set(written[0]["pods"]["excused"])
    assert _declared(BlockStatus) == set(written[0]["arrivals"]["blocks"][0])


def test_the_evidence_of_a_mean_with_a_largest_amount_needs_nothing_new() -> None:
    """It is that of a share, with sums in the place of counts, and the reader gets back what was written."""
    rule, evidence = MeanRule(name="length", maximum=400.0, alpha=0.01, most=4096.0), start_evidence("0123456789")
    for number in range(3):
        evidence = observe(evidence, Amounts(200, 60_000.25 + number), Amounts(1000, 300_000.0), rule)
    written = {"objective": "length", **evidence.to_status()}

    assert EvidenceStatus.model_validate(written).model_dump(by_alias=True, exclude_none=True) == written


def test_caution_is_declared_and_fits() -> None:
    """What the early test has seen, and what it suspects, to the last digit."""
    rule = ObjectiveRule(name="errors", limit=0.01, margin=1.25, alpha=0.01)
    evidence = observe(start_evidence(), Counts(1000, 90, 90), Counts(4000, 4, 4), rule)
    followed = observe(step_down(evidence, rule, weight=20), Counts(10, 1, 1), Counts(4990, 4, 4), rule)
    written = [one.to_status()["caution"] for one in (evidence, followed)]

    assert _declared(CautionStatus) == {*written[0], *written[1]}
    for one in written:
        parsed = CautionStatus.model_validate(one)
        assert parsed.model_dump(mode="json", by_alias=True, exclude_none=True) == one


def test_evidence_fits() -> None:
    """The digits of a logarithm match the schema's pattern, and the reader gets back what was written."""
    rule = ObjectiveRule(name="errors", limit=0.01, margin=1.25, alpha=0.01)
    evidence = start_evidence()
    for number, bad in enumerate((0, 3, 200, 5)):
        once = Scrapes(1, number + 0.1, number + 0.2)
        scraped = ScrapedStep(number - 0.5, number + 0.5, once, once, weight_since=0.0)
        evidence = observe(evidence, Counts(200, bad, bad), Counts(1000, 4, 4), rule, scraped=scraped)
    spells = NO_SPELLS.add_look(2, 2, seconds=30.5).add_look(0, 2, seconds=30.5)
    evidence = replace(evidence, warm_since=1_767_323_045.5, spells=spells)
    written = {"objective": "errors", **evidence.to_status()}

    parsed = EvidenceStatus.model_validate(written)

    assert parsed.model_dump(by_alias=True, exclude_none=True) == written


def test_load_tests_are_declared() -> None:
    """Every field of a record has its place, and what is written is read back to the last digit."""
    step = StepRecord(
        phase="Search",
        offered=Decimal(44),
        achieved=Decimal("43.9"),
        requests=880,
        errors=1,
        lag=Decimal("0.0004"),
        holds=False,
        p50=Decimal("0.11"),
        p95=Decimal("0.26"),
        p99=Decimal("0.4"),
    )
    record = LoadTestRecord(
        revision="5f6a7b8c9d",
        variant="cpu-int8",
        digest="0123456789abcdef",
        replicas=1,
        measured_at=1_767_323_045.123456,
        result=LoadTestResult(
            Verdict.PASS,
            "CapacityFound",
            "42.5 requests per second",
            capacity=Decimal("42.5"),
            ceiling=Decimal(44),
            at_least=True,
            requests=123456,
            schedule_lag=Decimal("0.0004"),
            tokens_per_second=Decimal(812),
            first_token=Decimal("0.21"),
            per_token=Decimal("0.031"),
            steps=(step,) * STEP_LIMIT,
        ),
        node="node-1",
        usage=Usage(Decimal("41.5"), Decimal("0.97"), 1_288_490_188, Decimal("0.91")),
    )
    written = record.to_status()

    assert set(written) <= _declared(LoadTestStatus)
    assert _declared(LoadTestStepStatus) == set(written["steps"][0])
    assert LoadTestStatus.model_validate(written).model_dump(by_alias=True, exclude_none=True) == written
