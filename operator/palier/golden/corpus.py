"""The requests whose good answers are known: lines that people write, read strictly, because they decide.

Other than in a load test, nothing in a line is replaced: what is expected of an answer belongs to exactly this request.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from palier.answers.document import refuse_constant
from palier.api.spec.values import UrlPath
from palier.errors import InvalidCorpus

MOST_LINES: Final = 100_000
MOST_CHARACTERS: Final = 256 * 2**20
LONGEST_ID: Final = 80
"""Characters of an id and of a segment: they are shown in status."""

_FIELDS: Final = ("id", "method", "path", "headers", "body", "expected", "segment")
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SHOWN: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of the corpus."""

    line: int
    id: str
    """Its own, or else the number of the line."""
    method: str | None = None
    path: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """A text, or any other JSON, which is sent as such; None without a body."""
    expected: Any = None
    segment: str = ""

    @property
    def request_body(self) -> bytes | None:
        """The body as it is sent."""
        if self.body is None:
            return None
        return (self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)).encode()

    @property
    def content_type(self) -> str:
        """Content type of the body, where the headers name none."""
        return "text/plain; charset=utf-8" if isinstance(self.body, str) else "application/json"


def read(lines: Iterable[str], *, expects: bool) -> tuple[Case, ...]:
    """The requests of a corpus, a line each; empty lines are left out.

    Args:
        lines: the text.
        expects: whether every line needs an expected answer.

    Raises:
        InvalidCorpus: a line is no such request, or there is none, or there are too many to be kept.
    """
    cases: list[Case] = []
    known: dict[str, int] = {}
    characters = 0
    for number, text in enumerate(lines, start=1):
        if not (written := text.strip()):
            continue
        characters += len(written)
        if len(cases) == MOST_LINES or characters > MOST_CHARACTERS:
            raise InvalidCorpus(
                f"the corpus has more than {MOST_LINES} lines or {MOST_CHARACTERS // 2**20} MiB:"
                " take a sample, such as with `shuf -n 10000`"
            )
        case = _case(number, written, expects=expects)
        if case.id in known:
            raise InvalidCorpus(f"line {number}: the id {show_json(case.id)} is already that of line {known[case.id]}")
        known[case.id] = number
        cases.append(case)
    if not cases:
        raise InvalidCorpus("the corpus has no line")
    return tuple(cases)


def _case(number: int, text: str, *, expects: bool) -> Case:
    try:
        entry = json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        raise InvalidCorpus(f"line {number}: it is not JSON") from None
    if not isinstance(entry, dict):
        raise InvalidCorpus(f'line {number}: a line is a JSON object, such as {{"body": ..., "expected": ...}}')
    if unknown := sorted(entry.keys() - set(_FIELDS)):
        raise InvalidCorpus(f"line {number}: {show_json(unknown[0])} is not known; a line has {', '.join(_FIELDS)}")
    if expects and "expected" not in entry:
        raise InvalidCorpus(
            f"line {number}: expected is missing: without a judge and a scorer it is what scores come from"
        )
    try:
        json.dumps(entry, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidCorpus(f"line {number}: an escape such as \\ud83d is half a character") from None

    def check_field(name: str, holds: Callable[[Any], bool], words: str, default: Any = None) -> Any:  # noqa: ANN401
        value = entry.get(name, default)
        if name in entry and not holds(value):
            raise InvalidCorpus(f"line {number}: {name} must be {words}, not {show_json(value)}")
        return value

    return Case(
        line=number,
        id=check_field("id", _is_name, f"a text of one line and 1 to {LONGEST_ID} characters", str(number)),
        method=check_field("method", _is_method, "a method such as POST"),
        path=check_field(
            "path", _is_path, "a path that begins with / and has no spaces and no #; a percent sign is written %25"
        ),
        headers=check_field(
            "headers", _are_headers, 'names and texts of one line, such as {"Accept": "text/html"}', {}
        ),
        body=entry.get("body"),
        expected=entry.get("expected"),
        segment=check_field("segment", _is_name, f"a text of one line and 1 to {LONGEST_ID} characters", ""),
    )


def show_json(value: Any) -> str:  # noqa: ANN401
    """The beginning of a value, for a message."""
    return json.dumps(value, ensure_ascii=False)[:_SHOWN]


def _is_name(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, str) and 1 <= len(value) <= LONGEST_ID and value.isprintable() and value == value.strip()


def _is_method(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, str) and re.fullmatch("[A-Z]+", value) is not None


def _is_path(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, str) and re.fullmatch(UrlPath.form, value) is not None


def _are_headers(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, dict) and all(
        _HEADER.fullmatch(name) and isinstance(text, str) and (text.isprintable() or not text)
        for name, text in value.items()
    )
