"""What is made of the answers of one step."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from palier.loadtest.measure import Outcome, Phase, Step, answer_type, answers_of, bad_answers, measure_step
from palier.loadtest.objectives import LoadObjective, Promise
from palier.loadtest.plan import CONNECTIONS, LoadTestPlan

P95 = LoadObjective("latency", Promise.LATENCY, 0.05, 0.25)
PLAN = LoadTestPlan(objectives=(P95,))
STEP = Step(Phase.SEARCH, 100.0, 10.0)


def rows(latency: float | NDArray[np.float64] = 0.1, *, lag: float | NDArray[np.float64] = 0.0) -> NDArray[np.void]:
    """1000 good answers, evenly over ten seconds; the latency counts from when a request was due."""
    made = np.zeros(1000, dtype=answer_type())
    made["due"] = np.arange(1000) / 100 + 0.005
    made["latency"] = latency
    made["lag"] = lag
    made["first"] = made["per_token"] = np.nan
    return made


def line(**fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """A line of the generator."""
    return {"at": 1.0, "lag": 0.01, "latency": 0.1, "code": 200, "bytes": 2} | fields


@pytest.mark.parametrize(
    ("code", "error", "outcome"),
    [
        (200, "", Outcome.ANSWERED),
        (204, "", Outcome.ANSWERED),
        (302, "", Outcome.NOT_ACCEPTED),
        (404, "", Outcome.NOT_ACCEPTED),
        (408, "", Outcome.SERVER_ERROR),
        (429, "", Outcome.SERVER_ERROR),
        (500, "", Outcome.SERVER_ERROR),
        (503, "", Outcome.SERVER_ERROR),
        (0, "timeout", Outcome.TIMEOUT),
        (0, "refused", Outcome.NO_CONNECTION),
        (0, "reset", Outcome.NO_CONNECTION),
        (0, "dns", Outcome.NO_CONNECTION),
        (0, "unreachable", Outcome.NO_CONNECTION),
        (0, "other", Outcome.OTHER),
        (0, "unsendable", Outcome.NOT_ACCEPTED),
    ],
)
def test_what_became_of_a_request(code: int, error: str, outcome: Outcome) -> None:
    """Shedding load (429) is the server's failure, a wrong path (404) or one that cannot be sent is the test's."""
    assert Outcome.from_line(code, error) is outcome


def test_times_count_from_when_a_request_was_due() -> None:
    """What a user would have felt, however late the generator was: omission cannot hide in its queue."""
    (answer,) = answers_of([line(lag=0.2, latency=0.1, first=0.05, last=0.09, events=5)])

    assert answer["latency"] == pytest.approx(0.3)
    assert answer["first"] == pytest.approx(0.25)
    assert answer["per_token"] == pytest.approx(0.01)


def test_answers_that_are_no_streams_have_no_times_of_tokens() -> None:
    """Zero would be the best of all times."""
    (answer,) = answers_of([line()])

    assert np.isnan(answer["first"])
    assert np.isnan(answer["per_token"])


def test_the_beginning_of_a_step_is_not_judged() -> None:
    """Requests that meet an empty server flatter it; those that meet a cold one do it wrong."""
    settling = rows()
    settling["latency"][:200] = 9.0
    shown = measure_step(STEP, settling, PLAN)

    assert shown.requests == 800
    assert shown.sent == 1000
    assert shown.tallies[0].bad == 0
    assert shown.holds


def test_a_warm_up_is_judged_whole() -> None:
    """It is short, and it tells how fast an idle server is."""
    assert measure_step(replace(STEP, phase=Phase.WARM_UP), rows(), PLAN).requests == 1000


def test_a_step_holds_up_to_the_limit_and_not_beyond() -> None:
    """40 of 800 are 5 %."""
    slow = rows()
    slow["latency"][200:240] = 0.3
    at_limit = measure_step(STEP, slow, PLAN)
    slow["latency"][240] = 0.3
    beyond = measure_step(STEP, slow, PLAN)

    assert (at_limit.tallies[0].bad, at_limit.tallies[0].total, at_limit.holds) == (40, 800, True)
    assert (beyond.tallies[0].bad, beyond.holds) == (41, False)
    assert at_limit.tallies[0].headroom is not None
    assert beyond.tallies[0].headroom is not None
    assert beyond.tallies[0].headroom < 1 <= at_limit.tallies[0].headroom


def test_the_headroom_is_the_threshold_over_the_percentile() -> None:
    """Half as slow as allowed is a headroom of 2."""
    assert measure_step(STEP, rows(0.125), PLAN).tallies[0].headroom == pytest.approx(2.0)


def test_percentiles_are_those_of_the_answers() -> None:
    """Exactly, from all answers and not from buckets."""
    shown = measure_step(STEP, rows(np.arange(1000) / 1000), PLAN)
    judged = np.arange(200, 1000) / 1000

    assert shown.latency == {q: pytest.approx(float(np.percentile(judged, q))) for q in (50, 90, 95, 99)}


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.NO_CONNECTION, Outcome.SERVER_ERROR, Outcome.OTHER])
def test_failed_requests_are_not_fast_ones(outcome: Outcome) -> None:
    """A server that answers 503 at once has not answered within the threshold."""
    failing = rows(0.001)
    failing["outcome"][200:300] = outcome
    errors = LoadObjective("errors", Promise.ERRORS, 0.01)
    shown = measure_step(STEP, failing, replace(PLAN, objectives=(P95, errors)))

    assert [tally.bad for tally in shown.tallies] == [100, 100]
    assert shown.errors == 100
    assert shown.outcomes[outcome] == 100
    assert not shown.holds


def test_requests_that_were_not_accepted_count_for_nothing() -> None:
    """Neither good nor bad: they are told beside."""
    wrong = rows()
    wrong["outcome"][200:300] = Outcome.NOT_ACCEPTED
    wrong["latency"][200:300] = 9.0
    wrong["code"][200:300] = 422
    shown = measure_step(STEP, wrong, PLAN)

    assert (shown.tallies[0].bad, shown.tallies[0].total) == (0, 700)
    assert (shown.not_accepted, shown.refusing_code, shown.errors) == (100, 422, 0)


def test_requests_that_were_never_sent_have_no_time() -> None:
    """Their zeros are no fast answers, and the reason is kept."""
    wrong = rows(0.1)
    wrong["outcome"][200:700] = Outcome.NOT_ACCEPTED
    wrong["latency"][200:700] = 0.0
    shown = measure_step(STEP, wrong, PLAN, unsendable="invalid URL escape")

    assert shown.latency[50] == pytest.approx(0.1)
    assert (shown.not_accepted, shown.refusing_code, shown.unsendable) == (500, 0, "invalid URL escape")


def test_streams_without_a_token_have_failed_the_promise_of_the_first() -> None:
    """An empty answer is no early one."""
    streams = rows()
    streams["first"] = 0.1
    streams["first"][200:300] = np.nan
    first = LoadObjective("first", Promise.FIRST_TOKEN, 0.05, 0.2)

    assert int(bad_answers(first, streams, replace(PLAN, objectives=(first,))).sum()) == 100


def test_times_per_token_are_judged_for_answers_that_have_two() -> None:
    """One token has no gap."""
    streams = rows()
    streams["per_token"] = 0.05
    streams["per_token"][200:300] = 0.3
    streams["per_token"][300:400] = np.nan
    per_token = LoadObjective("pace", Promise.PER_TOKEN, 0.05, 0.2)

    assert int(bad_answers(per_token, streams, replace(PLAN, objectives=(per_token,))).sum()) == 100


def test_gaps_are_counted_one_by_one_against_their_own_limits() -> None:
    """A long answer with one hiccup is not a slow one, and each objective has its own threshold."""
    narrow = LoadObjective("narrow", Promise.BETWEEN_TOKENS, 0.05, 0.02)
    wide = LoadObjective("wide", Promise.BETWEEN_TOKENS, 0.05, 0.2)
    plan = replace(PLAN, objectives=(narrow, P95, wide))
    lines = [line(at=at / 100, events=11, first=0.01, last=0.09, slow=[3, 1]) for at in range(1000)]
    shown = measure_step(STEP, answers_of(lines, gaps=2), plan)

    assert plan.gaps == (0.02, 0.2)
    assert (shown.tallies[0].bad, shown.tallies[0].total) == (2400, 8000)
    assert (shown.tallies[2].bad, shown.tallies[2].total) == (800, 8000)
    assert shown.tallies[0].headroom is None


def test_streams_have_a_pace() -> None:
    """Tokens in a second, and the times that people wait for the first and for the next one."""
    lines = [line(at=at / 100, lag=0.0, events=11, first=0.02, last=0.12) for at in range(1000)]
    shown = measure_step(STEP, answers_of(lines), replace(PLAN, stream=True))

    assert shown.tokens_per_second == pytest.approx(1100, rel=0.01)
    assert shown.first_token == pytest.approx(0.02)
    assert shown.per_token == pytest.approx(0.01)


def test_a_growing_backlog_is_seen_before_anybody_waits_too_long() -> None:
    """Of 6 requests that arrive, 5 leave: that cannot go on, however fast the answers still are."""
    behind = rows(np.arange(1000) / 1000 * 2)
    shown = measure_step(STEP, behind, replace(PLAN, objectives=(replace(P95, threshold_seconds=30.0),)))

    assert shown.growth == pytest.approx(800 / 6, rel=0.02)
    assert not shown.keeps_up
    assert not shown.holds


def test_a_steady_backlog_is_none() -> None:
    """Long answers alone do not mean that a server falls behind."""
    shown = measure_step(STEP, rows(1.5), replace(PLAN, objectives=(replace(P95, threshold_seconds=30.0),)))

    assert shown.growth == pytest.approx(0, abs=2)
    assert shown.keeps_up


def test_as_many_open_requests_as_are_possible_are_the_servers_fault() -> None:
    """The generator cannot send any more, but not because it is slow itself."""
    shown = measure_step(STEP, rows(lag=0.4, latency=0.5), PLAN, peak_open=CONNECTIONS)

    assert shown.overflowed
    assert not shown.generator_limited
    assert not shown.holds


def test_what_holds_in_spite_of_a_late_generator_holds() -> None:
    """Lateness makes a server look slower, never faster."""
    shown = measure_step(STEP, rows(lag=0.05, latency=0.15), PLAN)

    assert shown.lag == pytest.approx(0.05)
    assert shown.holds
    assert not shown.generator_limited


def test_what_fails_without_the_lag_has_failed() -> None:
    """Even when every request is forgiven its own lag and that of those before it."""
    shown = measure_step(STEP, rows(lag=0.05, latency=0.6), PLAN)

    assert not shown.holds
    assert not shown.generator_limited


def test_a_failure_that_may_be_the_generators_is_nobodys() -> None:
    """The step says nothing about the server."""
    shown = measure_step(STEP, rows(lag=0.05, latency=0.27), PLAN)

    assert shown.generator_limited
    assert not shown.holds


def test_too_few_requests_in_time_are_the_generators_fault() -> None:
    """It sends later and later, so the rate that was to be tried never was."""
    lag = np.arange(1000) / 1000 * 2
    shown = measure_step(STEP, rows(lag=lag, latency=lag + 0.01), PLAN)

    assert shown.arrived == pytest.approx(100, rel=0.01)
    assert shown.achieved < 90
    assert shown.generator_limited


def test_a_step_that_was_given_up_is_judged_as_far_as_it_went() -> None:
    """Half of it, with the rate that it had."""
    half = rows()[:600]
    shown = measure_step(STEP, half, PLAN, ended=6.0)

    assert shown.requests == 400
    assert shown.arrived == pytest.approx(100)
    assert shown.length == pytest.approx(4.0)
    assert not shown.generator_limited


def test_a_step_without_answers_holds_nothing() -> None:
    """Silence is no success."""
    shown = measure_step(STEP, rows()[:0], PLAN)

    assert (shown.requests, shown.holds, shown.latency) == (0, False, {})


def test_bunched_failures_are_worth_less_than_scattered_ones() -> None:
    """Neighbours in a queue wait together, so their number exaggerates what is known."""
    scattered, bunched = rows(), rows()
    scattered["latency"][::20] = 0.3
    bunched["latency"][200:240] = 0.3
    alone = measure_step(STEP, scattered, PLAN).tallies[0].dispersion
    together = measure_step(STEP, bunched, PLAN).tallies[0].dispersion

    assert alone is not None
    assert together is not None
    assert alone < 1
    assert together > 20


def test_the_last_third_is_told_of_its_own() -> None:
    """A server that becomes slower shows it there first."""
    ageing = rows()
    ageing["latency"][740:] = 0.3
    shown = measure_step(STEP, ageing, PLAN)

    assert shown.closing[0].share == pytest.approx(260 / 267, abs=0.01)
    assert shown.tallies[0].share == pytest.approx(260 / 800)
