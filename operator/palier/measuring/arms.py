"""What one arm of a release adds to one objective in a step, or why that cannot be told."""

from palier.evidence.counters import LARGEST_COUNT, Target
from palier.evidence.objective import Amounts, Counts, ObjectiveRule
from palier.measuring.interval import NOWHERE, LookInterval
from palier.measuring.questions import signal_questions
from palier.measuring.sources import MeasuredObjective, Origin, Source


def is_compared(objective: MeasuredObjective) -> bool:
    """Whether the candidate is held against stable, and not only against a limit."""
    return not isinstance(objective.rule, ObjectiveRule) or objective.rule.compare_with_stable


def read_stable_arm(
    objective: MeasuredObjective,
    step: LookInterval,
    lost: dict[tuple[str, str], frozenset[Target]],
    *,
    candidate: str,
    stable: str,
) -> tuple[Counts | Amounts | None, bool]:
    """What stable adds, where it is compared and can be told, and whether it answers at the candidate's edges.

    `lost` is brought up to date.
    """
    if objective.stable_source is None or not is_compared(objective):
        return None, True
    counts = read_arm(objective, objective.stable_source, stable, step, lost)
    if counts is None or isinstance(counts, str):
        return None, True
    coarser = step.is_coarser(objective.stable_source, stable, than=(objective.source, candidate), objective=objective)
    return counts, not coarser


def read_arm(
    objective: MeasuredObjective,
    source: Source,
    revision: str,
    step: LookInterval,
    lost: dict[tuple[str, str], frozenset[Target]],
) -> Counts | Amounts | str | None:
    """What one arm adds to an objective, or why it cannot be told; None where counting begins with this step.

    `lost` is brought up to date.
    """
    if objective.origin is Origin.SHADOW and not step.has_samples(revision, signal_questions(objective)):
        # Another program counts these from its start on: that the pods themselves are scraped says nothing about it.
        return f"no fresh samples of the shadow proxy about {revision}: does Prometheus scrape it?"
    whose = (objective.rule.name, revision)
    before = lost.pop(whose, NOWHERE)
    signal, gone = step.find_vanished(objective, source, revision, before=before)
    if gone:
        lost[whose] = gone
        pods = "a pod that is" if len(gone) == 1 else f"{len(gone)} pods that are"
        where = "the router" if objective.origin is Origin.ROUTER else f"{pods} still scraped"
        return f"signal {signal} of {revision} vanished from {where}"
    if reason := step.describe_unreadable(objective, source, revision):
        return reason
    if before and step.begins(objective, source, revision):
        return None  # what was counted before it vanished is not known any more
    counts = step.counts(objective, source, revision)
    if counts.total > LARGEST_COUNT:
        return f"{counts.total:.3g} events of {revision} in one look cannot be a count: more than 2^53"
    return counts
