"""What the status says of the data of what serves: what it is compared with, and what has drifted."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from palier.api.rule import ATOMIC, ApiObject
from palier.api.status.conditions import Timestamp
from palier.api.status.values import Count

FINDINGS: int = 20
"""Findings that a status has at most."""
LONGEST_REFERENCE: int = 65_536
"""Bytes of a reference that a status keeps at most."""

Name = Annotated[str, Field(max_length=256)]
Sentence = Annotated[str, Field(max_length=1024)]


class DriftKind(StrEnum):
    """What a finding about data says."""

    FEATURE_BROKEN = "FeatureBroken"
    DATA_DRIFTS = "DataDrifts"


class DriftReason(StrEnum):
    """What is known of the data."""

    FEATURE_BROKEN = "FeatureBroken"
    DATA_DRIFTS = "DataDrifts"
    NO_DRIFT = "NoDrift"
    CANNOT_TELL = "CannotTell"
    CANNOT_WATCH = "CannotWatch"
    NOT_KNOWN_YET = "NotKnownYet"


class DriftFindingStatus(ApiObject):
    """One feature or prediction that has drifted or is broken."""

    feature: Name
    """Name of the feature or prediction."""
    group: Name | None = None
    """The group of users; absent where it is about all of them."""
    kind: DriftKind
    """`FeatureBroken` where it is known what is wrong, else `DataDrifts`."""
    fault: Annotated[str, Field(max_length=32)] | None = None
    """What is wrong with a broken one. Example: `AllNull`."""
    psi: Annotated[str, Field(max_length=32, pattern=r"^[0-9]+(\.[0-9]+)?$")] | None = None
    """Population stability index of the last window and the one before it."""
    since: Timestamp
    """The end of the window that confirmed it."""
    message: Sentence
    """All of it in one sentence with the numbers."""


class DriftReferenceStatus(ApiObject):
    """What the data is compared with."""

    of: Annotated[str, Field(max_length=64)]
    """Digest of what it is; another one begins anew."""
    name: Name
    """What it is called in messages."""
    windows: Count | None = None
    """Windows that were counted together; absent where a file is the reference."""
    events: Count | None = None
    """Events in it."""
    until: Timestamp | None = None
    """The end of the last window that was counted."""
    complete: bool | None = None
    """Whether it is complete; absent where it is not."""
    profile: Annotated[str, Field(max_length=LONGEST_REFERENCE)] | None = None
    """What was counted, as a profile's file, which `palier drift` reads; absent where a file is the reference."""
    left_out: Annotated[list[Name], Field(max_length=10), ATOMIC] | None = None
    """Features that have no room in it; of more than 10 the first ones."""


class DataDriftStatus(ApiObject):
    """What is known of the data of what serves, as of `at`."""

    at: Timestamp
    """When this was written: with news, and else every six hours. The operator's metrics have newer numbers."""
    window: Timestamp | None = None
    """The end of the last window that was read."""
    reason: DriftReason
    """What is known, in one word, as in the condition `DataDrift`."""
    message: Sentence
    """The same in one sentence with the numbers."""
    reference: DriftReferenceStatus
    """What the data is compared with."""
    findings: Annotated[list[DriftFindingStatus], Field(max_length=FINDINGS), ATOMIC] | None = None
    """What has drifted or is broken, at most 20, the worst first."""
    others: Count | None = None
    """Findings that have no room in the list."""
