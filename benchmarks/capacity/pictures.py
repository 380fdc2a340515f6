"""Latency against traffic for every server, with what was found by hand, by search and by theory."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.capacity.outcome import Outcome

_HAND, _SEARCH, _THEORY = "#2e6fbb", "#0b6e4f", "#8a8a8a"


def draw(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write one picture with a panel for each server, as SVG or PNG by the name of the file."""
    columns = min(2, len(outcomes))
    rows = -(-len(outcomes) // columns)
    with plt.rc_context({"svg.hashsalt": "palier", "font.size": 10, "axes.titlesize": 11, "svg.fonttype": "path"}):
        figure, axes = plt.subplots(
            rows, columns, figsize=(4.8 * columns, 3.6 * rows), layout="constrained", squeeze=False
        )
        for axis, outcome in zip(axes.flat, outcomes, strict=False):
            _panel(axis, outcome)
        for axis in axes.flat[len(outcomes) :]:
            axis.set_visible(False)
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        plt.close(figure)


def _panel(axis: Axes, outcome: Outcome) -> None:
    points = outcome.sweep.points
    axis.plot(
        [point.offered for point in points],
        [1000 * point.p95 for point in points],
        marker="o",
        markersize=4,
        color=_HAND,
        label="95th percentile, by hand",
    )
    axis.axhline(1000 * outcome.server.threshold, color="#d1495b", linewidth=1, linestyle="--", label="promise")
    for rate, colour, label in (
        (outcome.sweep.held, _HAND, "capacity by hand"),
        (outcome.found.capacity, _SEARCH, "by search"),
        (outcome.theory, _THEORY, "by theory"),
    ):
        if rate is not None:
            axis.axvline(rate, color=colour, linewidth=1.6, label=label)
        else:
            axis.plot([], [], color=colour, linewidth=1.6, label=label)
    axis.set(yscale="log", title=outcome.server.title, xlabel="requests per second", ylabel="ms")
    axis.grid(visible=True, alpha=0.25)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
