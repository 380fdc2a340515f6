"""Everything that Palier says to people stands in `messages.txt`, so that somebody reads a sentence before users do.

After a change of a text, read the difference that this makes:

    PALIER_WRITE_MESSAGES=1 .venv/bin/python -m pytest tests/unit/messages
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from palier.cli.main import _parser
from tests.unit.messages.command_line import help_of
from tests.unit.messages.literals import texts_of

ROOT = Path(__file__).parents[3]
CODE = ROOT / "operator" / "palier"
GOLDEN = Path(__file__).with_name("messages.txt")

PLACES = {
    "Conditions, verdicts and Events": (
        "release",
        "reconcile",
        "evidence",
        "measuring",
        "economics",
        "loadtest",
        "golden",
        "answers",
        "shadow",
        "watch",
        "manifests",
        "cluster",
        "metrics",
        "workers",
        "kopf_app.py",
        "errors.py",
    ),
    "Refusals of a spec or a preset": ("api", "presets"),
    "Command line, beside --help": ("cli", "settings.py", "simulate"),
}
"""Where the texts of a package or module show up first."""

METRICS = ("cluster/costs.py", "cluster/instruments.py", "workers/shadow/metrics.py")
"""Modules whose texts are the help of metrics."""

DEVELOPERS = (
    "api/generate/crd.py",
    "api/generate/generated.py",
    "api/generate/reference.py",
    "api/generate/structural.py",
    "presets/__main__.py",
    "presets/page.py",
    "__init__.py",
)
"""Modules that write the repository's own files: their texts are read there."""


def _modules(*parts: str) -> Iterator[tuple[str, Path]]:
    for part in parts:
        place = CODE / part
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            yield path.relative_to(CODE).as_posix(), path


def _collected() -> str:
    commands = dict(help_of(_parser()))
    told = {line.strip() for lines in commands.values() for line in "\n".join(lines).splitlines()}
    parts = ["# Command line, --help\n"]
    parts += [f"## {command}\n\n" + "\n".join(lines).rstrip() + "\n" for command, lines in commands.items()]
    for title, places in PLACES.items():
        parts.append(f"# {title}\n")
        for name, path in _modules(*places):
            if name not in METRICS and name not in DEVELOPERS:
                parts += _section(name, [text for text in texts_of(path) if not _in_help(text, told)])
    parts.append("# Help of metrics\n")
    for name, path in _modules(*METRICS):
        parts += _section(name, texts_of(path))
    return "\n".join(parts)


def _section(name: str, texts: list[str]) -> list[str]:
    lines = [text.strip().replace("\n", "\n    ") for text in texts]
    return [f"## {name}\n\n" + "\n".join(lines) + "\n"] if lines else []


def _in_help(text: str, told: set[str]) -> bool:
    """Whether the help of a command shows this text, alone or behind the name of its option."""
    lines = [line.strip() for line in text.replace("%%", "%").splitlines() if line.strip()]
    return all(line in told or any(shown.endswith(f": {line}") for shown in told) for line in lines)


def test_every_message_has_been_read() -> None:
    """A new or changed text shows up here before it shows up in front of a user."""
    collected = _collected()
    if os.environ.get("PALIER_WRITE_MESSAGES"):
        GOLDEN.write_text(collected, encoding="utf-8")

    assert collected == GOLDEN.read_text(encoding="utf-8"), (
        "run: PALIER_WRITE_MESSAGES=1 .venv/bin/python -m pytest tests/unit/messages, and read the difference"
    )


def test_every_module_has_its_place() -> None:
    """A new package cannot say anything that is not in the file."""
    placed = {part for places in PLACES.values() for part in places}
    there = {path.relative_to(CODE).parts[0] for path in CODE.rglob("*.py")}

    assert there - placed == {"__init__.py"}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ('Hold("NotReady", f"{ready} of {needed} pods")', ["[hold NotReady] {ready} of {needed} pods"]),
        ('Note("Normal", "Promoted", message)', ["[Event Promoted] {message}"]),
        ('Finding(Verdict.PASS, "Proven", "not worse " + how)', ["[verdict Proven] not worse {how}"]),
        ('Finding(READY, "True", reason, "it serves")', ["[condition {reason}] it serves"]),
        ("raise ValueError(f\"{name}: must be one of {', '.join(known)}\")", ["{name}: must be one of {known}"]),
        ('"""A docstring of a module."""\n_LOG.info("a line of the log")\nre.compile("a b")', []),
        ('text = "one word" if many else "two words"', ["one word", "two words"]),
        ("told = f\"{count} pod{'s' if count > 1 else ''} left\"", ["{count} pod{s|} left"]),
    ],
)
def test_texts_are_found_by_syntax(code: str, said: list[str], tmp_path: Path) -> None:
    """The file is complete because a text cannot be written in a way that is overlooked."""
    module = tmp_path / "module.py"
    module.write_text(code, encoding="utf-8")

    assert texts_of(module) == said
