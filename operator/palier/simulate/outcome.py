"""What one engine did with one recorded release: the common coin in which engines are compared."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["rollback", "promote", "undecided"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one simulated release.

    Times are seconds since the canary began; None where the thing did not happen.
    """

    kind: Kind
    at: float | None
    """When the engine rolled back or promoted."""
    first_proof: float | None = None
    """When every objective had passed for the first time; only engines that can prove something report it."""
    on_absent_data: bool = False
    """Whether the engine decided from an answer that held no data."""
    steps_down: int = 0
    """How often the engine gave the candidate less of the traffic before it was certain."""
    first_step: float | None = None
    """When it did so for the first time."""
