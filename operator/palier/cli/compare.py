"""`palier compare`: what the shadow stage of a release would say of two files of answers.

A pair counts as agreeing only if something was compared, and a check that never found anything is an error: a path that
is misspelled would else make every build pass.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from palier.cli.commands import Commands, new_command
from palier.cli.terminal import print_json, print_text, warn
from palier.cli.texts import BELOW, SHOWN, add_files, content, doubt_scale, number, pairs, shown_name
from palier.errors import InvalidSettings, InvalidSpec

if TYPE_CHECKING:
    from palier.answers.checks import CheckResult
    from palier.answers.confusion import Confusion
    from palier.api.spec.answers import Answers

_IDLE: Final = 1
"""Exit status when a check compared nothing."""
_WIDEST: Final = 10
"""Labels of a table that fits a terminal."""

_COMPARE = """\
Compares each answer of one file with the answer in the same line of another, by the checks of `spec.answers`, as the
shadow stage of a release does. A line is the body of an answer: JSON, or else a text.

  palier compare --references stable.jsonl --candidates candidate.jsonl             the whole documents
  palier compare --references stable.jsonl --candidates candidate.jsonl --answers answers.yaml
  palier compare --references stable.jsonl --candidates candidate.jsonl --answers deployment.yaml --min-percent 97
  palier compare --references stable.jsonl --candidates candidate.jsonl --json | jq .agreement

The file of the checks is a ModelDeployment, whose `spec.answers` is taken, or holds only that part:

  checks:
    - {name: language, path: $.language, compare: Label}
    - {name: confidence, path: $.confidence, compare: Number, tolerance: {absolute: "0.05"}}
    - {name: text, path: $.text, compare: Text, text: {metric: chrf, min: "85"}}

Disagreements are shown with parts of both answers. --json prints {"n", "agreeing", "agreement", "checks",
"disagreements"}; agreement and scores lie between 0 and 1. A check counts only the pairs in which it found
something to compare. A pair in which no check found anything, or of which nothing can be said, does not agree.

