"""Files are short enough to be read at a sitting."""

from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDERS = ("operator", "instrument", "local", "tests", "benchmarks")
MOST_LINES = 400


def test_no_file_is_too_long_to_be_read() -> None:
    """A module that has grown holds two themes: each gets a file whose name says what is in it."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}

    assert {path: length for path, length in lengths.items() if length > MOST_LINES} == {}
