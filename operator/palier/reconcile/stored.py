"""What a stored object says: its status, its spec and the memory of its release, and what of these cannot be read."""

from collections.abc import Mapping, Sequence
from typing import Any

from palier.api.same_json import is_same_json
from palier.api.stored_status import fitting_status
from palier.api.v1alpha1 import ModelDeployment, Spec, parse
from palier.errors import InvalidSpec
from palier.reconcile.session import NOTHING_READ, Session, StatusRead
from palier.release.memory import read_state
from palier.release.plan import pin_stages, proves_itself
from palier.release.situation import Note
from palier.release.state import State


def read_spec(body: Mapping[str, Any], session: Session) -> tuple[ModelDeployment, InvalidSpec | None]:
    """The spec, or the last one that could be read while a release is under way, and what is wrong with that of now.

    A spec that became unreadable in mid-release moves nothing forward, but a bad candidate is taken back all the same.

    Raises:
        InvalidSpec: it cannot be read, and no release that this process has seen is under way.
    """
    try:
        spec = parse(body, known=_known_spec(body, session))
    except InvalidSpec as problem:
        if session.spec is None or not body["status"].get("release"):
            raise
        metadata = body["metadata"]
        known = {name: metadata.get(name) for name in ("generation", "annotations", "labels") if metadata.get(name)}
        rules = session.spec.spec.release.model_copy(update={"paused": True})
        held = session.spec.spec.model_copy(update={"release": rules})
        about = session.spec.metadata.model_copy(update=known)
        return session.spec.model_copy(update={"metadata": about, "spec": held}), problem
    under_way = bool(body["status"].get("release"))
    session.spec, session.written = (spec, body["spec"]) if under_way else (None, None)
    return spec, None


def _known_spec(body: Mapping[str, Any], session: Session) -> Spec | None:
    """What was read of this very spec before; None where it has to be read."""
    if session.spec is None or not is_same_json(body.get("spec"), session.written):
        return None
    return session.spec.spec


def read_body(body: Mapping[str, Any], session: Session | None = None) -> tuple[Mapping[str, Any], Sequence[str]]:
    """An object with the parts of its status that are as the API declares them, and the fields that are not."""
    stored, known = body.get("status"), session.status if session else NOTHING_READ
    kept, odd = fitting_status(stored, stored=known.stored, kept_of_it=known.kept)
    if session is not None:
        session.status = StatusRead(stored, kept) if isinstance(stored, Mapping) and "release" in kept else NOTHING_READ
    return {**body, "status": kept}, odd


def read_memory(body: Mapping[str, Any], spec: ModelDeployment, odd: Sequence[str]) -> tuple[State, tuple[Note, ...]]:
    """The memory in the status, and what to tell of it: a part that cannot be read is as good as lost."""
    lost = "what of the memory in the status cannot be read is lost, and what serves is recognised from what exists"
    try:
        state = read_state(body["status"], spec.spec.release, proves=proves_itself(spec))
    except ValueError as error:
        return State(), (Note("Warning", "StatusUnreadable", f"{lost}: {error}"[:1024]),)
    stored = body["status"].get("watch") or {}
    objectives = ["watch.objectives"] if stored.get("objectives") and not state.watch.objectives else []
    data = ["watch.dataDrift"] if stored.get("dataDrift") and state.data.watch is None else []
    odd = [*odd, *objectives, *data]
    return state, (Note("Warning", "StatusUnreadable", f"{lost}: {', '.join(odd)}"[:1024]),) if odd else ()


def pin_plan(spec: ModelDeployment, state: State) -> ModelDeployment:
    """The spec with the stages of the release in progress."""
    return pin_stages(spec, state.release.plan if state.release else None)
