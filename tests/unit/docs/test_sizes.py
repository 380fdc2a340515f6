"""Files are short enough to be read at a sitting."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MOST_LINES = 400


@pytest.mark.parametrize("folder", ["operator", "local", "tests", "benchmarks"])
def test_no_file_is_too_long_to_be_read(folder: str) -> None:
    """A module that has grown holds two themes: each gets a file whose name says what is in it."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / folder).rglob("*.py")}

    assert lengths
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > MOST_LINES} == {}
