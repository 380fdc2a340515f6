"""From answers to what a step has shown: how many were bad, how fast the others came, and who was to blame.

All times count from the instant at which a request was due, not from when it was sent. A generator that is late, for
whatever reason, therefore makes the server look slower and never faster: what users would have felt cannot hide in the
generator's own queue. How late it was is reported with it, and beyond a limit the step says nothing about the server.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from palier.api.status.values import LoadTestPhase as Phase
from palier.loadtest.objectives import LoadObjective, Promise
from palier.loadtest.plan import CONNECTIONS, LoadTestPlan

SETTLING: Final = 0.2
"""Share of a step that is not judged: its first requests meet an empty server."""

_LAG_FLOOR: Final = 0.005
_LAG_SHARE: Final = 0.1
_LAG_WITHOUT_THRESHOLD: Final = 0.1
_LEAST_ACHIEVED: Final = 0.97
_BATCHES: Final = 10
_EDGE: Final = 0.1
_GROWTH_SHARE: Final = 0.01
_SIGMAS: Final = 2.0
_PERCENTILES: Final = (50, 90, 95, 99)


class Outcome(IntEnum):
    """What became of a request."""

    ANSWERED = 0
    TIMEOUT = 1
    NO_CONNECTION = 2
    """Refused, not reached, or broken."""
    SERVER_ERROR = 3
    """5xx, 429 or 408: the server could not."""
    NOT_ACCEPTED = 4
    """3xx, another 4xx, or never sent: the request itself is wrong, which says nothing about the server."""
    OTHER = 5

    @classmethod
    def from_line(cls, code: int, error: str) -> "Outcome":
        """The outcome of a line of the generator."""
        if error:
            named = {"timeout": cls.TIMEOUT, "other": cls.OTHER, "unsendable": cls.NOT_ACCEPTED}
            return named.get(error, cls.NO_CONNECTION)
        if code >= 500 or code in {408, 429}:  # noqa: PLR2004 - the classes of HTTP
            return cls.SERVER_ERROR
        return cls.ANSWERED if 200 <= code < 300 else cls.NOT_ACCEPTED  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Step:
    """One arrival rate, held for a while."""

    phase: Phase
    rate: float
    """Requests per second."""
    seconds: float

    @property
    def settles(self) -> float:
        """Seconds that are not judged."""
        return 0.0 if self.phase is Phase.WARM_UP else SETTLING * self.seconds

    @property
    def judged_requests(self) -> float:
        """How many requests are to be judged, about."""
        return self.rate * (self.seconds - self.settles)


@dataclass(frozen=True, slots=True)
class Tally:
    """How one objective fared in one step."""

    bad: int
    total: int
    dispersion: float | None = None
    """How many times as much the share of bad ones varies within the step as if each were bad for itself."""
    headroom: float | None = None
    """The threshold over the percentile that it is for: above 1 it holds. None where there is no percentile."""

    @property
    def share(self) -> float:
        """Share of bad ones."""
        return self.bad / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step has shown. Times in seconds, rates in requests per second; percentiles by their number."""

    step: Step
    tallies: tuple[Tally, ...] = ()
    """One for each objective of the plan, in order."""
    closing: tuple[Tally, ...] = ()
    """The same of the last third of the step: a server that becomes slower with time shows it there."""
    length: float = 0.0
    """Seconds that were judged."""
    requests: int = 0
    """Requests that were judged."""
    sent: int = 0
    """Requests that were sent, the settling ones included."""
    arrived: float = 0.0
    """Rate at which requests were due, as drawn, while the step was judged."""
    achieved: float = 0.0
    """Rate at which they were sent."""
    growth: float = 0.0
    """By how many requests the backlog grew while the step was judged."""
    lag: float = 0.0
    """99th percentile of how late requests were sent."""
    latency: Mapping[int, float] = field(default_factory=dict)
    """Percentiles of the answers' times, errors of the server and timeouts included; empty without any."""
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    refusing_code: int = 0
    """The most frequent HTTP status among answers that did not accept the request; 0 where it could not be sent."""
    unsendable: str = ""
    """Why the first of the requests that could not be sent was not; empty without one."""
    first_token: float | None = None
    """95th percentile; None unless answers are streams."""
    per_token: float | None = None
    tokens_per_second: float | None = None
    elapsed: float = 0.0
    """Seconds from the first request until the last answer."""
    began: float | None = None
    """Seconds since the epoch; None where no clock ran."""
    overflowed: bool = False
    """So many requests were open that no more could be sent: the server is far behind."""
    generator_limited: bool = False
    """The requests were not sent as they should have been, so nothing follows for the server."""
    holds: bool = False
    """Every objective held, and the server kept up."""
    keeps_up: bool = True

    @property
    def errors(self) -> int:
        """Requests that failed."""
        return sum(count for outcome, count in self.outcomes.items() if outcome not in _NO_FAILURES)

    @property
    def no_connection(self) -> int:
        """Requests that met no server."""
        return self.outcomes.get(Outcome.NO_CONNECTION, 0)

    @property
    def other(self) -> int:
        """Requests that met something that does not speak HTTP/1.1."""
        return self.outcomes.get(Outcome.OTHER, 0)

    @property
    def not_accepted(self) -> int:
        """Requests that were answered with 3xx or 4xx, or could not be sent."""
        return self.outcomes.get(Outcome.NOT_ACCEPTED, 0)


