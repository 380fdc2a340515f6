"""The words of a cause: whose fall it is, by which counts, and what is not known yet."""

from palier.evidence.sentences import percent, write_limit
from palier.watch.attribution import Attribution, AttributionRule, Cause
from palier.watch.edetector import Batch
from palier.watch.pairs import Tolerated

_NOBODY_KNOWS = "Nobody knows yet whether the world has changed or the present version is worse"


def describe_cause(attribution: Attribution, rule: AttributionRule, tolerated: Tolerated) -> str:
    """One or two sentences.

    Args:
        attribution: what is known since the alarm.
        rule: how causes are told apart.
        tolerated: what is tolerated of the group, or of everyone.
    """
    if not attribution.labels.pairs:
        return f"{_NOBODY_KNOWS}: since the alarm no request has a label for both versions' answers."
    counts = _describe_counts(attribution, tolerated)
    match attribution.cause:
        case Cause.WORLD_CHANGED:
            return (
                f"The world has changed: {counts}. More than {_describe_part(rule)} of the fall is not the present "
                "version's own, and going back would not undo it."
            )
        case Cause.MODEL_IS_WORSE:
            return (
                f"The present version is worse than the former one: {counts}. {_describe_own_part(attribution, rule)}"
            )
        case Cause.UNATTRIBUTED:
            return f"{_NOBODY_KNOWS}: {counts}. {_describe_doubt(attribution, rule)}"


def _describe_counts(attribution: Attribution, tolerated: Tolerated) -> str:
    labels = attribution.labels
    return (
        f"since the alarm, of {labels.pairs} requests with labels for both, the present version got "
        f"{labels.present.wrong:g} wrong ({_describe_share(labels.present, tolerated.present)}) and the former one "
        f"{labels.former_paired.wrong:g} ({_describe_share(labels.former_paired, tolerated.former)})"
    )


def _describe_share(labels: Batch, tolerated: float) -> str:
    return f"{percent(labels.wrong / labels.labels)}, tolerated {write_limit(tolerated)}"


def _describe_own_part(attribution: Attribution, rule: AttributionRule) -> str:
    part = f"More than {_describe_part(rule)} of its fall is its own"
    if attribution.world_too:
        return f"{part}, and more than that part is the world's, so going back would undo only a part of it."
    if attribution.fallen.is_shown:
        return f"{part}; the former version is worse than it was as well, so going back would undo only a part of it."
    return f"{part}, and going back would undo that."


def _describe_doubt(attribution: Attribution, rule: AttributionRule) -> str:
    """What is known, and what is missing."""
    if attribution.worse.is_shown:
        return (
            "The present version is worse than the former one; "
            f"that this is more than {_describe_part(rule)} of its fall is not shown."
        )
    if attribution.fallen.is_shown:
        return "The former version is worse than it was as well; how much of the fall that explains is not shown."
    return "Neither is shown to be worse than the other, nor the former one to be worse than it was."


def _describe_part(rule: AttributionRule) -> str:
    return write_limit(rule.part)
