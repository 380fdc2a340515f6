"""The picture of `palier plan --svg`: what serving costs and how fast it answers, against traffic.

Written as SVG by hand: two diagrams are not worth a drawing library in the operator's image, and a text file can be
compared, searched and styled for dark pages.
"""

import math
import textwrap
from collections.abc import Iterator, Sequence
from html import escape

from palier.cli.plan.axis import Axis, shorten_number
from palier.cli.plan.curves import Curve, Panel, Scene

_WIDTH = 980
_MARGIN = 24
_LINE = 19
_COLUMNS, _NOTE_COLUMNS = 122, 138
"""Letters in a line, and in a line of the smaller ones: what fits also in wide fonts."""
_LETTER = 7.5
"""Width of a bold letter of the limit's name, at most on average."""
_TOP = 96
"""Top of the diagrams, below the title and one line of the verdict."""
_HEIGHT = 250
_LEFT, _RIGHT = (78, 462), (566, 950)
"""Where the two diagrams begin and end."""
_DASHES = ("", "9 4", "3 3", "12 4 3 4", "6 3", "2 4", "14 5", "8 3 2 3")
"""In addition to the colour, so that the curves can be distinguished without it."""

# Colours that people with the usual colour deficiencies can distinguish (after Okabe and Ito), for light and dark.
_LIGHT = ("#0072b2", "#c04a00", "#00785a", "#a8447f", "#7a6a00", "#3a86c8", "#555555", "#6a3d9a")
_DARK = ("#56b4e9", "#ff9a56", "#2fd0a0", "#e59ac4", "#f0e442", "#9cc9ee", "#bbbbbb", "#bfa2e0")

_STYLE = """\
    .card {{ fill: #ffffff; stroke: #d0d7de; }}
    .grid {{ stroke: #d0d7de; stroke-width: 1; }}
    .frame {{ stroke: #818b98; fill: none; }}
    .mark {{ stroke: #818b98; stroke-dasharray: 2 4; }}
    .limit {{ fill: none; stroke: #cf222e; stroke-width: 2; stroke-dasharray: 8 5; }}
    .over {{ fill: #cf222e; fill-opacity: 0.06; }}
    .line {{ fill: none; stroke-width: 2.5; stroke-linejoin: round; }}
    .end {{ fill: #ffffff; stroke-width: 2; }}
    text {{ fill: #1f2328; }}
    .head {{ font-weight: 600; font-size: 17px; }}
    .name {{ font-weight: 600; }}
    .quiet {{ fill: #59636e; font-size: 12.5px; }}
    .bound {{ fill: #b3202b; font-size: 12.5px; font-weight: 600; }}
    .bound {{ paint-order: stroke; stroke: #ffffff; stroke-width: 4; }}
{light}
    @media (prefers-color-scheme: dark) {{
      .card {{ fill: #0d1117; stroke: #3d444d; }}
      .grid {{ stroke: #2a313c; }}
      .frame {{ stroke: #9198a1; }}
      .mark {{ stroke: #9198a1; }}
      .limit {{ stroke: #f85149; }}
      .over {{ fill: #f85149; fill-opacity: 0.1; }}
      .end {{ fill: #0d1117; }}
      text {{ fill: #f0f6fc; }}
      .quiet {{ fill: #9198a1; }}
      .bound {{ fill: #ff7b72; stroke: #0d1117; }}
{dark}
    }}"""


def svg(scene: Scene) -> str:
    """The picture as the text of an SVG file."""
    sentence = textwrap.wrap(scene.sentence, _COLUMNS)
    notes = [line for note in scene.notes for line in textwrap.wrap(note, _NOTE_COLUMNS)]
    top = _TOP + _LINE * len(sentence)
    bottom = top + _HEIGHT
    below = bottom + 66
    height = below + _LINE * (len(scene.legend) + len(notes)) + 16
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"',
        '  role="img" aria-labelledby="title description"',
        "  font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif\" font-size=\"14\">",
        f'  <title id="title">{escape(scene.title)}</title>',
        f'  <desc id="description">{escape(" ".join([scene.sentence, *scene.legend]))}</desc>',
        f"  <style>\n{_style()}\n  </style>",
        f'  <rect class="card" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="10"/>',
        _text(_MARGIN, 34, scene.title, "head"),
        *(_text(_MARGIN, 60 + _LINE * index, line) for index, line in enumerate(sentence)),
    ]
    for panel, (left, right) in ((scene.cost, _LEFT), (scene.latency, _RIGHT)):
        lines += _panel(panel, scene, left=left, right=right, top=top, bottom=bottom)
    lines += _legend(scene, top=below)
    quiet = below + _LINE * len(scene.legend) + 6
    lines += [_text(_MARGIN, quiet + _LINE * index, line, "quiet") for index, line in enumerate(notes)]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _style() -> str:
    def colours(values: Sequence[str], indent: str) -> str:
        return "\n".join(f"{indent}.c{index} {{ stroke: {value}; }}" for index, value in enumerate(values))

    return _STYLE.format(light=colours(_LIGHT, "    "), dark=colours(_DARK, "      "))


