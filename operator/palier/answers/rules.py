"""What may differ between two documents that count as alike, and what is left of it on the way down into them."""

import unicodedata
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, NamedTuple, Self

from palier.answers.paths import Pattern, Step, advance_patterns
from palier.api.spec.answers import Tolerance

LARGEST_GROUP: Final = 64
"""Elements of a list in any order among which every pair is looked at."""
MOST_PAIRS: Final = 20_000
"""Pairs that are looked at in one comparison, lists in lists included."""

_ASCII_PUNCTUATION: Final = dict.fromkeys(
    code for code in range(128) if unicodedata.category(chr(code)).startswith("P")
)


class Allowance(NamedTuple):
    """How far two numbers may lie apart."""

    absolute: Decimal
    relative: Decimal
    """As a share of the reference's number."""

    @classmethod
    def from_tolerance(cls, tolerance: Tolerance | None) -> Self | None:
        """The same as the API says it; None when numbers must be equal."""
        return None if tolerance is None else cls(tolerance.absolute.decimal, tolerance.relative)


@dataclass(slots=True)
class Budget:
    """How many pairs of elements may still be looked at, so that no answer can make its comparison endless."""

    pairs: int = MOST_PAIRS

    def allows(self, size: int) -> bool:
        """Whether all pairs of so many elements may be looked at; they are taken from the budget."""
        if size > LARGEST_GROUP or size * size > self.pairs:
            return False
        self.pairs -= size * size
        return True


@dataclass(frozen=True, slots=True)
class Rules:
    """What may differ, seen from the value that is compared."""

    allowance: Allowance | None = None
    normalize: bool = False
    """Texts are compared as `normalize_text` makes them."""
    partial: bool = False
    """Fields that the reference does not have are not compared."""
    ignored: tuple[Pattern, ...] = ()
    """Places that may differ."""
    unordered: tuple[Pattern, ...] = ()
    """Places of lists whose order does not matter."""
    budget: Budget = field(default_factory=Budget, compare=False)

    @property
    def is_loose(self) -> bool:
        """Whether two values can be alike without being the same, so that counting equal ones is not enough."""
        return self.allowance is not None or self.partial

    @property
    def ignores_all(self) -> bool:
        """Whether the value itself may differ."""
        return () in self.ignored

    @property
    def any_order(self) -> bool:
        """Whether the value is a list whose order does not matter."""
        return () in self.unordered

    def for_step(self, step: Step) -> "Rules":
        """The rules for one field or element of the value."""
        if not (self.ignored or self.unordered):
            return self
        ignored, unordered = tuple(advance_patterns(self.ignored, step)), tuple(advance_patterns(self.unordered, step))
        return replace(self, ignored=ignored, unordered=unordered)

    def for_place(self, place: Pattern) -> "Rules":
        """The rules for a value further down; everything below a place that may differ may differ."""
        rules = self
        for step in place:
            if rules.ignores_all:
                break
            rules = rules.for_step(step)
        return rules


STRICT: Final = Rules()
"""Nothing may differ."""


def normalize_text(text: str) -> str:
    """A text without what is a matter of style.

    Compatibility decomposition (NFKD) without combining marks, case folded, without punctuation (the Unicode categories
    P), runs of white space as one space and none at the ends.
    """
    if text.isascii():
        return " ".join(text.lower().translate(_ASCII_PUNCTUATION).split())
    folded = unicodedata.normalize("NFKD", text).casefold()
    letters = (one for one in folded if not (unicodedata.combining(one) or unicodedata.category(one).startswith("P")))
    return " ".join("".join(letters).split())
