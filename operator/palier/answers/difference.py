"""The first difference between two JSON documents, and where it is.

Numbers are compared as numbers (1 is 1.0, true is not 1), the order of an object's fields means nothing, the order of a
list's elements does. `Rules` can loosen that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from palier.answers.document import is_number, show_value
from palier.answers.matching import Element, elements, find_unmatched
from palier.answers.numbers import is_near
from palier.answers.paths import Pattern
from palier.answers.rules import STRICT, Rules, normalize_text

NOTHING: Final = "nothing"
"""What a message says of a place where there is no value."""


@dataclass(slots=True)
class Difference:
    """One place that differs."""

    words: str
    """The candidate's value instead of the reference's, both shortened."""
    place: Pattern = ()
    """Where, from the values that were compared."""


def difference(reference: Any, candidate: Any, rules: Rules = STRICT) -> Difference | None:  # noqa: ANN401
    """The first difference, or None; both must be nested no deeper than `document.DEEPEST` levels."""
    if rules.ignores_all:
        return None
    if isinstance(reference, dict) and isinstance(candidate, dict):
        return _of_objects(reference, candidate, rules)
    if isinstance(reference, list) and isinstance(candidate, list):
        return _of_lists(reference, candidate, rules)
    if _are_same(reference, candidate, rules):
        return None
    return tell_apart(reference, candidate)


def tell_apart(reference: Any, candidate: Any) -> Difference:  # noqa: ANN401
    """The difference of two values as wholes."""
    return Difference(describe_mismatch(show_value(reference), show_value(candidate)))


def describe_mismatch(expected: str, given: str) -> str:
    """How a message shows two values."""
    return f"{given} instead of {expected}"


def _are_same(reference: Any, candidate: Any, rules: Rules) -> bool:  # noqa: ANN401
    if isinstance(reference, str) and isinstance(candidate, str):
        return reference == candidate or (rules.normalize and normalize_text(reference) == normalize_text(candidate))
    if is_number(reference) and is_number(candidate):
        return is_near(reference, candidate, rules.allowance)
    return type(reference) is type(candidate) and bool(reference == candidate)


def _of_objects(reference: dict[str, Any], candidate: dict[str, Any], rules: Rules) -> Difference | None:
    for name, value in reference.items():
        below = rules.for_step(name)
        if name in candidate:
            mismatch = difference(value, candidate[name], below)
        else:
            mismatch = None if below.ignores_all else Difference(describe_mismatch(show_value(value), NOTHING))
        if mismatch is not None:
            mismatch.place = (name, *mismatch.place)
            return mismatch
    if rules.partial:
        return None
    more = (name for name in candidate if name not in reference and not rules.for_step(name).ignores_all)
    added = next(more, None)
    return None if added is None else Difference(describe_mismatch(NOTHING, show_value(candidate[added])), (added,))


def _of_lists(reference: list[Any], candidate: list[Any], rules: Rules) -> Difference | None:
    if not (rules.any_order or rules.ignored):
        counts = len(reference), len(candidate)
    else:
        expected, given = elements(reference, rules), elements(candidate, rules)
        counts = len(expected), len(given)
    if counts[0] != counts[1]:
        return Difference(describe_mismatch(_elements(counts[0]), _elements(counts[1])))
    if rules.any_order:
        return _of_unordered(expected, given)
    for place, (value, other) in enumerate(zip(reference, candidate, strict=False)):
        mismatch = difference(value, other, rules.for_step(place))
        if mismatch is not None:
            mismatch.place = (place, *mismatch.place)
            return mismatch
    return None


def _of_unordered(reference: Sequence[Element], candidate: Sequence[Element]) -> Difference | None:
    lone = find_unmatched(reference, candidate, lambda one, other, rules: difference(one, other, rules) is None)
    return None if lone is None else tell_apart(*lone)


def _elements(count: int) -> str:
    return f"{count} element" if count == 1 else f"{count} elements"
