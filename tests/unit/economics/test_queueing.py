"""Queues: known values, formulas of other kinds, and a simulation that knows none of them."""

import heapq
import math
from random import Random

import pytest

from palier.economics.queueing import (
    Law,
    erlang_c,
    largest_rate,
    response_quantile,
    response_tail,
    service_time_for,
    waiting_tail,
)

SIMULATED = 60_000


@pytest.mark.parametrize(
    ("servers", "offered", "published"),
    [
        (1, 0.5, 0.5),
        (2, 1.0, 1 / 3),
        (3, 2.0, 4 / 9),
        (5, 4.0, 0.5541),
        (10, 8.0, 0.4092),
    ],
)
def test_erlang_c_has_its_published_values(servers: int, offered: float, published: float) -> None:
    """Chances to wait as in textbooks."""
    assert erlang_c(servers, offered) == pytest.approx(published, abs=6e-5)


def test_erlang_c_is_stable_for_many_servers() -> None:
    """A thousand servers overflow no factorial; one at a time the recursion equals the sum of the definition."""
    assert 0 < erlang_c(1000, 950) < 0.1
    assert erlang_c(100_000, 1.0) == 0
    assert erlang_c(3, 0.0) == 0
    assert erlang_c(3, 3.0) == 1
    for servers, offered in ((4, 2.5), (12, 11.0)):
        last = offered**servers / math.factorial(servers) * servers / (servers - offered)
        total = last + sum(offered**busy / math.factorial(busy) for busy in range(servers))
        assert erlang_c(servers, offered) == pytest.approx(last / total, rel=1e-12)


@pytest.mark.parametrize(("load", "time"), [(0.3, 0.5), (0.5, 0.99), (0.5, 1.7), (0.8, 2.5), (0.9, 4.0)])
def test_one_server_of_fixed_times_is_erlangs_formula(load: float, time: float) -> None:
    """M/D/1 by the alternating sum of 1909, which is exact while its terms are small."""
    terms = (
        (load * (k - time)) ** k / math.factorial(k) * math.exp(-load * (k - time)) for k in range(math.floor(time) + 1)
    )
    within = (1 - load) * sum(terms)
    found = waiting_tail(Law.FIXED, servers=1, rate=load, service_time=1.0, time=time)
    assert found == pytest.approx(1 - within, abs=1e-10)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (1, 0.8), (2, 0.8), (5, 0.9)])
def test_the_mean_wait_of_fixed_times_is_known(servers: int, load: float) -> None:
    """The area under the tail is the mean wait, which Cosmetatos' formula (INFOR 13, 1975) gives to one percent.

    For one server it is Pollaczek and Khinchine's, which is exact.
    """
    step = 0.01
    tails = [
        waiting_tail(Law.FIXED, servers=servers, rate=load * servers, service_time=1.0, time=step * (index + 0.5))
        for index in range(6000)
    ]
    exponential = erlang_c(servers, load * servers) / (servers * (1 - load))
    bend = (1 - load) * (servers - 1) * (math.sqrt(4 + 5 * servers) - 2) / (16 * load * servers)
    assert step * sum(tails) == pytest.approx(exponential / 2 * (1 + bend), rel=1e-3 if servers == 1 else 1e-2)


@pytest.mark.parametrize("law", list(Law))
@pytest.mark.parametrize(("servers", "load"), [(1, 0.6), (2, 0.8), (4, 0.7), (16, 0.85)])
def test_the_distributions_are_what_a_simulation_sees(law: Law, servers: int, load: float) -> None:
    """Requests that arrive, wait and are served one by one, without any formula, wait as long as the formulas say."""
    waits, responses = _simulated(law, servers=servers, load=load)
    for time in (0.0, 0.25, 0.5, 1.0, 2.0):
        waiting = waiting_tail(law, servers=servers, rate=load * servers, service_time=1.0, time=time)
        assert _above(waits, time) == pytest.approx(waiting, abs=0.02)
        later = time + 0.01
        answered = response_tail(law, servers=servers, rate=load * servers, service_time=1.0, time=later)
        assert _above(responses, later) == pytest.approx(answered, abs=0.02)


def test_one_exponential_server_answers_exponentially() -> None:
    """M/M/1: responses are exponential with what is left of the rate, so that quantiles are logarithms."""
    found = response_quantile(Law.EXPONENTIAL, servers=1, rate=8.0, service_time=0.1, quantile=0.95)
    assert found == pytest.approx(math.log(20) / (10 - 8), rel=1e-7)


