"""The measures of a simulation: intervals, quantiles with runs that never ended, and harm."""

import json
import math

import pytest

from palier.simulate.case import Case
from palier.simulate.measures import clopper_pearson, parameters, quantile, summary
from palier.simulate.outcome import Kind, Outcome
from palier.simulate.runs import Run


def run(kind: Kind, at: float | None = None, extra: float = 0.0) -> Run:
    """A run that ended like this."""
    return Run(Outcome(kind, at), extra_bad=extra, candidate_requests=10.0, on_absent_data=False)


def test_clopper_pearson() -> None:
    """The exact interval, against published values and its closed forms at the edges."""
    assert clopper_pearson(0, 1000) == (0, pytest.approx(1 - 0.025 ** (1 / 1000)))
    assert clopper_pearson(1000, 1000) == (pytest.approx(0.025 ** (1 / 1000)), 1)
    assert clopper_pearson(10, 100) == pytest.approx((0.0490, 0.1762), abs=5e-5)


def test_quantiles() -> None:
    """A quantile is a value that occurred; one that is infinite is None."""
    assert quantile([3, 1, 2], 0.5) == 2
    assert quantile([1, 2, math.inf, math.inf], 0.5) == 2
    assert quantile([1, 2, math.inf, math.inf], 0.9) is None
    assert quantile([1, math.inf, math.inf], 0.5) is None
    assert quantile([], 0.5) is None


def test_runs_that_never_rolled_back_are_infinitely_late() -> None:
    """The median is over all runs, so misses make it later."""
    runs = [run("rollback", 30.0, 1.0), run("rollback", 60.0, 2.0), run("promote", 3600.0, 9.0), run("undecided")]
    found = summary(runs, Case())
    assert (found["rollbackRate"], found["promoteRate"], found["undecidedRate"]) == (0.5, 0.25, 0.25)
    assert found["medianSecondsToRollback"] == 60
    assert found["p90SecondsToRollback"] is None
    assert found["medianExtraFailures"] == 1.0
    assert found["meanExtraFailures"] == 3.0
    assert found["runs"] == 4


def test_late_onset() -> None:
    """A rollback before the onset was false, and is not counted as a fast one."""
    runs = [run("rollback", 100.0), run("rollback", 700.0), run("rollback", 800.0), run("undecided")]
    found = summary(runs, Case(onset=600))
    assert found["rollbacksBeforeOnset"] == 1
    assert found["medianSecondsFromOnset"] == 200
    assert "medianSecondsFromOnset" not in summary(runs, Case())


def test_parameters_are_json() -> None:
    """Every parameter can be written as strict JSON."""
    written = parameters(Case())
    assert json.loads(json.dumps(written, allow_nan=False))["slowFor"] is None
    assert written["stages"] == [{"weight": 10, "minimum": 3600, "maximum": 3600}]
