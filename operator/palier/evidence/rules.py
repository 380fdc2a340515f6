"""How an objective is judged in one release: fixed before the first look, so that nobody tunes it to the evidence."""

import math
from dataclasses import dataclass

from palier.evidence.bets import CAP

CAUTION_MARGIN = 1.1
"""Odds ratio from which on a candidate may be suspected, at the latest; see `palier.evidence.caution`."""

TWICE = 2.0
"""A promotion proves that the share is below this many times the limit, unless the spec asks for another proof."""

BETTER = 1.0
"""The odds ratio below which a candidate is better than stable."""


def _check_between(rule: object, low: float, high: float, *names: str) -> None:
    for name in names:
        if not low < getattr(rule, name) < high:
            raise ValueError(f"{name} must lie between {low:g} and {high:g}, not {getattr(rule, name)}")


@dataclass(frozen=True, slots=True)
class ObjectiveRule:
    """A share of bad events that must stay below a limit and not be worse than stable's.

    Raises:
        ValueError: `limit`, `alpha` or `beta` is not between 0 and 1.
    """

    name: str
    limit: float
    """Allowed share of bad events: 0.01 for errors up to 1 %, 0.05 for a 95th percentile."""
    margin: float
    """Odds ratio up to which the candidate counts as no worse than stable."""
    alpha: float
    """This objective's share of the allowed probability of a false rollback."""
    beta: float = 0.05
    """Allowed probability that the proof for a promotion is wrong."""
    proof_margin: float | None = TWICE
    """A promotion needs proof that the share is below `proof_margin * limit`; none where it is None."""
    minimum_requests: int = 20
    cap: float = CAP
    """The most that one look may add to the log of an e-value."""
    hard_stop_share: float = 0.2
    """The hard stop ends a candidate that fails more than this share; never less than twice the limit, off at 1."""
    hard_stop_alpha: float = 0.001
    noun: str = "requests"
    bad_noun: str = "failed"
    compare_with_stable: bool = True
    """Whether a candidate that is worse than stable fails although it meets the limit."""
    require_no_worse: bool = False
    """Whether a promotion needs proof that the odds ratio against stable is below `no_worse_margin`."""
    no_worse_margin: float = 2.0
    require_better: bool = False
    """Whether a promotion needs proof that the odds ratio against stable is below 1, as an experiment does."""
    segmented: bool = False
    """Whether groups of users are compared with stable one by one, too."""
    in_spells: bool = False
    """Whether bad events come in spells of looks, as those of a gauge do: see `spells`."""
    pod_spread: float = 0.35
    """Standard deviation of the log odds of a bad event that pods of one version are supposed to have (see `pods`)."""
    pods_may_grow: bool = True
    """Whether the candidate may have more pods than one: then one pod alone is no reason to blame its version."""
    cautious: bool = True
    """Whether a suspicion lowers the candidate's share, because its bad events are users' and fewer users would meet
    them then."""

    def __post_init__(self) -> None:
        """Refuse rules under which no test exists."""
        _check_between(self, 0, 1, "limit", "alpha", "beta")
        if self.no_worse_margin <= 1:
            raise ValueError(f"no_worse_margin must be more than 1, not {self.no_worse_margin}")

    @property
    def proven_limit(self) -> float | None:
        """The share that a promotion must prove to be below; None where it need not prove any."""
        return None if self.proof_margin is None else self.multiply_limit(self.proof_margin)

    def multiply_limit(self, times: float) -> float:
        """A multiple of the limit, for very lax limits no more than half-way between limit and 1."""
        return min(times * self.limit, max(0.99, (1 + self.limit) / 2))

    @property
    def proven_odds_ratio(self) -> float | None:
        """What a promotion must prove the odds ratio against stable to be below; None where it need not.

        Who is better is no worse, so one proof answers both questions.
        """
        if self.require_better:
            return BETTER
        return self.no_worse_margin if self.require_no_worse else None

    @property
    def caution_margin(self) -> float:
        """Odds ratio up to which the candidate is not even suspected of being worse than stable."""
        return min(self.margin, CAUTION_MARGIN)

    @property
    def by_segment(self) -> bool:
        """Whether segments are judged, which is a comparison with stable."""
        return self.segmented and self.compare_with_stable

    @property
    def tests(self) -> int:
        """How many tests share alpha evenly: against the limit, against stable, and of the segments."""
        return 1 + self.compare_with_stable + self.by_segment


@dataclass(frozen=True, slots=True)
class MeanRule:
    """A mean, such as cost or tokens for each request, that must stay below a maximum and near stable's.

    Raises:
        ValueError: `alpha` or `beta` is not between 0 and 1, or `most` is stated and less than a positive `maximum`.
    """

    name: str
    maximum: float
    """Allowed mean, in the unit of the amounts."""
    alpha: float
    """This objective's share of the allowed probability of a false rollback."""
    margin: float = 1.1
    """The candidate's mean may be this many times stable's."""
    beta: float = 0.05
    """Allowed probability that the proof for a promotion is wrong."""
    minimum_looks: int = 20
    unit: str = ""
    noun: str = "requests"
    most: float | None = None
    """The largest amount that one event can have; None where nobody has stated one, so that all is an estimate."""

    def __post_init__(self) -> None:
        """Refuse rules under which no test exists."""
        _check_between(self, 0, 1, "alpha", "beta")
        if self.most is not None and not 0 < self.maximum <= self.most < math.inf:
            raise ValueError(f"most must be finite and at least the maximum of {self.maximum:g}, not {self.most}")


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """A mean score between 0 and 1, higher is better, that must not fall below a least one nor below stable's.

    Raises:
        ValueError: `least`, `alpha` or `beta` is not between 0 and 1, or `margin` is not from 0 to below 1.
    """

    name: str
    least: float
    """Lowest allowed mean score."""
    alpha: float
    """This objective's share of the allowed probability of a false rollback."""
    margin: float = 0.02
    """How far the mean score may lie below stable's; a promotion needs proof of more than `least - margin`."""
    beta: float = 0.05
    """Allowed probability that the proof for a promotion is wrong."""
    minimum_requests: int = 20
    minimum_looks: int = 3
    noun: str = "scores"

    def __post_init__(self) -> None:
        """Refuse rules under which no test exists."""
        _check_between(self, 0, 1, "least", "alpha", "beta")
        if not 0 <= self.margin < 1:
            raise ValueError(f"margin must lie from 0 to below 1, not {self.margin}")


Rule = ObjectiveRule | MeanRule | ScoreRule
