"""What the runs of a row come down to, with 95 % intervals."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.evidence.numbers import Estimate, quantile, share
from benchmarks.nulls.result import Result


class Summary(NamedTuple):
    """The numbers of one row; times are seconds, and infinite where half of the runs never got there."""

    runs: int
    rolled_back: Estimate
    """Shares of the runs."""
    stepped_down: Estimate
    """Those in which the candidate got less traffic at least once before anything was certain."""
    promoted: Estimate
    undecided: Estimate
    stopped: Estimate
    """Those in which the candidate had at most one percent of the traffic in the end, or was rolled back."""
    median_extra: Estimate
    mean_extra: float
    median_stopped: Estimate
    """From the onset of the harm."""
    p90_stopped: Estimate
    median_step: Estimate
    median_promoted: Estimate
    median_after_six: Estimate
    latest_after_six: float
    missed: Estimate
    """Those in which the interval that is shown did not hold the true mean at some look."""
    missed_late: Estimate
    """The same, at a look at which there were as many values as a verdict needs."""


def summary(results: Sequence[Result]) -> Summary:
    """The numbers of at least one result."""
    number = len(results)
    kinds = [result.kind for result in results]
    extra = sorted(result.extra for result in results)
    stopped = sorted(result.stopped for result in results)
    after_six = sorted(result.after_six for result in results)
    return Summary(
        runs=number,
        rolled_back=share(kinds.count("rollback"), number),
        stepped_down=share(sum(result.steps_down > 0 for result in results), number),
        promoted=share(kinds.count("promote"), number),
        undecided=share(kinds.count("undecided"), number),
        stopped=share(sum(map(math.isfinite, stopped)), number),
        median_extra=quantile(extra, 0.5),
        mean_extra=math.fsum(extra) / number,
        median_stopped=quantile(stopped, 0.5),
        p90_stopped=quantile(stopped, 0.9),
        median_step=quantile(sorted(result.first_step for result in results), 0.5),
        median_promoted=quantile(
            sorted(result.at if result.kind == "promote" else math.inf for result in results), 0.5
        ),
        median_after_six=quantile(after_six, 0.5),
        latest_after_six=after_six[-1],
        missed=share(sum(result.missed for result in results), number),
        missed_late=share(sum(result.missed_late for result in results), number),
    )
