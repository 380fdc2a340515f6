"""Harm against false rollbacks: what turning the knobs of each engine can buy."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator

from benchmarks.evidence.rows import ENGINES, Curve

COLOURS: Mapping[str, str] = {
    "palier": "#0b6e4f",
    "argo": "#d1495b",
    "flagger": "#2e6fbb",
    "kayenta": "#8e5bb5",
    "naive": "#8a8a8a",
}
NAMES: Mapping[str, str] = {
    "palier": "Palier",
    "argo": "Argo Rollouts",
    "flagger": "Flagger",
    "kayenta": "Kayenta",
    "naive": "z-test at each look",
}
MARKERS: Mapping[str, str] = {"palier": "o", "argo": "s", "flagger": "^", "kayenta": "D", "naive": "x"}


class Point(NamedTuple):
    """One setting of one engine."""

    engine: str
    documented: bool
    false_rollbacks: float
    """Share of the harmless runs."""
    runs: int
    """Harmless runs."""
    harm: float
    """Mean of the extra bad requests, runs without a rollback included."""


def draw(panels: Sequence[tuple[Curve, Sequence[Point]]], path: Path) -> None:
    """Write one picture with a panel for each curve, as SVG or PNG by the name of the file."""
    with plt.rc_context({"svg.hashsalt": "palier", "font.size": 10, "axes.titlesize": 11, "svg.fonttype": "path"}):
        figure, axes = plt.subplots(
            1, len(panels), figsize=(4.6 * len(panels), 4.6), layout="constrained", squeeze=False
        )
        for axis, (curve, points) in zip(axes[0], panels, strict=True):
            _panel(axis, curve, points)
        axes[0][0].set_ylabel("extra failed requests per release (mean)")
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(ENGINES), frameon=False)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        plt.close(figure)


def _panel(axis: Axes, curve: Curve, points: Sequence[Point]) -> None:
    floor = 0.4 / max(point.runs for point in points)
    for name in ENGINES:
        own = [point for point in points if point.engine == name]
        across = [max(point.false_rollbacks, floor) for point in own]
        axis.scatter(across, [point.harm for point in own], s=14, alpha=0.3, color=COLOURS[name], marker=MARKERS[name])
        line = _best(own, floor)
        axis.plot([x for x, _ in line], [y for _, y in line], color=COLOURS[name], linewidth=1.6, alpha=0.9)
        for point in own:
            if point.documented:
                axis.scatter(
                    max(point.false_rollbacks, floor), point.harm, s=95, color=COLOURS[name], marker=MARKERS[name],
                    edgecolors=None if name == "naive" else "black", linewidths=2 if name == "naive" else 1,
                    zorder=5, label=NAMES[name],
                )  # fmt: skip
    axis.axvspan(floor * 0.6, 0.01, color=COLOURS["palier"], alpha=0.06, linewidth=0)
    axis.set(xscale="log", yscale="log", xlim=(floor * 0.6, 1.3), title=curve.title)
    axis.set_xlabel("false rollbacks within 60 min")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda harm, _: f"{harm:,.0f}"))
    ticks = [floor, *(tick for tick in (0.001, 0.01, 0.1, 1.0) if tick > 2 * floor)]
    axis.set_xticks(ticks, ["0", *(f"{100 * tick:g} %" for tick in ticks[1:])])
    axis.minorticks_off()
    axis.grid(visible=True, alpha=0.25)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _best(points: Sequence[Point], floor: float) -> list[tuple[float, float]]:
    """The settings that no other setting of the engine beats in both respects, as a staircase."""
    line: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda point: (point.false_rollbacks, point.harm)):
        across = max(point.false_rollbacks, floor)
        if not line:
            line.append((across, point.harm))
        elif point.harm < line[-1][1]:
            line += [(across, line[-1][1]), (across, point.harm)]
    return line
