"""Does the candidate's share go down or up again, or may a breach end the release?

While nothing is suspected, a suspicion or a breach lowers the share to 1 %, if enough requests arrive there to tell
more. At 1 % a breach ends the release only when fresh requests confirm it, and the candidate gets its share back when
they clear it; but after two steps down in one stage it stays at 1 % until a verdict or the stage's deadline.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from enum import Enum, auto
from typing import Final

from palier.api.status.values import SuspectedBy
from palier.evidence import proportion
from palier.evidence.agreement import MOST_HARM, Others
from palier.evidence.bets import NO_BETS
from palier.evidence.caution import CLEARED, CONFIRMED, NO_CAUTION, Caution, Suspicion, list_suspicions
from palier.evidence.objective import has_failed
from palier.evidence.odds_ratio import RATIOS, multiply_odds
from palier.evidence.pods import NEVER_EXCUSED
from palier.evidence.rules import ObjectiveRule, Rule
from palier.evidence.state import Evidence

LEAST_WEIGHT: Final = 1
"""Percent of the requests that a suspected candidate keeps."""
MOST_STEPS: Final = 2
"""How often the share goes down in one stage."""
ENOUGH: Final = 10
"""Requests of a look that have to be left at the least weight."""
REMEMBERED: Final = 10
"""Looks that what is known of the pods weighs at most when the share goes down."""
LONGEST_DOUBT: Final = 40
"""Looks at the least weight within which a suspicion is answered on average, at most: confirmed where it is right, and
cleared where it is wrong."""
LARGEST: Final = 1e9
"""Fresh requests after which nothing is answered any more: it never will be."""
LONGEST_SILENCE: Final = 15
"""Looks at the least weight within which the other pods of a dead candidate have to get `ENOUGH` requests."""
NOTICED: Final = math.log(10)
"""Log e-value of the early test from which on a candidate gets more pods."""
NEARLY_AS_MUCH: Final = math.log(10)
"""How much less than the best bet a smaller one may have won, as a logarithm, and still be followed in its place.

What has won most by chance says too much: followed on fresh requests, it would clear every fourth bad candidate.
"""
NEAR_THE_LIMIT: Final = 0.5
"""Share of the limit from which on stable's own failures exceed it in many a look."""

Judged = tuple[Evidence, Rule]


class Step(Enum):
    """What becomes of the candidate's share."""

    STAY = auto()
    DOWN = auto()
    UP = auto()
    END = auto()
    """A breach is certain: the release may end."""


def choose_step(
    judged: Iterable[Judged],
    *,
    weight: int,
    wanted: int,
    cautious: bool,
    steps: int,
    over: bool = False,
) -> Step:
    """What becomes of the candidate's share after a look.

    Args:
        judged: the evidence of every objective that could be measured, with its rule.
        weight: the share that is in force, in percent. Where it is at the least weight without anybody being cautious,
            the memory of a step down was lost: a breach ends the release then, and a suspicion is remembered again.
        wanted: the share of the stage.
        cautious: whether the share is at the least weight because of a suspicion.
        steps: how often it has gone down in this stage.
        over: whether the time of the stage is over: a breach waits no longer for fresh requests that do not come.
    """
    pairs = list(judged)
    failed = [pair for pair in pairs if has_failed(*pair) or (not cautious and is_dead_for_good(*pair, weight=weight))]
    if cautious:
        if any(is_confirmed(*pair) or (over and not is_cleared(*pair)) for pair in failed):
            return Step.END
        clear = not failed and all(is_cleared(*pair) for pair in pairs)
        return Step.UP if clear and steps < MOST_STEPS else Step.STAY
    may_step = steps < MOST_STEPS and wanted > LEAST_WEIGHT
    if failed:
        spares = may_step and weight > LEAST_WEIGHT and all(can_step_down(*pair, weight=weight) for pair in failed)
        return Step.DOWN if spares else Step.END
    suspected = may_step and any(
        (is_suspected(*pair) and can_step_down(*pair, weight=weight)) or is_harmful(*pair) for pair in pairs
    )
    return Step.DOWN if suspected else Step.STAY


