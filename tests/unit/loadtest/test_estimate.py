"""What is believed about the capacity after some steps."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from palier.loadtest.estimate import Belief, believe
from palier.loadtest.measure import Outcome, Phase, Step, StepResult, Tally
from palier.loadtest.objectives import LoadObjective, Promise
from palier.loadtest.plan import LoadTestPlan

P95 = LoadObjective("latency", Promise.LATENCY, 0.05, 0.25)
ERRORS = LoadObjective("errors", Promise.ERRORS, 0.01)
RATES = (50.0, 70.0, 80.0, 88.0, 94.0, 100.0, 106.0, 112.0, 120.0, 140.0)


def step(rate: float, *tallies: Tally, growth: float = 0.0, requests: int = 2000) -> StepResult:
    """A step at a rate, with how each objective fared."""
    return StepResult(
        step=Step(Phase.SEARCH, rate, requests / rate / 0.8),
        tallies=tallies,
        closing=tallies,
        requests=requests,
        arrived=rate,
        achieved=rate,
        growth=growth,
        outcomes={Outcome.ANSWERED: requests},
    )


def late(headroom: float, *, total: int = 2000, dispersion: float | None = 2.0) -> Tally:
    """A tally of an exponential tail with so much headroom."""
    return Tally(round(total * 0.05**headroom), total, dispersion, headroom)


def believed(steps: list[StepResult], *objectives: LoadObjective) -> Belief:
    """The belief after the steps."""
    return believe(steps, LoadTestPlan(objectives=objectives), middle=100.0)


def falling(rate: float) -> float:
    """Headroom of a queue whose capacity is 100 and that is saturated at 125."""
    return max(0.02, (125 - rate) / 25)


def test_the_middle_lies_where_the_headroom_is_one() -> None:
    """Steps on both sides enclose it."""
    belief = believed([step(rate, late(falling(rate))) for rate in RATES], P95)

    assert belief.quantile(0.5) == pytest.approx(100, rel=0.02)
    assert belief.spread < 0.04


def test_it_is_found_between_steps_that_never_met_it() -> None:
    """Nobody tried 100, and at 85 and 115 all answers were good or bad."""
    belief = believed([step(rate, late(falling(rate))) for rate in (50.0, 75.0, 85.0, 115.0, 120.0)], P95)

    assert belief.quantile(0.5) == pytest.approx(100, rel=0.04)


def test_quantiles_are_in_order() -> None:
    """And the spread is half of the middle 80 %."""
    belief = believed([step(rate, late(falling(rate))) for rate in RATES], P95)
    quantiles = [belief.quantile(probability) for probability in (0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95)]

    assert quantiles == sorted(quantiles)
    assert belief.spread == pytest.approx(math.log(quantiles[5] / quantiles[1]) / 2)


def test_more_steps_narrow_the_belief() -> None:
    """That is what they are for."""
    few = believed([step(rate, late(falling(rate))) for rate in (50.0, 140.0)], P95)
    many = believed([step(rate, late(falling(rate))) for rate in RATES], P95)

    assert many.spread < few.spread / 3


def test_noise_widens_the_belief() -> None:
    """Steps that contradict each other prove less."""
    noise = np.random.default_rng(1).normal(0, 0.25, len(RATES))
    noisy = [step(rate, late(max(0.02, falling(rate) + error))) for rate, error in zip(RATES, noise, strict=True)]
    clean = [step(rate, late(falling(rate))) for rate in RATES]

    assert believed(noisy, P95).spread > 1.5 * believed(clean, P95).spread


def test_one_step_that_went_wrong_is_outvoted() -> None:
    """A neighbour that took the processor for a minute does not halve the capacity."""
    steps = [step(rate, late(falling(rate))) for rate in RATES]
    spoilt = [*steps, step(80.0, late(0.1))]

    assert believed(spoilt, P95).quantile(0.5) == pytest.approx(100, rel=0.04)


def test_failures_have_their_own_curve() -> None:
    """A server that refuses what is above 100 fails 9 % of 110."""

    def failing(rate: float) -> Tally:
        return Tally(round(2000 * max(0.0, 1 - 100 / rate)), 2000, 1.5)

    belief = believed([step(rate, failing(rate)) for rate in RATES], ERRORS)

    assert belief.quantile(0.5) == pytest.approx(101, rel=0.04)


def test_failures_at_any_rate_are_not_taken_for_load() -> None:
    """Half of the limit is always there; what counts is where it begins to grow."""

    def failing(rate: float) -> Tally:
        return Tally(round(2000 * (0.005 + max(0.0, 1 - 100 / rate))), 2000, 1.0)

    belief = believed([step(rate, failing(rate)) for rate in RATES], ERRORS)

    assert belief.quantile(0.5) == pytest.approx(100, rel=0.05)


@pytest.mark.parametrize("loss", [0.0, 0.02], ids=["carries what it can", "loses a little of it"])
def test_a_backlog_shows_what_an_overloaded_server_carries(loss: float) -> None:
    """120 a second arrive and 100 leave: the capacity is 100, before anybody has failed."""

    def steps(carries: Callable[[float], float]) -> list[StepResult]:
        return [
            step(rate, Tally(0, 2000), growth=2000 * max(0.0, 1 - carries(rate) / rate))
            for rate in (40.0, 80.0, 95.0, 120.0, 160.0)
        ]

    belief = believed(steps(lambda rate: 100 * (1 - loss) if rate > 100 else rate), ERRORS)

    assert belief.quantile(0.5) == pytest.approx(100, rel=0.05)


def test_the_promise_that_breaks_first_decides() -> None:
    """Errors begin at 150, long after the answers have become slow."""
    steps = [step(rate, late(falling(rate)), Tally(0, 2000)) for rate in RATES]

    assert believed(steps, P95, ERRORS).quantile(0.5) == pytest.approx(100, rel=0.03)


def test_answers_that_depend_on_each_other_count_less() -> None:
    """The same shares leave more open when the late answers came in bunches."""
    alone = believed([step(rate, late(falling(rate), dispersion=1.0)) for rate in (80.0, 110.0)], P95)
    bunched = believed([step(rate, late(falling(rate), dispersion=60.0)) for rate in (80.0, 110.0)], P95)

    assert bunched.spread > alone.spread


def test_steps_far_away_do_not_bend_the_curve() -> None:
    """An idle server does not become faster with even less to do."""
    near = [step(rate, late(falling(rate))) for rate in RATES]
    far = [step(rate, late(2.2)) for rate in (2.0, 5.0, 10.0)]

    assert believed([*far, *near], P95).quantile(0.5) == pytest.approx(believed(near, P95).quantile(0.5), rel=0.01)
