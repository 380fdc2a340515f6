"""`palier score` and `palier compare`: the comparisons of a release, by hand, for files of answers.

Whoever writes `spec.answers` needs to see what a threshold means for real answers before a release depends on it, and a
build can refuse a model with the same numbers.
"""

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from palier.answers.text import METRICS, PERCENT_METRICS, score
from palier.errors import InvalidCorpus, InvalidSettings, InvalidSpec

if TYPE_CHECKING:
    from palier.answers.checks import CheckResult
    from palier.answers.confusion import Confusion
    from palier.api.answers import Answers

__all__ = ["add_commands"]

BELOW: Final = 3
"""Exit status when a minimum is not reached; 1 is a mistake in a file, 2 one at the command line."""

_ROUNDING: Final = 1e-9
"""What rounding may take from a mean that is exactly the minimum."""
_SHOWN: Final = 10
"""Lines that are told one by one."""
_WIDEST: Final = 10
"""Labels of a table that fits a terminal."""

_SCORE = """\
Scores each line of one file against the same line of another: a text a line. The numbers are those of the metrics' own
reference implementations, so that they can be compared with other tools.

  palier score --metric rougeL --references expected.txt --candidates answers.txt
  palier score --metric chrf --references expected.txt --candidates answers.txt --json | jq .mean
  palier score --metric tokenF1 --references expected.txt --candidates answers.txt --min 0.8        for a build
  my-model < questions.txt | palier score --metric exact --references expected.txt --candidates -
  palier score --metric bleu --references expected.txt --candidates answers.txt --json \\
      --model language-id --model-version 2.1.1 --prompt system.txt                                 for the record

  rouge1, rouge2, rougeL  0 to 1    rouge-score; reads a-z and 0-9 only: no use for Cyrillic, Arabic or Chinese
  tokenF1                 0 to 1    SQuAD 2.0; short answers, without case, punctuation and English articles
  exact                   0 to 1    1 for identical texts
  chrf                    0 to 100  sacrebleu; any script, forgives endings of words
  bleu                    0 to 100  sacrebleu; translations in languages with spaces between words

--json prints {"metric", "n", "mean", "scores"}; with --model, --model-version or --prompt also "versions". Lines end
with a newline, or a carriage return and a newline; an empty line is an empty text. Files are UTF-8.

Exit status: 0 done, 1 a mistake in a file, 2 a mistake at the command line, 3 the mean is below --min."""

_COMPARE = """\
Compares each answer of one file with the answer in the same line of another, by the checks of `spec.answers`, as the
shadow stage of a release does. A line is the body of an answer: JSON, or else a text.

  palier compare --references stable.jsonl --candidates candidate.jsonl             the whole documents
  palier compare --references stable.jsonl --candidates candidate.jsonl --answers answers.yaml
  palier compare --references stable.jsonl --candidates candidate.jsonl --answers deployment.yaml --min-percent 97
  palier compare --references stable.jsonl --candidates candidate.jsonl --json | jq .agreement

The file of the checks is a ModelDeployment, of which `spec.answers` is taken, or only what stands there:

  checks:
    - {name: language, path: $.language, compare: Label}
    - {name: confidence, path: $.confidence, compare: Number, tolerance: {absolute: "0.05"}}
    - {name: text, path: $.text, compare: Text, text: {metric: chrf, min: "85"}}

Disagreements are told with parts of both answers. --json prints {"n", "agreeing", "agreement", "checks",
"disagreements"}; agreement and scores lie between 0 and 1. A pair that cannot be told does not agree.

Exit status: 0 done, 1 a mistake in a file, 2 a mistake at the command line, 3 the agreement is below --min-percent."""


