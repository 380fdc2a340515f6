"""What a change comes to: how large it is, how large it may be, and how sure it is that there is one at all.

A finding needs both. A change that does not matter is none, however many events prove it: of a million rows everything
differs. And a large distance is none without evidence: PSI of a hundred rows in ten bins is above 0.1 in two of five
windows in which nothing has changed.

- A change *matters* unless it is shown to be small: the upper end of the interval of PSI, less its bias, reaches the
  limit. It also matters if enough of the values are of a kind that the reference (nearly) never has.
- It is *certain* if its e-value is large beside the number of questions that were asked (e-BH; Wang and Ramdas, 2022):
  of K features and groups, with e-values in descending order, the first k are named, for the largest k with
  E_(k) >= K / (k alpha). On average at most a share alpha of the named ones is named wrongly, however the features
  depend on each other. If nothing has changed, anything is named with a probability of at most alpha.

An e-value of a change that does not matter is taken for 0, which only makes it smaller.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palier.watch.features.distances import Floats, compute_psi, find_psi_bias, find_psi_error
from palier.watch.features.homogeneity import find_log_evidence, find_needed_events
from palier.watch.features.table import NEW, NULL, UNREADABLE, Table

Bools = NDArray[np.bool_]

LEAST_EVENTS: Final = 30
"""With fewer events on either side nobody can say that nothing has changed."""
LASTING: Final = 0.001
"""Chi-square's p-value that each of two windows has to reach alone, so that together they confirm a change."""

_SURE: Final = 2.3263
"""Standard normal quantile of 99 %: the interval of PSI is one of 98 %."""
_DAY: Final = 86_400.0
_LARGEST_ALPHA: Final = 0.05


@dataclass(frozen=True, slots=True)
class DriftRules:
    """What counts as a change, and how sure it has to be."""

    psi: float = 0.1
    """PSI from which on a change matters."""
    major: float = 0.25
    """PSI from which on it is called major."""
    alpha: float = 0.01
    """How often anything is named in a comparison in which nothing has changed, at most."""
    new_share: float = 0.01
    """Share of the events in categories that the reference has never had, or that are no numbers, which matters."""
    null_rise: float = 0.05
    """Rise of the share of missing values which matters."""

    def __post_init__(self) -> None:
        """Refuse limits with which nothing, or everything, would be found."""
        if not (0 < self.psi < math.inf and 0 < self.alpha < 1):
            raise ValueError("psi has to be above 0, and alpha between 0 and 1")


def share_alpha(window: float, *, actions: float = 1.0, days: float = 30.0) -> float:
    """The alpha of a window with which at most so many false actions are expected in so many days.

    An expectation is a sum, so this holds however the windows depend on each other, as they do through their reference.

    Args:
        window: length of a window in seconds.
        actions: false actions that may be expected.
        days: in this time.
    """
    return min(_LARGEST_ALPHA, actions * window / (days * _DAY))


class Measures(NamedTuple):
    """What the changes of several features come to; each field has one value for each of them."""

    psi: Floats
    """Less its bias, and never below 0; not a number without events."""
    low: Floats
    """With 99 % certainty it is not below this."""
    high: Floats
    """With 99 % certainty it is not above this; infinite without events."""
    matters: Bools
    """Whether it is not shown to be small."""
    few: Bools
    """Whether there are too few events to show that."""
    log_e: Floats
    """Log of the e-value against no change; of a change that does not matter minus infinity."""


def measure(reference: ArrayLike, current: ArrayLike, *, ordered: int, rules: DriftRules) -> Measures:
    """Measure changes.

    Args:
        reference: counts, one feature a row, on bins as in `Table`.
        current: counts of a window.
        ordered: how many of the first bins have an order.
        rules: what matters.
    """
    r, c = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    many_r, many_c = r.sum(axis=-1), c.sum(axis=-1)
    some = (many_r > 0) & (many_c > 0)
    few = np.minimum(many_r, many_c) < LEAST_EVENTS
    psi, low, high = np.full(len(r), math.nan), np.zeros(len(r)), np.full(len(r), math.inf)
    psi[some] = np.maximum(compute_psi(r[some], c[some]) - find_psi_bias(r[some], c[some]), 0)
    error = _SURE * find_psi_error(r[some], c[some])
    low[some], high[some] = np.maximum(psi[some] - error, 0), psi[some] + error
    shares_r, shares_c = (n / np.maximum(n.sum(axis=-1, keepdims=True), 1) for n in (r, c))
    rise = shares_c - shares_r
    broken = (rise[:, NEW] >= rules.new_share) | (rise[:, UNREADABLE] >= rules.new_share)
    broken |= rise[:, NULL] >= rules.null_rise
    matters = some & (few | broken | (high >= rules.psi))
    log_e = np.full(len(r), -math.inf)
    log_e[matters] = find_log_evidence(r[matters], c[matters], ordered=ordered)
    return Measures(psi, low, high, matters, few, log_e)


def measure_tables(tables: Sequence[Table], rules: DriftRules) -> Measures:
    """The same for tables of any shape, in their order."""
    shapes: dict[tuple[int, int], list[int]] = {}
    for place, table in enumerate(tables):
        shapes.setdefault((len(table.reference), table.ordered), []).append(place)
    found = Measures(*(np.zeros(len(tables), dtype=kind) for kind in (float, float, float, bool, bool, float)))
    for (_, ordered), places in shapes.items():
        r, c = ([getattr(tables[place], side) for place in places] for side in ("reference", "current"))
        for whole, part in zip(found, measure(r, c, ordered=ordered, rules=rules), strict=True):
            whole[places] = part
    return found


def name_certain(log_e: Floats, alpha: float) -> Bools:
    """Which e-values are large enough beside each other, by e-BH."""
    number = len(log_e)
    descending = np.sort(log_e)[::-1]
    enough = descending >= np.log(number / (np.arange(1, number + 1) * alpha))
    if not enough.any():
        return np.zeros(number, dtype=bool)
    return np.asarray(log_e >= descending[np.flatnonzero(enough)[-1]])


class Needed(NamedTuple):
    """How many events would find a change that just matters, in nine of ten cases."""

    events: int | None
    """Of the window; None where no number is enough because the reference has too few."""
    reference_events: int
    """Of the reference, if the window has as many."""


def plan_events(table: Table, *, questions: int, rules: DriftRules) -> Needed:
    """How many events are needed to tell, where they are too few.

    Args:
        table: what there is.
        questions: features and groups that are asked about at once.
        rules: what matters.
    """
    bins = sum(mine + theirs > 0 for mine, theirs in zip(table.reference, table.current, strict=True))
    needed = find_needed_events(rules.psi, bins=max(bins, 2), log_threshold=math.log(questions / rules.alpha))
    rest = 1 / needed - 1 / max(table.reference_events, 1)
    return Needed(math.ceil(1 / rest) if rest > 0 else None, math.ceil(2 * needed))
