"""The confusion table: what is counted, and its bounds."""

from hypothesis import given
from hypothesis import strategies as st

from palier.answers.confusion import LONGEST_LABEL, MOST_LABELS, MOST_PAIRS, OTHER, Confusion, bound_label


def test_pairs_are_counted() -> None:
    """The reference's label first."""
    confusion = Confusion()
    for reference, candidate in [("fr", "fr"), ("fr", "de"), ("de", "de"), ("fr", "fr")]:
        assert confusion.add(reference, candidate) == (reference, candidate)

    assert confusion.counts == {("fr", "fr"): 2, ("fr", "de"): 1, ("de", "de"): 1}
    assert confusion.table() == {"de": {"de": 1}, "fr": {"de": 1, "fr": 2}}
    assert confusion.labels == ("de", "fr")


def test_later_labels_are_one() -> None:
    """A model that answers a new label each time cannot make the table grow."""
    confusion = Confusion()
    for number in range(3 * MOST_LABELS):
        confusion.add("known", f"label {number}")

    assert len(confusion.labels) == MOST_LABELS + 1
    assert confusion.labels[-1] == OTHER
    assert confusion.add("known", "brand new") == ("known", OTHER)
    assert confusion.add("known", "label 0") == ("known", "label 0")
    assert sum(confusion.counts.values()) == 3 * MOST_LABELS + 2
    assert confusion.counts["known", OTHER] == 3 * MOST_LABELS - (MOST_LABELS - 1) + 1


def test_later_pairs_are_one() -> None:
    """Fifty labels alone would be 2,500 pairs, each a time series; the first ones keep their names."""
    confusion = Confusion()
    for reference in range(MOST_LABELS):
        for candidate in range(MOST_LABELS):
            confusion.add(str(reference), str(candidate))

    assert len(confusion.counts) == MOST_PAIRS + 1
    assert confusion.counts[OTHER, OTHER] == MOST_LABELS**2 - MOST_PAIRS
    assert confusion.counts["0", "0"] == 1
    assert confusion.add("0", "0") == ("0", "0")
    assert confusion.add("49", "49") == (OTHER, OTHER)
    assert confusion.add("49", "new") == (OTHER, OTHER)
    assert len(confusion.counts) == MOST_PAIRS + 1


@given(st.text(alphabet=st.characters(), max_size=200) | st.text(alphabet="\ud800\n\x1b[31ma", max_size=200))
def test_labels_can_be_written_anywhere(label: str) -> None:
    """Short, in one line, valid Unicode, without escapes that a terminal obeys; the same when bounded again."""
    short = bound_label(label)

    assert len(short) <= LONGEST_LABEL
    assert short.encode().decode() == short
    assert short.isprintable()
    assert bound_label(short) == short


def test_ordinary_labels_stay() -> None:
    """Any script, spaces, and exactly as many characters as are allowed."""
    for label in ("Français", "负面", "not spam", "x" * LONGEST_LABEL, ""):
        assert bound_label(label) == label
    assert bound_label("x" * (LONGEST_LABEL + 1)) == "x" * (LONGEST_LABEL - 1) + "…"
