"""Durations, percentages and units as numbers."""

import pytest
from pydantic import TypeAdapter, ValidationError

from palier.api.values import Duration, HistogramSelector, Percent, Selector, TimeUnit


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("30s", 30.0), ("1m30s", 90.0), ("2h", 7200.0), ("1h1m1s1ms", 3661.001), ("0s", 0.0)],
)
def test_durations_in_seconds(text: str, seconds: float) -> None:
    """Every unit counts, and `m` and `ms` are told apart."""
    assert TypeAdapter(Duration).validate_python(text).seconds == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "1d", "1.5s", "-1s", "1s ", "1s\n", "123456s", "1s1s1s1s1s"])
def test_what_is_no_duration(text: str) -> None:
    """Anything else is refused, also a trailing newline that a regular expression may overlook."""
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(text)


@pytest.mark.parametrize(
    ("text", "fraction"), [("1", 0.01), ("0.5", 0.005), ("0.0001", 0.000001), ("99.9999", 0.999999)]
)
def test_percentages_as_fractions(text: str, fraction: float) -> None:
    """The decimal string is divided before it becomes a floating-point number, so that nothing is rounded twice."""
    assert TypeAdapter(Percent).validate_python(text).fraction == fraction


@pytest.mark.parametrize("text", ["0", "0.0", "100", "-1", "1%", ".5", "1.", "1e1", "1\n"])
def test_what_is_no_percentage(text: str) -> None:
    """Zero, a hundred and other notations are refused."""
    with pytest.raises(ValidationError):
        TypeAdapter(Percent).validate_python(text)


@pytest.mark.parametrize("text", ["up", "job:up:sum", 'a{b="c"}', "a{}"])
def test_plain_selectors(text: str) -> None:
    """A metric name, with matchers if wanted."""
    assert TypeAdapter(Selector).validate_python(text) == text


@pytest.mark.parametrize("text", ["", "1up", "a b", "rate(a[1m])", "a[5m]", "a{b='c'", '{__name__="a"}', "a offset 5m"])
def test_what_is_no_plain_selector(text: str) -> None:
    """Anything that is more than one vector selector is refused."""
    with pytest.raises(ValidationError):
        TypeAdapter(Selector).validate_python(text)


def test_a_matcher_may_look_like_a_suffix() -> None:
    """Only the metric's name is checked for `_bucket`, not its matchers."""
    text = 'latency_seconds{path="/a_bucket"}'

    assert TypeAdapter(HistogramSelector).validate_python(text) == text


def test_time_units_in_seconds() -> None:
    """The units of bucket edges."""
    assert {unit.value: unit.seconds for unit in TimeUnit} == {
        "Seconds": 1.0,
        "Milliseconds": 0.001,
        "Microseconds": 0.000001,
    }
