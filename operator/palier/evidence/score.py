"""A mean score between 0 and 1, higher is better: accuracy, a rating, the share of useful answers.

Each look gives one value, the mean score of its events. Two tests bet on it (`betting`), with the capital scheme that
all tests share (`bets`): the absolute one that 1 - score is above 1 - least, and the relative one that
(stable - candidate + 1) / 2 is above (1 + margin) / 2. Each must reach 2/alpha. A promotion needs proof at 1/beta that
the score is above least - margin, by bets the other way.

A mean outside of 0 to 1 is no score: such a look says nothing, neither for nor against, and while the last look is one
nothing passes.
"""

import math
from dataclasses import dataclass, replace

from palier.evidence import betting
from palier.evidence.bets import CAP, log_add, log_mean, reach_together
from palier.evidence.counts import Amounts, Tally
from palier.evidence.interval import score_interval
from palier.evidence.rules import ScoreRule
from palier.evidence.sentences import describe_more, looks, odds, three_digits
from palier.evidence.state import Evidence
from palier.evidence.verdicts import Finding, Judgement, Verdict, judge_amounts

FAILURES = frozenset({"WorseThanStable", "ObjectiveBreached"})
_TESTS = 2
_ROUNDING = 1e-9
_MOST = 10_000_000


def observe(evidence: Evidence, candidate: Amounts, stable: Amounts | None, rule: ScoreRule) -> Evidence:
    """The evidence after one more look; see `objective.observe`."""
    if stable is not None and not _is_possible(stable.total, stable.amount):
        stable = None
    last = Tally.of_amounts(candidate, stable)
    if not _is_possible(candidate.total, candidate.amount):
        return replace(evidence, last=last)
    after = replace(evidence, release=evidence.release.plus(last), stage=evidence.stage.plus(last), last=last)
    if candidate.total == 0:
        return after
    score, looked = _clip_score(candidate.mean), evidence.looks
    relative = evidence.relative
    if stable is not None and stable.total:
        worse = (_clip_score(stable.mean) - score + 1) / 2
        relative = relative.add_look(betting.gains(worse, bound=(1 + rule.margin) / 2), looks=looked)
    return replace(
        after,
        relative=relative,
        absolute=evidence.absolute.add_look(betting.gains(1 - score, bound=1 - rule.least), looks=looked),
        not_worse=_proof_bets(evidence.not_worse, score, rule),
        absolute_mean=evidence.absolute_mean.plus(score),
        looks=looked + 1,
    )


def alarm(evidence: Evidence, rule: ScoreRule) -> str:
    """Which test speaks against the candidate, and whether it may be blamed: a reason, or "" where none does."""
    release, bound = evidence.release, _bound(rule)
    if evidence.looks < rule.minimum_looks or release.total < rule.minimum_requests:
        return ""
    if not reach_together((evidence.relative, evidence.absolute), bound):
        return ""
    if evidence.relative.reaches(bound):
        return "WorseThanStable"
    stable_breaches = release.stable_total and release.stable_amount < rule.least * release.stable_total
    return "StableBreachesToo" if stable_breaches else "ObjectiveBreached"


def judge(evidence: Evidence, rule: ScoreRule, *, promotion: bool, rate: float | None) -> Judgement:
    """What the evidence says now; see `objective.judge`."""
    case = _Case(evidence, rule, rate)
    return judge_amounts(
        case,
        objective=rule.name,
        alarm=alarm(evidence, rule),
        promotion=promotion,
        release=evidence.release,
        estimate=evidence.absolute_mean.mean if evidence.looks else None,
        interval=score_interval(evidence.absolute_mean),
    )


