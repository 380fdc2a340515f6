"""Label matchers: what is added to a selector so that it names the series that are meant, and no others.

Everything that Palier adds to a user's selector goes through `narrow_selector`, and every value through `quote_value`,
so that no name of an object can become a part of the query.
"""

import re
from collections.abc import Iterable
from typing import Final

SET_BY_PALIER: Final = frozenset({"__name__", "namespace", "pod", "revision"})
"""Labels that Palier's own questions have matchers for."""

_FORM: Final = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*(.*)", re.DOTALL)
_TEXT: Final = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_SPECIAL: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")


def matcher(text: str) -> str:
    """A matcher as PromQL writes it, from what a person wrote: `cluster=eu-1`, `cluster="eu-1"`, `zone=~"a|b"`.

    Raises:
        ValueError: it is no matcher, or one for a label that Palier's own questions set.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(f'{text!r} is not a matcher such as cluster="eu-1"')
    label, operator, value = found.groups()
    if label in SET_BY_PALIER:
        raise ValueError(f"{text!r} is about the label {label}, which Palier's own questions set")
    if value.startswith('"'):
        inner = _TEXT.fullmatch(value)
        if inner is None:
            raise ValueError(f"{text!r} has a value whose quotes do not fit")
        plain = re.sub(r"\\(.)", r"\1", inner[1])
    elif not value or re.search(r"[\s\"'{},]", value):
        raise ValueError(f'{text!r} needs its value in double quotes, such as cluster="eu-1"')
    else:
        plain, value = value, quote_value(value)
    if operator in {"=~", "!~"}:
        _check_expression(text, plain)
    elif not plain:
        raise ValueError(f"{text!r} has no value: series without the label {label} are asked for by it")
    return f"{label}{operator}{value}"


def _check_expression(text: str, expression: str) -> None:
    try:
        re.compile(expression)
    except re.error as error:
        if not str(error).startswith("bad escape"):  # Prometheus knows some that Python does not
            raise ValueError(f"{text!r} has no regular expression as its value: {error}") from None


def narrow_selector(selector: str, *matchers: str) -> str:
    """A vector selector with more matchers."""
    if not matchers:
        return selector
    name, brace, labels = selector.partition("{")
    inner = labels.removesuffix("}").strip().removesuffix(",") if brace else ""
    return f"{name}{{{','.join([*([inner] if inner else []), *matchers])}}}"


def quote_value(value: str) -> str:
    """A value as a string of PromQL."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def anyone_of(label: str, values: Iterable[str], *, end: str = "") -> str:
    """The matcher of a label that has one of these values, with `end`, a regular expression, behind it."""
    return f"{label}=~{_alternatives(values, end)}"


def none_of(label: str, values: Iterable[str], *, end: str = "") -> str:
    """The matcher of a label that has none of these values, with `end` behind it."""
    return f"{label}!~{_alternatives(values, end)}"


def _alternatives(values: Iterable[str], end: str) -> str:
    either = "|".join(_SPECIAL.sub(r"\\\g<0>", value) for value in values)
    return quote_value(f"(?:{either}){end}" if end else either)
