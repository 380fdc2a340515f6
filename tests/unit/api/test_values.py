"""Durations, percentages and units as numbers."""

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from palier.api.rule import RuledString
from palier.api.spec.values import (
    Amount,
    Cost,
    Currency,
    Duration,
    FilePath,
    HistogramSelector,
    Percent,
    Selector,
    TimeUnit,
    UrlPath,
)


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


@pytest.mark.parametrize("text", ["0.1", "0.000001", "999999999999.999999", "0.30"])
def test_money_is_not_rounded(text: str) -> None:
    """Amounts, costs and shares are exact: floating-point numbers would add up to something else."""
    assert TypeAdapter(Amount).validate_python(text).decimal == Decimal(text)
    assert TypeAdapter(Cost).validate_python(text).decimal == Decimal(text)
    assert Percent("0.3").share * 1000 == 3


def test_a_cost_may_be_nothing() -> None:
    """An overhead of zero can be written, an amount of zero cannot."""
    assert TypeAdapter(Cost).validate_python("0").decimal == 0
    with pytest.raises(ValidationError):
        TypeAdapter(Amount).validate_python("0")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *((Cost, text) for text in ("", "-1", "1e3", "NaN", "1,50", "0.1234567", "1\n")),
        *((Currency, text) for text in ("", "eur", "EURO", "E1R", "EUR\n")),
        *((UrlPath, text) for text in ("", "predict", "http://host/", "/a b", "/a#b", "/a\n")),
        *((FilePath, text) for text in ("", "/etc/passwd", "..", "a/..", "../a", "a/../b", "a b", "a\n")),
    ],
    ids=repr,
)
def test_what_has_another_form(kind: type[RuledString], text: str) -> None:
    """Costs, currencies and paths that could be read in two ways, or lead elsewhere, are refused."""
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Currency, "EUR"),
        (UrlPath, "/"),
        (UrlPath, "/v2/models/a/infer?priority=1&x=%20"),
        (FilePath, "chat.jsonl"),
        (FilePath, "2026..11/chat.jsonl"),
    ],
    ids=repr,
)
def test_what_has_the_right_form(kind: type[RuledString], text: str) -> None:
    """A query belongs to a path, and two dots in a name leave no folder."""
    assert TypeAdapter(kind).validate_python(text) == text


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
