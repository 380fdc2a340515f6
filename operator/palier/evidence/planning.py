"""How much more is needed until a test can decide: what turns "not enough data" into something to act on."""

from collections.abc import Callable

_MOST = 10_000_000
"""Beyond this many requests "about N more" is no help any more."""


def requests_needed(log_e: Callable[[float, float], float], *, bad: int, total: int, gain: float) -> int | None:
    """Further requests until `log_e(bad, total)` has grown by `gain`, if the share of bad events stays what it is.

    Returns:
        A planning number, not a promise; None if it is more than ten million, or if the share leads nowhere.
    """
    share, now = bad / total, log_e(bad, total)

    def enough(more: int) -> bool:
        return log_e(bad + share * more, total + more) - now >= gain

    upper = 1
    while not enough(upper):
        upper *= 2
        if upper > _MOST:
            return None
    lower = upper // 2
    while upper - lower > 1:
        middle = (lower + upper) // 2
        lower, upper = (lower, middle) if enough(middle) else (middle, upper)
    return upper
