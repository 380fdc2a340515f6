"""The one question about what the pods of a revision count, and how its answer is read."""

import re

import pytest

from palier.metrics.increases import TWINS, Pods, find_twins, parse_vector, write_question
from palier.metrics.inquiries import LONGEST_QUESTION
from palier.watch.features.exported import COUNTED, Counted, Increase

PODS = Pods("ml", "demo-0123456789")


def test_every_selector_names_the_pods_and_has_the_matchers() -> None:
    """Nobody else's counters are asked for, whatever part of the question it is."""
    question = write_question(PODS, seconds=3600, matchers=('cluster="eu-1"',))
    selectors = re.findall(r"\{[^}]*\}", question)

    assert len(selectors) == len(Counted) + 1
    whose = 'namespace=~"ml",pod=~"(?:demo-0123456789)-.+",cluster="eu-1"}'
    assert all(one.endswith(whose) and '__name__=~"palier_(?:feature|prediction)_' in one for one in selectors)
    assert question.count("[3600000ms]") == len(Counted)


def test_every_part_says_what_it_is() -> None:
    """The names of metrics are gone after `increase`."""
    question = write_question(PODS, seconds=600)

    for counted in (*Counted, TWINS):
        assert f'"{COUNTED}", "{counted}", "", "")' in question
    assert "sum by (feature, prediction, group, le) (increase(" in question
    assert "sum by (feature, prediction, group, category) (increase(" in question


def test_no_name_becomes_a_part_of_the_question() -> None:
    """A dot in a name is no wildcard, and a quotation mark ends nothing."""
    question = write_question(Pods('m"l', "de.mo-0123456789"), seconds=600)

    assert r'namespace=~"m\"l"' in question
    assert r'pod=~"(?:de\\.mo-0123456789)-.+"' in question


def test_the_longest_question_fits_into_a_url() -> None:
    """Of the longest names that there are."""
    pods = Pods("n" * 63, "d" * 52)

    assert len(write_question(pods, seconds=86_400)) < LONGEST_QUESTION / 2


def test_an_instant_vector_becomes_increases() -> None:
    """Values are texts."""
    answer = [{"metric": {"feature": "a"}, "value": [100, "1.5"]}, {"metric": {}, "value": [100, "NaN"]}]
    first, second = parse_vector(answer)

    assert first == Increase({"feature": "a"}, 1.5)
    assert second.value != second.value


@pytest.mark.parametrize("entry", [{}, {"metric": {}}, {"metric": {}, "value": [1]}, {"metric": [], "value": [1, "x"]}])
def test_what_is_no_vector_is_refused(entry: dict[str, object]) -> None:
    """Nothing half read."""
    with pytest.raises((KeyError, IndexError, TypeError, ValueError)):
        parse_vector([entry])


@pytest.mark.parametrize(("values", "most"), [([], 0), ([1.0], 1), ([1.0, 2.0], 2), ([float("nan"), float("inf")], 0)])
def test_twins_are_counted(values: list[float], most: int) -> None:
    """Nothing is said where no pod is left."""
    found = [Increase({COUNTED: TWINS}, value) for value in values]

    assert find_twins([Increase({COUNTED: "bucket"}, 9.0), *found]) == most
