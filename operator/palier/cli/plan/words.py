"""Words that the page and the pictures share."""

from collections.abc import Mapping
from typing import Final

from palier.api.status.values import PlannedTraffic
from palier.cli.commands import SIGNS
from palier.cli.plan.outcome import Outcome, ServingOption
from palier.economics import sentences

NAMES: Final[Mapping[str, str]] = {
    PlannedTraffic.POC: "POC",
    PlannedTraffic.TARGET: "target",
    PlannedTraffic.DOUBLE: "2x",
    PlannedTraffic.TENFOLD: "10x",
}


def title(outcome: Outcome) -> str:
    """Which object it is about."""
    metadata = outcome.draft.deployment.metadata
    return f"{metadata.namespace}/{metadata.name}"


def conclusion(outcome: Outcome) -> str:
    """The verdict in one sentence with its numbers."""
    choice = outcome.choice
    return f"{SIGNS[choice.verdict]} {choice.verdict}, {choice.reason}: {choice.message}"


def verdict_of(option: ServingOption) -> str:
    """The verdict on one way, in two words."""
    return f"{SIGNS[option.weighed.verdict]} {option.weighed.reason}"


def fits_up_to(option: ServingOption) -> str:
    """The most traffic within the budget, rounded so that it fits."""
    most = option.plan.largest_affordable
    if most is not None:
        return sentences.figure(most, limit=most) if most else "nothing"
    return "-" if option.plan.inputs.service is None or option.plan.inputs.limits is None else "any"