_NO_FAILURES: Final = {Outcome.ANSWERED, Outcome.NOT_ACCEPTED}


def answer_type(gaps: int = 0) -> np.dtype[np.void]:
    """The columns of an array of answers.

    `due` counts from the beginning of the step, `lag` from when the request was due until it was sent, `latency` and
    `first` (event) from when it was due; `per_token` is the mean time between two events. Times that an answer does not
    have are NaN.

    Args:
        gaps: how many limits there are for the gaps between events; `slow` has a count for each.
    """
    times = [(name, "f8") for name in ("due", "lag", "latency", "first", "per_token")]
    return np.dtype([*times, ("outcome", "i1"), ("code", "i2"), ("events", "i4"), ("slow", "i4", (gaps,))])


def answers_of(lines: Iterable[Mapping[str, Any]], *, gaps: int = 0) -> NDArray[np.void]:
    """The array of the generator's lines."""
    return np.array([_row(line, gaps) for line in lines], dtype=answer_type(gaps))


def measure_step(
    step: Step,
    answers: NDArray[np.void],
    plan: LoadTestPlan,
    *,
    ended: float | None = None,
    elapsed: float | None = None,
    peak_open: int = 0,
    began: float | None = None,
    unsendable: str = "",
) -> StepResult:
    """What a step has shown.

    Args:
        step: what was to be offered.
        answers: one for each request that was sent, in any order.
        plan: has the objectives.
        ended: seconds after which requests ceased to be sent, where that was before the end of the step.
        elapsed: seconds until the last answer; computed when left out.
        peak_open: most requests that were open at once.
        began: seconds since the epoch.
        unsendable: why requests could not be sent.
    """
    end = step.seconds if ended is None else min(ended, step.seconds)
    begin = min(step.settles, end)
    judged = answers[(answers["due"] >= begin) & (answers["due"] < end)]
    length = max(end - begin, 1e-9)
    sent_at = answers["due"] + answers["lag"]
    achieved = np.count_nonzero((sent_at >= begin) & (sent_at < end)) / length
    lag = _percentile(answers["lag"], 99) or 0.0
    growth = _growth(answers, begin=begin, end=end)
    arrived = len(judged) / length
    overflowed = peak_open >= CONNECTIONS
    keeps_up = not overflowed and growth <= _GROWTH_SHARE * len(judged) + _SIGMAS * math.sqrt(2 * len(judged))

    def tally_since(part: NDArray[np.void], since: float) -> tuple[Tally, ...]:
        return tuple(_tally(objective, part, plan, begin=since, end=end) for objective in plan.objectives)

    def are_within(tallies: tuple[Tally, ...]) -> bool:
        limits = [objective.limit_fraction for objective in plan.objectives]
        return all(tally.share <= limit for tally, limit in zip(tallies, limits, strict=True))

    tallies, fair, undecided = tally_since(judged, begin), judged, False
    if lag > _lag_limit(plan.tightest) and keeps_up and not are_within(tallies):
        # A late generator makes a server look slower, never faster: only a failure can be its fault.
        fair = _forgive_lag(judged, lag)
        tallies = tally_since(fair, begin)
        undecided = are_within(tallies)
    too_few = achieved < _LEAST_ACHIEVED * arrived
    late_begin = end - (end - begin) / 3
    codes = Counter(judged["code"][judged["outcome"] == Outcome.NOT_ACCEPTED].tolist())
    unsent = (judged["outcome"] == Outcome.NOT_ACCEPTED) & (judged["code"] == 0)
    waited = judged["latency"][(judged["outcome"] != Outcome.NO_CONNECTION) & ~unsent]
    last = float((answers["due"] + answers["latency"]).max(initial=end))
    return StepResult(
        step=step,
        tallies=tallies,
        closing=tally_since(fair[fair["due"] >= late_begin], late_begin),
        length=length,
        requests=len(judged),
        sent=len(answers),
        arrived=arrived,
        achieved=float(achieved),
        growth=growth,
        lag=lag,
        latency={q: float(np.percentile(waited, q)) for q in _PERCENTILES} if len(waited) else {},
        outcomes={Outcome(key): count for key, count in Counter(judged["outcome"].tolist()).items()},
        refusing_code=codes.most_common(1)[0][0] if codes else 0,
        unsendable=unsendable,
        first_token=_percentile(judged["first"], 95),
        per_token=_percentile(judged["per_token"], 95),
        tokens_per_second=float(judged["events"].sum() / length) if plan.stream else None,
        elapsed=last if elapsed is None else elapsed,
        began=began,
        overflowed=overflowed,
        generator_limited=not overflowed and (undecided or bool(too_few)),
        holds=are_within(tallies) and keeps_up and not undecided and len(judged) > 0,
        keeps_up=keeps_up,
    )


