"""The sentences in which a load test ends."""

from dataclasses import replace

import pytest

from palier.loadtest import findings
from palier.loadtest.measure import Phase, Tally
from tests.support.loadtest.histories import QUICK, result
from tests.support.loadtest.queues import P95


@pytest.mark.parametrize(
    ("bad", "total", "limit", "text"),
    [
        (504, 10_000, 0.05, "5.04 % of 10000"),
        (50_001, 1_000_000, 0.05, "5.0001 % of 1000000"),
        (496, 10_000, 0.05, "5 % of 10000"),
        (500, 10_000, 0.05, "5 % of 10000"),
        (61, 1000, 0.05, "6.1 % of 1000"),
        (7042, 100_000, 0.07, "7.04 % of 100000"),
        (29, 100, 0.29, "29 % of 100"),
        (0, 100, 0.01, "0 % of 100"),
    ],
)
def test_a_share_shows_on_which_side_of_its_limit_it_is(bad: int, total: int, limit: float, text: str) -> None:
    """With more digits only where two would hide it."""
    plan = replace(QUICK, objectives=(replace(P95, limit_fraction=limit),))
    step = replace(result(Phase.SOAK, 80.0), tallies=(Tally(bad, total),))

    assert findings.describe_step(step, plan).startswith(f"latency: {text} answered later")
