"""Label matchers: what people may write, and that nothing that is put into a selector can break out of it."""

import pytest

from palier.measuring.matchers import anyone_of, matcher, narrow_selector, none_of


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("cluster=eu-1", 'cluster="eu-1"'),
        ('cluster="eu-1"', 'cluster="eu-1"'),
        (' cluster = "eu 1" ', 'cluster="eu 1"'),
        ('cluster=~"eu-.*"', 'cluster=~"eu-.*"'),
        ('prometheus_replica!="b"', 'prometheus_replica!="b"'),
        ('region!~"us-.*|ap-.*"', 'region!~"us-.*|ap-.*"'),
        (r'team="a\"b"', r'team="a\"b"'),
    ],
)
def test_matchers_as_people_write_them(written: str, meant: str) -> None:
    """Quotes may be left out where there is nothing that needs them."""
    assert matcher(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "eu-1",
        "cluster",
        "cluster=",
        'cluster=""',
        'cluster="eu-1',
        'cluster="a",x="b"',
        'cluster="a"} or up{x="b"',
        "cluster=eu 1",
        'cluster=~"("',
        'namespace="ml"',
        "pod=~demo",
        "1st=x",
    ],
)
def test_what_is_no_matcher_is_refused(written: str) -> None:
    """A matcher that was accepted can neither end the selector nor be about what Palier itself asks for."""
    with pytest.raises(ValueError, match=r"matcher|label|value|quotes"):
        matcher(written)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("a_total", 'a_total{cluster="eu"}'),
        ('a_total{code="5"}', 'a_total{code="5",cluster="eu"}'),
        ("a_total{}", 'a_total{cluster="eu"}'),
        ('a_total{code="5",}', 'a_total{code="5",cluster="eu"}'),
    ],
)
def test_a_matcher_joins_whatever_the_selector_already_says(selector: str, expected: str) -> None:
    """The user's own matchers stay."""
    assert narrow_selector(selector, 'cluster="eu"') == expected
    assert narrow_selector(selector) == selector


def test_values_are_taken_literally() -> None:
    """A dot is a dot, and a quote does not end the value."""
    assert anyone_of("pod", ['a.b"c', "d"], end="-.+") == r'pod=~"(?:a\\.b\"c|d)-.+"'
    assert none_of("pod", ["a"]) == 'pod!~"a"'