def _panel(panel: Panel, scene: Scene, *, left: int, right: int, top: int, bottom: int) -> Iterator[str]:
    """One diagram."""
    across = scene.axis(start=left, end=right)
    up = panel.axis(start=bottom, end=top)
    yield _text(left, top - 30, panel.title, "name")
    yield from _grid(across, up, left=left, right=right, top=top, bottom=bottom, labelled=not panel.missing)
    yield from _marks(scene, across, top=top, bottom=bottom)
    if panel.missing:
        for index, line in enumerate(textwrap.wrap(panel.missing, 44)):
            middle = (left + right) / 2
            yield _text(middle, (top + bottom) / 2 + _LINE * index, line, "quiet", anchor="middle")
        return
    if panel.limit is not None:
        yield from _limit(panel.limit, across, up)
    for index, one in enumerate(panel.curves):
        yield from _curve(one, index, across, up)
    if panel.limit is not None:
        yield _limit_name(panel.limit, across, up)


def _grid(across: Axis, up: Axis, *, left: int, right: int, top: int, bottom: int, labelled: bool) -> Iterator[str]:
    for value in up.ticks() if labelled else ():
        place = _n(up.place(value))
        yield f'  <line class="grid" x1="{left}" y1="{place}" x2="{right}" y2="{place}"/>'
        yield _text(left - 8, up.place(value) + 4, shorten_number(value), "quiet", anchor="end")
    for value in across.ticks():
        place = _n(across.place(value))
        yield f'  <line class="grid" x1="{place}" y1="{top}" x2="{place}" y2="{bottom}"/>'
        yield _text(across.place(value), bottom + 17, shorten_number(value), "quiet", anchor="middle")
    yield f'  <rect class="frame" x="{left}" y="{top}" width="{right - left}" height="{bottom - top}"/>'
    yield _text((left + right) / 2, bottom + 36, "requests per second", "quiet", anchor="middle")


def _marks(scene: Scene, across: Axis, *, top: int, bottom: int) -> Iterator[str]:
    """The traffic points, named above the diagram."""
    for name, rate in scene.marks:
        place = across.place(rate)
        yield f'  <line class="mark" x1="{_n(place)}" y1="{top}" x2="{_n(place)}" y2="{bottom}"/>'
        yield _text(place, top - 7, name, "quiet", anchor="middle")


def _limit(limit: Curve, across: Axis, up: Axis) -> Iterator[str]:
    """What may not be passed, and everything above it shaded."""
    points = [(across.place(rate), up.place(value)) for rate, value in zip(limit.traffic, limit.values, strict=True)]
    path = "L".join(f"{_n(x)} {_n(y)}" for x, y in _corners(points))
    yield f'  <path class="over" d="M{path}V{_n(up.end)}H{_n(across.start)}Z"/>'
    yield f'  <path class="limit" d="M{path}"/>'


def _limit_name(limit: Curve, across: Axis, up: Axis) -> str:
    """The name above the highest place of the line, where it begins or as far to the right as it fits."""
    highest = max(limit.values)
    x, y = across.place(limit.traffic[limit.values.index(highest)]), up.place(highest) - 6
    if x + _LETTER * len(limit.name) > across.end:
        return _text(across.end - 6, y, limit.name, "bound", anchor="end")
    return _text(x + 6, y, limit.name, "bound")


def _corners(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """A line without the points between two others at the same height."""
    inner = zip(points, points[1:], points[2:], strict=False)
    return [points[0], *(one for before, one, after in inner if not before[1] == one[1] == after[1]), points[-1]]


def _curve(one: Curve, index: int, across: Axis, up: Axis) -> Iterator[str]:
    """A line, up to where it leaves the diagram or is not known any more."""
    points = []
    for rate, value in zip(one.traffic, one.values, strict=True):
        points.append((across.place(rate), up.place(value if math.isfinite(value) else up.high)))
        if value > up.high:
            break
    if not points:
        return
    path = "L".join(f"{_n(x)} {_n(y)}" for x, y in _corners(points))
    dash = _dash(index)
    yield f'  <path class="line c{_colour(index)}"{dash} d="M{path}"><title>{escape(one.name)}</title></path>'
    if not one.complete:
        x, y = points[-1]
        yield f'  <circle class="end c{_colour(index)}" cx="{_n(x)}" cy="{_n(y)}" r="4"/>'


def _legend(scene: Scene, *, top: int) -> Iterator[str]:
    for index, line in enumerate(scene.legend):
        place = top + _LINE * index
        dash = _dash(index)
        yield (
            f'  <line class="line c{_colour(index)}"{dash} x1="{_MARGIN}" y1="{place - 5}" x2="{_MARGIN + 40}"'
            f' y2="{place - 5}"/>'
        )
        yield _text(_MARGIN + 50, place, line)


def _dash(index: int) -> str:
    dash = _DASHES[index % len(_DASHES)]
    return f' stroke-dasharray="{dash}"' if dash else ""


def _colour(index: int) -> int:
    return index % len(_LIGHT)


def _text(x: float, y: float, words: str, style: str = "", *, anchor: str = "") -> str:
    kind = f' class="{style}"' if style else ""
    place = f' text-anchor="{anchor}"' if anchor else ""
    return f'  <text{kind} x="{_n(x)}" y="{_n(y)}"{place}>{escape(words, quote=False)}</text>'


def _n(number: float) -> str:
    """A coordinate, short."""
    return f"{number:.1f}".removesuffix(".0")
