"""The requests of a load test: lines that people write, made into the targets that the generator sends in turn.

Variables are filled in when the targets are written, so that the generator only has to send. There are many more
targets than lines, because a server that meets the same request again and again shows its cache and not its model.
"""

import base64
import json
import random
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from palier.errors import PalierError

__all__ = ["InvalidCorpus", "Request", "read", "targets"]

MOST: Final = 10_000
"""Targets that are written at most; they are sent in turn, again and again."""

_VARIABLE: Final = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_FIELDS: Final = {"method", "path", "headers", "body", "weight", "variables"}


class InvalidCorpus(PalierError):
    """A line of the corpus that is no request; the text names the line and the field."""


@dataclass(frozen=True, slots=True)
class Request:
    """One line of the corpus."""

    line: int
    method: str | None = None
    path: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    weight: float = 1.0
    variables: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    json_body: bool = False
    """The body is JSON: values of variables are escaped in it, and its content type is known."""


def read(lines: Iterable[str]) -> tuple[Request, ...]:
    """The requests of a corpus, a line each; empty lines are left out.

    Raises:
        InvalidCorpus: a line is no request, or there is none.
    """
    requests = tuple(_request(number, text.strip()) for number, text in enumerate(lines, start=1) if text.strip())
    if not requests:
        raise InvalidCorpus("the corpus has no line")
    return requests


def targets(
    requests: Sequence[Request], *, base_urls: Sequence[str], path: str, method: str, count: int, seed: int
) -> Iterator[str]:
    """Targets as lines of JSON, as Vegeta reads them.

    Args:
        requests: the corpus; empty for the same request without a body again and again.
        base_urls: the replicas, which get the requests in turn.
        path: of requests that name none.
        method: of requests that name none.
        count: how many to write.
        seed: draws the lines and the values of their variables.

    Raises:
        InvalidCorpus: a variable is not known.
    """
    draw = random.Random(seed)  # noqa: S311 - the same requests in every run, and no secret
    known = requests or (Request(0),)
    weights = [request.weight for request in known]
    each_once = len(known) <= count and len(set(weights)) == 1
    for number in range(count):
        request = known[number % len(known)] if each_once else draw.choices(known, weights)[0]
        yield _target(request, draw, number=number, base=base_urls[number % len(base_urls)], path=path, method=method)


def _target(request: Request, draw: random.Random, *, number: int, base: str, path: str, method: str) -> str:
    chosen = {name: draw.choice(values) for name, values in request.variables.items()}

    def fill(text: str, *, escaped: bool = False) -> str:
        def value(match: re.Match[str]) -> str:
            found = _value(match.group(1), chosen, draw, number=number, line=request.line)
            if escaped and isinstance(found, str):
                return json.dumps(found, ensure_ascii=False)[1:-1]
            return found if isinstance(found, str) else json.dumps(found)

        return _VARIABLE.sub(value, text)

    headers = {name: [fill(text)] for name, text in request.headers.items()}
    target: dict[str, Any] = {
        "method": request.method or method,
        "url": base + fill(request.path or path),
        "header": headers,
    }
    if request.body is not None:
        content = "application/json" if request.json_body else "text/plain; charset=utf-8"
        if not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = [content]
        target["body"] = base64.b64encode(fill(request.body, escaped=request.json_body).encode()).decode()
    return json.dumps(target, ensure_ascii=False)


def _value(word: str, chosen: Mapping[str, Any], draw: random.Random, *, number: int, line: int) -> Any:  # noqa: ANN401
    if word in chosen:
        return chosen[word]
    match word.split():
        case ["sequence"]:
            return number
        case ["uuid"]:
            return str(uuid.UUID(int=draw.getrandbits(128), version=4))
        case ["random", low, high] if _whole(low) and _whole(high) and int(low) <= int(high):
            return draw.randint(int(low), int(high))
    raise InvalidCorpus(
        f"line {line}: {{{{{word}}}}} is not known: name it under variables, or use sequence, uuid or random LOW HIGH"
    )


def _whole(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]+", text) is not None


def _request(number: int, text: str) -> Request:
    try:
        entry = json.loads(text)
    except ValueError:
        if text.startswith("{"):
            raise InvalidCorpus(f"line {number}: it begins as JSON and is none") from None
        return Request(number, body=text)
    if isinstance(entry, str):
        return Request(number, body=entry)
    if not isinstance(entry, dict):
        return Request(number, body=text)
    return _written(number, entry)


def _written(number: int, entry: Mapping[str, Any]) -> Request:
    if unknown := sorted(entry.keys() - _FIELDS):
        raise InvalidCorpus(f"line {number}: {unknown[0]} is not known; a line has {', '.join(sorted(_FIELDS))}")

    def checked(name: str, holds: Callable[[Any], bool], words: str, default: Any = None) -> Any:  # noqa: ANN401
        value = entry.get(name, default)
        if name in entry and not holds(value):
            raise InvalidCorpus(f"line {number}: {name} must be {words}, not {value!r}")
        return value

    body = entry.get("body")
    return Request(
        line=number,
        method=checked("method", lambda value: isinstance(value, str) and value.isupper(), "a method such as POST"),
        path=checked("path", lambda value: isinstance(value, str) and value.startswith("/"), "a path that begins with /"),
        headers=checked("headers", _texts, "a mapping of texts", {}),
        body=body if isinstance(body, str) or body is None else json.dumps(body, ensure_ascii=False),
        weight=float(checked("weight", _positive, "a number above 0", 1.0)),
        variables=checked("variables", _lists, "a mapping of lists that are not empty", {}),
        json_body=not isinstance(body, str),
    )


def _texts(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _lists(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, dict) and all(isinstance(one, list) and one for one in value.values())


def _positive(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