def is_suspected(evidence: Evidence, rule: Rule) -> bool:
    """Whether fewer users should meet the candidate until more is known.

    Where failures are seen to come together, more is asked for, in proportion to the measured design effect: otherwise
    every good candidate of such a service would step down twice, and stay there.
    """
    if not (isinstance(rule, ObjectiveRule) and rule.cautious):
        return False
    if proportion.is_dead(evidence, rule):
        return True
    bound = -math.log(rule.alpha)
    if not evidence.caution.reaches(bound, compares=rule.compare_with_stable):
        return False
    effect = max(evidence.candidate_jumps.design_effect, evidence.stable_jumps.design_effect)
    return effect == 1 or evidence.caution.reaches(effect * bound, compares=rule.compare_with_stable)


def is_noticed(evidence: Evidence, rule: Rule) -> bool:
    """Whether it is worth knowing early whether more pods of the candidate show the same.

    A tenth of what raises a suspicion is enough: what it costs a good candidate is some pods in at most one release of
    ten, and a bad one has been seen on several pods when it comes to blame.
    """
    if not (isinstance(rule, ObjectiveRule) and rule.cautious):
        return False
    return evidence.caution.reaches(NOTICED, compares=rule.compare_with_stable)


def is_harmful(evidence: Evidence, rule: Rule) -> bool:
    """Whether users suffer while pods are an excuse for the version: fewer of them should, whoever is to blame.

    That is so where the candidate fails nearly everything, and where it has had `MOST_HARM` bad events too many.
    """
    if not (isinstance(rule, ObjectiveRule) and rule.cautious):
        return False
    if proportion.alarm(evidence, rule) != proportion.PODS_DIFFER:
        return False
    return proportion.is_dead(evidence, rule) or evidence.pods.excused.count_harm(rule.limit) >= MOST_HARM


def is_dead_for_good(evidence: Evidence, rule: Rule, *, weight: int) -> bool:
    """Whether a candidate fails nearly everything, and its other pods could not tell more soon at the least weight."""
    if not (isinstance(rule, ObjectiveRule) and rule.cautious and proportion.is_dead(evidence, rule)):
        return False
    waits = proportion.ask_other_pods(evidence, rule) is Others.WAIT
    return waits and _count_left(evidence, weight=weight) * LONGEST_SILENCE < ENOUGH


def describe_doubt(evidence: Evidence, rule: Rule) -> str:
    """Where the doubt about a candidate stands, in one word; empty where there is none."""
    suspicion = evidence.caution.suspicion
    if suspicion is None:
        return "Suspected" if is_suspected(evidence, rule) else ""
    if suspicion.is_cleared:
        return "Cleared"
    return "Confirmed" if is_confirmed(evidence, rule) else "Doubted"


def can_step_down(evidence: Evidence, rule: Rule, *, weight: int) -> bool:
    """Whether a lower share spares users much, and leaves enough requests to tell more soon.

    A group of users that alone is worse off has too few requests at the least weight. A small difference harms few, and
    would take so long to show there that it is better to find it with the requests of the whole share.
    """
    if not (isinstance(rule, ObjectiveRule) and rule.cautious):
        return False
    if proportion.alarm(evidence, rule) == proportion.SEGMENT_WORSE:
        return False
    return _find_suspicion(evidence, rule, weight=weight) is not None


def is_confirmed(evidence: Evidence, rule: Rule) -> bool:
    """Whether a breach rests on fresh requests as well, where there was a suspicion."""
    suspicion = evidence.caution.suspicion
    if suspicion is None or not isinstance(rule, ObjectiveRule):
        return True
    if proportion.alarm(evidence, rule) == proportion.SEGMENT_WORSE:
        return True
    return suspicion.is_confirmed or (suspicion.looks > 0 and proportion.is_dead(evidence, rule))


def is_cleared(evidence: Evidence, rule: Rule) -> bool:
    """Whether nothing is suspected any more, nor anything else meanwhile."""
    suspicion = evidence.caution.suspicion
    return suspicion.is_cleared if suspicion is not None else not is_suspected(evidence, rule)


def step_down(evidence: Evidence, rule: Rule, *, weight: int) -> Evidence:
    """The evidence when the share goes down: what is suspected is followed on fresh requests from now on.

    What is known of the pods weighs no more than `REMEMBERED` looks from now on: the few fresh requests of a late
    regression would not show for an hour beside those of the whole share.
    """
    if not isinstance(rule, ObjectiveRule):
        return replace(evidence, caution=NO_CAUTION)
    suspicion, last = None, evidence.last
    if is_suspected(evidence, rule) or has_failed(evidence, rule):
        suspicion = _find_suspicion(evidence, rule, weight=weight)
    if suspicion is None and is_harmful(evidence, rule):
        suspicion = _find_suspicion(evidence, rule, weight=weight, soon=False)
    pods = evidence.pods.thin(
        candidate=REMEMBERED * _count_left(evidence, weight=weight),
        stable=REMEMBERED * last.stable_total,
        share=LEAST_WEIGHT / max(LEAST_WEIGHT, weight),
    )
    return replace(evidence, caution=Caution(suspicion=suspicion), pods=pods)


