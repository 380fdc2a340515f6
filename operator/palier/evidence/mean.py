"""A mean without a known range: cost, tokens, seconds of each request.

Each look gives one value, the candidate's mean minus its maximum, and one against stable, the candidate's mean minus
`margin` times stable's. The candidate fails when either value is surely above 0 on average, by the one-sided asymptotic
confidence sequence (`asymptotic`) at half of alpha each; a promotion needs it surely below the maximum at beta. Looks
count alike however many events they had, because events of one look depend on each other in ways that nobody knows.

What holds for a late regression: the mean is that of all looks of the release, so what starts at look n has to move an
average over n looks. It is found, but only after a time in proportion to n; no capital is kept back for it, because
bounds without a known range do not multiply. Shares and scores are better there.
"""

import math
from dataclasses import dataclass, replace

from palier.evidence.asymptotic import Moments, margin_one_sided
from palier.evidence.counts import Amounts, Tally
from palier.evidence.interval import mean_interval
from palier.evidence.rules import MeanRule
from palier.evidence.sentences import looks, more, three_digits
from palier.evidence.state import Evidence
from palier.evidence.verdicts import Finding, Judgement, Verdict

FAILURES = frozenset({"WorseThanStable", "ObjectiveBreached"})
_TESTS = 2
_ROUNDING = 1e-9
_MOST_LOOKS = 1_000_000


def observe(evidence: Evidence, candidate: Amounts, stable: Amounts | None, rule: MeanRule) -> Evidence:
    """The evidence after one more look; see `objective.observe`."""
    last = Tally.of_amounts(candidate, stable)
    after = replace(evidence, release=evidence.release.plus(last), stage=evidence.stage.plus(last), last=last)
    if candidate.total == 0:
        return after
    absolute, relative = evidence.absolute_mean.plus(candidate.mean - rule.maximum), evidence.relative_mean
    if stable is not None and stable.total:
        relative = relative.plus(candidate.mean - rule.margin * stable.mean)
    return replace(after, absolute_mean=absolute, relative_mean=relative, looks=evidence.looks + 1)


def alarm(evidence: Evidence, rule: MeanRule) -> str:
    """Which test speaks against the candidate, and whether it may be blamed: a reason, or "" where none does."""
    if _surely_above(evidence.relative_mean, rule):
        return "WorseThanStable"
    if not _surely_above(evidence.absolute_mean, rule):
        return ""
    release = evidence.release
    stable_breaches = release.stable_total and release.stable_amount > rule.maximum * release.stable_total
    return "StableBreachesToo" if stable_breaches else "ObjectiveBreached"


def judge(evidence: Evidence, rule: MeanRule, *, promotion: bool, rate: float | None) -> Judgement:
    """What the evidence says now; see `objective.judge`."""
    case = _Case(evidence, rule, rate)
    reason = alarm(evidence, rule)
    finding = case.alarmed(reason) if reason else case.gap(promotion=promotion) or case.passed(promotion=promotion)
    release = evidence.release
    return Judgement(
        objective=rule.name,
        verdict=finding.verdict,
        reason=finding.reason,
        message=f"{rule.name}: {finding.message}",
        estimate=case.estimate if evidence.looks else None,
        total=release.total,
        bad=0,
        stable_total=release.stable_total,
        stable_bad=0,
        hard_stop=False,
        interval=case.interval,
        needed=finding.needed,
    )