def bad_answers(objective: LoadObjective, answers: NDArray[np.void], plan: LoadTestPlan) -> NDArray[np.int64]:
    """How much is bad about each answer; a failed one is as bad as can be, because its user has nothing.

    Requests that were not accepted are neither bad nor counted.
    """
    failed = (answers["outcome"] != Outcome.ANSWERED) & (answers["outcome"] != Outcome.NOT_ACCEPTED)
    limit = objective.threshold_seconds or 0.0
    match objective.kind:
        case Promise.ERRORS:
            bad = failed
        case Promise.LATENCY:
            bad = failed | (answers["latency"] > limit)
        case Promise.FIRST_TOKEN:
            bad = failed | ~(answers["first"] <= limit)
        case Promise.PER_TOKEN:
            bad = failed | (answers["per_token"] > limit)
        case Promise.BETWEEN_TOKENS:
            bad = answers["slow"][:, _gap_place(objective, plan)] + failed
    return np.where(answers["outcome"] == Outcome.NOT_ACCEPTED, False, bad).astype(np.int64)


def _gap_place(objective: LoadObjective, plan: LoadTestPlan) -> int:
    return [one.name for one in plan.objectives if one.kind is Promise.BETWEEN_TOKENS].index(objective.name)


def _tally(
    objective: LoadObjective, judged: NDArray[np.void], plan: LoadTestPlan, *, begin: float, end: float
) -> Tally:
    bad = bad_answers(objective, judged, plan)
    if objective.kind is Promise.BETWEEN_TOKENS:
        counted = np.maximum(judged["events"] - 1, bad)
    else:
        counted = np.ones(len(judged), dtype=np.int64)
    counted = np.where(judged["outcome"] == Outcome.NOT_ACCEPTED, 0, counted)
    dispersion = _dispersion(judged["due"], bad, counted, begin=begin, end=end)
    return Tally(int(bad.sum()), int(counted.sum()), dispersion, _headroom(objective, judged))


