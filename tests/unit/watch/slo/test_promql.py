"""Queries of others: sums of counters are read, everything else is refused where it begins."""

from decimal import Decimal

import pytest

from palier.watch.slo.promql import (
    bucket_selector,
    count_selector,
    parse_selector,
    parse_sums,
    read_edge,
    write_bad_rate,
    write_sum,
    write_total_rate,
)
from palier.watch.slo.record import Edge

W = "{{.window}}"


def added(text: str, *, window: str = "") -> list[str]:
    """The counters that a query adds up."""
    sums = parse_sums(text, window=window)
    assert sums.minus == ()
    return [one.text for one in sums.plus]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", ["a"]),
        (" sum( a ) ", ["a"]),
        ('a{b="c", d=~"e|f" ,}', ['a{b="c",d=~"e|f"}']),
        ('a{b=\'}, \', c!="\\"{"}', ['a{b=\'}, \',c!="\\"{"}']),
        ("sum(a) + sum(b{c!~'d'})", ["a", "b{c!~'d'}"]),
        ("(sum(a) or vector(0)) + (sum(b) or vector(0)) > 0", ["a", "b"]),
        ("((sum(a) + b))", ["a", "b"]),
        ("summary{rate='1'}", ["summary{rate='1'}"]),
        ("job:requests:sum", ["job:requests:sum"]),
    ],
)
def test_counters_are_read(text: str, expected: list[str]) -> None:
    """With spaces, parentheses and quotes as people write them."""
    assert added(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"sum(rate(a[{W}]))", ["a"]),
        (f'sum ( increase ( a{{b="c"}} [ {W} ] ) )', ['a{b="c"}']),
        (f"(sum(rate(a[{W}])) + sum(rate(b[{W}])))", ["a", "b"]),
        (f"sum(rate(a[{W}])) or vector(0)", ["a"]),
        (f"sum(rate(a[{W}]))\n  > 0", ["a"]),
    ],
)
def test_rates_are_read(text: str, expected: list[str]) -> None:
    """With the window as Sloth writes it."""
    assert added(text, window=W) == expected


def test_a_difference_is_read() -> None:
    """All minus the fast ones, and minus a difference is a sum again."""
    sums = parse_sums(f"sum(rate(a[{W}])) - (sum(rate(b[{W}])) - sum(rate(c[{W}])))", window=W)

    assert [one.text for one in sums.plus] == ["a", "c"]
    assert [one.text for one in sums.minus] == ["b"]


@pytest.mark.parametrize(
    ("text", "window", "message"),
    [
        ("", "", "'a counter' is missing at the end"),
        ("1", "", "'a counter' is missing before '1'"),
        ("sum by (job) (a)", "", "'the end' is missing before 'by (job) (a)'"),
        ("a * 2", "", "before '* 2'"),
        ("rate(a[5m])", "", "before '(a[5m])'"),
        ("a > 0.5", "", "before '> 0.5'"),
        ("a > 1", "", "before '> 1'"),
        ("a or vector(1)", "", "before 'or vector"),
        ("a{b}", "", "'a label matcher' is missing before 'b}'"),
        ('a{b="c"', "", "'a label matcher' is missing before"),
        ('a{b="c}', "", "'a label matcher' is missing before"),
        ("(a", "", "')' is missing at the end"),
        ("a", W, "'sum(rate(' is missing before 'a'"),
        (f"sum(irate(a[{W}]))", W, "'rate( or increase(' is missing before 'irate"),
        ("sum(rate(a[5m]))", W, "is missing before '[5m]))'"),
        (f"sum(rate(a[{W}])) / sum(rate(b[{W}]))", W, "before '/ sum"),
        (f"sum(rate(a[{W}:1m]))", W, "is missing before"),
        ("(" * 100_000, "", "'a counter' is missing before"),
    ],
)
def test_more_than_sums_is_refused(text: str, window: str, message: str) -> None:
    """Palier would count something else than the SLO; the refusal says where that begins."""
    with pytest.raises(ValueError, match="Palier reads sums of counters and no more of PromQL") as caught:
        parse_sums(text, window=window)
    assert message in str(caught.value)


