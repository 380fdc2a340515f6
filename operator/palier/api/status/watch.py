"""What the status says after a promotion: of the error budgets of the objectives, and of the data."""

from typing import Annotated

from pydantic import Field

from palier.api.rule import ATOMIC, ApiObject, ListType
from palier.api.spec.values import LabelName
from palier.api.status.conditions import Timestamp
from palier.api.status.data_drift import DataDriftStatus
from palier.api.status.values import Message

Whole = Annotated[str, Field(max_length=16, pattern=r"^[0-9]+$")]
"""A whole number."""


class SlotsStatus(ApiObject):
    """Counts of one ring of time slots; empty where nothing was counted in any."""

    first: Whole | None = None
    """Number of the first slot, counted from the epoch."""
    counts: Annotated[str, Field(max_length=2048)] | None = None
    """For each slot from there on: bad events, all events and the seconds in which somebody looked, with slashes
    between them; `-` where nobody did."""


class BudgetCountsStatus(ApiObject):
    """What was counted for an error budget, in three rings of time slots."""

    days: Whole
    """Length of the budget's window in days."""
    since: Whole
    """When counting began, in seconds since the epoch."""
    at: Whole
    """When was last counted, in seconds since the epoch."""
    slots: Annotated[list[SlotsStatus], Field(max_length=3), ATOMIC]
    """The rings, the one with the shortest slots first."""


class ObjectiveWatchStatus(ApiObject):
    """Where the error budget of one objective stands."""

    objective: LabelName
    """Name of the objective."""
    budget_left: Annotated[str, Field(max_length=32)] | None = None
    """What is left of the budget, below 0 where more was spent than there was; absent while too little is known.
    Example: `83 %`."""
    burn: Annotated[str, Field(max_length=32)] | None = None
    """How fast it is used up at present: at 1 it is just used up when its window is over."""
    alert: Annotated[str, Field(max_length=16)] | None = None
    """`Page` or `Ticket` while it is used up too fast; absent else."""
    alert_since: Timestamp | None = None
    """Since when."""
    problem: Message | None = None
    """Why nothing is known at present; absent where it is."""
    message: Message | None = None
    """All of it in one sentence with the numbers."""
    of: Annotated[str, Field(max_length=64)] | None = None
    """Digest of which events are counted; other events are another budget."""
    counts: BudgetCountsStatus | None = None
    """What was counted."""


class WatchStatus(ApiObject):
    """What is known of the promoted version."""

    at: Timestamp | None = None
    """When `objectives` was written: with news, and else every six hours. The operator's metrics have newer numbers."""
    objectives: Annotated[list[ObjectiveWatchStatus], Field(max_length=16), ListType("map", "objective")] | None = None
    """The objectives with an error budget."""
    data_drift: DataDriftStatus | None = None
    """What is known of its data; absent where `spec.watch.dataDrift` is."""
