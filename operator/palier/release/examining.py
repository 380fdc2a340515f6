"""Golden answers as a release knows them: which run is needed, and what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from palier.evidence.verdicts import Verdict
from palier.golden.result import GoldenResult
from palier.release.jobs import AGAIN_AFTER, JobFacts
from palier.release.times import format_time, parse_time

GOLDEN_FAILED = "GoldenFailed"
"""Reason of a record about a Job that ended without any result."""

_BY_CHANCE = frozenset({GOLDEN_FAILED, "JudgeUnavailable", "ScorerFailed", "StableUnanswered"})
"""Reasons that say nothing about the next try."""


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
class GoldenFacts(JobFacts[GoldenResult]):
    """What is known of the Job of one run; its progress has `asked`, `of` and `message`."""

    about: tuple[str, ...] = ()
    """Which models, versions and prompts are compared, in words."""


@dataclass(frozen=True, slots=True)
class GoldenRecord:
    """What the golden answers of one candidate found."""

    run: GoldenRun
    measured_at: float
    """Seconds since the epoch."""
    result: GoldenResult
    about: tuple[str, ...] = ()
    """Which models, versions and prompts were compared, in words."""

    def answers(self, run: GoldenRun, *, began_at: float, now: float) -> bool:
        """Whether it stands for a run of the release that began at an instant."""
        mine, asked = self.run, run
        same = (mine.candidate, mine.stable, mine.digest) == (asked.candidate, asked.stable, asked.digest)
        by_chance = self.result.verdict is Verdict.NO_EVIDENCE and self.result.reason in _BY_CHANCE
        return same and self.measured_at >= began_at and not (by_chance and now - self.measured_at >= AGAIN_AFTER)

    def to_status(self) -> dict[str, Any]:
        """The value of `status.golden`; `from_status` reads the same value back."""
        return {
            "candidate": self.run.candidate,
            **({"stable": self.run.stable} if self.run.stable else {}),
            "digest": self.run.digest,
            "attempt": self.run.attempt,
            "measuredAt": format_time(self.measured_at),
            **({"about": list(self.about)} if self.about else {}),
            **self.result.to_status(),
        }

    @classmethod
    def from_status(cls, entry: Mapping[str, Any]) -> Self:
        """Read it back.

        Raises:
            KeyError, TypeError, ValueError: it is unreadable.
        """
        run = GoldenRun(entry["candidate"], entry.get("stable", ""), int(entry.get("attempt", 0)), entry["digest"])
        return cls(
            run,
            parse_time(entry["measuredAt"]),
            GoldenResult.from_status(entry),
            tuple(str(line) for line in entry.get("about") or ()),
        )
