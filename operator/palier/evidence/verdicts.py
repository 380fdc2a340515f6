"""The three answers a test may give, and how several objectives become one.

"Cannot tell" is an answer of its own, because neither of the other two may ever rest on absent data.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What the evidence says about an objective or a stage."""

    PASS = "Pass"  # noqa: S105 - not a password
    FAIL = "Fail"
    NO_EVIDENCE = "NoEvidence"


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
    """Share of bad events of the candidate over the whole release; None without requests."""
    total: int
    """Requests of the candidate over the whole release."""
    bad: int
    """Bad ones among them; where a histogram leaves it open, the surely bad for Fail, else the possibly bad."""
    stable_total: int
    stable_bad: int
    hard_stop: bool
    """Whether the test for a dead candidate decided, which needs no minimum of looks."""


def combined(judgements: Iterable[Judgement]) -> Verdict:
    """The verdict of a stage: Fail beats NoEvidence beats Pass. Without objectives there is nothing to fail."""
    verdicts = {judgement.verdict for judgement in judgements}
    for verdict in (Verdict.FAIL, Verdict.NO_EVIDENCE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS
