"""The shape of a JSON document: its fields and the types of their values, whatever the values are.

The elements of a list are taken together: what counts is which types and which fields occur in them, not how many there
are. An empty list says nothing of its elements and has the shape of any list.
"""

from dataclasses import dataclass, field
from typing import Any

from palier.answers.difference import NOTHING, Difference, describe_mismatch
from palier.answers.document import is_number
from palier.answers.paths import ANY


@dataclass(slots=True)
class _Shape:
    """What occurs at one place."""

    types: set[str] = field(default_factory=set)
    """Empty for the elements of an empty list."""
    fields: dict[str, "_Shape"] = field(default_factory=dict)
    inside: "_Shape | None" = None
    """All elements of the lists at this place."""

    def take(self, value: Any) -> None:  # noqa: ANN401
        """Add a value that occurs here."""
        self.types.add(_type_of(value))
        if isinstance(value, dict):
            for name, one in value.items():
                self.fields.setdefault(name, _Shape()).take(one)
        elif isinstance(value, list):
            self.inside = self.inside or _Shape()
            for one in value:
                self.inside.take(one)

    @property
    def words(self) -> str:
        return " or ".join(sorted(self.types))


def shape_difference(reference: Any, candidate: Any, *, partial: bool = False) -> Difference | None:  # noqa: ANN401
    """The first place at which two values have other fields or types; None when there is none.

    Args:
        reference: a value nested no deeper than `document.DEEPEST` levels.
        candidate: another.
        partial: fields that the reference does not have may be there.
    """
    expected, given = _Shape(), _Shape()
    expected.take(reference)
    given.take(candidate)
    return _compare_shapes(expected, given, partial=partial)


def _compare_shapes(expected: _Shape, given: _Shape, *, partial: bool) -> Difference | None:
    if not (expected.types and given.types):
        return None
    if expected.types != given.types:
        return Difference(describe_mismatch(expected.words, given.words))
    for name, shape in expected.fields.items():
        if name not in given.fields:
            return Difference(describe_mismatch(shape.words, NOTHING), (name,))
        if mismatch := _compare_shapes(shape, given.fields[name], partial=partial):
            mismatch.place = (name, *mismatch.place)
            return mismatch
    added = next((name for name in given.fields if name not in expected.fields), None)
    if added is not None and not partial:
        return Difference(describe_mismatch(NOTHING, given.fields[added].words), (added,))
    if (
        expected.inside
        and given.inside
        and (mismatch := _compare_shapes(expected.inside, given.inside, partial=partial))
    ):
        mismatch.place = (ANY, *mismatch.place)
        return mismatch
    return None


def _type_of(value: object) -> str:
    if isinstance(value, str):
        return "text"
    if is_number(value):
        return "number"
    return {bool: "boolean", dict: "object", list: "list"}.get(type(value), "null")
