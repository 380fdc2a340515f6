"""How long requests wait and are answered at a given traffic: queues of c servers with Poisson arrivals.

Two kinds of service are exact limits of what models do: times that vary as much as an exponential distribution (M/M/c)
and times that are always the same (M/D/c). Used to draw latency against traffic, and to know what a load test should
find on a server whose law is known. Plain floating-point numbers: nothing here is money.

- Erlang C: A. K. Erlang 1917, by the recursion of Erlang B, which only adds and divides positive numbers and is stable
  for any number of servers (see V. B. Iversen, "Teletraffic Engineering Handbook", ITU-D 2005).
- M/M/c response times: waiting is exponential once there is any (L. Kleinrock, "Queueing Systems" I, Wiley 1975).
- M/D/c waiting times: C. D. Crommelin, P.O. Electrical Engineers' Journal 25 (1932) 41, for the number of requests, and
  G. J. Franx, "A simple solution for the M/D/c waiting time distribution", Operations Research Letters 29 (2001) 221,
  for the distribution: a finite sum of positive terms, where the classic formula has alternating ones. c = 1 is M/D/1.
"""

import math
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaln, lambertw

_NEGLIGIBLE: Final = 40.0
"""As e^-40 is to 1: beyond the precision of a float."""
_MOST_STATES: Final = 2**20
_PRECISE: Final = 1e-9
_FAR: Final = 30.0


class Law(StrEnum):
    """How service times vary."""

    EXPONENTIAL = "M/M/c"
    FIXED = "M/D/c"


def erlang_c(servers: int, offered: float) -> float:
    """Probability that a request has to wait, M/M/c.

    Args:
        servers: requests that are worked on at once.
        offered: arrivals times mean service time, in Erlang; from `servers` on every request waits.
    """
    if offered >= servers:
        return 1.0
    if offered <= 0:
        return 0.0
    blocked = 1.0
    for busy in range(1, servers + 1):
        blocked = offered * blocked / (busy + offered * blocked)
    return blocked / (1 - offered / servers * (1 - blocked))


def waiting_tail(law: Law, *, servers: int, rate: float, service_time: float, time: float) -> float:
    """Probability that a request waits longer than `time` before work on it begins.

    Args:
        law: how service times vary.
        servers: requests that are worked on at once.
        rate: arrivals per second.
        service_time: mean seconds of work on one request.
        time: seconds, 0 or more.
    """
    offered = rate * service_time
    if offered >= servers:
        return 1.0
    if offered <= 0:
        return 0.0
    match law:
        case Law.EXPONENTIAL:
            return erlang_c(servers, offered) * math.exp(-(servers - offered) * time / service_time)
        case Law.FIXED:
            return _fixed_waiting_tail(servers, offered, time / service_time)


def response_tail(law: Law, *, servers: int, rate: float, service_time: float, time: float) -> float:
    """Probability that a request is answered later than `time` after it arrived; arguments as of `waiting_tail`."""
    if rate * service_time >= servers:
        return 1.0
    match law:
        case Law.EXPONENTIAL:
            return _exponential_response_tail(servers, rate * service_time, time / service_time)
        case Law.FIXED:
            if time < service_time:
                return 1.0
            waited = time - service_time
            return waiting_tail(law, servers=servers, rate=rate, service_time=service_time, time=waited)


def response_quantile(law: Law, *, servers: int, rate: float, service_time: float, quantile: float) -> float:
    """Seconds within which this share of requests is answered; infinite where the queue grows without end."""
    if rate * service_time >= servers:
        return math.inf

    def is_within(time: float) -> bool:
        tail = response_tail(law, servers=servers, rate=rate, service_time=service_time, time=time)
        return tail <= 1 - quantile

    if law is Law.FIXED and is_within(service_time):
        return service_time
    high = service_time
    while not is_within(high):
        high *= 2
    return _find_crossing(0.0, high, is_within)[1]


def largest_rate(law: Law, *, servers: int, service_time: float, threshold: float, quantile: float) -> float:
    """The highest traffic at which this share of requests is answered within `threshold` seconds; 0 where none is."""

    def is_late(rate: float) -> bool:
        tail = response_tail(law, servers=servers, rate=rate, service_time=service_time, time=threshold)
        return tail > 1 - quantile

    saturated = servers / service_time
    return 0.0 if is_late(0.0) else _find_crossing(0.0, saturated, is_late)[0]


