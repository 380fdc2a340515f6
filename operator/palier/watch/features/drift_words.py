"""The words of a finding: what is wrong, how large the change is, and how sure it is."""

import math

from palier.evidence.sentences import odds, two_digits, write_about
from palier.watch.features.data_drift import DriftFinding, State
from palier.watch.features.measure import DriftRules


def describe_finding(finding: DriftFinding, rules: DriftRules) -> str:
    """One sentence without its full stop, to follow the name of the feature: "drift: it is always missing; PSI ..."."""
    match finding.state:
        case State.DRIFT | State.SUSPECTED:
            return _describe_change(finding, rules)
        case State.NO_DRIFT:
            return f"no drift: {describe_psi(finding, rules)}"
        case State.CANNOT_TELL:
            return f"cannot tell: {_describe_lack(finding)}"


def describe_psi(finding: DriftFinding, rules: DriftRules) -> str:
    """The size of a change with its interval and its limit: "PSI 0.31 (0.27 to 0.35; limit 0.1)"."""
    if finding.psi is None:
        return "nothing to compare"
    return f"PSI {_digits(finding.psi)} ({_digits(finding.low)} to {_digits(finding.high)}; limit {rules.psi:g})"


def _describe_change(finding: DriftFinding, rules: DriftRules) -> str:
    size = "major drift" if finding.major else "drift"
    parts = [fault.message for fault in finding.faults]
    if finding.psi is not None:
        sure = f", odds {odds(finding.log_e)}" if 0 < finding.log_e < math.inf else ""
        parts.append(f"{describe_psi(finding, rules)}{sure}")
    found = size if finding.state is State.DRIFT else f"{size} is suspected; the next window will tell"
    return f"{found}: {'; '.join(parts)}"


def _describe_lack(finding: DriftFinding) -> str:
    if finding.obstacle:
        return finding.obstacle
    if finding.needed is None or not (finding.events and finding.reference_events):
        side = "window" if finding.reference_events else "reference"
        return f"there is no event in the {side}"
    if finding.needed.events is None:
        needed = f"about {write_about(finding.needed.reference_events)} would do"
        return f"{finding.reference_events} events in the reference are too few; {needed}"
    return f"{finding.events} events are too few; about {write_about(finding.needed.events)} would do"


def _digits(value: float) -> str:
    return two_digits(value) if value >= 0.01 else f"{value:.3f}".rstrip("0").rstrip(".")  # noqa: PLR2004
