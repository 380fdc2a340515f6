"""`palier simulate --scenario concept-drift`: how soon is it noticed that a promoted version is wrong more often?

The options of its own, the streams of labels, and the page.
"""

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from palier.cli.simulate.rows import write_interval, write_never, write_percent, write_row
from palier.cli.simulate.values import parse_whole, share
from palier.cli.terminal import print_json, print_text
from palier.simulate.concept import NAME, SCENARIO, ConceptCase

if TYPE_CHECKING:
    from palier.simulate.concept_runs import ConceptRun

_count, _place = partial(parse_whole, least=1), partial(parse_whole, least=0)

SENTENCE: Final = SCENARIO.sentence
ARGUMENTS: Final[tuple[tuple[str, Any, str, str], ...]] = (
    ("accuracy-before", share, "SHARE", "share of right answers before the change (0.9)"),
    ("accuracy-after", share, "SHARE", "the same after it; with --segment-share, in the segment only (0.8)"),
    ("labels", _count, "N", "labels of one stream, before and after the change (10000)"),
    ("change-at", _place, "N", "labels before the change (half of them)"),
    ("batch", _count, "N", "labels that are read together (10)"),
    ("labels-per-hour", float, "R", "by which labels are told as hours (10)"),
    ("tolerated-accuracy", share, "SHARE", "accuracy that is still fine (as before the change)"),
    (
        "reference-labels",
        _count,
        "N",
        "learn what is fine from so many labels of before instead, as its upper 95% bound",
    ),
    ("run-length", float, "N", "labels to a false alarm, on average and at least (10000)"),
)
"""The name of a parameter of the case, how it is read, what stands for it, and its help."""
OPTIONS: Final = tuple(name for name, *_ in ARGUMENTS)
"""Options that only this scenario has."""
SHARED: Final = ("segment-share", "overdispersion")
"""Options of a canary's case that mean the same here: a share of the labels, and their correlation within a batch."""

_BARS = 12
_BAR_WIDTH = 40
_row = partial(write_row, width=38)


def add_options(command: argparse.ArgumentParser) -> None:
    """Add what only this scenario has."""
    group = command.add_argument_group(
        "labels after a promotion",
        f"Only with --scenario {NAME}, which takes --segment-share and --overdispersion (within a batch) besides, "
        "and in part with --scenario world-or-model.",
    )
    for name, kind, metavar, text in ARGUMENTS:
        group.add_argument(f"--{name}", type=kind, metavar=metavar, help=text.replace("%", "%%"))


def run_simulation(options: argparse.Namespace, *, jobs: int) -> None:
    """Play all streams and print what came of them."""
    names = (*OPTIONS, *SHARED)
    given = {name.replace("-", "_"): value for name in names if (value := _get(options, name)) is not None}
    try:
        case = ConceptCase(**given)
    except ValueError as error:
        options.command.error(f"argument --{error}")
    # Only now: the parser must not wait for NumPy to load.
    from palier.cli.simulate.pool import play_all  # noqa: PLC0415
    from palier.simulate.concept_runs import list_parameters, play, summarize  # noqa: PLC0415

    runs = play_all(partial(play, case, options.seed), options.runs, jobs=jobs)
    result = {
        "scenario": NAME,
        "seed": options.seed,
        **summarize(runs, case),
        "parameters": list_parameters(case),
    }
    if options.json:
        print_json(json.dumps(result))
    else:
        print_text("\n".join(_write_page(result, runs)))


def _get(options: argparse.Namespace, name: str) -> Any:  # noqa: ANN401 - any option
    return getattr(options, name.replace("-", "_"))


