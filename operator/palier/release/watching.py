"""Which release the looks judge, and what a decision reads of what they found."""

from palier.api.v1alpha1 import ModelDeployment
from palier.measuring.coverage import Coverage
from palier.measuring.look import WatchedRelease
from palier.measuring.resolve import router_series
from palier.release.observation import MeasuredEvidence
from palier.release.plan import warm_up_of
from palier.release.rules import Objectives
from palier.release.state import Release, ReleasePhase, State


def watched_of(deployment: ModelDeployment, state: State, objectives: Objectives) -> WatchedRelease | None:
    """What the looks have to follow from now on; None where there is nothing to judge.

    Args:
        deployment: the spec.
        state: the memory.
        objectives: what the candidate is judged by.
    """
    release, candidate, stable = state.release, state.candidate, state.stable
    if release is None or candidate is None or stable is None or not _is_judged(release):
        return None
    begun = release.traffic_since or release.stage_started_at
    return WatchedRelease(
        candidate=candidate.revision,
        stable=stable.revision,
        stage_index=release.cursor,
        begun_at=release.started_at,
        traffic_since=None if release.phase is ReleasePhase.PREPARING else begun,
        cautious=release.cautious_since is not None,
        objectives=objectives.measured,
        warm_up=warm_up_of(release.stage),
        evidence=release.evidence,
        pods_read=release.pods_read,
        router_read=release.router_read,
        router=router_series(
            deployment, candidate=candidate.revision, stable=stable.revision, backend_positions=state.backend_positions
        ),
    )


def measured_of(watched: WatchedRelease | None) -> MeasuredEvidence:
    """What a decision reads of the looks at a release."""
    if watched is None:
        return MeasuredEvidence(pods_read=Coverage(unseen="no look yet"))
    return MeasuredEvidence(
        evidence=watched.evidence,
        pods_read=watched.pods_read,
        router_read=watched.router_read,
        readings=watched.readings,
        missing=watched.missing,
    )


def _is_judged(release: Release) -> bool:
    """Whether looks are worth making: while pods come up they tell whether the candidate can be measured at all."""
    if release.is_direct or release.ending:
        return False
    return release.phase is ReleasePhase.PREPARING or release.traffic_since is not None or bool(release.evidence)
