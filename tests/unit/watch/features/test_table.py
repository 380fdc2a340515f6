"""Two features on the same bins, whatever each of them has kept."""

import pytest

from palier.watch.features.profile import Categories, Feature, Numbers
from palier.watch.features.table import Table, align, have_no_edge_in_common


def test_numbers_with_the_same_edges() -> None:
    """Bin by bin, then what is new, unreadable and missing."""
    table = align(Numbers((1.0,), (5, 6), nulls=1), Numbers((1.0,), (7, 8), nulls=2, unreadable=3))

    assert table == Table((5, 6, 0, 0, 1), (7, 8, 0, 3, 2), 2)
    assert (table.reference_events, table.events) == (12, 20)


def test_numbers_with_other_edges() -> None:
    """Between the edges that both have."""
    table = align(Numbers((1.0, 2.0, 3.0), (1, 2, 4, 8)), Numbers((0.5, 2.0), (16, 32, 64)))

    assert table == Table((3, 12, 0, 0, 0), (48, 64, 0, 0, 0), 2)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Numbers((1.0,), (1, 1)), Numbers((2.0,), (1, 1)), True),
        (Numbers((1.0,), (1, 1)), Numbers((1.0, 2.0), (1, 1, 1)), False),
        (Numbers((), (1,)), Numbers((2.0,), (1, 1)), False),  # a constant has no edges
        (Categories({"a": 1}), Numbers((2.0,), (1, 1)), False),
    ],
)
def test_numbers_that_cannot_be_compared(one: Feature, other: Feature, *, expected: bool) -> None:
    """Where both have edges and none in common."""
    assert have_no_edge_in_common(one, other) is expected


def test_categories() -> None:
    """In the order of the reference; what it has never had stands apart."""
    reference = Categories({"a": 5, "b": 6, "never": 0}, nulls=1)

    table = align(reference, Categories({"a": 0, "b": 7, "c": 8, "never": 2}))

    assert table == Table((5, 6, 0, 0, 0, 1), (0, 7, 0, 10, 0, 0), 0)


def test_categories_of_a_reference_that_has_counted_rare_ones_together() -> None:
    """It cannot say that it has never had one: whatever is unknown is compared with its rest."""
    table = align(Categories({"a": 5}, 10), Categories({"a": 7, "c": 8}, 1))

    assert table == Table((5, 10, 0, 0, 0), (7, 9, 0, 0, 0), 0)


def test_categories_that_the_window_may_have_among_its_rest() -> None:
    """A window that was profiled by itself keeps its own largest: what it does not list is compared with its rest."""
    table = align(Categories({"a": 5, "b": 6}), Categories({"a": 7}, 9))

    assert table == Table((5, 6, 0, 0, 0), (7, 9, 0, 0, 0), 0)


def test_other_kinds() -> None:
    """None of the window's values is where the reference's are."""
    number, category = Numbers((1.0,), (5, 6), nulls=1), Categories({"a": 3}, 2, 4)

    assert align(number, category) == Table((5, 6, 0, 0, 1), (0, 0, 0, 5, 4), 2)
    assert align(category, number) == Table((3, 2, 0, 0, 4), (0, 0, 0, 11, 1), 0)
