"""The words about a mean, which are the same whether it is proven (`bounded_mean`) or estimated (`mean`)."""

from palier.evidence.counts import Tally
from palier.evidence.rules import MeanRule
from palier.evidence.sentences import looks, three_digits, write_plainly
from palier.evidence.state import Evidence


def describe_mean(evidence: Evidence, rule: MeanRule, *, mean: float, span: str) -> str:
    """Mean, its range and the limit: "1.3 EUR on average over 240 requests in 24 looks, at most 1.2 EUR allowed".

    Args:
        evidence: everything observed so far.
        rule: how the objective is judged.
        mean: what was measured of the candidate.
        span: the words about its range; empty for none.
    """
    return (
        f"{_write_amount(mean, rule)} on average over {evidence.release.total} {rule.noun} "
        f"in {looks(evidence.looks)}{span}, at most {write_plainly(rule.maximum, rule.unit)} allowed"
    )


def describe_stable_mean(release: Tally, rule: MeanRule) -> str:
    """The mean of stable, to follow that of the candidate; empty where stable had no events."""
    return (
        f", stable {_write_amount(release.stable_amount / release.stable_total, rule)}" if release.stable_total else ""
    )


def _write_amount(value: float, rule: MeanRule) -> str:
    return f"{three_digits(value)} {rule.unit}".rstrip()
