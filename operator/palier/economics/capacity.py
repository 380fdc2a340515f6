"""How much traffic so many replicas carry together: the Universal Scalability Law, its inverse, and its fit.

    capacity(n) = gamma n / (1 + alpha (n - 1) + beta n (n - 1))

gamma is what one replica carries, alpha the share of the work for which replicas wait for one another (contention: one
database, one lock), beta what they spend on keeping in step (coherency). With alpha = beta = 0 capacity is proportional
to the number of replicas. N. J. Gunther, "Guerrilla Capacity Planning", Springer 2007, chapters 4 to 6.
"""

import bisect
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Final

from palier.economics import sentences

_ONE: Final = Decimal(1)
_ZERO: Final = Decimal(0)
_WIDE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""For systems of equations, whose differences cancel digits."""
_DOUBLINGS: Final = 64
"""Replicas up to 2^64 are looked at: more than that is as good as no end."""


@dataclass(frozen=True, slots=True)
class ScalingLaw:
    """What replicas carry together, in requests per second within every objective.

    Raises:
        ValueError: gamma is not above zero, or alpha or beta is below zero.
    """

    gamma: Decimal
    alpha: Decimal = Decimal(0)
    beta: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        """Refuse what no service can have."""
        finite = all(one.is_finite() for one in (self.gamma, self.alpha, self.beta))
        if not finite or self.gamma <= 0 or self.alpha < 0 or self.beta < 0:
            raise ValueError(f"a scaling law needs gamma > 0, alpha >= 0 and beta >= 0, not {self}")

    def capacity(self, replicas: int) -> Decimal:
        """What so many replicas carry together."""
        return self.gamma * replicas / (1 + (replicas - 1) * (self.alpha + self.beta * replicas))

    @property
    def proportional(self) -> bool:
        """Whether every replica adds as much as the first."""
        return not (self.alpha or self.beta)

    @property
    def peak(self) -> int | None:
        """The number of replicas beyond which more of them do not carry more; None where each one still adds some.

        Between whole numbers the peak is at sqrt((1 - alpha) / beta); the nearest whole number on either side that
        carries more is it.
        """
        if self.alpha >= 1:
            return 1
        if not self.beta:
            return None
        below = max(1, int(((_ONE - self.alpha) / self.beta).sqrt()))
        return below if self.capacity(below) >= self.capacity(below + 1) else below + 1

    @property
    def highest_capacity(self) -> Decimal | None:
        """The capacity that no number of replicas passes; None where there is no such bound.

        With contention alone it is gamma / alpha, and is come near to but never reached.
        """
        if self.peak is not None:
            return self.capacity(self.peak)
        return self.gamma / self.alpha if self.alpha else None


@dataclass(frozen=True, slots=True)
class Fleet:
    """The part of what replicas carry that is planned for."""

    law: ScalingLaw
    utilization: Decimal
    """The share of the capacity that is planned for, above 0 and at most 1."""
    minimum: int
    """Fewest replicas."""

    def rate(self, replicas: int) -> Decimal:
        """The most traffic that is planned for with so many replicas."""
        return self.law.capacity(replicas) * self.utilization

    def replicas(self, rate: Decimal) -> int | None:
        """Fewest replicas that carry traffic; None where no number of them does, because of contention."""

        def carries(replicas: int) -> bool:
            return self.rate(replicas) >= rate

        if carries(self.minimum):
            return self.minimum
        if self.law.proportional:
            each = self.law.gamma * self.utilization
            whole = int(rate / each)
            return whole if whole * each >= rate else whole + 1
        return first_from(self.minimum, carries, last=self.law.peak)

    @property
    def most_replicas(self) -> int | None:
        """The number of replicas beyond which more of them carry no more; None where there is none."""
        return None if self.law.peak is None else max(self.minimum, self.law.peak)


def first_from(start: int, holds: Callable[[int], bool], *, last: int | None) -> int | None:
    """The first whole number from `start` on for which something holds that goes on holding; None if there is none.

    Args:
        start: where to begin.
        holds: false up to some number, true from there on.
        last: where to end; None for no end.
    """
    if last is not None and (last < start or not holds(last)):
        return None
    low, high = start - 1, start
    for _ in range(_DOUBLINGS):
        if last is not None and high >= last:
            high = last
            break
        if holds(high):
            break
        low, high = high, start + 2 * (high - start) + 1
    else:
        return None
    return low + 1 + bisect.bisect_left(range(low + 1, high), True, key=holds)


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a value lies; without an upper end where what was measured has none."""

    low: Decimal
    high: Decimal | None


