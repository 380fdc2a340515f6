"""By how much counters have risen in a window: one question for everything that the pods of one revision count.

Windows of an hour do not ask for raw samples, because nothing in them decides about single requests, and an hour of
them is a hundred times as much. `increase()` extrapolates to the ends of the window, by a scrape interval or so.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from palier.measuring.matchers import anyone_of, narrow_selector
from palier.watch.features.exported import COUNTED, Counted, Increase

TWINS: Final = "twins"
"""Value of the label `COUNTED` of the most series that one pod has of the very same counter: more than 1 where two
servers or two jobs have scraped it, so that every event would count twice."""

_NAMES: Final[Mapping[Counted, str]] = {
    Counted.BUCKET: "value_bucket",
    Counted.SUM: "value_sum",
    Counted.CATEGORY: "category_total",
    Counted.MISSING: "missing_total",
    Counted.UNREADABLE: "unreadable_total",
}
_LABELS: Final = ("feature", "prediction", "group")
_MORE: Final[Mapping[Counted, str]] = {Counted.BUCKET: "le", Counted.CATEGORY: "category"}


class Pods(NamedTuple):
    """Whose counters are asked for."""

    namespace: str
    workload: str
    """Name of their Deployment."""


class IncreaseSource(Protocol):
    """Where increases come from."""

    async def increases(self, pods: Pods, *, at: float, seconds: float) -> list[Increase]:
        """What the pods have counted of features and predictions in (at - seconds, at], all of them together.

        Args:
            pods: whose.
            at: the end of the window, in seconds since the epoch.
            seconds: length of the window.

        Raises:
            MetricsUnavailable: no answer, or one that cannot be read.
        """
        ...


def write_question(pods: Pods, *, seconds: float, matchers: Sequence[str] = ()) -> str:
    """The question in PromQL.

    Args:
        pods: whose counters.
        seconds: length of the window.
        matchers: label matchers that every selector has besides.
    """
    window = f"[{max(1, math.ceil(seconds * 1000))}ms]"
    whose = (anyone_of("namespace", [pods.namespace]), anyone_of("pod", [pods.workload], end="-.+"), *matchers)
    parts = []
    for counted, name in _NAMES.items():
        more = _MORE.get(counted)
        labels = ", ".join((*_LABELS, *([more] if more else [])))
        risen = f"sum by ({labels}) (increase({_select(name, whose)}{window}))"
        parts.append(_mark(risen, counted))
    every = f"count by (pod, __name__, {', '.join((*_LABELS, *_MORE.values()))})"
    parts.append(_mark(f"max({every} ({_select('(?:value_bucket|category_total)', whose)}))", TWINS))
    return " or ".join(parts)


def parse_vector(answer: Iterable[Mapping[str, Any]]) -> list[Increase]:
    """The increases of an instant vector, as the HTTP API writes it.

    Raises:
        KeyError, IndexError, TypeError, ValueError: the answer is no vector.
    """
    return [Increase({**entry["metric"]}, float(entry["value"][1])) for entry in answer]


def find_twins(increases: Iterable[Increase]) -> int:
    """The most series that one pod has of the very same counter; 0 where none is there any more."""
    found = (one.value for one in increases if one.labels.get(COUNTED) == TWINS)
    return max((int(value) for value in found if math.isfinite(value)), default=0)


def _select(name: str, whose: Sequence[str]) -> str:
    return narrow_selector(f'{{__name__=~"palier_(?:feature|prediction)_{name}"}}', *whose)


def _mark(question: str, counted: str) -> str:
    return f'label_replace({question}, "{COUNTED}", "{counted}", "", "")'
