"""What all serving revisions together add to one objective, or why that cannot be told: for its error budget.

A budget is about what users meet, whoever answers them, so while a candidate has a part of the requests, its events
count like stable's. If one of them cannot be read, the events of both are unknown: the part that can be read would make
the budget look better, or worse, than it is.
"""

from collections.abc import Iterable, Mapping

from palier.evidence.counters import Target
from palier.evidence.objective import Counts
from palier.measuring.arms import read_arm
from palier.measuring.interval import LookInterval
from palier.measuring.questions import signal_questions
from palier.measuring.sources import MeasuredObjective, Origin, Source

Lost = dict[tuple[str, str], frozenset[Target]]
"""Targets that have lost the signal of an objective, by its name and the revision."""


def count_served(
    objective: MeasuredObjective,
    step: LookInterval,
    *,
    serving: Mapping[str, Source | None],
    missed: Mapping[str, str],
    lost: Lost,
) -> Counts | str:
    """The events of all serving revisions in a step, or why they are not known.

    Args:
        objective: which; it is about a share of bad events.
        step: the step.
        serving: the series of each serving revision; None where its runtime has none of them.
        missed: why events of a revision are missing although it was read, such as a failed scrape.
        lost: brought up to date.
    """
    added = [_count_one(objective, source, revision, step, missed, lost) for revision, source in serving.items()]
    if unknown := next((one for one in added if isinstance(one, str)), ""):
        return unknown
    return _sum_counts(one for one in added if isinstance(one, Counts))


def _count_one(
    objective: MeasuredObjective,
    source: Source | None,
    revision: str,
    step: LookInterval,
    missed: Mapping[str, str],
    lost: Lost,
) -> Counts | str:
    name = objective.rule.name
    if source is None:
        return f"{revision} has no series for the objective {name}"
    if twins := step.describe_unclear(objective, source, revision):
        return twins
    if objective.origin is Origin.PODS and revision in missed:
        return missed[revision]
    if not step.has_samples(revision, signal_questions(objective)):
        whose = "the router" if objective.origin is Origin.ROUTER else "its pods"
        return f"no fresh samples of {name} for {revision} from {whose}"
    if step.begins(objective, source, revision):
        return f"{name} of {revision} has only just begun to count"
    found = read_arm(objective, source, revision, step, lost)
    if isinstance(found, str):
        return found
    if not isinstance(found, Counts):
        return f"{name} of {revision} is counted again only from now on"
    return found


def _sum_counts(added: Iterable[Counts]) -> Counts:
    total = bad = possible = 0
    for one in added:
        total, bad, possible = total + one.total, bad + one.bad, possible + one.bad_possible
    return Counts(total, bad, possible)
