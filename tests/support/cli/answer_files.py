"""Files of answers for `palier score` and `palier compare`."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from palier.cli.answers import add_commands


def palier(*arguments: object) -> int:
    """Run one command; mistakes in files stay exceptions, of which `palier` makes exit status 1."""
    parser = argparse.ArgumentParser(prog="palier")
    add_commands(parser.add_subparsers(required=True))
    options = parser.parse_args([str(argument) for argument in arguments])
    status: int = options.run(options)
    return status


class Folder:
    """Files of answers, and the commands that read them."""

    def __init__(self, path: Path, captured: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self.captured = captured

    def write(self, name: str, content: str | bytes) -> Path:
        """A file of exactly these bytes."""
        path = self.path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def score(self, references: str | bytes, candidates: str | bytes, *more: object, metric: str = "exact") -> int:
        """`palier score` of two files."""
        files = self.write("references", references), self.write("candidates", candidates)
        return palier("score", "--metric", metric, "--references", files[0], "--candidates", files[1], *more)

    def compare(self, references: str | bytes, candidates: str | bytes, *more: object) -> int:
        """`palier compare` of two files."""
        files = self.write("references", references), self.write("candidates", candidates)
        return palier("compare", "--references", files[0], "--candidates", files[1], *more)

    @property
    def printed(self) -> str:
        """What went to the standard output."""
        return self.captured.readouterr().out

    @property
    def found(self) -> Mapping[str, Any]:
        """The same, read as one JSON object in one line."""
        text = self.printed
        assert text.count("\n") == 1
        found: dict[str, Any] = json.loads(text)
        return found