@dataclass(slots=True)
class _Tally:
    """What a check found in all pairs."""

    name: str
    confusion: "Confusion | None" = None
    agreeing: int = 0
    scores: list[float] = field(default_factory=list)
    idle: int = 0
    """Pairs in which there was nothing to compare."""

    def take(self, result: "CheckResult") -> None:
        """Count one pair."""
        self.agreeing += result.agrees is True
        # A check that agrees has something to say only of a place at which neither answer has anything.
        self.idle += result.agrees is None or (result.agrees and bool(result.message))
        if result.score is not None:
            self.scores.append(result.score)
        if self.confusion is not None and result.labels is not None:
            self.confusion.add(*result.labels)

    def entry(self) -> dict[str, Any]:
        """The entry of `checks`."""
        mean = _mean(self.scores) if self.scores else None
        table = {} if self.confusion is None else {"confusion": self.confusion.table()}
        return {"name": self.name, "agreeing": self.agreeing, "score": mean, **table}


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `palier score` and `palier compare` to the commands."""
    scoring = _command(commands, "score", "score texts against references by ROUGE, BLEU, chrF, F1", _SCORE)
    scoring.add_argument("--metric", required=True, choices=METRICS, help="how alike two texts are")
    _add_files(scoring, "texts, one a line")
    scoring.add_argument("--min", type=_number, metavar="N", help="exit with 3 if the mean is below, on its own scale")
    scoring.add_argument("--json", action="store_true", help="print one JSON object")
    versions = scoring.add_argument_group("what was scored, for the record")
    versions.add_argument("--model", metavar="NAME", help="the model that answered")
    versions.add_argument("--model-version", metavar="VERSION", help="its version")
    versions.add_argument("--prompt", metavar="FILE", action="append", default=[], help="a prompt that it was given")
    scoring.set_defaults(run=_score, command=scoring)
    comparing = _command(commands, "compare", "compare answers as the shadow stage of a release does", _COMPARE)
    _add_files(comparing, "answers, one a line")
    comparing.add_argument("--answers", metavar="FILE", help="what has to be alike (default: the whole answer)")
    comparing.add_argument("--min-percent", type=_number, metavar="N", help="exit with 3 if fewer percent agree")
    comparing.add_argument("--json", action="store_true", help="print one JSON object")
    comparing.set_defaults(run=_compare, command=comparing)


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str, text: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name, help=summary, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def _add_files(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument("--references", required=True, metavar="FILE", help=f"the expected {what}; - reads the input")
    command.add_argument("--candidates", required=True, metavar="FILE", help=f"the {what}; - reads the input")


def _score(options: argparse.Namespace) -> int:
    most = 100 if options.metric in PERCENT_METRICS else 1
    if options.min is not None and not 0 <= options.min <= most:
        options.command.error(f"argument --min: {options.metric} lies between 0 and {most}")
    references, candidates = _pairs(options)
    versions = _versions(options)
    scores = [score(options.metric, *pair) for pair in zip(references, candidates, strict=True)]
    mean = _mean(scores)
    if options.json:
        found = {"metric": options.metric, "n": len(scores), "mean": mean, "scores": scores}
        print(json.dumps(found | ({"versions": versions} if versions else {})))
    else:
        print(_score_page(options.metric, most, scores, references, candidates))
    return BELOW if options.min is not None and mean + _ROUNDING < options.min else 0


def _compare(options: argparse.Namespace) -> int:
    # Only now: the other commands must not wait for the API's models to load.
    from palier.answers.comparison import Answer, compare  # noqa: PLC0415
    from palier.answers.confusion import Confusion  # noqa: PLC0415
    from palier.api.answers import Answers, Comparison  # noqa: PLC0415

    least = options.min_percent
    if least is not None and not 0 <= least <= 100:  # noqa: PLR2004 - percent
        options.command.error("argument --min-percent: a share lies between 0 and 100 percent")
    answers = _answers(options.answers) if options.answers else Answers()
    references, candidates = _pairs(options)
    tallies = [_Tally(one.name, Confusion() if one.compare is Comparison.LABEL else None) for one in answers.compared]
    agreeing, disagreements = 0, list[dict[str, Any]]()
    for line, (reference, candidate) in enumerate(zip(references, candidates, strict=True), start=1):
        compared = compare(Answer(200, reference), Answer(200, candidate), answers)
        for tally, result in zip(tallies, compared.results, strict=True):
            tally.take(result)
        agreeing += compared.agrees is True
        if compared.agrees is not True and len(disagreements) < _SHOWN:
            disagreements.append({"line": line, "message": compared.message})
    found = {
        "n": len(references),
        "agreeing": agreeing,
        "agreement": agreeing / len(references),
        "checks": [tally.entry() for tally in tallies],
        "disagreements": disagreements,
    }
    print(json.dumps(found) if options.json else "\n".join(_compare_page(found, tallies)))
    for tally in tallies:
        if tally.idle == len(references):
            print(
                f"palier: check {tally.name} compared nothing: no two answers have a value at its path", file=sys.stderr
            )
    return BELOW if least is not None and 100 * agreeing < least * len(references) else 0


def _pairs(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """The lines of both files.

    Raises:
        InvalidSettings: a file cannot be read.
        InvalidCorpus: one is not UTF-8, or they do not belong together.
    """
    if options.references == options.candidates == "-":
        options.command.error("--references and --candidates cannot both be read from the input")
    references, candidates = _lines(options.references), _lines(options.candidates)
    if len(references) != len(candidates):
        told = (f"{_name(options.references)} has {_count(references)}", f"{_name(options.candidates)} has")
        raise InvalidCorpus(f"{', '.join(told)} {_count(candidates)}: each candidate needs its reference")
    if not references:
        raise InvalidCorpus(f"{_name(options.references)} and {_name(options.candidates)} are empty")
    return references, candidates


def _lines(path: str) -> list[str]:
    """The texts of a file. Only a newline ends one: Unicode has other ends of lines, and answers may contain them."""
    pieces = _bytes(path).removeprefix(b"\xef\xbb\xbf").split(b"\n")
    ended = [piece.removesuffix(b"\r") for piece in pieces[:-1]]
    lines = []
    for number, line in enumerate([*ended, pieces[-1]] if pieces[-1] else ended, start=1):
        try:
            lines.append(line.decode())
        except UnicodeDecodeError:
            raise InvalidCorpus(f"{_name(path)}: line {number}: the text is not UTF-8") from None
    return lines


def _bytes(path: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise InvalidSettings(f"cannot read {_name(path)}: {error.strerror or error}") from error
    except ValueError as error:  # a name that no file can have
        raise InvalidSettings(f"cannot read {path!r}: {error}") from error


def _name(path: str) -> str:
    return "the input" if path == "-" else path


def _count(lines: Sequence[str]) -> str:
    return f"{len(lines)} line" if len(lines) == 1 else f"{len(lines)} lines"


def _versions(options: argparse.Namespace) -> dict[str, str]:
    """What was scored: the model, its version and the SHA-256 of each prompt."""
    named = {"model": options.model, "version": options.model_version}
    prompts = {f"prompt/{path}": hashlib.sha256(_bytes(path)).hexdigest() for path in options.prompt}
    return {name: value for name, value in named.items() if value is not None} | prompts


def _answers(path: str) -> "Answers":
    """The checks of a file.

    Raises:
        InvalidSettings: the file cannot be read, or has no checks.
        InvalidSpec: they break a rule of the API, or need a server for vectors.
    """
    import yaml  # noqa: PLC0415
    from pydantic import ValidationError  # noqa: PLC0415

    from palier.api.answers import Answers, TextMetric  # noqa: PLC0415
    from palier.api.constants import KIND  # noqa: PLC0415

    try:
        documents = [one for one in yaml.safe_load_all(_bytes(path).decode("utf-8-sig")) if isinstance(one, dict)]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidSettings(f"cannot read {_name(path)}: {' '.join(str(error).split())}") from error
    deployments = [one for one in documents if one.get("kind") == KIND]
    if len(deployments or documents) != 1:
        raise InvalidSettings(f"{_name(path)} holds {len(deployments or documents)} objects with checks; one is needed")
    spec = deployments[0].get("spec") if deployments else None
    written = documents[0] if not deployments else spec.get("answers", {}) if isinstance(spec, dict) else {}
    try:
        answers = Answers.model_validate(written, extra="forbid")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
        place = steps + (first["ctx"]["field"] if first["type"] == "rule" else "")
        raise InvalidSpec(f"{_name(path)}: {place.removeprefix('.') or 'answers'}", first["msg"]) from None
    for number, check in enumerate(answers.compared):
        if check.text is not None and check.text.metric is TextMetric.EMBEDDING:
            told = "palier compare asks no server for vectors: choose another metric, or leave the check out"
            raise InvalidSpec(f"{_name(path)}: checks[{number}].text.metric", told)
    return answers


def _score_page(
    metric: str, most: int, scores: Sequence[float], references: Sequence[str], candidates: Sequence[str]
) -> str:
    """What a person reads: the mean, and where it was lost."""
    from palier.answers.document import shown  # noqa: PLC0415

    lines = [f"{metric:<8}{_mean(scores):.4f}   mean of {len(scores)}, between 0 and {most}"]
    worst = sorted(range(len(scores)), key=scores.__getitem__)[:_SHOWN]
    rows = [(str(place + 1), f"{scores[place]:.4f}", place) for place in worst if scores[place] + _ROUNDING < most]
    if rows:
        width = max(len("line"), *(len(number) for number, _, _ in rows))
        lines += ["", f"{'line':>{width}}  {'score':>8}  candidate instead of reference"]
        for number, scored, place in rows:
            told = f"{shown(candidates[place])} instead of {shown(references[place])}"
            lines.append(f"{number:>{width}}  {scored:>8}  {told}")
    return "\n".join(lines)


def _compare_page(found: Mapping[str, Any], tallies: Sequence[_Tally]) -> Iterator[str]:
    yield f"{found['agreeing']} of {found['n']} pairs agree: {_percent(found['agreement'])}"
    width = max(len("check"), *(len(tally.name) for tally in tallies))
    yield ""
    yield f"{'check':<{width}}  {'agreeing':>9}  {'score':>6}"
    for tally in tallies:
        scored = f"{_mean(tally.scores):.4f}" if tally.scores else "-"
        yield f"{tally.name:<{width}}  {_percent(tally.agreeing / found['n']):>9}  {scored:>6}"
    for tally in tallies:
        if tally.confusion is not None and tally.confusion.counts:
            yield ""
            yield from _table(tally.name, tally.confusion)
    if found["disagreements"]:
        yield ""
        yield "First disagreements" if found["n"] - found["agreeing"] > _SHOWN else "Disagreements"
        for one in found["disagreements"]:
            yield f"  line {one['line']}: {one['message']}"


def _table(name: str, confusion: "Confusion") -> Iterator[str]:
    """The whole table where it fits, else the most frequent confusions."""
    labels, counts = confusion.labels, confusion.counts
    if len(labels) > _WIDEST:
        yield f"{name}: most frequent confusions"
        differing = sorted(((count, pair) for pair, count in counts.items() if pair[0] != pair[1]), reverse=True)
        for count, (reference, candidate) in differing[:_SHOWN]:
            yield f"  {count:>6}  {candidate} instead of {reference}"
        return
    head = f"{name}: reference"
    width = max(len(head), *map(len, labels))
    columns = [max(len(label), *(len(str(counts.get((row, label), 0))) for row in labels)) for label in labels]
    cells = zip(labels, columns, strict=True)
    yield f"{head:<{width}}  " + "  ".join(f"{label:>{column}}" for label, column in cells) + "  candidate"
    for row in labels:
        cells = zip(labels, columns, strict=True)
        yield f"{row:<{width}}  " + "  ".join(f"{counts.get((row, label), 0):>{column}}" for label, column in cells)


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _mean(numbers: Sequence[float]) -> float:
    return math.fsum(numbers) / len(numbers)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}")
    return number
