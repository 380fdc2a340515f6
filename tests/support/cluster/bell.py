"""What tells the operator that it has to pass again, so that a simulated life need not have a pass at every instant."""

import math

from typing_extensions import override

from palier.cluster.queue import Key, WorkQueue
from tests.support.cluster.memory import MemoryCluster


class Bell(WorkQueue[Key]):
    """Stands for the work queue of an operator with one object.

    It rings for the reasons that there are in a real cluster: an object is another one than at the last pass, a look
    at the metrics has ended, or the time has come that the last pass asked for. An operator that asks for too late a
    time is late in such a life as well.
    """

    def __init__(self, cluster: MemoryCluster) -> None:
        super().__init__()
        self._cluster = cluster
        self._queued = True
        self._seen = -1
        self._due = -math.inf

    @override
    def add(self, key: Key, *, urgent: bool = False) -> None:
        """See `WorkQueue.add`."""
        self._queued = True

    def rings(self, now: float) -> bool:
        """Whether there is a reason for a pass."""
        return self._queued or self._cluster.version != self._seen or now >= self._due

    def begin(self) -> None:
        """A pass begins, which sees the cluster as it is now; one that fails is tried again."""
        self._queued, self._seen, self._due = False, self._cluster.version, -math.inf

    def end(self, rest: float | None, now: float) -> None:
        """A pass has ended and asks for the next one after so many seconds."""
        self._due = math.inf if rest is None else now + rest
