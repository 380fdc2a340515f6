"""Can anybody reach the candidate? What a connection to its port has told, and what its requests tell.

A pod is ready when its probe says so, and a probe may ask another port than the one that users meet. So a candidate
gets its first weight only while nothing is known to refuse connections on `serving.port`; and a candidate that has a
weight but counts no requests beside a stable revision that counts many is taken back.
"""

from dataclasses import dataclass

from palier.api.spec.objectives import TimeSignal
from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.arrivals import Arrivals
from palier.evidence.sample_ratio import not_reached
from palier.release.situation import Hold, Note
from palier.release.state import Ending, Result

ANSWERED_WITHIN = 5.0
"""Seconds after which a candidate has surely counted some of its first requests, where they are known to be short."""

TIMES_THE_THRESHOLD = 3.0
"""The same where they are longer, as a multiple of the longest time of a good response."""

UNKNOWN_DURATION = 60.0
"""The same in seconds where no objective says how long a response may take."""


@dataclass(frozen=True, slots=True)
class ReachFacts:
    """What connections to the pods of one revision have told."""

    refused: str = ""
    """Which port of which pods refuses connections, in one sentence; empty while none does."""
    unknown: str = ""
    """Why it cannot be told for some pods, in one sentence; empty where it can."""


NOT_ASKED = ReachFacts()
"""Nobody has asked, or every pod that was asked has accepted the connection."""


def hold_for_reach(facts: ReachFacts, *, stable: ReachFacts = NOT_ASKED) -> Hold | None:
    """Why the candidate gets no weight although its pods are ready; None while nothing speaks against it.

    A refusal proves that nothing listens, unless the pods that serve the users refuse the operator just the same: then
    it is the network that refuses. A connection that was neither accepted nor refused proves nothing.

    Args:
        facts: of the candidate's pods.
        stable: of stable's pods, asked in the same way.
    """
    return Hold("PortRefused", facts.refused) if facts.refused and not stable.refused else None


def note_of_reach(facts: ReachFacts, *, stable: ReachFacts = NOT_ASKED) -> Note | None:
    """What people are told when a candidate gets its first weight without a proof that its port answers."""
    if facts.refused and stable.refused:
        message = (
            f"{facts.refused}; the pods that serve the users refuse them, too, so the network keeps the operator out"
        )
        return Note("Warning", "PortUnknown", message)
    return Note("Warning", "PortUnknown", facts.unknown) if facts.unknown else None


def end_unreached(
    deployment: ModelDeployment,
    *,
    arrivals: Arrivals | None,
    weight: int,
    endpoints: int,
    traffic_for: float,
) -> Ending | None:
    """The end of a release whose candidate has a weight and yet is reached by nobody, or answers nobody.

    It is not asked without a gateway, where connections and not requests are shared out; nor with
    `traffic.gateway.sticky`, where users are shared out and a few of them may make most of the requests; nor while the
    counters of a ready pod are not read.

    Args:
        deployment: the spec.
        arrivals: what both revisions have counted under the present weight.
        weight: of the candidate in percent, as the route has it now.
        endpoints: ready pods of the candidate.
        traffic_for: seconds for which the weight has been in force.
    """
    gateway = deployment.spec.traffic.gateway
    if gateway is None or gateway.sticky is not None or arrivals is None:
        return None
    if arrivals.pods < max(1, endpoints) or traffic_for < answered_within(deployment):
        return None
    found = not_reached(arrivals.blocks, weight=weight)
    return Ending(Result.ROLLED_BACK, "NotReached", found.message) if found else None


def answered_within(deployment: ModelDeployment) -> float:
    """Seconds after a weight is in force from which on the candidate must have counted requests.

    Requests are counted when they end. Those that stable counts at first have begun before the weight was in force, and
    the candidate's own may still be under way.
    """
    thresholds = [
        one.latency.threshold.seconds
        for one in deployment.spec.objectives
        if one.latency is not None and one.latency.signal is TimeSignal.LATENCY
    ]
    return max(ANSWERED_WITHIN, TIMES_THE_THRESHOLD * max(thresholds)) if thresholds else UNKNOWN_DURATION
