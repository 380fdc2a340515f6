"""A mean of amounts: tokens or seconds of each request. Where no largest amount is stated, it is an estimate.

What has a largest amount is judged by `bounded_mean`, whose bounds are theorems. What follows is for all others, which
have no known range, and its bounds are wrong more often than they say where amounts are skewed. So nothing here is
called proven, and no words speak of certainty.

Looks are put together until each arm has a hundred events. That gives one value, the candidate's mean minus its
maximum, and one against stable, the candidate's mean minus `margin` times stable's. Values of fewer events are worth
nothing where a few events bring most of the sum, as the longest answers do: the bound takes them for normal, and with
one event in each it was wrong for half of the releases.

The candidate fails when either value is above 0 on average, by the one-sided asymptotic confidence sequence
(`asymptotic`) at half of alpha each; a promotion needs it below the maximum by the same bound at beta. Values count
alike however many events they have, because events of one look depend on each other in ways that nobody knows.

The confidence sequence knows only the spread that was seen. Where a few looks are far cheaper than all others (a cache
answers), a mean that is allowed looks too dear, and certain, until the first of them. What has not happened in n looks
happens in less than 3 of n (the rule of three, 95 %), so the candidate fails only if its mean is also above the bound
with 3 of its n looks at nothing. The nearer the mean is to the bound, the longer that takes: 60 looks for 5 % above it.

What holds for a late regression: the mean is that of all looks of the release, so what starts at look n has to move an
average over n looks. It is found, but only after a time in proportion to n; no capital is kept back for it, because
bounds without a known range do not multiply. Shares, scores and means with a largest amount are better there.
"""

import math
from dataclasses import dataclass, replace

from palier.evidence import bounded_mean
from palier.evidence.asymptotic import Moments, margin_one_sided
from palier.evidence.counts import NOTHING, Amounts, Tally
from palier.evidence.interval import mean_interval
from palier.evidence.mean_sentences import describe_mean, describe_stable_mean
from palier.evidence.rules import MeanRule
from palier.evidence.sentences import describe_more, three_digits
from palier.evidence.state import EVENTS_OF_A_VALUE, Evidence
from palier.evidence.verdicts import Finding, Judgement, Verdict, judge_amounts

FAILURES = frozenset({"WorseThanStable", "ObjectiveBreached"})
_TESTS = 2
_ROUNDING = 1e-9
_MOST_LOOKS = 1_000_000
_MOST_MEAN = 1e100
_RULE_OF_THREE = 3.0


def observe(evidence: Evidence, candidate: Amounts, stable: Amounts | None, rule: MeanRule) -> Evidence:
    """The evidence after one more look; see `objective.observe`."""
    if rule.most is not None:
        return bounded_mean.observe(evidence, candidate, stable, rule)
    if stable is not None and not _is_possible(stable.total, stable.amount):
        stable = None
    last = Tally.of_amounts(candidate, stable)
    if not _is_possible(candidate.total, candidate.amount):
        return replace(evidence, last=last)
    after = replace(evidence, release=evidence.release.plus(last), stage=evidence.stage.plus(last), last=last)
    if candidate.total == 0:
        return after
    absolute, alone = evidence.absolute_mean, evidence.waiting_alone.plus(Tally.of_amounts(candidate, None))
    relative, beside = evidence.relative_mean, evidence.waiting_beside
    if alone.total >= EVENTS_OF_A_VALUE:
        absolute, alone = absolute.plus(alone.amount / alone.total - rule.maximum), NOTHING
    if stable is not None and stable.total:
        beside = beside.plus(last)
    if min(beside.total, beside.stable_total) >= EVENTS_OF_A_VALUE:
        allowed = rule.margin * beside.stable_amount / beside.stable_total
        relative, beside = relative.plus(beside.amount / beside.total - allowed), NOTHING
    return replace(
        after,
        absolute_mean=absolute,
        relative_mean=relative,
        waiting_alone=alone,
        waiting_beside=beside,
        looks=evidence.looks + 1,
    )


