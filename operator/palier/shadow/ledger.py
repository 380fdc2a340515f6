"""What is counted of the pairs, and by which rules.

Two rules make the numbers fit for a verdict. The times and failures of both versions always come from the same
requests: a request counts for both or for neither. And whether a pair counts never depends on the candidate: what it
fails to answer where stable does is a disagreement, so that it cannot hide its mistakes by being unable to answer.

Everything is counted by one thread, and read by the same one: the numbers of a scrape fit together.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from palier.answers.checks import CheckResult
from palier.answers.comparison import ComparisonResult
from palier.answers.confusion import Confusion
from palier.api.spec.answers import Comparison
from palier.shadow.plan import ShadowPlan
from palier.shadow.reply import Reply
from palier.shadow.sample import OTHER, Exclusion

ARMS: Final = ("candidate", "stable")

# fmt: off
_EDGES: Final = (
    0.001, 0.0015, 0.002, 0.003, 0.005, 0.007,
    0.01, 0.015, 0.02, 0.03, 0.05, 0.07,
    0.1, 0.15, 0.2, 0.3, 0.5, 0.7,
    1.0, 1.5, 2.0, 3.0, 5.0, 7.0,
    10.0, 15.0, 20.0, 30.0, 45.0, 60.0,
)
# fmt: on


class Unpaired(StrEnum):
    """Why a sampled request made no pair."""

    QUEUE_FULL = "QueueFull"
    STABLE_FAILED = "StableFailed"
    STABLE_REFUSED = "StableRefused"
    ANSWER_TOO_LARGE = "AnswerTooLarge"
    NOT_COMPARED = "NotCompared"
    STOPPED = "Stopped"


def edges_with(thresholds: Iterable[float]) -> tuple[float, ...]:
    """Edges of the histograms in seconds, with these thresholds exactly among them."""
    return tuple(sorted({*_EDGES, *thresholds}))


class Times:
    """A histogram whose sum stays a number: a request that was never answered is beyond all edges."""

    def __init__(self, edges: tuple[float, ...]) -> None:
        self._edges = edges
        self._counts = [0] * (len(edges) + 1)
        self.sum = 0.0
        """Seconds; a failure adds the longest wait."""

    def add(self, seconds: float) -> None:
        """Count a time."""
        self._counts[bisect_left(self._edges, seconds)] += 1
        self.sum += seconds

    def add_failure(self, longest: float) -> None:
        """Count a request that was not answered, which may have been for any time."""
        self._counts[-1] += 1
        self.sum += longest

    def buckets(self) -> Iterator[tuple[float, int]]:
        """Each edge, and infinity in the end, with how many times are not above it."""
        so_far = 0
        for edge, count in zip((*self._edges, float("inf")), self._counts, strict=True):
            so_far += count
            yield edge, so_far


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one request, with nothing of what was asked or answered."""

    segment: str = ""
    """The group that the request belongs to."""
    replies: Mapping[str, Reply] = field(default_factory=dict)
    """By arm; empty where nobody was asked."""
    unpaired: Unpaired | None = None
    """Why it made no pair; None where it made one."""
    compared: ComparisonResult | None = None
    """How the answers of a pair compare; None where the candidate has nothing to compare."""
    checked: frozenset[str] = frozenset()
    """The names of the checks that had anything to look at."""


@dataclass(slots=True)
class ArmCounts:
    """Requests of one group that one version was asked."""

    answers: int = 0
    """All, failed ones too."""
    failed: int = 0


@dataclass(slots=True)
class SegmentCounts:
    """What happened to one group of users."""

    pairs: int = 0
    disagreements: int = 0
    arms: dict[str, ArmCounts] = field(default_factory=lambda: {arm: ArmCounts() for arm in ARMS})


@dataclass(slots=True)
class CheckCounts:
    """What one check said."""

    pairs: int = 0
    disagreements: int = 0
    scores: int = 0
    score_sum: float = 0.0


