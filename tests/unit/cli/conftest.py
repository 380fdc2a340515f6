"""What several commands are tried on: files of answers, a model on the loopback, a corpus for it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli.answer_files import Folder
from tests.support.golden.models import Model, model, says


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Folder:
    """An empty folder."""
    return Folder(tmp_path, capsys)


@pytest.fixture(scope="module")
def good() -> Iterator[Model]:
    """A model that is always right."""
    with model(says(lambda _: {"language": "fr"})) as one:
        yield one


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Sixty requests."""
    file = tmp_path / "golden.jsonl"
    lines = [{"body": {"n": n}, "expected": {"language": "fr"}, "segment": "ab"[n % 2]} for n in range(60)]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8-sig")
    return file
