"""Do two answers to the same request agree, and does an answer agree with what is expected?

Two answers agree when they have the same status code and every check of `spec.answers` holds. A body is JSON, or else
one text; the text of a stream is put together from its events first. What a check finds at its path is compared place
by place:

- nothing in both is agreement, nothing in one is a disagreement;
- a path with wildcards finds values in several places, and all of them have to be alike, each with the one at the same
  place (`Text` joins them to one text instead, `Shape` takes them as one list);
- in a text there are no places. Where both answers are texts, a check of anything but the whole answer (`$`) cannot be
  compared, unless the status says that both failed: it would hold for any two texts.

Nothing here raises for what a model has sent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from palier.answers.checks import CheckResult, Values, judge_check, text_at
from palier.answers.document import DEEPEST, document_of, is_too_deep
from palier.answers.paths import Pattern, find_places, steps_of
from palier.answers.stream import text_in
from palier.api.spec.answers import Answers, Check, Comparison, TextMetric

_NO_LIKENESSES: Final[Mapping[str, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a version answered."""

    status: int
    body: str
    """As it was sent, also of a stream; bytes that are no UTF-8 replaced."""
    streamed: bool = False
    """The body is a stream of server-sent events."""


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """What all checks found."""

    agrees: bool | None
    """False when a check or the status code says so; else None when one could not be compared."""
    results: tuple[CheckResult, ...] = ()
    """One for each check; none when the status codes differ. Checks for which nothing is expected are left out."""
    message: str = ""
    """The first disagreement, with parts of both answers; empty when there is none. `failed_checks` has none."""

    @property
    def score(self) -> float | None:
        """Mean of the checks' scores; 0 when the status codes differ, None when one of them is not known."""
        scores = [result.score for result in self.results]
        known = [scored for scored in scores if scored is not None]
        if not scores:
            return None if self.agrees is None else float(self.agrees)
        return sum(known) / len(known) if len(known) == len(scores) else None

    @property
    def failed_checks(self) -> tuple[str, ...]:
        """The names of the checks that disagree, or `status`: nothing that a user or a model wrote."""
        if self.agrees is False and not self.results:
            return ("status",)
        return tuple(result.name for result in self.results if result.agrees is False)


class _Nothing:
    """The type of `_SILENCE`."""

    __slots__ = ()


_SILENCE: Final = _Nothing()
"""What a stream says that has no text at `streamPath` in any event."""


def compare(
    reference: Answer, candidate: Answer, answers: Answers, *, likenesses: Mapping[str, float] = _NO_LIKENESSES
) -> ComparisonResult:
    """Compare two answers to the same request.

    Args:
        reference: the one that counts, of stable.
        candidate: the other.
        answers: what has to be alike.
        likenesses: for checks by `embedding` the cosine of the vectors of `to_embed`'s texts, by the check's name.
    """
    if reference.status != candidate.status:
        return ComparisonResult(agrees=False, message=f"status {candidate.status} instead of {reference.status}")
    first, second = _read(reference, answers), _read(candidate, answers)
    silent = isinstance(first, _Nothing) and isinstance(second, _Nothing)
    texts = _is_success(reference) and not (isinstance(first, dict | list) or isinstance(second, dict | list))
    results = []
    for check in answers.effective_checks:
        pattern = steps_of(check.path)
        if silent:
            results.append(_abstain_from_check(check, f"no event of both streams has a text at {answers.stream_path}"))
        elif texts and pattern:
            results.append(
                _abstain_from_check(check, f"{check.path}: both answers are texts, which have no places in them")
            )
        else:
            expected, given = _values(first, pattern), _values(second, pattern)
            results.append(judge_check(check, expected, given, embedded=likenesses.get(check.name)))
    return _combine_results(results)


def compare_values(
    expected: Any,  # noqa: ANN401
    candidate: Answer,
    answers: Answers,
    *,
    likenesses: Mapping[str, float] = _NO_LIKENESSES,
) -> ComparisonResult:
    """Compare an answer with what is expected, which may say only a part of it.

    An expected object or list is a document of its own: a check compares what it has at the check's path, and of
    objects only the fields that are expected; a check that finds nothing expected is left out. Anything else that is
    expected, such as a text, is expected at the path of every check. The status code has to be a success (2xx).

    Args:
        expected: a value of JSON.
        candidate: the answer.
        answers: what has to be alike.
        likenesses: as of `compare`.
    """
    if not _is_success(candidate):
        return ComparisonResult(agrees=False, message=f"status {candidate.status} instead of a success")
    if is_too_deep(expected):
        return ComparisonResult(agrees=None, message=f"what is expected is nested deeper than {DEEPEST} levels")
    results = [
        judge_check(check, wanted, given, partial=True, embedded=likenesses.get(check.name))
        for check, wanted, given in _expectations(expected, candidate, answers)
    ]
    if not results:
        return ComparisonResult(agrees=None, message="nothing is expected at the path of any check")
    return _combine_results(results)


