"""Puts the operator together from its parts and runs it: `palier operator`."""

from collections.abc import Sequence

from palier.cluster.client import KubernetesCluster
from palier.cluster.instruments import Instruments
from palier.cluster.queue import Key, WorkQueue
from palier.cluster.reach import PortProbe
from palier.cluster.store import Store
from palier.kopf_app import run
from palier.metrics.asking import AT_ONCE
from palier.metrics.connection import Credentials
from palier.metrics.inquiries import Scope
from palier.metrics.prices import Prices
from palier.metrics.prometheus import PrometheusSource
from palier.reconcile.budgets import BudgetKeeper
from palier.reconcile.controller import Controller
from palier.reconcile.costs import CostObserver
from palier.reconcile.data import DataKeeper
from palier.reconcile.trials import Trials
from palier.settings import Settings

LONGEST_BACKOFF = 30.0
"""Seconds after which a pass that failed is made again at the latest: users may wait for what it takes back."""


async def operate(settings: Settings) -> None:
    """Run the operator until it is asked to end.

    Raises:
        InvalidSettings: the credentials for Prometheus cannot be used.
        Exception: a part of it failed.
    """
    credentials = Credentials(settings.prometheus_credentials) if settings.prometheus_credentials else None
    instruments = Instruments()

    def prometheus(threads: int) -> PrometheusSource:
        return PrometheusSource(
            settings.prometheus_url,
            # An answer that takes longer than two looks is late anyway: the next look asks for all of it again.
            timeout=min(8.0, max(2.0, 2 * settings.look_interval)),
            threads=threads,
            credentials=credentials,
            matchers=settings.prometheus_matchers,
            most_series=settings.prometheus_max_series,
        )

    # Nobody waits for prices, usage and windows as for a verdict, so that they have threads of their own.
    source, leisurely = prometheus(AT_ONCE), prometheus(3)
    cluster = await KubernetesCluster.connect(
        kubeconfig=settings.kubeconfig, context=settings.context, instruments=instruments
    )
    try:
        store, queue = Store(), WorkQueue[Key](longest_backoff=LONGEST_BACKOFF)

        def queue_counted(keys: Sequence[tuple[str, str]]) -> None:
            for key in keys:
                queue.add(Key(*key))  # what an answer costs may be known now, or have changed

        scope = Scope(
            router_namespaces=settings.router_namespaces,
            pod_labels=frozenset(settings.pod_labels),
            most_series=settings.prometheus_max_series,
            matchers=tuple(settings.prometheus_matchers),
        )
        cost_observer = CostObserver(
            scope=scope,
            cluster=cluster,
            store=store,
            source=leisurely,
            prices=Prices(settings.prices, leisurely),
            scrape_interval=settings.scrape_interval,
            instruments=instruments,
            counted=queue_counted,
        )
        budgets = BudgetKeeper(
            source=leisurely,
            scrape_interval=settings.scrape_interval,
            instruments=instruments,
            changed=queue.add,
            scope=scope,
        )
        data = DataKeeper(source=leisurely, store=store, instruments=instruments, changed=queue.add)
        controller = Controller(
            cluster=cluster,
            store=store,
            queue=queue,
            source=source,
            look_interval=settings.look_interval,
            scrape_interval=settings.scrape_interval,
            look_finished=instruments.look_finished,
            ports=PortProbe(),
            scope=scope,
            cost_observer=cost_observer,
            budgets=budgets,
            data=data,
            trials=Trials(
                cluster=cluster,
                store=store,
                source=leisurely,
                image=settings.image or "",
                cluster_wide=not settings.namespaces,
            ),
        )
        await run(
            controller,
            cluster=cluster,
            settings=settings,
            instruments=instruments,
            last_turn=lambda: controller.looks.last_turn,
        )
    finally:
        await cluster.close()
        source.close()
        leisurely.close()
