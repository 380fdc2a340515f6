"""Lists whose order does not matter: can every element be paired with one of its own on the other side?

Where alike means the same, counting is enough, however long the lists are. With a tolerance, or a reference that says
only a part, an element can be alike to several others, and a wrong choice early leaves one alone in the end: so a
perfect matching is sought by augmenting paths. Only elements that agree in everything that must be the same come into
question for each other, which keeps the groups small. A larger group is put in the order of its numbers and compared in
that order. For plain numbers this finds every matching that there is; for other elements it can miss one, and it never
finds one that is not there.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

from palier.answers.document import is_number
from palier.answers.rules import Rules, normalize_text

Element = tuple[Any, Rules]
"""A value and the rules for it."""
Alike = Callable[[Any, Any, Rules], bool]


def elements(values: Sequence[Any], rules: Rules) -> list[Element]:
    """The elements of a list that may not differ."""
    pairs = ((value, rules.for_step(place)) for place, value in enumerate(values))
    return [(value, below) for value, below in pairs if not below.ignores_all]


def find_unmatched(reference: Sequence[Element], candidate: Sequence[Element], alike: Alike) -> tuple[Any, Any] | None:
    """An element of each side that stays alone, of two lists of the same length; None if all are paired."""
    expected, given = _groups(reference), _groups(candidate)
    lacking = next((members for key, members in expected.items() if len(members) > len(given.get(key, ()))), None)
    if lacking is not None:
        surplus = next(members for key, members in given.items() if len(members) > len(expected.get(key, ())))
        return lacking[0][0], surplus[0][0]
    if reference and reference[0][1].is_loose:
        for key, members in expected.items():
            if lone := _find_unpaired(members, given[key], alike):
                return lone
    return None


def _groups(members: Sequence[Element]) -> dict[Hashable, list[Element]]:
    """The elements by what must be the same."""
    groups: defaultdict[Hashable, list[Element]] = defaultdict(list)
    for value, rules in members:
        groups[_list_fixed(value, rules)].append((value, rules))
    return groups


def _find_unpaired(reference: Sequence[Element], candidate: Sequence[Element], alike: Alike) -> tuple[Any, Any] | None:
    rules = reference[0][1]
    if not rules.budget.allows(len(reference)):
        if not rules.partial:
            reference, candidate = sorted(reference, key=_numbers), sorted(candidate, key=_numbers)
        both = zip(reference, candidate, strict=True)
        return next(((one, other) for (one, below), (other, _) in both if not alike(one, other, below)), None)
    friends = [
        [place for place, (other, _) in enumerate(candidate) if alike(one, other, below)] for one, below in reference
    ]
    partners: dict[int, int] = {}
    for number in range(len(reference)):
        if not _find_partner(number, friends, partners, set()):
            free = next(place for place in range(len(candidate)) if place not in partners)
            return reference[number][0], candidate[free][0]
    return None


def _find_partner(number: int, friends: Sequence[Sequence[int]], partners: dict[int, int], tried: set[int]) -> bool:
    """Give one more element a partner, moving others to theirs where needed (J. Edmonds; H. W. Kuhn 1955)."""
    for place in friends[number]:
        if place not in tried:
            tried.add(place)
            if place not in partners or _find_partner(partners[place], friends, partners, tried):
                partners[place] = number
                return True
    return False


def _list_fixed(value: Any, rules: Rules) -> Hashable:  # noqa: ANN401
    """What of a value must be the same in another that is alike: all of it where nothing is loose."""
    if rules.ignores_all:
        return ("ignored",)
    if isinstance(value, str):
        return normalize_text(value) if rules.normalize else value
    if isinstance(value, dict):
        if rules.partial:
            return ("object",)
        fields = ((name, one, rules.for_step(name)) for name, one in value.items())
        return frozenset((name, _list_fixed(one, below)) for name, one, below in fields if not below.ignores_all)
    if isinstance(value, list):
        inside = [_list_fixed(one, below) for one, below in elements(value, rules)]
        return ("list", frozenset(Counter(inside).items()) if rules.any_order else tuple(inside))
    if is_number(value):
        return ("number", value if rules.allowance is None else None)
    return (type(value).__name__, value)


def _numbers(element: Element) -> list[float]:
    return list(_numbers_in(*element))


def _numbers_in(value: Any, rules: Rules) -> Iterator[float]:  # noqa: ANN401
    """Every number of a value that may not differ, in an order that alike values share."""
    if rules.ignores_all:
        return
    if isinstance(value, dict):
        for name in sorted(value):
            yield from _numbers_in(value[name], rules.for_step(name))
    elif isinstance(value, list):
        for one, below in elements(value, rules):
            yield from _numbers_in(one, below)
    elif is_number(value):
        yield value
