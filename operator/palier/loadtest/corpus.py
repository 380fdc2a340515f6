"""The requests of a load test: lines that people write, made into the targets that the generator sends in turn.

Variables are filled in when the targets are written, so that the generator only has to send. Every step gets targets of
its own, because a server that meets the same request again and again shows its cache and not its model.
"""

import base64
import json
import math
import random
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from palier.answers.document import DEEPEST, is_too_deep, refuse_constant
from palier.api.spec.values import UrlPath
from palier.errors import InvalidCorpus

MOST_TARGETS: Final = 50_000
"""Targets of one step; where it sends more requests, they are sent again from the first."""
MOST_BYTES: Final = 128 * 2**20
"""The same in bytes, as the generator keeps them in memory; of larger requests there are fewer targets."""
MOST_LINES: Final = 100_000
MOST_CHARACTERS: Final = 256 * 2**20

_VARIABLE: Final = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_FIELDS: Final = ("method", "path", "headers", "body", "weight", "variables")
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
"""What HTTP has not in headers, line ends aside."""
_URL: Final = "!$%&'()*+,/:;=?@[]~"
_HEAVIEST: Final = 1e9

Fill = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Request:
    """One line of the corpus."""

    line: int
    method: str | None = None
    path: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """A text, or any other JSON, which is sent as such; None without a body."""
    weight: float = 1.0
    variables: Mapping[str, Sequence[Any]] = field(default_factory=dict)


def read(lines: Iterable[str]) -> tuple[Request, ...]:
    """The requests of a corpus, a line each; empty lines are left out.

    Raises:
        InvalidCorpus: a line is no request, or there is none, or there are too many to be kept.
    """
    requests: list[Request] = []
    characters = 0
    for number, text in enumerate(lines, start=1):
        if not (written := text.strip()):
            continue
        characters += len(written)
        if len(requests) == MOST_LINES or characters > MOST_CHARACTERS:
            raise InvalidCorpus(
                f"the corpus has more than {MOST_LINES} lines or {MOST_CHARACTERS // 2**20} MiB:"
                " take a sample, such as with `shuf -n 10000`"
            )
        requests.append(_request(number, written))
    if not requests:
        raise InvalidCorpus("the corpus has no line")
    return tuple(requests)


def varies(path: str) -> bool:
    """Whether a path has variables, so that it differs between requests.

    Raises:
        InvalidCorpus: one of them is not known.
    """
    _check_variables("the path", path, ())
    return _VARIABLE.search(path) is not None


