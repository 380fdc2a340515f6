"""What is played: releases without harm over twenty groups of users, and such in which one group is hurt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GROUPS = 20
LOOK = 30.0
"""Seconds between two looks."""
BASE = 0.05
"""Stable's share of bad events, over all groups."""
SMALL = 3
"""The group that is hurt, which has 5 % of the users in every mix."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Which part of the requests each group makes, and how often they go badly in both arms."""

    title: str
    stable: Floats
    candidate: Floats
    bad: Floats
    clusters: Floats
    """Correlation of the events of one look and arm, for each group; 0 where they are independent."""
    sticks: bool = False
    """Whether each group is at one version at a time: at the candidate if its place in a random order is low enough."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report."""

    mix: Mix
    rate: float
    """Requests per second of both arms together."""
    weights: tuple[int, ...]
    """The candidate's percent of them, each for an equal part of the time."""
    hours: float
    harm: float = 0.0
    """What is added to the candidate's share of bad events in the one group that is hurt."""

    @property
    def looks(self) -> int:
        """How many looks there are."""
        return round(self.hours * 3600 / LOOK)

    def weight(self, look: int) -> float:
        """The candidate's share of the requests at that look, from 0."""
        return self.weights[look * len(self.weights) // self.looks] / 100


def _mix(
    title: str,
    *,
    stable: Floats | None = None,
    candidate: Floats | None = None,
    bad: Floats | None = None,
    clusters: Floats | None = None,
) -> Mix:
    even = np.full(GROUPS, 1 / GROUPS)
    of_stable = even if stable is None else stable
    return Mix(
        title,
        of_stable,
        of_stable if candidate is None else candidate,
        np.full(GROUPS, BASE) if bad is None else bad,
        np.zeros(GROUPS) if clusters is None else clusters,
    )


def _skewed() -> Floats:
    """One group with 40 % of the users, the small one with 5 %, and a tail of groups with 0.7 %."""
    shares = np.concatenate(([40.0, 20.0, 10.0, 5.0], np.geomspace(4.0, 0.7, GROUPS - 4)))
    shares[4:] *= (100 - shares[:4].sum()) / shares[4:].sum()
    return shares / 100


def _slope() -> Floats:
    """From 1 % to 9 % bad events."""
    return np.linspace(0.01, 0.09, GROUPS)


EVEN = _mix("even: 20 groups of 5 %")
SKEWED = _mix("skewed: 40, 20, 10, 5 % and 16 small groups", stable=_skewed())
UNLIKE = _mix("groups unlike: 1 to 9 % bad", bad=_slope())
_falling = np.linspace(0.09, 0.01, GROUPS)
SHIFTED = _mix(
    "groups unlike, and the candidate gets more of the hard ones",
    stable=_falling,
    candidate=_falling[::-1],
    bad=_slope(),
)
CLUSTERED = _mix("even, clusters in every group (0.05)", clusters=np.full(GROUPS, 0.05))
ONE_CLUSTERED = _mix("even, clusters in one group only (0.1)", clusters=np.where(np.arange(GROUPS) == SMALL, 0.1, 0.0))

_MANY = 2000
_TENANTS = 200
_ZIPF = 1 / np.arange(1, _MANY + 1)
MANY_UNLIKE = Mix(
    "2,000 groups of very different size, of which the small ones fail more",
    *(_ZIPF / _ZIPF.sum(), _ZIPF / _ZIPF.sum()),
    bad=np.where(np.arange(_MANY) < _MANY // 4, 0.02, 0.15),
    clusters=np.zeros(_MANY),
)
TENANTS = Mix(
    "200 tenants that stick to a version, of which a fifth fails more",
    *(np.full(_TENANTS, 1 / _TENANTS), np.full(_TENANTS, 1 / _TENANTS)),
    bad=np.where(np.arange(_TENANTS) % 5 == 0, 0.15, 0.02),
    clusters=np.zeros(_TENANTS),
    sticks=True,
)

_CLIMB = (10, 25, 50)
HEALTHY = (
    Row(EVEN, 100, _CLIMB, 1),
    Row(EVEN, 10, _CLIMB, 1),
    Row(SKEWED, 100, _CLIMB, 1),
    Row(UNLIKE, 100, _CLIMB, 1),
    Row(SHIFTED, 100, _CLIMB, 1),
    Row(CLUSTERED, 100, _CLIMB, 1),
    Row(ONE_CLUSTERED, 100, _CLIMB, 1),
)
MANY = (Row(MANY_UNLIKE, 100, _CLIMB, 1), Row(TENANTS, 100, _CLIMB, 1))
"""Healthy as well; each release takes seconds, so that fewer are played."""
HURT = tuple(Row(EVEN, rate, (weight,), 6, harm=0.05) for rate in (100.0, 10.0) for weight in (50, 10))
