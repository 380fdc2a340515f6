"""What load tests of several numbers of replicas say of the plan: the law behind them, and how far it can be trusted.

The operator and `palier plan` read the same records, and must not come to two answers.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from palier.economics import sentences
from palier.economics.capacity import Fit, ScalingLaw, fit
from palier.economics.plan import Plan
from palier.evidence.verdicts import Verdict
from palier.loadtest.result import LoadTestResult

CONTENTION_UNCLEAR = "ContentionUnclear"
"""Reason of a plan that fails or passes by a contention that the load tests leave open."""


@dataclass(frozen=True, slots=True)
class MeasuredCapacity:
    """What is known of a fleet."""

    found: Fit | None = None
    """None where no capacity is known."""
    replicas: tuple[int, ...] = ()
    """The numbers of replicas that it was measured with, ascending."""
    open_end: bool = False
    """Whether several replicas together held even the highest rate that was tried."""
    against: LoadTestResult | None = None
    """The first load test that found no capacity: what it says stands above any other."""

    @property
    def law(self) -> ScalingLaw | None:
        """What replicas carry together."""
        return self.found.law if self.found else None

    def make_plan(self, planned_with: Callable[[ScalingLaw | None], Plan]) -> Plan:
        """The plan by what was measured.

        A target that fails only because of a contention that may be smaller is not refused: the rates between which a
        capacity lies are a few percent apart, and over many replicas that alone can look like contention.

        Args:
            planned_with: makes the plan with a law; with None where no capacity is known.
        """
        plan = planned_with(self.law)
        if self.against is not None:
            # A capacity that nobody has told is none, whatever verdict came with it.
            verdict = Verdict.FAIL if self.against.verdict is Verdict.FAIL else Verdict.NO_EVIDENCE
            return replace(plan, verdict=verdict, reason=self.against.reason, message=self.against.message)
        if self.found is None or plan.verdict is not Verdict.FAIL:
            return plan
        if not any(planned_with(law).verdict is Verdict.PASS for law in self.found.possible):
            return plan
        message = f"{plan.message}; {self._describe_uncertainty(self.found)}"
        return replace(plan, verdict=Verdict.NO_EVIDENCE, reason=CONTENTION_UNCLEAR, message=message)

    def _describe_uncertainty(self, fit: Fit) -> str:
        high = "more" if fit.alpha.high is None else sentences.figure(fit.alpha.high)
        do = "test more replicas together (scale.loadTest.replicas)"
        if self.open_end:
            do += ", or let the test go further (scale.loadTest.maxRequestsPerSecond)"
        where = f"{sentences.figure(fit.alpha.low)} to {high}"
        return (
            f"that rests on a contention that load tests of {_list_numbers(self.replicas)} replicas leave open"
            f" ({where}), and with the least that is possible the target fits: {do}"
        )


NOTHING_MEASURED = MeasuredCapacity()


def combine_results(results: Iterable[tuple[int, LoadTestResult]]) -> MeasuredCapacity:
    """What load tests of one revision say together.

    Args:
        results: of different numbers of replicas.
    """
    points = []
    for replicas, result in results:
        if result.verdict is not Verdict.PASS or result.capacity is None or result.capacity <= 0:
            return MeasuredCapacity(against=result)
        points.append((replicas, result.capacity, result.ceiling))
    if not points:
        return NOTHING_MEASURED
    points.sort(key=lambda point: point[0])
    numbers = tuple(replicas for replicas, _, _ in points)
    return MeasuredCapacity(fit(points), numbers, open_end=any(ceiling is None for _, _, ceiling in points[1:]))


def _list_numbers(numbers: Sequence[int]) -> str:
    *others, last = (str(number) for number in numbers)
    return f"{', '.join(others)} and {last}" if others else last
