"""How long a proof takes, before there is a release: what a strength of proof costs at a given traffic.

Nothing is drawn. A release is supposed whose shares of bad events are exactly the expected ones in every look; its
e-values follow from the formulas of the tests, and it is proven at the first look at which they suffice. By chance a
release has more or fewer bad events than that, and waits longer or less: in simulations about six of ten were proven
by then, and nine of ten within twice the time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from palier.evidence import odds_ratio
from palier.evidence.absolute import log_e_below
from palier.evidence.bets import log_mean
from palier.evidence.planning import Expected, rate_growth
from palier.evidence.rules import ObjectiveRule

_MOST_LOOKS = 10_000_000
"""Beyond this many looks nobody waits."""


class Landing(NamedTuple):
    """A stage of a release, as far as it says how many events the candidate has."""

    weight: float
    """The candidate's share of the events."""
    minimum: float
    """Seconds that it lasts at least."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is expected of both arms."""

    rate: float
    """Events a second of both together."""
    candidate: float
    """Share of bad events."""
    stable: float
    look: float
    """Seconds between two looks."""


def seconds_until_proven(rules: Sequence[tuple[ObjectiveRule, Traffic]], landings: Sequence[Landing]) -> float | None:
    """Seconds from the first event to the first look at which all is proven, if every share is as expected.

    Args:
        rules: how each objective is judged, and the events that it is judged by; all have the same looks.
        landings: the stages; each is left as soon as it can be, and the last one lasts until the proof.

    Returns:
        None where no wait leads there.
    """
    courses = [_Course(rule, traffic) for rule, traffic in rules]
    if not all(course.is_within for course in courses):
        return None
    look, looks = rules[0][1].look, 0
    for landing in landings[:-1]:
        stay = max(math.ceil(landing.minimum / look), *(course.count_least_looks(landing) for course in courses))
        proven = _count_looks_until_proven(courses, landing)
        if proven is not None and proven <= stay:
            return (looks + proven) * look
        looks += stay
        courses = [course.go_on(landing, stay) for course in courses]
    proven = _count_looks_until_proven(courses, landings[-1])
    return None if proven is None else (looks + proven) * look


def _count_looks_until_proven(courses: Sequence["_Course"], landing: Landing) -> int | None:
    """The fewest looks of a stage after which everything is proven; None where that is out of sight."""
    found = [course.count_looks_until_proven(landing) for course in courses]
    return max((looks for looks in found if looks is not None), default=None) if None not in found else None


@dataclass(frozen=True, slots=True)
class _Course:
    """One objective on its way: the candidate's events so far, and what each bet on the odds has gained."""

    rule: ObjectiveRule
    traffic: Traffic
    total: float = 0.0
    not_worse: tuple[float, ...] = ()

    @property
    def is_within(self) -> bool:
        """Whether the share of bad events meets the limit, which every stage asks for."""
        return self.traffic.candidate <= self.rule.limit

    def go_on(self, landing: Landing, looks: int) -> "_Course":
        """The course after so many looks of a stage."""
        events = self.traffic.rate * landing.weight * self.traffic.look
        growth = self._rate_growth(landing)
        gained = zip(self.not_worse or (0.0,) * len(growth), growth, strict=True)
        grown = tuple(log + looks * min(self.rule.cap, events * rate) for log, rate in gained)
        return _Course(self.rule, self.traffic, self.total + looks * events, grown)

    def count_least_looks(self, landing: Landing) -> int:
        """The fewest looks that every stage asks for."""
        return max(1, math.ceil(self.rule.minimum_requests / (self.traffic.rate * landing.weight * self.traffic.look)))

    def count_looks_until_proven(self, landing: Landing) -> int | None:
        """The fewest looks of the stage after which everything is proven; None where that is out of sight."""
        least = upper = self.count_least_looks(landing)
        if self.go_on(landing, least).is_proven():
            return least
        while not self.go_on(landing, upper).is_proven():
            least, upper = upper, 2 * upper
            if upper > _MOST_LOOKS:
                return None
        while upper - least > 1:
            middle = (least + upper) // 2
            least, upper = (least, middle) if self.go_on(landing, middle).is_proven() else (middle, upper)
        return upper

    def is_proven(self) -> bool:
        """Whether everything is proven that a promotion needs."""
        rule, needed = self.rule, -math.log(self.rule.beta)
        limit, bad = rule.proven_limit, self.traffic.candidate * self.total
        if limit is not None and log_e_below(bad, self.total, limit=limit) < needed:
            return False
        return rule.proven_odds_ratio is None or log_mean(self.not_worse) >= needed

    def _rate_growth(self, landing: Landing) -> list[float]:
        """What each event of the candidate adds to each bet on its odds against stable's."""
        margin, traffic = self.rule.proven_odds_ratio, self.traffic
        if margin is None:
            return []
        candidate, stable = landing.weight, 1 - landing.weight
        expected = Expected(candidate, candidate * traffic.candidate, stable, stable * traffic.stable)
        return rate_growth(expected, odds_ratio.proof_ratios(margin), margin)
