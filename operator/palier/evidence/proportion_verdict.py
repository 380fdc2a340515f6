"""The verdict on a share of bad events, with the sentence that explains it.

A promotion asks for more than the absence of a breach, unless the rule says otherwise: proof, at 1/beta, that the
share of bad events is below `proof_margin` times the limit; and where the rule says so, also proof that the odds of a
bad event are below `no_worse_margin` times stable's, or below stable's, as an experiment asks. The sentence says what
is proven and what is not, because "Pass" alone does not.
"""

import math
from dataclasses import dataclass

from palier.evidence import planning
from palier.evidence import proportion as tests
from palier.evidence.absolute import log_e_below
from palier.evidence.bets import log_add
from palier.evidence.counts import Tally
from palier.evidence.interval import share_interval
from palier.evidence.pods import find_worst
from palier.evidence.rules import TWICE, ObjectiveRule
from palier.evidence.sentences import beside_stable, describe_counts, describe_more, looks, odds, percent, write_limit
from palier.evidence.state import Evidence
from palier.evidence.verdicts import Finding, Judgement, Verdict

NOT_BETTER = "NotBetter"
NOT_PROVEN_NO_WORSE = "NotProvenNoWorse"

_FEW = 5
"""Bad events of a stage from which on its share says more than that of the whole release."""
_ROUNDING = 1e-9
"""Relative slack for limits that are not exact in binary: 10 of 100 meets a limit of 1 - 0.9."""


def judge(evidence: Evidence, rule: ObjectiveRule, *, promotion: bool, rate: float | None) -> Judgement:
    """What the evidence says now; see `objective.judge`."""
    case = _Case(evidence, rule, rate)
    reason = tests.alarm(evidence, rule)
    finding = (
        case.report_alarm(reason) if reason else case.gap(promotion=promotion) or case.report_pass(promotion=promotion)
    )
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
        hard_stop=finding.reason == tests.HARD_STOP,
        interval=share_interval(release.bad, release.total, bad_possible=release.bad_possible),
        needed=finding.needed,
        segments=tuple(segment.name for segment in tests.worse_segments(evidence, rule)),
    )


def describe_suspicion(evidence: Evidence, rule: ObjectiveRule) -> str:
    """What a candidate is suspected of, with the counts of both versions."""
    counts = _Case(evidence, rule, None).describe_worse_counts() if evidence.release.total else f"no {rule.noun}"
    return f"{rule.name}: {counts}; {write_limit(rule.limit)} allowed"


