"""The files of texts that `palier score` and `palier compare` read, and the options that both have."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from palier.cli.terminal import warn
from palier.errors import InvalidCorpus, InvalidSettings

BELOW: Final = 3
"""Exit status when a minimum is not reached; 1 is a mistake in a file, 2 one at the command line."""
SHOWN: Final = 10
"""Lines that are listed one by one."""
_LARGEST: Final = 100


def add_files(command: argparse.ArgumentParser, what: str) -> None:
    """Add the two files that belong together, line by line."""
    command.add_argument("--references", required=True, metavar="FILE", help=f"the expected {what}; - reads the input")
    command.add_argument("--candidates", required=True, metavar="FILE", help=f"the {what}; - reads the input")


def pairs(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """The lines of both files.

    Raises:
        InvalidSettings: a file cannot be read.
        InvalidCorpus: one is not UTF-8, or they do not belong together.
    """
    if options.references == options.candidates == "-":
        options.command.error("--references and --candidates cannot both be read from the input")
    references, candidates = _lines(options.references), _lines(options.candidates)
    if len(references) != len(candidates):
        counts = (f"{shown_name(options.references)} has {_count(references)}", f"{shown_name(options.candidates)} has")
        raise InvalidCorpus(f"{', '.join(counts)} {_count(candidates)}: each candidate needs its reference")
    if not references:
        raise InvalidCorpus(f"{shown_name(options.references)} and {shown_name(options.candidates)} are empty")
    return references, candidates


def _lines(path: str) -> list[str]:
    """The texts of a file. Only a newline ends one: Unicode has other ends of lines, and answers may contain them."""
    pieces = content(path).removeprefix(b"\xef\xbb\xbf").split(b"\n")
    ended = [piece.removesuffix(b"\r") for piece in pieces[:-1]]
    lines = []
    for number, line in enumerate([*ended, pieces[-1]] if pieces[-1] else ended, start=1):
        try:
            lines.append(line.decode())
        except UnicodeDecodeError:
            raise InvalidCorpus(f"{shown_name(path)}: line {number}: the text is not UTF-8") from None
    return lines


def content(path: str) -> bytes:
    """What a file holds; `-` is the standard input.

    Raises:
        InvalidSettings: it cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise InvalidSettings(f"cannot read {shown_name(path)}: {error.strerror or error}") from error
    except ValueError as error:  # a name that no file can have
        raise InvalidSettings(f"cannot read {path!r}: {error}") from error


def shown_name(path: str) -> str:
    """What a file is called in messages."""
    return "the input" if path == "-" else path


def _count(lines: Sequence[str]) -> str:
    return f"{len(lines)} line" if len(lines) == 1 else f"{len(lines)} lines"


def doubt_scale(option: str, least: float | None, what: str) -> None:
    """Warn of a share where percent are meant: nearly everything reaches so low a minimum."""
    if least is not None and 0 < least <= 1:
        warn(f"palier: {option} {least:g}: {what} between 0 and {_LARGEST}; is {_LARGEST * least:g} meant?")


def number(text: str) -> float:
    """A finite number, as typed."""
    try:
        given = float(text)
    except ValueError:
        given = math.nan
    if not math.isfinite(given):
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}")
    return given
