"""The only door to the terminal: what a command prints, and what it says about its work.

Names, labels and messages in it were written by others, so nothing but letters and newlines passes. Everything else of
the command line prints through here, which the linter checks (T201).
"""

import re
import sys

from palier.api.printable import make_json_printable, make_printable

_COLOUR = re.compile(r"(\x1b\[(?:0|3[0-7]|9[0-7])m)")
"""What switches the colour of a drawing."""


def print_text(text: str) -> None:
    """Print lines on the standard output, at once."""
    print(make_printable(text, keep="\n"), flush=True)


def print_json(text: str) -> None:
    """Print JSON on the standard output, at once; it means the same to a program."""
    print(make_json_printable(text), flush=True)


def print_drawing(text: str) -> None:
    """Print lines with the colours of a drawing."""
    parts = _COLOUR.split(text)  # every second one is a colour
    print("".join(part if place % 2 else make_printable(part, keep="\n") for place, part in enumerate(parts)))


def warn(text: str) -> None:
    """Say something about the work on the standard error, at once."""
    print(make_printable(text, keep="\n"), file=sys.stderr, flush=True)


def print_progress(text: str) -> None:
    """Write over the last line of a person's terminal; elsewhere, nothing."""
    if sys.stderr.isatty():
        print(f"\r{make_printable(text)}", end="", file=sys.stderr, flush=True)


def clear_progress() -> None:
    """Take that line away again."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
