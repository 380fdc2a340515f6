"""`palier plan` in a folder of its own."""

from pathlib import Path

import pytest

from tests.unit.cli.plan.cases import Command


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command, with an empty folder for its files."""
    return Command(tmp_path, capsys)
