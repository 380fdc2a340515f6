"""What a process remembers of one ModelDeployment between two passes, and loses without harm when it ends."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from palier.api.v1alpha1 import ModelDeployment
from palier.reconcile.actions import Attempts
from palier.release.situation import Note


@dataclass(frozen=True, slots=True)
class StatusRead:
    """A status as it is stored, and the parts of it that are as the API declares them."""

    stored: Mapping[str, Any]
    kept: Mapping[str, Any]


NOTHING_READ: Final = StatusRead(MappingProxyType({}), MappingProxyType({}))


@dataclass(slots=True)
class Session:
    """Belongs to one object, which its uid names: one that is made again under the same name has a session of its own.

    All instants are of a clock that only ever grows, so that a wall clock that is set back delays nothing.
    """

    uid: str
    attempts: Attempts = field(default_factory=Attempts)
    spec: ModelDeployment | None = None
    """The last spec that could be read of a release under way; None without one, for most objects merely exist."""
    written: Mapping[str, Any] | None = None
    """What `spec` was read from, so that an unchanged one is not read again."""
    status: StatusRead = NOTHING_READ
    """The last status, so that its unchanged parts are not read again; nothing without a release under way."""
    told_lost: tuple[Note, ...] = ()
    """What was last told of a memory that cannot be read: it may stand there for ever, and is told once."""
    is_urgent: bool = False
    """Whether the last pass has decided on a step of a rollback, which goes before what merely wants to be seen."""
    steered_at: float = -math.inf
    """When the route was last changed, in seconds; minus infinity when that was before this process began."""
