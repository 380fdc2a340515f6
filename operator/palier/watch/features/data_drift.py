"""Have the features of a model drifted? One window against its reference, and window after window.

A change acts on nothing at once. The first window that shows it makes it suspected; the next one confirms it, if both
together name it among all features and groups, and each of them alone shows it. So one odd window, such as a customer's
import of a day's data, is no drift. Alone, a window shows what has a chi-square p-value of at most 0.001 among those
that both together name (Benjamini and Hochberg), so that beside an odd window in which everything differs nothing is
found by chance in the next one.

What confirms is the e-value of both windows, which has its bound alone: in a window in which nothing has changed,
anything is named with a probability of at most alpha, however features, groups and windows depend on each other. That
each of two windows has to agree only makes it rarer. The windows of the same reference are counted together; where each
has a reference of its own, as in a season, their e-values are multiplied.

Absent data decides nothing: a feature that a window lacks, or has too few events of, cannot be told, with the number of
events that would do.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np
from typing_extensions import override

from palier.watch.features.broken import Fault, FaultKind, list_faults
from palier.watch.features.distances import (
    compute_jensen_shannon,
    compute_kolmogorov_smirnov,
    compute_total_variation,
    run_chi_square,
)
from palier.watch.features.measure import (
    LASTING,
    Bools,
    DriftRules,
    Measures,
    Needed,
    measure_tables,
    name_certain,
    plan_events,
)
from palier.watch.features.merging import merge_features
from palier.watch.features.profile import EVERYBODY, Feature, Part, Profile, Reference
from palier.watch.features.table import SPECIAL, Table, align, have_no_edge_in_common


class State(StrEnum):
    """What is known of a feature in a window."""

    DRIFT = "Drift"
    SUSPECTED = "Suspected"
    """For the first time: the next window will tell."""
    CANNOT_TELL = "CannotTell"
    NO_DRIFT = "NoDrift"
    """It is shown that a change, if there is any, is smaller than what matters."""


class Series(NamedTuple):
    """A feature of all users, or of one group."""

    group: str
    feature: str

    @override
    def __str__(self) -> str:
        """As a person reads it."""
        return f"{self.feature} of {self.group}" if self.group != EVERYBODY else self.feature


@dataclass(frozen=True, slots=True)
class Distances:
    """The distances that other tools show, of the same counts; nothing is decided by them."""

    jensen_shannon: float
    total_variation: float
    kolmogorov_smirnov: float | None
    """Of the values of a number; None for categories, which have no order."""
    chi_square_p: float


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """What a comparison says of one feature."""

    series: Series
    state: State
    kind: str
    """Whether it is a `number` or a `category`, in the reference or else in the window."""
    events: int = 0
    reference_events: int = 0
    psi: float | None = None
    """Less its bias; None without events."""
    low: float = 0.0
    """PSI lies between this and `high` with 98 % certainty."""
    high: float = math.inf
    log_e: float = -math.inf
    """Log of the e-value against no change; minus infinity where a change would not matter."""
    major: bool = False
    faults: tuple[Fault, ...] = ()
    distances: Distances | None = None
    """Of a watch only where something was found: they are for people to read."""
    needed: Needed | None = None
    """Where it cannot be told for lack of events."""
    obstacle: str = ""
    """Where it cannot be told for another reason: which."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a comparison says of a window."""

    reference: str
    rows: int
    reference_rows: int
    findings: tuple[DriftFinding, ...]
    """One for each feature of all users and of each group, in the order of the reference."""

    def list_findings(self, *states: State) -> tuple[DriftFinding, ...]:
        """Those in one of the states, the largest change first."""
        chosen = (one for one in self.findings if one.state in states)
        return tuple(sorted(chosen, key=lambda one: (-(math.inf if one.psi is None else one.psi), one.series)))

    @property
    def has_drifted(self) -> bool:
        """Whether anything has."""
        return any(one.state is State.DRIFT for one in self.findings)


@dataclass(frozen=True, slots=True)
class Memory:
    """What is kept from one window to the next."""

    window: Profile
    reference: Reference


