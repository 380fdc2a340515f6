"""`palier examine`: the program in the pod of a golden stage, and the same by hand for any two addresses."""

import argparse
import asyncio
import json
import os
import signal
from collections.abc import Coroutine, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from palier.cli.commands import Commands, hand_over_result, new_command
from palier.cli.files import check_readable, check_writable, decode_lines, lines_of, refuse_writing
from palier.cli.plain import use_numbers
from palier.cli.plan.values import parse_duration
from palier.cli.terminal import print_json, warn
from palier.cli.values import parse_address, parse_count, parse_percent
from palier.errors import InvalidCorpus, InvalidSettings

if TYPE_CHECKING:
    from palier.golden.plan import GoldenPlan
    from palier.workers.golden.run import ExaminationReport, Progress, Tell

TOKEN = "PALIER_JUDGE_TOKEN"  # noqa: S105 - the name of a variable

Done = TypeVar("Done")

DESCRIPTION = """\
Asks a candidate requests whose good answers are known, and stable the same, and says whether the candidate is good
enough: as good as stable within a margin, or at least as good as --min says. Scores lie between 0 and 1. The requests
come in random order, and the examination ends as soon as it is decided.

  palier examine http://candidate:8080/predict --stable http://stable:8080 --corpus golden.jsonl
  palier examine http://candidate:8080/predict --stable http://stable:8080 --corpus golden.jsonl \\
      --answers-spec spec.yaml --min 90% --margin 2%
  palier examine http://candidate:8080/predict --corpus golden.jsonl --min 90%      the first version: no stable yet
  palier examine http://candidate:8080/predict --corpus golden.jsonl --min 90% --json | jq '.score >= 0.95'

The corpus has a request in each line, as JSON: body, path, method and headers, expected, and if wanted id and segment.

  {"body": {"text": "Bonjour"}, "expected": {"language": "fr"}}

What is compared stands in a ModelDeployment, whose `spec.answers` is taken, or in a file with only that part. Without
such a file the whole documents are compared.

  checks:
    - {name: language, path: $.language, compare: Label}

A language model may say which answer is better; the bearer token that it asks for is taken from PALIER_JUDGE_TOKEN.

  palier examine http://candidate:8080/v1/chat/completions --stable http://stable:8080 --corpus chats.jsonl \\
      --judge http://judge:8000/v1/chat/completions --judge-model judge-70b --calibration people.jsonl

A program of your own may score too: collect the answers, have it write {"id": ..., "candidate": 0.8, "stable": 0.9} for
each of them, and call again with the same options.

  palier examine http://candidate:8080/predict --stable http://stable:8080 --corpus golden.jsonl --collect answers.jsonl
  palier examine http://candidate:8080/predict --stable http://stable:8080 --corpus golden.jsonl \\
      --answers answers.jsonl --scores scores.jsonl

The operator runs the same in a pod, before a release, with `--plan` in place of an address. Exit status: 0 good enough,
3 not good enough, 4 nothing can be said, 1 and 2 mistakes, 130 stopped by Ctrl-C: nothing was decided, and FILE.part
has the answers that --collect had got."""


def add_command(commands: Commands) -> None:
    """Add `palier examine` to the commands."""
    summary = "ask requests whose good answers are known, and judge the answers"
    command = new_command(commands, "examine", summary, DESCRIPTION)
    command.add_argument(
        "url", nargs="?", type=parse_address, metavar="URL", help="the candidate: http://host:port/path"
    )
    command.add_argument(
        "--stable", type=parse_address, metavar="URL", help="what it is compared with: http://host:port"
    )
    command.add_argument("--corpus", type=Path, required=True, metavar="FILE", help="the requests, one in each line")
    command.add_argument("--plan", type=Path, metavar="FILE", help="the whole plan, as the operator writes it")
    command.add_argument("--result", type=Path, metavar="FILE", help="also write the result to this file, as JSON")
    command.add_argument("--json", action="store_true", help="print the result as one JSON object")
    _add_quality(command)
    _add_judges(command)
    settings = command.add_argument_group("settings")
    for option, kind, metavar, words in (
        ("--timeout", parse_duration, "TIME", "longest wait for an answer (default: 60s)"),
        ("--concurrency", parse_count, "N", "requests at the same time, each to both (default: 4)"),
        (
            "--repeat",
            parse_count,
            "N",
            "how often each request is asked, for models whose answers vary (default: 1)",
        ),
        ("--seed", parse_count, "N", "the same seed draws the same order (default: 1)"),
    ):
        settings.add_argument(option, type=kind, metavar=metavar, help=words)
    settings.add_argument(
        "--method",
        choices=("GET", "POST", "PUT"),
        help="method of the requests for which the corpus names none (default: POST)",
    )
    command.set_defaults(run=_run, command=command)


def _add_quality(command: argparse.ArgumentParser) -> None:
    quality = command.add_argument_group("what good means")
    quality.add_argument("--answers-spec", type=Path, metavar="FILE", help="YAML that says how answers are compared")
    quality.add_argument(
        "--min",
        dest="min_score",
        type=_share,
        metavar="N%",
        help="lowest mean score that is good enough, in percent of the best",
    )
    quality.add_argument(
        "--margin",
        type=_share,
        metavar="N%",
        help="how many points of a hundred the mean may lie below stable's (default: 2%%)",
    )


def _add_judges(command: argparse.ArgumentParser) -> None:
    judges = command.add_argument_group("who scores, if not the comparison with what is expected")
    judges.add_argument("--judge", metavar="URL", help="chat completions of a model that says which answer is better")
    judges.add_argument("--judge-model", metavar="NAME", help="name of the judge's model at that address")
    judges.add_argument("--judge-prompt", type=Path, metavar="FILE", help="a prompt of your own for the judge")
    judges.add_argument("--calibration", type=Path, metavar="FILE", help="pairs that people have judged")
    judges.add_argument(
        "--collect", type=Path, metavar="FILE", help="only write the answers to this file, for a scorer"
    )
    judges.add_argument("--answers", type=Path, metavar="FILE", help="answers that were collected")
    judges.add_argument("--scores", type=Path, metavar="FILE", help="their scores")


