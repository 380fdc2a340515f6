"""Is the candidate good enough? One request of the corpus after the other, in random order, until it is decided.

Every request gives the candidate a score between 0 and 1, and stable another one. Bets are laid on them (`proof`), so
the verdict may look after every answer and stop as soon as it is clear, whatever the distribution of the scores:

    not worse    (candidate - stable + 1) / 2 is above (1 - margin) / 2     proven at 1/beta
    worse        (stable - candidate + 1) / 2 is above (1 + margin) / 2     fails at 1/alpha
    good enough  candidate is above minimum - margin                        proven at 1/beta
    too low      1 - candidate is above 1 - minimum                         fails at 1/alpha

Where there is both a stable revision and a minimum, those that fail have half of alpha each. To pass, all that is asked
has to be proven; that needs no shares, for the candidate would have to be lucky in each. As bad as a stable that gets
nothing right is no pass: it is the question then that is probably wrong.

These are statements about requests like those of the corpus, which is considered a sample of them. So it is the
request that counts: the answers to its repetitions are one score, their mean. Only the minimum is asked of the corpus
itself as soon as all of it was scored.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import log
from statistics import fmean
from typing import Final

from palier.api.status.values import Verdict
from palier.evidence.sentences import describe_more, odds, three_digits, write_limit
from palier.golden.figures import write_decimal, write_margin, write_percent, write_points
from palier.golden.proof import Bets, mean_between
from palier.golden.result import GoldenResult, JudgeResult

ALPHA: Final = 0.01
"""Largest probability that a candidate fails which is as good as it has to be."""
BETA: Final = 0.05
"""Largest probability that a candidate passes which is worse than allowed."""
MOST_LEFT_OUT: Final = 0.1
"""Share of the requests without a score above which nothing is said: what is left then is a choice."""

_ROUNDING: Final = 1e-9
_WORST: Final = 5
_SHOWN: Final = 200
"""Characters of an explanation."""


class Gap(StrEnum):
    """Why a request has no score; the word is the reason of the verdict where there are too many."""

    STABLE = "StableUnanswered"
    SCORE = "TooManyUnanswered"
    VOTE = "JudgeUnavailable"


_GAPS: Final[Mapping[Gap, str]] = {
    Gap.STABLE: "stable did not answer, so that there was nothing to compare with",
    Gap.SCORE: "no score was given",
    Gap.VOTE: "the judge gave no vote: it was down, slow or not understood, or had used up judge.maxTokensTotal",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What has to be decided."""

    margin: float
    """How far the candidate's mean may lie below stable's, or in a proof below the minimum, between 0 and 1."""
    minimum: float | None = None
    """Least mean score, above 0 and below 1."""
    paired: bool = True
    """Whether there is a stable revision to compare with."""
    judged: bool = False
    """Whether scores are a judge's: 1 to the answer that it prefers, 0 to the other, a half to each in a tie."""


