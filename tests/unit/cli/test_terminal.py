"""The door to the terminal: lines and colours of ours pass, what others wrote is shown."""

import ast
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import palier
from palier.cli import terminal

CLI = Path(palier.__file__).parent / "cli"
ANY = st.text(alphabet=st.characters(codec=None))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANY)
def test_no_control_character_but_the_newline_passes(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """On either stream, as text, as JSON and as a drawing."""
    terminal.print_text(text)
    terminal.print_json(json.dumps([text], ensure_ascii=False))
    terminal.print_drawing(text.replace("\x1b", ""))
    terminal.warn(text)
    printed = capsys.readouterr()

    assert all(one == "\n" or (one >= " " and not "\x7f" <= one <= "\x9f") for one in printed.out + printed.err)
    assert not set(printed.out + printed.err) & set("\u2028\u2029\u202d\u202e\u2066\u2067\u2068")


def test_a_drawing_keeps_its_colours_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """A name in it cannot move the cursor, hide itself or set the title of the window."""
    terminal.print_drawing("\x1b[34m●\x1b[0m heavy\x1b[2J\x1b[8m\x1b]0;owned\x07")

    assert capsys.readouterr().out == "\x1b[34m●\x1b[0m heavy\\x1b[2J\\x1b[8m\\x1b]0;owned\\x07\n"


def test_nothing_is_written_over_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    """A log of a build has no terminal, and gets no half lines."""
    terminal.print_progress("10 of 100 runs")
    terminal.clear_progress()

    assert capsys.readouterr() == ("", "")


def test_every_command_prints_through_the_door() -> None:
    """A `print` elsewhere would let through what it is given."""
    found = [
        path.name
        for path in CLI.rglob("*.py")
        if path.name != "terminal.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]

    assert found == []
