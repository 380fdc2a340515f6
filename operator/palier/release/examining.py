"""Golden answers as a release knows them: which run is needed, and what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from palier.golden.result import GoldenResult

__all__ = ["GoldenFacts", "GoldenRun"]


@dataclass(frozen=True, slots=True)
class GoldenRun:
    """One examination of a candidate."""

    candidate: str
    stable: str
    """The revision that it is compared with; empty where none serves yet."""
    attempt: int
    """Counts the runs of a release, so that no Job has the name of an earlier one."""
    digest: str
    """Digest of the corpus and of how answers are scored."""


@dataclass(frozen=True, slots=True)
class GoldenFacts:
    """What is known of the Job of one run."""

    exists: bool = False
    running: bool = False
    finished: bool = False
    """It has a result."""
    failed: bool = False
    """It ended without one."""
    message: str = ""
    """Why it failed, or what it waits for."""
    progress: Mapping[str, Any] | None = None
    """The last line of its progress: `asked`, `of` and `message`."""
    result: GoldenResult | None = None
    started_at: float | None = None
    """Seconds since the epoch."""