def compare_windows(window: Profile, reference: Reference, rules: DriftRules, *, complete: bool = False) -> Report:
    """Compare one window with its reference, once and for all, as of two files.

    Args:
        window: what is.
        reference: what was.
        rules: what counts as a change; `alpha` is for this comparison.
        complete: whether a column that is missing, or new, is one, because a file has all of them. Else what is missing
            was not measured.
    """
    pairs = _list_pairs(window, reference.profile)
    found = measure_tables([pair.table for pair in pairs], rules)
    certain = name_certain(found.log_e, rules.alpha)
    states = [State.DRIFT if certain[place] else _find_quiet_state(found, place) for place in range(len(pairs))]
    findings = _describe_all(pairs, found, states, rules, every=True)
    if complete:
        findings = _name_columns(findings, window, reference.profile)
    return Report(reference.name, window.rows, reference.profile.rows, tuple(findings))


def watch_window(
    memory: Memory | None, window: Profile, reference: Reference, rules: DriftRules
) -> tuple[Memory, Report]:
    """Compare the next window, with what the one before it said.

    Args:
        memory: from the window before it; None for the first one, or after a gap.
        window: what is.
        reference: what was, for this window.
        rules: what counts as a change; `alpha` is for each window (`share_alpha`).
    """
    pairs = _list_pairs(window, reference.profile)
    earlier = [_recall_pair(memory, pair.series) if memory else None for pair in pairs]
    alone = measure_tables([pair.table for pair in pairs], rules)
    if memory is None or memory.reference.profile == reference.profile:
        shown = [_join(one, pair) for one, pair in zip(earlier, pairs, strict=True)]
        together = measure_tables([pair.table for pair in shown], rules)
    else:
        shown = pairs
        before = measure_tables([one.table if one else _NOTHING for one in earlier], rules)
        together = _multiply(before, alone, np.array([one is not None for one in earlier], dtype=bool))

    def find_chance(place: int) -> float:
        one = earlier[place]
        return max(find_chance_of(table) for table in (one.table, pairs[place].table)) if one else 1.0

    confirmed = name_confirmed(together, find_chance, rules)
    suspected = name_certain(together.log_e, rules.alpha) | name_certain(alone.log_e, rules.alpha)
    states = [
        State.DRIFT if sure else State.SUSPECTED if suspected[place] else _find_quiet_state(together, place)
        for place, sure in enumerate(confirmed.tolist())
    ]
    findings = tuple(_describe_all(shown, together, states, rules))
    return Memory(window, reference), Report(reference.name, window.rows, reference.profile.rows, findings)


def name_confirmed(together: Measures, find_chance: Callable[[int], float], rules: DriftRules) -> Bools:
    """Which changes two windows confirm.

    Args:
        together: what both windows together come to.
        find_chance: the larger p-value of the two windows alone, of the change with that place.
        rules: how sure it has to be.
    """
    named = name_certain(together.log_e, rules.alpha)
    places = np.flatnonzero(named)
    chances = np.array([find_chance(int(place)) for place in places])
    order = np.argsort(chances, kind="stable")
    enough = np.flatnonzero(chances[order] <= LASTING * np.arange(1, len(places) + 1) / max(len(places), 1))
    confirmed = np.zeros(len(named), dtype=bool)
    if enough.size:
        confirmed[places[order[: enough[-1] + 1]]] = True
    return confirmed


def find_chance_of(table: Table) -> float:
    """How often one window differs from its reference as much by chance; 1 where there is nothing to compare."""
    if not (table.events and table.reference_events):
        return 1.0
    return run_chi_square(table.reference, table.current).p


class _Pair(NamedTuple):
    """A feature that the reference has, and what the window has of it."""

    series: Series
    reference: Feature
    current: Feature | None
    table: Table
    """Both on the same bins; without events where they cannot be compared."""
    obstacle: str = ""
    """Why they cannot."""


_NOTHING: Final = Table((0,) * (SPECIAL + 1), (0,) * (SPECIAL + 1), 1)


def _list_pairs(window: Profile, reference: Profile) -> list[_Pair]:
    """Every feature of the reference, of all users and of each group."""
    parts: Mapping[str, Part] = {EVERYBODY: Part(reference.rows, reference.features), **reference.groups}
    pairs = []
    for group, part in parts.items():
        current = window.find_part(group)
        for name, feature in part.features.items():
            pairs.append(_pair_up(Series(group, name), feature, current.features.get(name) if current else None))
    return pairs


