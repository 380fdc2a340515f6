"""Places in JSON documents, written as the paths of JSONPath (RFC 9535) that `palier.api.spec.answers.JsonPath` allows.

A path is names, positions and wildcards, so that looking it up takes no longer than the document is large. Fields that
a wildcard finds come in the order of their names, because the order of an object's fields means nothing.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

REDACTED: Final = "***"
"""What stands in the place of a value that must not be kept."""


class _Any:
    """The type of `ANY`."""

    __slots__ = ()


ANY: Final = _Any()
"""The wildcard: every field of an object, every element of a list."""

Step = str | int | _Any
Pattern = tuple[Step, ...]
"""A path, or what is left of it; without a wildcard it leads to one place."""

_STEP: Final = re.compile(
    r"\.(?P<name>[A-Za-z_][A-Za-z0-9_-]*)|\[(?P<index>[0-9]+)\]|\['(?P<quoted>[^'\\]+)'\]|\.\*|\[\*\]"
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@lru_cache(maxsize=1024)
def steps_of(path: str) -> Pattern:
    """A path in steps.

    Raises:
        ValueError: it is no path.
    """
    steps: list[Step] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            break
        name = match["name"] or match["quoted"]
        steps.append(name if name is not None else ANY if match["index"] is None else int(match["index"]))
        at = match.end()
    if not path.startswith("$") or at < len(path):
        raise ValueError(f"{path!r} is not a path such as $.choices[0].message.content")
    return tuple(steps)


def find_values(document: Any, path: str) -> list[tuple[str, Any]]:  # noqa: ANN401
    """Every value at a path, each with its own place: `$.items[*].id` finds `$.items[0].id`, `$.items[1].id` and so on.

    Raises:
        ValueError: it is no path.
    """
    return [(write_path(place), value) for place, value in find_places(document, steps_of(path))]


def find_places(document: Any, pattern: Pattern) -> list[tuple[Pattern, Any]]:  # noqa: ANN401
    """The same in steps."""
    places: list[tuple[Pattern, Any]] = [((), document)]
    for step in pattern:
        places = [((*place, one), value[one]) for place, value in places for one in _choose_steps(value, step)]
    return places


def _choose_steps(value: Any, step: Step) -> Iterable[str | int]:  # noqa: ANN401
    """The fields or positions of a value that a step leads to."""
    if isinstance(step, _Any):
        return sorted(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    if isinstance(step, str):
        return (step,) if isinstance(value, dict) and step in value else ()
    return (step,) if isinstance(value, list) and step < len(value) else ()


def write_path(place: Pattern) -> str:
    """A place as people write it: `$.choices[0].message`."""
    return "$" + "".join(map(_written_step, place))


def _written_step(step: Step) -> str:
    if isinstance(step, _Any):
        return "[*]"
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _NAME.fullmatch(step) else f"[{step!r}]"


def advance_patterns(patterns: Sequence[Pattern], step: Step) -> list[Pattern]:
    """What is left of those patterns that go on with this step."""
    return [pattern[1:] for pattern in patterns if pattern and (pattern[0] is ANY or pattern[0] == step)]


def redact_paths(document: Any, paths: Iterable[str]) -> Any:  # noqa: ANN401
    """A copy of a document in which `***` stands in every place of the paths.

    A text has no places in it: as soon as there is any path, the whole of it is replaced, because what was to be hidden
    may be anywhere.

    Raises:
        ValueError: one of them is no path.
    """
    patterns = [steps_of(path) for path in paths]
    return REDACTED if patterns and isinstance(document, str) else _redact_value(document, patterns)


def _redact_value(value: Any, patterns: Sequence[Pattern]) -> Any:  # noqa: ANN401
    if () in patterns:
        return REDACTED
    if not patterns:
        return value
    if isinstance(value, dict):
        return {name: _redact_value(one, advance_patterns(patterns, name)) for name, one in value.items()}
    if isinstance(value, list):
        return [_redact_value(one, advance_patterns(patterns, place)) for place, one in enumerate(value)]
    return value
