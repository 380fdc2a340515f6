"""Whether two values are one and the same value of JSON."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.api.same_json import is_same_json
from tests.support.cluster.memory import copied

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([-1.0, 0.0, 1.0, 1.5]) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES)
def test_a_copy_is_the_same(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Wherever it lies in memory."""
    assert is_same_json(value, copied(value))


@given(VALUES, VALUES)
def test_what_is_the_same_is_written_the_same(one: Any, other: Any) -> None:  # noqa: ANN401 - any JSON value
    """Numbers of another type included, which Python takes for equal."""
    assert is_same_json(one, other) is (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0, False),
        ({"a": 1}, {"a": True}),
        ([1], [1.0]),
        ({"a": 1}, {"b": 1}),
        ([], {}),
        ("", None),
    ],
)
def test_what_python_or_a_glance_takes_for_equal_is_told_apart(one: object, other: object) -> None:
    """A spec with `true` for a number is another spec."""
    assert not is_same_json(one, other)


def test_the_order_of_fields_does_not_matter() -> None:
    """The API server may send them in any."""
    assert is_same_json({"a": [1], "b": {"c": "d"}}, {"b": {"c": "d"}, "a": [1]})
