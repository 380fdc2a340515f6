"""Lines that people write become requests: every form, and every mistake with its line and field."""

import base64
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from palier.errors import InvalidCorpus
from palier.loadtest import corpus
from palier.loadtest.corpus import read, targets, varies


def _targets(
    *lines: str,
    count: int = 1,
    urls: Sequence[str] = ("http://a:1",),
    **options: Any,  # noqa: ANN401
) -> list[dict[str, Any]]:
    known = {"path": "/predict", "method": "POST", "seed": 1} | options
    written = targets(read(lines) if lines else (), base_urls=urls, count=count, **known)
    return [json.loads(line) for line in written]


def _body(target: dict[str, Any]) -> str:
    return base64.b64decode(target["body"]).decode()


def _line(**fields: Any) -> str:  # noqa: ANN401
    return json.dumps(fields)


def test_no_corpus() -> None:
    """Without a corpus the same request is sent, without a body."""
    assert _targets(method="GET", count=2) == [{"method": "GET", "url": "http://a:1/predict", "header": {}}] * 2


@pytest.mark.parametrize(
    ("line", "body", "content"),
    [
        ("Bonjour, ça va ? 你好", "Bonjour, ça va ? 你好", "text/plain; charset=utf-8"),
        ('"a JSON text\\nof two lines"', "a JSON text\nof two lines", "text/plain; charset=utf-8"),
        ("[1, 2]", "[1, 2]", "text/plain; charset=utf-8"),
        ("17", "17", "text/plain; charset=utf-8"),
        ("{{uuid", "{{uuid", "text/plain; charset=utf-8"),
        ('{"body": "text"}', "text", "text/plain; charset=utf-8"),
        ('{"body": ""}', "", "text/plain; charset=utf-8"),
        ('{"body": {"text": "Grüße 😀", "n": [1, null]}}', '{"text": "Grüße 😀", "n": [1, null]}', "application/json"),
        ('{"body": [1, 2]}', "[1, 2]", "application/json"),
        ('{"body": false}', "false", "application/json"),
    ],
)
def test_forms_of_a_line(line: str, body: str, content: str) -> None:
    """A line is a text or a request as JSON; JSON bodies say what they are."""
    (target,) = _targets(line)

    assert _body(target) == body
    assert target["header"] == {"Content-Type": [content]}


def test_a_whole_request() -> None:
    """A line may say everything, and its own content type is kept."""
    line = _line(method="PUT", path="/v1/x?q=1", headers={"content-type": "a/b", "X-Key": "k"}, body={"a": 1}, weight=2)

    (target,) = _targets(line)

    assert (target["method"], target["url"]) == ("PUT", "http://a:1/v1/x?q=1")
    assert target["header"] == {"content-type": ["a/b"], "X-Key": ["k"]}


@pytest.mark.parametrize("line", ["{}", '{"body": null}'])
def test_a_line_without_a_body(line: str) -> None:
    """Nothing is sent where nothing is said."""
    (target,) = _targets(line)

    assert "body" not in target
    assert target["header"] == {}


def test_empty_lines_are_left_out() -> None:
    """They are counted, though, so that later lines are found in an editor."""
    assert [request.line for request in read(["", "one", "   ", "two\n"])] == [2, 4]


def test_values_stay_what_they_are() -> None:
    """Quotes and line ends in a value do not break a JSON body, and a variable alone keeps its type."""
    line = _line(
        body={"said": "he said: {{word}}", "n": "{{number}}", "list": "{{list}}", "{{word}}": 1},
        variables={"word": ['"oh"\n\\ 😀'], "number": [17], "list": [[1, "a"]]},
    )

    body = json.loads(_body(_targets(line)[0]))

    assert body == {"said": 'he said: "oh"\n\\ 😀', "n": 17, "list": [1, "a"], '"oh"\n\\ 😀': 1}


def test_values_in_texts_paths_and_headers() -> None:
    """A value is escaped in a path, stays on its line in a header, and is itself in a text."""
    line = _line(
        path="/find/{{what}}?q={{ what }}",
        headers={"X-What": "{{what}}"},
        body="{{what}}{{n}}",
        variables={"what": ["a b&c=ü\n"], "n": [[1]]},
    )

    (target,) = _targets(line)

    assert target["url"] == "http://a:1/find/a%20b%26c%3D%C3%BC%0A?q=a%20b%26c%3D%C3%BC%0A"
    assert target["header"]["X-What"] == ["a b&c=ü"]
    assert _body(target) == "a b&c=ü\n[1]"