@dataclass(frozen=True, slots=True)
class _Case:
    """The questions of a verdict, in the order in which `judge` asks them."""

    evidence: Evidence
    rule: ScoreRule
    rate: float | None

    def report_alarm(self, reason: str) -> Finding:
        """One of the tests speaks against the candidate."""
        evidence = self.evidence
        verdict = Verdict.FAIL if reason in FAILURES else Verdict.NO_EVIDENCE
        needs = f"(needs {odds(_bound(self.rule))})"
        against = odds(log_add(evidence.relative.log_e, evidence.absolute.log_e))
        match reason:
            case "WorseThanStable":
                why = f"evidence that it is worse {against} {needs}"
            case "StableBreachesToo":
                why = "stable is below it too, so the candidate cannot be blamed"
            case _:
                why = f"evidence that it is below {against} {needs}"
        return Finding(verdict, reason, f"{self._describe_measurement()}{self._describe_stable()}; {why}")

    def gap(self, *, promotion: bool) -> Finding | None:
        """Why there is no verdict yet."""
        evidence, rule, stage, last = self.evidence, self.rule, self.evidence.stage, self.evidence.last
        missing = rule.minimum_requests - stage.total
        if not _is_possible(last.total, last.amount):
            mean = f"a mean of {last.amount / last.total:g}" if last.total else "values without events"
            message = f"{mean} in the last look is not a score between 0 and 1"
            return Finding(Verdict.NO_EVIDENCE, "ImpossibleScore", message)
        if stage.total == 0:
            message = f"no {rule.noun} in this stage yet; {rule.minimum_requests} needed"
            return Finding(Verdict.NO_EVIDENCE, "NoRequests", message, rule.minimum_requests)
        if missing > 0:
            message = f"{stage.total} {rule.noun} in this stage; {missing} more needed"
            return Finding(Verdict.NO_EVIDENCE, "TooFewRequests", message, missing)
        if evidence.looks < rule.minimum_looks:
            message = f"{looks(evidence.looks)} with {rule.noun}; {rule.minimum_looks} needed"
            return Finding(Verdict.NO_EVIDENCE, "TooFewLooks", message)
        if min(evidence.absolute_mean.mean, stage.amount / stage.total) < rule.least - _ROUNDING:
            needed = self._count_until(
                1 - evidence.absolute_mean.mean, 1 - rule.least, evidence.absolute.logs, _bound(rule)
            )
            words = f"{describe_more(needed, rule.noun, self.rate)}, needed to decide"
            return Finding(Verdict.NO_EVIDENCE, "Undecided", f"{self._describe_measurement()}; {words}", needed)
        if promotion and self._proof() < -math.log(rule.beta):
            bound = math.log(betting.BETS / rule.beta)
            needed = self._count_until(evidence.absolute_mean.mean, _proven_score(rule), evidence.not_worse, bound)
            words = f"{describe_more(needed, rule.noun, self.rate)}, needed to prove more than {_proven_score(rule):g}"
            return Finding(Verdict.NO_EVIDENCE, "NotProven", f"{self._describe_measurement()}; {words}", needed)
        return None

    def report_pass(self, *, promotion: bool) -> Finding:
        """Nothing is left to ask."""
        if not promotion:
            return Finding(Verdict.PASS, "WithinObjective", self._describe_measurement())
        bound = _proven_score(self.rule)
        if bound <= 0:
            return Finding(Verdict.PASS, "Proven", self._describe_measurement())
        needs = f"(needs {odds(-math.log(self.rule.beta))})"
        proof = f"proven to be above {bound:g}, evidence {odds(self._proof())} {needs}"
        return Finding(Verdict.PASS, "Proven", f"{self._describe_measurement()}; {proof}")

    def _proof(self) -> float:
        """Log e-value against "the score is at most what a promotion must prove"."""
        if _proven_score(self.rule) <= 0:
            return math.inf
        return log_mean(self.evidence.not_worse) if self.evidence.not_worse else 0.0

    def _count_until(self, value: float, bound: float, logs: tuple[float, ...], target: float) -> int | None:
        """Events until the first bet alone reaches the target, if every look is like the mean of them."""
        growth = zip(logs, betting.gains(min(1.0, max(0.0, value)), bound=bound), strict=False)
        number = min((max(1.0, (target - log) / min(CAP, gain)) for log, gain in growth if gain > 0), default=math.inf)
        events = number * self.evidence.release.total / self.evidence.looks
        return math.ceil(events) if events <= _MOST else None

    def _describe_measurement(self) -> str:
        """Score, interval and limit: "0.92 on average of 480 scores (between 0.8 and 1), at least 0.9 wanted"."""
        interval = score_interval(self.evidence.absolute_mean)
        span = f" (between {three_digits(interval[0])} and {three_digits(interval[1])})" if interval else ""
        return (
            f"{three_digits(self.evidence.absolute_mean.mean)} on average over {self.evidence.release.total} "
            f"{self.rule.noun} in {looks(self.evidence.looks)}{span}, at least {self.rule.least:g} wanted"
        )

    def _describe_stable(self) -> str:
        release = self.evidence.release
        return f", stable {three_digits(release.stable_amount / release.stable_total)}" if release.stable_total else ""


def _bound(rule: ScoreRule) -> float:
    return math.log(_TESTS / rule.alpha)


def _proven_score(rule: ScoreRule) -> float:
    return rule.least - rule.margin


def _proof_bets(logs: tuple[float, ...], score: float, rule: ScoreRule) -> tuple[float, ...]:
    bound = _proven_score(rule)
    if bound <= 0:
        return ()
    before = logs if len(logs) == betting.BETS else (0.0,) * betting.BETS
    return tuple(log + min(CAP, gain) for log, gain in zip(before, betting.gains(score, bound=bound), strict=True))


def _is_possible(total: int, amount: float) -> bool:
    """Whether the amount can be the sum of that many scores, but for rounding."""
    return -_ROUNDING * max(1, total) <= amount <= total + _ROUNDING * max(1, total)


def _clip_score(score: float) -> float:
    return min(1.0, max(0.0, score))
