"""What `palier simulate` prints for people: the rates, the times, the harm, and one sentence on what it means."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from palier.api.spec.values import Proof
from palier.cli.simulate.values import write_time
from palier.cli.simulate.watches import WATCHES
from palier.evidence.sentences import duration
from palier.simulate.case import Case
from palier.simulate.knobs import knobs
from palier.simulate.measures import parameters
from palier.simulate.runs import Run
from palier.simulate.scenarios import SCENARIOS

TIMES = frozenset(
    {
        "look",
        "scrape",
        "latencyThreshold",
        "onset",
        "ramp",
        "latencyMedian",
        "slowFor",
        "churn",
        "driftTime",
        "spellTime",
    }
)
"""Parameters that are seconds."""

_BARS = 12
_BAR_WIDTH = 40
_LABEL = 34
_PROOF_WIDTH = 20
_CELL_WIDTH = 12
_USUAL_PROOFS = frozenset({Proof.BELOW_TWICE_THE_LIMIT.value, Proof.WITHIN_LIMIT.value})


def list_scenarios() -> str:
    """The scenarios, with those of the watch, and the other tools' knobs."""
    sentences = {name: scenario.sentence for name, scenario in SCENARIOS.items()}
    sentences |= {name: watch.SENTENCE for name, watch in WATCHES.items()}
    width = max(map(len, sentences))
    lines = ["Scenarios", *(f"  {name:<{width}}  {sentence}" for name, sentence in sentences.items())]
    lines += ["", "Knobs of the other tools, for --set"]
    for engine, settings in knobs().items():
        lines.append(f"  {engine:<{width}}  {' '.join(f'{key}={value}' for key, value in settings.items())}")
    return "\n".join(lines)


def page(result: Mapping[str, Any], runs: Sequence[Run]) -> str:
    """The page for one simulation.

    Args:
        result: the measures as in JSON.
        runs: what they were made from, for the bars.
    """
    concluded = [conclusion(result), *_describe_missed(result)]
    return "\n".join([*_head(result), "", *_rows(result), "", *concluded, *_waits(result), *_bars(result, runs)])


def conclusion(result: Mapping[str, Any]) -> str:
    """What it means, in one sentence."""
    engine, rate = result["engine"], result["rollbackRate"]
    low, high = result["rollbackRateInterval"]
    interval = f"95 % interval {_percent(low)} to {_percent(high)}"
    if not result["candidateIsWorse"]:
        promoted = _percent(result["promoteRate"])
        summary = f"{engine} rolled a good candidate back in {_percent(rate)} of the releases ({interval})"
        return f"{summary} and promoted it in {promoted}."
    summary = f"{engine} found the bad candidate in {_percent(rate)} of the releases ({interval})"
    median, harm = result["medianSecondsToRollback"], result["medianExtraFailures"]
    when = f", in half of all within {_time(median)}" if median is not None else ""
    return f"{summary}{when}; {harm:.0f} requests failed or were slow only because of it (median)."


def _head(result: Mapping[str, Any]) -> Iterator[str]:
    case = result["parameters"]
    weights = "/".join(str(stage["weight"]) for stage in case["stages"])
    settings = f", {' '.join(result['settings'])}" if result["settings"] else ""
    yield f"{result['scenario']}: {SCENARIOS[result['scenario']].sentence}"
    yield (
        f"{result['engine']}{settings}; {result['runs']} releases of {case['minutes']:g} min, "
        f"{case['rps']:g} requests/s, {weights} % to the candidate, seed {result['seed']}"
    )
    asked = ", ".join(
        f"proof {proof} of {name}" for name, proof in result.get("proofs", {}).items() if proof not in _USUAL_PROOFS
    )
    if changed := ", ".join(part for part in (_describe_changes(case), asked) if part):
        yield f"with {changed}"


def _describe_changes(case: Mapping[str, Any]) -> str:
    """The parameters that are not at their defaults, as options."""
    headline = {"rps", "minutes", "stages"}
    usual = parameters(Case())
    changed = {name: value for name, value in case.items() if value != usual[name] and name not in headline}
    return ", ".join(
        f"{_option(name)} {write_time(value) if name in TIMES and value is not None else _value(value)}"
        for name, value in changed.items()
    )


