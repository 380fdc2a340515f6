"""Which promises can be judged under load: those about times and failures, which the sender of requests sees itself.

Everything else, such as feedback of users, queues or costs, needs the users or the pods' own counters, and is left to
the stages after the load test.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from palier.api.v1alpha1 import ModelDeployment, TimeSignal
from palier.errors import InvalidSpec


class Promise(StrEnum):
    """What an objective limits the share of."""

    LATENCY = "latency"
    """Requests that are answered too late, or not at all."""
    ERRORS = "errors"
    """Requests that fail."""
    FIRST_TOKEN = "firstToken"  # noqa: S105 - a token of text
    """Requests whose answer begins too late, or never."""
    PER_TOKEN = "perToken"  # noqa: S105
    """Answers whose events follow too slowly on average."""
    BETWEEN_TOKENS = "betweenTokens"
    """Single gaps between two events that are too long."""


@dataclass(frozen=True, slots=True)
class LoadObjective:
    """At most `limit_fraction` of what is counted may be bad."""

    name: str
    kind: Promise
    limit_fraction: float
    """Above 0 and below 1."""
    threshold_seconds: float | None = None
    """Longest good time; None for `errors`."""


_TIMED: Final = {
    TimeSignal.LATENCY: Promise.LATENCY,
    TimeSignal.TIME_TO_FIRST_TOKEN: Promise.FIRST_TOKEN,
    TimeSignal.TIME_PER_OUTPUT_TOKEN: Promise.PER_TOKEN,
    TimeSignal.INTER_TOKEN_LATENCY: Promise.BETWEEN_TOKENS,
}
_OF_STREAMS: Final = {Promise.FIRST_TOKEN, Promise.PER_TOKEN, Promise.BETWEEN_TOKENS}


def objectives_under_load(deployment: ModelDeployment) -> tuple[tuple[LoadObjective, ...], tuple[str, ...]]:
    """The objectives that a load test judges, and the names of those that it cannot.

    Times inside an answer can only be seen in streams, so they are not judged while `loadTest.stream` is false.

    Raises:
        InvalidSpec: nothing would be judged, so there is nothing to search for.
    """
    scale = deployment.spec.scale
    stream = scale is not None and scale.load_test.stream
    judged, others = [], []
    for objective in deployment.spec.objectives:
        latency, errors = objective.latency, objective.error_rate
        kind = _TIMED.get(latency.signal) if latency else None
        if latency and kind and (stream or kind not in _OF_STREAMS):
            share = (100 - latency.percentile) / 100
            judged.append(LoadObjective(objective.name, kind, share, latency.threshold.seconds))
        elif errors:
            judged.append(LoadObjective(objective.name, Promise.ERRORS, errors.max_percent.fraction))
        else:
            others.append(objective.name)
    if not judged:
        wanted = "" if stream else "; for the times of tokens, set spec.scale.loadTest.stream: true"
        raise InvalidSpec(
            "spec.objectives",
            f"a load test needs an objective of the kind latency or errorRate that it can judge{wanted}",
        )
    return tuple(judged), tuple(others)
