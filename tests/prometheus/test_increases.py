"""From a model that counts its features, through a real Prometheus, to the profile of a window."""

import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from local import build, catalogue
from local.paths import Layout
from local.processes import Daemon
from palier.metrics.increases import Pods, find_twins
from palier.metrics.prometheus import PrometheusSource
from palier.watch.features.exported import count_exported
from palier.watch.features.profile import EVERYBODY, Categories, Numbers
from palier_instrument import Category, Declaration, Number, Watch
from tests.prometheus.conftest import NAMESPACE, Runtimes, start_prometheus

MODEL, TWIN = "demo-aaaaaaaaaa", "twin-aaaaaaaaaa"
REQUESTS = 300


class Window(NamedTuple):
    """What a Prometheus has seen of it."""

    url: str
    after: float
    """When the window ends, in seconds since the epoch."""


def expose(requests: int) -> str:
    """What a server shows after so many requests: a third of them are large ones, every tenth has no age."""
    registry = CollectorRegistry()
    declaration = Declaration(
        [Number("amount", [10, 100, 1000]), Number("age", [30, 60]), Category("plan", ["free", "paid"])]
    )
    counting = Watch(declaration, registry=registry)
    for number in range(requests):
        age = None if number % 10 == 0 else 40
        counting.count({"amount": 500 if number % 3 == 0 else 50, "age": age, "plan": "paid" if number % 2 else "gold"})
    return generate_latest(registry).decode()


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """Two pods that answer requests between two scrapes, and one of another object."""
    build.ensure([catalogue.METRICS])
    layout = Layout(tmp_path_factory.mktemp("prometheus"))
    layout.make()
    daemon = Daemon("prometheus", layout)
    names = [f"{MODEL}-a", f"{MODEL}-b", f"{TWIN}-a"]
    with Runtimes({name: (expose(0), expose(REQUESTS)) for name in names}) as runtimes:
        try:
            prometheus = start_prometheus(daemon, names, target=f"127.0.0.1:{runtimes.server_port}")
            prometheus.wait_for("count(test_phase == 0)", len(names))
            runtimes.phase = 1
            prometheus.wait_for("count(test_phase == 1)", len(names))
            yield Window(prometheus.url, time.time())
        finally:
            daemon.stop(5)


async def test_two_pods_make_one_profile(window: Window) -> None:
    """Every value is in its bin, for both pods together; what was not declared is counted with the rest."""
    source = PrometheusSource(window.url)
    try:
        increases = await source.increases(Pods(NAMESPACE, MODEL), at=window.after, seconds=60.0)
    finally:
        source.close()
    profile = count_exported(increases)
    amount, age, plan = (profile.features[name] for name in ("amount", "age", "plan"))

    assert isinstance(amount, Numbers)
    assert isinstance(age, Numbers)
    assert isinstance(plan, Categories)
    assert amount.edges == (10.0, 100.0, 1000.0)
    # `increase()` extrapolates by a scrape interval or so, which is much of a window of seconds: the shares are right.
    total = sum(amount.counts)
    assert 2 * REQUESTS <= total <= 4 * REQUESTS
    assert [one / total for one in amount.counts] == pytest.approx([0, 2 / 3, 1 / 3, 0], abs=0.02)
    assert age.nulls / age.events == pytest.approx(0.1, abs=0.02)
    assert plan.counts["paid"] / plan.events == pytest.approx(0.5, abs=0.02)
    assert plan.other / plan.events == pytest.approx(0.5, abs=0.02)
    assert find_twins(increases) == 1
    assert set(profile.groups) <= {EVERYBODY}


async def test_nobody_elses_pods_are_counted(window: Window) -> None:
    """An object whose name begins alike has windows of its own."""
    source = PrometheusSource(window.url)
    try:
        mine = await source.increases(Pods(NAMESPACE, TWIN), at=window.after, seconds=60.0)
        elsewhere = await source.increases(Pods("other", MODEL), at=window.after, seconds=60.0)
    finally:
        source.close()

    amount = count_exported(mine).features["amount"]
    assert isinstance(amount, Numbers)
    assert REQUESTS <= sum(amount.counts) <= 2 * REQUESTS
    assert count_exported(elsewhere).features == {}