Exit status: 0 done, 1 a mistake in a file, or a check that compared nothing in any pair, 2 a mistake at the command
line, 3 the agreement is below --min-percent."""


@dataclass(slots=True)
class _Tally:
    """What a check found in all pairs."""

    name: str
    path: str
    confusion: "Confusion | None" = None
    agreeing: int = 0
    scores: list[float] = field(default_factory=list)
    """The scores of the pairs that the check compared."""
    why: str = ""
    """Why the last pair could not be compared; empty where there was nothing to compare."""

    @property
    def pair_count(self) -> int:
        """Pairs in which there was something to compare."""
        return len(self.scores)

    def take(self, result: "CheckResult") -> None:
        """Count one pair."""
        if not result.found or result.score is None:
            self.why = result.message if result.found else self.why
            return
        self.agreeing += result.agrees is True
        self.scores.append(result.score)
        if self.confusion is not None and result.labels is not None:
            self.confusion.add(*result.labels)

    def idleness(self, number: int) -> str:
        """That it compared nothing in so many pairs, and why."""
        why = self.why or f"no answer has anything at {self.path}; is the path right?"
        return f"check {self.name} compared nothing in {number} pair{'' if number == 1 else 's'}: {why}"

    def entry(self) -> dict[str, Any]:
        """The entry of `checks`."""
        mean = fmean(self.scores) if self.scores else None
        table = {} if self.confusion is None else {"confusion": self.confusion.table()}
        return {"name": self.name, "compared": self.pair_count, "agreeing": self.agreeing, "score": mean, **table}


def add_command(commands: Commands) -> None:
    """Add `palier compare` to the commands."""
    comparing = new_command(commands, "compare", "compare answers as the shadow stage of a release does", _COMPARE)
    add_files(comparing, "answers, one per line")
    comparing.add_argument("--answers", metavar="FILE", help="what has to be alike (default: the whole answer)")
    comparing.add_argument(
        "--min-percent", type=number, metavar="N", help="exit with 3 if a smaller share of the pairs agrees"
    )
    comparing.add_argument("--json", action="store_true", help="print one JSON object")
    comparing.set_defaults(run=_compare, command=comparing)


def _compare(options: argparse.Namespace) -> int:
    # Only now: the other commands must not wait for the API's models to load.
    from palier.answers.comparison import Answer, compare  # noqa: PLC0415
    from palier.answers.confusion import Confusion  # noqa: PLC0415
    from palier.api.spec.answers import Answers, Comparison  # noqa: PLC0415

    least = options.min_percent
    if least is not None and not 0 <= least <= 100:  # noqa: PLR2004 - percent
        options.command.error("argument --min-percent: a share lies between 0 and 100 percent")
    doubt_scale("--min-percent", least, "percent lie")
    answers = _answers(options.answers) if options.answers else Answers()
    references, candidates = pairs(options)
    tallies = [
        _Tally(one.name, str(one.path), Confusion() if one.compare is Comparison.LABEL else None)
        for one in answers.effective_checks
    ]
    agreeing, disagreements = 0, list[dict[str, Any]]()
    for line, (reference, candidate) in enumerate(zip(references, candidates, strict=True), start=1):
        compared = compare(Answer(200, reference), Answer(200, candidate), answers)
        for tally, result in zip(tallies, compared.results, strict=True):
            tally.take(result)
        any_found = any(result.found for result in compared.results)
        if any_found and compared.agrees:
            agreeing += 1
        elif len(disagreements) < SHOWN:
            message = compared.message if any_found else "no check found anything in either answer"
            disagreements.append({"line": line, "message": message})
    report = {
        "n": len(references),
        "agreeing": agreeing,
        "agreement": agreeing / len(references),
        "checks": [tally.entry() for tally in tallies],
        "disagreements": disagreements,
    }
    if options.json:
        print_json(json.dumps(report))
    else:
        print_text("\n".join(_page(report, tallies)))
    if idle := [tally for tally in tallies if not tally.pair_count]:
        for tally in idle:
            warn(f"palier: {tally.idleness(len(references))}")
        return _IDLE
    return BELOW if least is not None and 100 * agreeing < least * len(references) else 0


def _answers(path: str) -> "Answers":
    """The checks of a file.

    Raises:
        InvalidSettings: the file cannot be read, or has no checks.
        InvalidSpec: they break a rule of the API, or need a server for vectors.
    """
    from palier.api.spec.answers import TextMetric  # noqa: PLC0415
    from palier.cli.answers_file import answers_in  # noqa: PLC0415

    name = shown_name(path)
    try:
        text = content(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidSettings(f"{name}: the text is not UTF-8") from None
    answers = answers_in(text, name=name)
    for place, check in enumerate(answers.effective_checks):
        if check.text is not None and check.text.metric is TextMetric.EMBEDDING:
            message = "palier compare asks no server for vectors: choose another metric, or leave the check out"
            raise InvalidSpec(f"{name}: checks[{place}].text.metric", message)
    return answers


def _page(result: Mapping[str, Any], tallies: Sequence[_Tally]) -> Iterator[str]:
    yield f"{result['agreeing']} of {result['n']} pairs agree: {_percent(result['agreement'])}"
    width = max(len("check"), *(len(tally.name) for tally in tallies))
    yield ""
    yield f"{'check':<{width}}  {'compared':>8}  {'agreeing':>8}  {'score':>6}"
    for tally in tallies:
        agreeing = _percent(tally.agreeing / tally.pair_count) if tally.pair_count else "-"
        scored = f"{fmean(tally.scores):.4f}" if tally.scores else "-"
        yield f"{tally.name:<{width}}  {tally.pair_count:>8}  {agreeing:>8}  {scored:>6}"
    for tally in tallies:
        if tally.confusion is not None and tally.confusion.counts:
            yield ""
            yield from _table(tally.name, tally.confusion)
    if result["disagreements"]:
        yield ""
        yield "First disagreements" if result["n"] - result["agreeing"] > SHOWN else "Disagreements"
        for one in result["disagreements"]:
            yield f"  line {one['line']}: {one['message']}"


def _table(name: str, confusion: "Confusion") -> Iterator[str]:
    """The whole table where it fits, else the most frequent confusions."""
    labels, counts = confusion.labels, confusion.counts
    if len(labels) > _WIDEST:
        yield f"{name}: most frequent confusions"
        differing = sorted(((count, pair) for pair, count in counts.items() if pair[0] != pair[1]), reverse=True)
        for count, (reference, candidate) in differing[:SHOWN]:
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
