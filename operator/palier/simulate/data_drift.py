"""Windows of features that drift or do not, and what the watch says of them.

The users of a model are four groups, the smallest with 5 % of the rows. A window has some rows, and every feature some
value in each of them: most features are numbers in ten bins, every third is a category; one value in a hundred is
missing. One feature shifts in the middle of a run, or none does. The decisions are those of `palier.watch`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from palier.simulate.measures import clopper_pearson, quantile
from palier.watch.features.broken import FaultKind, list_faults
from palier.watch.features.data_drift import name_confirmed
from palier.watch.features.distances import compute_psi, run_chi_square
from palier.watch.features.measure import DriftRules, Measures, measure, share_alpha
from palier.watch.features.profile import Categories, Feature, Numbers
from palier.watch.features.table import NULL, SPECIAL, Table

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

HOUR: Final = 3600.0
MONTH: Final = 720
"""Windows of an hour in 30 days."""
GROUPS: Final = (0.5, 0.3, 0.15, 0.05)
"""The shares of the groups of users; the last one is that which shifts alone."""

_SMALL: Final = len(GROUPS)
"""Place of the smallest group among the series of a feature, of which the first are all users."""
_BINS: Final = 10
_CATEGORIES: Final = (0.4, 0.25, 0.15, 0.1, 0.07, 0.03, 0.0)
"""Shares of the categories, and of the rest that has no place of its own."""
_MISSING: Final = 0.01
_NEW_SHARE: Final = 0.05
_EDGES: Final = tuple(float(edge) for edge in range(10, 10 * _BINS, 10))
_MEAN: Final = 50.0
_FACTOR: Final = 1000.0


class Shift(StrEnum):
    """What happens to one feature."""

    NONE = "none"
    PSI_01 = "psi-0.1"
    PSI_03 = "psi-0.3"
    GROUP = "group"
    """PSI 0.3 in the smallest group only."""
    NEW_CATEGORY = "new-category"
    """5 % of the values."""
    NULL = "null"
    CONSTANT = "constant"
    UNIT = "unit"
    """A thousand times as large."""


EXPECTED: Final = {
    Shift.NEW_CATEGORY: FaultKind.NEW_CATEGORY,
    Shift.NULL: FaultKind.ALL_NULL,
    Shift.CONSTANT: FaultKind.CONSTANT,
    Shift.UNIT: FaultKind.UNIT_CHANGE,
}
"""The name that a broken feature must get."""


@dataclass(frozen=True, slots=True)
class DriftCase:
    """What is played."""

    features: int = 50
    windows: int = MONTH
    """Each of an hour."""
    rows: int = 5000
    """In a window."""
    shift: Shift = Shift.NONE
    reference_rows: int = 20_000
    rules: DriftRules = field(default_factory=lambda: DriftRules(alpha=share_alpha(HOUR)))

    @property
    def onset(self) -> int:
        """The first window with the shift, from 0."""
        return self.windows if self.shift is Shift.NONE else self.windows // 2


@dataclass(frozen=True, slots=True)
class DriftRun:
    """What became of one run."""

    windows: int
    """That were played: a run ends when its shift is found."""
    false_actions: int
    """Windows in which a feature was said to have drifted that had not."""
    found_after: int | None = None
    """Windows with the shift up to the one in which it was found; None where it never was."""
    named: bool = False
    """Whether a broken feature was called what it is."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """Features of one kind: their counts stand in arrays of feature, series and bin."""

    ordered: int
    shares: Floats
    reference: Counts


def play_runs(case: DriftCase, seed: int, runs: Iterable[int]) -> list[DriftRun]:
    """Play these runs of a seed."""
    return [play_drift(case, seed=seed, run=run) for run in runs]


def play_drift(case: DriftCase, *, seed: int, run: int) -> DriftRun:
    """Play one run; the same for the same seed and run."""
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(run,)))
    kinds = _start(case, random)
    shifted = 1 if case.shift is Shift.NEW_CATEGORY else 0
    changed = [kind.shares[0] for kind in kinds]
    changed[shifted] = _shift_shares(changed[shifted], case.shift, random)
    before: list[Counts] | None = None
    false_actions = 0
    for window in range(case.windows):
        drifted = window >= case.onset
        sizes = random.multinomial(case.rows, GROUPS)
        now = [_draw(kind.shares, sizes, random) for kind in kinds]
        if drifted:
            _replace(now[shifted], changed[shifted], sizes, case.shift, random)
        if before is not None:
            named = _find_named(kinds, before, now, case.rules)
            wanted = named[shifted][0, _SMALL if case.shift is Shift.GROUP else 0] if drifted else False
            if drifted:
                named[shifted][0] = False
            false_actions += any(one.any() for one in named)
            if wanted:
                right = _is_called_right(kinds[shifted], before[shifted] + now[shifted], case)
                return DriftRun(window + 1, false_actions, window - case.onset + 1, right)
        before = now
    return DriftRun(case.windows, false_actions)


def summarize_drift(runs: list[DriftRun], case: DriftCase) -> dict[str, Any]:
    """The measures of some runs, ready for JSON; what was not to be found has none of its own."""
    windows = sum(run.windows for run in runs)
    false_actions = sum(run.false_actions for run in runs)
    figures: dict[str, Any] = {"detectedRate": None, "medianWindowsToDetection": None}
    if case.shift is not Shift.NONE:
        found = [run.found_after for run in runs if run.found_after is not None]
        soon = sum(after <= 2 for after in found)  # noqa: PLR2004 - the promise
        figures = {
            "detectedRate": len(found) / len(runs),
            "detectedRateInterval": list(clopper_pearson(len(found), len(runs))),
            "detectedWithin2WindowsRate": soon / len(runs),
            "medianWindowsToDetection": quantile([run.found_after or np.inf for run in runs], 0.5),
        }
        if case.shift in EXPECTED:
            figures["namedRate"] = sum(run.named for run in runs) / len(runs)
    return {
        **figures,
        "falseActionsPer30Days": false_actions / windows * MONTH,
        "falseActions": false_actions,
        "windowsPlayed": windows,
        "runs": len(runs),
    }


def _start(case: DriftCase, random: np.random.Generator) -> tuple[_Kind, _Kind]:
    """The numbers and the categories, with the counts of their reference."""
    categories = case.features // 3 if case.features > 1 else 1
    sizes = random.multinomial(case.reference_rows, GROUPS)
    found = []
    for number, own, ordered in (
        (max(1, case.features - categories), np.full(_BINS, 1 / _BINS), _BINS),
        (categories, np.array(_CATEGORIES), 0),
    ):
        one = np.concatenate([own * (1 - _MISSING), np.zeros(SPECIAL - 1), [_MISSING]])
        shares = np.tile(one, (number, 1))
        found.append(_Kind(ordered, shares, _draw(shares, sizes, random)))
    return found[0], found[1]


def _draw(shares: Floats, sizes: Counts, random: np.random.Generator) -> Counts:
    """A window: the counts of each feature of all users, and of each group."""
    groups = random.multinomial(sizes[np.newaxis, :], shares[:, np.newaxis, :])
    return np.concatenate([groups.sum(axis=1, keepdims=True), groups], axis=1)


def _replace(counts: Counts, changed: Floats, sizes: Counts, shift: Shift, random: np.random.Generator) -> None:
    """Draw the first feature again, after its shift."""
    groups = random.multinomial(sizes, changed)
    if shift is Shift.GROUP:
        groups[:-1] = counts[0, 1:-1]
    counts[0, 1:] = groups
    counts[0, 0] = groups.sum(axis=0)


def _find_named(kinds: tuple[_Kind, _Kind], before: list[Counts], now: list[Counts], rules: DriftRules) -> list[Any]:
    """For each kind which of its series have drifted."""
    parts = [
        measure(_flatten(kind.reference), _flatten(one + other), ordered=kind.ordered, rules=rules)
        for kind, one, other in zip(kinds, before, now, strict=True)
    ]
    together = Measures(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    first = parts[0].psi.size

    def find_chance(place: int) -> float:
        which, row = (0, place) if place < first else (1, place - first)
        reference = _flatten(kinds[which].reference)[row]
        return max(run_chi_square(reference, _flatten(one[which])[row]).p for one in (before, now))

    named = name_confirmed(together, find_chance, rules)
    return [
        part.reshape(kind.reference.shape[:2]) for kind, part in zip(kinds, (named[:first], named[first:]), strict=True)
    ]


def _flatten(counts: Counts) -> Counts:
    return counts.reshape(-1, counts.shape[-1])


def _shift_shares(shares: Floats, shift: Shift, random: np.random.Generator) -> Floats:
    """The shares of the feature that shifts."""
    own = len(shares) - SPECIAL
    changed = shares.copy()
    match shift:
        case Shift.PSI_01:
            return tilt_shares(shares, 0.1, random)
        case Shift.PSI_03 | Shift.GROUP:
            return tilt_shares(shares, 0.3, random)
        case Shift.NEW_CATEGORY:
            changed *= 1 - _NEW_SHARE
            changed[own] = _NEW_SHARE
        case Shift.NULL:
            changed[:] = 0.0
            changed[NULL] = 1.0
        case Shift.CONSTANT:
            changed[:own] = 0.0
            changed[own // 2] = 1 - _MISSING
        case Shift.UNIT:
            changed[:own] = 0.0
            changed[own - 1] = 1 - _MISSING
        case Shift.NONE:
            pass
    return changed


def tilt_shares(shares: Floats, psi: float, random: np.random.Generator) -> Floats:
    """Shares whose PSI from others is this: their logarithms are changed in a random direction, as far as that needs.

    Args:
        shares: of which those that are 0 stay so.
        psi: above 0, and at most about 3.
        random: what the direction is drawn from.
    """
    direction = random.normal(size=shares.size)
    low, high = 0.0, 8.0
    for _ in range(60):
        middle = (low + high) / 2
        tilted = shares * np.exp(middle * direction)
        tilted /= tilted.sum()
        low, high = (middle, high) if compute_psi(shares, tilted) < psi else (low, middle)
    return tilted


def _is_called_right(kind: _Kind, counts: Counts, case: DriftCase) -> bool:
    """Whether the feature that has shifted is called by the fault that it has."""
    reference, current = kind.reference[0, 0].tolist(), counts[0, 0].tolist()
    mean = _MEAN * (_FACTOR if case.shift is Shift.UNIT else 1.0)
    table = Table(tuple(reference), tuple(current), kind.ordered)
    faults = list_faults(_make_feature(kind, reference, _MEAN), _make_feature(kind, current, mean), table, case.rules)
    return EXPECTED.get(case.shift) in {fault.kind for fault in faults}


def _make_feature(kind: _Kind, counts: list[int], mean: float) -> Feature:
    """The feature as the counters of a server tell it: a histogram with its sum, or a counter of each category."""
    own, nulls = counts[:-SPECIAL], counts[NULL]
    if kind.ordered:
        return Numbers(_EDGES, tuple(own), nulls=nulls, total=mean * sum(own))
    names = {f"category {place}": count for place, count in enumerate(own) if count}
    new = counts[-SPECIAL]
    return Categories(names | ({"unheard of": new} if new else {}), 0, nulls)
