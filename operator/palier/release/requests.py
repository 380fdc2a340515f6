"""What did a person ask of this very release? Each request acts once, on the release that it was made for.

Requests come as annotations, which stay in Git and in manifests long after they were meant. So a value that was there
before a release started never acts on it, and a value that has acted never acts again. Removing an annotation and
setting it again is a new request; a value that also names the start of the release is meant for no other one.
"""

import hashlib
from dataclasses import replace
from typing import Final

from palier.release.observation import Requests
from palier.release.state import Release, RevisionRef, State
from palier.release.times import format_time

REQUESTS: Final = ("abort", "promote", "retry")
"""The requests that annotations make, by name."""

LONGEST_VALUE: Final = 512
"""Characters of a value that are remembered as they are; a longer one is remembered by its digest."""


def request_for(candidate: RevisionRef, release: Release) -> str:
    """The value of a request that acts on one release and on no other."""
    return f"{candidate.revision}@{format_time(release.started_at)}"


def is_new(state: State, requests: Requests, name: str) -> bool:
    """Whether a request has a value that was not dealt with before."""
    value = requests.value(name)
    return bool(value) and _shorten_value(value) != state.handled.get(name)


def is_asked(state: State, requests: Requests, name: str) -> bool:
    """Whether a new request is for the release in progress."""
    release, candidate = state.release, state.candidate
    if release is None or candidate is None or not is_new(state, requests, name):
        return False
    return requests.value(name) in {candidate.revision, request_for(candidate, release)}


def handle_requests(state: State, requests: Requests, *names: str) -> State:
    """The memory in which requests are dealt with, so that their values do not act again."""
    handled = {name: _shorten_value(value) for name in names if (value := requests.value(name))}
    return replace(state, handled={**state.handled, **handled}) if handled else state


def withdraw_requests(state: State, requests: Requests) -> State:
    """The memory without requests whose annotations are gone."""
    handled = {name: value for name, value in state.handled.items() if requests.value(name)}
    return state if handled == dict(state.handled) else replace(state, handled=handled)


def refuse_requests(state: State, requests: Requests, *, wanted: str) -> dict[str, str]:
    """The new requests that can act on nothing, each with the reason in one sentence.

    Args:
        state: the memory.
        requests: the annotations.
        wanted: the revision that the spec asks for.
    """
    release, stable = state.release, state.stable
    refused = {}
    for name in ("abort", "promote"):
        if is_new(state, requests, name) and not is_asked(state, requests, name):
            refused[name] = (
                "it does not name the candidate of the release in progress, or names another release of it"
                if release
                else "no release was in progress when it was set; set it again once the release runs"
            )
    if is_new(state, requests, "retry"):
        if release is not None and release.ending is None:
            refused["retry"] = "a release is in progress"
        elif release is None and stable and wanted in {stable.revision, stable.asked_for_by}:
            refused["retry"] = "what the spec asks for serves"
    return refused


def _shorten_value(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"
