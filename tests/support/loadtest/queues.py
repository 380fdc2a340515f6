"""Servers whose true capacity is known or can be computed by a long simulation, and a load test against them.

Nothing here waits: the arrivals of a step are drawn, the server's answers are computed from the laws of queues, and the
search sees the same numbers that it would see of a real server.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from palier.loadtest.findings import SearchResult
from palier.loadtest.measure import Outcome, Phase, Step, StepResult, answer_type, bad_answers, measure_step
from palier.loadtest.objectives import LoadObjective, Promise
from palier.loadtest.plan import LoadTestPlan
from palier.loadtest.search import next_step, surely_fails

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]

P95 = LoadObjective("latency", Promise.LATENCY, 0.05, 0.25)
ERRORS = LoadObjective("errors", Promise.ERRORS, 0.01)


def exponential(mean: float) -> Draw:
    """Service times of an M/M queue."""
    return lambda chance, count: chance.exponential(mean, count)


def fixed(length: float) -> Draw:
    """Service times of an M/D queue."""
    return lambda _chance, count: np.full(count, length)


class Server(Protocol):
    """Something that answers."""

    def answers(self, due: Floats, chance: np.random.Generator, *, clock: float) -> tuple[Floats, NDArray[np.int8]]:
        """Latency and outcome of requests that are due at these instants; `clock` is when the step begins."""


def _answered(latency: Floats) -> tuple[Floats, NDArray[np.int8]]:
    return latency, np.full(len(latency), Outcome.ANSWERED, dtype=np.int8)


@dataclass(frozen=True)
class Fifo:
    """First come, first served, by some workers."""

    service: Draw
    workers: int = 1

    def answers(self, due: Floats, chance: np.random.Generator, *, clock: float) -> tuple[Floats, NDArray[np.int8]]:
        """Lindley's recursion, or a heap of free instants."""
        del clock
        service = self.service(chance, len(due))
        if self.workers == 1:
            worked = np.cumsum(service)
            return _answered(worked + np.maximum.accumulate(due - worked + service) - due)
        free = [0.0] * self.workers
        latency = np.empty(len(due))
        for place, (at, length) in enumerate(zip(due.tolist(), service.tolist(), strict=True)):
            end = max(at, free[0]) + length
            heapq.heapreplace(free, end)
            latency[place] = end - at
        return _answered(latency)


@dataclass(frozen=True)
class Sharing:
    """One processor, shared evenly by all requests under way."""

    work: Draw

    def answers(self, due: Floats, chance: np.random.Generator, *, clock: float) -> tuple[Floats, NDArray[np.int8]]:
        """Each request ends when the work done for each since the beginning reaches what it met plus its own."""
        del clock
        latency = np.empty(len(due))
        under_way: list[tuple[float, int]] = []
        done, now = 0.0, 0.0
        arrivals = due.tolist()
        work = self.work(chance, len(due)).tolist()

        def until(instant: float) -> None:
            nonlocal done, now
            while under_way:
                end = now + (under_way[0][0] - done) * len(under_way)
                if end > instant:
                    done += (instant - now) / len(under_way)
                    break
                done, place = heapq.heappop(under_way)
                now = end
                latency[place] = end - arrivals[place]
            now = max(now, instant)

        for place, at in enumerate(arrivals):
            until(at)
            heapq.heappush(under_way, (done + work[place], place))
        while under_way:
            until(now + 1e6)
        return _answered(latency)


@dataclass(frozen=True)
class Throttled:
    """One thread under a CPU limit: `quota` seconds of work in each period, then none until the next begins."""

    work: Draw
    quota: float = 0.02
    period: float = 0.1

    def answers(self, due: Floats, chance: np.random.Generator, *, clock: float) -> tuple[Floats, NDArray[np.int8]]:
        """Work uses up the quota of the period in which it is done."""
        del clock
        latency = np.empty(len(due))
        now, period, left = 0.0, 0, self.quota
        for place, (at, whole) in enumerate(zip(due.tolist(), self.work(chance, len(due)).tolist(), strict=True)):
            now, work = max(now, at), whole
            while True:
                current = int(now / self.period + 1e-9)
                if current > period:
                    period, left = current, self.quota
                if work <= left:
                    now, left = now + work, left - work
                    break
                work -= left
                now, left = (period + 1) * self.period, 0.0
            latency[place] = now - at
        return _answered(latency)


@dataclass(frozen=True)
class Spoilt:
    """Another server, some of whose answers are errors."""

    server: Server
    share: float = 0.0
    above: float = np.inf
    """Requests per second; what arrives faster is refused with 503."""
    dead_after: float = np.inf
    """Seconds; nobody is there any more then."""

    def answers(self, due: Floats, chance: np.random.Generator, *, clock: float) -> tuple[Floats, NDArray[np.int8]]:
        """Errors cost the server as much as answers, refusals nothing."""
        latency, outcome = self.server.answers(due, chance, clock=clock)
        outcome[chance.random(len(due)) < self.share] = Outcome.SERVER_ERROR
        if np.isfinite(self.above):
            allowed, at = self.above, 0.0
            for place, now in enumerate(due.tolist()):  # a bucket of one second of requests
                allowed = min(self.above, allowed + (now - at) * self.above)
                at = now
                if allowed >= 1:
                    allowed -= 1
                else:
                    latency[place], outcome[place] = 0.001, Outcome.SERVER_ERROR
        dead = due + clock > self.dead_after
        latency[dead], outcome[dead] = 0.001, Outcome.NO_CONNECTION
        return latency, outcome


