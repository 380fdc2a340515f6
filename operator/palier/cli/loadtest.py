"""`palier load-test`: the program in the pod of a load test, and the same by hand for any address."""

import argparse
import json
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from palier.cli.commands import SIGNS, Commands, align_columns, hand_over_result, new_command
from palier.cli.files import check_readable, check_writable, lines_of, read_plan
from palier.cli.plain import use_numbers
from palier.cli.plan.values import parse_duration, parse_rate
from palier.cli.simulate.values import seconds
from palier.cli.terminal import print_json, print_text, warn
from palier.cli.values import parse_address, parse_count, parse_percent
from palier.errors import InvalidCorpus, InvalidSettings

if TYPE_CHECKING:
    from palier.loadtest.plan import LoadTestPlan
    from palier.loadtest.result import LoadTestResult, StepRecord
    from palier.workers.load_test import Progress

_PROMISES = {
    "latency": "latency",
    "firstToken": "first token",
    "perToken": "per token",
    "betweenTokens": "between tokens",
}
"""The promises about times, and what their objectives are called."""
_SETTINGS = (
    "method",
    "timeout",
    "warm_up",
    "step_duration",
    "soak",
    "max_duration",
    "max_requests",
    "start_rate",
    "max_rate",
    "seed",
)
"""Fields of a plan that have options of their own."""

DESCRIPTION = """\
Finds the highest arrival rate at which every objective holds. Requests arrive at random instants, whether or not the
earlier ones have been answered, faster from step to step; the rate that is found has to hold for a while in the end.

  palier load-test http://localhost:8080/predict --latency p95=250ms
  palier load-test http://localhost:8080/predict --latency p95=250ms --latency p99=1s --errors 1% \\
      --method POST --corpus requests.jsonl
  palier load-test http://localhost:8080/v1/chat/completions --first-token p95=1s --between-tokens p99=100ms \\
      --method POST --corpus chats.jsonl
  palier load-test http://localhost:8080/ --latency p95=250ms --warm-up 2s --step 5s --soak 30s       a quick look
  palier load-test http://localhost:8080/ --latency p95=250ms --json | jq '.capacity >= 100'

The corpus has a request in each line: a text that is sent as the body, or JSON with any of method, path, headers, body,
weight and variables.

  {"path": "/predict", "body": {"text": "{{word}} number {{sequence}}"}, "variables": {"word": ["hello", "bonjour"]}}

Only test servers that are yours: the test ends when one of them is overloaded. The operator runs the same test in a
pod, before a release, with `--plan` in place of an address.

Needs the program palier-generator on the PATH; Palier's image has it. Exit status: 0 a capacity was found, 3 no rate is
low enough, 4 nothing can be said, 1 and 2 mistakes, 130 stopped by Ctrl-C: the finished steps are printed, and nothing
was decided."""


class _Share(NamedTuple):
    """A percentile and its threshold, as typed: `p95=250ms`."""

    percentile: Decimal
    seconds: float


def add_command(commands: Commands) -> None:
    """Add `palier load-test` to the commands."""
    summary = "find the highest rate at which a server keeps its promises"
    command = new_command(commands, "load-test", summary, DESCRIPTION)
    command.add_argument("url", nargs="?", type=_address, metavar="URL", help="what is tested: http://host:port/path")
    command.add_argument("--corpus", type=Path, metavar="FILE", help="the requests, one in each line")
    command.add_argument("--result", type=Path, metavar="FILE", help="also write the result to this file, as JSON")
    command.add_argument("--plan", type=Path, metavar="FILE", help="the whole plan, as the operator writes it")
    command.add_argument("--json", action="store_true", help="print the result as one JSON object")
    _add_promises(command)
    _add_settings(command)
    command.set_defaults(run=_run, command=command)


def _add_promises(command: argparse.ArgumentParser) -> None:
    promises = command.add_argument_group("promises, of which at least one is needed; each may be given several times")
    for option, kind, words in (
        ("--latency", "latency", "that share of the requests is answered within this time; a failed one is late"),
        ("--first-token", "firstToken", "the same for the first event of a stream"),
        ("--per-token", "perToken", "the same for the mean time between a stream's events"),
        ("--between-tokens", "betweenTokens", "the same for single gaps between events"),
    ):
        promises.add_argument(
            option,
            dest=kind,
            type=_share_of_times,
            action="append",
            default=[],
            metavar="pN=TIME",
            help=f"{words}, such as p95=250ms",
        )
    promises.add_argument(
        "--errors",
        type=partial(parse_percent, such_as="1%"),
        metavar="N%",
        help="at most this share of the requests fails, such as 1%%",
    )


