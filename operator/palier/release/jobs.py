"""What is known of the Job of one run, whatever the run is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

AGAIN_AFTER = 600.0
"""Seconds after which a run that failed by chance is made again."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class JobFacts(Generic[Result]):
    """What is known of one Job."""

    exists: bool = False
    running: bool = False
    failed: bool = False
    """It ended without a result."""
    message: str = ""
    """Why it failed, or what it waits for."""
    progress: Mapping[str, Any] | None = None
    """The last line of its progress."""
    result: Result | None = None
    started_at: float | None = None
    """Seconds since the epoch."""
