"""What the API server denies although no release needs it: remains that may not be deleted, a policy that is not taken.

It stops nothing and hides nothing: users are moved, the status is the release's own, and a condition beside it names
the object until a later pass has its way.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from palier.api.constants import DENIED
from palier.cluster.client import Cluster, Reference
from palier.errors import Forbidden, Invalid
from palier.release.finding import Finding

__all__ = ["Denial", "denied", "denied_before", "let_go"]

Denial = Forbidden | Invalid | None
"""The API server's answer; None where it has done everything."""


async def let_go(cluster: Cluster, over: Iterable[Reference]) -> Denial:
    """Delete objects in their order, and stop at the first that the API server keeps."""
    for reference in over:
        try:
            await cluster.delete(reference)
        except (Forbidden, Invalid) as error:
            return error
    return None


def denied(denials: Iterable[Denial]) -> list[Finding]:
    """The condition that tells the first of them; none when there is none."""
    for denial in denials:
        match denial:
            case Forbidden():
                return [Finding(DENIED, "True", "Forbidden", str(denial))]
            case Invalid():
                return [Finding(DENIED, "True", "Rejected", str(denial))]
            case None:
                pass
    return []


def denied_before(body: Mapping[str, Any]) -> list[Finding]:
    """The same condition as it is stored: it stands until the pass has tried again."""
    known = (body.get("status") or {}).get("conditions") or ()
    return [Finding(DENIED, "True", one["reason"], one["message"]) for one in known if one["type"] == DENIED]