def targets(
    requests: Sequence[Request],
    *,
    base_urls: Sequence[str],
    path: str,
    method: str,
    count: int,
    seed: int,
    first: int = 0,
) -> Iterator[str]:
    """Targets as lines of JSON, as Vegeta reads them.

    Lines of equal weight are taken in turn, others are drawn by their weights.

    Args:
        requests: the corpus; empty for the same request without a body again and again.
        base_urls: the replicas, which get the requests in turn.
        path: of requests that name none.
        method: of requests that name none.
        count: how many to write; fewer when they become too large.
        seed: draws the lines and the values of their variables.
        first: number of the first of them: the turn goes on where earlier targets ended.
    """
    draw = random.Random(seed)  # noqa: S311 - the same requests in every run, and no secret
    known = requests or (Request(0, method=method, path=path),)
    weights = [request.weight for request in known]
    in_turn = len(set(weights)) == 1
    together = math.lcm(len(known), len(base_urls))
    size = 0
    for number in range(first, first + count):
        request = known[number % len(known)] if in_turn else draw.choices(known, weights)[0]
        # One further after each round, so that a line does not always meet the same replica.
        base = base_urls[(number + number // together) % len(base_urls)]
        line = _target(request, draw, number=number, base=base, path=path, method=method)
        size += len(line)
        if size > MOST_BYTES and number >= first + len(base_urls):
            return
        yield line


def _target(request: Request, draw: random.Random, *, number: int, base: str, path: str, method: str) -> str:
    values = {name: draw.choice(choices) for name, choices in request.variables.items()}

    def value(match: re.Match[str]) -> Any:  # noqa: ANN401
        return _value(match.group(1), values, draw, number=number)

    def fill(text: str, alter: Fill = str) -> str:
        return _VARIABLE.sub(lambda match: alter(_text(value(match))), text)

    def fill_part(part: Any) -> Any:  # noqa: ANN401
        match part:
            case str():
                whole = _VARIABLE.fullmatch(part)  # a variable alone keeps its type: numbers stay numbers
                return value(whole) if whole else fill(part)
            case list():
                return [fill_part(one) for one in part]
            case dict():
                return {fill(name): fill_part(one) for name, one in part.items()}
            case _:
                return part

    # A value stands for itself in a query too, so what has a meaning there is escaped; a path may be a value.
    url = base + quote(fill(request.path or path, lambda text: quote(text, safe="/")), safe=_URL)
    headers = {name: [_one_line(fill(text))] for name, text in request.headers.items()}
    target: dict[str, Any] = {"method": request.method or method, "url": url, "header": headers}
    if request.body is not None:
        is_text = isinstance(request.body, str)
        body = fill(request.body) if is_text else json.dumps(fill_part(request.body), ensure_ascii=False)
        if not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = ["text/plain; charset=utf-8" if is_text else "application/json"]
        target["body"] = base64.b64encode(body.encode()).decode()
    return json.dumps(target, ensure_ascii=False)


def _value(word: str, values: Mapping[str, Any], draw: random.Random, *, number: int) -> Any:  # noqa: ANN401
    if word in values:
        return values[word]
    match word.split():
        case ["random", low, high]:
            return draw.randint(int(low), int(high))
        case ["uuid"]:
            return str(uuid.UUID(int=draw.getrandbits(128), version=4))
        case _:
            return number


def _text(value: Any) -> str:  # noqa: ANN401
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _one_line(text: str) -> str:
    """The text as HTTP can have it in a header."""
    return _CONTROLS.sub(" ", " ".join(text.splitlines()))


def _check_variables(where: str, part: Any, known: Iterable[str]) -> None:  # noqa: ANN401
    """Refuse variables that have no value."""
    match part:
        case str():
            for word in _VARIABLE.findall(part):
                if word not in known and not _built_in(word):
                    raise InvalidCorpus(
                        f"{where}: {{{{{word}}}}} is not known: name it under variables,"
                        " or use sequence, uuid or random LOW HIGH"
                    )
        case list():
            for one in part:
                _check_variables(where, one, known)
        case dict():
            for name, one in part.items():
                _check_variables(where, name, known)
                _check_variables(where, one, known)
        case _:
            pass


def _built_in(word: str) -> bool:
    match word.split():
        case ["sequence"] | ["uuid"]:
            return True
        case ["random", low, high]:
            return all(re.fullmatch(r"-?[0-9]{1,18}", end) for end in (low, high)) and int(low) <= int(high)
        case _:
            return False


def _request(number: int, text: str) -> Request:
    is_json = text.startswith("{") and not text.startswith("{{")
    try:
        entry = json.loads(text, parse_constant=refuse_constant)
    except ValueError:
        if is_json:
            raise InvalidCorpus(f"line {number}: it begins like JSON and is not JSON") from None
        entry = text
    except RecursionError:
        if is_json:
            raise _too_deep(number) from None
        entry = text
    if isinstance(entry, dict):
        if is_too_deep(entry):
            raise _too_deep(number)
        request = _parse_entry(number, entry)
    else:
        request = Request(number, body=entry if isinstance(entry, str) else text)
    for name in ("path", "headers", "body"):
        _check_variables(f"line {number}: {name}", getattr(request, name), request.variables)
    try:
        json.dumps(entry, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidCorpus(f"line {number}: an escape such as \\ud83d is half a character") from None
    return request


def _too_deep(number: int) -> InvalidCorpus:
    return InvalidCorpus(f"line {number}: lists and objects may be nested at most {DEEPEST} levels deep in it")


_PATH_WORDS: Final = "a path that begins with / and has no spaces and no #, and a percent sign in it is written %25"
_HEADER_WORDS: Final = 'names and texts of one line without control characters, such as {"Accept": "text/html"}'


def _parse_entry(number: int, entry: Mapping[str, Any]) -> Request:
    if unknown := sorted(entry.keys() - set(_FIELDS)):
        raise InvalidCorpus(f"line {number}: {unknown[0]} is not known; a line has {', '.join(_FIELDS)}")

    def check_field(name: str, holds: Callable[[Any], bool], words: str, default: Any = None) -> Any:  # noqa: ANN401
        value = entry.get(name, default)
        if name in entry and not holds(value):
            raise InvalidCorpus(f"line {number}: {name} must be {words}, not {json.dumps(value, ensure_ascii=False)}")
        return value

    return Request(
        line=number,
        method=check_field("method", _is_method, "a method such as POST"),
        path=check_field("path", _is_path, _PATH_WORDS),
        headers=check_field("headers", _are_headers, _HEADER_WORDS, {}),
        body=entry.get("body"),
        weight=float(check_field("weight", _is_weight, "a number above 0", 1.0)),
        variables=check_field("variables", _are_variables, "names and lists of values, none of them empty", {}),
    )


def _is_method(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, str) and re.fullmatch("[A-Z]+", value) is not None


def _is_path(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, str) and re.fullmatch(UrlPath.form, _VARIABLE.sub("x", value)) is not None


def _are_headers(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, dict) and all(
        _HEADER.fullmatch(name) and isinstance(text, str) and text == _one_line(text) for name, text in value.items()
    )


def _is_weight(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _HEAVIEST


def _are_variables(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, dict) and all(isinstance(one, list) and one for one in value.values())