class Ledger:
    """All counts of one shadow."""

    def __init__(self, plan: ShadowPlan) -> None:
        self._timeout = plan.timeout
        self._factors = {factor: float(factor) for factor in plan.factors}
        edges = edges_with(plan.thresholds)
        self.mirrored = 0
        self.excluded = dict.fromkeys(Exclusion, 0)
        self.sampled = 0
        self.unpaired = dict.fromkeys(Unpaired, 0)
        # Without groups everything is in the one without a name; with groups it has the requests that name none.
        self.segments = {name: SegmentCounts() for name in (("", OTHER) if plan.segment_header else ("",))}
        self.checks = {check.name: CheckCounts() for check in plan.answers.effective_checks}
        self.labels = {
            str(check.name): Confusion() for check in plan.answers.effective_checks if check.compare is Comparison.LABEL
        }
        self.slower = dict.fromkeys(plan.factors, 0)
        self.copies = {arm: ArmCounts() for arm in ARMS}
        """As soon as both answers are there, whichever is counted first: for those who count requests by the minute."""
        self.times = {arm: Times(edges) for arm in ARMS}
        self.first_events = {arm: Times(edges) for arm in ARMS}

    @property
    def pairs(self) -> int:
        """Pairs of all groups."""
        return sum(counts.pairs for counts in self.segments.values())

    @property
    def disagreements(self) -> int:
        """Pairs of all groups that were answered differently."""
        return sum(counts.disagreements for counts in self.segments.values())

    def segment(self, name: str) -> SegmentCounts:
        """The counts of a group, all 0 when it is new."""
        if (counts := self.segments.get(name)) is None:
            counts = self.segments[name] = SegmentCounts()
        return counts

    def count_copies(self, replies: Mapping[str, Reply]) -> None:
        """Count what both versions were asked just now, for whom the order does not matter."""
        for arm, reply in replies.items():
            self.copies[arm].answers += 1
            self.copies[arm].failed += reply.failure is not None

    def count(self, outcome: Outcome) -> None:
        """Count what came of one request."""
        if outcome.replies:
            self._count_answers(outcome.segment, outcome.replies)
        if outcome.unpaired is None:
            self._count_pair(outcome)
        else:
            self.unpaired[outcome.unpaired] += 1

    def _count_answers(self, segment: str, replies: Mapping[str, Reply]) -> None:
        """Count how long both versions took for one request, and which of them failed."""
        streamed = any(reply.streamed for reply in replies.values())
        for arm, reply in replies.items():
            counts = self.segment(segment).arms[arm]
            counts.answers += 1
            if reply.failure is None:
                self.times[arm].add(reply.seconds)
            else:
                counts.failed += 1
                self.times[arm].add_failure(self._timeout)
            if streamed:
                self._count_first(arm, reply)

    def _count_pair(self, outcome: Outcome) -> None:
        candidate, stable, compared = outcome.replies["candidate"], outcome.replies["stable"], outcome.compared
        counts = self.segment(outcome.segment)
        counts.pairs += 1
        if compared is None or not compared.agrees:
            counts.disagreements += 1
        for factor, times in self._factors.items():
            if candidate.failure is not None or candidate.seconds > times * stable.seconds:
                self.slower[factor] += 1
        results = {} if compared is None else {result.name: result for result in compared.results}
        for name, check in self.checks.items():
            if name in outcome.checked:
                self._count_check(name, check, results.get(name))

    def _count_first(self, arm: str, reply: Reply) -> None:
        if reply.failure is not None or (reply.streamed and reply.first_event is None):
            self.first_events[arm].add_failure(self._timeout)
        else:  # an answer that is no stream comes as a whole
            self.first_events[arm].add(reply.seconds if reply.first_event is None else reply.first_event)

    def _count_check(self, name: str, check: CheckCounts, result: CheckResult | None) -> None:
        """Count what a check said; it fails where there was nothing to check."""
        check.pairs += 1
        check.scores += 1
        if result is None:
            check.disagreements += 1
            return
        check.disagreements += not result.agrees
        check.score_sum += result.score or 0.0
        if result.labels is not None and name in self.labels:
            self.labels[name].add(*result.labels)
