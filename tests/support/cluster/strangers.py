"""Somebody else was there first: names that Palier is about to use, held by objects that are not its own."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from palier.errors import NameTaken
from tests.support.cluster.memory import MemoryCluster

Pass = Callable[[MemoryCluster], Awaitable[object]]
"""What an operator that has just been started writes to a cluster."""


async def find_taken_over(act: Pass) -> tuple[set[str], set[str]]:
    """The kinds that a pass makes, and those of them in which it takes over the object of a stranger.

    Each name is tried alone: a stranger has it, and everything else is free.
    """
    free = MemoryCluster()
    await act(free)
    taken_over = set()
    for (kind, namespace, name), obj in free.objects.items():
        cluster = MemoryCluster()
        metadata = {"name": name, "namespace": namespace}
        theirs = cluster.put({"apiVersion": obj["apiVersion"], "kind": kind, "metadata": metadata, "spec": {}})
        with suppress(NameTaken):
            await act(cluster)
        if cluster.find(kind, name, namespace) != theirs:
            taken_over.add(kind)
    return {kind for kind, _, _ in free.objects}, taken_over