def test_a_selector_is_no_sum() -> None:
    """Pyrra takes plain selectors."""
    assert parse_selector("a{b='c'}").text == "a{b='c'}"
    with pytest.raises(ValueError, match="before '\\+ b'"):
        parse_selector("a + b")


def test_what_is_written_is_read() -> None:
    """By the same module, one counter and several."""
    for selectors in (["a"], ["a", 'b{c="d"}']):
        assert added(write_sum(selectors)) == selectors
        for write in (write_bad_rate, write_total_rate):
            assert added(write(selectors, window=W), window=W) == selectors


def test_a_counter_without_series_does_not_hide_the_others() -> None:
    """Many programs have no series of failures before the first one."""
    assert write_bad_rate(["a"], window="5m") == "sum(rate(a[5m])) or vector(0)"
    assert write_total_rate(["a", "b"], window="5m") == (
        "(sum(rate(a[5m])) or vector(0)) + (sum(rate(b[5m])) or vector(0)) > 0"
    )


@pytest.mark.parametrize(
    "edge", ["0.25", "1", "2.5", "10", "100000", "1000000", "3600000", "1234567", "0.0001", "0.00005", "0.000125"]
)
@pytest.mark.parametrize("exact", [True, False])
def test_an_edge_is_read_as_it_was_written(edge: str, exact: bool) -> None:
    """However large or small it is."""
    written = Edge('seconds{a="b"}', Decimal(edge))
    bucket = parse_selector(bucket_selector(written, exact=exact))

    assert read_edge(bucket, parse_selector(count_selector(written))) == written


@pytest.mark.parametrize(
    ("edge", "stored"),
    [
        ("0.25", "0.25"),
        ("1", "1.0"),
        ("100000", "100000.0"),
        ("1000000", "1e+06"),
        ("3600000", "3.6e+06"),
        ("0.0001", "0.0001"),
        ("0.00005", "5e-05"),
    ],
)
def test_an_edge_is_written_as_prometheus_stores_it(edge: str, stored: str) -> None:
    """As Go writes a float, with a point or an exponent in it."""
    assert bucket_selector(Edge("s", Decimal(edge)), exact=True) == f's_bucket{{le="{stored}"}}'


@pytest.mark.parametrize(
    ("matcher", "edge"),
    [('le="0.250"', "0.25"), ('le="2.5e+2"', "250"), (r'le=~"1|1\\.0"', "1"), ("le=~'5e-05'", "0.00005")],
)
def test_edges_of_others_are_read(matcher: str, edge: str) -> None:
    """As clients and people write them."""
    found = read_edge(parse_selector(f's_bucket{{{matcher},a="b"}}'), parse_selector('s_count{a="b"}'))

    assert found == Edge('s{a="b"}', Decimal(edge))


@pytest.mark.parametrize(
    ("bucket", "count"),
    [
        ("s_bucket", "s_count"),
        ('s_bucket{le="1",le="2"}', "s_count"),
        ('s_bucket{le=~"1|2"}', "s_count"),
        ('s_bucket{le!="1"}', "s_count"),
        ('s_bucket{le="+Inf"}', "s_count"),
        ('s_bucket{le="x"}', "s_count"),
        ('s_bucket{le="1",a="b"}', "s_count"),
        ('s_bucket{le="1"}', 's_count{a="b"}'),
    ],
)
def test_what_is_no_single_edge_is_refused(bucket: str, count: str) -> None:
    """Several edges, none, or other series than those of the count."""
    with pytest.raises(ValueError, match="le"):
        read_edge(parse_selector(bucket), parse_selector(count))


@pytest.mark.parametrize(("bucket", "count"), [("a", "b"), ('s_bucket{le="1"}', "other_count")])
def test_what_is_no_histogram_is_none(bucket: str, count: str) -> None:
    """Two counters, or parts of two histograms."""
    assert read_edge(parse_selector(bucket), parse_selector(count)) is None