def test_values_in_headers_have_no_control_characters() -> None:
    """HTTP has none, so a request with one could not be sent; a tab is allowed."""
    line = _line(headers={"X-What": "{{what}}", "X-Tab": "a\tb"}, variables={"what": ["a\x00b\x1b[0m\x7f"]})

    assert _targets(line)[0]["header"] == {"X-What": ["a b [0m "], "X-Tab": ["a\tb"]}


def test_a_percent_sign_in_a_path() -> None:
    """It is written %25, or is part of a value, which is escaped."""
    line = _line(path="/%32%35/50%25{{what}}", variables={"what": ["100%"]})

    assert _targets(line)[0]["url"] == "http://a:1/%32%35/50%25100%25"


@pytest.mark.parametrize("depth", [101, 900, 30_000])
@pytest.mark.parametrize("field", ["body", "path", "headers", "variables"])
def test_a_line_that_is_nested_too_deep(depth: int, field: str) -> None:
    """It is a mistake like any other, wherever it is."""
    inner = "[" * depth + "]" * depth
    text = f'{{"variables": {{"a": {inner}}}}}' if field == "variables" else f'{{"{field}": {inner}}}'

    with pytest.raises(InvalidCorpus, match=r"^line 1: .*at most 100 levels deep"):
        read([text])


def test_a_line_that_is_nested_as_deep_as_may_be() -> None:
    """What is read can be sent, values in values too."""
    inner = json.loads("[" * 97 + "]" * 97)
    (target,) = _targets(_line(body={"a": ["{{deep}}", inner]}, variables={"deep": [inner]}))

    assert json.loads(_body(target)) == {"a": [inner, inner]}


def test_values_are_not_read_again() -> None:
    """A value may look like a variable: so braces can be sent."""
    line = _line(body="{{open}} x }}", variables={"open": ["{{"], "x": ["no"]})

    assert _body(_targets(line)[0]) == "{{ x }}"


def test_variables_that_need_no_values() -> None:
    """The number of the request, an id of its own, a whole number between two others."""
    line = _line(body={"number": "{{sequence}}", "id": "{{uuid}}", "dice": "{{random 1 6}}"})

    bodies = [json.loads(_body(target)) for target in _targets(line, count=300, first=40)]

    assert [body["number"] for body in bodies] == list(range(40, 340))
    assert len({body["id"] for body in bodies}) == 300
    assert {body["dice"] for body in bodies} == {1, 2, 3, 4, 5, 6}


def test_the_same_seed_writes_the_same_requests() -> None:
    """And another seed others."""
    line = _line(body="{{uuid}} {{x}}", variables={"x": list(range(10))})

    assert _targets(line, count=20) == _targets(line, count=20)
    assert _targets(line, count=20) != _targets(line, count=20, seed=2)


def test_lines_take_turns() -> None:
    """Lines of equal weight are sent in order, from where the last step ended."""
    assert [_body(target) for target in _targets("a", "b", "c", count=4, first=2)] == ["c", "a", "b", "c"]


def test_weights() -> None:
    """Other lines are drawn by their weights."""
    bodies = Counter(_body(target) for target in _targets(_line(body="a", weight=3), _line(body="b"), count=4000))

    assert bodies["a"] / 4000 == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("lines", [1, 2, 3, 4, 6])
def test_replicas_get_the_same(lines: int) -> None:
    """Each replica gets every line equally often: no replica has the hard ones for itself."""
    written = _targets(*(f"line {number}" for number in range(lines)), count=12 * lines, urls=("http://a", "http://b"))

    seen = Counter((target["url"], _body(target)) for target in written)
    assert set(seen.values()) == {6}
    assert len(seen) == 2 * lines


