"""What many results come down to, with 95 % intervals."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy import stats

from benchmarks.evidence.play import Result
from palier.simulate.measures import clopper_pearson


class Estimate(NamedTuple):
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


class Summary(NamedTuple):
    """The numbers of one engine in one row; times are seconds since the onset of the harm."""

    runs: int
    rolled_back: Estimate
    """Share of the runs."""
    promoted: Estimate
    undecided: Estimate
    median_seconds: Estimate
    """Until the rollback."""
    p90_seconds: Estimate
    stopped: Estimate
    """Share of the runs in which the candidate was rolled back, or had hardly any requests at the end."""
    median_stopped: Estimate
    """Until it was."""
    p90_stopped: Estimate
    median_extra: Estimate
    p90_extra: Estimate
    mean_extra: float
    on_absent_data: int
    """Runs that were decided without fresh data."""
    least_bad_seen: float
    """The fewest bad requests of the candidate that were known at any rollback."""
    latest_after_six: float
    """The longest time from the first look that could see six failures until the candidate was stopped."""


def summary(results: Sequence[Result], *, onset: float = 0.0) -> Summary:
    """The numbers of at least one result; a rollback before the onset counts as immediate."""
    kinds = [result.kind for result in results]
    times = sorted(max(result.at - onset, 0.0) if result.kind == "rollback" else math.inf for result in results)
    extra = sorted(result.extra_bad for result in results)
    stopped = sorted(max(result.stopped - onset, 0.0) for result in results)
    return Summary(
        runs=len(results),
        rolled_back=share(kinds.count("rollback"), len(kinds)),
        promoted=share(kinds.count("promote"), len(kinds)),
        undecided=share(kinds.count("undecided"), len(kinds)),
        median_seconds=quantile(times, 0.5),
        p90_seconds=quantile(times, 0.9),
        stopped=share(sum(map(math.isfinite, stopped)), len(results)),
        median_stopped=quantile(stopped, 0.5),
        p90_stopped=quantile(stopped, 0.9),
        median_extra=quantile(extra, 0.5),
        p90_extra=quantile(extra, 0.9),
        mean_extra=math.fsum(extra) / len(extra),
        on_absent_data=sum(result.on_absent_data for result in results),
        least_bad_seen=min(result.bad_seen for result in results),
        latest_after_six=max(result.after_six for result in results),
    )


def share(hits: int, total: int) -> Estimate:
    """A share with its exact interval."""
    return Estimate(hits / total, *clopper_pearson(hits, total))


def quantile(ascending: Sequence[float], part: float) -> Estimate:
    """A quantile with the interval that order statistics give without any assumption."""
    size = len(ascending)
    low, high = (float(stats.binom.ppf(tail, size, part)) for tail in (0.025, 0.975))
    value = ascending[math.ceil(part * size) - 1]
    return Estimate(value, ascending[max(int(low) - 1, 0)], ascending[min(int(high), size - 1)])
