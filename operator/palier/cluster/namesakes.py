"""Tells an object from another one that has taken its name: identity is the uid.

What a process remembers of an object stands under its name, because names are what events, series and other objects
give. An object that was deleted and made again before a worker was free never looks deleted to whoever handles its
name next. So every pass first says whom it has met, and what was remembered of a namesake is forgotten before anything
is decided. The passes of one name follow each other, so not even one that still handled the former object, while the
new one was already there, leaves anything to it.
"""

from collections.abc import Callable

from palier.cluster.queue import Key

__all__ = ["Namesakes"]


class Namesakes:
    """Which object each name stood for when it was last handled.

    Args:
        forget: drops all that is remembered under a name.
    """

    def __init__(self, forget: Callable[[Key], None]) -> None:
        self._forget = forget
        self._uids: dict[Key, str] = {}

    def meet(self, key: Key, uid: str) -> None:
        """Begin a pass over an object: what was remembered of another one of that name is forgotten."""
        if self._uids.get(key, uid) != uid:
            self._forget(key)
        self._uids[key] = uid

    def leave(self, key: Key) -> None:
        """No object has the name any more."""
        self._uids.pop(key, None)
