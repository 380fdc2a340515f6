"""The three answers a test may give, and how several objectives become one.

"Cannot tell" is an answer of its own, because neither of the other two may ever rest on absent data.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from palier.api.status.values import Verdict

__all__ = ["Finding", "Judgement", "Verdict", "combine_verdicts"]


class Finding(NamedTuple):
    """A verdict with its reason, before it is told of which objective."""

    verdict: Verdict
    reason: str
    message: str
    needed: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one objective, with everything that explains it."""

    objective: str
    verdict: Verdict
    reason: str
    """CamelCase, stable: for conditions, Events and alerts."""
    message: str
    """One sentence for people, starting with the objective's name and the counts."""
    estimate: float | None
    """The candidate's share of bad events, mean or score over the whole release; None without events."""
    total: int
    """Requests of the candidate over the whole release."""
    bad: int
    """Bad ones among them; where a histogram leaves it open, the surely bad for Fail, else the possibly bad."""
    stable_total: int
    stable_bad: int
    hard_stop: bool
    """Whether the test for a dead candidate decided, which needs no minimum of looks."""
    interval: tuple[float, float] | None = None
    """Where the true value lies, with 95 % confidence at all looks at once; None where nothing can be said."""
    needed: int | None = None
    """About how many more events the objective needs to be decided if nothing changes; None where that is unknown."""
    segments: tuple[str, ...] = ()
    """Groups of users for which the candidate is worse than stable."""


def combine_verdicts(judgements: Iterable[Judgement]) -> Verdict:
    """The verdict of a stage: Fail beats NoEvidence beats Pass. Without objectives there is nothing to fail."""
    verdicts = {judgement.verdict for judgement in judgements}
    for verdict in (Verdict.FAIL, Verdict.NO_EVIDENCE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS
