"""One objective of one release: gather its evidence look by look, and judge it at any moment.

Two tests may end a release. The relative one compares the candidate with stable in the same looks (`odds_ratio`), the
absolute one compares it with the objective's limit (`absolute`). They share alpha equally: each must reach an e-value
of 2/alpha, so that together they wrongly fail a good candidate with probability at most alpha, however often and
however long anybody looks. Three guards protect both from requests that fail together, which no count can tell from a
bad candidate: a cap on what one look can say, a minimum of bad events, and a minimum of looks that they come from.

A third test has no guards, because it is for a candidate that is simply dead: the hard stop bets against "at most a
fifth fails" and fires after six failures in a row. It starts anew whenever its e-value falls to 1 or below (an e-CUSUM:
every run is a fresh e-process, and each run is wrong with probability at most `hard_stop_alpha`), so that a candidate
that dies after a long good life is stopped as fast as one that was born dead. Only where the requests before were
already failing at about that rate does it take a few more.

A promotion asks for more than the absence of a breach: proof, at 1/beta, that the share of bad events is below
`proof_margin` times the limit.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from palier.evidence import odds_ratio
from palier.evidence.absolute import log_e_above, log_e_below
from palier.evidence.capital import capital, log_mean, reserve_after, stage_dominates
from palier.evidence.planning import requests_needed
from palier.evidence.sentences import about, allowed, beside_stable, counted, looks, odds, percent
from palier.evidence.state import Counts, Evidence, ObjectiveRule, Tally
from palier.evidence.verdicts import Judgement, Verdict, combined

__all__ = [
    "Counts",
    "Evidence",
    "Judgement",
    "ObjectiveRule",
    "Tally",
    "Verdict",
    "begin_stage",
    "combined",
    "fresh",
    "judge",
    "observe",
]

_ROUNDING = 1e-9
"""Relative slack for limits that are not exact in binary: 10 of 100 meets a limit of 1 - 0.9."""


def fresh() -> Evidence:
    """The evidence before the first look."""
    return Evidence()


def observe(evidence: Evidence, candidate: Counts, stable: Counts | None, rule: ObjectiveRule) -> Evidence:
    """The evidence after one more look.

    Args:
        evidence: what was known before.
        candidate: the candidate's events in this look.
        stable: stable's events in the same look; None if there is no stable or it cannot be measured.
        rule: how the objective is judged; the same in every look of a release.
    """
    last = Tally().plus(candidate, stable)
    release, stage = evidence.release.plus(candidate, stable), evidence.stage.plus(candidate, stable)
    look = odds_ratio.Look(candidate.bad, candidate.total, last.stable_bad, last.stable_total)
    gains = odds_ratio.gains(look, margin=rule.margin, cap=rule.cap)
    run = _hard_stop_run(evidence, candidate, rule)
    return replace(
        evidence,
        relative_release=tuple(map(sum, zip(evidence.relative_release, gains, strict=True))),
        relative_stage=tuple(map(sum, zip(evidence.relative_stage, gains, strict=True))),
        absolute_release=evidence.absolute_release + _absolute_gain(evidence.release, release, rule),
        absolute_stage=evidence.absolute_stage + _absolute_gain(evidence.stage, stage, rule),
        release=release,
        stage=stage,
        last=last,
        looks=evidence.looks + (candidate.total > 0),
        bad_looks=evidence.bad_looks + (candidate.bad > 0),
        hard_stop_total=run.total,
        hard_stop_bad=run.bad,
    )


def begin_stage(evidence: Evidence) -> Evidence:
    """A weight step: fresh per-stage processes; those of the release, the guards and the hard stop go on.

    A stage that has seen nothing is left as it is, so beginning the same stage twice changes nothing.
    """
    start = Evidence()
    if evidence.stage == start.stage:
        return evidence
    return replace(
        evidence,
        relative_stage=start.relative_stage,
        relative_reserve=reserve_after(log_mean(evidence.relative_stage), reserve=evidence.relative_reserve),
        absolute_stage=start.absolute_stage,
        absolute_reserve=reserve_after(evidence.absolute_stage, reserve=evidence.absolute_reserve),
        stage=start.stage,
    )


def judge(evidence: Evidence, rule: ObjectiveRule, *, promotion: bool) -> Judgement:
    """What the evidence says now.

    Args:
        evidence: everything observed so far.
        rule: how the objective is judged.
        promotion: whether a Pass would make the candidate stable, which needs proof.
    """
    case = _Case(evidence, rule)
    finding = case.dead() or case.breach() or case.gap(promotion=promotion) or case.passed(promotion=promotion)
    release = evidence.release
    bad = release.bad if finding.verdict is Verdict.FAIL else release.bad_possible
    return Judgement(
        objective=rule.name,
        verdict=finding.verdict,
        reason=finding.reason,
        message=f"{rule.name}: {finding.message}",
        estimate=bad / release.total if release.total else None,
        total=release.total,
        bad=bad,
        stable_total=release.stable_total,
        stable_bad=release.stable_bad,
        hard_stop=finding.reason == _HARD_STOP,
    )


_HARD_STOP = "HardStop"


class _Finding(NamedTuple):
    verdict: Verdict
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class _Case:
    """The questions of a verdict, in the order in which `judge` asks them."""

    evidence: Evidence
    rule: ObjectiveRule

    @property
    def bound(self) -> float:
        """What either test has to reach."""
        return math.log(2 / self.rule.alpha)

    @property
    def relative(self) -> float:
        """Log e-value against "no worse than stable"."""
        return capital(
            log_mean(self.evidence.relative_release),
            log_mean(self.evidence.relative_stage),
            reserve=self.evidence.relative_reserve,
        )

    @property
    def absolute(self) -> float:
        """Log e-value against "within the objective"."""
        return capital(
            self.evidence.absolute_release, self.evidence.absolute_stage, reserve=self.evidence.absolute_reserve
        )

    def dead(self) -> _Finding | None:
        """The hard stop: no guards, no minimum."""
        rule, bad, total = self.rule, self.evidence.hard_stop_bad, self.evidence.hard_stop_total
        if _hard_stop_log_e(bad, total, rule) < -math.log(rule.hard_stop_alpha):
            return None
        which = f"the last {total} {rule.noun} all" if bad == total else f"{bad} of the last {total} {rule.noun}"
        return _Finding(Verdict.FAIL, _HARD_STOP, f"{which} {rule.bad_noun}; hard stop")

    def breach(self) -> _Finding | None:
        """Either test is over its bound, and enough looks say so."""
        evidence, rule = self.evidence, self.rule
        if max(self.relative, self.absolute) < self.bound:
            return None
        if evidence.release.bad < rule.minimum_bad_events or evidence.bad_looks < rule.minimum_bad_looks:
            return _Finding(
                Verdict.NO_EVIDENCE,
                "TooFewBadEvents",
                f"{counted(evidence.release.bad, evidence.release.total, rule)} in {looks(evidence.bad_looks)}; "
                f"at least {rule.minimum_bad_events} in {looks(rule.minimum_bad_looks)} are needed to decide",
            )
        needs = f"(needs {odds(self.bound)})"
        if self.relative >= self.bound:
            where = self._where(
                log_mean(evidence.relative_release), log_mean(evidence.relative_stage), evidence.relative_reserve
            )
            return _Finding(
                Verdict.FAIL,
                "WorseThanStable",
                f"{where}; evidence that it is worse than stable {odds(self.relative)} {needs}",
            )
        where = self._where(evidence.absolute_release, evidence.absolute_stage, evidence.absolute_reserve)
        if self._stable_breaches():
            return _Finding(
                Verdict.NO_EVIDENCE,
                "StableBreachesToo",
                f"{where}; the objective allows {allowed(rule.limit)}, but stable breaches it too, "
                f"so the candidate cannot be blamed",
            )
        return _Finding(
            Verdict.FAIL,
            "ObjectiveBreached",
            f"{where}; the objective allows {allowed(rule.limit)}; evidence against it {odds(self.absolute)} {needs}",
        )

    def gap(self, *, promotion: bool) -> _Finding | None:
        """Why there is no verdict yet."""
        evidence, rule, stage = self.evidence, self.rule, self.evidence.stage
        if stage.total == 0:
            message = f"no {rule.noun} in this stage yet; {rule.minimum_requests} needed"
            return _Finding(Verdict.NO_EVIDENCE, "NoRequests", message)
        if stage.total < rule.minimum_requests:
            missing = f"{rule.minimum_requests - stage.total} more {rule.noun} needed"
            silence = "" if evidence.last.total else "; none in the last look"
            message = f"{counted(stage.bad_possible, stage.total, rule)} in this stage; {missing}{silence}"
            return _Finding(Verdict.NO_EVIDENCE, "TooFewRequests", message)
        for tally in (stage, evidence.release):
            if not _within(tally.bad_possible, tally.total, rule):
                return self._over_the_limit(tally)
        if promotion and self._proof() < -math.log(rule.beta):
            return self._not_proven()
        return None

    def passed(self, *, promotion: bool) -> _Finding:
        """Nothing is left to ask."""
        rule, release = self.rule, self.evidence.release
        message = f"{counted(release.bad_possible, release.total, rule)}, {allowed(rule.limit)} allowed"
        if not promotion:
            return _Finding(Verdict.PASS, "WithinObjective", message)
        proof = f"proven to stay below {percent(_proven_limit(rule))}, evidence {odds(self._proof())}"
        return _Finding(Verdict.PASS, "Proven", f"{message}; {proof} (needs {odds(-math.log(rule.beta))})")

    def _where(self, release: float, stage: float, reserve: float) -> str:
        """The counts of the stretch that speaks loudest."""
        in_stage = stage_dominates(release, stage, reserve=reserve)
        tally = self.evidence.stage if in_stage else self.evidence.release
        return f"{counted(tally.bad, tally.total, self.rule)}{self._stretch(tally)}{beside_stable(tally)}"

    def _stretch(self, tally: Tally) -> str:
        """Says so where the counts are not those of the whole release."""
        return "" if tally == self.evidence.release else " in this stage"

    def _stable_breaches(self) -> bool:
        """Whether stable's own counts, of release or stage, are as strong against the objective.

        Then the cause is shared or the objective out of reach: the relative test can still tell whether the candidate
        is worse, but the absolute one says nothing about the candidate.
        """
        return any(
            log_e_above(tally.stable_bad, tally.stable_total, limit=self.rule.limit) >= self.bound
            for tally in (self.evidence.release, self.evidence.stage)
        )

    def _over_the_limit(self, tally: Tally) -> _Finding:
        rule, where = self.rule, self._stretch(tally)
        if _within(tally.bad, tally.total, rule):
            return _Finding(
                Verdict.NO_EVIDENCE,
                "ThresholdBetweenBuckets",
                f"between {tally.bad} and {tally.bad_possible} of {tally.total} {rule.noun} {rule.bad_noun} "
                f"({percent(tally.bad / tally.total)} to {percent(tally.bad_possible / tally.total)}){where}, "
                f"{allowed(rule.limit)} allowed; the threshold lies between two bucket edges of the histogram",
            )
        more = requests_needed(
            lambda bad, total: log_e_above(bad, total, limit=rule.limit),
            bad=tally.bad,
            total=tally.total,
            gain=self.bound - self.absolute,
        )
        capped = math.ceil((self.bound - max(self.absolute, self.relative)) / rule.cap)
        at_least = max(1, capped, rule.minimum_bad_looks - self.evidence.bad_looks)
        number = f"about {about(more)} more" if more else "many more"
        return _Finding(
            Verdict.NO_EVIDENCE,
            "Undecided",
            f"{counted(tally.bad, tally.total, rule)}{where}, {allowed(rule.limit)} allowed; "
            f"{number} {rule.noun} in at least {looks(at_least)} needed to decide",
        )

    def _proof(self) -> float:
        """Log e-value against "the share is not below the margin that a promotion needs"."""
        release = self.evidence.release
        return log_e_below(release.bad_possible, release.total, limit=_proven_limit(self.rule))

    def _not_proven(self) -> _Finding:
        rule, release = self.rule, self.evidence.release
        margin = _proven_limit(rule)
        more = requests_needed(
            lambda bad, total: log_e_below(bad, total, limit=margin),
            bad=release.bad_possible,
            total=release.total,
            gain=-math.log(rule.beta) - self._proof(),
        )
        return _Finding(
            Verdict.NO_EVIDENCE,
            "NotProven",
            f"{counted(release.bad_possible, release.total, rule)}, {allowed(rule.limit)} allowed; "
            f"{f'about {about(more)} more' if more else 'many more'} {rule.noun} needed to prove "
            f"that it stays below {percent(margin)}",
        )


def _absolute_gain(before: Tally, after: Tally, rule: ObjectiveRule) -> float:
    """What one look adds to the log e-value against the limit, capped like the relative one.

    E(after) / E(before) has mean at most 1 within the objective, so the capped product is still an e-process.
    """
    gain = log_e_above(after.bad, after.total, limit=rule.limit) - log_e_above(
        before.bad, before.total, limit=rule.limit
    )
    return min(rule.cap, gain)


class _Run(NamedTuple):
    bad: int
    total: int


def _hard_stop_run(evidence: Evidence, candidate: Counts, rule: ObjectiveRule) -> _Run:
    run = _Run(evidence.hard_stop_bad + candidate.bad, evidence.hard_stop_total + candidate.total)
    return run if _hard_stop_log_e(run.bad, run.total, rule) > 0 else _Run(0, 0)


def _hard_stop_log_e(bad: int, total: int, rule: ObjectiveRule) -> float:
    """Log e-value against "at most the hard stop's share fails"; 0 where the objective allows too much for one."""
    share = max(rule.hard_stop_share, 2 * rule.limit)
    return log_e_above(bad, total, limit=share) if share < 1 else 0.0


def _within(bad: int, total: int, rule: ObjectiveRule) -> bool:
    return bad <= rule.limit * total * (1 + _ROUNDING)


def _proven_limit(rule: ObjectiveRule) -> float:
    """The share that a promotion must prove to be below; for very lax limits half-way between limit and 1."""
    return min(rule.proof_margin * rule.limit, max(0.99, (1 + rule.limit) / 2))
