"""The benchmark of counting in a model server measures what it says."""

import pytest

from benchmarks.instrument import __main__ as instrument
from tests.support.instrument.page import Page


def test_it_tells_what_counting_costs_and_fails_where_that_is_too_much(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row for each kind of call, and the pages."""
    arguments = ["--rounds", "1", "--calls", "20"]
    monkeypatch.setattr(instrument, "MOST", 1e9)

    assert instrument.main(arguments) == 0

    told = capsys.readouterr().out
    assert told.count("\n| decorated, ") == 4
    assert "\n| 13,818 | " in told
    monkeypatch.setattr(instrument, "MOST", -1e9)
    assert instrument.main(arguments) == 1


def test_its_calls_are_counted() -> None:
    """Nothing is measured that does not happen: every feature of every row has its place."""
    rows = instrument.draw_rows(instrument.declare(4, 2), 1)
    watch = instrument.Watch(instrument.declare(4, 2), registry=None)
    instrument.measure_threads(watch(instrument.answer_row), rows, 2 * instrument.ROWS, 4)

    page = Page(watch.ledger)
    for group in ("g0", "g1"):
        assert page.read_number("n0", group=group).values > 60
        assert page.read_category("k1", group=group).values > 60
        assert page.read_category("k1", group=group).other == 0
        assert page.read_number("score", group=group, kind="prediction").events > 60
    assert page.count_errors() == {}
