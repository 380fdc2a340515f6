"""What a part of the cluster is, and where a built one is kept.

A part is kept under a key of its version and everything of ours that shapes it, so that a changed line rebuilds that
part alone and CI can cache the folder.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local.errors import LocalError
from local.paths import cache
from local.progress import Step


class Recipe(Protocol):
    """How a part is made; its repr() must contain everything that shapes the result, except the sources."""

    def make(self, target: Path, log: Path, step: Step) -> None:
        """Makes the part in an empty folder, with the output of the tools it uses in the log."""

    def sources(self) -> list[Path]:
        """Our own files that go into it."""


@dataclass(frozen=True)
class Part:
    """One piece of the cluster.

    Args:
        name: what it is called on the command line.
        version: of the software.
        what: says what it is, and why it takes long the first time.
        recipe: how it is made.
        tools: programs from Debian packages without which it cannot be made.
        root: whether only root can make it.
    """

    name: str
    version: str
    what: str
    recipe: Recipe
    tools: tuple[str, ...] = ()
    root: bool = False

    def key(self) -> str:
        """The version and a hash of all else that shapes the part."""
        digest = hashlib.sha256(repr(self.recipe).encode())
        for source in sorted(self.recipe.sources()):
            digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
        return f"{self.version}-{digest.hexdigest()[:10]}"

    def folder(self) -> Path:
        """Where it is kept."""
        return cache() / "parts" / self.name / self.key()

    def built(self) -> bool:
        """Whether it is there; a part appears at once and complete, or not at all."""
        return self.folder().is_dir()

    def file(self, name: str) -> Path:
        """One of the files in it."""
        path = self.folder() / name
        if not path.exists():
            raise LocalError(f"{name} is not built: run 'python -m local build {self.name}'")
        return path