def _pair_up(series: Series, reference: Feature, current: Feature | None) -> _Pair:
    if current is None:
        return _Pair(series, reference, None, _NOTHING, "the window has none of it")
    if have_no_edge_in_common(reference, current):
        return _Pair(series, reference, current, _NOTHING, "its bins have no edge in common with the reference's")
    return _Pair(series, reference, current, align(reference, current))


def _recall_pair(memory: Memory, series: Series) -> _Pair | None:
    """The same of the window before, with its own reference; None where that did not have it."""
    reference, window = (one.find_part(series.group) for one in (memory.reference.profile, memory.window))
    if reference is None or series.feature not in reference.features:
        return None
    current = window.features.get(series.feature) if window else None
    return _pair_up(series, reference.features[series.feature], current)


def _join(earlier: _Pair | None, pair: _Pair) -> _Pair:
    """Both windows as one, for the same reference; the later one alone where they cannot be counted together."""
    if earlier is None or earlier.current is None or pair.current is None:
        return pair
    try:
        return _pair_up(pair.series, pair.reference, merge_features(earlier.current, pair.current))
    except ValueError:
        return pair


def _multiply(earlier: Measures, now: Measures, both: Bools) -> Measures:
    """Two windows with a reference each: e-values of different events multiply, and what they measure is averaged."""
    error = np.hypot(earlier.high - earlier.psi, now.high - now.psi) / 2
    psi = (earlier.psi + now.psi) / 2
    joined = Measures(
        psi,
        np.maximum(psi - error, 0),
        psi + error,
        earlier.matters & now.matters,
        earlier.few | now.few,
        earlier.log_e + now.log_e,
    )
    return Measures(*(np.where(both, one, other) for one, other in zip(joined, now, strict=True)))


def _find_quiet_state(found: Measures, place: int) -> State:
    """The state of a feature of which no change was named."""
    shown = not found.matters[place] and math.isfinite(found.high[place])
    return State.NO_DRIFT if shown else State.CANNOT_TELL


def _describe_all(
    pairs: Sequence[_Pair], found: Measures, states: Sequence[State], rules: DriftRules, *, every: bool = False
) -> Iterator[DriftFinding]:
    for place, (pair, state) in enumerate(zip(pairs, states, strict=True)):
        table, psi = pair.table, float(found.psi[place])
        known = table.events > 0 and table.reference_events > 0
        named = state in {State.DRIFT, State.SUSPECTED} and pair.current is not None
        yield DriftFinding(
            pair.series,
            state,
            pair.reference.kind,
            table.events,
            table.reference_events,
            psi=psi if known else None,
            low=float(found.low[place]),
            high=float(found.high[place]),
            log_e=float(found.log_e[place]),
            major=known and psi >= rules.major,
            faults=list_faults(pair.reference, pair.current, table, rules) if named and pair.current else (),
            distances=_measure_distances(table) if known and (named or every) else None,
            needed=plan_events(table, questions=len(pairs), rules=rules)
            if state is State.CANNOT_TELL and known
            else None,
            obstacle=pair.obstacle,
        )


def _measure_distances(table: Table) -> Distances:
    own = [np.array(side[: table.ordered]) for side in (table.reference, table.current)]
    return Distances(
        float(compute_jensen_shannon(table.reference, table.current)),
        float(compute_total_variation(table.reference, table.current)),
        float(compute_kolmogorov_smirnov(*own)) if table.ordered and all(side.sum() for side in own) else None,
        run_chi_square(table.reference, table.current).p,
    )


def _name_columns(findings: Iterable[DriftFinding], window: Profile, reference: Profile) -> Iterator[DriftFinding]:
    """The findings, where a column that is missing or new is one."""
    gone = Fault(FaultKind.MISSING_COLUMN, "the column is missing")
    new = Fault(FaultKind.NEW_COLUMN, "the column is new: the reference does not have it")
    for one in findings:
        if one.series.feature in window.features:
            yield one
        elif one.series.group == EVERYBODY:
            yield replace(one, state=State.DRIFT, faults=(gone,), obstacle="")
    for name, feature in window.features.items():
        if name not in reference.features:
            yield DriftFinding(Series(EVERYBODY, name), State.DRIFT, feature.kind, faults=(new,))