@dataclass(frozen=True, slots=True)
class _Case:
    """The questions of a verdict, in the order in which `judge` asks them."""

    evidence: Evidence
    rule: ObjectiveRule
    rate: float | None

    def report_alarm(self, reason: str) -> Finding:
        """One of the tests speaks against the candidate."""
        verdict = Verdict.FAIL if reason in tests.FAILURES else Verdict.NO_EVIDENCE
        return Finding(verdict, reason, self._alarm_message(reason))

    def _alarm_message(self, reason: str) -> str:
        evidence, rule = self.evidence, self.rule
        needs = f"(needs {odds(tests.bound(rule))})"
        against = odds(log_add(evidence.relative.log_e, evidence.absolute.log_e))
        limit = f"the objective allows {write_limit(rule.limit)}"
        worse = self.describe_worse_counts() if evidence.release.total else ""
        match reason:
            case tests.HARD_STOP:
                bad, total = evidence.hard_stop.bad, evidence.hard_stop.total
                which = (
                    f"the last {total} {rule.noun} all" if bad == total else f"{bad} of the last {total} {rule.noun}"
                )
                return f"{which} {rule.bad_noun}; hard stop"
            case tests.WORSE_THAN_STABLE:
                return f"{worse}; evidence that it is worse {against} {needs}"
            case tests.SEGMENT_WORSE:
                return f"worse for {self._segments()}"
            case tests.STABLE_BREACHES_TOO:
                return f"{worse}; {limit}, but stable breaches it too, so the candidate cannot be blamed"
            case tests.FEW_SPELLS:
                spells = f"{evidence.spells.spells} spells" if evidence.spells.spells != 1 else "one spell"
                return (
                    f"{worse}; {limit}, but that was in {spells}, which may be a few bad moments; evidence that it is "
                    f"too often {odds(evidence.spells.log_e(rule.limit))} {needs}"
                )
            case tests.PODS_DIFFER:
                return f"{worse}; {limit}; {self._describe_pods()}"
            case _:
                return f"{worse}; {limit}; evidence against it {against} {needs}"

    def _describe_pods(self) -> str:
        """Which pod is the worst of the candidate's, and why that blames no version yet."""
        pods = self.evidence.pods
        worst = find_worst(pods)
        named = (
            f"pod {worst.name} has {worst.bad:.0f} of {worst.total:.0f} in the last looks, the worst of"
            f" {len(pods.candidate)}"
            if worst
            else "no pod is known"
        )
        return f"{named}, but pods of one version may differ as much: the version is blamed when more of its pods agree"

    def _segments(self) -> str:
        """The worse segments with the counts of both arms: the clearest three, and how many others."""
        worse, shown = tests.worse_segments(self.evidence, self.rule), 3
        described = "; ".join(
            f'"{one.name}": {describe_counts(one.bad, one.total, self.rule)}'
            + beside_stable(Tally(stable_total=one.stable_total, stable_bad=one.stable_bad))
            for one in worse[:shown]
        )
        return f"{described}; and {len(worse) - shown} more" if len(worse) > shown else described

    def _describe_incomparable(self) -> str:
        """The segments that cannot be compared with stable: the first three, and how many others."""
        apart, shown = tests.list_incomparable(self.evidence, self.rule), 3
        if not apart:
            return ""
        named = ", ".join(f'"{name}"' for name in apart[:shown])
        more = f" and {len(apart) - shown} more" if len(apart) > shown else ""
        return f"; {named}{more} cannot be compared with stable: no such requests met both versions"

    def gap(self, *, promotion: bool) -> Finding | None:
        """Why there is no verdict yet."""
        evidence, rule, stage = self.evidence, self.rule, self.evidence.stage
        missing = rule.minimum_requests - stage.total
        if stage.total == 0:
            message = f"no {rule.noun} in this stage yet; {rule.minimum_requests} needed"
            return Finding(Verdict.NO_EVIDENCE, "NoRequests", message, rule.minimum_requests)
        if missing > 0:
            silence = "" if evidence.last.total else "; none in the last look"
            message = (
                f"{describe_counts(stage.bad_possible, stage.total, rule)} in this stage; "
                f"{missing} more {rule.noun} needed{silence}"
            )
            return Finding(Verdict.NO_EVIDENCE, "TooFewRequests", message, missing)
        for tally in (stage, evidence.release):
            if not self._is_within(tally.bad_possible, tally.total):
                return self._over_the_limit(tally)
        limit, margin = rule.proven_limit, rule.proven_odds_ratio
        if promotion and limit is not None and not self._is_proven(limit):
            return self._not_proven(limit)
        if promotion and margin is not None and tests.no_worse_log_e(evidence) < -math.log(rule.beta):
            return self._not_proven_against_stable(margin)
        return None

    def report_pass(self, *, promotion: bool) -> Finding:
        """Nothing is left to ask."""
        evidence, rule, apart = self.evidence, self.rule, self._describe_incomparable()
        stable = beside_stable(evidence.release) if promotion and rule.require_better else ""
        message = f"{self._describe_possible(evidence.release)}{stable}, {write_limit(rule.limit)} allowed"
        if not promotion:
            return Finding(Verdict.PASS, "WithinObjective", message + apart)
        message += f"; {self._describe_proof()}"
        if rule.proven_odds_ratio is None:
            reason = "Proven" if rule.proven_limit is not None or self._is_proven(rule.limit) else "WithinObjective"
            return Finding(Verdict.PASS, reason, message + apart)
        proven = "be better than stable" if rule.require_better else f"have {_describe_no_worse(rule.no_worse_margin)}"
        message += f", and proven to {proven}, {self._describe_strength(tests.no_worse_log_e(evidence))}"
        reason = "ProvenBetter" if rule.require_better else "Proven"
        return Finding(Verdict.PASS, reason, message + apart)

    def _describe_proof(self) -> str:
        """What is proven: mostly less than that the objective is kept, and the sentence must not read like that."""
        rule, proven = self.rule, self.rule.proven_limit
        if self._is_proven(rule.limit):
            strength = self._describe_strength(tests.proof(self.evidence, limit=rule.limit))
            return f"proven to stay below that, {strength}"
        if proven is None:
            return (
                "nothing speaks against it, and that it stays below that is not proven, because no proof is asked for"
            )
        strength = self._describe_strength(tests.proof(self.evidence, limit=proven))
        allowed = f"not yet below the {write_limit(rule.limit)} that is allowed"
        return f"proven to stay below {write_limit(proven)}, but {allowed}, {strength}"

    def _describe_strength(self, log_e: float) -> str:
        return f"evidence {odds(log_e)} (needs {odds(-math.log(self.rule.beta))})"

    def _is_proven(self, limit: float) -> bool:
        """Whether the share is proven to be below a limit."""
        return tests.proof(self.evidence, limit=limit) >= -math.log(self.rule.beta)

    def _over_the_limit(self, tally: Tally) -> Finding:
        rule, where = self.rule, self._name_stretch(tally)
        if self._is_within(tally.bad, tally.total):
            return Finding(
                Verdict.NO_EVIDENCE,
                "ThresholdBetweenBuckets",
                f"between {tally.bad} and {tally.bad_possible} of {tally.total} {rule.noun} {rule.bad_noun} "
                f"({percent(tally.bad / tally.total)} to {percent(tally.bad_possible / tally.total)}){where}, "
                f"{write_limit(rule.limit)} allowed; the threshold lies between two bucket edges of the histogram",
            )
        if rule.compare_with_stable and tests.stable_breaches(self.evidence, rule):
            reason = tests.STABLE_BREACHES_TOO
            return Finding(Verdict.NO_EVIDENCE, reason, self._alarm_message(reason))
        needed = planning.until_failure(self.evidence, rule, tally)
        missing = tests.bound(rule) - max(self.evidence.absolute.log_e, self.evidence.relative.log_e)
        at_least = max(1, math.ceil(missing / rule.cap))
        return Finding(
            Verdict.NO_EVIDENCE,
            "Undecided",
            f"{self._describe_sure(tally)}{where}, {write_limit(rule.limit)} allowed; "
            f"{describe_more(needed, rule.noun, self.rate)}, in at least {looks(at_least)}, needed to decide",
            needed,
        )

    def _not_proven(self, limit: float) -> Finding:
        rule, release = self.rule, self.evidence.release
        needed = planning.requests_needed(
            lambda bad, total: log_e_below(bad, total, limit=limit),
            bad=release.bad_possible,
            total=release.total,
            gain=-math.log(rule.beta) - tests.proof(self.evidence, limit=limit),
        )
        twice = rule.multiply_limit(TWICE)
        already = f"proven to stay below {write_limit(twice)}; " if limit < twice and self._is_proven(twice) else ""
        return Finding(
            Verdict.NO_EVIDENCE,
            "NotProven",
            f"{self._describe_possible(release)}, {write_limit(rule.limit)} allowed; {already}"
            f"{describe_more(needed, rule.noun, self.rate)}, needed to prove that it stays below {write_limit(limit)}",
            needed,
        )

    def _not_proven_against_stable(self, margin: float) -> Finding:
        rule, release = self.rule, self.evidence.release
        reason, wanted = NOT_PROVEN_NO_WORSE, f"has {_describe_no_worse(margin)}"
        if rule.require_better:
            reason, wanted = NOT_BETTER, "is better than stable"
        needed, apart = planning.until_below(margin, self.evidence, rule), self._describe_incomparable()
        if release.stable_total == 0:
            lacks = "stable has none to compare with"
        elif release.bad_possible + release.stable_bad == 0:
            lacks = "with no bad ones in either arm there is nothing to compare yet"
        elif apart and not any(one.stable_total for one in self.evidence.segments):
            lacks, apart = apart.removeprefix("; "), ""
        elif rule.require_better and not self._looks_better():
            lacks, needed = "so far it is not better than stable", None
        else:
            lacks = f"{describe_more(needed, rule.noun, self.rate)}, needed to prove that it {wanted}"
        message = f"{self._describe_possible(release)}{beside_stable(release)}; {lacks}{apart}"
        return Finding(Verdict.NO_EVIDENCE, reason, message, needed)

    def _looks_better(self) -> bool:
        """Whether the candidate's share is the lower one; of groups the totals do not tell."""
        release = self.evidence.release
        lower = release.bad_possible * release.stable_total < release.stable_bad * release.total
        return lower or bool(self.evidence.segments)

    def describe_worse_counts(self) -> str:
        """The counts of both arms, of the stage alone where its share of bad events is the higher one."""
        release, stage = self.evidence.release, self.evidence.stage
        in_stage = stage.bad >= _FEW and stage.bad * release.total > release.bad * stage.total
        tally = stage if in_stage else release
        return f"{self._describe_sure(tally)}{self._name_stretch(tally)}{beside_stable(tally)}"

    def _describe_sure(self, tally: Tally) -> str:
        interval = share_interval(tally.bad, tally.total)
        return describe_counts(tally.bad, tally.total, self.rule, interval=interval)

    def _describe_possible(self, tally: Tally) -> str:
        interval = share_interval(tally.bad, tally.total, bad_possible=tally.bad_possible)
        return describe_counts(tally.bad_possible, tally.total, self.rule, interval=interval)

    def _name_stretch(self, tally: Tally) -> str:
        """Says so where the counts are not those of the whole release."""
        return "" if tally == self.evidence.release else " in this stage"

    def _is_within(self, bad: int, total: int) -> bool:
        return bad <= self.rule.limit * total * (1 + _ROUNDING)


def _describe_no_worse(margin: float) -> str:
    """What is proven of a candidate that is "no worse": less than the words say."""
    times = "twice" if margin == TWICE else f"{margin:g} times"
    return f"less than {times} stable's odds of a bad one"
