"""What Palier promises of its evidence, and whether the numbers keep it."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from benchmarks.evidence.numbers import Summary
from benchmarks.evidence.rows import ROWS
from palier.simulate.case import Case

Found = Mapping[tuple[str, str], Summary]
"""By key of the row and label of the setting."""

_TIMES_LESS = {"flagger": 3.0, "kayenta": 3.0, "argo": 10.0}
"""How many times the harm of another engine must be ours."""


class Goal(NamedTuple):
    """One promise."""

    promise: str
    measured: str
    met: bool


def goals(found: Found, *, milliseconds: float) -> list[Goal]:
    """Every promise with its number.

    Args:
        found: the summaries of all rows with the documented settings.
        milliseconds: processor time of one look at one objective.
    """
    ours = {row.key: found[row.key, "palier"] for row in ROWS}
    told = [_false_rollbacks(row.title, ours[row.key]) for row in ROWS if row.thorough]
    five = ours["errors-5"]
    told.append(_at_most("+5 points, 100 requests/s: p90 stopped within 1 min", five.p90_stopped.value, 60, _minutes))
    told.append(
        _at_most("+5 points, 100 requests/s: p90 rolled back within 6 min", five.p90_seconds.value, 360, _minutes)
    )
    told.append(_at_most("+5 points: median of extra failures at most 25", five.median_extra.value, 25, _plain))
    for peer, times in _TIMES_LESS.items():
        theirs = found["errors-5", peer].median_extra.value
        ratio = theirs / five.median_extra.value
        told.append(
            Goal(
                f"+5 points: at least {times:g} times less harm than {peer.capitalize()}",
                f"{ratio:.1f} times ({theirs:.0f} against {five.median_extra.value:.0f})",
                ratio >= times,
            )
        )
    told.append(
        _at_most(
            "+1 point, 100 requests/s: median stopped in 4 min", ours["errors-1"].median_stopped.value, 240, _minutes
        )
    )
    told.append(
        _at_most(
            "+0.5 points, 100 requests/s: median stopped in 16 min",
            ours["errors-0.5"].median_stopped.value,
            960,
            _minutes,
        )
    )
    low = ours["errors-5-slow"]
    told.append(
        Goal(
            "+5 points, 1 request/s: at least 95 % stopped within 60 min",
            f"{100 * low.stopped.value:.1f} % [{100 * low.stopped.low:.1f}, {100 * low.stopped.high:.1f}]",
            low.stopped.value >= 0.95,  # noqa: PLR2004 - the promise itself
        )
    )
    fewest = min(one.least_bad_seen for one in ours.values())
    told.append(Goal("never decided by one failure", f"at least {fewest:.0f} seen at any rollback", fewest > 1))
    told.extend(_hard_stop(_title(key), ours[key]) for key in ("dead-100", "dead-1"))
    told.extend(
        _at_most(f"{_title(key)}: p90 stopped within 3 min", ours[key].p90_stopped.value, 180, _minutes)
        for key in ("latency-1.5", "latency-5")
    )
    told.append(
        _at_most(
            f"{_title('latency-1.1')}: median stopped in 10 min",
            ours["latency-1.1"].median_stopped.value,
            600,
            _minutes,
        )
    )
    absent = sum(one.on_absent_data for one in ours.values())
    told.append(
        Goal(
            "no promotion and no rollback on absent data",
            f"{absent} of {sum(one.runs for one in ours.values())} runs",
            absent == 0,
        )
    )
    told.append(
        _at_most(
            "a look at one objective costs less than 5 ms of a processor", milliseconds, 5, lambda ms: f"{ms:.2f} ms"
        )
    )
    return told


def _false_rollbacks(title: str, one: Summary) -> Goal:
    estimate = one.rolled_back
    return Goal(
        f"{title}: false rollbacks at most 1 % (upper 95 % bound)",
        f"{100 * estimate.value:.2f} % [{100 * estimate.low:.2f}, {100 * estimate.high:.2f}] of {one.runs}",
        estimate.high <= 0.01,  # noqa: PLR2004 - the promise itself
    )


def _hard_stop(title: str, one: Summary) -> Goal:
    return Goal(
        f"{title}: at most 1 % of the requests at the first look after six failures, or within two more",
        f"at most {one.latest_after_six:.0f} s later, {100 * one.stopped.value:.1f} % stopped",
        one.latest_after_six <= 2 * Case().look and one.stopped.value == 1.0,
    )


def _at_most(promise: str, value: float, bound: float, worded: Callable[[float], str]) -> Goal:
    return Goal(promise, worded(value), value <= bound)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if math.isfinite(seconds) else "not found"


def _plain(number: float) -> str:
    return f"{number:.0f}"


def _title(key: str) -> str:
    return next(row.title for row in ROWS if row.key == key)
