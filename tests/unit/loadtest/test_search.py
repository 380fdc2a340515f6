"""What a load test does next and how it ends, for servers of every kind; nothing here waits."""

from dataclasses import replace

import pytest

from palier.evidence.verdicts import Verdict
from palier.loadtest.findings import SearchResult
from palier.loadtest.measure import Phase, Step
from palier.loadtest.objectives import LoadObjective, Promise
from palier.loadtest.plan import LoadTestPlan
from palier.loadtest.search import next_step, surely_fails
from tests.support.loadtest.histories import FAST, QUICK, ended, result
from tests.support.loadtest.queues import ERRORS, P95, Ageing, Fifo, Spoilt, exponential, fixed


def test_it_warms_up_climbs_searches_and_soaks() -> None:
    """The phases come in this order, so that progress can be understood and a cold server is not overrun."""
    bench, found = ended(FAST)
    phases = [one.step.phase for one in bench.history]

    assert phases == sorted(phases, key=[Phase.WARM_UP, Phase.CLIMB, Phase.SEARCH, Phase.SOAK].index)
    assert set(phases) == {Phase.WARM_UP, Phase.CLIMB, Phase.SEARCH, Phase.SOAK}
    assert (found.verdict, found.reason) == (Verdict.PASS, "CapacityFound")
    assert found.capacity == bench.history[-1].step.rate


def test_the_ceiling_is_the_lowest_rate_above_the_capacity_that_failed() -> None:
    """Both ends of the bracket have been tried."""
    bench, found = ended(FAST)
    failed = {one.step.rate for one in bench.history if not one.holds}

    assert found.capacity is not None
    assert found.ceiling is not None
    assert found.ceiling in failed
    assert found.ceiling > found.capacity
    assert not [rate for rate in failed if found.capacity < rate < found.ceiling]


def test_the_same_history_leads_to_the_same_step() -> None:
    """Nothing is remembered outside of the history, so a search can be replayed."""
    bench, _ = ended(FAST)

    for length in range(len(bench.history)):
        assert next_step(bench.history[:length], QUICK) == bench.history[length].step


def test_the_first_rate_follows_from_how_fast_an_idle_server_is() -> None:
    """A server that needs 10 ms is not asked for 1 request a second first, and not for a thousand either."""
    first = next_step([result(Phase.WARM_UP, 1.0, p50=0.01)], QUICK)

    assert isinstance(first, Step)
    assert first.phase is Phase.CLIMB
    assert 5 <= first.rate <= 50


def test_a_rate_to_begin_with_is_obeyed() -> None:
    """Who knows the server saves the climb."""
    first = next_step([result(Phase.WARM_UP, 1.0)], replace(QUICK, start_rate=64.0))

    assert isinstance(first, Step)
    assert first.rate == 64.0


def test_the_climb_doubles_the_rate_until_something_fails() -> None:
    """It takes few steps over many orders of magnitude."""
    history = [result(Phase.WARM_UP, 1.0), result(Phase.CLIMB, 20.0), result(Phase.CLIMB, 40.0)]
    step = next_step(history, QUICK)

    assert isinstance(step, Step)
    assert (step.phase, step.rate) == (Phase.CLIMB, 80.0)


def test_a_first_rate_that_is_too_high_is_lowered() -> None:
    """An eager guess of the user costs a step and not the result."""
    bench, found = ended(
        Fifo(exponential(0.05)), replace(QUICK, objectives=(replace(P95, threshold_seconds=1.0),), start_rate=500.0)
    )

    assert found.verdict is Verdict.PASS
    assert bench.history[1].step.rate == 500.0
    assert bench.history[2].step.rate < 500.0


def test_a_server_that_is_too_slow_at_any_rate_fails_with_its_numbers() -> None:
    """No rate is low enough: that is a verdict, and it says how far away the promise is."""
    bench, found = ended(Fifo(fixed(0.4)))

    assert (found.verdict, found.reason, found.capacity) == (Verdict.FAIL, "ObjectiveUnreachable", None)
    assert "100 % of" in found.message
    assert "250 ms" in found.message
    assert bench.history[-1].step.rate < 1


