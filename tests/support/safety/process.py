"""The process of an operator in a life: its parts, put together as the command does."""

from pathlib import Path
from typing import Protocol

from palier.cluster.store import Store
from palier.metrics.prices import Prices
from palier.reconcile.budgets import BudgetKeeper
from palier.reconcile.controller import Controller
from palier.reconcile.costs import CostObserver
from palier.reconcile.data import DataKeeper
from palier.reconcile.trials import Trials
from tests.support.cluster.bell import Bell
from tests.support.metrics.exported import Exported
from tests.support.safety.api_server import Counted, StrictCluster


class World(Protocol):
    """What a process finds around it."""

    cluster: StrictCluster
    source: Counted
    features: Exported
    prices: Path | None
    store: Store
    bell: Bell
    budgets: BudgetKeeper
    data: DataKeeper
    now: float
    elapsed: float


def keep_budgets(world: World) -> BudgetKeeper:
    """What counts the objectives of what serves."""
    return BudgetKeeper(source=world.source, scrape_interval=1, clock=lambda: world.now, changed=world.bell.add)


def keep_data(world: World) -> DataKeeper:
    """What watches its data."""
    return DataKeeper(source=world.features, store=world.store, clock=lambda: world.now, changed=world.bell.add)


def make_controller(world: World) -> Controller:
    """What reconciles."""
    return Controller(
        cluster=world.cluster,
        store=world.store,
        queue=world.bell,
        source=world.source,
        cost_observer=CostObserver(
            cluster=world.cluster,
            store=world.store,
            source=world.source,
            prices=Prices(world.prices, clock=lambda: world.now),
            scrape_interval=1,
            clock=lambda: world.now,
        ),
        budgets=world.budgets,
        data=world.data,
        trials=Trials(cluster=world.cluster, store=world.store, source=world.source, image="palier:test"),
        look_interval=1,
        scrape_interval=1,
        clock=lambda: world.now,
        monotonic=lambda: world.elapsed,
    )
