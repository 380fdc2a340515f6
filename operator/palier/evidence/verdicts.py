"""The three answers a test may give, and how several objectives become one.

"Cannot tell" is an answer of its own, because neither of the other two may ever rest on absent data.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from palier.api.status.values import Verdict
from palier.evidence.counts import Tally

__all__ = ["Finding", "Judgement", "Questions", "Verdict", "combine_verdicts", "judge_amounts"]


class Finding(NamedTuple):
    """A verdict with its reason, before it is told of which objective."""

    verdict: Verdict
    reason: str
    message: str
    needed: int | None = None


class Questions(Protocol):
    """What is asked about one objective, in this order."""

    def report_alarm(self, reason: str) -> Finding:
        """One of the tests speaks against the candidate."""
        ...

    def gap(self, *, promotion: bool) -> Finding | None:
        """Why there is no verdict yet."""
        ...

    def report_pass(self, *, promotion: bool) -> Finding:
        """Nothing is left to ask."""
        ...


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
    """Where the true value lies, with 95 % confidence at all looks at once; None where nothing can be said, or only as
    an estimate."""
    needed: int | None = None
    """About how many more events the objective needs to be decided if nothing changes; None where that is unknown."""
    segments: tuple[str, ...] = ()
    """Groups of users for which the candidate is worse than stable."""


def judge_amounts(
    case: Questions,
    *,
    objective: str,
    alarm: str,
    promotion: bool,
    release: Tally,
    estimate: float | None,
    interval: tuple[float, float] | None,
) -> Judgement:
    """The verdict on an objective whose events have values and are neither good nor bad.

    Args:
        case: answers the questions.
        objective: its name.
        alarm: which test speaks against the candidate; "" where none does.
        promotion: whether a Pass would make the candidate stable.
        release: the events of the whole release.
        estimate: what was measured of the candidate.
        interval: where the true value lies with 95 % confidence; None where that cannot be said.
    """
    finding = (
        case.report_alarm(alarm) if alarm else case.gap(promotion=promotion) or case.report_pass(promotion=promotion)
    )
    return Judgement(
        objective=objective,
        verdict=finding.verdict,
        reason=finding.reason,
        message=f"{objective}: {finding.message}",
        estimate=estimate,
        total=release.total,
        bad=0,
        stable_total=release.stable_total,
        stable_bad=0,
        hard_stop=False,
        interval=interval,
        needed=finding.needed,
    )


def combine_verdicts(judgements: Iterable[Judgement]) -> Verdict:
    """The verdict of a stage: Fail beats NoEvidence beats Pass. Without objectives there is nothing to fail."""
    verdicts = {judgement.verdict for judgement in judgements}
    for verdict in (Verdict.FAIL, Verdict.NO_EVIDENCE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS
