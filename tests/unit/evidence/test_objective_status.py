"""The evidence of one objective in the status: it reads back exactly, and what is impossible is refused."""

import json
from dataclasses import replace

import pytest

from palier.evidence.objective import Amounts, Counts, Evidence, begin_stage, observe, start_evidence
from tests.support.evidence.objectives import ERRORS, arm, seen


@pytest.mark.parametrize("counts", [(-1, 0, 0), (5, 6, 6), (5, -1, 0), (5, 3, 2), (5, 3, 6)])
def test_impossible_counts_are_refused(counts: tuple[int, int, int]) -> None:
    """No evidence is ever made of counts that cannot have happened."""
    with pytest.raises(ValueError, match="bad"):
        Counts(*counts)


@pytest.mark.parametrize("settings", [{"limit": 0.0}, {"limit": 1.0}, {"alpha": 0.0}, {"beta": 1.0}])
def test_impossible_rules_are_refused(settings: dict[str, float]) -> None:
    """A rule under which no test exists fails when it is made, not in the middle of a release."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        replace(ERRORS, **settings)  # type: ignore[arg-type]


def test_status_is_made_of_strings_and_integers_and_reads_back_exactly() -> None:
    """Floats are decimal strings, keys are camelCase, and nothing is lost on the way through JSON."""
    evidence = begin_stage(seen([(arm(50, 2), arm(450, 3)), (arm(3, 1, 2), None)]))
    evidence = seen([(arm(7, 1), arm(70, 1))], evidence=evidence)
    status = json.loads(json.dumps(evidence.to_status()))
    assert Evidence.from_status(status) == evidence
    assert "warmSince" not in status
    warm = replace(evidence, warm_since=1_767_323_045.1)
    assert Evidence.from_status(json.loads(json.dumps(warm.to_status()))) == warm
    assert status["release"] == {"total": 60, "bad": 4, "badPossible": 5, "stableTotal": 520, "stableBad": 4}
    assert [len(status[key]) for key in ("relative", "absolute")] == [7, 7]
    assert all(isinstance(log, str) for log in [*status["relative"], status["absoluteCash"]])
    assert set(status["dispersion"]) == {"candidate"}
    assert not {"notWorse", "segments", "means"} & set(status)
    assert (status["looks"], status["badLooks"]) == (3, 3)


def test_missing_status_reads_as_never_observed() -> None:
    """An empty status, or one of a later version with keys of its own, is read leniently."""
    assert Evidence.from_status({}) == start_evidence()
    assert Evidence.from_status({"objective": "errors", "later": 1, "looks": 3}).looks == 3
    other_grid = Evidence.from_status({"relative": ["1.0", "2.0"], "relativeCash": "5.0"})
    assert seen([(arm(0, 0), None), (arm(10, 0), arm(10, 0))], evidence=other_grid).relative.log_e < 0.1


@pytest.mark.parametrize(
    "status",
    [
        {"absolute": ["nan"]},
        {"relative": ["0.0"], "relativeCash": "inf"},
        {"notWorse": ["x"]},
        {"release": {"total": 1, "bad": 2}},
        {"hardStopBad": 2},
        {"stage": "text"},
        {"relative": 3},
        {"looks": -1},
        {"means": {"absolute": {"looks": 1, "mean": "nan"}, "events": 100}},
        {"dispersion": {"stable": {"pairs": 1, "sum": "-1.0"}}},
        {"last": {"amount": "inf"}},
        {"warmSince": "inf"},
    ],
)
def test_unreadable_status_is_refused(status: dict[str, object]) -> None:
    """What was tampered with is an error, never evidence."""
    with pytest.raises(ValueError, match=r"."):
        Evidence.from_status(status)


def test_counts_are_not_judged_as_amounts() -> None:
    """A look of another kind than the rule is a programming error."""
    with pytest.raises(TypeError, match="does not judge"):
        observe(start_evidence(), Amounts(3, 1.0), None, ERRORS)
