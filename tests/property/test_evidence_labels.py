"""Events whose quality is known later than they happen: how they have to be counted for a comparison to be fair.

Both revisions are equal, and the weight has just been raised. A good session is known to be good two looks after it
began, a bad one to be bad only at the horizon.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from palier.evidence import proportion
from palier.evidence.objective import Counts, ObjectiveRule, observe, start_evidence

RULE = ObjectiveRule(name="abandoned", limit=0.5, margin=1.25, alpha=0.01, require_better=True, noun="sessions")
HORIZON, EARLY = 20, 2
"""In looks."""
LOOKS, EXPERIMENTS = 120, 60
WEIGHTS = ((0, 0.1), (60, 0.5))
"""From which look on the candidate has which share of the sessions; before the first it has none."""

Began = NDArray[np.int64]
Counting = Callable[[Began, Began, int], tuple[int, int]]
"""Good and bad sessions by the look in which they began, and a look: how many of each are counted in it."""


def at_the_horizon(good: Began, bad: Began, look: int) -> tuple[int, int]:
    """Every session when it is as old as the horizon."""
    began = look - HORIZON
    return (int(good[began]), int(bad[began])) if began >= 0 else (0, 0)


def as_soon_as_known(good: Began, bad: Began, look: int) -> tuple[int, int]:
    """Good ones soon, bad ones at the horizon."""
    return int(good[look - EARLY]) if look >= EARLY else 0, int(bad[look - HORIZON]) if look >= HORIZON else 0


def wrong_proofs(counting: Counting, *, seed: int, left_out: Callable[[int], bool] = lambda _: False) -> int:
    """In how many experiments with equal revisions the candidate is proven to be better at any look."""
    random, wrong = np.random.default_rng(seed), 0
    for _ in range(EXPERIMENTS):
        history = HORIZON  # stable has served since long before
        share = np.zeros(history + LOOKS)
        for since, weight in WEIGHTS:
            share[history + since :] = weight
        rate = 60 * (1 + 0.5 * np.sin(np.arange(share.size) / 15))
        arms = [(random.poisson(rate * part * 0.8), random.poisson(rate * part * 0.2)) for part in (share, 1 - share)]
        evidence, best = start_evidence(), 0.0
        for look in range(history, history + LOOKS):
            if left_out(look - history):
                continue
            candidate, stable = (counting(good, bad, look) for good, bad in arms)
            evidence = observe(evidence, *(Counts(sum(one), one[1], one[1]) for one in (candidate, stable)), RULE)
            best = max(best, proportion.no_worse_log_e(evidence))
        wrong += best >= -math.log(RULE.beta)
    return wrong


def just_raised(look: int) -> bool:
    """Whether the weight was changed less than a horizon ago."""
    return any(since <= look < since + HORIZON for since, _ in WEIGHTS)


MOST = binom.ppf(0.999, EXPERIMENTS, RULE.beta)
"""What an error of 5 % exceeds once in a thousand times."""


@pytest.mark.parametrize("seed", [20_421, 20_422])
def test_counting_early_deceives_and_counting_at_the_horizon_does_not(seed: int) -> None:
    """At equal age the comparison keeps its error at any weight; counted as soon as known an equal candidate wins."""
    assert wrong_proofs(at_the_horizon, seed=seed) <= MOST
    assert wrong_proofs(as_soon_as_known, seed=seed) >= 0.9 * EXPERIMENTS


def test_leaving_out_the_looks_after_a_step_would_correct_early_counting() -> None:
    """Where the weight has stood still for a horizon, what becomes known comes from the same weight in both arms."""
    assert wrong_proofs(as_soon_as_known, seed=20_423, left_out=just_raised) <= MOST