@dataclass(frozen=True, slots=True)
class Fit:
    """A scaling law from measured capacities, and where its parts lie."""

    law: ScalingLaw
    gamma: Interval
    alpha: Interval
    beta: Interval
    possible: tuple[ScalingLaw, ...]
    """The laws that may be true as well: those of every choice of the two rates between which the capacity of several
    replicas lies, with the rate that the fewest held. Without a rate that failed, the upper end is proportional."""
    superlinear: bool
    """Whether capacity seemed to grow more than the number of replicas, which is noise and is not counted on."""
    message: str
    """What was found, as a sentence; empty after one measurement, which says nothing of contention."""


Point = tuple[int, Decimal, Decimal | None]
"""Replicas, the highest rate that they held, and the lowest that they did not; None where none failed."""


def fit(points: Iterable[Point]) -> Fit:
    """The scaling law behind measured capacities.

    The law is a line in its parts: n / capacity = x + y (n - 1) + z n (n - 1), where gamma = 1 / x, alpha = y / x and
    beta = z / x. One point gives x alone, two give x and y, more give all three by least squares of relative errors;
    y and z are at least 0, and where one of them would be below, capacity grew more than the number of replicas. Then
    what each replica carried at the fewest replicas is what is counted on.

    The fit is to the rates that held. Each capacity lies anywhere from there to the rate that failed, so the intervals
    span the fits to every choice of the two.

    Raises:
        ValueError: no points, two of the same number of replicas, or a rate that is not above 0.
    """
    measured = sorted(points, key=lambda point: point[0])
    numbers = [replicas for replicas, _, _ in measured]
    if not measured or len(set(numbers)) < len(numbers) or any(low <= 0 for _, low, _ in measured):
        raise ValueError(f"capacities above 0 of different numbers of replicas are needed, not {measured}")
    held = [low for _, low, _ in measured]
    law, superlinear = _fit_law(numbers, held)
    ends = [(low, low if high is None else max(low, high)) for _, low, high in measured]
    corners = [_fit_law(numbers, corner)[0] for corner in itertools.product(*ends)]
    unbounded = [high is None for _, _, high in measured]
    gamma = _interval([corner.gamma for corner in corners], above=unbounded[0], below=False)
    alpha = beta = Interval(_ZERO, None)
    if len(measured) > 1:
        alphas = [corner.alpha for corner in corners]
        alpha = _interval(alphas, above=unbounded[0], below=any(unbounded[1:]))
    if len(measured) > 2:  # noqa: PLR2004 - three parts need three points
        beta = _interval([corner.beta for corner in corners], above=any(unbounded[:-1]), below=any(unbounded[1:]))
    description = _describe_fit(law, alpha, numbers, held, superlinear=superlinear) if len(measured) > 1 else ""
    each = held[0] / numbers[0]
    above = [(low, max(low, each * replicas if high is None else high)) for replicas, low, high in measured[1:]]
    possible = dict.fromkeys(_fit_law(numbers, (held[0], *corner))[0] for corner in itertools.product(*above))
    return Fit(law, gamma, alpha, beta, tuple(possible), superlinear, description)


def _interval(values: Sequence[Decimal], *, above: bool, below: bool) -> Interval:
    """From the least to the largest value; open where a capacity without an upper end would move it further."""
    return Interval(_ZERO if below else min(values), None if above else max(values))


