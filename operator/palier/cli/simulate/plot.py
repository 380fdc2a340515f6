"""The picture of `palier simulate --plot`: the share of releases rolled back over time."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from palier.cli.simulate.page import conclusion
from palier.errors import InvalidSettings
from palier.simulate.runs import Run

_FORMATS = (".svg", ".png")


def check_plot(file: str) -> None:
    """Refuse before the work what cannot be drawn after it.

    Raises:
        InvalidSettings: another kind of picture, no such folder, or no Matplotlib.
    """
    path = Path(file)
    if path.suffix not in _FORMATS:
        raise InvalidSettings(f"--plot writes {' or '.join(_FORMATS)} files, not {path.name}")
    if not path.parent.is_dir():
        raise InvalidSettings(f"--plot: there is no folder {path.parent}")
    if importlib.util.find_spec("matplotlib") is None:
        raise InvalidSettings("--plot needs Matplotlib: pip install 'palier[plot]'")


def draw(file: str, result: Mapping[str, Any], runs: Sequence[Run]) -> None:
    """Write the picture."""
    # Figure without pyplot: no display, no global state.
    from matplotlib.figure import Figure  # noqa: PLC0415

    minutes = result["parameters"]["minutes"]
    times = sorted(run.outcome.at / 60 for run in runs if run.outcome.kind == "rollback" and run.outcome.at is not None)
    shares = [100 * (index + 1) / len(runs) for index in range(len(times))]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.step([0, *times, minutes], [0, *shares, shares[-1] if shares else 0], where="post")
    axes.set(
        xlim=(0, minutes), ylim=(0, 101), xlabel="minutes since the canary began", ylabel="releases rolled back, %"
    )
    axes.grid(alpha=0.3)
    axes.set_title(f"{result['scenario']}, {result['engine']}, {result['runs']} releases", loc="left")
    figure.supxlabel(conclusion(result), fontsize="small")
    try:
        figure.savefig(file)
    except OSError as error:
        raise InvalidSettings(f"--plot: cannot write {file}: {error.strerror or error}") from error
