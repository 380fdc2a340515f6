"""Where the capacity lies, after some steps that chance has blurred.

A single step near the capacity is as likely to hold as not, so a bisection that believes every step ends wherever
chance leads it. Instead, all steps make a belief about the capacity, on a grid of rates, and the next steps go where
it is undecided: probabilistic bisection (Horstein 1963; Waeber, Frazier and Henderson 2013), with curves fitted as
psychophysics does for the same question (Watson and Pelli 1983; Kontsevich and Tyler 1999). What else is unknown about
a curve is summed over. Steps far away from the capacity count less, because a curve is only right nearby, and each step
may be rubbish with a small probability, because machines have hiccups. There are three curves.

Times. The threshold over the percentile, the headroom, falls about evenly with the rate and is 1 at the capacity: in
heavy traffic waits are exponential with a mean in proportion to 1 / (1 - utilisation) (Kingman 1961). It shows how far
away the capacity is where the share of late answers is 0 or 1 and says nothing. Its noise follows from the share's:
for an exponential tail, that of the percentile is smaller by ln(1 / limit). A step is short compared with the slowest
waves of a queue, so steps differ, and the bad ones have more than their share of all late answers: the late ones are a
part exp(-a h) of a step with headroom h and a = ln(1 / limit), whose mean over steps is the limit when h is
1 + a r^2 / 2 on average, where r is the noise.

Failures. The share of failed answers grows with the rate as

    share(rate) = floor + (1 - floor) / (1 + exp(-(level + slope * ln(rate / capacity))))

with a level such that it is the limit at the capacity, or, of a server that refuses what is too much for it, as

    share(rate) = limit + rise * ln(rate / capacity)

Backlog. A server may fall behind long before anybody waits too long. A backlog that grows by g while n requests arrive
shows that fewer than all were carried, as far as g stands out from the variance 2 n of a random walk with exponential
steps up and down, and that n - g were carried at least.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, log_ndtr

from palier.loadtest.measure import StepResult, Tally
from palier.loadtest.plan import LoadTestPlan

_RUBBISH: Final = 0.02
"""Probability that a step says nothing."""
_FINENESS: Final = 0.005
"""Distance of two rates on the grid, as the difference of their logarithms."""
_OUTSIDE: Final = 0.7
"""How far the grid goes beyond the steps that count, in logarithms."""
_NEARBY: Final = 0.25
"""Standard deviation of the weight of a step by its distance from the capacity, in logarithms."""

_DECLINES: Final = np.geomspace(0.25, 64.0, 13)
"""By how much the headroom falls over a range of rates as wide as the capacity."""
_NOISES: Final = np.array([0.25, 0.4, 0.63, 1.0, 1.6, 2.5, 4.0])
"""The noise of the headroom, as multiples of what follows from the dispersion."""
_NOISE_CHANCES: Final = np.log([0.05, 0.1, 0.2, 0.3, 0.2, 0.1, 0.05])
_LEAST_NOISE: Final = 0.03
_MOST_NOISE: Final = 0.4
_MOST_HEADROOM: Final = 4.0
"""More says no more: an idle server does not become faster."""

_SLOPES: Final = np.geomspace(1.0, 128.0, 11)
_RISES: Final = np.array([0.3, 1.0, 3.0])
_LEAST_SHARE: Final = 1e-6
_FLOORS: Final = np.array([0.0, 0.4, 0.8])
"""Shares of bad answers that have nothing to do with load, as parts of the limit."""
_DISPERSIONS: Final = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
"""How many times as much the shares of whole steps may vary as what is seen within them suggests."""
_DISPERSION_CHANCES: Final = np.log([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
_GUESSED_DISPERSION: Final = 4.0
"""What is thought of it before anything is seen; counts as half a step."""
_MOST: Final = 1500.0
"""Effective answers of one step that count at most: beyond, the curve is less exact than the step."""
_NEGLIGIBLE: Final = 1e-3

_LOSS: Final = 0.05
"""How much less an overloaded server carries than it could, on average."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Belief:
    """Which rates the capacity may be, and how likely it lies below each."""

    log_rates: Floats
    below: Floats

    def quantile(self, probability: float) -> float:
        """The rate below which the capacity lies with this probability."""
        return math.exp(float(np.interp(probability, self.below, self.log_rates)))

    @property
    def spread(self) -> float:
        """Half the width of the middle 80 %, as a part of the capacity."""
        return (math.log(self.quantile(0.9)) - math.log(self.quantile(0.1))) / 2


def believe(results: Sequence[StepResult], plan: LoadTestPlan, *, middle: float) -> Belief:
    """The belief after some steps, none of which was the generator's fault.

    Args:
        results: steps with at least one answer.
        plan: has the objectives.
        middle: a first guess of the capacity; steps far away from it count less.
    """
    rates = np.log([result.arrived for result in results])
    centre = math.log(middle)
    weights = np.exp(-(((rates - centre) / _NEARBY) ** 2) / 2)
    near = rates[abs(rates - centre) < 2 * _OUTSIDE]
    log_rates = np.arange(near.min(initial=centre) - _OUTSIDE, near.max(initial=centre) + _OUTSIDE, _FINENESS)
    above = 1 - _cumulative(_of_backlog(log_rates, rates, weights, results))
    for place, objective in enumerate(plan.objectives):
        tallies = [result.tallies[place] for result in results]
        if all(tally.headroom is not None for tally in tallies):
            likely = _of_headroom(log_rates, rates, weights, tallies, limit=objective.limit_fraction)
        else:
            likely = _of_shares(log_rates, rates, weights, tallies, limit=objective.limit_fraction)
        above *= 1 - _cumulative(likely)
    return Belief(log_rates, 1 - above)


