"""The error budgets of what serves: what is told of them, what is remembered, and whether a release waits.

It may wait for the data of what serves as well (`palier.release.data_drift`): a freeze is one, whatever it is for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from palier.api.constants import WITHIN_ERROR_BUDGET
from palier.evidence.sentences import two_digits
from palier.release.data_drift import describe_freeze
from palier.release.finding import Finding
from palier.release.observation import Observation
from palier.release.served import find_limits
from palier.release.situation import Hold, Note, Situation
from palier.release.state import Result, State
from palier.release.testing import ServingOption
from palier.release.watch_memory import WRITTEN_AFTER, WRITTEN_SOONER, WatchMemory
from palier.watch.error_budget import Budget, Severity, find_left, judge_budget
from palier.watch.freeze import describe_spent
from palier.watch.objectives import ObjectiveWatch, find_windows

_MESSAGE: Final = 512
_WHOM: Final[Mapping[Severity, str]] = {
    Severity.PAGE: "somebody should look at once",
    Severity.TICKET: "somebody should look on the next working day",
}

Limits = Mapping[str, Decimal]
"""Allowed shares of bad events, by objective."""


def update_memory(
    before: WatchMemory, seen: Mapping[str, ObjectiveWatch] | None, limits: Limits, *, now: float, under_way: bool
) -> tuple[WatchMemory, tuple[Note, ...]]:
    """What is remembered from now on, and what to tell people.

    Args:
        before: what was last written.
        seen: what this process knows of the objectives; None while nobody counts.
        limits: allowed shares of bad events, by objective; others are forgotten.
        now: seconds since the epoch.
        under_way: whether a release is in progress.
    """
    if seen is None:
        return before, ()
    kept = {name: _drop_passing_problem(one, now) for name, one in seen.items() if name in limits}
    # What nothing was counted of is not worth a write: thousands of objects may merely exist.
    current = {name: one for name, one in kept.items() if one.slots.is_begun or one.problem}
    standing, known = _find_standing(current, limits, now), _find_standing(before.objectives, limits, before.at)
    due = now - before.at >= (WRITTEN_SOONER if under_way else WRITTEN_AFTER)
    if not due and standing == known and before.objectives.keys() == known.keys():
        return before, ()
    notes = tuple(_list_notes(current, standing, known, limits, now=now))
    return WatchMemory(now, current) if current else WatchMemory(), notes


def find_freeze(situation: Situation, option: ServingOption) -> Hold | None:
    """Why a release that is asked for has to wait for an error budget, or for data; None where it need not.

    Args:
        situation: the arguments of the decision.
        option: what would be released.
    """
    watch = situation.deployment.spec.watch
    policy, drift = watch.error_budget_policy, watch.data_drift
    if (policy is None and drift is None) or not _is_change(situation, option):
        return None
    found = ""
    if policy is not None:
        left = judge_all(situation.observation, find_limits(situation.deployment), now=situation.now)
        found = describe_spent(left, freeze_at=Decimal(policy.freeze_at))
    if not found and drift is not None and drift.freeze:
        found = describe_freeze(situation.observation)
    if not found:
        return None
    version = situation.deployment.spec.model.version
    return Hold(
        "ReleasesFrozen",
        f"{found}. Only a fix does not wait: the annotation palier.dev/fix with the version {version} marks one",
    )


def judge_all(observation: Observation, limits: Limits, *, now: float) -> dict[str, Decimal | None]:
    """Percent that are left of each budget; None where too little is known."""
    counted = observation.budgets or {}
    return {
        name: find_left(counted[name].slots, limit=limit, now=now) if name in counted else None
        for name, limit in limits.items()
    }


class RememberedBudget(NamedTuple):
    """The error budget of one objective, as of the instant of the memory."""

    objective: ObjectiveWatch
    budget: Budget
    message: str


def judge_remembered(state: State, limits: Limits) -> dict[str, RememberedBudget]:
    """What is told of each budget by its name, as of the instant of the memory, so that it changes only with it."""
    found = {}
    for name, one in sorted(state.watch.objectives.items()):
        if (limit := limits.get(name)) is not None:
            budget = judge_budget(one.slots, limit=limit, now=state.watch.at)
            found[name] = RememberedBudget(one, budget, _describe(one, budget, limit, now=state.watch.at))
    return found


def watch_status(state: State, budgets: Mapping[str, RememberedBudget]) -> dict[str, Any]:
    """What `status.watch` tells of error budgets, the memory included."""
    status = state.watch.to_status()
    for entry in status.get("objectives", ()):
        if (one := budgets.get(entry["objective"])) is None:
            continue
        left, burn = one.budget.left, one.budget.burn
        told = {
            "budgetLeft": None if left is None else f"{two_digits(float(left))} %",
            "burn": None if burn is None else two_digits(burn),
            "message": one.message[:_MESSAGE],
        }
        entry |= {name: value for name, value in told.items() if value is not None}
    return status


def within_error_budget(budgets: Mapping[str, RememberedBudget]) -> list[Finding]:
    """Whether the error budgets of what serves are kept: the worst of them; nothing before anything is known."""
    found = [
        Finding(WITHIN_ERROR_BUDGET, *_find_reason(one.objective, one.budget), f"{name}: {one.message}")
        for name, one in budgets.items()
    ]
    return [min(found, key=lambda one: _WORST.index((one.status, one.reason)))] if found else []


_WORST: Final = (
    ("False", "ErrorBudgetSpent"),
    ("False", "ErrorBudgetBurns"),
    ("Unknown", "CannotWatch"),
    ("Unknown", "NotKnownYet"),
    ("True", "ErrorBudgetLeft"),
)


def _find_reason(one: ObjectiveWatch, budget: Budget) -> tuple[Literal["True", "False", "Unknown"], str]:
    if budget.left is not None and budget.left <= 0:
        return "False", "ErrorBudgetSpent"
    if one.alert:
        return "False", "ErrorBudgetBurns"
    if one.problem:
        return "Unknown", "CannotWatch"
    return ("Unknown", "NotKnownYet") if budget.left is None else ("True", "ErrorBudgetLeft")


def _describe(one: ObjectiveWatch, budget: Budget, limit: Decimal, *, now: float) -> str:
    parts = [budget.message]
    if one.alert:
        burn = find_windows(one.slots, one.alert.severity, limit=limit, now=now)
        parts.insert(0, f"{burn.describe()}; {_WHOM[one.alert.severity]}")
    if one.problem:
        parts.insert(0, f"nothing is known at present: {one.problem}")
    return "; ".join(parts)


def _is_change(situation: Situation, option: ServingOption) -> bool:
    """Whether a release is neither a fix that its owner has marked nor a return to a version that has served."""
    marked = situation.observation.requests.fix
    if marked and marked in {option.revision, situation.observation.revision, situation.deployment.spec.model.version}:
        return False
    served = {one.revision for one in situation.state.history if one.result is Result.PROMOTED}
    return option.revision not in served and situation.observation.facts(option.revision).mark is None


def _drop_passing_problem(one: ObjectiveWatch, now: float) -> ObjectiveWatch:
    """A minute that could not be read is no news; ten of them are."""
    return one if one.is_blind(now) else replace(one, problem="")


class Standing(NamedTuple):
    """What people know of one objective."""

    counted: str
    """Which events are counted, and over how many days."""
    told: Severity | None = None
    """Who was told that its budget burns."""
    spent: bool = False
    """Whether nothing is left of it, as far as is known."""
    known: bool = False
    """Whether it is known what is left of it."""
    blind: bool = False
    """Whether nothing can be counted."""


def _find_standing(objectives: Mapping[str, ObjectiveWatch], limits: Limits, now: float) -> dict[str, Standing]:
    """What people know of each objective."""
    found = {}
    for name, one in objectives.items():
        if name in limits:
            left = find_left(one.slots, limit=limits[name], now=now)
            found[name] = Standing(
                f"{one.of} {one.slots.days}",
                one.alert.severity if one.alert else None,
                spent=left is not None and left <= 0,
                known=left is not None,
                blind=bool(one.problem),
            )
    return found


def _list_notes(
    current: Mapping[str, ObjectiveWatch],
    standing: Mapping[str, Standing],
    known: Mapping[str, Standing],
    limits: Limits,
    *,
    now: float,
) -> Iterator[Note]:
    """What to tell of the objectives that stand otherwise than people know."""
    for name, (_, severity, spent, _, blind) in standing.items():
        _, told, was_spent, _, was_blind = known.get(name, Standing(""))
        one, limit = current[name], limits[name]
        if severity is not None and told is not severity and told is not Severity.PAGE:
            message = _describe(one, judge_budget(one.slots, limit=limit, now=now), limit, now=now)
            yield Note("Warning", "ErrorBudgetBurns", f"{name}: {message}")
        elif severity is None and told is not None:
            yield Note("Normal", "ErrorBudgetCalm", f"{name}: the error budget is no longer used up too fast")
        if spent and not was_spent:
            yield Note(
                "Warning", "ErrorBudgetSpent", f"{name}: {judge_budget(one.slots, limit=limit, now=now).message}"
            )
        if blind and not was_blind:
            yield Note("Warning", "CannotWatch", f"{name}: nothing is known at present: {one.problem}")
