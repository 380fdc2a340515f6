"""`python -m benchmarks.drift.check_evidently`: do our rules of Evidently say what Evidently itself says?

It needs the package, which is no dependency of this project: `pip install evidently==0.7.23 'pandas<3'` in an
environment of its own, with this folder and `operator` on `PYTHONPATH`.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.drift.columns import NUMBERS, WORDS, Rows, Stream, World
from benchmarks.drift.defaults import EmptyColumnError, EvidentlyDefaults

WORLDS = tuple(
    World(f"{shift or 'nothing'}, {rows} rows against {reference}", rows, reference, shift=shift)
    for shift in (
        "",
        "mean 0.1",
        "tail 0.1",
        "new word 0.05",
        "vanished word 5",
        "null 0.2",
        "null 1",
        "constant 0.1",
        "unit 1000",
    )
    for rows, reference in ((200, 1000), (500, 20_000))
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare window by window; 1 where they differ in any column."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift.check_evidently", description=__doc__)
    parser.add_argument("--windows", type=int, default=5, metavar="N", help="of every world (5)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all runs (1)")
    asked = parser.parse_args(arguments)
    os.environ["DO_NOT_TRACK"] = "1"
    compared = differing = 0
    for world in WORLDS:
        stream = Stream(world, seed=asked.seed, run=0)
        ours = EvidentlyDefaults(stream.reference)
        for rows in stream.list_windows(asked.windows, onset=0 if world.shift else asked.windows):
            try:
                mine: set[str] | str = ours.name_columns(rows)
            except EmptyColumnError:
                mine = "error"
            theirs = _ask_evidently(stream.reference, rows)
            compared += 1
            if mine != theirs:
                differing += 1
                print(f"{world.title}: ours {mine}, theirs {theirs}")
    print(f"{compared} windows of {NUMBERS + WORDS} columns; {differing} differ")
    return int(differing > 0)


def _ask_evidently(reference: Rows, rows: Rows) -> set[str] | str:
    """The columns that have drifted by the package's preset; "error" where it ends with one."""
    evidently, presets = (importlib.import_module(name) for name in ("evidently", "evidently.presets"))
    numbers, words = [f"number {place}" for place in range(NUMBERS)], [f"word {place}" for place in range(WORDS)]
    definition = evidently.DataDefinition(numerical_columns=numbers, categorical_columns=words)
    sets = [evidently.Dataset.from_pandas(_make_frame(one), data_definition=definition) for one in (rows, reference)]
    try:
        found = evidently.Report([presets.DataDriftPreset()]).run(*sets).dict()
    except ValueError:
        return "error"
    named = set()
    for metric in found["metrics"]:
        settings: dict[str, Any] = metric.get("config", {})
        if "column" in settings:
            is_chance = "p_value" in settings["method"]
            value, limit = float(metric["value"]), float(settings["threshold"])
            if value < limit if is_chance else value >= limit:
                named.add(str(settings["column"]))
    return named


def _make_frame(rows: Rows) -> Any:  # noqa: ANN401 - a DataFrame of a package that is not ours
    pandas = importlib.import_module("pandas")
    columns: dict[str, Any] = {f"number {place}": column for place, column in enumerate(rows.numbers.T)}
    columns |= {f"word {place}": [f"w{word}" for word in column] for place, column in enumerate(rows.words.T)}
    return pandas.DataFrame(columns)


if __name__ == "__main__":
    sys.exit(main())