_COLUMNS: Final = {Promise.LATENCY: "latency", Promise.FIRST_TOKEN: "first", Promise.PER_TOKEN: "per_token"}


def _headroom(objective: LoadObjective, judged: NDArray[np.void]) -> float | None:
    if objective.kind not in _COLUMNS or objective.threshold_seconds is None:
        return None
    accepted = judged[judged["outcome"] != Outcome.NOT_ACCEPTED]
    values = np.where(accepted["outcome"] == Outcome.ANSWERED, accepted[_COLUMNS[objective.kind]], np.inf)
    if objective.kind is Promise.FIRST_TOKEN:
        values = np.nan_to_num(values, nan=np.inf)
    values = np.sort(values[~np.isnan(values)])
    if not len(values):
        return None
    allowed = math.floor(len(values) * objective.limit_fraction)
    return objective.threshold_seconds / max(float(values[-1 - allowed]), 1e-9)


def _dispersion(
    due: NDArray[np.float64], bad: NDArray[np.int64], counted: NDArray[np.int64], *, begin: float, end: float
) -> float | None:
    """Variance of the share of bad ones between batches, over that of independent ones; None where it is not known.

    Waits of neighbours in a queue are alike, so a thousand of them say less than a thousand that know nothing of each
    other (batch means: Law and Kelton, Simulation Modeling and Analysis).
    """
    total = counted.sum()
    share = bad.sum() / total if total else 0.0
    if not 0 < share < 1 or total < 2 * _BATCHES:
        return None
    places = np.minimum(((due - begin) / (end - begin) * _BATCHES).astype(int), _BATCHES - 1)
    in_batch = np.bincount(places, weights=counted, minlength=_BATCHES)
    bad_in_batch = np.bincount(places, weights=bad, minlength=_BATCHES)
    used = in_batch > 0
    squares = (bad_in_batch[used] - share * in_batch[used]) ** 2 / in_batch[used]
    return float(squares.sum() / max(1, used.sum() - 1) / (share * (1 - share)))


def _growth(answers: NDArray[np.void], *, begin: float, end: float) -> float:
    """Open requests at the end less those at the beginning, from averages over the first and the last tenth."""
    due = np.sort(answers["due"])
    done = np.sort(answers["due"] + answers["latency"])
    edge = _EDGE * (end - begin)
    offsets = np.linspace(0.0, edge, 9)

    def count_open(instants: NDArray[np.float64]) -> float:
        return float(np.mean(np.searchsorted(due, instants) - np.searchsorted(done, instants)))

    return (count_open(end - edge + offsets) - count_open(begin + offsets)) / (1 - _EDGE)


def _forgive_lag(answers: NDArray[np.void], lag: float) -> NDArray[np.void]:
    """The answers as if none had been sent late: without its own lag, and without that of those before it."""
    earlier = answers.copy()
    for column in ("latency", "first"):
        earlier[column] -= answers["lag"] + lag
    return earlier


def _lag_limit(tightest: float | None) -> float:
    return _LAG_WITHOUT_THRESHOLD if tightest is None else max(_LAG_FLOOR, _LAG_SHARE * tightest)


def _percentile(values: NDArray[np.float64], percent: int) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.percentile(known, percent)) if len(known) else None


def _row(line: Mapping[str, Any], gaps: int) -> tuple[Any, ...]:
    lag, events = line["lag"], line.get("events", 0)
    first, last = line.get("first", math.nan), line.get("last", math.nan)
    code, slow = line["code"], tuple(line.get("slow", ())) or (0,) * gaps
    per_token = (last - first) / (events - 1) if events > 1 else math.nan
    latency, outcome = lag + line["latency"], Outcome.from_line(code, line.get("error", ""))
    return (line["at"], lag, latency, lag + first, per_token, outcome, code, events, slow)
