"""Where a release stands, in short sentences that stand beside the reason for which it waits.

The reason with all its numbers is told once, in `Ready`. The other conditions answer the other questions of those who
read only them: `Reconciling`, which Flux, Argo CD and Helm show, says where the release is, and `Progressing` which
release it is.
"""

from typing import Final

from palier.api.status.conditions import rfc3339
from palier.release.state import RevisionRef, State

NO_RELEASE: Final = "no release is in progress"


def tell_progress(state: State) -> str:
    """Which release is in progress; `NO_RELEASE` where there is none."""
    if state.release is None or state.candidate is None:
        return NO_RELEASE
    instead = f" instead of {name_of(state.stable)}" if state.stable else ", the first revision,"
    return f"the release of {name_of(state.candidate)}{instead} began at {rfc3339(state.release.started_at)}"


def tell_taking_back(why: str, *, in_the_way: str = "") -> str:
    """Why the traffic is being taken back, and first of all what keeps users with the candidate meanwhile.

    Args:
        why: how the release ends, as a sentence.
        in_the_way: what the gateway says about the route, or that it says nothing; empty when that is only a moment.
    """
    if not in_the_way:
        return f"taking the traffic back to stable: {why}"
    return (
        f"the traffic cannot be taken back to stable yet, and users may still reach the candidate: {in_the_way}; "
        f"it is taken back because of this: {why}"
    )


def tell_gone(name: str, *, workload: bool, service: bool) -> str:
    """What somebody has deleted of a revision that has to be there; empty when both are there.

    Args:
        name: of the revision's Deployment and of its Service.
        workload: whether its Deployment is there.
        service: whether its Service is there.
    """
    gone = [kind for kind, there in (("Deployment", workload), ("Service", service)) if not there]
    if not gone:
        return ""
    return f"{' and '.join(gone)} {name} {'is' if len(gone) == 1 else 'are'} gone"


def name_of(reference: RevisionRef) -> str:
    """A revision as people call it."""
    return f"{reference.model} {reference.version} ({reference.revision})"