@pytest.mark.parametrize("start", [None, 80.0])
def test_a_server_that_is_too_slow_fails_though_a_soak_would_take_too_long(start: float | None) -> None:
    """Little time, or a first rate that floods it even while it warms up, does not turn too slow into unknown."""
    promises = (replace(P95, threshold_seconds=0.06), replace(ERRORS, limit_fraction=0.05))
    plan = replace(QUICK, objectives=promises, step_duration=2, soak=5, start_rate=start, max_duration=60)
    bench, found = ended(Fifo(fixed(0.1), workers=4), plan)

    assert (found.verdict, found.reason) == (Verdict.FAIL, "ObjectiveUnreachable")
    assert bench.history[0].step.rate < 10
    assert bench.history[-1].step.rate == 1.0


def test_a_server_that_always_fails_some_requests_fails() -> None:
    """Errors that have nothing to do with load cannot be climbed away from."""
    plan = replace(QUICK, objectives=(P95, ERRORS))
    _, found = ended(Spoilt(FAST, share=0.05), plan)

    assert (found.verdict, found.reason) == (Verdict.FAIL, "ObjectiveUnreachable")
    assert "errors: " in found.message
    assert "answered with an error of the server" in found.message


def test_errors_below_the_limit_at_any_rate_do_not_disturb() -> None:
    """Half of the allowed failures are there from the beginning: the capacity is that of the latency."""
    plan = replace(QUICK, objectives=(P95, ERRORS))
    _, found = ended(Spoilt(FAST, share=0.005), plan)

    assert found.verdict is Verdict.PASS
    assert found.capacity == pytest.approx(88, rel=0.15)


def test_a_server_that_sheds_load_carries_what_it_lets_in() -> None:
    """Refusals are failures, though they come fast."""
    plan = replace(QUICK, objectives=(ERRORS,))
    _, found = ended(Spoilt(Fifo(fixed(0.001)), above=80.0), plan)

    assert found.capacity == pytest.approx(80, rel=0.1)


def test_without_a_promise_about_times_a_growing_backlog_is_the_limit() -> None:
    """A queue that only grows fails nobody before the timeout, which comes after the step."""
    plan = replace(QUICK, objectives=(ERRORS,))
    bench, found = ended(Fifo(fixed(0.01)), plan)

    assert found.capacity == pytest.approx(100, rel=0.05)
    assert all(one.errors == 0 for one in bench.history)


def test_the_highest_allowed_rate_ends_the_climb() -> None:
    """Who needs no more does not pay for finding out; the result says that there may be more."""
    bench, found = ended(Fifo(fixed(0.001)), replace(QUICK, max_rate=100.0))

    assert (found.verdict, found.reason) == (Verdict.PASS, "HighestRateHeld")
    assert (found.capacity, found.at_least, found.ceiling) == (100.0, True, None)
    assert max(one.step.rate for one in bench.history) == 100.0


def test_a_generator_that_cannot_offer_a_rate_gives_no_capacity() -> None:
    """The bottleneck is ours, so nothing is known about the server beyond that."""
    bench, found = ended(Fifo(fixed(0.0005)), most_per_second=300.0)

    assert (found.verdict, found.reason, found.capacity) == (Verdict.NO_EVIDENCE, "GeneratorLimited", None)
    assert any(one.generator_limited for one in bench.history)
    assert "loadTest.resources" in found.message


def test_a_hiccup_of_the_generator_is_tried_again() -> None:
    """One stolen moment of the machine is not the end of a test."""
    history = [result(Phase.WARM_UP, 1.0), result(Phase.CLIMB, 20.0), result(Phase.CLIMB, 40.0, limited=True)]
    step = next_step(history, QUICK)

    assert isinstance(step, Step)
    assert (step.phase, step.rate) == (Phase.CLIMB, 40.0)


def test_a_rate_below_one_that_was_offered_is_never_given_up() -> None:
    """What the generator could once, it can: two hiccups there do not bar the rate."""
    history = [
        result(Phase.WARM_UP, 1.0),
        result(Phase.CLIMB, 50.0),
        result(Phase.CLIMB, 100.0, holds=False),
        result(Phase.SEARCH, 70.0, limited=True),
        result(Phase.SEARCH, 70.0, limited=True),
    ]

    assert isinstance(next_step(history, QUICK), Step)