def to_embed(
    reference: Any,  # noqa: ANN401
    candidate: Answer,
    answers: Answers,
) -> Mapping[str, tuple[str, str]]:
    """The texts whose vectors `compare` or `compare_values` needs, by the name of the check.

    Args:
        reference: the other `Answer`, or an expected value.
        candidate: the answer.
        answers: what has to be alike.

    Returns:
        The reference's text and the candidate's. No texts of checks that need no vectors: identical or missing texts.
    """
    if isinstance(reference, Answer):
        if reference.status != candidate.status:
            return {}
        first, second = _read(reference, answers), _read(candidate, answers)
        checks = ((check, steps_of(check.path)) for check in answers.effective_checks)
        sides = [(check, _values(first, pattern), _values(second, pattern)) for check, pattern in checks]
    else:
        if not _is_success(candidate) or is_too_deep(reference):
            return {}
        sides = list(_expectations(reference, candidate, answers))
    needed = ((check.name, text_at(one), text_at(other)) for check, one, other in sides if _embeds(check, one, other))
    return {name: (first, second) for name, first, second in needed if first != second}


def own_texts(reference: Answer, answers: Answers) -> Mapping[str, str]:
    """The reference's texts that checks by `embedding` compare with anything that has a text, by the check's name."""
    document = _read(reference, answers)
    sides = ((check, _values(document, steps_of(check.path))) for check in answers.effective_checks)
    return {check.name: text_at(values) for check, values in sides if _embeds(check, values, values)}


def _embeds(check: Check, reference: Values, candidate: Values) -> bool:
    metric = check.text.metric if check.text and check.compare is Comparison.TEXT else None
    return metric is TextMetric.EMBEDDING and bool(reference) and bool(candidate)


def _read(answer: Answer, answers: Answers) -> Any:  # noqa: ANN401
    if not answer.streamed:
        return document_of(answer.body)
    text = text_in(answer.body, answers.stream_path)
    return _SILENCE if text is None else text


def _is_success(answer: Answer) -> bool:
    return answer.status // 100 == 2  # noqa: PLR2004 - 2xx


def _values(document: Any, pattern: Pattern) -> Values:  # noqa: ANN401
    return {} if isinstance(document, _Nothing) else dict(find_places(document, pattern))


def _expectations(expected: Any, candidate: Answer, answers: Answers) -> Iterator[tuple[Check, Values, Values]]:  # noqa: ANN401
    """What is expected at the path of each check, and what is there; checks of which nothing is expected left out."""
    document = _read(candidate, answers)
    whole = expected
    if isinstance(expected, str) and not isinstance(document, str):
        read = document_of(expected)
        # A text that is JSON is the answer's body, unless it is what a model wrote at a place of the body.
        if any(_values(read, steps_of(check.path)) for check in answers.effective_checks):
            whole = read
    for check in answers.effective_checks:
        pattern = steps_of(check.path)
        given = _values(document, pattern)
        if not isinstance(whole, dict | list):
            yield check, _expect_everywhere(expected, given, pattern), given
        elif wanted := _values(whole, pattern):
            yield check, wanted, {place: value for place, value in given.items() if _is_said(whole, place)}


def _expect_everywhere(expected: Any, given: Values, pattern: Pattern) -> Values:  # noqa: ANN401
    """One value, expected wherever a path leads. Beside anything but a text, a text is read as a body would be."""
    if not given:
        return {pattern: expected}
    read = document_of(expected) if isinstance(expected, str) else expected
    return {place: expected if isinstance(value, str) else read for place, value in given.items()}


def _is_said(expected: Any, place: Pattern) -> bool:  # noqa: ANN401
    """Whether what is expected says anything about a place: of the fields of an object only those that it has."""
    value = expected
    for step in place:
        if isinstance(value, dict):
            if step not in value:
                return False
            value = value[step]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return True
    return True


def _abstain_from_check(check: Check, message: str) -> CheckResult:
    return CheckResult(check.name, agrees=None, score=None, message=message)


def _combine_results(results: list[CheckResult]) -> ComparisonResult:
    agreements = [result.agrees for result in results]
    agrees = False if False in agreements else None if None in agreements else True
    message = next((result.message for result in results if result.agrees is agrees), "") if not agrees else ""
    return ComparisonResult(agrees=agrees, results=tuple(results), message=message)
