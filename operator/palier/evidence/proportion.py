"""A share of bad events: what each look adds to the evidence, and which of the tests says that the candidate is bad.

Up to three tests may end a release. The relative one compares the candidate with stable in the same looks
(`odds_ratio`), the absolute one compares it with the objective's limit (`absolute`), and the third compares group by
group (`segments`). With n tests the groups must reach an e-value of n/alpha, and the sum of the other two must: then
the mean of all of them would reach 1/alpha. The mean of e-values is an e-value, however they depend on each other, so
together they wrongly fail a good candidate with probability at most alpha, however often and however long anybody
looks; and who would reach n/alpha alone does so as well. Three guards protect them from requests that fail together and
from pods that differ: gains are weakened by the measured design effect (`dispersion`), one look can say only so much,
so that at least four looks have to agree, and a difference that pods of one version may have is no fault of it
(`pods`).

One more test has no guards, because it is for a candidate that is simply dead: the hard stop (`hard_stop`).

Where a latency threshold lies between two bucket edges, the surely bad of both arms are compared, which is the same
question asked at the upper edge. For the proof that the candidate is not worse its possibly bad are held against
stable's surely bad: whatever lies between the edges speaks against a promotion; the same holds for the proof that it is
better, which is that test with the margin 1. Where the histograms of the arms answer
at different edges it is not the same question: then the candidate's surely bad are compared with stable's possibly bad,
so that no edge makes a candidate look worse, and such a look does not help to prove that it is not.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from palier.evidence import absolute, odds_ratio, segments
from palier.evidence.agreement import Others, ask_others
from palier.evidence.arrivals import Arrivals
from palier.evidence.bets import log_mean, reach_together
from palier.evidence.counts import Counts, Tally
from palier.evidence.dispersion import temper_gain
from palier.evidence.pods import SURE, SURER, PodCounts, Pods, differ_as_much
from palier.evidence.rules import ObjectiveRule
from palier.evidence.state import Evidence

HARD_STOP = "HardStop"
WORSE_THAN_STABLE = "WorseThanStable"
SEGMENT_WORSE = "SegmentWorse"
OBJECTIVE_BREACHED = "ObjectiveBreached"
STABLE_BREACHES_TOO = "StableBreachesToo"
FEW_SPELLS = "FewSpells"
PODS_DIFFER = "PodsDiffer"

FAILURES = frozenset({HARD_STOP, WORSE_THAN_STABLE, SEGMENT_WORSE, OBJECTIVE_BREACHED})
"""Reasons that end a release; the other alarms hold it."""


class SharesLook(NamedTuple):
    """What one look has seen of an objective; see `objective.observe`."""

    candidate: Counts
    stable: Counts | None
    segments: Mapping[str, tuple[Counts, Counts]]
    same_edges: bool
    seconds: float
    """Since the look before."""
    served: tuple[int, int] | None
    """Events of both arms under the present weight, with this look."""
    arrivals: Arrivals | None
    """Requests of both arms under the present weight, with this look."""
    pods: tuple[PodCounts, PodCounts] | None
    """Both arms by pod, where the pods themselves count."""


def observe(evidence: Evidence, look: SharesLook, rule: ObjectiveRule) -> Evidence:
    """The evidence after one more look; see `objective.observe`."""
    candidate, stable, by_segment, same_edges, seconds, served, arrivals, pods = look
    last = Tally.from_counts(candidate, stable)
    release, stage = evidence.release.plus(last), evidence.stage.plus(last)
    if candidate.total == 0:
        return replace(evidence, release=release, stage=stage, last=last, served=served, arrivals=arrivals)
    before, looks, cap = evidence.last, evidence.looks, rule.cap
    jumps = evidence.candidate_jumps.add_look(before.bad, before.total, last.bad, last.total)
    stable_jumps = evidence.stable_jumps.add_look(
        before.stable_bad, before.stable_total, last.stable_bad, last.stable_total
    )
    effect, of_both = jumps.design_effect, _design_effect(jumps.design_effect, stable_jumps.design_effect, release)
    relative, known, not_worse = evidence.relative, evidence.segments, evidence.not_worse
    if not same_edges:
        stable = None if stable is None else _at_worst(stable)
        by_segment = {name: (of, _at_worst(other)) for name, (of, other) in by_segment.items()}
    strata: Strata = ((candidate, stable),)
    if rule.by_segment and by_segment:
        placed = segments.place(known, segments.shorten_names(by_segment))
        strata = segments.strata(placed)
        known = segments.add_looks(placed, rule, looks=looks, design_effect=of_both)
    nearer: tuple[float, ...] = ()
    if rule.compare_with_stable:
        compared, nearer = _compare_strata(strata, rule)
        relative = relative.add_look(_temper_gains(compared, of_both), looks=looks, cap=cap)
    if rule.proven_odds_ratio is not None and same_edges:
        not_worse = _not_worse(not_worse, strata, rule.proven_odds_ratio, cap=cap, design_effect=of_both)
    gained = absolute.gains(last.bad, last.total, limit=rule.limit)
    if last.stable_bad > rule.limit * last.stable_total:
        # Stable is over the limit in this look as well: a cause that both share is no gain against the candidate.
        gained = tuple(min(0.0, gain) for gain in gained)
    after = Evidence(
        caution=evidence.caution.add_look(nearer, gained, candidate) if rule.cautious else evidence.caution,
        relative=relative,
        absolute=evidence.absolute.add_look(_temper_gains(gained, effect), looks=looks, cap=cap),
        not_worse=not_worse,
        release=release,
        stage=stage,
        last=last,
        looks=looks + 1,
        bad_looks=evidence.bad_looks + (candidate.bad > 0),
        hard_stop=evidence.hard_stop.add_look(candidate, stable, rule),
        candidate_jumps=jumps,
        stable_jumps=stable_jumps,
        segments=known,
        spells=evidence.spells.add_look(last.bad, last.total, seconds=seconds) if rule.in_spells else evidence.spells,
        served=served,
        arrivals=arrivals,
        warm_since=evidence.warm_since,
        of=evidence.of,
        pods=_add_pods(evidence, pods, rule, seconds=seconds) if pods else evidence.pods,
    )
    if evidence.served is None or alarm(after, rule) != PODS_DIFFER:
        return after  # a look that began before the present weight was in force is nothing that was waited for
    return replace(after, pods=after.pods.excuse(last.total, last.bad, seconds=seconds))


def _add_pods(evidence: Evidence, looked: tuple[PodCounts, PodCounts], rule: ObjectiveRule, *, seconds: float) -> Pods:
    """The pods after one more look; where others come beside one that they were waited for, all are followed anew."""
    before, (candidate, _) = evidence.pods, looked
    if len(before.candidate) == 1 and any(
        total > 0 and name != before.candidate[0].name for name, (total, _) in candidate.items()
    ):
        before = before.follow_anew() if ask_other_pods(evidence, rule) is Others.WAIT else before
    return before.add_look(*looked, seconds=seconds)


def alarm(evidence: Evidence, rule: ObjectiveRule) -> str:
    """Which test speaks against the candidate, and whether it may be blamed: a reason, or "" where none does."""
    if is_dead(evidence, rule):
        return PODS_DIFFER if ask_other_pods(evidence, rule) is not Others.AGREE else HARD_STOP
    needed = bound(rule)
    if evidence.segments and worse_segments(evidence, rule):
        return SEGMENT_WORSE  # first, because it says for whom
    if not reach_together((evidence.relative, evidence.absolute), needed):
        return ""
    worse = evidence.relative.reaches(needed)
    if not worse and stable_breaches(evidence, rule):
        return STABLE_BREACHES_TOO
    if not worse and rule.in_spells and evidence.spells.log_e(rule.limit) < needed:
        return FEW_SPELLS
    excused = ask_other_pods(evidence, rule) is not Others.AGREE
    if excused or do_pods_differ(evidence, rule, breached=evidence.absolute.reaches(needed)):
        return PODS_DIFFER
    worse = worse or evidence.relative.log_e >= evidence.absolute.log_e
    return WORSE_THAN_STABLE if worse else OBJECTIVE_BREACHED


def is_dead(evidence: Evidence, rule: ObjectiveRule) -> bool:
    """Whether the candidate fails nearly everything, which needs no other guard (see `hard_stop`)."""
    return evidence.hard_stop.is_over(rule, last=evidence.last, beside_stable=evidence.release.stable_total > 0)


def ask_other_pods(evidence: Evidence, rule: ObjectiveRule) -> Others:
    """What the candidate's other pods say about its worst one."""
    if not rule.compare_with_stable:
        return Others.AGREE
    failing = evidence.hard_stop.bad / evidence.hard_stop.total if is_dead(evidence, rule) else 0.0
    return ask_others(evidence.pods, limit=rule.limit, may_grow=rule.pods_may_grow, failing=failing)


