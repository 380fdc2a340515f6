"""What a scorer of the user's reads and writes: answers as lines of JSON, and a score for each of them.

It may be any program, so nothing that it writes is taken on trust: a score that is missing, written twice or impossible
leaves no verdict.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, Final

from palier.answers.document import refuse_constant
from palier.golden.corpus import Case, show_json
from palier.golden.plan import GoldenPlan
from palier.golden.verdict import Gap, Item
from palier.workers.golden.ask import Reply

_ARMS: Final = ("candidate", "stable")
_LINE_FIELDS: Final = {"id", *_ARMS}

_Failures = Mapping[str, str]
"""By arm that was asked, how it failed; empty for an answer."""
_Scores = Mapping[str, float]


class ScorerFailed(Exception):  # noqa: N818 - as in palier.errors
    """The scores are none; the text names the file, the line and the place."""


def answer_line(case: Case, repetition: int, replies: Mapping[str, Reply], plan: GoldenPlan) -> str:
    """One line of the answers that are collected; without the headers, which may hold what is secret."""
    entry: dict[str, Any] = {
        "id": _answer_id(case, repetition, plan),
        "request": {"method": case.method or plan.method, "path": case.path or plan.path, "body": case.body},
        "expected": case.expected,
        "segment": case.segment,
    }
    return json.dumps(entry | {arm: reply.entry(plan.answers.stream_path) for arm, reply in replies.items()})


def read_items(
    cases: Sequence[Case], answers: Iterable[str], scores: Iterable[str], plan: GoldenPlan
) -> dict[str, Item]:
    """The requests of a corpus by their ids, with the scores that the scorer has given.

    A failed answer needs no score: the candidate's is 0, and where stable failed the request is left out.

    Args:
        cases: the corpus.
        answers: lines of `answer_line`.
        scores: lines with `id`, `candidate` and, where stable was asked, `stable`.
        plan: the examination.

    Raises:
        ScorerFailed: answers or scores are not what they should be.
    """
    arms = _ARMS if plan.stable else _ARMS[:1]
    cases_by_id = {name: case for case in cases for name in _ids(case, plan)}
    failures = _failures(answers, cases_by_id, arms)
    given = _read_scores(scores, failures)
    return {case.id: _item(case, failures, given, plan) for case in cases}


def _item(case: Case, failures: Mapping[str, _Failures], given: Mapping[str, _Scores], plan: GoldenPlan) -> Item:
    names = [name for name in _ids(case, plan) if not failures[name].get("stable")]
    failed = [failure for name in names if (failure := failures[name]["candidate"])]
    return Item(
        case.id,
        candidate=fmean(given[name].get("candidate", 0.0) for name in names) if names else None,
        stable=fmean(given[name]["stable"] for name in names) if names and plan.stable else None,
        scored=len(names),
        gaps=(Gap.STABLE,) * (plan.repeat - len(names)),
        segment=case.segment,
        message=f"the candidate failed: {failed[0]}" if failed else "",
    )


def _ids(case: Case, plan: GoldenPlan) -> Iterator[str]:
    return (_answer_id(case, repetition, plan) for repetition in range(plan.repeat))


def _answer_id(case: Case, repetition: int, plan: GoldenPlan) -> str:
    """The id of the request, and if it is asked more than once, which time it was."""
    return case.id if plan.repeat == 1 else f"{case.id}#{repetition + 1}"


def _failures(lines: Iterable[str], cases_by_id: Mapping[str, Case], arms: Sequence[str]) -> dict[str, _Failures]:
    known: dict[str, _Failures] = {}
    lined: dict[str, int] = {}
    for number, entry in _entries(lines, "answers"):
        where, name = f"answers, line {number}", entry.get("id")
        if not isinstance(name, str) or name not in cases_by_id:
            raise ScorerFailed(f"{where}: the corpus has no request with the id {show_json(name)}")
        if name in known:
            raise ScorerFailed(f"{where}: the id {show_json(name)} is already in line {lined[name]}")
        lined[name] = number
        if not all(isinstance(entry.get(arm), dict) for arm in arms):
            raise ScorerFailed(f"{where}: an answer of {' or '.join(arms)} is missing")
        known[name] = {arm: str(entry[arm].get("failure", "")) for arm in arms}
    if missing := next((name for name in cases_by_id if name not in known), None):
        raise ScorerFailed(f"answers: the one with the id {show_json(missing)} is missing")
    return known


def _read_scores(lines: Iterable[str], failures: Mapping[str, _Failures]) -> dict[str, _Scores]:
    """The scores that count, by the ids of the answers."""
    given: dict[str, _Scores] = {}
    lined: dict[str, int] = {}
    for number, entry in _entries(lines, "scores"):
        where, name = f"scores, line {number}", entry.get("id")
        if unknown := sorted(entry.keys() - _LINE_FIELDS):
            raise ScorerFailed(f"{where}: {show_json(unknown[0])} is not known; a line has id, candidate and stable")
        if not isinstance(name, str) or name not in failures:
            raise ScorerFailed(f"{where}: there is no answer with the id {show_json(name)}")
        if name in lined:
            message = f"the answer with the id {show_json(name)} already has a score in line {lined[name]}"
            raise ScorerFailed(f"{where}: {message}")
        lined[name] = number
        for arm in entry.keys() - {"id"}:
            if not _is_score(entry[arm]):
                raise ScorerFailed(f"{where}: {arm} must be a number from 0 to 1, not {show_json(entry[arm])}")
        given[name] = {arm: float(entry[arm]) for arm in _list_needed(failures[name]) if arm in entry}
        if missing := [arm for arm in _list_needed(failures[name]) if arm not in entry]:
            raise ScorerFailed(f"{where}: the score of {missing[0]} is missing")
    for name, failed in failures.items():
        if name not in given and _list_needed(failed):
            raise ScorerFailed(f"scores: the answer with the id {show_json(name)} has no score")
        given.setdefault(name, {})
    return given


def _list_needed(failures: _Failures) -> list[str]:
    """The arms whose answers need a score: none where stable failed, for then there is nothing to compare with."""
    return [] if failures.get("stable") else [arm for arm, failure in failures.items() if not failure]


def _entries(lines: Iterable[str], what: str) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    try:
        for number, text in enumerate(lines, start=1):
            if text.strip():
                yield number, _entry(text, f"{what}, line {number}")
    except OSError as error:
        raise ScorerFailed(f"{what}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ScorerFailed(f"{what}, line {number + 1}: the text is not UTF-8") from None


def _entry(text: str, where: str) -> dict[str, Any]:
    try:
        entry = json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        raise ScorerFailed(f"{where}: it is not JSON") from None
    if not isinstance(entry, dict):
        raise ScorerFailed(f"{where}: it is not a JSON object")
    return entry


def _is_score(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
