"""Plain lines that also make sense in a log file; colours only where somebody looks at them."""

import os
import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

WIDTH = 110


class Tone(StrEnum):
    """How a line feels."""

    PLAIN = "plain"
    HEADING = "heading"
    QUIET = "quiet"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


_CODES = {
    Tone.PLAIN: "",
    Tone.HEADING: "1",
    Tone.QUIET: "2",
    Tone.GOOD: "32",
    Tone.WARNING: "33",
    Tone.BAD: "31",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline: what it is about, and what happened."""

    topic: str
    text: str
    tone: Tone = Tone.PLAIN


def wants_colour(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether to colour: a terminal, and nobody who asked for none (https://no-color.org)."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def paint(text: str, tone: Tone, *, colour: bool) -> str:
    """Colour a text, or leave it."""
    return f"\x1b[{_CODES[tone]}m{text}\x1b[0m" if colour and _CODES[tone] else text


def clock(seconds: float) -> str:
    """Elapsed time as minutes and seconds: 02:07.4."""
    tenths = max(0, round(seconds * 10))
    return f"{tenths // 600:02d}:{tenths % 600 / 10:04.1f}"


def render(line: Line, elapsed: float, *, colour: bool) -> str:
    """One line of the timeline, broken where it is too long, under its own text."""
    indent = " " * 22
    text = textwrap.fill(line.text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return f"  {paint(clock(elapsed), Tone.QUIET, colour=colour)}  {line.topic:<10}  " + paint(
        text.removeprefix(indent), line.tone, colour=colour
    )


def excerpt(description: str) -> str:
    """The parts of `kubectl describe` that tell the story: conditions, outcome, verdicts, events."""
    lines, section, keeping = [], "", False
    for line in description.splitlines():
        indent = len(line) - len(line.lstrip())
        if indent == 0:
            section = line.split(":")[0]
            keeping = section in {"Name", "Status", "Events"}
        elif indent == len("  ") and section == "Status":
            keeping = line.split(":")[0].strip() in {"Conditions", "Outcome", "Stable", "Verdicts"}
        if keeping:
            lines.append(line)
    return "\n".join(lines)


class Terminal:
    """Prints the story; the clock starts with it.

    Args:
        stream: where to print.
        environment: asked for NO_COLOR and TERM.
    """

    def __init__(self, stream: TextIO, environment: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self.colour = wants_colour(stream, environment)
        self._begin = time.monotonic()

    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begin

    def line(self, line: Line) -> None:
        """Print a line of the timeline."""
        self.text(render(line, self.elapsed(), colour=self.colour))

    def heading(self, title: str, story: str) -> None:
        """Print the title of an act and what is about to happen."""
        self.text("")
        self.text(paint(f"── {title} ".ljust(WIDTH, "─"), Tone.HEADING, colour=self.colour))
        self.text(textwrap.fill(story, WIDTH, initial_indent="  ", subsequent_indent="  "))
        self.text("")

    def text(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Print anything else."""
        print(paint(text, tone, colour=self.colour), file=self._stream, flush=True)
