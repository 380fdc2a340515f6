"""Which revisions users of each ModelDeployment may meet: two that serve the same model have the same revision."""

from collections.abc import Iterator, Mapping

from palier.api.constants import KIND
from palier.cluster.store import Store


def served_revisions(store: Store) -> dict[tuple[str, str], frozenset[str]]:
    """The revisions that have users or may still have some, by namespace and name: as the statuses remember them."""
    return {
        (body["metadata"]["namespace"], body["metadata"]["name"]): frozenset(_revisions(body.get("status")))
        for body in store.list(KIND)
    }


def _revisions(status: object) -> Iterator[str]:
    if not isinstance(status, Mapping):
        return  # one object's odd status must not blind the looks at all others
    # A candidate without a release was refused: it is remembered and has no users.
    known = [status.get("stable"), status.get("candidate") if status.get("release") else None, status.get("former")]
    drains = status.get("drains")
    for entry in (*known, *(drains if isinstance(drains, list) else ())):
        if isinstance(entry, Mapping) and isinstance(revision := entry.get("revision"), str):
            yield revision
