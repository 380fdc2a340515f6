"""`palier score`: the metrics of texts, by hand, for files of answers.

Whoever writes `spec.answers` needs to see what a threshold means for real answers before a release depends on it, and a
build can refuse a model with the same numbers.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from statistics import fmean
from typing import Final

from palier.answers.text import METRICS, PERCENT_METRICS, score
from palier.cli import compare
from palier.cli.commands import Commands, new_command
from palier.cli.terminal import print_json, print_text
from palier.cli.texts import BELOW, SHOWN, add_files, content, doubt_scale, number, pairs

_ROUNDING: Final = 1e-9
"""What rounding may take from a mean that is exactly the minimum."""

_SCORE = """\
Scores each line of one file against the same line of another; each line is one text. The numbers are those of the
metrics' own reference implementations, so that they can be compared with other tools.

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


def add_commands(commands: Commands) -> None:
    """Add `palier score` and `palier compare` to the commands."""
    scoring = new_command(commands, "score", "score texts against references by ROUGE, BLEU, chrF, F1", _SCORE)
    scoring.add_argument("--metric", required=True, choices=METRICS, help="how alike two texts are")
    add_files(scoring, "texts, one per line")
    scoring.add_argument(
        "--min", type=number, metavar="N", help="exit with 3 if the mean is below this, on the metric's scale"
    )
    scoring.add_argument("--json", action="store_true", help="print one JSON object")
    versions = scoring.add_argument_group("what was scored, for the record that --json prints")
    versions.add_argument("--model", metavar="NAME", help="the model that answered")
    versions.add_argument("--model-version", metavar="VERSION", help="its version")
    versions.add_argument("--prompt", metavar="FILE", action="append", default=[], help="a prompt that it was given")
    scoring.set_defaults(run=_score, command=scoring)
    compare.add_command(commands)


def _score(options: argparse.Namespace) -> int:
    most = 100 if options.metric in PERCENT_METRICS else 1
    if options.min is not None and not 0 <= options.min <= most:
        options.command.error(f"argument --min: {options.metric} lies between 0 and {most}")
    if not options.json and (options.prompt or (options.model, options.model_version) != (None, None)):
        options.command.error("add --json: --model, --model-version and --prompt are for its record")
    if most > 1:
        doubt_scale("--min", options.min, f"{options.metric} lies")
    references, candidates = pairs(options)
    versions = _versions(options)
    scores = [score(options.metric, *pair) for pair in zip(references, candidates, strict=True)]
    mean = fmean(scores)
    if options.json:
        result = {"metric": options.metric, "n": len(scores), "mean": mean, "scores": scores}
        print_json(json.dumps(result | ({"versions": versions} if versions else {})))
    else:
        print_text(_score_page(options.metric, most, scores, references, candidates))
    return BELOW if options.min is not None and mean + _ROUNDING < options.min else 0


def _versions(options: argparse.Namespace) -> dict[str, str]:
    """What was scored: the model, its version and the SHA-256 of each prompt."""
    named = {"model": options.model, "version": options.model_version}
    prompts = {f"prompt/{path}": hashlib.sha256(content(path)).hexdigest() for path in options.prompt}
    return {name: value for name, value in named.items() if value is not None} | prompts


def _score_page(
    metric: str, most: int, scores: Sequence[float], references: Sequence[str], candidates: Sequence[str]
) -> str:
    """What a person reads: the mean, and where it was lost."""
    from palier.answers.document import show_value  # noqa: PLC0415

    lines = [f"{metric:<8}{fmean(scores):.4f}   mean of {len(scores)}, between 0 and {most}"]
    worst = sorted(range(len(scores)), key=scores.__getitem__)[:SHOWN]
    rows = [(str(place + 1), f"{scores[place]:.4f}", place) for place in worst if scores[place] + _ROUNDING < most]
    if rows:
        width = max(len("line"), *(len(number) for number, _, _ in rows))
        lines += ["", f"{'line':>{width}}  {'score':>8}  candidate instead of reference"]
        for number, scored, place in rows:
            comparison = f"{show_value(candidates[place])} instead of {show_value(references[place])}"
            lines.append(f"{number:>{width}}  {scored:>8}  {comparison}")
    return "\n".join(lines)
