"""The copies of users' requests that a shadow's proxy has had answered.

A revision's pods count them like any other request, and no user got their answers. So the cost of an answer is computed
without them: else a shadow would make stable look cheap. Routers count users alone.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.objective import Counts, ObjectiveRule
from palier.measuring.interval import Answer
from palier.measuring.interval import LookInterval as Stretch
from palier.measuring.questions import Question, questions, signal_questions
from palier.measuring.sources import CounterRatio, MeasuredObjective, Origin
from palier.release.state import ReleasePhase, State

NEVER: Final = float("-inf")
"""Until when copies were sent, where none were."""
TRAILING: Final = 60.0
"""Seconds after a shadow in which copies of it may still be answered: gateways take a moment to leave off."""

_UNJUDGED: Final = ObjectiveRule(name="copies", limit=0.5, margin=1.0, alpha=0.5)
_ANSWERED: Final = CounterRatio(("palier_shadow_failed_copies_total",), ("palier_shadow_copies_total",))
"""Counted at once, as pods count; what a verdict rests on waits for requests before it, for minutes if they hang."""
_COUNTER: Final = MeasuredObjective(_UNJUDGED, _ANSWERED, _ANSWERED, origin=Origin.SHADOW)
QUESTIONS: Final[tuple[Question, ...]] = questions(_COUNTER)
"""What Prometheus is asked for the copies, however many shadows there are."""


class Copies(StrEnum):
    """Whether copies of users' requests are sent to the revisions of a ModelDeployment."""

    NONE = "None"
    POSSIBLE = "Possible"
    """None that is known of; a shadow may just have ended, or be about to begin."""
    SENT = "Sent"
    """Gateways have accepted a route that copies requests."""


def find_copies(deployment: ModelDeployment, state: State) -> Copies:
    """What is known of copies before anything is read.

    Args:
        deployment: the spec.
        state: the memory.
    """
    release = state.release
    if release and release.phase is ReleasePhase.SHADOWING and release.traffic_since is not None and not release.breach:
        return Copies.SENT
    shadowed = release is not None and any(stage.shadow for stage in release.plan)
    wanted = deployment.spec.traffic.gateway is not None and deployment.spec.release.shadow is not None
    return Copies.POSSIBLE if wanted or shadowed else Copies.NONE


def answered_copies(
    revision: str,
    answers: Mapping[Question, Answer],
    unanswered: Mapping[Question, str],
    *,
    start: float,
    end: float,
    sent_until: float,
    staleness: float,
    with_failures: bool,
) -> int | str:
    """The copies that a revision has answered between two instants, or why they are not known.

    Without a shadow, a proxy that is not there has sent nothing; in one, it has to be seen.

    Args:
        revision: whose pods were asked.
        answers: the series of the proxies by question.
        unanswered: why there is no answer, by question.
        start: seconds since the epoch.
        end: seconds since the epoch.
        sent_until: when copies were last known to be sent, in seconds since the epoch; infinite while they are, `NEVER`
            without a shadow.
        staleness: seconds after which a sample says nothing any more.
        with_failures: whether failed answers count too, as they do where a revision's pods do not tell them apart.
    """
    stretch = Stretch(answers, {}, start=start, end=end, staleness=staleness)
    untold = f"users' requests to {revision} cannot be told from the copies of a shadow"
    failed = next((unanswered[question] for question in QUESTIONS if question in unanswered), "")
    if failed and (sent_until + TRAILING > start or stretch.was_ever_seen(revision, QUESTIONS)):
        return f"{untold}: {failed}"
    if sent_until > start:
        shadow = Stretch(answers, {}, start=start, end=min(end, sent_until), staleness=staleness)
        if not shadow.has_samples(revision, signal_questions(_COUNTER)):
            return f"{untold}: no fresh samples of the shadow proxy, does Prometheus scrape it?"
    if stretch.counted_before(_COUNTER, _ANSWERED, revision):
        return f"{untold}: the proxy had sent some before it was first scraped"
    if reason := stretch.describe_unreadable(_COUNTER, _ANSWERED, revision):
        return reason
    counts = stretch.counts(_COUNTER, _ANSWERED, revision)
    assert isinstance(counts, Counts)  # noqa: S101 - a ratio of counters
    return counts.total if with_failures else counts.total - counts.bad
