"""Which objectives are counted of what serves, for their error budgets: all that are about a share of bad events."""

import hashlib
import json
from decimal import Decimal
from typing import Any, Final

from palier.api.v1alpha1 import ModelDeployment, Objective
from palier.evidence.objective import ObjectiveRule
from palier.measuring.look import WatchedRelease
from palier.release.answer_counters import NOBODY, find_router_series
from palier.release.criteria import measure_users_requests
from palier.release.rules import RELEASE_ALPHA, is_met_by_users, rule_of
from palier.release.state import State

_LIMITS: Final = frozenset({"maxPercent", "percentile"})
_NOT_COUNTED: Final = frozenset({"name", "proof", "segmentBy"})
"""Fields of an objective that change what is said of its events, and not which events are counted."""
_DIGITS: Final = 12


def choose_objectives(deployment: ModelDeployment, state: State) -> WatchedRelease | None:
    """The serving revisions with the objectives that have an error budget; None where there is nothing to count.

    A mean, a score and a limit on cost have no bad events, and so no budget.

    Args:
        deployment: the spec as the candidate serves it.
        state: the memory: stable, and the candidate once it has traffic.
    """
    stable = state.stable
    if stable is None:
        return None
    candidate = state.candidate if state.release and state.release.has_met_users else None
    measured = measure_users_requests(deployment, state).measured
    chosen = tuple(one for one in measured if isinstance(one.rule, ObjectiveRule))
    if not chosen:
        return None
    return WatchedRelease(
        candidate=candidate.revision if candidate else NOBODY,
        stable=stable.revision,
        stage_index=0,
        begun_at=0.0,
        traffic_since=None,
        objectives=chosen,
        evidence={},
        router=find_router_series(deployment, state, candidate),
    )


def find_limits(deployment: ModelDeployment) -> dict[str, Decimal]:
    """The allowed share of bad events of every objective that has an error budget, by name."""
    rules = [rule_of(one, alpha=RELEASE_ALPHA) for one in deployment.spec.objectives if is_met_by_users(one)]
    # Binary numbers add something to a share that no spec has written.
    return {one.name: Decimal(str(round(one.limit, _DIGITS))) for one in rules if isinstance(one, ObjectiveRule)}


def digest_objectives(deployment: ModelDeployment) -> dict[str, str]:
    """Digest of which events each objective with an error budget counts, by name."""
    limits = find_limits(deployment)
    return {one.name: digest_events(one) for one in deployment.spec.objectives if one.name in limits}


def digest_events(objective: Objective) -> str:
    """Digest of which events an objective counts: another limit makes its budget larger or smaller, and not anew."""
    written = objective.model_dump(mode="json", by_alias=True, exclude_none=True)
    kept = {name: _drop_limits(value) for name, value in written.items() if name not in _NOT_COUNTED}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def _drop_limits(value: Any) -> Any:  # noqa: ANN401 - what JSON holds
    if isinstance(value, dict):
        return {name: one for name, one in value.items() if name not in _LIMITS}
    return value
