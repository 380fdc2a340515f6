"""A mean of amounts of which a largest one is stated: the tokens of an answer, the seconds of a request.

Let M be the largest amount that one event can have, and X the amount of an event divided by M, so that X lies from 0 to
1. Let its mean be at most p, given all events before it, and let q be above p. Then the factor of the likelihood ratio

    f(X) = (q/p)^X ((1 - q)/(1 - p))^(1 - X)

is convex in X, so it lies below the straight line from f(0) to f(1) (Hoeffding 1963), and the mean of that line is at
most 1 where the mean of X is at most p. For q below p the same holds where the mean is at least p. So a sum of amounts
divided by M may stand in every likelihood ratio for a count of bad events, although it is no whole number, and what is
known of shares holds for means: whoever bets on q has a capital that grows by f(X) with every event and is worth no
more than 1 on average, whatever the distribution (Waudby-Smith and Ramdas 2024 bet like that on bounded means).

Against the maximum the bets are those of `absolute`, and the proof for a promotion is its mixture below the maximum.

Against stable the hypothesis is that the candidate's mean is at most `margin` times stable's, which is p and unknown.
Each bet supposes a mean q_s of stable, known before the look, and a mean q_c of the candidate whose odds are `RATIOS`
times those of m q_s, where m is the margin. One of the pairs (m p, p) is nearest to (q_c, q_s) in the sense of Kullback
and Leibler, and with it the likelihood ratio of both versions, for n_c and n_s events with the sums x_c and x_s,

    (q_c/(m p))^x_c ((1 - q_c)/(1 - m p))^(n_c - x_c) (q_s/p)^x_s ((1 - q_s)/(1 - p))^(n_s - x_s)

is an e-value against all of them (for shares: Turner, Ly and Grünwald 2024, arXiv 2106.02693). By the line above, its
mean at another p' is at most u^n_c v^n_s, where u and v are linear in p'. The logarithm of that is concave, and its
slope at p is that of the likelihood there, which is 0 where the divergence is least. So it is largest at p, where u = v
= 1. The pair that is nearest solves n_c (q_c - m p)(1 - p) + n_s (q_s - p)(1 - m p) = 0.

All of that needs events that are independent given their look, as with shares. The spread that is supposed is the
largest that amounts up to M can have, that of nothing or all; what is less spread leaves room for some dependence.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from palier.evidence import absolute, planning
from palier.evidence.bets import CAP, log_add, reach_together
from palier.evidence.counts import Amounts, Tally
from palier.evidence.interval import share_interval
from palier.evidence.mean_sentences import describe_mean, describe_stable_mean
from palier.evidence.odds_ratio import multiply_odds
from palier.evidence.rules import MeanRule
from palier.evidence.sentences import describe_more, odds, three_digits, write_plainly
from palier.evidence.state import Evidence
from palier.evidence.verdicts import Finding, Judgement, Verdict, judge_amounts

RATIOS: Final = (1.05, 1.1, 1.2, 1.5, 2.0, 4.0, 10.0)
"""What is bet on: multiples of the odds of the mean that is allowed. Small ones, because means rise by little, and what
costs a tenth more is told from what is allowed by far fewer events than a share of failures that is a tenth higher."""

MINIMUM_REQUESTS: Final = 20
"""Events in a stage before it passes, as for shares."""

_TESTS = 2
_ROUNDING = 1e-9
_MOST = 10_000_000
_MOST_WITHOUT_EVENTS = 1e100
_SUREST = 0.99
"""The largest mean, as a share of the largest amount, that is supposed of what stable allows."""


class SumsLook(NamedTuple):
    """One look at both versions: how many events, and the sums of their amounts divided by the largest amount."""

    candidate: float
    candidate_total: float
    stable: float
    stable_total: float


def gains_beside(look: SumsLook, *, usual: float, margin: float) -> tuple[float, ...]:
    """What one look says for each bet on a mean above `margin` times stable's, as logarithms.

    Args:
        look: the events of both versions, at least one each.
        usual: the mean that stable is supposed to have, as a share of the largest amount, known before the look.
        margin: how many times stable's mean is allowed.
    """
    x_c, n_c, x_s, n_s = look
    q_s = min(usual, _SUREST / margin)
    gained = []
    for ratio in RATIOS:
        q_c = multiply_odds(margin * q_s, ratio)
        p = _nearest(q_c, q_s, look, margin=margin)
        over = x_c * math.log(q_c / (margin * p)) + (n_c - x_c) * (math.log1p(-q_c) - math.log1p(-margin * p))
        under = x_s * math.log(q_s / p) + (n_s - x_s) * (math.log1p(-q_s) - math.log1p(-p))
        gained.append(over + under)
    return tuple(gained)


def _nearest(q_c: float, q_s: float, look: SumsLook, *, margin: float) -> float:
    """The mean of stable for which what is allowed is nearest to the bet: the smaller root of a quadratic equation."""
    n_c, n_s = look.candidate_total, look.stable_total
    a = margin * (n_c + n_s)
    b = n_c * (q_c + margin) + n_s * (1 + margin * q_s)
    c = n_c * q_c + n_s * q_s
    return 2 * c / (b + math.sqrt(b * b - 4 * a * c))


def observe(evidence: Evidence, candidate: Amounts, stable: Amounts | None, rule: MeanRule) -> Evidence:
    """The evidence after one more look; see `objective.observe`."""
    most = _largest(rule)
    if stable is not None and not _is_possible(stable.total, stable.amount, most):
        stable = None
    last = Tally.of_amounts(candidate, stable)
    if not _is_possible(candidate.total, candidate.amount, most):
        return replace(evidence, last=last)
    before, looked = evidence.release, evidence.looks
    after = replace(evidence, release=before.plus(last), stage=evidence.stage.plus(last), last=last)
    if candidate.total == 0:
        return after
    relative, against = evidence.relative, evidence.absolute
    look = _look(last, most)
    if look.stable_total:
        gained = gains_beside(look, usual=_usual(before, rule), margin=rule.margin)
        relative = relative.add_look(gained, looks=looked)
    if not _is_kept_by_all(rule):
        gained = absolute.gains(look.candidate, look.candidate_total, limit=_limit(rule), ratios=RATIOS)
        against = against.add_look(gained, looks=looked)
    return replace(after, relative=relative, absolute=against, looks=looked + 1)


def alarm(evidence: Evidence, rule: MeanRule) -> str:
    """Which test speaks against the candidate, and whether it may be blamed: a reason, or "" where none does."""
    bound, release = _bound(rule), evidence.release
    if not reach_together((evidence.relative, evidence.absolute), bound):
        return ""
    if evidence.relative.reaches(bound):
        return "WorseThanStable"
    if release.stable_total and release.stable_amount > rule.maximum * release.stable_total:
        return "StableBreachesToo"
    return "WorseThanStable" if evidence.relative.log_e >= evidence.absolute.log_e else "ObjectiveBreached"


def judge(evidence: Evidence, rule: MeanRule, *, promotion: bool, rate: float | None) -> Judgement:
    """What the evidence says now; see `objective.judge`."""
    case = _Case(evidence, rule, rate)
    return judge_amounts(
        case,
        objective=rule.name,
        alarm=alarm(evidence, rule),
        promotion=promotion,
        release=evidence.release,
        estimate=case.mean if evidence.release.total else None,
        interval=case.interval,
    )


def prove(release: Tally, rule: MeanRule) -> float:
    """Log e-value against "the mean is at least the maximum"; infinite where no event can have more than that."""
    if _is_kept_by_all(rule):
        return math.inf
    look = _look(release, _largest(rule))
    return absolute.log_e_below(look.candidate, look.candidate_total, limit=_limit(rule))


@dataclass(frozen=True, slots=True)
class _Case:
    """The questions of a verdict, in the order in which `judge` asks them."""

    evidence: Evidence
    rule: MeanRule
    rate: float | None

    @property
    def mean(self) -> float:
        """Mean of all events; the mean that is allowed before there is one."""
        release = self.evidence.release
        return release.amount / release.total if release.total else self.rule.maximum

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the true mean lies."""
        most = _largest(self.rule)
        look = _look(self.evidence.release, most)
        found = share_interval(look.candidate, look.candidate_total)
        return (found[0] * most, found[1] * most) if found else None

    def report_alarm(self, reason: str) -> Finding:
        """One of the tests speaks against the candidate."""
        evidence = self.evidence
        against = odds(log_add(evidence.relative.log_e, evidence.absolute.log_e))
        needs = f"(needs {odds(_bound(self.rule))})"
        verdict = Verdict.FAIL
        match reason:
            case "WorseThanStable":
                why = f"evidence that it is more than {self.rule.margin:g} times stable's {against} {needs}"
            case "StableBreachesToo":
                verdict = Verdict.NO_EVIDENCE
                why = "evidence that it is more, but stable breaches it too, so the candidate cannot be blamed"
            case _:
                why = f"evidence that it is more {against} {needs}"
        stable = describe_stable_mean(evidence.release, self.rule)
        return Finding(verdict, reason, f"{self._describe_measurement()}{stable}; {why}")

    def gap(self, *, promotion: bool) -> Finding | None:
        """Why there is no verdict yet."""
        evidence, rule, stage, last = self.evidence, self.rule, self.evidence.stage, self.evidence.last
        missing = MINIMUM_REQUESTS - stage.total
        if not _is_possible(last.total, last.amount, _largest(rule)):
            return Finding(Verdict.NO_EVIDENCE, "ImpossibleMean", self._describe_impossible(last))
        if stage.total == 0:
            message = f"no {rule.noun} in this stage yet; {MINIMUM_REQUESTS} needed"
            return Finding(Verdict.NO_EVIDENCE, "NoRequests", message, MINIMUM_REQUESTS)
        if missing > 0:
            message = f"{stage.total} {rule.noun} in this stage; {missing} more needed"
            return Finding(Verdict.NO_EVIDENCE, "TooFewRequests", message, missing)
        if max(self.mean, stage.amount / stage.total) > rule.maximum * (1 + _ROUNDING):
            needed = self._count_until_failure()
            words = f"{describe_more(needed, rule.noun, self.rate)}, needed to decide"
            return Finding(Verdict.NO_EVIDENCE, "Undecided", f"{self._describe_measurement()}; {words}", needed)
        if promotion and prove(evidence.release, rule) < -math.log(rule.beta):
            needed = self._count_until_proof()
            words = f"{describe_more(needed, rule.noun, self.rate)}, needed to prove it"
            return Finding(Verdict.NO_EVIDENCE, "NotProven", f"{self._describe_measurement()}; {words}", needed)
        return None

    def report_pass(self, *, promotion: bool) -> Finding:
        """Nothing is left to ask."""
        if not promotion:
            return Finding(Verdict.PASS, "WithinObjective", self._describe_measurement())
        why = "no event can have more"
        if not _is_kept_by_all(self.rule):
            log_e, needed = prove(self.evidence.release, self.rule), -math.log(self.rule.beta)
            why = f"proven to be less, evidence {odds(log_e)} (needs {odds(needed)})"
        return Finding(Verdict.PASS, "Proven", f"{self._describe_measurement()}; {why}")

    def _describe_impossible(self, last: Tally) -> str:
        """Why the last look is none of such amounts: the numbers beside what was stated."""
        rule = self.rule
        if last.amount < 0:
            return f"a sum of {last.amount:g} in the last look is not a measurement"
        if last.total == 0:
            return "amounts without events in the last look is not a measurement"
        mean, most = last.amount / last.total, write_plainly(_largest(rule), rule.unit)
        return (
            f"a mean of {mean:.6g} in the last look is more than the {most} that maxPerEvent says one event has at most"
        )

    def _count_until_failure(self) -> int | None:
        """Events until a bet alone reaches its bound, if every look is like the mean of those that were made."""
        evidence, rule, made = self.evidence, self.rule, self.evidence.looks
        if made == 0:
            return None
        total = _look(evidence.release, _largest(rule))
        usual = SumsLook(*(number / made for number in total))
        found = []
        if not _is_kept_by_all(rule):
            gained = absolute.gains(usual.candidate, usual.candidate_total, limit=_limit(rule), ratios=RATIOS)
            found.append(_count_looks(evidence.absolute.logs, gained, _bound(rule)))
        if usual.stable_total:
            gained = gains_beside(usual, usual=_usual(evidence.release, rule), margin=rule.margin)
            found.append(_count_looks(evidence.relative.logs, gained, _bound(rule)))
        events = min(found, default=math.inf) * usual.candidate_total
        return math.ceil(events) if events <= _MOST else None

    def _count_until_proof(self) -> int | None:
        """Events until the proof, if the mean stays what it is."""
        rule = self.rule
        look = _look(self.evidence.release, _largest(rule))
        return planning.requests_needed(
            lambda bad, total: absolute.log_e_below(bad, total, limit=_limit(rule)),
            bad=look.candidate,
            total=look.candidate_total,
            gain=-math.log(rule.beta) - prove(self.evidence.release, rule),
        )

    def _describe_measurement(self) -> str:
        """Mean, interval and limit: "1.1 s on average over 90 requests in 3 looks (between 0.9 and 1.4), ..."."""
        interval = self.interval
        span = f" (between {three_digits(interval[0])} and {three_digits(interval[1])})" if interval else ""
        return describe_mean(self.evidence, self.rule, mean=self.mean, span=span)


