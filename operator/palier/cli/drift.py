"""`palier drift`: have the features of two files drifted? For a build, before a model is trained or released.

It decides by the code with which the operator watches a released version, so a limit can be tried on files first.
"""

import argparse
import json
from typing import TYPE_CHECKING, Final

from palier.cli.commands import Commands, align_columns, new_command
from palier.cli.files import leave
from palier.cli.terminal import print_json, print_text, warn
from palier.cli.texts import number
from palier.errors import PalierError

if TYPE_CHECKING:
    from palier.cli.drift_file import Window

DRIFTED: Final = 1
"""Exit status when something has drifted, as of diff; for this command 2 is every mistake, in a file or as typed."""
MISTAKEN: Final = 2
UNCLEAR: Final = 4
"""Exit status when nothing was found but some columns have too few rows to tell."""

_DRIFT = """\
Compares the columns of a file with those of a reference and tells which have drifted, how far, and what is broken:
missing, constant or unreadable values, a change of unit, categories that are new or gone, columns that are missing or
new. A file holds rows as CSV with a header or as JSON lines (one object a line), or is a profile that was saved.

  palier drift today.csv --reference training.csv
  palier drift today.jsonl --reference training.jsonl --by country       each country against itself as well
  palier drift today.csv --reference training.csv --json | jq '.columns[] | select(.state == "Drift")'
  palier drift training.csv --write-profile training.json                a few kilobytes of counts instead of the rows
  palier drift today.csv --reference training.json --psi 0.25            only large changes
  zcat today.csv.gz | palier drift - --reference training.json

A change is drift if it matters and is certain. It matters unless its PSI is shown to be below --psi (0.1; 0.25 is
called major), or if 1 % of the values are new categories or no numbers, or 5 points more are missing. It is certain
if all columns and groups together would name one wrongly in at most --alpha of the comparisons without any drift.
Where there are too few rows to tell, it says how many are needed.

Kinds are inferred from the reference and shown: a column is a number if 95 % of its values are, and a category else,
or if it has at most ten different values. Numbers are compared in ten bins of about equal size. Empty cells, null, NaN
and NA are missing values. Rows that cannot be read are counted and shown.

Exit status: 0 no drift, 1 drift, 2 a mistake in a file or at the command line, 4 no drift was found, but of some
columns it cannot be told because there are too few rows."""


def add_command(commands: Commands) -> None:
    """Add `palier drift` to the commands."""
    command = new_command(commands, "drift", "tell which columns of a file have drifted from a reference", _DRIFT)
    command.add_argument("file", metavar="FILE", help="rows, or a profile; - reads the input")
    command.add_argument("--reference", metavar="FILE", help="what it is compared with: rows, or a profile")
    command.add_argument(
        "--by", default="", metavar="COLUMN", help="compare each group of this column as well (at most 20, the largest)"
    )
    command.add_argument(
        "--psi", type=_parse_limit, default=0.1, metavar="N", help="PSI from which on a change matters (default: 0.1)"
    )
    command.add_argument(
        "--alpha",
        type=_parse_chance,
        default=0.01,
        metavar="N",
        help="share of comparisons without drift that may name anything (default: 0.01)",
    )
    command.add_argument("--write-profile", metavar="FILE", help="save the counts of FILE, to compare with later")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=_run, command=command)


def _parse_limit(text: str) -> float:
    limit = number(text)
    if limit <= 0:
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return limit


def _parse_chance(text: str) -> float:
    chance = number(text)
    if not 0 < chance < 1:
        raise argparse.ArgumentTypeError(f"must lie between 0 and 1, not {text}")
    return chance


def _run(options: argparse.Namespace) -> int:
    if options.reference is None and options.write_profile is None:
        options.command.error("one of --reference and --write-profile is needed")
    if options.file == options.reference == "-":
        options.command.error("FILE and --reference cannot both be read from the input")
    try:
        return _compare(options)
    except PalierError as error:
        warn(f"palier: {error}")
        return MISTAKEN


def _compare(options: argparse.Namespace) -> int:
    # Only now: the other commands must not wait for NumPy to load.
    from palier.cli.drift_file import read_window  # noqa: PLC0415
    from palier.cli.drift_page import conclude, draw_page, write_report  # noqa: PLC0415
    from palier.watch.features.data_drift import compare_windows  # noqa: PLC0415
    from palier.watch.features.measure import DriftRules  # noqa: PLC0415
    from palier.watch.features.profile import Reference, write_profile  # noqa: PLC0415

    reference = read_window(options.reference, by=options.by) if options.reference else None
    like = reference.profile if reference else None
    window = read_window(options.file, by=options.by or (like.by if like else ""), like=like)
    for one in (reference, window):
        if one and one.bad.number:
            warn(f"palier: {one.name}: {one.bad.describe()}")
    if options.write_profile:
        leave(options.write_profile, f"{write_profile(window.profile)}\n", option="write-profile")
    if reference is None:
        return _tell_written(options, window)
    rules = DriftRules(psi=options.psi, alpha=options.alpha, major=max(options.psi, DriftRules().major))
    report = compare_windows(window.profile, Reference(reference.name, reference.profile), rules, complete=True)
    if options.json:
        print_json(json.dumps(write_report(report, window, reference, rules)))
    else:
        print_text("\n".join(draw_page(report, window, reference, rules)))
    told = conclude(report)
    return UNCLEAR if told is None else DRIFTED if told else 0


def _tell_written(options: argparse.Namespace, window: "Window") -> int:
    kinds = [(name, feature.kind) for name, feature in window.profile.features.items()]
    if options.json:
        columns = [{"column": name, "kind": kind} for name, kind in kinds]
        rows = {"rows": window.profile.rows, "badRows": window.bad.number}
        print_json(json.dumps({"profile": options.write_profile, "file": window.name, **rows, "columns": columns}))
        return 0
    groups = f", {len(window.profile.groups)} groups by {window.profile.by}" if window.profile.by else ""
    print_text(f"{options.write_profile}: {window.profile.rows} rows, {len(kinds)} columns{groups}")
    print_text("\n".join(f"  {line}" for line in align_columns(kinds, left={0, 1})))
    return 0
