"""What one look has seen, and what a stretch of looks adds up to."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


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
class Amounts:
    """Events of one arm in one look, and the sum of their values.

    Raises:
        ValueError: `total` is negative or `amount` is not finite.
    """

    total: int
    amount: float

    def __post_init__(self) -> None:
        """Refuse amounts that no look can have seen."""
        if self.total < 0 or not math.isfinite(self.amount):
            raise ValueError(f"need total >= 0 and a finite amount, not {self}")

    @property
    def mean(self) -> float:
        """Mean value of the events, of which there must be some."""
        return self.amount / self.total


@dataclass(frozen=True, slots=True)
class Tally:
    """Events of both arms over a stretch of time."""

    total: int = 0
    bad: int = 0
    bad_possible: int = 0
    stable_total: int = 0
    stable_bad: int = 0
    amount: float = 0.0
    """Sum of the candidate's values, where a mean or a score is judged."""
    stable_amount: float = 0.0

    def __post_init__(self) -> None:
        """Refuse counts that cannot have been seen."""
        if not (0 <= self.bad <= self.bad_possible <= self.total and 0 <= self.stable_bad <= self.stable_total):
            raise ValueError(f"impossible counts: {self}")
        if not (math.isfinite(self.amount) and math.isfinite(self.stable_amount)):
            raise ValueError(f"amounts are not finite: {self}")

    @classmethod
    def from_counts(cls, candidate: Counts, stable: Counts | None) -> Self:
        """One look at shares of bad events."""
        if stable is None:
            return cls(candidate.total, candidate.bad, candidate.bad_possible)
        return cls(candidate.total, candidate.bad, candidate.bad_possible, stable.total, stable.bad)

    @classmethod
    def of_amounts(cls, candidate: Amounts, stable: Amounts | None) -> Self:
        """One look at amounts."""
        return cls(
            total=candidate.total,
            amount=candidate.amount,
            stable_total=stable.total if stable else 0,
            stable_amount=stable.amount if stable else 0.0,
        )

    def plus(self, look: "Tally") -> Self:
        """The tally after one more look."""
        return type(self)(
            self.total + look.total,
            self.bad + look.bad,
            self.bad_possible + look.bad_possible,
            self.stable_total + look.stable_total,
            self.stable_bad + look.stable_bad,
            self.amount + look.amount,
            self.stable_amount + look.stable_amount,
        )

    def to_status(self) -> dict[str, Any]:
        """For `status`; amounts only where there are some."""
        status: dict[str, Any] = {
            "total": self.total,
            "bad": self.bad,
            "badPossible": self.bad_possible,
            "stableTotal": self.stable_total,
            "stableBad": self.stable_bad,
        }
        if self.amount:
            status["amount"] = repr(self.amount)
        if self.stable_amount:
            status["stableAmount"] = repr(self.stable_amount)
        return status

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """The inverse of `to_status`; what is missing reads as 0."""
        return cls(
            total=int(status.get("total") or 0),
            bad=int(status.get("bad") or 0),
            bad_possible=int(status.get("badPossible") or 0),
            stable_total=int(status.get("stableTotal") or 0),
            stable_bad=int(status.get("stableBad") or 0),
            amount=float(status.get("amount") or 0.0),
            stable_amount=float(status.get("stableAmount") or 0.0),
        )


NOTHING = Tally()
