"""What the API server denies although no release needs it: remains that may not be deleted, a policy that is not taken.

It stops nothing and hides nothing: users are moved, the status is the release's own, and a condition beside it names
the object until a later pass has its way.
"""

from collections.abc import Iterable

from palier.cluster.client import Cluster, Reference
from palier.errors import Forbidden, Invalid

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