def do_pods_differ(evidence: Evidence, rule: ObjectiveRule, *, breached: bool) -> bool:
    """Whether the candidate's pods may be worse than stable's because pods differ, and not because of their version."""
    limit = rule.limit if breached else None
    sure = SURE if evidence.caution.suspicion is None else SURER
    return rule.compare_with_stable and differ_as_much(
        evidence.pods, spread=rule.pod_spread, limit=limit, lone=rule.pods_may_grow, sure=sure
    )


def bound(rule: ObjectiveRule) -> float:
    """What the log e-value of each test has to reach."""
    return math.log(rule.tests / rule.alpha)


def worse_segments(evidence: Evidence, rule: ObjectiveRule) -> segments.Segments:
    """The segments for which the candidate is worse, at this test's share of alpha."""
    if not rule.by_segment:
        return ()
    return segments.find_worse(evidence.segments, alpha=rule.alpha / rule.tests)


def list_incomparable(evidence: Evidence, rule: ObjectiveRule) -> tuple[str, ...]:
    """The segments that cannot be compared with stable, which has had requests."""
    return segments.list_incomparable(evidence.segments) if rule.by_segment and evidence.release.stable_total else ()


def proof(evidence: Evidence, *, limit: float) -> float:
    """Log e-value against "the share is at least `limit`"."""
    release = evidence.release
    return absolute.log_e_below(release.bad_possible, release.total, limit=limit)


