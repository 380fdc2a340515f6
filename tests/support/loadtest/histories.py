"""Histories of load tests: steps that went well or did not, and whole tests against simulated servers."""

from dataclasses import replace

from palier.loadtest.findings import SearchResult
from palier.loadtest.measure import Outcome, Phase, Step, StepResult, Tally
from palier.loadtest.plan import LoadTestPlan
from tests.support.loadtest.queues import P95, Bench, Fifo, Server, exponential

QUICK = LoadTestPlan(objectives=(P95,), warm_up=2, step_duration=5, soak=15)
FAST = Fifo(exponential(0.01))


def ended(
    server: Server, plan: LoadTestPlan = QUICK, *, most_per_second: float = float("inf")
) -> tuple[Bench, SearchResult]:
    """A load test and how it ended."""
    bench = Bench(server, plan, most_per_second=most_per_second)
    return bench, bench.run()


def result(phase: Phase, rate: float, *, holds: bool = True, limited: bool = False, p50: float = 0.01) -> StepResult:
    """A step that went well, or did not."""
    bad = 0 if holds else 50
    tallies = (Tally(bad, 100, headroom=2.0 if holds else 0.5),)
    return StepResult(
        step=Step(phase, rate, 5.0),
        tallies=tallies,
        closing=tallies,
        requests=100,
        sent=120,
        arrived=rate,
        achieved=rate,
        latency={50: p50},
        outcomes={Outcome.ANSWERED: 100},
        elapsed=5.0,
        holds=holds and not limited,
        generator_limited=limited,
    )


def no_answer(phase: Phase, rate: float) -> StepResult:
    """A step that met no server."""
    return replace(result(phase, rate, holds=False), latency={}, outcomes={Outcome.NO_CONNECTION: 100})
