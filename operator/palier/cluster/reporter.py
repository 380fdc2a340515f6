"""Writes `status`, and only when it says something new.

Numbers change with every look; writing each of them would cost the API server more than all the rest. So what matters
(the stage, a weight, a reason, the words of a message) is written at once, and moving numbers at most every
`CHECKPOINT` seconds: the evidence since then is computed again from Prometheus after a restart.

Everything that people read in it is printable, whoever wrote it.
"""

import re
from collections.abc import Mapping
from typing import Any

from palier.api.constants import API_VERSION, KIND
from palier.api.printable import make_status_printable
from palier.api.status.conditions import merge_conditions
from palier.cluster.client import Cluster
from palier.cluster.queue import Key
from palier.cluster.store import Store

CHECKPOINT = 30.0
"""Seconds between two writes of moving numbers."""


class Reporter:
    """Remembers when each object's status was last written."""

    def __init__(self, cluster: Cluster, store: Store) -> None:
        self._cluster = cluster
        self._store = store
        self._written_at: dict[Key, float] = {}

    async def report(self, body: Mapping[str, Any], status: Mapping[str, Any], *, now: float) -> bool:
        """Write the status if it is news; tells whether it was written."""
        before = body.get("status") or {}
        status = make_status_printable(status)
        merged = {**status, "conditions": merge_conditions(before.get("conditions", ()), status["conditions"], now)}
        if merged == before:
            return False
        meta = body["metadata"]
        key = Key(meta["namespace"], meta["name"])
        if _essence(merged) == _essence(before) and now - self._written_at.get(key, 0.0) < CHECKPOINT:
            return False
        # Another object that has taken the name meanwhile never inherits this memory.
        identity = {"uid": meta["uid"]} if meta.get("uid") else {}
        live = await self._cluster.apply_status(
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "metadata": {"name": meta["name"], "namespace": meta["namespace"], **identity},
                "status": merged,
            }
        )
        self._store.put(live)
        self._written_at[key] = now
        return True

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self._written_at.pop(key, None)


_MOVING = frozenset(
    {"evidence", "lastLook", "cannotMeasureSince", "routerLastLook", "routerUnseenSince", "unreadySince", "breach"}
)
"""Parts of `status.release` that change from look to look. The progress of a load test is none of them: it is read now
and then, and somebody waits for it."""


_JOINED = re.compile(
    r"""
    (?: (?<!\w) [-+\u2212] )?                                                # a sign, not a hyphen between letters
    [^\W_]+ (?: (?: [-._] | (?<=\d),(?=\d) | (?<=[eE])\+(?=\d) ) [^\W_]+ )*  # letters and digits, joined
    """,
    re.VERBOSE,
)
_DIGIT = re.compile(r"\d")


def words_of(message: str) -> str:
    """What a message says, without its numbers and the names that contain some, such as those of pods and revisions.

    Two messages with the same words say the same of other numbers; with other words they say something else.
    """
    return _JOINED.sub(lambda found: "#" if _DIGIT.search(found[0]) else found[0], message)


def _essence(status: Mapping[str, Any]) -> dict[str, Any]:
    """The status without the numbers that move from look to look."""
    release = status.get("release") or {}
    moving = {"verdicts", "conditions", "release", *({"replicas", "weight"} if release else ())}
    return {
        **{name: value for name, value in status.items() if name not in moving},
        "release": {
            **{name: value for name, value in release.items() if name not in _MOVING},
            "breached": bool(release.get("breach")),
        },
        "conditions": [
            (c["type"], c["status"], c["reason"], words_of(c["message"]), c.get("observedGeneration"))
            for c in status.get("conditions", ())
        ],
    }
