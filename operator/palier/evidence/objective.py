"""One objective of one release: gather its evidence look by look, and judge it at any moment.

What is judged is a share of bad events (`proportion`), a mean without a known range (`mean`), or a mean score between 0
and 1 (`score`). All of them answer Pass, Fail or NoEvidence, and all keep the same promise: a candidate that is good in
every look is failed with probability at most the rule's alpha, however often and however long anybody looks. For shares
and scores that is a theorem if events are independent given their look; for means it holds for many looks.
"""

from collections.abc import Mapping
from dataclasses import replace

from palier.evidence import mean, proportion, proportion_verdict, score
from palier.evidence import segments as by_segment
from palier.evidence.arrivals import ScrapedStep, add_arrivals
from palier.evidence.counts import NOTHING, Amounts, Counts, Tally
from palier.evidence.pods import PodCounts
from palier.evidence.rules import MeanRule, ObjectiveRule, Rule, ScoreRule
from palier.evidence.state import Evidence
from palier.evidence.verdicts import Judgement, Verdict, combine_verdicts

__all__ = [
    "Amounts",
    "Counts",
    "Evidence",
    "Judgement",
    "MeanRule",
    "ObjectiveRule",
    "Rule",
    "ScoreRule",
    "Tally",
    "Verdict",
    "alarm",
    "begin_share",
    "begin_stage",
    "begin_warm_up",
    "combine_verdicts",
    "has_failed",
    "judge",
    "observe",
    "start_evidence",
]

_NO_SEGMENTS: Mapping[str, tuple[Counts, Counts]] = {}


def start_evidence(of: str = "") -> Evidence:
    """The evidence before the first look; `of` is the digest of what it is about."""
    return Evidence(of=of)


def observe(
    evidence: Evidence,
    candidate: Counts | Amounts,
    stable: Counts | Amounts | None,
    rule: Rule,
    *,
    segments: Mapping[str, tuple[Counts, Counts]] = _NO_SEGMENTS,
    same_edges: bool = True,
    seconds: float = 0.0,
    scraped: ScrapedStep | None = None,
    pods: tuple[PodCounts, PodCounts] | None = None,
) -> Evidence:
    """The evidence after one more look.

    Args:
        evidence: what was known before.
        candidate: the candidate's events in this look: `Counts` for shares, `Amounts` for means and scores.
        stable: stable's events in the same look; None if there is no stable or it cannot be measured.
        rule: how the objective is judged; the same in every look of a release.
        segments: candidate's and stable's counts by segment, for rules that are segmented.
        same_edges: whether the histograms of both arms answer at the same bucket edges; always so for other sources.
        seconds: how long it is since the look before; asked for by rules of what comes in spells.
        scraped: the scrapes that the counts come from, where all of them are requests that the pods themselves count;
            None otherwise, and where the pods of a revision were not scraped.
        pods: candidate's and stable's events by pod, where the pods themselves count them.

    Raises:
        TypeError: counts for a rule that judges amounts, or the reverse.
    """
    served, arrivals = evidence.served, None
    if stable is not None:
        arrivals = add_arrivals(evidence.arrivals, candidate.total, stable.total, scraped)
        served = (served[0] + candidate.total, served[1] + stable.total) if served else (0, 0)
    match rule, candidate, stable:
        case ObjectiveRule(), Counts(), Counts() | None:
            look = proportion.SharesLook(candidate, stable, segments, same_edges, seconds, served, arrivals, pods)
            return proportion.observe(evidence, look, rule)
        case MeanRule(), Amounts(), Amounts() | None:
            return mean.observe(replace(evidence, served=served, arrivals=arrivals), candidate, stable, rule)
        case ScoreRule(), Amounts(), Amounts() | None:
            return score.observe(replace(evidence, served=served, arrivals=arrivals), candidate, stable, rule)
        case _:
            raise TypeError(f"{rule.name}: {type(rule).__name__} does not judge {candidate} beside {stable}")


def begin_share(evidence: Evidence) -> Evidence:
    """Another weight is in force: what was served is counted anew, from the second look on that sees both arms."""
    begun = evidence.served is None and evidence.arrivals is None
    return evidence if begun else replace(evidence, served=None, arrivals=None)


def begin_warm_up(evidence: Evidence) -> Evidence:
    """A stage's weight is in force: the pods that it takes may be new ones, so the candidate warms up anew."""
    return evidence if evidence.warm_since is None else replace(evidence, warm_since=None)


def begin_stage(evidence: Evidence) -> Evidence:
    """A weight step: a part of the cash is bet on it, and the stage's own counts start anew; all else goes on.

    A stage that has seen nothing is left as it is, so beginning the same stage twice changes nothing.
    """
    if evidence.stage == NOTHING:
        return evidence
    return replace(
        evidence,
        relative=evidence.relative.stage_begun(),
        absolute=evidence.absolute.stage_begun(),
        caution=evidence.caution.begin_stage(),
        segments=by_segment.stage_begun(evidence.segments),
        stage=NOTHING,
    )


def judge(evidence: Evidence, rule: Rule, *, promotion: bool, rate: float | None = None) -> Judgement:
    """What the evidence says now.

    Args:
        evidence: everything observed so far.
        rule: how the objective is judged.
        promotion: whether a Pass would make the candidate stable, which needs proof.
        rate: the candidate's events per second, to say how long it may take; left out where None or 0.
    """
    match rule:
        case ObjectiveRule():
            return proportion_verdict.judge(evidence, rule, promotion=promotion, rate=rate)
        case MeanRule():
            return mean.judge(evidence, rule, promotion=promotion, rate=rate)
        case ScoreRule():
            return score.judge(evidence, rule, promotion=promotion, rate=rate)


def alarm(evidence: Evidence, rule: Rule) -> str:
    """Which test speaks against the candidate, without the words: a reason, or "" where none does.

    Every Fail of `judge` rests on such a reason; some of the reasons hold a release without blaming the candidate.
    """
    match rule:
        case ObjectiveRule():
            return proportion.alarm(evidence, rule)
        case MeanRule():
            return mean.alarm(evidence, rule)
        case ScoreRule():
            return score.alarm(evidence, rule)


def has_failed(evidence: Evidence, rule: Rule) -> bool:
    """Whether `judge` says Fail, without the words."""
    match rule:
        case ObjectiveRule():
            return proportion.alarm(evidence, rule) in proportion.FAILURES
        case MeanRule():
            return mean.alarm(evidence, rule) in mean.FAILURES
        case ScoreRule():
            return score.alarm(evidence, rule) in score.FAILURES
