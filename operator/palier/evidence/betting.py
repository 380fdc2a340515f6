"""Is the mean of values between 0 and 1 above a bound? By betting on it (Waudby-Smith and Ramdas).

Somebody who bets the share lambda m of the capital that a value x lies above m has 1 + lambda (x - m) times the capital
afterwards. While the mean is at most m this is at most 1 on average, whatever the distribution and whatever came
before. The bets of a test are lambda = 3/4 (j / 10) / m for j = 1 to 10, so that no single value ruins any of them.
"""

import math

BETS = 10
_BOLDEST = 0.75


def gains(value: float, *, bound: float) -> tuple[float, ...]:
    """Log of what each bet on "the mean is above `bound`" is multiplied by.

    Args:
        value: between 0 and 1.
        bound: between 0 and 1, both excluded.
    """
    edge = _BOLDEST * (value / bound - 1) / BETS
    return tuple([math.log1p(j * edge) for j in range(1, BETS + 1)])