def step_up(evidence: Evidence, rule: Rule) -> Evidence:
    """The evidence when the share goes up again: the early test begins anew.

    Where pods were the excuse, so do the tests that end a release: what fresh requests have cleared would otherwise
    hold it until the end, because nothing speaks against an old difference where neither version fails any more.
    """
    pods = replace(evidence.pods, excused=NEVER_EXCUSED)
    cleared = replace(evidence, caution=NO_CAUTION, pods=pods)
    if not isinstance(rule, ObjectiveRule) or proportion.alarm(evidence, rule) != proportion.PODS_DIFFER:
        return cleared
    return replace(cleared, relative=NO_BETS, absolute=NO_BETS)


def _count_left(evidence: Evidence, *, weight: int) -> float:
    """Requests of a look that would be left at the least weight."""
    return evidence.last.total * LEAST_WEIGHT / max(LEAST_WEIGHT, weight)


def _find_suspicion(evidence: Evidence, rule: ObjectiveRule, *, weight: int, soon: bool = True) -> Suspicion | None:
    """The bet that has won most, of those that fresh requests can answer soon at the least weight; None without any.

    Args:
        evidence: everything observed so far.
        rule: how the objective is judged.
        weight: the share that is in force, in percent.
        soon: whether others do not count; else the best counts of those that requests can answer at all.
    """
    left = _count_left(evidence, weight=weight)
    if soon and left < ENOUGH:
        return None
    release = evidence.release
    near = rule.compare_with_stable and release.stable_bad > NEAR_THE_LIMIT * rule.limit * release.stable_total
    found = list_suspicions(evidence.caution, relative=evidence.relative, absolute=evidence.absolute, compared=near)
    most = LONGEST_DOUBT * left if soon else LARGEST
    answered = [
        (log, one)
        for log, one in found
        if max(_count_until_confirmed(one, evidence, rule), _count_until_cleared(one, evidence, rule)) <= most
    ]
    best = max((log for log, _ in answered), default=0.0)
    nearly = [(one.bet, -log, one) for log, one in answered if log >= best - (NEARLY_AS_MUCH if soon else 0.0)]
    return min(nearly, key=lambda bet: bet[:2])[-1] if nearly else None


def _count_until_confirmed(suspicion: Suspicion, evidence: Evidence, rule: ObjectiveRule) -> float:
    """Fresh requests until a suspicion that is right is confirmed, on average.

    What each of them adds is the divergence of Kullback and Leibler between the suspected share of bad events and that
    of a candidate that is just good enough.
    """
    release = evidence.release
    good, bad = _suspected_shares(suspicion, rule, stable=(release.stable_bad + 0.5) / (release.stable_total + 1))
    return CONFIRMED / _gain(bad, good=good, bad=bad)


def _count_until_cleared(suspicion: Suspicion, evidence: Evidence, rule: ObjectiveRule) -> float:
    """Fresh requests until a candidate that is like stable is cleared, on average.

    In a comparison only stable's bad events show that the candidate should have had some: without any it is never
    cleared by them.
    """
    release = evidence.release
    stable = release.stable_bad / (release.stable_total + 1)
    good, bad = _suspected_shares(suspicion, rule, stable=stable)
    return CLEARED / _gain(min(stable, good), good=good, bad=bad) if good > 0 else math.inf


def _suspected_shares(suspicion: Suspicion, rule: ObjectiveRule, *, stable: float) -> tuple[float, float]:
    """The share of bad events of a candidate that is just good enough, and that of which it is suspected."""
    ratio = RATIOS[suspicion.bet]
    if suspicion.by is SuspectedBy.ABSOLUTE:
        return rule.limit, multiply_odds(rule.limit, ratio)
    return multiply_odds(stable, rule.caution_margin), multiply_odds(stable, rule.margin * ratio)


def _gain(share: float, *, good: float, bad: float) -> float:
    """What a request says for the suspicion on average, where this share of them is bad."""
    return share * math.log(bad / good) + (1 - share) * (math.log1p(-bad) - math.log1p(-good))