def _add_settings(command: argparse.ArgumentParser) -> None:
    settings = command.add_argument_group("settings")

    def add(option: str, field: str, kind: Any, metavar: str, words: str) -> None:  # noqa: ANN401
        settings.add_argument(option, dest=field, type=kind, metavar=metavar, help=words)

    settings.add_argument(
        "--method",
        choices=("GET", "POST", "PUT"),
        help="method of the requests for which the corpus names none (default: GET)",
    )
    settings.add_argument(
        "--stream", action="store_true", help="answers are streams of events; promises about tokens imply it"
    )
    add("--timeout", "timeout", parse_duration, "TIME", "longest wait for an answer (default: 30s)")
    add("--warm-up", "warm_up", seconds, "TIME", "how long requests are sent at a low rate first (default: 10s)")
    add("--step", "step_duration", parse_duration, "TIME", "shortest time of a rate (default: 20s)")
    add("--soak", "soak", parse_duration, "TIME", "how long the rate that was found has to hold (default: 2m)")
    add("--max-duration", "max_duration", parse_duration, "TIME", "longest time of the whole test (default: 30m)")
    add("--max-requests", "max_requests", parse_count, "N", "most requests of the whole test (default: 500000)")
    add("--start", "start_rate", parse_rate, "RPS", "first rate in requests per second (default: from the warm-up)")
    add("--max-rate", "max_rate", parse_rate, "RPS", "highest rate that is tried (default: 10000)")
    add("--seed", "seed", parse_count, "N", "the same seed draws the same arrivals and requests (default: 1)")


def _run(options: argparse.Namespace) -> int:
    # Only now: the other commands must not wait for NumPy to load.
    from palier.workers.load_test import load_test  # noqa: PLC0415

    by_hand = options.url is not None
    plan = _plan_by_hand(options) if by_hand else _plan_of_file(options)
    if options.result:
        check_writable(options.result, option="result")
    tell = _People() if by_hand else _tell_operator
    try:
        with _ends_when_asked():
            result = load_test(plan, _lines(options.corpus), tell=tell)
    except InvalidCorpus as error:
        raise InvalidCorpus(f"{options.corpus}: {error}" if options.corpus else str(error)) from None
    except KeyboardInterrupt:
        if isinstance(tell, _People):
            tell.print_stop(table=not options.json)
        raise
    text = json.dumps(_format_result(result)) if by_hand else result.to_json()
    return hand_over_result(options, verdict=result.verdict, text=text, page=lambda: page(result), by_hand=by_hand)


def _format_result(result: "LoadTestResult") -> Any:  # noqa: ANN401 - JSON
    soak = {"soakBegan": result.soak_began, "soakEnded": result.soak_ended}
    return use_numbers(result.to_status() | {name: round(at, 3) for name, at in soak.items() if at is not None})


def _tell_operator(progress: "Progress") -> None:
    print_json(progress.to_json())


class _People:
    """Tells people how far it is, and when they stop it, what there is."""

    def __init__(self) -> None:
        self._finished: Sequence[StepRecord] = ()

    def __call__(self, progress: "Progress") -> None:
        """Tell it on the standard error."""
        self._finished = progress.finished
        warn(f"{datetime.now(UTC).astimezone():%H:%M:%S}  {progress.message}")

    def print_stop(self, *, table: bool) -> None:
        """Print the finished steps if wanted, and on the standard error that they decide nothing."""
        done = self._finished
        if done and table:
            print_text("\n".join(_table(done)))
        requests = sum(step.requests for step in done)
        steps = f"{len(done)} finished step{'' if len(done) == 1 else 's'}"
        after = f"after {steps}, in which {requests} requests were judged" if done else "before a step was over"
        warn(f"palier: stopped {after}: nothing was decided")