def test_large_requests_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the generator keeps in memory is bounded, and every replica still has a request."""
    monkeypatch.setattr(corpus, "MOST_BYTES", 10_000)

    assert 5 < len(_targets("x" * 1000, count=100)) < 10
    assert len(_targets("x" * 20_000, count=100, urls=("http://a", "http://b"))) == 2


@pytest.mark.parametrize("bound", ["MOST_LINES", "MOST_CHARACTERS"])
def test_a_corpus_without_end(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    """It is refused with what to do, and not read to its end."""
    monkeypatch.setattr(corpus, bound, 3)

    with pytest.raises(InvalidCorpus, match="shuf"):
        read(iter(["ab"] * 4))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"body": 1', "line 2: it begins like JSON and is not JSON"),
        ('{"body": NaN}', "line 2: it begins like JSON and is not JSON"),
        ('{"bdy": 1}', "line 2: bdy is not known; a line has method, path, headers, body, weight, variables"),
        ('{"method": "post"}', 'line 2: method must be a method such as POST, not "post"'),
        ('{"method": null}', "line 2: method must be a method such as POST, not null"),
        ('{"path": "predict"}', "line 2: path must be a path that begins with /"),
        ('{"path": "/a b"}', "line 2: path must be a path that begins with / and has no spaces"),
        ('{"path": 1}', "line 2: path must be"),
        (
            '{"path": "/50%off"}',
            "line 2: path must be a path that begins with / and has no spaces and no #, and a percent",
        ),
        ('{"path": "/50%"}', "line 2: path must be"),
        ('{"path": "/%4{{uuid}}"}', "line 2: path must be"),
        ('{"headers": ["a"]}', "line 2: headers must be"),
        ('{"headers": {"a b": "c"}}', "line 2: headers must be"),
        ('{"headers": {"a": 1}}', "line 2: headers must be"),
        ('{"headers": {"a": "b\\nc: d"}}', "line 2: headers must be"),
        (
            '{"headers": {"a": "b\\u0000c"}}',
            "line 2: headers must be names and texts of one line without control characters",
        ),
        ('{"headers": {"a": "b\\u007fc"}}', "line 2: headers must be"),
        ('{"weight": 0}', "line 2: weight must be a number above 0, not 0"),
        ('{"weight": true}', "line 2: weight must be"),
        ('{"weight": 1e400}', "line 2: weight must be"),
        ('{"variables": {"a": "b"}}', "line 2: variables must be names and lists"),
        ('{"variables": {"a": []}}', "line 2: variables must be names and lists"),
        ('{"body": "{{who}}"}', "line 2: body: {{who}} is not known: name it under variables"),
        ('{"body": {"a": ["{{who}}"]}}', "line 2: body: {{who}} is not known"),
        ('{"body": {"{{who}}": 1}}', "line 2: body: {{who}} is not known"),
        ('{"headers": {"a": "{{who}}"}}', "line 2: headers: {{who}} is not known"),
        ('{"path": "/{{who}}"}', "line 2: path: {{who}} is not known"),
        ("a text of {{who}}", "line 2: body: {{who}} is not known"),
        ("{{random 6 1}}", "line 2: body: {{random 6 1}} is not known"),
        ("{{random 1 x}}", "line 2: body: {{random 1 x}} is not known"),
        ('{"body": "\\ud83d"}', "line 2: an escape such as \\ud83d is half a character"),
    ],
)
def test_mistakes(line: str, words: str) -> None:
    """Each is told with its line and its field, before anything is sent."""
    with pytest.raises(InvalidCorpus) as raised:
        read(["first", line])

    assert str(raised.value).startswith(words)


def test_nothing_at_all() -> None:
    """A corpus without a line is a mistake, not a test without a body."""
    with pytest.raises(InvalidCorpus, match="has no line"):
        read(["", " \n"])


def test_variables_of_the_path() -> None:
    """Without a corpus the path alone may vary."""
    assert not varies("/predict?q={x}")
    assert varies("/predict?user={{uuid}}")
    with pytest.raises(InvalidCorpus, match=r"the path: \{\{who"):
        varies("/{{who}}")

    urls = {target["url"] for target in _targets(path="/{{sequence}}", count=3)}
    assert urls == {"http://a:1/0", "http://a:1/1", "http://a:1/2"}


def test_the_examples_of_the_documentation() -> None:
    """Each line that the page shows is a request, or else is shown in no block of lines."""
    page = (Path(__file__).parents[3] / "docs" / "load-test.md").read_text(encoding="utf-8")
    texts, objects = (
        read(block.splitlines()) for block in re.findall(r"^```jsonl\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    )

    assert [request.body for request in texts] == ["Where is the station?", "a JSON text may have\nmore than one line"]
    assert {field for line in objects for field in ("method", "path", "headers", "body") if getattr(line, field)} == {
        "method",
        "path",
        "headers",
        "body",
    }
    (*_, chat) = targets(objects, base_urls=("http://a",), path="/", method="POST", count=100, seed=1, first=0)
    assert json.loads(chat)["url"].startswith("http://a/")