def test_a_generator_that_never_gets_in_time_ends_the_test() -> None:
    """It is not tried for ever."""
    history = [result(Phase.WARM_UP, 1.0), *(result(Phase.CLIMB, 2.0, limited=True) for _ in range(20))]
    outcomes = [next_step(history[:length], QUICK) for length in range(1, len(history))]

    assert any(isinstance(one, SearchResult) and one.reason == "GeneratorLimited" for one in outcomes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"max_duration": 45.0}, "OutOfTime"), ({"max_requests": 900}, "OutOfRequests")],
    ids=["time", "requests"],
)
def test_a_budget_is_kept(changes: dict[str, float], reason: str) -> None:
    """A test costs no more time and requests than was allowed, but for answers that are still under way."""
    plan = replace(QUICK, objectives=(replace(P95, limit_fraction=0.01),), **changes)  # type: ignore[arg-type]
    bench, found = ended(FAST, plan)

    assert bench.seconds <= plan.max_duration + 5
    assert bench.requests <= plan.max_requests
    assert found.verdict is Verdict.PASS or found.reason == reason


def test_a_percentile_of_too_few_answers_is_no_evidence() -> None:
    """Ten minutes at one request in two seconds do not show what one in a hundred requests meets."""
    slow = Fifo(exponential(0.5))
    plan = LoadTestPlan(objectives=(replace(P95, limit_fraction=0.01, threshold_seconds=3.0),), max_duration=600.0)
    _, found = ended(slow, plan)

    assert found.verdict is Verdict.NO_EVIDENCE
    assert found.reason in {"TooFewRequests", "OutOfTime"}


def test_steps_are_longer_where_answers_are_rare() -> None:
    """20 s at 2 requests a second are 40 answers, of which nobody can tell 5 %."""
    history = [
        result(Phase.WARM_UP, 1.0, p50=0.2),
        result(Phase.CLIMB, 2.0),
        result(Phase.CLIMB, 4.0, holds=False),
    ]
    step = next_step(history, LoadTestPlan(objectives=(P95,)))

    assert isinstance(step, Step)
    assert step.phase is Phase.SEARCH
    assert step.judged_requests >= 200


def test_a_server_that_becomes_slower_with_time_does_not_pass_the_soak() -> None:
    """Short steps find a rate that does not last: what holds for an hour is never known, two minutes are."""
    bench, found = ended(Ageing(0.005, per_minute=0.5), replace(QUICK, soak=60))
    soaks = [one for one in bench.history if one.step.phase is Phase.SOAK]

    assert not soaks[0].holds
    assert found.capacity is None or found.capacity < 0.9 * soaks[0].step.rate


def test_a_rate_that_never_lasts_fails() -> None:
    """Each soak goes lower, and they are not repeated for ever."""
    history = [result(Phase.WARM_UP, 1.0), result(Phase.CLIMB, 50.0), result(Phase.CLIMB, 100.0, holds=False)]
    history += [result(Phase.SEARCH, 70.0 + place) for place in range(4)]
    rates = []
    while isinstance(step := next_step(history, replace(QUICK, max_duration=1e6)), Step):
        if step.phase is Phase.SOAK:
            rates.append(step.rate)
        history.append(result(step.phase, step.rate, holds=step.phase is not Phase.SOAK and step.rate < 75))

    assert rates == sorted(rates, reverse=True)
    assert 1 < len(rates) <= 6
    assert (step.verdict, step.reason) == (Verdict.FAIL, "NotSustained")


def test_a_step_is_given_up_when_it_cannot_hold_any_more() -> None:
    """100 of 2000 may be late: with the 102nd a climbing step is over, a soak may still be on the edge."""
    climb = Step(Phase.CLIMB, 125.0, 20.0)

    assert climb.judged_requests == pytest.approx(2000)
    assert not surely_fails([101], climb, QUICK)
    assert surely_fails([102], climb, QUICK)
    assert not surely_fails([102], replace(climb, phase=Phase.SOAK), QUICK)
    assert surely_fails([202], replace(climb, phase=Phase.SOAK), QUICK)
    assert not surely_fails([2000], replace(climb, phase=Phase.WARM_UP), QUICK)


def test_gaps_between_tokens_never_end_a_step() -> None:
    """An answer has hundreds of them, so their number says nothing before the end."""
    gaps = LoadObjective("gaps", Promise.BETWEEN_TOKENS, 0.05, 0.05)

    assert not surely_fails([100_000], Step(Phase.CLIMB, 125.0, 20.0), replace(QUICK, objectives=(gaps,)))
