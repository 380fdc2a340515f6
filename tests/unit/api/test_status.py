"""The schema of the status declares what the pure core writes; undeclared fields are refused by the API server."""

from typing import Any

from palier.api.rules import ApiObject
from palier.api.status import EvidenceStatus, Result, Step, TallyStatus, Verdict
from palier.evidence import objective
from palier.evidence.objective import Counts, ObjectiveRule, fresh, observe
from palier.release import state


def _declared(model: type[ApiObject]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_evidence_is_declared() -> None:
    """Every part of the evidence has its field, and no field is without one."""
    rule = ObjectiveRule(name="errors", limit=0.01, margin=1.25, alpha=0.01)
    written: dict[str, Any] = observe(fresh(), Counts(200, 9, 11), Counts(1000, 4, 4), rule).to_status()

    assert _declared(EvidenceStatus) == {"objective", *written}
    assert _declared(TallyStatus) == set(written["release"])


def test_evidence_fits() -> None:
    """The digits of a logarithm match the schema's pattern, and the reader gets back what was written."""
    rule = ObjectiveRule(name="errors", limit=0.01, margin=1.25, alpha=0.01)
    evidence = fresh()
    for bad in (0, 3, 200):
        evidence = observe(evidence, Counts(200, bad, bad), Counts(1000, 4, 4), rule)
    written = {"objective": "errors", **evidence.to_status()}

    parsed = EvidenceStatus.model_validate(written)

    assert parsed.model_dump(by_alias=True) == written


def test_words_are_those_of_the_core() -> None:
    """The enumerations of the schema are those of the code that writes them."""
    for declared, written in ((Step, state.Step), (Result, state.Result), (Verdict, objective.Verdict)):
        assert [word.value for word in declared] == [word.value for word in written]