def _bound(rule: MeanRule) -> float:
    return math.log(_TESTS / rule.alpha)


def _largest(rule: MeanRule) -> float:
    """The largest amount of one event."""
    assert rule.most is not None  # noqa: S101 - others are judged by `mean`
    return rule.most


def _limit(rule: MeanRule) -> float:
    """The mean that is allowed, as a share of the largest amount."""
    return rule.maximum / _largest(rule)


def _is_kept_by_all(rule: MeanRule) -> bool:
    """Whether no event can have more than the mean that is allowed, but for rounding: then nothing can breach it."""
    return _limit(rule) > 1 - _ROUNDING


def _usual(before: Tally, rule: MeanRule) -> float:
    """The mean that stable is supposed to have in a look, as a share of the largest amount.

    It is that of the looks before and of one event more, which has the mean that is allowed, so it is never nothing.
    """
    return (before.stable_amount + rule.maximum) / (before.stable_total + 1) / _largest(rule)


def _look(tally: Tally, most: float) -> SumsLook:
    """Events and sums; amounts may have come before their events, but no sum counts for more than all events have."""
    candidate, stable = (
        min(max(0.0, amount / most), float(total))
        for amount, total in ((tally.amount, tally.total), (tally.stable_amount, tally.stable_total))
    )
    return SumsLook(candidate, tally.total, stable, tally.stable_total)


def _count_looks(logs: Iterable[float], gained: Iterable[float], bound: float) -> float:
    """Looks until the first bet alone reaches the bound; infinite where none does."""
    pairs = zip(logs, gained, strict=False)
    return min((max(1.0, (bound - log) / min(CAP, gain)) for log, gain in pairs if gain > 0), default=math.inf)


def _is_possible(total: int, amount: float, most: float) -> bool:
    """Whether the amount can be the sum of that many events, but for rounding.

    A look may have amounts and no events: tokens that were counted before the end of their answer.
    """
    if total == 0:
        return 0 <= amount <= _MOST_WITHOUT_EVENTS
    return 0 <= amount <= most * total * (1 + _ROUNDING)