def _write_page(result: Mapping[str, Any], runs: "Sequence[ConceptRun]") -> Iterator[str]:
    case = result["parameters"]
    yield f"{NAME}: {SENTENCE}"
    yield (
        f"{result['runs']} streams of {case['labels']} labels in batches of {case['batch']}; "
        f"{write_percent(case['accuracyBefore'])} right, and {write_percent(case['accuracyAfter'])} from label "
        f"{case['changeAt'] + 1} on{_describe_segment(case)}; seed {result['seed']}"
    )
    yield f"tolerated: {_describe_tolerated(case)}; promised: a false alarm in {case['runLength']:g} labels at most"
    yield ""
    yield from _write_rows(result)
    yield ""
    yield _conclude(result)
    yield from _write_bars(result, runs)


def _describe_segment(case: Mapping[str, Any]) -> str:
    return f" in a segment with {write_percent(case['segmentShare'])} of the labels" if case["segmentShare"] else ""


def _describe_tolerated(case: Mapping[str, Any]) -> str:
    if case["referenceLabels"]:
        return f"the upper 95 % bound of wrong answers in {case['referenceLabels']} labels of before"
    stated = case["toleratedAccuracy"]
    return f"{write_percent(1 - (case['accuracyBefore'] if stated is None else stated))} wrong answers"


def _write_rows(result: Mapping[str, Any]) -> Iterator[str]:
    if result["accuracyIsWorse"]:
        yield from _write_detection(result)
    promised, rate = result["promisedFalseAlarmsPer10000"], result["falseAlarmsPer10000"]
    if rate is None:
        yield _row("false alarms in 10,000 labels", "     none   (the change comes with the first label)")
        return
    low, high = result["falseAlarmsPer10000Interval"]
    of_promised = f"95 %: {low:.3g} to {high:.3g}; promised: at most {promised:.3g}"
    yield _row("false alarms in 10,000 labels", f"{rate:>9.3g}   ({of_promised})")


def _write_detection(result: Mapping[str, Any]) -> Iterator[str]:
    low, high = result["detectedRateInterval"]
    yield f"{_row('detected', write_percent(result['detectedRate']))}   {write_interval(low, high)}"
    rate = result["parameters"]["labelsPerHour"]
    for label, key in (("median", "median"), ("90 % of streams", "p90")):
        labels, hours = result[f"{key}LabelsToDetection"], result[f"{key}HoursToDetection"]
        yield _row(f"labels to detection, {label}", write_never(labels))
        yield _row(f"hours at {rate:g} labels/h, {label}", write_never(hours))
    if result.get("onlySegmentNamedRate") is not None:
        yield _row("of them, only the segment was named", write_percent(result["onlySegmentNamedRate"]))


def _conclude(result: Mapping[str, Any]) -> str:
    """What it means, in one sentence."""
    alarms, quiet = result["falseAlarms"], result["labelsWithoutChange"]
    false = f"{alarms} false alarms in {quiet} labels without a change that matters"
    if not result["accuracyIsWorse"]:
        return f"Accuracy stays within what is tolerated, so every alarm is false: {false}."
    labels, hours = result["medianLabelsToDetection"], result["medianHoursToDetection"]
    if labels is None:
        return f"Fewer than half of the streams had an alarm after the change; {false}."
    return f"Half of the changes were found within {labels} labels, which is {hours:.3g} hours; {false}."


def _write_bars(result: Mapping[str, Any], runs: "Sequence[ConceptRun]") -> Iterator[str]:
    """After how many labels the changes were found."""
    found = [run.found_after for run in runs if math.isfinite(run.found_after)]
    if not (found and result["accuracyIsWorse"]):
        return
    batch = result["parameters"]["batch"]
    step = batch * math.ceil(max(found) / _BARS / batch)
    numbers = [0] * math.ceil(max(found) / step)
    for labels in found:
        numbers[math.ceil(labels / step) - 1] += 1
    yield ""
    yield "Labels to detection"
    for index, number in enumerate(numbers):
        bar = "█" * round(_BAR_WIDTH * number / max(numbers))
        yield f"  {(index + 1) * step:>8}  {bar}{' ' if bar else ''}{number}"
