"""The values of the status: what is counted, measured and named in it, each with its bound."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from palier.api.status.conditions import MESSAGE_LIMIT

ANNOTATION_LIMIT = 262144
"""The longest value that an annotation can have."""

Revision = Annotated[str, Field(max_length=10, pattern=r"^[0-9a-f]{10}$")]
Count = Annotated[int, Field(ge=0)]
Logarithm = Annotated[str, Field(max_length=32, pattern=r"^-?([0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?|inf)$")]
Figure = Annotated[str, Field(max_length=64, pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
"""A decimal number without an exponent."""
Reason = Annotated[str, Field(max_length=256)]
Message = Annotated[str, Field(max_length=MESSAGE_LIMIT)]


class ReleasePhase(StrEnum):
    """Where a release in progress stands."""

    PREPARING = "Preparing"
    LOAD_TESTING = "LoadTesting"
    EXAMINING = "Examining"
    SHADOWING = "Shadowing"
    CANARY = "Canary"
    PROMOTING = "Promoting"
    ROLLING_BACK = "RollingBack"


class Result(StrEnum):
    """How a release ended."""

    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    ABORTED = "Aborted"
    SUPERSEDED = "Superseded"
    REVERTED = "Reverted"
    FAILED = "Failed"
    REFUSED = "Refused"
    KEPT_STABLE = "KeptStable"

    @property
    def refuses(self) -> bool:
        """Whether the revision stays refused until the spec changes or a retry is asked for."""
        return self in {Result.ROLLED_BACK, Result.ABORTED, Result.FAILED, Result.REFUSED, Result.KEPT_STABLE}


class Verdict(StrEnum):
    """What the evidence says about an objective."""

    PASS = "Pass"  # noqa: S105 (the word of the design, not a password)
    FAIL = "Fail"
    NO_EVIDENCE = "NoEvidence"


class SuspectedBy(StrEnum):
    """What the suspicion of a breach rests on."""

    RELATIVE = "Relative"
    """The comparison with stable."""
    ABSOLUTE = "Absolute"
    """The objective's limit."""


class LoadTestPhase(StrEnum):
    """What a step of a load test is for."""

    WARM_UP = "WarmUp"
    CLIMB = "Climb"
    SEARCH = "Search"
    SOAK = "Soak"


class PlannedTraffic(StrEnum):
    """Which traffic a point of the plan is about."""

    POC = "POC"
    TARGET = "Target"
    DOUBLE = "Double"
    TENFOLD = "Tenfold"
