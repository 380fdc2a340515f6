"""Places in documents: what a path finds, how a place is written, and what is hidden."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.answers.paths import REDACTED, find_values, redact_paths, steps_of, write_path
from palier.api.spec.answers import JsonPath

DOCUMENT = {
    "choices": [{"index": 0, "message": {"content": "hi", "role": "x"}}, {"index": 1, "message": {"content": None}}],
    "scores": {"b": 2, "a": 1},
    "odd name": {"it's": True},
    "empty": [],
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "", "x", "y", "Ä"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
PATHS = (
    st.lists(st.sampled_from([".a", ".b", "[0]", "[1]", "[*]", ".*", "['c']"]), max_size=4)
    .map("".join)
    .map("${}".format)
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", [("$", DOCUMENT)]),
        ("$.choices[0].message.content", [("$.choices[0].message.content", "hi")]),
        ("$.choices[*].index", [("$.choices[0].index", 0), ("$.choices[1].index", 1)]),
        ("$.choices[*].message.role", [("$.choices[0].message.role", "x")]),
        ("$.choices[1].message.content", [("$.choices[1].message.content", None)]),  # null is a value
        ("$.scores.*", [("$.scores.a", 1), ("$.scores.b", 2)]),  # by name: the order of fields means nothing
        ("$.scores[*]", [("$.scores.a", 1), ("$.scores.b", 2)]),
        ("$['odd name']", [("$['odd name']", {"it's": True})]),
        ("$['odd name'].*", [("$['odd name'][\"it's\"]", True)]),
        ("$['choices'][1]['index']", [("$.choices[1].index", 1)]),
        ("$.choices[2]", []),
        ("$.choices.index", []),
        ("$.scores[0]", []),
        ("$.empty[*].x", []),
        ("$.nothing.at.all", []),
        ("$.scores.a.b", []),
    ],
)
def test_what_a_path_finds(path: str, expected: list[tuple[str, Any]]) -> None:
    """Names, positions and wildcards, each value with its own place."""
    assert find_values(DOCUMENT, path) == expected


@pytest.mark.parametrize(
    "path", ["", "a", "$.", "$..a", "$[", "$[-1]", "$['']", "$.a b", "$.a[0", "x$.a", "$[a]", "$$"]
)
def test_what_is_no_path(path: str) -> None:
    """A path that the API would refuse is refused here too."""
    assert re.fullmatch(JsonPath.form, path) is None
    with pytest.raises(ValueError, match="is not a path"):
        steps_of(path)


@given(st.from_regex(JsonPath.form, fullmatch=True))
def test_every_path_of_the_api_is_understood(path: str) -> None:
    """The API and the look-up share one grammar: the steps written again mean the same."""
    assert steps_of(path.rstrip("\n")) is not None


@given(JSON, PATHS)
def test_a_place_is_a_path(document: Any, path: str) -> None:  # noqa: ANN401
    """What was found at a place is found again by it, alone."""
    for place, value in find_values(document, path):
        assert find_values(document, place) == [(place, value)]


@given(JSON, st.lists(PATHS, max_size=3))
def test_redaction_hides_what_the_paths_find_and_nothing_else(document: Any, paths: list[str]) -> None:  # noqa: ANN401
    """Every place is `***` or within one; without the paths the documents are the same; the original is untouched."""
    before = json.dumps(document)

    hidden = redact_paths(document, paths)

    assert json.dumps(document) == before
    if isinstance(document, str):
        assert hidden == (REDACTED if paths else document)
        return
    reached = [place for path in paths for place, _ in find_values(document, path)]
    for place in reached:
        assert [value for _, value in find_values(hidden, place)] in ([REDACTED], [])
    if not reached:
        assert hidden == document
    assert _leaves_outside(hidden, reached) == _leaves_outside(document, reached)


def _leaves_outside(document: Any, hidden: list[str]) -> dict[str, Any]:  # noqa: ANN401
    """Every leaf by its place, but those at or below hidden places."""
    leaves: dict[str, Any] = {}

    def walk(value: Any, place: tuple[str | int, ...]) -> None:  # noqa: ANN401
        if write_path(place) in hidden:
            return
        inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
        if inside is None:
            leaves[write_path(place)] = value
            return
        for step, one in inside:
            walk(one, (*place, step))

    walk(document, ())
    return leaves


def test_redaction_of_a_text() -> None:
    """What was to be hidden could be anywhere in a text that is not JSON, so nothing of it is shown."""
    assert redact_paths("my name is Ann", ["$.name"]) == REDACTED
    assert redact_paths("my name is Ann", []) == "my name is Ann"
    assert redact_paths({"a": [{"b": 1, "c": 2}]}, ["$.a[*].b"]) == {"a": [{"b": REDACTED, "c": 2}]}
