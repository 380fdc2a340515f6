"""When does an object have to be looked at again, although nothing happens?"""

import random

from palier.cluster.diagnostics import ASKED_AGAIN_AFTER
from palier.cluster.reach import REFUSED_AGAIN_AFTER
from palier.release.situation import Decision

RESYNC = 600.0
"""Seconds after which an object is looked at again although nothing happened."""

PROGRESS_AFTER = 5.0
"""Seconds after which it is read again how far a load test or golden answers have come."""


def rest_after(decision: Decision, *, diagnosed_in: float, now: float) -> float:
    """Seconds until an object has to be looked at again at the latest.

    Args:
        decision: what was decided.
        diagnosed_in: seconds until it may be asked again why pods are not ready.
        now: seconds since the epoch.
    """
    rest = RESYNC * random.uniform(0.9, 1.1)  # noqa: S311 - spreads the fleet, guards nothing
    if decision.wake_at is not None:
        rest = min(rest, max(0.0, decision.wake_at - now) + 0.01)
    if decision.state.release:
        rest = min(rest, ASKED_AGAIN_AFTER, diagnosed_in + 0.01)
    if decision.hold and decision.hold.reason == "PortRefused":
        rest = min(rest, REFUSED_AGAIN_AFTER)
    if decision.work and decision.shadow is None:
        rest = min(rest, PROGRESS_AFTER)
    return rest
