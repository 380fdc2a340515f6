"""One stream, judged by Palier and by the default rules of others at the same windows."""

import math
from typing import Final, NamedTuple

from benchmarks.drift.columns import NUMBERS, WORDS, Rows, Stream, World, count_rows
from benchmarks.drift.defaults import SHARE, EmptyColumnError, EvidentlyDefaults
from palier.watch.features.data_drift import Memory, State, watch_window
from palier.watch.features.distances import compute_psi
from palier.watch.features.measure import DriftRules, share_alpha
from palier.watch.features.profile import Profile, Reference
from palier.watch.features.table import align

PALIER: Final = "Palier"
COLUMNS: Final = "Evidently, columns"
TWICE: Final = "Evidently, columns twice in a row"
SET: Final = "Evidently, data set"
PLAIN: Final = "PSI at least 0.1"
TOOLS: Final = (PALIER, COLUMNS, TWICE, SET, PLAIN)

MONTH: Final = 720
"""Windows of an hour in 30 days."""
QUIET: Final = 2
"""Windows before a shift."""
PATIENCE: Final = 12
"""Windows with it."""

_HOUR: Final = 3600.0


class Result(NamedTuple):
    """What one tool said of one run."""

    windows: int
    false: int
    """Windows in which it named a column that had not drifted."""
    found_after: float = math.inf
    """Windows with the shift up to the first in which it named the column; infinite where it never did."""
    error: bool = False
    """Whether it ended with an error instead of an answer."""


def play(world: World, *, seed: int, run: int, windows: int = MONTH) -> dict[str, Result]:
    """Play one run; the same for the same seed and run.

    Args:
        world: what is played.
        seed: of all runs.
        run: its number.
        windows: how many are played where nothing shifts.
    """
    stream = Stream(world, seed=seed, run=run)
    judges = _Judges(stream)
    results = {tool: Result(0, 0) for tool in TOOLS}
    onset, number = (QUIET, QUIET + PATIENCE) if world.shift else (windows, windows)
    for window, rows in enumerate(stream.list_windows(number, onset=onset)):
        if world.noise == "day":
            judges.take_reference(stream.draw_season(window))
        said = judges.look(rows)
        for tool, one in results.items():
            named, error = said[tool]
            # A data set has drifted or has not: it names no column.
            right = set[str]() if window < onset else named if tool == SET else named & {world.column}
            results[tool] = Result(
                window + 1,
                one.false + bool(named - right),
                min(one.found_after, window - onset + 1 if right else math.inf),
                one.error or error,
            )
    return results


class _Judges:
    """The tools, which see the windows of a stream one after the other."""

    def __init__(self, stream: Stream) -> None:
        self._edges = stream.edges
        self._rules = DriftRules(alpha=share_alpha(_HOUR))
        self._memory: Memory | None = None
        self._before = set[str]()
        self._references = 0
        self.take_reference(stream.reference)

    def take_reference(self, rows: Rows) -> None:
        """Compare with these rows from now on."""
        self._references += 1
        self._reference = Reference(f"reference {self._references}", count_rows(rows, self._edges))
        self._evidently = EvidentlyDefaults(rows)

    def look(self, rows: Rows) -> dict[str, tuple[set[str], bool]]:
        """For each tool the columns that have drifted in the next window, and whether it ended with an error."""
        window = count_rows(rows, self._edges)
        self._memory, report = watch_window(self._memory, window, self._reference, self._rules)
        error = False
        try:
            columns = self._evidently.name_columns(rows)
        except EmptyColumnError as empty:  # whoever sees the error looks at the column that it names
            columns, error = {str(empty)}, True
        before, self._before = self._before, columns
        return {
            PALIER: ({one.series.feature for one in report.list_findings(State.DRIFT)}, False),
            COLUMNS: (columns, error),
            TWICE: (columns & before, error),
            SET: (columns if len(columns) >= SHARE * (NUMBERS + WORDS) else set(), error),
            PLAIN: (_name_plainly(self._reference.profile, window), False),
        }


def _name_plainly(reference: Profile, window: Profile) -> set[str]:
    """The columns whose PSI is at least 0.1, without regard to the number of rows."""
    tables = {name: align(feature, window.features[name]) for name, feature in reference.features.items()}
    return {name for name, table in tables.items() if compute_psi(table.reference, table.current) >= DriftRules().psi}
