"""One aspect of an object's state, before it is written as a condition."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One aspect of the object's state, before it is written as a condition."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