@pytest.mark.parametrize("offered", [1.0, 1.0 + 1e-9, 1.9, 1.999])
def test_responses_of_two_exponential_servers_are_continuous(offered: float) -> None:
    """Where the formula divides by zero or nearly so, it has the value of its neighbours, and never overflows."""
    near = response_tail(Law.EXPONENTIAL, servers=2, rate=offered - 1e-6, service_time=1.0, time=3.0)
    assert response_tail(Law.EXPONENTIAL, servers=2, rate=offered, service_time=1.0, time=3.0) == pytest.approx(
        near, rel=1e-4
    )
    far = response_tail(Law.EXPONENTIAL, servers=2, rate=offered, service_time=1.0, time=5000.0)
    assert 0 <= far < 0.01


@pytest.mark.parametrize("law", list(Law))
@pytest.mark.parametrize("servers", [1, 3, 24])
def test_the_largest_rate_just_keeps_the_threshold(law: Law, servers: int) -> None:
    """At it the quantile is the threshold, and it is found again from either side."""
    rate = largest_rate(law, servers=servers, service_time=0.05, threshold=0.2, quantile=0.95)
    assert 0 < rate < servers / 0.05
    within = response_quantile(law, servers=servers, rate=rate, service_time=0.05, quantile=0.95)
    assert within == pytest.approx(0.2, rel=1e-6)
    more = response_quantile(law, servers=servers, rate=rate * 1.001, service_time=0.05, quantile=0.95)
    assert more > 0.2
    assert service_time_for(law, servers=servers, rate=rate, threshold=0.2, quantile=0.95) == pytest.approx(0.05)


def test_two_known_capacities() -> None:
    """One server of 50 ms and a p95 of 250 ms: 8.017/s when times are exponential, 13.875/s when they are fixed."""
    exponential, fixed = (
        largest_rate(law, servers=1, service_time=0.05, threshold=0.25, quantile=0.95)
        for law in (Law.EXPONENTIAL, Law.FIXED)
    )
    assert exponential == pytest.approx(20 - math.log(20) / 0.25, rel=1e-6)
    assert fixed == pytest.approx(13.8754, rel=1e-4)


def test_a_threshold_below_the_work_itself_is_never_kept() -> None:
    """Work that takes longer than the threshold is late without any queue; exponential work is late by chance."""
    assert largest_rate(Law.FIXED, servers=4, service_time=0.05, threshold=0.04, quantile=0.95) == 0
    assert largest_rate(Law.EXPONENTIAL, servers=4, service_time=0.05, threshold=0.05, quantile=0.95) == 0
    assert largest_rate(Law.FIXED, servers=1, service_time=0.05, threshold=0.05, quantile=0.95) == pytest.approx(1.0)


@pytest.mark.parametrize("law", list(Law))
def test_too_much_traffic_never_settles(law: Law) -> None:
    """A queue without an end has no quantile, and everybody waits."""
    assert response_quantile(law, servers=2, rate=40.0, service_time=0.05, quantile=0.5) == math.inf
    assert waiting_tail(law, servers=2, rate=41.0, service_time=0.05, time=100.0) == 1
    assert response_tail(law, servers=2, rate=41.0, service_time=0.05, time=100.0) == 1
    assert waiting_tail(law, servers=2, rate=0.0, service_time=0.05, time=0.0) == 0


def test_so_near_to_saturation_that_nothing_can_be_told_counts_as_saturated() -> None:
    """A distribution over millions of requests is not computed; the answer errs on the side of waiting."""
    assert waiting_tail(Law.FIXED, servers=1, rate=1 - 1e-9, service_time=1.0, time=10.0) == 1
    assert waiting_tail(Law.FIXED, servers=1, rate=0.999, service_time=1.0, time=1000.0) == pytest.approx(
        0.135, abs=2e-3
    )


def test_fixed_times_are_answered_at_once_when_little_comes() -> None:
    """Without a queue the answer takes the service time, for nearly all."""
    assert response_quantile(Law.FIXED, servers=2, rate=0.1, service_time=0.05, quantile=0.95) == 0.05


def _simulated(law: Law, *, servers: int, load: float) -> tuple[list[float], list[float]]:
    """Waiting and response times of requests in the order of their arrival, after the first tenth."""
    random = Random(20261124)  # noqa: S311 - a simulation
    free = [0.0] * servers
    now, waits, responses = 0.0, [], []
    for _ in range(SIMULATED):
        now += random.expovariate(load * servers)
        start = max(now, heapq.heappop(free))
        end = start + (1.0 if law is Law.FIXED else random.expovariate(1.0))
        heapq.heappush(free, end)
        waits.append(start - now)
        responses.append(end - now)
    warm = SIMULATED // 10
    return waits[warm:], responses[warm:]


def _above(times: list[float], limit: float) -> float:
    return sum(time > limit for time in times) / len(times)
