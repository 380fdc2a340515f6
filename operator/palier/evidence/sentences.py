"""The words of a verdict: counts first, then what is allowed, then how strong the evidence is."""

import math

from palier.evidence.counts import Tally
from palier.evidence.rules import ObjectiveRule

_HUGE = 1e15
_PLAIN_ODDS = math.log(1_000_000)
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0


def percent(share: float) -> str:
    """A measured share with two significant digits: "5.2 %", "0.12 %"."""
    return f"{two_digits(100 * share)} %"


def write_limit(limit: float) -> str:
    """A limit as the user wrote it: "1 %", "0.0125 %"."""
    return f"{100 * limit:.6g} %"


def odds(log_e: float) -> str:
    """An e-value as odds: "1:2400" means that the data are 2400 times likelier if the hypothesis is false."""
    if log_e < _PLAIN_ODDS:
        return f"1:{two_digits(math.exp(log_e))}"
    return f"1:10^{math.floor(log_e / math.log(10))}"


def write_about(number: int) -> str:
    """A planning number, rounded to two significant digits."""
    return two_digits(float(number))


def looks(number: int) -> str:
    """A number of looks: "1 look", "3 looks"."""
    return f"{number} look" if number == 1 else f"{number} looks"


def describe_more(number: int | None, noun: str, rate: float | None) -> str:
    """What is still needed: "about 140 more requests, 6 minutes at this rate".

    Args:
        number: a planning number of events; None for unknown.
        noun: what is counted.
        rate: events per second; the time is left out where it is None or 0.
    """
    if number is None:
        return f"many more {noun}"
    time = f", {duration(number / rate)} at this rate" if rate else ""
    return f"about {write_about(number)} more {noun}{time}"


def duration(seconds: float) -> str:
    """A time to wait for, in the largest unit that fits: "40 seconds", "6 minutes", "3 hours", "12 days"."""
    for size, unit in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= 1.5 * size:
            return f"{two_digits(float(round(seconds / size)))} {unit}s"
    rounded = max(1, round(seconds))
    return f"{rounded} second" if rounded == 1 else f"{rounded} seconds"


def describe_interval(interval: tuple[float, float] | None) -> str:
    """An interval of a share, to follow the share itself: ", between 2.5 and 9.6 %"."""
    if interval is None:
        return ""
    low, high = interval
    return f", between {two_digits(100 * low)} and {two_digits(100 * high)} %"


def describe_counts(bad: int, total: int, rule: ObjectiveRule, *, interval: tuple[float, float] | None = None) -> str:
    """Counts with their share: "14 of 270 requests failed (5.2 %, between 2.5 and 9.6 %)"."""
    return f"{bad} of {total} {rule.noun} {rule.bad_noun} ({percent(bad / total)}{describe_interval(interval)})"


def beside_stable(tally: Tally) -> str:
    """The same of stable: ", stable 1 of 810 (0.12 %)", or nothing where it had no requests."""
    if tally.stable_total == 0:
        return ""
    return f", stable {tally.stable_bad} of {tally.stable_total} ({percent(tally.stable_bad / tally.stable_total)})"


def two_digits(value: float) -> str:
    """A number with two significant digits: "5.2", "0.12", "1300"."""
    return _digits(value, 2)


def three_digits(value: float) -> str:
    """A mean with three significant digits, so that it and its interval can be told apart: "463", "0.907"."""
    return _digits(value, 3)


def write_plainly(value: float, unit: str = "") -> str:
    """A number as the user wrote it, with its unit if it has one: "1310 tokens", "0.35"."""
    return f"{value:.12g}{f' {unit}' if unit else ''}"


def _digits(value: float, number: int) -> str:
    if value == 0:
        return "0"
    if abs(value) >= _HUGE:
        return f"{value:.{number - 1}e}"
    decimals = number - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, decimals)
    return f"{rounded:.{max(0, decimals)}f}".rstrip("0").rstrip(".") if decimals > 0 else f"{rounded:.0f}"
