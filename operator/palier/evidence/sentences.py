"""The words of a verdict: counts first, then what is allowed, then how strong the evidence is."""

import math

from palier.evidence.state import ObjectiveRule, Tally

_PLAIN_ODDS = math.log(1_000_000)


def percent(share: float) -> str:
    """A measured share with two significant digits: "5.2 %", "0.12 %"."""
    return f"{_two_digits(100 * share)} %"


def allowed(limit: float) -> str:
    """A limit as the user wrote it: "1 %", "0.0125 %"."""
    return f"{100 * limit:.6g} %"


def odds(log_e: float) -> str:
    """An e-value as odds: "1:2400" means that the data are 2400 times likelier if the hypothesis is false."""
    if log_e < _PLAIN_ODDS:
        return f"1:{_two_digits(math.exp(log_e))}"
    return f"1:10^{math.floor(log_e / math.log(10))}"


def about(number: int) -> str:
    """A planning number, rounded to two significant digits."""
    return _two_digits(float(number))


def looks(number: int) -> str:
    """A number of looks: "1 look", "3 looks"."""
    return f"{number} look" if number == 1 else f"{number} looks"


def counted(bad: int, total: int, rule: ObjectiveRule) -> str:
    """Counts with their share: "14 of 270 requests failed (5.2 %)"."""
    return f"{bad} of {total} {rule.noun} {rule.bad_noun} ({percent(bad / total)})"


def beside_stable(tally: Tally) -> str:
    """The same of stable: ", stable 1 of 810 (0.12 %)", or nothing where it had no requests."""
    if tally.stable_total == 0:
        return ""
    return f", stable {tally.stable_bad} of {tally.stable_total} ({percent(tally.stable_bad / tally.stable_total)})"


def _two_digits(value: float) -> str:
    if value == 0:
        return "0"
    decimals = 1 - math.floor(math.log10(value))
    rounded = round(value, decimals)
    return f"{rounded:.{max(0, decimals)}f}".rstrip("0").rstrip(".") if decimals > 0 else f"{rounded:.0f}"
