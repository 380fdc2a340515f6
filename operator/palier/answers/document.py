"""What an answer says, as a value that can be compared: JSON where it is JSON, else one text. And back into words.

Nothing that a model sends may stop a comparison: what no program reads as JSON in the same way (`NaN`, numbers of
thousands of digits, nesting without end) is text.
"""

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final, NoReturn

DEEPEST: Final = 100
"""Levels of lists and objects in each other; what is nested deeper is text."""
SHOWN: Final = 80
"""Characters of a value in a message."""

_MOST_PIECES: Final = SHOWN + 1


def refuse_constant(constant: str) -> NoReturn:
    """Refuse `NaN` and infinities, which Python reads as JSON though they are none.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{constant} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=refuse_constant)
_PLAIN: Final = json.JSONEncoder(ensure_ascii=False)
_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def document_of(body: str) -> Any:  # noqa: ANN401
    """The JSON value that a body is, or else the body itself as a string.

    The last one counts where a field is written twice. Numbers with a fraction or an exponent are those of IEEE 754, as
    in most programs: beyond about 1.8e308 they are infinite, and then all the same.
    """
    try:
        document = _DECODER.decode(body.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return body
    # So many brackets are needed to nest so deep: most documents have fewer and are not searched.
    if body.count("[") + body.count("{") > DEEPEST and is_too_deep(document):
        return body
    return document


def is_too_deep(document: Any) -> bool:  # noqa: ANN401
    """Whether lists and objects are nested deeper than `DEEPEST` levels."""
    level = [document]
    for _ in range(DEEPEST):
        level = [one for value in level if isinstance(value, dict | list) for one in _list_parts(value)]
        if not level:
            return False
    return any(isinstance(value, dict | list) for value in level)


def _list_parts(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def is_number(value: object) -> bool:
    """Whether a value is a number of JSON; true and false are none."""
    return type(value) is int or type(value) is float


def text_of_value(value: Any) -> str:  # noqa: ANN401
    """A string as it is; any other value as JSON without spaces, fields in the order of their names."""
    return value if isinstance(value, str) else _COMPACT.encode(value)


def label_of(value: Any) -> str:  # noqa: ANN401
    """The name of a class: without white space at its ends, and 1 for 1.0."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return text_of_value(value).strip()


def show_value(value: Any) -> str:  # noqa: ANN401
    """A value for a message: its first 80 characters, and nothing that a terminal would obey or could not print."""
    if isinstance(value, str):
        return repr(value[:SHOWN]) + ("…" if len(value) > SHOWN else "")
    # Encoded piece by piece: of a large document only the beginning.
    text = "".join(islice(_PLAIN.iterencode(value), _MOST_PIECES))
    cut = text[:SHOWN] + ("…" if len(text) > SHOWN else "")
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in cut)