def no_worse_log_e(evidence: Evidence) -> float:
    """Log e-value against "the odds ratio is at least the one that a promotion must prove to be below"."""
    return log_mean(evidence.not_worse) if evidence.not_worse else 0.0


def _design_effect(candidate: float, stable: float, release: Tally) -> float:
    """That of both: an arm counts by the share of the variance that it brings, which is the other's requests."""
    share = release.total / (release.total + release.stable_total)
    return candidate * (1 - share) + stable * share


def _temper_gains(gains: tuple[float, ...], design_effect: float) -> tuple[float, ...]:
    if design_effect == 1:
        return gains
    return tuple([temper_gain(gain, design_effect) for gain in gains])


Strata = tuple[tuple[Counts, Counts | None], ...]
"""Candidate's and stable's counts of one look: of each group of users apart, where groups are told apart.

Given each group's own counts, the factors of the groups multiply. So an arm that merely got more of the users who fail
more often is no worse, although its total is (Simpson's paradox). What no group has in common is
compared together: see `segments.strata`.
"""


def _at_worst(stable: Counts) -> Counts:
    """All that may be bad counts as bad."""
    return Counts(stable.total, stable.bad_possible, stable.bad_possible)


def _compare_strata(strata: Strata, rule: ObjectiveRule) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What a look says for each bet on "worse than stable": against the margin, and against that of the early test."""
    margin, nearer, number = rule.margin, rule.caution_margin, len(odds_ratio.RATIOS)
    looks = [odds_ratio.Look(of.bad, of.total, other.bad, other.total) for of, other in strata if other is not None]
    if margin == nearer:
        gained = _sum_gains([odds_ratio.gains(one, margin=margin) for one in looks], number)
        return gained, gained
    each = [odds_ratio.gains_beside(one, margin=margin, nearer=nearer) for one in looks]
    *compared, between = _sum_gains(each, number + 1)
    return tuple(compared), tuple([gain - between for gain in compared])


def _sum_gains(gained: list[tuple[float, ...]], number: int) -> tuple[float, ...]:
    if len(gained) == 1:
        return gained[0]
    return tuple(map(math.fsum, zip(*gained, strict=True))) if gained else (0.0,) * number


def _not_worse(
    logs: tuple[float, ...], strata: Strata, margin: float, *, cap: float, design_effect: float
) -> tuple[float, ...]:
    ratios = odds_ratio.proof_ratios(margin)
    each = [
        odds_ratio.log_likelihood_ratios(
            odds_ratio.Look(of.bad_possible, of.total, other.bad, other.total), ratios, margin=margin
        )
        for of, other in strata
        if other is not None
    ]
    gained = _sum_gains(each, len(ratios))
    before = logs if len(logs) == len(ratios) else (0.0,) * len(ratios)
    return tuple(log + min(cap, temper_gain(gain, design_effect)) for log, gain in zip(before, gained, strict=True))


def stable_breaches(evidence: Evidence, rule: ObjectiveRule) -> bool:
    """Whether stable's own counts, of release or stage, are as strong against the objective.

    Then the cause is shared or the objective out of reach: the relative test can still tell whether the candidate
    is worse, but the absolute one says nothing about the candidate.
    """
    return any(
        tally.stable_total > 0
        and absolute.log_e_above(tally.stable_bad, tally.stable_total, limit=rule.limit) >= bound(rule)
        for tally in (evidence.release, evidence.stage)
    )
