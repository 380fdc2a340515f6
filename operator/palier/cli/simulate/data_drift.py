"""`palier simulate --scenario data-drift`: how soon is a shift found, and how often is something found that is none?"""

import argparse
import json
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from palier.cli.simulate.rows import write_interval, write_percent, write_row
from palier.cli.terminal import print_json, print_text
from palier.cli.values import parse_count

NAME: Final = "data-drift"
SENTENCE: Final = "Features of a released version drift or do not; windows of an hour are compared with its canary."
SHIFTS: Final = ("none", "psi-0.1", "psi-0.3", "group", "new-category", "null", "constant", "unit")
OPTIONS: Final = ("features", "windows", "rows", "shift")
"""Options that only this scenario has."""
SHARED: Final = ()
"""Options of a canary's case that mean the same here."""

_row = partial(write_row, width=30)
_CHUNK: Final = 2
"""Runs that a process plays before it reports: a run of a month takes seconds."""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of the scenario."""
    group = command.add_argument_group("features, for --scenario data-drift")
    group.add_argument("--features", type=parse_count, metavar="N", help="features of the model (50)")
    group.add_argument("--windows", type=parse_count, metavar="N", help="windows of an hour (720: 30 days)")
    group.add_argument("--rows", type=parse_count, metavar="N", help="rows in a window (5000)")
    group.add_argument(
        "--shift",
        choices=SHIFTS,
        metavar="KIND",
        help=f"what happens to one feature in the middle: {', '.join(SHIFTS)} (none)",
    )


def run_simulation(options: argparse.Namespace, *, jobs: int) -> None:
    """Play the scenario and print what came of it."""
    # Only now: the parser must not wait for NumPy to load.
    from palier.cli.simulate.pool import play_all  # noqa: PLC0415
    from palier.simulate.data_drift import DriftCase, Shift, play_runs, summarize_drift  # noqa: PLC0415

    given: dict[str, Any] = {name: getattr(options, name) for name in OPTIONS if getattr(options, name) is not None}
    given["shift"] = Shift(given.get("shift", Shift.NONE))
    case = DriftCase(**given)
    runs = play_all(partial(play_runs, case, options.seed), options.runs, jobs=jobs, chunk=_CHUNK)
    result = {
        "scenario": NAME,
        "seed": options.seed,
        **summarize_drift(runs, case),
        "parameters": {"features": case.features, "windows": case.windows, "rows": case.rows, "shift": str(case.shift)},
    }
    if options.json:
        print_json(json.dumps(result))
    else:
        print_text(_draw_page(result))


def _draw_page(result: Mapping[str, Any]) -> str:
    case = result["parameters"]
    size = f"{case['windows']} windows, {case['features']} features, {case['rows']} rows in a window"
    lines = [
        f"{NAME}: {SENTENCE}",
        f"{result['runs']} runs of {size}, shift {case['shift']}, seed {result['seed']}",
        "",
    ]
    if result["detectedRate"] is not None:
        low, high = result["detectedRateInterval"]
        median = result["medianWindowsToDetection"]
        lines += [
            f"{_row('shift found', write_percent(result['detectedRate']))}   {write_interval(low, high)}",
            _row("found within two windows", write_percent(result["detectedWithin2WindowsRate"])),
            _row("windows to detection, median", "never" if median is None else f"{median:g}"),
        ]
        if "namedRate" in result:
            lines.append(_row("called by its fault", write_percent(result["namedRate"])))
    lines.append(_row("false actions in 30 days", f"{result['falseActionsPer30Days']:.3g}"))
    lines.append(_row("windows played", str(result["windowsPlayed"])))
    return "\n".join(lines)
