"""The benchmark of what watches a promoted version: every detector sees the same streams, and the report says all."""

import math
from pathlib import Path

import pytest

from benchmarks.drift import __main__ as command
from benchmarks.drift import concept
from benchmarks.drift.concept import Played, _list_numbers, _play_task, run_concept
from benchmarks.drift.detectors import CHOSEN, KSWIN, WATCHERS
from benchmarks.drift.streams import AFTER, BEFORE, QUIET, ROWS, draw_stream

BY_KEY = {row.key: row for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_streams_depend_on_seed_row_and_number_alone(row: object) -> None:
    """And they are as long as the report says."""
    assert row in ROWS
    one, same, other = (draw_stream(row, seed=1, run=run) for run in (1, 1, 2))
    assert (one.labels == same.labels).all()
    assert (one.labels != other.labels).any()
    assert one.labels.size == (BEFORE + AFTER if row.is_worse else QUIET)


def test_the_share_of_wrong_labels_is_that_of_the_row() -> None:
    """Before and after the change."""
    streams = {key: draw_stream(row, seed=1, run=0) for key, row in BY_KEY.items()}
    for key, before, after in (("jump-20", 0.1, 0.2), ("jump-40", 0.1, 0.4), ("gradual", 0.1, 0.185)):
        one = streams[key]
        assert one.labels[: one.change].mean() == pytest.approx(before, abs=0.03)
        assert one.labels[one.change :].mean() == pytest.approx(after, abs=0.03)
    for key in ("steady", "clustered", "swinging"):
        assert streams[key].labels.mean() == pytest.approx(0.1, abs=0.015)
    assert streams["clustered"].labels.reshape(-1, 10).sum(axis=1).var() > 1.2
    assert streams["better"].labels[QUIET // 2 :].mean() == pytest.approx(0.03, abs=0.01)
    assert 1200 < streams["delayed"].change < 1800
    assert streams["delayed"].labels[-500:].mean() > 0.14


@pytest.mark.parametrize("name", WATCHERS)
def test_every_detector_finds_a_large_change(name: str) -> None:
    """Within the stream; ours within three batches of a hundred."""
    played = _play_task((1, "jump-40", name, 0))
    assert played.labels == BEFORE
    assert played.delay <= (300 if "iver" not in name else AFTER)


def test_a_detector_that_never_alarms_is_infinitely_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that alarms before the change has a false alarm and goes on."""
    monkeypatch.setattr(concept, "WATCHERS", {"silent": lambda *_: iter(()), "early": lambda *_: iter((5, BEFORE + 7))})
    assert _play_task((1, "jump-20", "silent", 0)) == Played(0, BEFORE, math.inf)
    assert _play_task((1, "jump-20", "early", 0)) == Played(1, BEFORE, 7)


def test_the_slow_one_plays_fewer_streams() -> None:
    """And at least one."""
    assert [len(_list_numbers(KSWIN, streams)) for streams in (1, 200)] == [1, 10]
    assert len(_list_numbers(CHOSEN, 200)) == 200


def test_the_report_has_every_row_and_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the goals first."""
    monkeypatch.setattr(concept, "ROWS", (BY_KEY["steady"], BY_KEY["jump-20"]))
    monkeypatch.setattr(concept, "WATCHERS", {name: WATCHERS[name] for name in (CHOSEN, "River ADWIN")})
    written, met = run_concept(streams=4, seed=1, jobs=1)
    assert met
    assert "- met: median labels from 10 % to 20 %, at most 250: " in written
    assert written.count(f"| {CHOSEN} | 4 |") == written.count("| River ADWIN | 4 |") == 2
    assert "### 10 % wrong, always" in written
    assert "| River ADWIN | 4 | 0.0 [0.0, 60.2] | 0.00 |" in written


def test_a_goal_that_is_not_met_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the report, and with the exit status."""
    monkeypatch.setattr(concept, "ROWS", (BY_KEY["steady"], BY_KEY["jump-20"]))
    monkeypatch.setattr(concept, "WATCHERS", {CHOSEN: WATCHERS["River ADWIN"]})
    written, met = run_concept(streams=2, seed=1, jobs=1)
    assert not met
    assert "- **not met**: median labels from 10 % to 20 %, at most 250: " in written


@pytest.mark.parametrize("met", [True, False])
def test_reports_are_written_and_goals_printed(
    met: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each under its name, in a folder that is made."""
    text = "# Report\n\n- met: this\n- **not met**: that\n"
    monkeypatch.setattr(command, "REPORTS", {"concept": lambda **_: (text, met)})
    assert command.main(["--out", str(tmp_path / "new")]) == int(not met)
    assert (tmp_path / "new" / "concept.md").read_text(encoding="utf-8") == text
    assert capsys.readouterr().out == "met: this\n**not met**: that\n"
