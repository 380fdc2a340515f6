"""One check of two answers: the values at its path, compared as it says."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from palier.answers.difference import NOTHING, Difference, describe_mismatch, difference, tell_apart
from palier.answers.document import SHOWN, label_of, show_value, text_of_value
from palier.answers.numbers import is_near, number_of
from palier.answers.paths import Pattern, steps_of, write_path
from palier.answers.rules import STRICT, Allowance, Rules
from palier.answers.shape import shape_difference
from palier.answers.text import likeness
from palier.api.spec.answers import Check, Comparison, Similarity, TextMetric

LONGEST_TEXT: Final = 200_000
"""Characters of a text that is compared by a metric: some 35,000 words, which take a fraction of a second."""
MISSING: Final = "(missing)"
"""The label of an answer that has none."""

_ENOUGH: Final = 1e-9
"""What rounding may take from a likeness that is exactly as large as it must be."""

Values = Mapping[Pattern, Any]
"""What was found at a check's path, by place; the reference's and the candidate's are compared place by place."""
Alike = Callable[[Any, Any, Rules], Difference | None]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found."""

    name: str
    agrees: bool | None
    """None when that is not known, for instance because there is no vector of the text."""
    score: float | None
    """The likeness of texts; of other comparisons 1 or 0. None when it is not known."""
    labels: tuple[str, str] | None = None
    """The reference's class and the candidate's, of a check by `Label`."""
    message: str = ""
    """Where they differ, with both values shortened: parts of answers, which not everybody may read."""
    found: bool = True
    """Whether either answer has anything at the check's path. Where none has, agreement proves nothing."""


def judge_check(
    check: Check, expected: Values, given: Values, *, partial: bool = False, embedded: float | None = None
) -> CheckResult:
    """Compare what two answers have at a check's path.

    Args:
        check: says how.
        expected: what the reference has there.
        given: what the candidate has there.
        partial: fields that the reference does not have are not compared.
        embedded: the cosine of the two texts' vectors, for a check by `embedding`; None when there is none.
    """
    labels = _labels(expected, given) if check.compare is Comparison.LABEL else None
    if not (expected or given):
        message = f"{check.path}: {NOTHING} in both"
        return CheckResult(check.name, agrees=True, score=1.0, message=message, found=False)
    if check.compare is Comparison.TEXT:
        return _of_texts(check, expected, given, embedded)
    if check.compare is Comparison.SHAPE:
        message = _shapes(check, expected, given, partial=partial)
    else:
        message = _place_by_place(check, expected, given, _rules(check, partial=partial))
    return CheckResult(check.name, agrees=not message, score=float(not message), labels=labels, message=message)


def text_at(values: Values) -> str:
    """The text of a check by `Text`: all values at its path, in lines."""
    return "\n".join(map(text_of_value, values.values()))


def _labels(expected: Values, given: Values) -> tuple[str, str] | None:
    if not (expected or given):
        return None
    first, second = (", ".join(map(label_of, values.values())) if values else MISSING for values in (expected, given))
    return first, second


def _rules(check: Check, *, partial: bool) -> Rules:
    match check.compare:
        case Comparison.JSON:
            return Rules(
                allowance=Allowance.from_tolerance(check.tolerance),
                partial=partial,
                ignored=tuple(map(steps_of, check.ignore)),
                unordered=tuple(map(steps_of, check.unordered)),
            )
        case Comparison.NUMBER:
            return Rules(allowance=Allowance.from_tolerance(check.tolerance))
        case Comparison.NORMALIZED:
            return Rules(normalize=True, partial=partial)
        case Comparison.EXACT:
            return Rules(partial=partial)
        case _:
            return STRICT


