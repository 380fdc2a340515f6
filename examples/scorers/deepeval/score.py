"""Scores golden answers with DeepEval, by metrics that need no language model and no network.

Reads /golden/answers.jsonl and writes /golden/scores.jsonl; another folder may be given as an argument.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

METRICS = ("rouge", "exact", "normalized", "pattern")

Score = Callable[[str, str], float]
"""Scores an answer against the expected text, between 0 and 1."""


def scorer(metric: str) -> Score:
    """A metric of DeepEval. The library is imported here: it takes a second, and must not report that it was used."""
    os.environ.setdefault("DEEPEVAL_TELEMETRY_OPT_OUT", "1")
    from deepeval.metrics import ExactMatchMetric, PatternMatchMetric  # noqa: PLC0415
    from deepeval.scorer import Scorer  # noqa: PLC0415
    from deepeval.test_case import LLMTestCase  # noqa: PLC0415

    def measure(expected: str, answer: str) -> float:
        if not answer:  # DeepEval refuses to measure these
            return 0.0
        scoring = ExactMatchMetric() if metric == "exact" else PatternMatchMetric(pattern=expected)
        case = LLMTestCase(input="", actual_output=answer, expected_output=expected)
        return float(scoring.measure(case, _show_indicator=False))

    def compute(expected: str, answer: str) -> float:
        if metric == "rouge":
            return float(Scorer.rouge_score(expected, answer, "rougeL"))
        return float(Scorer.quasi_exact_match_score(expected, answer))

    return measure if metric in {"exact", "pattern"} else compute


def text_of(body: Any) -> str:  # noqa: ANN401 - any JSON
    """What is compared: the words of a chat completion, a text as it is, any other JSON with its keys in order."""
    match body:
        case None:
            return ""
        case str():
            return body
        case {"choices": [{"message": {"content": str(words)}}, *_]}:
            return words
        case _:
            return json.dumps(body, ensure_ascii=False, sort_keys=True)


def scored(line: str, score: Score) -> dict[str, Any]:
    """The scores of one line of answers: a failed answer has 0.

    Raises:
        KeyError, TypeError, ValueError: the line is no answer, or has nothing that it could be compared with.
    """
    entry = json.loads(line)
    if entry["expected"] is None:
        raise ValueError(f"{entry['id']} has no expected answer")
    expected = text_of(entry["expected"])
    scores = {"id": entry["id"]}
    for arm in ("candidate", "stable"):
        if arm in entry:
            failed = "failure" in entry[arm]
            # Rounding may take a library above 1, which Palier refuses.
            scores[arm] = 0.0 if failed else min(1.0, max(0.0, score(expected, text_of(entry[arm]["body"]))))
    return scores


def write_scores(folder: Path, score: Score) -> int:
    """Score every line of `answers.jsonl` into `scores.jsonl`, which is there as a whole or not at all.

    Returns:
        How many lines there were.
    """
    unfinished, number = folder / "scores.jsonl.unfinished", 0
    with (folder / "answers.jsonl").open(encoding="utf-8") as answers, unfinished.open("w", encoding="utf-8") as scores:
        for number, line in enumerate(answers, start=1):  # noqa: B007 - it is the count in the end
            scores.write(json.dumps(scored(line, score)) + "\n")
    unfinished.rename(folder / "scores.jsonl")
    return number


def main() -> None:
    """Score what Palier has collected."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "/golden")
    metric = os.environ.get("METRIC", "rouge")
    if metric not in METRICS:
        sys.exit(f"METRIC must be one of {', '.join(METRICS)}, not {metric}")
    try:
        number = write_scores(folder, scorer(metric))
    except (OSError, KeyError, TypeError, ValueError) as error:
        sys.exit(f"the answers cannot be scored: {error!r}")
    print(f"{number} lines of answers scored by {metric}")


if __name__ == "__main__":
    main()
