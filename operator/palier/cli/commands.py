"""What the commands have in common: how they are added, what a verdict looks like, and where a result goes."""

import argparse
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, TypeAlias

from palier.cli.files import leave
from palier.cli.terminal import print_json, print_text

SIGNS: Final[Mapping[str, str]] = {"Pass": "✓", "Fail": "✗", "NoEvidence": "?"}
STATUSES: Final[Mapping[str, int]] = {"Pass": 0, "Fail": 3, "NoEvidence": 4}
"""Exit statuses by hand; 1 is a mistake in a file, 2 one at the command line."""

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - its type has no other name


def new_command(commands: Commands, name: str, summary: str, text: str) -> argparse.ArgumentParser:
    """A command whose help is shown as it is written."""
    return commands.add_parser(
        name, help=summary, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def hand_over_result(
    options: argparse.Namespace, *, verdict: str, text: str, page: Callable[[], str], by_hand: bool
) -> int:
    """Print a result and write it to the file of `--result`; returns the exit status.

    Args:
        options: whether a person wants JSON, and the file if there is one.
        verdict: decides the exit status by hand.
        text: the result as JSON.
        page: the result as a person reads it.
        by_hand: whether a person has asked, and not the operator.
    """
    if options.json or not by_hand:
        print_json(text)
    else:
        print_text(page())
    if options.result:
        leave(options.result, text, option="result")
    # The operator learns the verdict from the result: a Job that failed would be tried again.
    return STATUSES[verdict] if by_hand else 0


def align_columns(rows: Sequence[Sequence[str]], *, left: Collection[int]) -> list[str]:
    """Columns as wide as they need to be; numbers stand to the right, and the columns in `left` to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = (
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    return lines
