"""The cost against traffic as a drawing in the terminal: letters and lines, with colours only where they are wanted."""

import math
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle, groupby
from typing import TextIO

from palier.cli.plan.axis import Axis, shorten_number
from palier.cli.plan.curves import Curve, Panel, Scene

_ROWS = 12
_GUTTER = 8
"""Columns for the labels at the left."""
_NARROWEST, _WIDEST = 48, 100
_COLOURS = (34, 33, 32, 35, 36, 94, 37, 95)
"""Colours of the curves, as codes of ANSI terminals; red is the limit's."""
_RED = 31

Cell = tuple[str, int]
"""A sign and its colour; 0 for none."""
_EMPTY: Cell = (" ", 0)


@dataclass(frozen=True, slots=True)
class Signs:
    """What the drawing is made of."""

    curves: str
    limit: str
    upright: str
    corner: str
    level: str


_LINES = Signs(curves="●▲■◆○△□◇", limit="┄", upright="│", corner="└", level="─")
_PLAIN = Signs(curves="*#%@o+x=", limit="-", upright="|", corner="+", level="-")


@dataclass(frozen=True, slots=True)
class Terminal:
    """What the reader's terminal can show."""

    columns: int = 80
    colours: bool = False
    drawing: bool = True
    """Whether it shows more than ASCII."""

    @classmethod
    def from_stream(cls, stream: TextIO, environment: Mapping[str, str] = os.environ) -> "Terminal":
        """The terminal behind a stream; without one, plain text of 80 columns.

        Colours are left out where `NO_COLOR` is set or the terminal is dumb (https://no-color.org).
        """
        shown = stream.isatty()
        columns = shutil.get_terminal_size().columns if shown else 80
        plain = bool(environment.get("NO_COLOR")) or environment.get("TERM") == "dumb"
        encoding = (stream.encoding or "ascii").lower().replace("-", "")
        return cls(min(max(columns, _NARROWEST), _WIDEST), shown and not plain, encoding.startswith("utf"))


def chart(scene: Scene, terminal: Terminal) -> str:
    """The cost panel of a scene; empty where it has nothing to show."""
    return "" if scene.cost.missing else "\n".join(_lines(scene, terminal))


def _lines(scene: Scene, terminal: Terminal) -> Iterator[str]:
    signs = _LINES if terminal.drawing else _PLAIN
    panel = scene.cost
    width = terminal.columns - _GUTTER - 2
    across, up = scene.axis(start=0, end=width - 1), panel.axis(start=_ROWS - 1, end=0)
    cells = _cells(panel, signs, across, up)
    labels = {round(up.place(value)): shorten_number(value) for value in _thin_labels(up)}
    yield panel.title
    for row in range(_ROWS):
        line = _paint_line([cells.get((row, column), _EMPTY) for column in range(width)], terminal)
        yield f"{labels.get(row, ''):>{_GUTTER - 2}} {signs.upright}{line}"
    yield f"{'':>{_GUTTER - 2}} {signs.corner}{signs.level * width}"
    for line in _draw_marks(scene, across, width):
        yield f"{'':>{_GUTTER}}{line}"
    yield from _key(panel, signs, terminal)


def _cells(panel: Panel, signs: Signs, across: Axis, up: Axis) -> dict[tuple[int, int], Cell]:
    """What stands where, by row and column."""
    cells: dict[tuple[int, int], Cell] = {}
    for one, cell in [*_limits(panel, signs), *_curves(panel, signs)]:
        for rate, value in zip(one.traffic, one.values, strict=True):
            if math.isfinite(value) and value > 0:
                cells[round(up.place(value)), round(across.place(rate))] = cell
    return cells


def _curves(panel: Panel, signs: Signs) -> Iterator[tuple[Curve, Cell]]:
    """The curves, and with what each of them is drawn."""
    return zip(panel.curves, zip(cycle(signs.curves), cycle(_COLOURS), strict=False), strict=False)


def _limits(panel: Panel, signs: Signs) -> list[tuple[Curve, Cell]]:
    return [(panel.limit, (signs.limit, _RED))] if panel.limit else []


def _paint_line(cells: list[Cell], terminal: Terminal) -> str:
    """A line, with one change of colour for each run of it."""
    runs = ((colour, "".join(sign for sign, _ in run)) for colour, run in groupby(cells, key=lambda cell: cell[1]))
    line = "".join(f"\x1b[{colour}m{run}\x1b[0m" if colour and terminal.colours else run for colour, run in runs)
    return line.rstrip()


def _thin_labels(up: Axis) -> list[float]:
    """Labels that do not crowd the few rows."""
    labels: dict[int, float] = {}
    for value in up.ticks():
        row = round(up.place(value))
        if not labels.keys() & {row - 1, row, row + 1}:
            labels[row] = value
    return list(labels.values())


def _draw_marks(scene: Scene, across: Axis, width: int) -> Iterator[str]:
    """The traffic points: their rates, and under them their names."""
    for index in (1, 0):
        line = ""
        for name, rate in scene.marks:
            words = shorten_number(rate) if index else name
            column = min(max(0, round(across.place(rate)) - len(words) // 2), width - len(words))
            if column >= len(line) + bool(line):
                line = f"{line:<{column}}{words}"
        yield f"{line}  requests/s" if index and len(line) + 12 <= width else line


def _key(panel: Panel, signs: Signs, terminal: Terminal) -> Iterator[str]:
    """Which sign is which."""
    drawn = [*_curves(panel, signs), *_limits(panel, signs)]
    if entries := [f"{_paint_line([cell], terminal)} {one.name}" for one, cell in drawn]:
        yield f"{'':>{_GUTTER}}{'   '.join(entries)}"
