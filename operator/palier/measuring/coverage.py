"""How far and how well a source of samples has been read: the pods of a release, and the gateway's proxies."""

from dataclasses import dataclass, replace
from typing import Final, Self


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the looks have read of one source."""

    until: float | None = None
    """The last look that could read it, in seconds since the epoch: so far evidence has been gathered."""
    unseen: str = ""
    """Why the last look could not read it; empty where it could."""
    unseen_since: float | None = None
    """Since when it cannot be read; None where it can."""

    def mark_unseen(self, reason: str, *, at: float) -> Self:
        """The same source after a look that could not read it."""
        return replace(self, unseen=reason, unseen_since=at if self.unseen_since is None else self.unseen_since)

    def without_reason(self) -> Self:
        """What is remembered of it; every look finds the reason again."""
        return replace(self, unseen="") if self.unseen else self

    def is_behind(self, other: "Coverage") -> bool:
        """Whether it has been read less far than another."""
        return (self.until or 0) < (other.until or 0)


UNREAD: Final = Coverage()
"""A source that no look has read yet."""