def _describe_fit(
    law: ScalingLaw, alpha: Interval, numbers: Sequence[int], held: Sequence[Decimal], *, superlinear: bool
) -> str:
    last, each = numbers[-1], held[0] / numbers[0]
    times = sentences.figure(held[-1] / each)
    if superlinear:
        return f"{last} replicas carry {times} times what one carries, more than {last}: counted as {last}"
    scaling = f"{last} replicas carry {times} times what one carries"
    if law.proportional:
        return f"{scaling}: no contention"
    low = sentences.figure(alpha.low)
    where = f"at least {low}" if alpha.high is None else f"between {low} and {sentences.figure(alpha.high)}"
    return f"{scaling}: contention {sentences.figure(law.alpha)}, {where}"


Row = tuple[Decimal, Decimal, Decimal]
Parts = tuple[Decimal, Decimal, Decimal]


def _fit_law(numbers: Sequence[int], capacities: Sequence[Decimal]) -> tuple[ScalingLaw, bool]:
    """The law that fits best, and whether capacity seemed to grow more than the number of replicas."""
    with localcontext(_WIDE):
        # Each equation times capacity / n, so that relative errors are made least: its left side becomes 1.
        rows = [
            (weight, weight * (n - 1), weight * n * (n - 1))
            for n, capacity in zip(numbers, capacities, strict=True)
            for weight in (capacity / n,)
        ]
        every = _SUBSETS[min(len(numbers), len(_SUBSETS)) - 1]
        # Least squares with parts that must not be below 0: the best of those over a subset of the parts that are not.
        possible = [
            parts
            for columns in every
            if (parts := _solve_least_squares(rows, columns)) is not None and _are_allowed(parts)
        ]
        x, y, z = min(possible, key=lambda parts: _error(rows, parts))
        free = _solve_least_squares(rows, every[0])
        superlinear = not (y or z) and free is not None and min(free[1:]) < 0
        if superlinear:
            x = numbers[0] / capacities[0]
        gamma, alpha, beta = 1 / x, y / x, z / x
    # Adding zero rounds to the usual number of digits, and writes 100 where the quotient is 1E+2.
    return ScalingLaw(gamma + _ZERO, alpha + _ZERO, beta + _ZERO), superlinear


_SUBSETS: Final = (((0,),), ((0, 1), (0,)), ((0, 1, 2), (0, 1), (0, 2), (0,)))
"""Which of x, y and z are fitted, by the number of points."""


def _are_allowed(parts: Parts) -> bool:
    return parts[0] > 0 and min(parts[1:]) >= 0


def _error(rows: Sequence[Row], parts: Parts) -> Decimal:
    """Sum of the squared relative errors."""
    misses = (1 - sum((a * part for a, part in zip(row, parts, strict=True)), start=_ZERO) for row in rows)
    return sum((miss * miss for miss in misses), start=_ZERO)


def _solve_least_squares(rows: Sequence[Row], columns: Sequence[int]) -> Parts | None:
    """Least squares over some of the parts, the others 0: normal equations, solved by elimination."""
    matrix = [
        [*(sum((row[i] * row[j] for row in rows), start=_ZERO) for j in columns), sum((row[i] for row in rows), _ZERO)]
        for i in columns
    ]
    size = len(columns)
    for pivot in range(size):
        best = max(range(pivot, size), key=lambda line: abs(matrix[line][pivot]))
        matrix[pivot], matrix[best] = matrix[best], matrix[pivot]
        if not matrix[pivot][pivot]:
            return None
        for line in range(size):
            if line != pivot:
                factor = matrix[line][pivot] / matrix[pivot][pivot]
                matrix[line] = [a - factor * b for a, b in zip(matrix[line], matrix[pivot], strict=True)]
    parts = [_ZERO, _ZERO, _ZERO]
    for line, column in enumerate(columns):
        parts[column] = matrix[line][-1] / matrix[line][line]
    return parts[0], parts[1], parts[2]