@contextmanager
def _ends_when_asked() -> Iterator[None]:
    """SIGTERM becomes an exception, so that the generator is ended and files are removed."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    former = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _lines(path: Path | None) -> Iterator[str] | None:
    """The lines of the corpus, read one by one; None without one.

    Raises:
        InvalidSettings: the file cannot be read.
    """
    if path is None:
        return None
    check_readable(path, option="corpus")
    return lines_of(path, option="corpus")


def _plan_of_file(options: argparse.Namespace) -> "LoadTestPlan":
    from palier.loadtest.plan import LoadTestPlan  # noqa: PLC0415

    if options.plan is None:
        options.command.error("an address is needed, such as http://localhost:8080/predict")
    if any(getattr(options, name) not in (None, False, []) for name in (*_PROMISES, "errors", "stream", *_SETTINGS)):
        options.command.error("a plan has all promises and settings: give none beside --plan")
    plan = read_plan(options.plan, LoadTestPlan.from_json)
    if not plan.base_urls:
        raise InvalidSettings(f"--plan: {options.plan} has no baseUrls, so there is nothing to test")
    return plan


def _plan_by_hand(options: argparse.Namespace) -> "LoadTestPlan":
    from palier.loadtest.objectives import LoadObjective, Promise  # noqa: PLC0415
    from palier.loadtest.plan import LoadTestPlan  # noqa: PLC0415

    if options.plan is not None:
        options.command.error("an address and --plan exclude each other: the plan has its own")
    objectives: list[LoadObjective] = []
    for kind, words in _PROMISES.items():
        for percentile, threshold in getattr(options, kind):
            share = float((100 - percentile) / 100)
            objectives.append(LoadObjective(f"{words} p{percentile:f}", Promise(kind), share, threshold))
    of_streams = any(one.kind is not Promise.LATENCY for one in objectives)
    if options.errors is not None:
        objectives.append(LoadObjective("errors", Promise.ERRORS, float(options.errors / 100)))
    _check_promises(options, [one.name for one in objectives])
    base, path = options.url
    given: dict[str, Any] = {name: value for name in _SETTINGS if (value := getattr(options, name)) is not None}
    given |= {name: float(given[name]) for name in ("start_rate", "max_rate") if name in given}
    stream = options.stream or of_streams
    plan = LoadTestPlan(objectives=tuple(objectives), base_urls=(base,), path=path, stream=stream, **given)
    if plan.max_duration < plan.warm_up + plan.step_duration + plan.soak:
        options.command.error("--max-duration must not be shorter than --warm-up, --step and --soak together")
    if plan.timeout <= plan.longest:
        options.command.error(
            f"--timeout is {plan.timeout:g} s, and a promise allows {plan.longest:g} s:"
            " a request would fail before it is late"
        )
    if plan.start_rate is not None and plan.start_rate > plan.max_rate:
        options.command.error("--start must not be above --max-rate")
    return plan


def _check_promises(options: argparse.Namespace, names: Sequence[str]) -> None:
    if not names:
        options.command.error("say what has to hold, such as --latency p95=250ms or --errors 1%")
    if twice := next((name for name in names if names.count(name) > 1), None):
        options.command.error(f"{twice} is given twice")


def page(result: "LoadTestResult") -> str:
    """What a person reads: the steps, the capacity, the verdict in a sentence."""
    lines = [*_table(result.steps), "", *(f"{name:<18}{value}" for name, value in _facts(result))]
    return "\n".join([*lines, f"{SIGNS[result.verdict]} {result.verdict}: {result.reason}: {result.message}"])


def _table(steps: Sequence["StepRecord"]) -> list[str]:
    return align_columns([_HEAD, *(_row(step) for step in steps)], left=(0, len(_HEAD) - 1))


_HEAD = ("phase", "offered/s", "sent/s", "judged", "failed", "p50", "p95", "p99", "sent late", "holds")


def _row(step: "StepRecord") -> tuple[str, ...]:
    numbers = (f"{step.offered:f}", f"{step.achieved:f}", str(step.requests), str(step.errors))
    times = map(_time, (step.p50, step.p95, step.p99, step.lag))
    holds = "" if step.phase == "WarmUp" else "yes" if step.holds else "no"
    return (step.phase, *numbers, *times, holds)


def _facts(result: "LoadTestResult") -> Iterator[tuple[str, str]]:
    if result.capacity is not None:
        more = " or more" if result.at_least else ""
        yield "Capacity", f"{result.capacity:f} requests/s{more}"
    if result.first_token is not None:
        yield "First token", f"p95 {_time(result.first_token)} at the capacity"
    if result.per_token is not None:
        yield "Per token", f"p95 {_time(result.per_token)} at the capacity"
    if result.tokens_per_second is not None:
        yield "Events", f"{result.tokens_per_second:f}/s at the capacity"
    yield "Requests", str(result.requests)


def _time(value: Decimal | None) -> str:
    if value is None:
        return "-"
    return f"{1000 * float(value):.3g} ms" if value < 1 else f"{float(value):.3g} s"


def _address(text: str) -> tuple[str, str]:
    base, path = parse_address(text)
    if re.search("%(?![0-9A-Fa-f]{2})", path):
        raise argparse.ArgumentTypeError(f"an address is written with a percent sign in it as %25, not {text!r}")
    return base, path


def _share_of_times(text: str) -> _Share:
    match = re.fullmatch(r"p([0-9]{1,2}(?:\.[0-9]{1,4})?)=(.+)", text)
    if match is None or Decimal(match[1]) <= 0:
        raise argparse.ArgumentTypeError(f"a promise is written as a percentile and a time, p95=250ms, not {text!r}")
    return _Share(Decimal(match[1]), parse_duration(match[2]))
