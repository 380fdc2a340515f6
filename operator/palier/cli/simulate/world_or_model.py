"""`palier simulate --scenario world-or-model`: what is an alarm after a promotion put down to, and how soon?"""

import argparse
import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from palier.cli.simulate.rows import write_interval, write_never, write_percent, write_row
from palier.cli.simulate.values import share
from palier.cli.terminal import print_json, print_text
from palier.simulate.world_or_model import NAME, SCENARIO, AttributionCase

SENTENCE: Final = SCENARIO.sentence
ARGUMENTS: Final[tuple[tuple[str, Any, str, str], ...]] = (
    (
        "former-accuracy-after",
        share,
        "SHARE",
        "share of right answers of the former version after the change (as --accuracy-after: the world has changed)",
    ),
    ("copied", share, "SHARE", "share of the requests that the former version answers as well (100%)"),
    ("shared-mistakes", share, "RHO", "correlation of the mistakes of both versions on one request (0.3)"),
)
"""The name of a parameter of the case, how it is read, what stands for it, and its help."""
OPTIONS: Final = tuple(name for name, *_ in ARGUMENTS)
"""Options that only this scenario has."""
SHARED: Final = (
    "accuracy-before",
    "accuracy-after",
    "labels",
    "change-at",
    "batch",
    "labels-per-hour",
    "run-length",
)
"""Options of the scenario of labels that mean the same here."""

_row = partial(write_row, width=42)


def add_options(command: argparse.ArgumentParser) -> None:
    """Add what only this scenario has."""
    group = command.add_argument_group(
        "the former version after a promotion",
        f"Only with --scenario {NAME}, which takes {', '.join(f'--{name}' for name in SHARED)} besides; "
        f"a stream has {AttributionCase().labels} labels.",
    )
    for name, kind, metavar, text in ARGUMENTS:
        group.add_argument(f"--{name}", type=kind, metavar=metavar, help=text.replace("%", "%%"))


def run_simulation(options: argparse.Namespace, *, jobs: int) -> None:
    """Play all streams and print what came of them."""
    names = (*OPTIONS, *SHARED)
    given = {name.replace("-", "_"): value for name in names if (value := _get(options, name)) is not None}
    try:
        case = AttributionCase(**given)
    except ValueError as error:
        options.command.error(f"argument --{error}")
    # Only now: the parser must not wait for NumPy to load.
    from palier.cli.simulate.pool import play_all  # noqa: PLC0415
    from palier.simulate.world_or_model_runs import (  # noqa: PLC0415
        list_attribution_parameters,
        play_attributions,
        summarize_attributions,
    )

    runs = play_all(partial(play_attributions, case, options.seed), options.runs, jobs=jobs)
    result = {
        "scenario": NAME,
        "seed": options.seed,
        **summarize_attributions(runs, case),
        "parameters": list_attribution_parameters(case),
    }
    if options.json:
        print_json(json.dumps(result))
    else:
        print_text("\n".join(_write_page(result)))


def _get(options: argparse.Namespace, name: str) -> Any:  # noqa: ANN401 - any option
    return getattr(options, name.replace("-", "_"))


def _write_page(result: Mapping[str, Any]) -> Iterator[str]:
    case = result["parameters"]
    yield f"{NAME}: {SENTENCE}"
    yield (
        f"{result['runs']} streams of {case['labels']} labels in batches of {case['batch']}; both versions "
        f"{write_percent(case['accuracyBefore'])} right, and from label {case['changeAt'] + 1} on the present one "
        f"{write_percent(case['accuracyAfter'])} and the former one {write_percent(case['formerAccuracyAfter'])}; "
        f"{write_percent(case['copied'])} of the requests copied; seed {result['seed']}"
    )
    yield f"right is: {' or '.join(result['rightCauses']) or 'no verdict'}"
    yield ""
    for label, key in (("right verdict", "right"), ("wrong verdict", "wrong"), ("undecided", "undecided")):
        yield _write_rate(result, label, key)
    yield _write_rate(result, "  of them without an alarm", "noAlarm")
    for label, key in (("WorldChanged", "worldChanged"), ("ModelIsWorse", "modelIsWorse")):
        yield _write_rate(result, label, key)
    yield ""
    rate = case["labelsPerHour"]
    for label, key in (("median", "median"), ("90 % of streams", "p90")):
        yield _row(f"labels to the alarm, {label}", write_never(result[f"{key}LabelsToAlarm"]))
        yield _row(f"labels to a right verdict, {label}", write_never(result[f"{key}LabelsToVerdict"]))
        yield _row(f"hours at {rate:g} labels/h, {label}", write_never(result[f"{key}HoursToVerdict"]))
        yield _row(f"pairs after the alarm, {label}", write_never(result[f"{key}PairsToVerdict"]))


def _write_rate(result: Mapping[str, Any], label: str, key: str) -> str:
    low, high = result[f"{key}RateInterval"]
    return f"{_row(label, write_percent(result[f'{key}Rate']))}   {write_interval(low, high)}"
