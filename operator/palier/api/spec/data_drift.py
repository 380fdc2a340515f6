"""Whether the data of a served model is watched, what it is compared with, and what follows from a drift."""

import re
from decimal import Decimal
from typing import Annotated, ClassVar, Final

from pydantic import Field

from palier.api.rule import SET, ApiObject, Rule, RuledString
from palier.api.spec.fields import exactly_one
from palier.api.spec.serving import ConfigMapKey
from palier.api.spec.values import Duration

_SHORTEST: Final = 600.0
"""Seconds of a window at least."""
_LONGEST: Final = 86_400.0
"""Seconds of a window at most."""


class PsiLimit(RuledString):
    """A population stability index from which on a change matters."""

    __slots__ = ()

    form = r"^[0-9](\.[0-9]{1,4})?$"
    longest = 6
    constraints = (
        Rule(
            cel=f"self.matches(r'{form}') && double(self) > 0.0",
            holds=lambda text: re.fullmatch(r"[0-9](\.[0-9]{1,4})?", text) is not None and Decimal(text) > 0,
            message='a limit of PSI is a decimal in quotes, above 0 and below 10, with at most 4 decimals: "0.1"',
        ),
    )


class CanaryReference(ApiObject):
    """What the released version met in its first windows after its promotion."""

    windows: Annotated[int, Field(ge=1, le=168)] = 24
    """Windows that are counted together, 1 to 168. With windows of an hour, 24 hold a whole day and its night."""
    min_events: Annotated[int, Field(ge=100, le=1000000000)] = 10000
    """Events that they hold at least; until then more windows are counted. Example: `20000`."""


class ProfileReference(ApiObject):
    """A profile's file, as `palier drift --write-profile` writes it."""

    config_map_key_ref: ConfigMapKey
    """Where the file is kept."""


class DriftReference(ApiObject):
    """What the data of today is compared with: exactly one of `canary` and `profile`."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        exactly_one("canary", "profile", message="a reference takes exactly one of canary and profile"),
    )

    canary: CanaryReference | None = None
    """What the released version met in its first windows; kept from then on."""
    profile: ProfileReference | None = None
    """A profile, such as that of the training data."""


class DataDrift(ApiObject):
    """How the features and predictions that the pods count are compared with a reference, window after window."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                f"!self.window.matches(r'{Duration.form}') || (duration(self.window) >= duration('10m') &&"
                " duration(self.window) <= duration('24h'))"
            ),
            holds=lambda drift: _SHORTEST <= drift.window.seconds <= _LONGEST,
            message="a window lasts from 10m to 24h",
            field=".window",
        ),
    )

    features: (
        Annotated[list[Annotated[str, Field(min_length=1, max_length=128)]], Field(min_length=1, max_length=100), SET]
        | None
    ) = None
    """Names of the features and predictions to watch, at most 100; all that the pods count when left out. Other
    names begin a `canary` reference anew. Example: `[amount, plan]`."""
    reference: DriftReference | None = None
    """What they are compared with; what the released version met (`canary: {}`) when left out."""
    window: Duration = Duration("1h")
    """Length of a window, 10m to 24h. A change has to show in two of them that follow each other."""
    psi: PsiLimit = PsiLimit("0.1")
    """Population stability index from which on a change matters, in quotes."""
    freeze: bool = False
    """Whether no release starts while anything has drifted. Rollbacks do not wait, nor does a release whose version is
    marked as a fix by the annotation `palier.dev/fix`."""