def _of_headroom(
    log_rates: Floats, rates: Floats, weights: Floats, tallies: Sequence[Tally], *, limit: float
) -> Floats:
    """Log-likelihood of each rate to be the one at which a percentile reaches its threshold."""
    within = _dispersion(tallies, weights)
    total = np.zeros((len(log_rates), len(_DECLINES), len(_NOISES)))
    for tally, rate, weight in zip(tallies, rates, weights, strict=True):
        if weight < _NEGLIGIBLE:
            continue
        seen = min(_MOST_HEADROOM, tally.headroom or 0.0)
        noise = _NOISES * math.sqrt((1 - limit) / limit * within / tally.total) / math.log(1 / limit)
        luck = math.log(1 / limit) / 2 * np.minimum(_MOST_NOISE, noise) ** 2
        trend = 1 + _DECLINES * (1 - np.exp(rate - log_rates))[:, None]
        expected = np.clip(trend[..., None] + luck, 0.0, _MOST_HEADROOM)
        noises = np.maximum(_LEAST_NOISE, noise) / math.sqrt(weight)
        likely = (1 - _RUBBISH) / (noises * math.sqrt(2 * math.pi))
        misfit = ((seen - expected) / (math.sqrt(2) * noises)) ** 2
        total += _unless_rubbish(np.log(likely) - misfit, _RUBBISH / _MOST_HEADROOM)
    return _summed_over(total + _NOISE_CHANCES)


def _of_shares(log_rates: Floats, rates: Floats, weights: Floats, tallies: Sequence[Tally], *, limit: float) -> Floats:
    """Log-likelihood of each rate to be the one at which the share of bad answers reaches its limit.

    A share that varies v times as much as a binomial one is treated as one of n / v answers (quasi-likelihood).
    """
    within = _dispersion(tallies, weights)
    floors = limit * _FLOORS
    levels = np.log((limit - floors) / (1 - limit))
    total = np.zeros((len(log_rates), len(_SLOPES) + len(_RISES), len(_FLOORS), len(_DISPERSIONS)))
    for tally, rate, weight in zip(tallies, rates, weights, strict=True):
        counts = np.minimum(tally.total / within, _MOST) / _DISPERSIONS * weight
        if tally.total / within * weight < 1:
            continue
        bad = counts * tally.share
        beyond = (rate - log_rates)[:, None, None]
        smooth = floors + (1 - floors) / (1 + np.exp(-np.clip(levels + _SLOPES[:, None] * beyond, -40, 40)))
        sharp = np.maximum(floors, limit + _RISES[:, None] * beyond)
        share = np.clip(np.concatenate((smooth, sharp), axis=1), _LEAST_SHARE, 1 - _LEAST_SHARE)
        of_one = tally.share * np.log(share) + (1 - tally.share) * np.log1p(-share)
        density = gammaln(counts + 1) - gammaln(bad + 1) - gammaln(counts - bad + 1) + np.log(counts + 1)
        total += _unless_rubbish(density + math.log1p(-_RUBBISH) + counts * of_one[..., None], _RUBBISH)
    return _summed_over(total + _DISPERSION_CHANCES)


def _unless_rubbish(log_likelihood: Floats, rubbish: float) -> Floats:
    """With the likelihood of a step that says nothing added; in place, because these arrays are large."""
    np.exp(log_likelihood, out=log_likelihood)
    log_likelihood += rubbish
    return np.log(log_likelihood, out=log_likelihood)


def _summed_over(log_likelihood: Floats) -> Floats:
    """Log-likelihood of each rate, whatever else of a curve is unknown."""
    flat = log_likelihood.reshape(len(log_likelihood), -1)
    most = flat.max(axis=1)
    return np.asarray(most + np.log(np.exp(flat - most[:, None]).sum(axis=1)), dtype=np.float64)


def _dispersion(tallies: Sequence[Tally], weights: Floats) -> float:
    """Within the steps: the mean over those nearby, because that of a single step is a rough guess."""
    known = [
        (tally.dispersion, weight)
        for tally, weight in zip(tallies, weights, strict=True)
        if tally.dispersion is not None
    ]
    values, shares = np.array([*known, (_GUESSED_DISPERSION, 0.5)]).T
    return max(1.0, float(np.average(values, weights=shares)))


def _of_backlog(log_rates: Floats, rates: Floats, weights: Floats, results: Sequence[StepResult]) -> Floats:
    """Log-likelihood of each rate to be the most that the server keeps up with."""
    total = np.zeros(len(log_rates))
    for result, rate, weight in zip(results, rates, weights, strict=True):
        noise = math.sqrt(2 * result.requests) + 1
        least = (1 - np.exp(np.minimum(0.0, log_rates - rate))) * result.requests
        behind = log_ndtr((result.growth - least) / noise)
        carried = rate + math.log(max(0.01, 1 - max(0.0, result.growth) / result.requests))
        behind -= np.maximum(0.0, log_rates - carried) / _LOSS
        keeping_up = log_ndtr(-result.growth / noise)
        log_chance = np.where(log_rates < rate, behind, keeping_up)
        total += weight * np.logaddexp(math.log1p(-_RUBBISH) + log_chance, math.log(_RUBBISH / 2))
    return total


def _cumulative(log_likelihood: Floats) -> Floats:
    likelihood = np.exp(log_likelihood - log_likelihood.max())
    summed = np.cumsum(likelihood)
    return np.asarray((summed - likelihood / 2) / summed[-1], dtype=np.float64)