def _option(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)


def _value(value: Any) -> str:  # noqa: ANN401 - any parameter
    match value:
        case {"start": start, "length": length}:
            return f"{write_time(start)}+{write_time(length)}"
        case list():
            return ",".join(value)
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _rows(result: Mapping[str, Any]) -> Iterator[str]:
    for name, label in (("rollback", "rolled back"), ("promote", "promoted"), ("undecided", "undecided at the end")):
        low, high = result[f"{name}RateInterval"]
        yield _row(label, f"{_percent(result[f'{name}Rate']):>9}   (95 %: {_percent(low)} to {_percent(high)})")
    yield _row("time to rollback, median", f"{_time(result['medianSecondsToRollback']):>9}")
    yield _row("time to rollback, 90 % of releases", f"{_time(result['p90SecondsToRollback']):>9}")
    if "medianSecondsFromOnset" in result:
        yield _row("from the onset, median", f"{_time(result['medianSecondsFromOnset']):>9}")
        yield _row("rolled back before the onset", f"{result['rollbacksBeforeOnset']:>9}")
    yield _row("time to promotion, median", f"{_time(result['medianSecondsToPromote']):>9}")
    if result["engine"] == "palier":
        yield _row("first proof, median", f"{_time(result['medianSecondsToFirstProof']):>9}")
    yield _row("extra failures, median", f"{result['medianExtraFailures']:>9.1f}")
    yield _row("extra failures, mean", f"{result['meanExtraFailures']:>9.1f}")
    requests = result["medianCandidateRequestsToRollback"]
    yield _row("candidate's requests to rollback", f"{'never' if requests is None else f'{requests:.0f}':>9}")
    yield _row("decided on absent data", f"{result['decidedOnAbsentData']:>9}")


def _describe_missed(result: Mapping[str, Any]) -> Iterator[str]:
    """What became of a bad candidate that was not rolled back: nobody promoted it, or somebody did."""
    if result["candidateIsWorse"] and result["rollbackRate"] < 1:
        promoted, undecided = _percent(result["promoteRate"]), _percent(result["undecidedRate"])
        yield f"It was promoted in {promoted} of the releases, and undecided at the end in {undecided}."


def _waits(result: Mapping[str, Any]) -> Iterator[str]:
    """How long each strength of proof takes at more traffic and at less."""
    waits = result.get("untilProven", {})
    if not waits.get("seconds"):
        return
    shortest = sum(stage["minimum"] for stage in result["parameters"]["stages"])
    yield ""
    yield "Time until a candidate as good as stable is proven: about half are by then, most within twice that"
    yield _line_of_waits("", [f"{rate:g}/s" for rate in waits["requestsPerSecond"]])
    for proof, seconds in waits["seconds"].items():
        yield _line_of_waits(proof, [_wait(time) for time in seconds])
    yield f"Nothing is promoted before the shortest times of the stages are over ({_wait(shortest)})."


def _line_of_waits(label: str, cells: Sequence[str]) -> str:
    return f"  {label:<{_PROOF_WIDTH}}" + "".join(f"{cell:>{_CELL_WIDTH}}" for cell in cells)


def _wait(seconds: float | None) -> str:
    return "never" if seconds is None else duration(seconds)


def _bars(result: Mapping[str, Any], runs: Sequence[Run]) -> Iterator[str]:
    """When the runs were rolled back."""
    times = [run.outcome.at for run in runs if run.outcome.kind == "rollback" and run.outcome.at is not None]
    if not times:
        return
    longest = max(times)
    step = max(result["parameters"]["look"], math.ceil(longest / _BARS / 30) * 30)
    numbers = [0] * (math.ceil(longest / step) or 1)
    for time in times:
        numbers[max(0, math.ceil(time / step) - 1)] += 1
    first = next(index for index, number in enumerate(numbers) if number)
    yield ""
    yield "Rolled back within"
    for index, number in list(enumerate(numbers))[first:]:
        bar = "█" * round(_BAR_WIDTH * number / max(numbers))
        yield f"  {_time((index + 1) * step):>8}  {bar}{' ' if bar else ''}{number}"


def _row(label: str, value: str) -> str:
    return f"  {label:<{_LABEL}}  {value}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
