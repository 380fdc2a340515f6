"""What goes into a test and what is kept between two looks.

The kept evidence lives in the object's `status` and nowhere else, so that an operator that is killed between two looks
goes on where it was. Therefore it is small, and it reads back exactly: floats are written as decimal strings with all
their digits.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from palier.evidence.odds_ratio import RATIOS

_NO_BETS_YET = (0.0,) * len(RATIOS)


@dataclass(frozen=True, slots=True)
class Counts:
    """Events of one arm in one look.

    Raises:
        ValueError: not 0 <= bad <= bad_possible <= total.
    """

    total: int
    bad: int
    """Surely bad: counts against the candidate."""
    bad_possible: int
    """Possibly bad; more than `bad` only where a latency threshold lies between two bucket edges."""

    def __post_init__(self) -> None:
        """Refuse counts that no look can have seen."""
        if not 0 <= self.bad <= self.bad_possible <= self.total:
            raise ValueError(f"need 0 <= bad <= bad_possible <= total, not {self}")


@dataclass(frozen=True, slots=True)
class ObjectiveRule:
    """How one objective is judged in one release; fixed before the first look.

    Raises:
        ValueError: `limit`, `alpha` or `beta` is not between 0 and 1.
    """

    name: str
    limit: float
    """Allowed share of bad events: 0.01 for errors up to 1 %, 0.05 for a 95th percentile."""
    margin: float
    """Odds ratio up to which the candidate counts as no worse than stable."""
    alpha: float
    """This objective's share of the allowed probability of a false rollback."""
    beta: float = 0.05
    """Allowed probability that the proof for a promotion is wrong."""
    proof_margin: float = 2.0
    """A promotion needs proof that the share is below `proof_margin * limit`."""
    minimum_requests: int = 20
    minimum_bad_events: int = 5
    minimum_bad_looks: int = 3
    cap: float = 1.0
    """The most that one look may add to the log of an e-value."""
    hard_stop_share: float = 0.2
    """The hard stop ends a candidate that fails more than this share; never less than twice the limit, off at 1."""
    hard_stop_alpha: float = 0.001
    noun: str = "requests"
    bad_noun: str = "failed"

    def __post_init__(self) -> None:
        """Refuse rules under which no test exists."""
        for name in ("limit", "alpha", "beta"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Tally:
    """Events of both arms over a stretch of time."""

    total: int = 0
    bad: int = 0
    bad_possible: int = 0
    stable_total: int = 0
    stable_bad: int = 0

    def __post_init__(self) -> None:
        """Refuse counts that cannot have been seen."""
        if not (0 <= self.bad <= self.bad_possible <= self.total and 0 <= self.stable_bad <= self.stable_total):
            raise ValueError(f"impossible counts: {self}")

    def plus(self, candidate: Counts, stable: Counts | None) -> Self:
        """The tally after one more look."""
        return type(self)(
            total=self.total + candidate.total,
            bad=self.bad + candidate.bad,
            bad_possible=self.bad_possible + candidate.bad_possible,
            stable_total=self.stable_total + (stable.total if stable else 0),
            stable_bad=self.stable_bad + (stable.bad if stable else 0),
        )

    def to_status(self) -> dict[str, int]:
        """For `status`."""
        return {
            "total": self.total,
            "bad": self.bad,
            "badPossible": self.bad_possible,
            "stableTotal": self.stable_total,
            "stableBad": self.stable_bad,
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """The inverse of `to_status`; what is missing reads as 0."""
        return cls(
            total=int(status.get("total", 0)),
            bad=int(status.get("bad", 0)),
            bad_possible=int(status.get("badPossible", 0)),
            stable_total=int(status.get("stableTotal", 0)),
            stable_bad=int(status.get("stableBad", 0)),
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything kept between looks, for one objective of one release."""

    relative_release: tuple[float, ...] = _NO_BETS_YET
    """Log of each odds-ratio bet since the release began."""
    relative_stage: tuple[float, ...] = _NO_BETS_YET
    """The same since the stage began."""
    relative_reserve: float = 0.0
    """Log of the capital kept for stages (see `capital`)."""
    absolute_release: float = 0.0
    """Log e-value against the limit since the release began, each look capped."""
    absolute_stage: float = 0.0
    absolute_reserve: float = 0.0
    release: Tally = Tally()
    stage: Tally = Tally()
    last: Tally = Tally()
    """The last look alone."""
    looks: int = 0
    """Looks in which the candidate had requests."""
    bad_looks: int = 0
    """Looks in which some of them were surely bad."""
    hard_stop_total: int = 0
    """Requests since the hard stop last started anew."""
    hard_stop_bad: int = 0

    def __post_init__(self) -> None:
        """Refuse a hard-stop run that cannot have happened."""
        if not 0 <= self.hard_stop_bad <= self.hard_stop_total:
            raise ValueError(f"hard stop: {self.hard_stop_bad} of {self.hard_stop_total} is impossible")

    def to_status(self) -> dict[str, Any]:
        """For `status`: camelCase, counts as integers, floats as decimal strings that read back exactly."""
        return {
            "relativeRelease": [repr(log) for log in self.relative_release],
            "relativeStage": [repr(log) for log in self.relative_stage],
            "relativeReserve": repr(self.relative_reserve),
            "absoluteRelease": repr(self.absolute_release),
            "absoluteStage": repr(self.absolute_stage),
            "absoluteReserve": repr(self.absolute_reserve),
            "release": self.release.to_status(),
            "stage": self.stage.to_status(),
            "last": self.last.to_status(),
            "looks": self.looks,
            "badLooks": self.bad_looks,
            "hardStopTotal": self.hard_stop_total,
            "hardStopBad": self.hard_stop_bad,
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """The inverse of `to_status`. What is missing reads as never observed, unknown keys are ignored.

        Bets on another grid than today's cannot be continued and start anew.

        Raises:
            ValueError: something is there but unreadable.
        """
        try:
            return cls(
                relative_release=_bets(status.get("relativeRelease")),
                relative_stage=_bets(status.get("relativeStage")),
                relative_reserve=_log(status.get("relativeReserve")),
                absolute_release=_log(status.get("absoluteRelease")),
                absolute_stage=_log(status.get("absoluteStage")),
                absolute_reserve=_log(status.get("absoluteReserve")),
                release=Tally.from_status(status.get("release") or {}),
                stage=Tally.from_status(status.get("stage") or {}),
                last=Tally.from_status(status.get("last") or {}),
                looks=int(status.get("looks") or 0),
                bad_looks=int(status.get("badLooks") or 0),
                hard_stop_total=int(status.get("hardStopTotal") or 0),
                hard_stop_bad=int(status.get("hardStopBad") or 0),
            )
        except (TypeError, AttributeError) as error:
            raise ValueError(f"evidence is unreadable: {error}") from error


def _log(text: str | None) -> float:
    log = float(text or 0.0)
    if not math.isfinite(log):
        raise ValueError(f"evidence is not finite: {text}")
    return log


def _bets(texts: Sequence[str] | None) -> tuple[float, ...]:
    logs = tuple(_log(text) for text in texts or ())
    return logs if len(logs) == len(RATIOS) else _NO_BETS_YET