def service_time_for(law: Law, *, servers: int, rate: float, threshold: float, quantile: float) -> float:
    """The mean service time with which `rate` is the highest traffic that keeps the threshold: `largest_rate` inverted.

    A measured capacity turns into a curve of latency against traffic by it.
    """

    def too_slow(service_time: float) -> bool:
        tail = response_tail(law, servers=servers, rate=rate, service_time=service_time, time=threshold)
        return tail > 1 - quantile

    return _find_crossing(0.0, servers / rate, too_slow)[0]


def _exponential_response_tail(servers: int, offered: float, time: float) -> float:
    """The same in units of the mean service time: exp(-t) (1 + C (1 - exp(-x t)) / x) with x = c - 1 - offered."""
    wait, spare = erlang_c(servers, offered), servers - 1 - offered
    exponent = spare * time
    if exponent < -_FAR:  # few servers under much load: written so that nothing overflows
        return math.exp(-time) + wait * (math.exp(-(servers - offered) * time) - math.exp(-time)) / -spare
    factor = time if exponent == 0 else -math.expm1(-exponent) / spare
    return math.exp(-time) * (1 + wait * factor)


def _fixed_waiting_tail(servers: int, offered: float, time: float) -> float:
    """Franx's sum in units of the service time, for the other side of the distribution, which small tails need.

    With k the whole number above t, m = offered (k - t) and A a Poisson number of mean m: the request waits longer than
    t if A is k c or more, or if more than k c - 1 - A requests wait.
    """
    more_waiting = _more_waiting(servers, offered)
    if more_waiting is None:
        return 1.0
    whole = math.floor(time) + 1
    mean, places = offered * (whole - time), whole * servers
    arrivals = np.arange(min(places, math.ceil(mean + _NEGLIGIBLE * (1 + math.sqrt(mean)))))
    waiting = places - 1 - arrivals
    tails = np.where(waiting < len(more_waiting), more_waiting[np.minimum(waiting, len(more_waiting) - 1)], 0.0)
    chances = np.exp(arrivals * math.log(mean) - mean - gammaln(arrivals + 1))
    return min(1.0, float(chances @ tails) + float(gammainc(places, mean)))


@lru_cache(maxsize=64)
def _more_waiting(servers: int, offered: float) -> NDArray[np.float64] | None:
    """Probability that more than so many requests wait, M/D/c; None so near to saturation that it cannot be computed.

    Crommelin's generating function of the number of requests in the system, with the roots z_k of z^c = exp(a (z - 1))
    inside the unit circle, is evaluated on that circle and turned into probabilities by a Fourier transform:

        P(z) = (c - a) (z - 1) / (z^c exp(a (1 - z)) - 1) * product of (z - z_k) / (1 - z_k), k = 1 ... c - 1
    """
    load = offered / servers
    branch = -load * math.exp(-load)
    decay = math.log(-lambertw(branch, k=-1).real / load)
    states = 2 ** math.ceil(math.log2(2 * servers + _NEGLIGIBLE / decay)) if decay > 0 else math.inf
    if states > _MOST_STATES:
        return None
    z = np.exp(-2j * np.pi * np.arange(1, states) / states)
    values = (servers - offered) * (z - 1) / (z**servers * np.exp(offered * (1 - z)) - 1)
    for k in range(1, servers):
        root = -lambertw(branch * np.exp(2j * np.pi * k / servers)) / load
        values *= (z - root) / (1 - root)
    numbers = np.fft.ifft(np.concatenate(([1.0], values))).real.clip(min=0.0)
    beyond = np.cumsum(numbers[::-1])[::-1]
    tails: NDArray[np.float64] = beyond[servers + 1 :]
    return tails


def _find_crossing(low: float, high: float, crossed: Callable[[float], bool]) -> tuple[float, float]:
    """The last value that is not crossed and the first that is, next to each other; `high` is crossed."""
    while high - low > _PRECISE * high:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (low, middle) if crossed(middle) else (middle, high)
    return low, high
