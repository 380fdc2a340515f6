"""What a look may change about a release that cannot wait for the rest of the fleet.

Every look adds to the evidence of every release, and almost always that changes nothing but numbers. A release whose
candidate turns out to be bad, or that can no longer be judged, has to be handled before all of those. What is compared
here is cheap: the tests that end a release are asked, but no sentence is written and no interval computed. A Pass is
not in it: a release that goes on a little later harms nobody, so it waits for its turn.
"""

from typing import NamedTuple

from palier.evidence.objective import alarm
from palier.evidence.stepping import describe_doubt
from palier.measuring.look import WatchedRelease


class Alerts(NamedTuple):
    """Where the judgement of a release stands, as far as it cannot wait."""

    alarms: frozenset[tuple[str, str]]
    """Objectives of which a test speaks against the candidate, or that fresh requests have told more of, each with the
    reason."""
    unseen: frozenset[str]
    """Objectives that cannot be measured; the two sides of the release stand for all that they bring."""


UNTOLD = Alerts(frozenset(), frozenset())
"""Where a release stands that nothing has been told of: no look has found anything yet."""

PODS, ROUTER = "(pods)", "(router)"
"""Sides of a release in `Alerts.unseen`; no objective has such a name."""


def alerts_of(watched: WatchedRelease) -> Alerts:
    """Where a release stands after a look; another standing than before is news.

    Raises:
        ValueError: the evidence of an objective is so odd that its tests cannot be asked.
    """
    alarms = (
        (objective.rule.name, reason)
        for objective in watched.objectives
        if (found := watched.evidence.get(objective.rule.name)) is not None
        for reason in (alarm(found, objective.rule), describe_doubt(found, objective.rule))
    )
    sides = ((PODS, watched.pods_read.unseen), (ROUTER, watched.router_read.unseen))
    return Alerts(
        alarms=frozenset((name, reason) for name, reason in alarms if reason),
        unseen=frozenset((*watched.missing, *(side for side, reason in sides if reason))),
    )
