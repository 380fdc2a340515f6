"""Where a release stands, for people: a word for a column, and a sentence for a condition."""

from palier.api.status.conditions import rfc3339
from palier.release.stages.table import kind_at
from palier.release.standing import NO_RELEASE, name_of
from palier.release.state import ReleasePhase, Result, State


def stage_word(state: State, *, wanted: str) -> str:
    """Where the release stands, in one or two words for a column.

    Args:
        state: the memory.
        wanted: hash of what the spec asks for.
    """
    release = state.release
    if release is None:
        if state.outcome and state.outcome.result.refuses and state.outcome.asked_for_by == wanted:
            kept = state.outcome.result in {Result.REFUSED, Result.KEPT_STABLE}
            return "RolledBack" if state.stable and not kept else state.outcome.result.value
        return "Serving" if state.stable else "Preparing"
    if release.cautious_since is not None and not release.ending:
        return "Cautious"
    kind, share = kind_at(release), release.stage.share if release.stage else 0
    return kind.word.format(share=share) if kind else release.phase.value


def tell_standing(state: State, *, weight: int) -> str:
    """Where the release in progress is and since when; `NO_RELEASE` where there is none.

    Args:
        state: the memory.
        weight: the candidate's share of the traffic now, in percent.
    """
    release, candidate = state.release, state.candidate
    if release is None or candidate is None:
        return NO_RELEASE
    kind, since = kind_at(release), release.stage_started_at
    if kind and kind.shifting and release.traffic_since is None:
        form = kind.shifting
    elif kind:
        form = kind.standing
        since = release.traffic_since or since if kind.shifting else since
    elif release.phase is ReleasePhase.PREPARING:
        form = "{candidate} is getting ready and has no users yet, since {since}"
    elif state.stable is None:
        form = "{candidate} is being removed, since {since}"
    else:
        form = "the traffic of {candidate} is going back to stable, since {since}"
    return form.format(candidate=name_of(candidate), weight=weight, since=rfc3339(since))