@dataclass
class Restarting:
    """Another server that is killed by overload, as by a lack of memory, and started again."""

    server: Server
    above: float
    """Requests within a second that kill it."""
    seconds: float
    """How long nobody is there then."""
    _back: float = -np.inf

    def answers(self, due: Floats, chance: np.random.Generator, *, clock: float) -> tuple[Floats, NDArray[np.int8]]:
        """Whoever comes while it starts meets no server."""
        latency, outcome = self.server.answers(due, chance, clock=clock)
        for place, now in enumerate((due + clock).tolist()):
            lately = place + 1 - int(np.searchsorted(due, due[place] - 1))
            if now >= self._back and lately > self.above:
                self._back = now + self.seconds
            if now < self._back:
                latency[place], outcome[place] = 0.001, Outcome.NO_CONNECTION
        return latency, outcome


@dataclass(frozen=True)
class Ageing:
    """Exponential service times that grow from step to step of time: a leak."""

    mean: float
    per_minute: float

    def answers(self, due: Floats, chance: np.random.Generator, *, clock: float) -> tuple[Floats, NDArray[np.int8]]:
        """Slower by a factor for each minute."""
        service = chance.exponential(self.mean, len(due)) * (1 + self.per_minute / 60 * (clock + due))
        worked = np.cumsum(service)
        return _answered(worked + np.maximum.accumulate(due - worked + service) - due)


@dataclass
class Bench:
    """A load test without a clock."""

    server: Server
    plan: LoadTestPlan
    seed: int = 1
    most_per_second: float = np.inf
    """What the generator can send."""
    history: list[StepResult] = field(default_factory=list)

    def run(self) -> SearchResult:
        """Until the search ends."""
        chance = np.random.default_rng(self.seed)
        while True:
            step = next_step(tuple(self.history), self.plan)
            if isinstance(step, SearchResult):
                return step
            self.history.append(self._offered(step, chance))

    def _offered(self, step: Step, chance: np.random.Generator) -> StepResult:
        clock = sum(result.elapsed for result in self.history)
        rows = offered(self.server, step, self.plan, chance, clock=clock)
        if step.rate > self.most_per_second:
            rows["lag"] = np.maximum(0.0, np.arange(1, len(rows) + 1) / self.most_per_second - rows["due"])
            rows["latency"] += rows["lag"]
        ended = _given_up_at(rows, step, self.plan)
        return measure_step(step, rows[rows["due"] <= ended], self.plan, ended=ended)

    @property
    def seconds(self) -> float:
        """How long it would have taken."""
        return sum(result.elapsed for result in self.history)

    @property
    def requests(self) -> int:
        """How many were sent."""
        return sum(result.sent for result in self.history)


def offered(
    server: Server, step: Step, plan: LoadTestPlan, chance: np.random.Generator, *, clock: float = 0.0
) -> NDArray[np.void]:
    """The answers to a step."""
    due = np.sort(chance.random(max(1, round(step.rate * step.seconds)))) * step.seconds
    rows = np.zeros(len(due), dtype=answer_type())
    latency, outcome = server.answers(due, chance, clock=clock)
    late = latency > plan.timeout
    rows["due"] = due
    rows["latency"] = np.where(late, plan.timeout, latency)
    rows["outcome"] = np.where(late, Outcome.TIMEOUT, outcome)
    rows["first"] = rows["per_token"] = np.nan
    return rows


def _given_up_at(rows: NDArray[np.void], step: Step, plan: LoadTestPlan) -> float:
    """When it is sure that the step fails, as the answers come in."""
    order = np.argsort(rows["due"] + rows["latency"])
    judged = rows["due"] >= step.settles
    counts = [np.cumsum((bad_answers(one, rows, plan) * judged)[order]) for one in plan.objectives]
    for place in range(0, len(rows), max(1, len(rows) // 50)):
        if surely_fails([int(count[place]) for count in counts], step, plan):
            answer = rows[order[place]]
            return float(min(step.seconds, max(step.settles, answer["due"] + answer["latency"])))
    return step.seconds


def bad_share(server: Server, rate: float, plan: LoadTestPlan, *, requests: int, seed: int = 7) -> float:
    """The largest share of bad answers, as a part of its limit, over so many requests without the first fifth."""
    step = Step(Phase.SOAK, rate, requests / rate)
    rows = offered(server, step, plan, np.random.default_rng(seed))
    result = measure_step(step, rows, plan)
    shares = [tally.share / one.limit_fraction for tally, one in zip(result.tallies, plan.objectives, strict=True)]
    return max(*shares, 0.0 if result.keeps_up else np.inf)


def capacity(server: Server, plan: LoadTestPlan, low: float, high: float, *, requests: int = 400_000) -> float:
    """The rate at which a limit is reached, by bisection of long simulations."""
    while high / low > 1.003:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if bad_share(server, middle, plan, requests=requests) <= 1 else (low, middle)
    return (low * high) ** 0.5
