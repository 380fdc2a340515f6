"""What is watched after a promotion, and what follows from it."""

from typing import Annotated

from pydantic import Field

from palier.api.rule import ApiObject
from palier.api.spec.data_drift import DataDrift


class ErrorBudgetPolicy(ApiObject):
    """What follows from an error budget that is spent: new releases wait until enough of it is back."""

    freeze_at: Annotated[int, Field(ge=0, le=99)] = 0
    """Percent of a budget; where no more than that is left of any, no release starts. Rollbacks do not wait, nor does a
    release whose version is marked as a fix by the annotation `palier.dev/fix`. Example: `10`."""


class Watch(ApiObject):
    """What goes on being watched after a promotion."""

    error_budget_days: Annotated[int, Field(ge=7, le=90)] = 28
    """Length of the window of the error budgets in days, 7 to 90. Another length begins them anew."""
    error_budget_policy: ErrorBudgetPolicy | None = None
    """What follows from a spent error budget; without it, it is told and nothing else."""
    data_drift: DataDrift | None = None
    """Whether the data still looks as it did; without it, nobody looks. The pods have to count it, as those with
    palier-instrument do."""
