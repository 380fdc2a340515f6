"""Keeps the error budgets of what serves: counts them minute by minute, and tells a pass where they stand."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.budgets import BudgetFigures
from palier.cluster.instruments import Instruments
from palier.cluster.queue import Key
from palier.metrics.inquiries import ANYBODY, Scope
from palier.metrics.minutes import INTERVAL
from palier.metrics.prometheus import MetricSource
from palier.metrics.served import ServedMinute, ServedObjectives
from palier.release.observation import Observation
from palier.release.served import choose_objectives, digest_objectives, find_limits
from palier.release.situation import Decision
from palier.release.state import State
from palier.watch.error_budget import judge_budget
from palier.watch.objectives import ObjectiveWatch


@dataclass(slots=True)
class _Account:
    """The objectives of one ModelDeployment."""

    limits: Mapping[str, Decimal] = field(default_factory=dict)
    objectives: dict[str, ObjectiveWatch] = field(default_factory=dict)


class BudgetKeeper:
    """The error budgets of all ModelDeployments.

    Args:
        source: where samples come from.
        scrape_interval: seconds between two scrapes of a pod.
        instruments: where the numbers are exported.
        clock: seconds since the epoch.
        changed: told a ModelDeployment whose people have to be told something.
        scope: what is known of the labels in Prometheus.
    """

    def __init__(
        self,
        *,
        source: MetricSource,
        scrape_interval: float,
        instruments: Instruments | None = None,
        clock: Callable[[], float] = time.time,
        changed: Callable[[Key], None] | None = None,
        scope: Scope = ANYBODY,
    ) -> None:
        self.reader = ServedObjectives(
            source, scrape_interval=scrape_interval, clock=clock, scope=scope, minute_read=self._add_minute
        )
        self._instruments = instruments
        self._clock = clock
        self._changed = changed
        self._accounts: dict[Key, _Account] = {}

    async def run(self) -> None:
        """The loop that counts."""
        await self.reader.run()

    def complete_observation(
        self, key: Key, deployment: ModelDeployment, observation: Observation, state: State
    ) -> Observation:
        """The observation with what was counted of each objective; after a restart with what was remembered."""
        if state.stable is None:
            return replace(observation, budgets={})
        account = self._accounts.setdefault(key, _Account())
        days, now = deployment.spec.watch.error_budget_days, self._clock()
        account.limits = find_limits(deployment)
        account.objectives = {
            name: next(
                (
                    one
                    for one in (account.objectives.get(name), state.watch.objectives.get(name))
                    if one is not None and one.of == of and one.slots.days == days
                ),
                None,
            )
            or ObjectiveWatch.begin(of, days, now=now)
            for name, of in digest_objectives(deployment).items()
        }
        return replace(observation, budgets=dict(account.objectives))

    def follow(self, key: Key, deployment: ModelDeployment, observation: Observation, decision: Decision) -> None:
        """Count what serves after a decision from now on."""
        candidate = decision.state.candidate
        served_by = observation.describe_revision(deployment, candidate.revision if candidate else "")
        watched = choose_objectives(served_by, decision.state)
        if watched is None:
            self.reader.forget(key)  # what was counted stays: an edit may take it back
        else:
            self.reader.watch(key, watched)

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self.reader.forget(key)
        self._accounts.pop(key, None)
        if self._instruments:
            self._instruments.forget_error_budgets(key)

    def _add_minute(self, key: tuple[str, str], minute: ServedMinute) -> None:
        """Count one minute, and have people told what follows from it."""
        account = self._accounts.get(Key(*key))
        if account is None:
            return
        changed = False
        for name, counts in minute.counts.items():
            before, limit = account.objectives.get(name), account.limits.get(name)
            if before is None or limit is None:
                continue
            if isinstance(counts, str):
                after = before.miss_minute(counts, limit=limit, now=minute.end)
            else:
                after = before.add_minute(counts.bad, counts.total, since=minute.start, until=minute.end, limit=limit)
            account.objectives[name] = after
            was_blind = before.is_blind(minute.end - INTERVAL)
            changed |= before.alert != after.alert or was_blind != after.is_blind(minute.end)
        self._export(Key(*key))
        if changed and self._changed:
            self._changed(Key(*key))

    def _export(self, key: Key) -> None:
        account = self._accounts.get(key)
        if self._instruments is None or account is None:
            return
        now, figures = self._clock(), {}
        for name, one in account.objectives.items():
            budget = judge_budget(one.slots, limit=account.limits[name], now=now)
            figures[name] = BudgetFigures(
                left=None if budget.left is None else float(budget.left) / 100,
                burn=budget.burn if budget.burn is not None and math.isfinite(budget.burn) else None,
                alert=one.alert.severity.value if one.alert else "",
                known=not one.problem,
            )
        self._instruments.put_error_budgets(key, figures)
