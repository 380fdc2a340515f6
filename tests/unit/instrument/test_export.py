"""The page that Prometheus scrapes: names and labels, all series from the start, and sums that never fall."""

import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter

from palier_instrument import Category, Number, Watch, watch
from tests.support.instrument.page import Page

PAGE = """\
# HELP palier_feature_value Values of each feature that is a number.
# TYPE palier_feature_value histogram
palier_feature_value_bucket{feature="amount",group="fr",le="1.5"} 1.0
palier_feature_value_bucket{feature="amount",group="fr",le="1e+06"} 2.0
palier_feature_value_bucket{feature="amount",group="fr",le="+Inf"} 2.0
palier_feature_value_count{feature="amount",group="fr"} 2.0
palier_feature_value_sum{feature="amount",group="fr"} 1.5
palier_feature_value_bucket{feature="amount",group="(other)",le="1.5"} 0.0
palier_feature_value_bucket{feature="amount",group="(other)",le="1e+06"} 0.0
palier_feature_value_bucket{feature="amount",group="(other)",le="+Inf"} 0.0
palier_feature_value_count{feature="amount",group="(other)"} 0.0
palier_feature_value_sum{feature="amount",group="(other)"} 0.0
"""


@pytest.fixture
def counting() -> Watch:
    """A watch of everything that there is."""
    return watch(
        features=[Number("amount", [1.5, 1e6]), Number("balance", [-1.0, 1.0]), Category("plan", ["free"])],
        prediction=Category("language", ["fr"]),
        group=Category("country", ["fr"]),
        registry=None,
    )


def test_the_page_has_the_documented_names_and_labels(counting: Watch) -> None:
    """A series that is renamed is one that nobody reads any more."""
    counting.count({"amount": 1.5, "plan": "free", "country": "fr"}, prediction="fr")
    counting.count({"amount": 2, "plan": "gold", "country": "fr"}, prediction="de")
    page = Page(counting.ledger)

    assert page.text.startswith(PAGE.replace(" 1.5\n", " 3.5\n"))
    assert page.read("palier_feature_category_total", feature="plan", group="fr", category="free") == 1
    assert page.read("palier_feature_category_total", feature="plan", group="fr", category="(other)") == 1
    assert page.read("palier_feature_missing_total", feature="balance", group="fr") == 2
    assert page.read("palier_feature_unreadable_total", feature="balance", group="fr") == 0
    assert page.read("palier_prediction_category_total", prediction="language", group="fr", category="fr") == 1
    assert page.read("palier_prediction_missing_total", prediction="language", group="fr") == 0
    assert page.read("palier_instrument_errors_total", part="features") == 0


def test_all_series_are_there_from_the_start_and_as_many_as_was_said(counting: Watch) -> None:
    """A series that appears with its first event hides it from `increase`."""
    page = Page(counting.ledger)

    assert set(page.series.values()) == {0}
    assert len(page.series) == counting.declaration.series + len(page.select("palier_instrument_errors_total"))


def test_a_sum_never_falls(counting: Watch) -> None:
    """Prometheus takes it for a restart: negative values add nothing, and a number with negative edges has no sum."""
    for amount in (-5.0, 3.0, -2.0):
        counting.count({"amount": amount, "balance": amount, "country": "fr"})
    page = Page(counting.ledger)

    assert page.read("palier_feature_value_sum", feature="amount", group="fr") == 3
    assert page.read_number("amount", group="fr").counts == (2, 1, 0)
    assert page.select("palier_feature_value_sum", feature="balance") == []
    assert page.read_number("balance", group="fr").counts == (2, 0, 1)


def test_names_of_users_are_not_on_the_page(counting: Watch) -> None:
    """What is not declared appears nowhere, whatever it is."""
    counting.count({"amount": "secret", "plan": "secret", "country": "secret"}, prediction="secret")

    assert "secret" not in Page(counting.ledger).text


def test_only_what_is_declared_has_a_family() -> None:
    """A server without predictions exports none."""
    counting = watch(features=[Number("amount", [])], registry=None)
    counting.count({"amount": 1})

    page = Page(counting.ledger)
    assert "prediction_" not in page.text
    assert page.read_number("amount").counts == (1,)


def test_it_lives_beside_other_metrics() -> None:
    """On one page, in one registry, where nothing else may have its names."""
    registry = CollectorRegistry()
    Counter("requests", "Requests.", registry=registry).inc()
    watch(features=[Number("amount", [1.0])], registry=registry).count({"amount": 0})

    with pytest.raises(ValueError, match="palier_feature_missing"):
        Counter("palier_feature_missing", "Another one of this name.", registry=registry)
    assert Page(registry).read("requests_total") == 1
    assert Page(registry).read_number("amount").counts == (1, 0)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), unique=True, min_size=1, max_size=20))
def test_edges_come_back_as_they_were_declared(edges: list[float]) -> None:
    """To the last digit: edges that differ are not compared."""
    counting = watch(features=[Number("amount", sorted(edges))], registry=None)

    assert Page(counting.ledger).read_number("amount").edges == tuple(sorted(edges))


@given(st.text(min_size=1, max_size=20).filter(lambda name: name.strip() and name.isprintable()))
def test_any_name_that_is_accepted_can_be_read_back(name: str) -> None:
    """With quotes, backslashes and letters of all scripts."""
    counting = watch(features=[Number(name, [1.0])], registry=None)
    counting.count({name: 0})

    assert Page(counting.ledger).read_number(name).counts == (1, 0)


@pytest.fixture
def _hasty_threads() -> Iterator[None]:
    """Threads that take turns as often as possible."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("_hasty_threads")
def test_threads_lose_no_count_and_a_page_is_of_one_moment() -> None:
    """Events of several threads add up, and every page that is written meanwhile has as many of each feature."""
    features = [Number(f"n{index}", [1.0]) for index in range(10)]
    shared = watch(features=features, registry=None)
    row = {one.name: 0.5 for one in features}

    def count() -> None:
        for _ in range(1500):
            shared.count(row)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    uneven = []
    while any(thread.is_alive() for thread in threads):
        families = {
            sample.labels["feature"]: sample.value
            for family in shared.ledger.collect()
            for sample in family.samples
            if sample.name == "palier_feature_value_count"
        }
        uneven += [families] if len(set(families.values())) > 1 else []
    for thread in threads:
        thread.join()

    assert uneven == []
    assert {Page(shared.ledger).read_number(one.name).events for one in features} == {6000}


def test_an_event_and_a_page_are_of_one_moment() -> None:
    """All counts of an event are added, and all counts of a page are copied, while nobody else can."""
    ledger = watch(features=[Number("a", [1.0]), Number("b", [1.0])], registry=None).ledger
    held: list[bool] = []

    def look(places: Iterable[Any]) -> Iterator[Any]:
        for place in places:
            held.append(ledger._lock.locked())
            yield place

    ledger.add_event(ledger.features, look([one.find_place(0) for one in ledger.features]), 0)
    assert held == [True, True]

    class Counts(list[Any]):
        """Counts that know when they are copied."""

        def __iter__(self) -> Iterator[Any]:
            """Look."""
            return look(super().__iter__())

    ledger._counts = Counts(ledger._counts)
    list(ledger.collect())
    assert held == [True, True, True]
    assert not ledger._lock.locked()
