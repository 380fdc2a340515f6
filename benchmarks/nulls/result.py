"""What happened in one run, in the same words for every kind of row."""

import math
from typing import NamedTuple


class Result(NamedTuple):
    """Times are seconds since the candidate got traffic; infinite where the thing did not happen."""

    kind: str
    """`rollback`, `promote` or `undecided`."""
    at: float
    """When it was rolled back or promoted."""
    steps_down: int = 0
    """How often the candidate got less traffic before anything was certain."""
    first_step: float = math.inf
    stopped: float = math.inf
    """From when on the candidate had at most one percent of the traffic for good: a rollback at the latest."""
    extra: float = 0.0
    """Expected requests that were bad only because of the candidate, until it was stopped or to the end."""
    after_six: float = math.inf
    """Seconds from the first look that could see six failures of the candidate until it was stopped."""
    missed: bool = False
    """Whether the interval that is shown did not hold the true mean at some look."""
    missed_late: bool = False
    """The same, at a look at which there were as many values as a verdict needs."""