def alarm(evidence: Evidence, rule: MeanRule) -> str:
    """Which test speaks against the candidate, and whether it may be blamed: a reason, or "" where none does."""
    if rule.most is not None:
        return bounded_mean.alarm(evidence, rule)
    if _is_above(evidence.relative_mean, rule, depth=_allowed_beside_stable(evidence.release, rule)):
        return "WorseThanStable"
    if not _is_above(evidence.absolute_mean, rule, depth=rule.maximum):
        return ""
    release = evidence.release
    stable_breaches = release.stable_total and release.stable_amount > rule.maximum * release.stable_total
    return "StableBreachesToo" if stable_breaches else "ObjectiveBreached"


def judge(evidence: Evidence, rule: MeanRule, *, promotion: bool, rate: float | None) -> Judgement:
    """What the evidence says now; see `objective.judge`."""
    if rule.most is not None:
        return bounded_mean.judge(evidence, rule, promotion=promotion, rate=rate)
    case = _Case(evidence, rule, rate)
    return judge_amounts(
        case,
        objective=rule.name,
        alarm=alarm(evidence, rule),
        promotion=promotion,
        release=evidence.release,
        estimate=case.estimate if evidence.release.total else None,
        interval=None,  # an estimate is not what the status promises
    )


@dataclass(frozen=True, slots=True)
class _Case:
    """The questions of a verdict, in the order in which `judge` asks them."""

    evidence: Evidence
    rule: MeanRule
    rate: float | None

    @property
    def estimate(self) -> float:
        """Mean of the values, or of all events before there is any value."""
        if self.evidence.absolute_mean.looks:
            return self.rule.maximum + self.evidence.absolute_mean.mean
        release = self.evidence.release
        return release.amount / release.total if release.total else self.rule.maximum

    def report_alarm(self, reason: str) -> Finding:
        """One of the tests speaks against the candidate."""
        verdict = Verdict.FAIL if reason in FAILURES else Verdict.NO_EVIDENCE
        match reason:
            case "WorseThanStable":
                why = f"by its estimate more than {self.rule.margin:g} times stable's"
            case "StableBreachesToo":
                why = "by its estimate more, but stable breaches it too, so the candidate cannot be blamed"
            case _:
                why = "by its estimate more"
        stable = describe_stable_mean(self.evidence.release, self.rule)
        return Finding(verdict, reason, f"{self._describe_measurement()}{stable}; {why}")

    def gap(self, *, promotion: bool) -> Finding | None:
        """Why there is no verdict yet."""
        evidence, rule = self.evidence, self.rule
        values = evidence.absolute_mean.looks
        stage, last, missing = evidence.stage, evidence.last, rule.minimum_looks - values
        if not _is_possible(last.total, last.amount):
            mean = f"a mean of {last.amount / last.total:g}" if last.total else "amounts without events"
            return Finding(Verdict.NO_EVIDENCE, "ImpossibleMean", f"{mean} in the last look is not a measurement")
        if stage.total == 0:
            return Finding(Verdict.NO_EVIDENCE, "NoRequests", f"no {rule.noun} in this stage yet")
        if missing > 0:
            of_a_look = math.ceil(evidence.release.total / max(1, evidence.looks))
            lacking = max(1, missing * max(EVENTS_OF_A_VALUE, of_a_look) - evidence.waiting_alone.total)
            message = (
                f"{values} of {rule.minimum_looks} means of at least {EVENTS_OF_A_VALUE} {rule.noun} each; "
                f"{describe_more(lacking, rule.noun, self.rate)}, needed to decide"
            )
            return Finding(Verdict.NO_EVIDENCE, "TooFewLooks", message, lacking)
        most = rule.maximum + _slack(rule)
        if max(self.estimate, stage.amount / stage.total) > most:
            needed = self._count_until(evidence.absolute_mean.mean, alpha=rule.alpha / _TESTS, depth=rule.maximum)
            words = f"{describe_more(needed, rule.noun, self.rate)}, needed to decide"
            return Finding(Verdict.NO_EVIDENCE, "Undecided", f"{self._describe_measurement()}; {words}", needed)
        if promotion and not self._is_below():
            needed = self._count_until(-evidence.absolute_mean.mean, alpha=rule.beta)
            words = f"{describe_more(needed, rule.noun, self.rate)}, until its estimate is clearly less"
            return Finding(Verdict.NO_EVIDENCE, "NotProven", f"{self._describe_measurement()}; {words}", needed)
        return None

    def report_pass(self, *, promotion: bool) -> Finding:
        """Nothing is left to ask."""
        if promotion:
            why = "by its estimate less, which is no proof: no maxPerEvent is stated"
            return Finding(Verdict.PASS, "Estimated", f"{self._describe_measurement()}; {why}")
        return Finding(Verdict.PASS, "WithinObjective", self._describe_measurement())

    def _is_below(self) -> bool:
        """Whether the mean is below its maximum, by the bound."""
        moments = self.evidence.absolute_mean
        return moments.mean + margin_one_sided(moments, alpha=self.rule.beta) < 0

    def _count_until(self, distance: float, *, alpha: float, depth: float = 0.0) -> int | None:
        """Events until the bound is nearer than the distance of the mean, if both stay what they are.

        Args:
            distance: of the measured mean from what it is compared with.
            alpha: of the bound.
            depth: how much lower than the bound a look may lie although none was seen.
        """
        moments = self.evidence.absolute_mean
        variance = moments.deviation**2

        def is_enough(number: int) -> bool:
            margin = margin_one_sided(Moments(number, 0.0, variance * (number - 1)), alpha=alpha)
            return max(margin, _allow_for_unseen(number, depth)) < distance

        number = moments.looks
        while not is_enough(number):
            number += max(1, number // 20)
            if number > _MOST_LOOKS:
                return None
        return self._events(max(1, number - moments.looks))

    def _events(self, number: int) -> int | None:
        """About how many events that many values have."""
        evidence, values = self.evidence, self.evidence.absolute_mean.looks
        return math.ceil(number * evidence.release.total / values) if values else None

    def _describe_measurement(self) -> str:
        """Mean, range and limit: "1.1 s on average over 900 requests in 3 looks (estimate: about 0.9 to 1.4), ..."."""
        interval = mean_interval(self.evidence.absolute_mean, shift=self.rule.maximum)
        span = f" (estimate: about {three_digits(interval[0])} to {three_digits(interval[1])})" if interval else ""
        return describe_mean(self.evidence, self.rule, mean=self.estimate, span=span)


def _is_above(moments: Moments, rule: MeanRule, *, depth: float) -> bool:
    """Whether the bound is above 0, also if some looks lie `depth` below it that were too rare to be seen yet."""
    if moments.looks < max(2, rule.minimum_looks):
        return False
    margin = max(margin_one_sided(moments, alpha=rule.alpha / _TESTS), _allow_for_unseen(moments.looks, depth))
    return moments.mean - margin > _slack(rule)


def _allow_for_unseen(looks: int, depth: float) -> float:
    """How much looks that lie lower by `depth` may lower the mean although none was seen."""
    return _RULE_OF_THREE * abs(depth) / looks


def _allowed_beside_stable(release: Tally, rule: MeanRule) -> float:
    """What stable's mean allows the candidate."""
    return rule.margin * release.stable_amount / release.stable_total if release.stable_total else 0.0


def _is_possible(total: int, amount: float) -> bool:
    """Whether the amount can be a measurement: nobody spends 1e100 of anything, and its square would overflow."""
    return abs(amount) <= _MOST_MEAN * max(1, total)


def _slack(rule: MeanRule) -> float:
    """What rounding alone may put a mean above its maximum."""
    return _ROUNDING * abs(rule.maximum)