@dataclass(frozen=True, slots=True)
class Item:
    """One request of the corpus, all its repetitions together."""

    id: str
    candidate: float | None = None
    """Mean score between 0 and 1 of the repetitions that have one; None where none has."""
    stable: float | None = None
    """The same of stable; None without a stable revision too."""
    scored: int = 0
    """Repetitions that have a score."""
    gaps: tuple[Gap, ...] = ()
    """Why the others have none."""
    segment: str = ""
    message: str = ""
    """Why the candidate's score is what it is, or why there is none, for people."""

    @property
    def difference(self) -> float:
        """What the candidate is ahead of stable, -1 to 1; without stable what it lacks, -1 to 0."""
        return (self.candidate or 0.0) - (1.0 if self.stable is None else self.stable)


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict and why."""

    verdict: Verdict
    reason: str
    message: str


def nothing_to_compare(question: Question) -> Finding | None:
    """Why nobody has to be asked anything; None where there is something to decide."""
    if question.paired or question.minimum is not None:
        return None
    instead = " in place of golden.judge" if question.judged else ""
    message = f"no stable revision serves yet to compare with: say in golden.minPercent{instead} how good it has to be"
    return Finding(Verdict.NO_EVIDENCE, "NothingToCompare", message)


class Examination:
    """The scores of one examination so far, and what they say.

    Args:
        question: what has to be decided; `nothing_to_compare` of it is None.
        items: requests of the corpus.
        repeat: how often each of them is asked.
        early: whether it may end before the whole corpus was scored.
    """

    def __init__(self, question: Question, *, items: int, repeat: int = 1, early: bool = True) -> None:
        self._question, self._items, self._requests, self._early = question, items, items * repeat, early
        self._scored: list[Item] = []
        self._added = self._answers = 0
        self._gaps: Counter[Gap] = Counter()
        self._why: dict[Gap, str] = {}
        tests = question.paired + (question.minimum is not None)
        self._comparison = _Comparison(question, needed=tests / ALPHA) if question.paired else None
        self._level = None if question.minimum is None else _Level(question, question.minimum, needed=tests / ALPHA)
        self.finding: Finding | None = None
        """What is decided; None as long as more has to be asked."""

    @property
    def items(self) -> tuple[Item, ...]:
        """The requests that have a score, in the order in which they came."""
        return tuple(self._scored)

    def add(self, item: Item) -> Finding | None:
        """Take the next request, in the order that was drawn; what is decided now, None while nothing is.

        Raises:
            ValueError: it has no possible scores, or the whole corpus was taken before.
        """
        if self._added == self._items:
            raise ValueError("the whole corpus was examined before")
        if (item.scored + len(item.gaps)) * self._items != self._requests:
            raise ValueError(f"{item.id}: {item.scored} scores and {len(item.gaps)} gaps are not all its repetitions")
        self._added += 1
        self._answers += item.scored
        self._gaps.update(item.gaps)
        if item.candidate is not None:
            self._look(item, item.candidate)
        elif item.message:
            self._why.setdefault(item.gaps[0], f" ({item.message[:_SHOWN]})")
        self.finding = self.finding or self._decide(over=self._added == self._items)
        return self.finding

    def end(self, reason: str, message: str) -> None:
        """Nothing can be said: whatever was found before does not count."""
        self.finding = Finding(Verdict.NO_EVIDENCE, reason, message)

    @property
    def so_far(self) -> str:
        """What the scores say up to now, as the beginning of a sentence; empty without any."""
        part = self._comparison or self._level
        return part.means() if part and self._scored else ""

    def result(self, *, judge: JudgeResult | None = None) -> GoldenResult:
        """What is known, as it travels.

        Raises:
            ValueError: nothing is decided yet.
        """
        if self.finding is None:
            raise ValueError("the examination is not over")
        compared = self._comparison if self._scored else None
        low, high = compared.find_interval() if compared else (None, None)
        return GoldenResult(
            verdict=self.finding.verdict,
            reason=self.finding.reason,
            message=self.finding.message,
            requests=self._requests,
            scored=self._answers,
            score=write_decimal(fmean([item.candidate or 0.0 for item in self._scored]) if self._scored else None),
            stable_score=write_decimal(compared.stable_mean if compared else None),
            difference_low=write_decimal(low),
            difference_high=write_decimal(high),
            worst=tuple(item.id for item in self.list_worst()),
            judge=judge,
        )

    def list_worst(self) -> tuple[Item, ...]:
        """The requests on which the candidate lost most against stable, then against what was expected; at most 5."""
        judged = self._question.judged
        lost = [item for item in self._scored if item.difference < 0 or (not judged and item.candidate != 1)]
        return tuple(sorted(lost, key=lambda item: (item.difference, item.candidate))[:_WORST])

    def _look(self, item: Item, score: float) -> None:
        paired = self._comparison is not None
        if not 0 <= score <= 1 or paired != (item.stable is not None) or not -1 <= item.difference <= 1:
            raise ValueError(f"{item.id}: {item.candidate} and {item.stable} are not scores between 0 and 1")
        self._scored.append(item)
        if self._comparison:
            self._comparison.look(score, item.stable or 0.0)
        if self._level:
            self._level.look(score)

    def _decide(self, *, over: bool) -> Finding | None:
        gaps = sum(self._gaps.values())
        if gaps > MOST_LEFT_OUT * self._requests:
            return self._too_many_gaps(gaps)
        if not over and (not self._early or gaps > MOST_LEFT_OUT * (gaps + self._answers)):
            return None  # gaps may become rarer, and cannot be so many in the end
        parts = [part for part in (self._comparison, self._level) if part]
        if failed := next((part for part in parts if part.has_failed(over=over)), None):
            return failed.failure()
        if self._comparison and not self._comparison.anything_right:
            return self._comparison.report_nothing() if over else None
        if all(part.has_held(over=over) for part in parts):
            return Finding(Verdict.PASS, "Proven", "; ".join(part.proof() for part in parts))
        return self._report_undecided() if over else None

    def _too_many_gaps(self, gaps: int) -> Finding:
        gap = max(Gap, key=self._gaps.__getitem__)
        message = (
            f"for {gaps} of {gaps + self._answers} requests there is nothing to judge by, of {self._requests} in all:"
            f" {_GAPS[gap]}{self._why.get(gap, '')}; at most {write_limit(MOST_LEFT_OUT)} may be left out"
        )
        return Finding(Verdict.NO_EVIDENCE, gap.value, message)

    def _report_undecided(self) -> Finding:
        """Only the comparison can be open when all was scored: the level is then what it is."""
        reason = "JudgeUndecided" if self._question.judged else "TooFewGoldenAnswers"
        need = self._comparison.describe_need() if self._comparison else ""
        return Finding(Verdict.NO_EVIDENCE, reason, need)


class _Comparison:
    """Candidate against stable."""

    def __init__(self, question: Question, *, needed: float) -> None:
        self._margin, self._judged = question.margin, question.judged
        self._not_worse = Bets((1 - question.margin) / 2, 1 / BETA)
        self._worse = Bets((1 + question.margin) / 2, needed)
        self._candidate: list[float] = []
        self._stable: list[float] = []
        self.anything_right = question.judged
        """Whether any score is above 0; of those of a judge always one is."""

    def look(self, candidate: float, stable: float) -> None:
        """Take one more pair of scores."""
        self._candidate.append(candidate)
        self._stable.append(stable)
        self.anything_right |= candidate > 0 or stable > 0
        self._not_worse.look((candidate - stable + 1) / 2)
        self._worse.look((stable - candidate + 1) / 2)

    @property
    def stable_mean(self) -> float:
        """Mean score of stable."""
        return fmean(self._stable)

    def find_interval(self) -> tuple[float, float]:
        """Where the difference of the means lies."""
        pairs = zip(self._candidate, self._stable, strict=True)
        low, high = mean_between((candidate - stable + 1) / 2 for candidate, stable in pairs)
        return 2 * low - 1, 2 * high - 1

    def has_failed(self, *, over: bool) -> bool:
        """Whether the candidate is surely worse."""
        del over  # it takes a proof, however many were asked
        return self._worse.is_won

    def has_held(self, *, over: bool) -> bool:
        """Whether it is surely not worse than allowed."""
        del over
        return self._not_worse.is_won

    def failure(self) -> Finding:
        """Why the candidate fails."""
        why = f"evidence that it is further below {_describe_odds(self._worse)}"
        return Finding(Verdict.FAIL, "QualityWorse", f"{self._describe_measurement()}; {why}")

    def proof(self) -> str:
        """What proves that the candidate is not worse than allowed."""
        # No interval: it is wrong half as often at each end, and may still reach further down than what is proven.
        evidence = _describe_odds(self._not_worse)
        return f"{self.means()}; surely not more than {write_margin(self._margin)} below, evidence {evidence}"

    def report_nothing(self) -> Finding:
        """Why being alike proves nothing."""
        message = (
            f"neither the candidate nor stable got anything right in {len(self._candidate)} requests, so their"
            " likeness proves nothing: look at golden.path, at the corpus, and at answers.checks or the scorer"
        )
        return Finding(Verdict.NO_EVIDENCE, "NothingRight", message)

    def describe_need(self) -> str:
        """How many more it would take."""
        ahead = fmean(self._candidate) - self.stable_mean > -self._margin
        needed = (self._not_worse if ahead else self._worse).values_needed
        more = describe_more(needed, "golden answers", None)
        return f"{self._describe_measurement()}; {more} like these would decide it"

    def means(self) -> str:
        """What was scored."""
        number = len(self._candidate)
        if self._judged:
            wins = sum(score > 1 / 2 for score in self._candidate)
            losses = sum(score < 1 / 2 for score in self._candidate)
            return f"of {number} requests the judge prefers the candidate on {wins} and stable on {losses}"
        candidate, stable = write_percent(fmean(self._candidate)), write_percent(self.stable_mean)
        return f"candidate {candidate}, stable {stable} of the best score over {number} requests"

    def _describe_measurement(self) -> str:
        low, high = self.find_interval()
        span = f"difference between {write_points(low)} and {write_points(high)} points"
        return f"{self.means()} ({span}, at most {write_margin(self._margin)} below allowed)"


class _Level:
    """The candidate against a minimum."""

    def __init__(self, question: Question, minimum: float, *, needed: float) -> None:
        self._minimum, self._margin = minimum, question.margin
        self._too_low = Bets(1 - minimum, needed)
        # Nobody can bet against a mean below 0: with so wide a margin, only the whole corpus can decide.
        self._enough = Bets(minimum - question.margin, 1 / BETA) if minimum > question.margin else None
        self._scores: list[float] = []

    def look(self, score: float) -> None:
        """Take one more score."""
        self._scores.append(score)
        self._too_low.look(1 - score)
        if self._enough:
            self._enough.look(score)

    def has_failed(self, *, over: bool) -> bool:
        """Whether the candidate is surely too bad, or the whole corpus has shown that it is."""
        return self._too_low.is_won or (over and not self.has_held(over=True))

    def has_held(self, *, over: bool) -> bool:
        """Whether the candidate is surely good enough, or the whole corpus has shown that it is."""
        return self._is_proven or (over and fmean(self._scores) >= self._minimum - _ROUNDING)

    def failure(self) -> Finding:
        """Why the candidate fails."""
        proof = (
            f"evidence that it is below {_describe_odds(self._too_low)}"
            if self._too_low.is_won
            else "that is the whole corpus"
        )
        return Finding(Verdict.FAIL, "QualityTooLow", f"{self._describe_measurement()}; {proof}")

    def proof(self) -> str:
        """What shows that the candidate is good enough."""
        if self._enough is None or not self._is_proven:
            return f"{self._describe_measurement()}; that is the whole corpus"
        below = f"surely not more than {write_margin(self._margin)} below it, evidence {_describe_odds(self._enough)}"
        return f"{self._describe_measurement()}; {below}"

    def means(self) -> str:
        """What was scored."""
        return f"candidate {write_percent(fmean(self._scores))} of the best score over {len(self._scores)} requests"

    @property
    def _is_proven(self) -> bool:
        return self._enough is not None and self._enough.is_won

    def _describe_measurement(self) -> str:
        low, high = mean_between(self._scores)
        span = f"between {three_digits(100 * low)} and {three_digits(100 * high)}"
        return f"{self.means()} ({span}), at least {write_limit(self._minimum)} wanted"


def _describe_odds(bets: Bets) -> str:
    return f"{odds(bets.highest)} (needs {odds(log(bets.needed))})"
