"""The schema of the status declares what the pure core writes; undeclared fields are refused by the API server."""

from typing import Any

from palier.api.rules import ApiObject
from palier.api.status import (
    EvidenceStatus,
    JumpsStatus,
    MomentsStatus,
    Result,
    SegmentStatus,
    Step,
    TallyStatus,
    Verdict,
)
from palier.evidence import objective
from palier.evidence.objective import Amounts, Counts, MeanRule, ObjectiveRule, fresh, observe
from palier.release import state


def _declared(model: type[ApiObject]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_evidence_is_declared() -> None:
    """Every part of the evidence has its field, and no field is without one."""
    shares = ObjectiveRule(name="errors", limit=0.01, margin=1.25, alpha=0.01, require_no_worse=True, segmented=True)
    means = MeanRule(name="length", maximum=400.0, alpha=0.01)
    shared, meant = fresh("0123456789"), fresh("0123456789")
    for bad in (4, 9, 11):
        counts, stable = Counts(200, bad, bad), Counts(1000, 4, 4)
        shared = observe(shared, counts, stable, shares, segments={"new": (counts, stable)})
        meant = observe(meant, Amounts(200, 60_000.0 + bad), Amounts(1000, 300_000.0), means)
    written: list[dict[str, Any]] = [shared.to_status(), meant.to_status()]

    assert _declared(EvidenceStatus) == {"objective", *written[0], *written[1]}
    assert _declared(TallyStatus) == {*written[0]["release"], *written[1]["release"]}
    assert _declared(SegmentStatus) == set(written[0]["segments"][0])
    assert _declared(MomentsStatus) == set(written[1]["means"]["absolute"])
    assert _declared(JumpsStatus) == set(written[0]["dispersion"]["candidate"])


def test_evidence_fits() -> None:
    """The digits of a logarithm match the schema's pattern, and the reader gets back what was written."""
    rule = ObjectiveRule(name="errors", limit=0.01, margin=1.25, alpha=0.01)
    evidence = fresh()
    for bad in (0, 3, 200):
        evidence = observe(evidence, Counts(200, bad, bad), Counts(1000, 4, 4), rule)
    written = {"objective": "errors", **evidence.to_status()}

    parsed = EvidenceStatus.model_validate(written)

    assert parsed.model_dump(by_alias=True, exclude_none=True) == written


def test_words_are_those_of_the_core() -> None:
    """The enumerations of the schema are those of the code that writes them."""
    for declared, written in ((Step, state.Step), (Result, state.Result), (Verdict, objective.Verdict)):
        assert [word.value for word in declared] == [word.value for word in written]
