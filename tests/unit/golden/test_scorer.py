"""A scorer of the user's: what it reads, and what it must write to be believed."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from palier.answers.comparison import Answer
from palier.golden.corpus import Case
from palier.golden.plan import GoldenPlan
from palier.golden.verdict import Gap, Item
from palier.workers.golden.ask import Reply
from palier.workers.golden.scorer import ScorerFailed, answer_line, read_items

PLAN = GoldenPlan(candidate="a", stable="b", path="/predict", scored_elsewhere=True)
CASES = [
    Case(line=1, id="one", body={"q": 1}, headers={"Authorization": "secret"}, expected="x", segment="s"),
    Case(line=2, id="two", method="PUT", path="/other"),
]
GOOD = Reply(Answer(200, '{"a": 1}'), status=200)
DEAD = Reply(failure="HTTP 503", status=503)


def lines(*replies: Mapping[str, Reply], plan: GoldenPlan = PLAN) -> list[str]:
    """The answers to all cases, each as often as the plan says."""
    asked = [(case, number) for case in CASES for number in range(plan.repeat)]
    return [answer_line(*one, both, plan) for one, both in zip(asked, replies, strict=True)]


def written(*entries: Mapping[str, Any]) -> list[str]:
    """Lines of scores."""
    return [json.dumps(entry) for entry in entries]


BOTH = {"candidate": GOOD, "stable": GOOD}
ANSWERS = lines(BOTH, BOTH)
SCORES: Sequence[Mapping[str, Any]] = (
    {"id": "two", "candidate": 1, "stable": 0},
    {"id": "one", "candidate": 0.25, "stable": 0.5},
)


def test_what_a_scorer_reads() -> None:
    """Request, expectation and answers, JSON as JSON, and no headers, which may hold secrets."""
    stream = (
        'data: {"choices": [{"delta": {"content": "Bon"}}]}\n\ndata: {"choices": [{"delta": {"content": "jour"}}]}\n\n'
    )
    replies = {"candidate": Reply(Answer(200, stream, streamed=True), status=200), "stable": GOOD}

    assert json.loads(answer_line(CASES[0], 0, replies, PLAN)) == {
        "id": "one",
        "request": {"method": "POST", "path": "/predict", "body": {"q": 1}},
        "expected": "x",
        "segment": "s",
        "candidate": {"status": 200, "body": "Bonjour"},
        "stable": {"status": 200, "body": {"a": 1}},
    }
    failed = json.loads(answer_line(CASES[1], 0, {"candidate": DEAD}, replace(PLAN, stable="")))
    assert failed["request"] == {"method": "PUT", "path": "/other", "body": None}
    assert failed["candidate"] == {"status": 503, "body": None, "failure": "HTTP 503"}
    assert "stable" not in failed


def test_scores_belong_to_their_requests() -> None:
    """In whatever order they are written."""
    assert read_items(CASES, ANSWERS, written(*SCORES), PLAN) == {
        "one": Item("one", candidate=0.25, stable=0.5, scored=1, segment="s"),
        "two": Item("two", candidate=1.0, stable=0.0, scored=1),
    }


def test_repetitions_have_scores_of_their_own() -> None:
    """Their mean is the request's."""
    plan = replace(PLAN, repeat=2)
    answers = lines(BOTH, BOTH, BOTH, BOTH, plan=plan)
    scores = written(
        {"id": "one#1", "candidate": 0, "stable": 1},
        {"id": "one#2", "candidate": 1, "stable": 1},
        {"id": "two#1", "candidate": 0.5, "stable": 0.5},
        {"id": "two#2", "candidate": 0.5, "stable": 0.5},
    )

    found = read_items(CASES, answers, scores, plan)

    assert found["one"] == Item("one", candidate=0.5, stable=1.0, scored=2, segment="s")


def test_failed_answers_need_no_score_and_get_none() -> None:
    """A candidate that failed has 0, whatever the scorer says; where stable failed, nothing is compared."""
    answers = lines({"candidate": DEAD, "stable": GOOD}, {"candidate": GOOD, "stable": DEAD})

    for candidate in ({}, {"candidate": 1}):
        found = read_items(CASES, answers, written({"id": "one", "stable": 0.75, **candidate}), PLAN)
        assert found["one"] == Item(
            "one", candidate=0.0, stable=0.75, scored=1, segment="s", message="the candidate failed: HTTP 503"
        )
        assert found["two"] == Item("two", gaps=(Gap.STABLE,))


