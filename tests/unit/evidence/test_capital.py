"""Release and stages share one capital: a weight step neither makes nor loses any."""

import math

import pytest

from palier.evidence.capital import capital, log_add, log_mean, reserve_after


@pytest.mark.parametrize("release", [-2000.0, 0.0, 3.0])
@pytest.mark.parametrize("stage", [-700.0, 0.0, 5.0])
def test_a_weight_step_leaves_the_capital_as_it_is(release: float, stage: float) -> None:
    """The e-value just before a stage ends is the e-value just after the next one began, whatever was seen."""
    reserve = -0.7
    before = capital(release, stage, reserve=reserve)
    after = capital(release, 0.0, reserve=reserve_after(stage, reserve=reserve))
    assert after == pytest.approx(before, abs=1e-12)


def test_it_starts_with_one() -> None:
    """Without any look the e-value is 1."""
    assert capital(0.0, 0.0, reserve=0.0) == pytest.approx(0.0, abs=1e-15)


def test_an_hour_of_good_evidence_does_not_hide_a_late_regression() -> None:
    """In the third stage a regression pays ln(27/2) and not the thousand nats that the release-wide test is down."""
    reserve = reserve_after(-500.0, reserve=reserve_after(-500.0, reserve=0.0))
    assert capital(-1000.0, 20.0, reserve=reserve) == pytest.approx(20 - math.log(27 / 2), abs=1e-6)


def test_a_regression_from_the_start_pays_little() -> None:
    """While release and stage see the same, the price of the insurance is ln 1.5."""
    assert capital(20.0, 20.0, reserve=0.0) == pytest.approx(20 - math.log(1.5), abs=1e-6)


def test_means_and_sums_of_logs_do_not_overflow() -> None:
    """Logs far beyond the range of a float are added exactly."""
    assert log_mean([10_000.0, 10_000.0]) == pytest.approx(10_000)
    assert log_add(10_000.0, -10_000.0) == 10_000
    assert log_add(0.0, 0.0) == pytest.approx(math.log(2))