def _place_by_place(check: Check, expected: Values, given: Values, rules: Rules) -> str:
    """The first difference in words; empty when there is none."""
    alike: Alike = _ALIKE.get(check.compare, difference)
    for place, value in expected.items():
        place_rules = rules.for_place(place)
        if place_rules.ignores_all:
            continue
        mismatch = (
            alike(value, given[place], place_rules)
            if place in given
            else Difference(describe_mismatch(show_value(value), NOTHING))
        )
        if mismatch is not None:
            return f"{_shorten_place((*place, *mismatch.place))}: {mismatch.words}"
    for place, value in given.items():
        if place not in expected and not rules.for_place(place).ignores_all:
            return f"{_shorten_place(place)}: {describe_mismatch(NOTHING, show_value(value))}"
    return ""


def _shorten_place(place: Pattern) -> str:
    """A place for a message: names of fields come from models too."""
    text = write_path(place)
    return text if len(text) <= 2 * SHOWN else f"{text[:SHOWN]}…{text[-SHOWN:]}"


def _same_label(reference: Any, candidate: Any, _rules: Rules) -> Difference | None:  # noqa: ANN401
    return None if label_of(reference) == label_of(candidate) else tell_apart(reference, candidate)


def _near_numbers(reference: Any, candidate: Any, rules: Rules) -> Difference | None:  # noqa: ANN401
    expected, given = number_of(reference), number_of(candidate)
    if expected is None or given is None:
        return difference(reference, candidate)
    return None if is_near(expected, given, rules.allowance) else tell_apart(reference, candidate)


_ALIKE: Final[Mapping[Comparison, Alike]] = {Comparison.LABEL: _same_label, Comparison.NUMBER: _near_numbers}


def _shapes(check: Check, expected: Values, given: Values, *, partial: bool) -> str:
    """The values of a path with wildcards are the elements of one list; a single value is itself."""
    if not expected or not given:
        return _one_missing(check, expected, given)
    several = len(expected) > 1 or len(given) > 1
    first, second = (list(values.values()) if several else next(iter(values.values())) for values in (expected, given))
    mismatch = shape_difference(first, second, partial=partial)
    if mismatch is None:
        return ""
    below = mismatch.place[1:] if several else mismatch.place
    return f"{check.path}{_shorten_place(below).removeprefix('$')}: {mismatch.words}"


def _of_texts(check: Check, expected: Values, given: Values, embedded: float | None) -> CheckResult:
    if not expected or not given:
        message = _one_missing(check, expected, given)
        return CheckResult(check.name, agrees=False, score=0.0, message=message)
    wanted = check.text or Similarity()
    first, second = text_at(expected), text_at(given)
    scored, why = _likeness(wanted.metric, first, second, embedded)
    if scored is None:
        return CheckResult(check.name, agrees=None, score=None, message=f"{check.path}: {why}")
    if scored + _ENOUGH >= wanted.min.fraction:
        return CheckResult(check.name, agrees=True, score=scored)
    mismatch = describe_mismatch(show_value(first), show_value(second))
    sentence = f"{check.path}: {wanted.metric} {scored:.3f}, below {wanted.min.share}: {mismatch}"
    return CheckResult(check.name, agrees=False, score=scored, message=sentence)


def _likeness(metric: TextMetric, reference: str, candidate: str, embedded: float | None) -> tuple[float | None, str]:
    """Between 0 and 1, or None and why it is not known, which the length of the reference alone decides."""
    if metric is TextMetric.EMBEDDING:
        if reference == candidate:
            return 1.0, ""
        if embedded is None or math.isnan(embedded):
            return None, "no vectors were given for the two texts"
        return min(max(embedded, 0.0), 1.0), ""
    if len(reference) > LONGEST_TEXT:
        return None, f"a reference of more than {LONGEST_TEXT} characters is not compared"
    if len(candidate) > LONGEST_TEXT:
        return 0.0, ""
    return (1.0 if reference == candidate else likeness(metric, reference, candidate)), ""


def _one_missing(check: Check, expected: Values, given: Values) -> str:
    sides = (show_value(next(iter(values.values()))) if values else NOTHING for values in (expected, given))
    return f"{check.path}: {describe_mismatch(*sides)}"