@dataclass(frozen=True, slots=True)
class _Case:
    """The questions of a verdict, in the order in which `judge` asks them."""

    evidence: Evidence
    rule: MeanRule
    rate: float | None

    @property
    def estimate(self) -> float:
        """Mean of the means of the looks."""
        return self.rule.maximum + self.evidence.absolute_mean.mean

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the true mean lies."""
        return mean_interval(self.evidence.absolute_mean, shift=self.rule.maximum)

    def alarmed(self, reason: str) -> Finding:
        """One of the tests speaks against the candidate."""
        verdict = Verdict.FAIL if reason in FAILURES else Verdict.NO_EVIDENCE
        match reason:
            case "WorseThanStable":
                why = f"surely more than {self.rule.margin:g} times stable's"
            case "StableBreachesToo":
                why = "surely more, but stable breaches it too, so the candidate cannot be blamed"
            case _:
                why = "surely more"
        return Finding(verdict, reason, f"{self._measured()}{self._stable()}; {why}")

    def gap(self, *, promotion: bool) -> Finding | None:
        """Why there is no verdict yet."""
        evidence, rule = self.evidence, self.rule
        stage, missing = evidence.stage, rule.minimum_looks - evidence.looks
        if stage.total == 0:
            return Finding(Verdict.NO_EVIDENCE, "NoRequests", f"no {rule.noun} in this stage yet")
        if missing > 0:
            message = f"{looks(evidence.looks)} with {rule.noun}; {rule.minimum_looks} needed to decide"
            return Finding(Verdict.NO_EVIDENCE, "TooFewLooks", message, self._events(missing))
        most = rule.maximum + _slack(rule)
        if max(self.estimate, stage.amount / stage.total) > most:
            needed = self._until(evidence.absolute_mean.mean, alpha=rule.alpha / _TESTS)
            words = f"{more(needed, rule.noun, self.rate)}, needed to decide"
            return Finding(Verdict.NO_EVIDENCE, "Undecided", f"{self._measured()}; {words}", needed)
        if promotion and not self._proven():
            needed = self._until(-evidence.absolute_mean.mean, alpha=rule.beta)
            words = f"{more(needed, rule.noun, self.rate)}, needed to prove it"
            return Finding(Verdict.NO_EVIDENCE, "NotProven", f"{self._measured()}; {words}", needed)
        return None

    def passed(self, *, promotion: bool) -> Finding:
        """Nothing is left to ask."""
        if promotion:
            return Finding(Verdict.PASS, "Proven", f"{self._measured()}; surely less")
        return Finding(Verdict.PASS, "WithinObjective", self._measured())

    def _proven(self) -> bool:
        moments = self.evidence.absolute_mean
        return moments.mean + margin_one_sided(moments, alpha=self.rule.beta) < 0

    def _until(self, distance: float, *, alpha: float) -> int | None:
        """Events until the bound is nearer than the distance of the mean, if both stay what they are."""
        moments = self.evidence.absolute_mean
        variance = moments.deviation**2

        def enough(number: int) -> bool:
            return margin_one_sided(Moments(number, 0.0, variance * (number - 1)), alpha=alpha) < distance

        number = moments.looks
        while not enough(number):
            number += max(1, number // 20)
            if number > _MOST_LOOKS:
                return None
        return self._events(max(1, number - moments.looks))

    def _events(self, number: int) -> int | None:
        """About how many events that many looks see."""
        evidence = self.evidence
        return math.ceil(number * evidence.release.total / evidence.looks) if evidence.looks else None

    def _measured(self) -> str:
        """Mean, interval and limit: "1.3 EUR on average over 24 looks (between 1.1 and 1.5), at most 1.2 allowed"."""
        rule, interval = self.rule, self.interval
        unit = f" {rule.unit}" if rule.unit else ""
        span = f" (between {three_digits(interval[0])} and {three_digits(interval[1])})" if interval else ""
        return (
            f"{three_digits(self.estimate)}{unit} on average over {self.evidence.release.total} {rule.noun} "
            f"in {looks(self.evidence.looks)}{span}, at most {rule.maximum:g} allowed"
        )

    def _stable(self) -> str:
        release = self.evidence.release
        return f", stable {three_digits(release.stable_amount / release.stable_total)}" if release.stable_total else ""


def _surely_above(moments: Moments, rule: MeanRule) -> bool:
    if moments.looks < max(2, rule.minimum_looks):
        return False
    return moments.mean - margin_one_sided(moments, alpha=rule.alpha / _TESTS) > _slack(rule)


def _slack(rule: MeanRule) -> float:
    """What rounding alone may put a mean above its maximum."""
    return _ROUNDING * abs(rule.maximum)