def _run(options: argparse.Namespace) -> int:
    # Only now: the other commands must not wait for the HTTP client and the text metrics to load.
    from palier.cli.examine_plan import plan_of  # noqa: PLC0415

    by_hand, plan = options.plan is None, plan_of(options)
    for option in ("result", "collect"):
        if path := getattr(options, option):
            check_writable(path, option=option)
    tell = _People() if by_hand else _tell_operator
    try:
        if options.collect:
            _collect(plan, options, tell=tell)
            return 0
        examined = _run_examination(plan, options, tell=tell)
    except InvalidCorpus as error:
        raise InvalidCorpus(f"{options.corpus}: {error}") from None
    except KeyboardInterrupt:
        if isinstance(tell, _People):
            warn(f"palier: {tell.describe_stop(options.collect)}")
        raise
    return _print_result(examined, options, by_hand=by_hand)


def _print_result(examined: "ExaminationReport", options: argparse.Namespace, *, by_hand: bool) -> int:
    from palier.cli.examine_page import page  # noqa: PLC0415

    text = json.dumps(use_numbers(examined.result.to_status())) if by_hand else examined.result.to_json()
    verdict = examined.result.verdict
    return hand_over_result(options, verdict=verdict, text=text, page=lambda: page(examined), by_hand=by_hand)


def _collect(plan: "GoldenPlan", options: argparse.Namespace, *, tell: "Tell") -> None:
    from palier.workers.golden.run import collect  # noqa: PLC0415

    # What is not complete must not look as if it were.
    unfinished = _part(options.collect)
    try:
        with unfinished.open("w", encoding="utf-8") as into:
            _until_stopped(collect(plan, lines_of(options.corpus, option="corpus"), into, tell=tell))
        unfinished.replace(options.collect)
    except KeyboardInterrupt:
        raise  # somebody may have a use for what has come
    except BaseException as error:
        unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise refuse_writing(options.collect, "collect", error) from error
        raise


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _run_examination(plan: "GoldenPlan", options: argparse.Namespace, *, tell: "Tell") -> "ExaminationReport":
    from palier.workers.golden.run import examine, examine_scores  # noqa: PLC0415

    corpus = lines_of(options.corpus, option="corpus")
    if options.scores:
        if options.plan is None:
            # In a pod a scorer that wrote nothing leaves a verdict; by hand it is a mistake at the command line.
            check_readable(options.answers, option="answers")
            check_readable(options.scores, option="scores")
        return examine_scores(plan, corpus, answers=decode_lines(options.answers), scores=decode_lines(options.scores))
    calibration = _calibration(options)
    return _until_stopped(examine(plan, corpus, tell=tell, token=os.environ.get(TOKEN, ""), calibration=calibration))


def _calibration(options: argparse.Namespace) -> Iterable[str]:
    """The lines of the calibration; a person learns at once what is wrong with them."""
    from palier.golden import calibration  # noqa: PLC0415

    if options.calibration is None:
        return ()
    if options.plan is not None:
        return lines_of(options.calibration, option="calibration")
    lines = tuple(lines_of(options.calibration, option="calibration"))
    try:
        calibration.read(lines)
    except InvalidCorpus as error:
        raise InvalidSettings(f"--calibration: {options.calibration}: {error}") from None
    return lines


def _until_stopped(work: Coroutine[Any, Any, Done]) -> Done:
    """Do the work; SIGTERM ends it in good order and without a result, so that a Job asks again.

    Ctrl-C ends it in the same order, as KeyboardInterrupt. Both signals are callbacks of the loop: the handler that
    asyncio.run installs cancels the task between any two bytecodes, and a future that is just being resolved then
    prints a traceback.
    """

    async def run_until_signal() -> Done:
        loop, task, received = asyncio.get_running_loop(), asyncio.ensure_future(work), list[signal.Signals]()

        def stop(number: signal.Signals) -> None:
            received.append(number)
            task.cancel()

        loop.add_signal_handler(signal.SIGTERM, stop, signal.SIGTERM)
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as a shell sets it for what runs in the background
            loop.add_signal_handler(signal.SIGINT, stop, signal.SIGINT)
        try:
            return await task
        except asyncio.CancelledError:
            if not received:
                raise
            if received[0] is signal.SIGINT:
                raise KeyboardInterrupt from None
            raise SystemExit(128 + received[0]) from None

    return asyncio.run(run_until_signal())


def _tell_operator(progress: "Progress") -> None:
    if not progress.stopped:
        print_json(progress.to_json())


class _People:
    """Tells people how far it is, and in the end how far it came."""

    def __init__(self) -> None:
        self._last: Progress | None = None

    def __call__(self, progress: "Progress") -> None:
        """Tell it on the standard error."""
        self._last = progress
        if not progress.stopped:
            now = datetime.now(UTC).astimezone()
            warn(f"{now:%H:%M:%S}  {progress.message}")

    def describe_stop(self, collecting: Path | None) -> str:
        """What to say to whoever has stopped it."""
        if self._last is None:
            return "stopped before anything was asked: nothing was decided"
        collected = f"; {_part(collecting)} has the answers so far" if collecting and _part(collecting).exists() else ""
        return f"stopped after {self._last.asked} of {self._last.of} requests: nothing was decided{collected}"


def _share(text: str) -> float:
    return float(parse_percent(text, such_as="2%") / 100)