def test_a_first_revision_is_scored_alone() -> None:
    """Nobody asks for a score of stable then."""
    plan = replace(PLAN, stable="")
    answers = lines({"candidate": GOOD}, {"candidate": DEAD}, plan=plan)

    found = read_items(CASES, answers, written({"id": "one", "candidate": 1}), plan)

    assert (found["one"].candidate, found["one"].stable) == (1.0, None)
    assert (found["two"].candidate, found["two"].scored) == (0.0, 1)


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ((), 'scores: the answer with the id "one" has no score'),
        (SCORES[:1], 'scores: the answer with the id "one" has no score'),
        ((*SCORES, SCORES[0]), 'scores, line 3: the answer with the id "two" already has a score in line 1'),
        ((*SCORES, {"id": "three", "candidate": 1}), 'scores, line 3: there is no answer with the id "three"'),
        ((*SCORES, {"candidate": 1}), "scores, line 3: there is no answer with the id null"),
        (({"id": "one", "candidate": 1},), "scores, line 1: the score of stable is missing"),
        (({"id": "one", "candidate": 1.01, "stable": 1},), "scores, line 1: candidate must be a number from 0 to 1"),
        (({"id": "one", "candidate": 1, "stable": -0.1},), "scores, line 1: stable must be a number"),
        (({"id": "one", "candidate": True, "stable": 1},), "scores, line 1: candidate must be a number"),
        (({"id": "one", "candidate": "1", "stable": 1},), "scores, line 1: candidate must be a number"),
        (({"id": "one", "candidate": None, "stable": 1},), "scores, line 1: candidate must be a number"),
        (({"id": "one", "candidate": float("nan"), "stable": 1},), "scores, line 1: it is not JSON"),
        (({"id": "one", "candidate": 1, "stabel": 1},), 'scores, line 1: "stabel" is not known'),
    ],
)
def test_scores_that_are_none(scores: Sequence[Mapping[str, Any]], words: str) -> None:
    """Missing, repeated or impossible: told with the line."""
    with pytest.raises(ScorerFailed) as caught:
        read_items(CASES, ANSWERS, written(*scores), PLAN)

    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([], 'answers: the one with the id "one" is missing'),
        (ANSWERS[:1], 'answers: the one with the id "two" is missing'),
        ([*ANSWERS, ANSWERS[0]], 'answers, line 3: the id "one" is already in line 1'),
        ([*ANSWERS, '{"id": "three"}'], 'answers, line 3: the corpus has no request with the id "three"'),
        ([*ANSWERS, "{}"], "answers, line 3: the corpus has no request with the id null"),
        ([*ANSWERS, "x"], "answers, line 3: it is not JSON"),
        ([*ANSWERS, "[]"], "answers, line 3: it is not a JSON object"),
        (
            ['{"id": "one", "candidate": {}}', ANSWERS[1]],
            "answers, line 1: an answer of candidate or stable is missing",
        ),
    ],
)
def test_answers_that_are_none(answers: list[str], words: str) -> None:
    """They lie where the scorer can write: what it has spoilt is not believed."""
    with pytest.raises(ScorerFailed) as caught:
        read_items(CASES, answers, written(*SCORES), PLAN)

    assert str(caught.value).startswith(words)


PAGE = (Path(__file__).parents[3] / "docs" / "golden.md").read_text("utf-8")
SHOWN = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_scorer_that_is_shown_stands_every_answer(tmp_path: Path) -> None:
    """It is copied: more than what is expected may be in an answer, which may also be no object, or have failed."""
    said = ['{"language": "de", "confidence": 0.9}', '{"language": "fr"}', '"de"', "Deutsch", "[1]", "null", "{}"]
    cases = [Case(line=number, id=str(number), expected={"language": "de"}) for number in range(len(said) + 1)]
    replies = [*({"candidate": Reply(Answer(200, text), status=200), "stable": GOOD} for text in said), {
        "candidate": DEAD,
        "stable": DEAD,
    }]  # fmt: skip
    answers = [answer_line(case, 0, both, PLAN) for case, both in zip(cases, replies, strict=True)]
    tmp_path.joinpath("answers.jsonl").write_text("\n".join(answers))
    (program,) = SHOWN

    subprocess.run([sys.executable, "-c", program.replace("/golden/", f"{tmp_path}/")], check=True)

    found = read_items(cases, answers, tmp_path.joinpath("scores.jsonl").read_text().splitlines(), PLAN)
    assert [found[case.id].candidate for case in cases] == [1.0, *[0.0] * (len(said) - 1), None]
    assert {found[case.id].stable for case in cases[:-1]} == {0.0}
