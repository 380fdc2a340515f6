"""What a status says of refused writes, over what it says of the release.

Something that the release cannot go on without stalls the object and is its `Ready` condition. Anything else that the
API server denies is a condition beside the release's own: it stops nothing and hides nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from palier.api.constants import DENIED
from palier.errors import Conflict, Forbidden, Invalid, InvalidSpec, NotFound, PalierError, Unavailable
from palier.reconcile.actions import Failure, describe_failures, is_lasting
from palier.release.finding import Finding
from palier.release.report import report_refused

REFUSED = "Invalid"
"""`status.stage` of what cannot be acted on as it is written, or is refused by the API server."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is said of refused writes."""

    stalled: tuple[str, str] | None = None
    """Reason and message of what the release cannot go on without; None for nothing."""
    denied: tuple[str, str] | None = None
    """The same of what it can go on without."""

    def list_findings(self, own: Sequence[Finding], *, serves: bool) -> list[Finding]:
        """The conditions of the object: its own, and what is said of refused writes."""
        findings = list(own) if self.stalled is None else report_refused(*self.stalled, serves=serves)
        return findings if self.denied is None else [*findings, Finding(DENIED, "True", *self.denied)]


def overlay_of(failures: Iterable[Failure]) -> Overlay:
    """What is said of the failures of a pass: nothing but a lasting one of something vital stalls an object."""
    every = list(failures)
    stalls = [failure for failure in every if failure.vital and is_lasting(failure.error)]
    return Overlay(stalled=_tell(stalls), denied=_tell([failure for failure in every if failure not in stalls]))


def standing_overlay(body: Mapping[str, Any]) -> Overlay:
    """What the stored status says of refused writes: it stands until a pass has tried again."""
    status = body.get("status") or {}
    known = {one["type"]: (one["reason"], one["message"]) for one in status.get("conditions") or ()}
    same = status.get("observedGeneration") == int(body["metadata"].get("generation", 0))
    stalled = known.get("Stalled") if same and status.get("stage") == REFUSED else None
    return Overlay(stalled=stalled, denied=known.get(DENIED))


def _tell(failures: Sequence[Failure]) -> tuple[str, str] | None:
    return (_reason(failures[0].error), describe_failures(failures)) if failures else None


def _reason(error: PalierError) -> str:
    match error:
        case Forbidden():
            return "Forbidden"
        case InvalidSpec():
            return "InvalidSpec"
        case Invalid():
            return "Rejected"
        case Conflict() | NotFound() | Unavailable():
            return type(error).__name__
        case _:
            return "Failed"
