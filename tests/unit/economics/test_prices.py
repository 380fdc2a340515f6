"""Prices: what an hour costs, from what, of when, and why there may be none."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import yaml

from palier.economics.money import Money
from palier.economics.prices import ANY_PRODUCT, Priced, PriceTable, Unpriced, hourly
from palier.economics.resources import Resources
from palier.errors import InvalidPrices
from tests.support.economics.examples import PRICES, TODAY, prices

SMALL = Resources(Decimal("0.5"), Decimal(2))


def price(
    resources: Resources, table: PriceTable | None, *, selector: dict[str, str] | None = None, today: date = TODAY
) -> Priced | Unpriced:
    """The price of a replica on nodes with these labels."""
    return hourly(resources, table, node_selector=selector or {}, today=today)


def amount(resources: Resources, table: PriceTable, **more: Any) -> Decimal:  # noqa: ANN401
    """The same, where there is a price."""
    found = price(resources, table, **more)
    assert isinstance(found, Priced), found
    return found.money.amount


def gpu(product: str, count: int = 1) -> Resources:
    """A replica of nothing but accelerators."""
    return Resources(Decimal(0), Decimal(0), {product: count})


def test_a_table_is_read_as_it_is_written() -> None:
    """Numbers with or without quotes are exact, dates are dates, and the parts that are left out have their default."""
    table = PriceTable.parse(
        yaml.safe_load(
            """
            currency: EUR
            source: list prices
            asOf: 2026-11-01
            cpuHour: 0.1
            memoryGiBHour: "0.0042"
            gpuHour: {L4: 1, H100: "6.88"}
            """
        )
    )
    assert table == PriceTable(
        "EUR",
        "list prices",
        date(2026, 11, 1),
        Decimal("0.1"),
        Decimal("0.0042"),
        {"L4": Decimal(1), "H100": Decimal("6.88")},
    )
    assert table.max_age_days == 365
    assert prices(asOf=datetime(2026, 11, 1, 12, tzinfo=UTC), maxAge="30d").max_age_days == 30
    assert prices(asOf=datetime(2026, 11, 1, 12, tzinfo=UTC)).as_of == date(2026, 11, 1)


def test_a_table_may_name_the_currency_of_opencost() -> None:
    """The same file serves the operator, which may read OpenCost, and the offline plan, which does not."""
    assert prices(openCost={"currency": "EUR"}).open_cost == "EUR"
    assert prices().open_cost == ""


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"currency": None}, "currency"),
        ({"currency": "euro"}, "currency"),
        ({"currency": "EUR\n"}, "currency"),
        ({"source": None}, "source"),
        ({"source": ""}, "source"),
        ({"source": 7}, "source"),
        ({"asOf": None}, "asOf"),
        ({"asOf": "November"}, "asOf"),
        ({"asOf": "2026-13-01"}, "asOf"),
        ({"asOf": 20261101.5}, "asOf"),
        ({"cpuHour": None}, "cpuHour"),
        ({"cpuHour": -1}, "cpuHour"),
        ({"cpuHour": "-0.01"}, "cpuHour"),
        ({"cpuHour": float("nan")}, "cpuHour"),
        ({"cpuHour": "NaN"}, "cpuHour"),
        ({"cpuHour": "Infinity"}, "cpuHour"),
        ({"cpuHour": "1e10"}, "cpuHour"),
        ({"cpuHour": True}, "cpuHour"),
        ({"cpuHour": "1_000"}, "cpuHour"),
        ({"cpuHour": " 1"}, "cpuHour"),
        ({"cpuHour": "0,03"}, "cpuHour"),
        ({"cpuHour": ["0.03"]}, "cpuHour"),
        ({"memoryGiBHour": None}, "memoryGiBHour"),
        ({"memoryGiBHour": "x"}, "memoryGiBHour"),
        ({"gpuHour": "0.80"}, "gpuHour"),
        ({"gpuHour": {"L4": -1}}, "gpuHour.L4"),
        ({"gpuHour": {"L4": None}}, "gpuHour.L4"),
        ({"gpuHour": {"": 1}}, "gpuHour"),
        ({"gpuHour": {"NVIDIA-": 1}}, "gpuHour"),
        ({"gpuHour": {"L4": 1, "nvidia l4": 2}}, "gpuHour.nvidia l4"),
        ({"maxAge": "1y"}, "maxAge"),
        ({"maxAge": 30}, "maxAge"),
        ({"cpuhour": 1}, "cpuhour"),
        ({"openCost": {"currency": "eur"}}, "openCost.currency"),
        ({"openCost": True}, "openCost"),
        ({"nodePools": {"name": "a"}}, "nodePools"),
        ({"nodePools": [{"nodeSelector": {"a": "b"}}]}, "nodePools[0].name"),
        ({"nodePools": [{"name": "a"}]}, "nodePools[0].nodeSelector"),
        ({"nodePools": [{"name": "a", "nodeSelector": {}}]}, "nodePools[0].nodeSelector"),
        ({"nodePools": [{"name": "a", "nodeSelector": {"spot": True}}]}, "nodePools[0].nodeSelector.spot"),
        ({"nodePools": [{"name": "a", "nodeSelector": {"a": "b"}, "cpu": 1}]}, "nodePools[0].cpu"),
        ({"nodePools": [{"name": "a", "nodeSelector": {"a": "b"}, "cpuHour": "-1"}]}, "nodePools[0].cpuHour"),
        ({"nodePools": [{"name": "a", "nodeSelector": {"a": "b"}, "gpuHour": {"T4": "x"}}]}, "nodePools[0].gpuHour.T4"),
    ],
)
def test_what_is_no_price_is_refused_by_name(changes: dict[str, Any], field: str) -> None:
    """A table with a mistake is no table: the field is named, so that nothing is computed with a guess."""
    with pytest.raises(InvalidPrices) as error:
        prices(**changes)
    assert error.value.field == field
    assert str(error.value) == f"{field}: {error.value.message}"


@pytest.mark.parametrize("written", [None, [], "prices", 3])
def test_a_file_of_something_else_is_no_table(written: object) -> None:
    """An empty file, or a list, is refused with the fields that a table has."""
    with pytest.raises(InvalidPrices, match="currency, source, asOf"):
        PriceTable.parse(written)


def test_an_hour_is_cores_and_memory_and_accelerators() -> None:
    """0.5 cores at 0.03, 2 GiB at 0.004 and two L4 at 0.80 are 1.623 an hour, and each part can be seen."""
    found = price(Resources(Decimal("0.5"), Decimal(2), {"L4": 2}), prices())
    assert isinstance(found, Priced)
    assert found.money == Money(Decimal("1.623"), "EUR")
    assert found.per == {
        "cpu": Money(Decimal("0.015"), "EUR"),
        "memory": Money(Decimal("0.008"), "EUR"),
        "L4": Money(Decimal("1.60"), "EUR"),
    }
    assert (found.source, found.as_of) == ("list prices", date(2026, 11, 1))


@pytest.mark.parametrize("product", ["L4", "NVIDIA-L4", "nvidia-l4", "l4", "NVIDIA L4", "nvidia_l4"])
def test_a_product_is_found_with_and_without_its_vendor(product: str) -> None:
    """A node's label says NVIDIA-L4 where a price list says L4."""
    assert amount(gpu(product), prices()) == Decimal("0.80")


def test_a_product_is_not_taken_for_another_one() -> None:
    """A vendor that is left out of the label is found too, but an L40S is no L4: its price is missing, by name."""
    assert amount(gpu("H100-80GB-HBM3"), prices()) == Decimal("6.88")
    missing = price(gpu("L40S"), prices())
    assert isinstance(missing, Unpriced)
    assert (missing.reason, "L40S" in missing.message, "gpuHour" in missing.message) == ("GpuPriceMissing", True, True)


def test_a_gpu_without_a_product_has_no_price() -> None:
    """Which GPU the pod gets is not known, so neither is its price: the message says where to name it."""
    found = price(gpu(""), prices())
    assert isinstance(found, Unpriced)
    assert found.reason == "GpuPriceMissing"
    assert "spec.serving.placement.gpu.product" in found.message


def test_a_price_for_any_product_is_the_last_resort() -> None:
    """A table that was read from one node knows the price of its GPUs, whatever they are called."""
    node = PriceTable("EUR", "OpenCost", TODAY, Decimal(0), Decimal(0), {ANY_PRODUCT: Decimal(2), "L4": Decimal(1)})
    assert [amount(gpu(product), node) for product in ("", "H100", "NVIDIA-L4")] == [Decimal(2), Decimal(2), Decimal(1)]


POOLS = [
    {"name": "spot", "nodeSelector": {"pool": "spot"}, "cpuHour": "0.01"},
    {"name": "spot-gpu", "nodeSelector": {"pool": "spot", "gpu": "yes"}, "gpuHour": {"L4": "0.30"}},
    {"name": "again", "nodeSelector": {"pool": "spot"}, "cpuHour": "9"},
]


def test_nodes_of_a_pool_have_prices_of_their_own() -> None:
    """The pool with the most labels counts, the first of equals, and what it leaves out is as in the table."""
    table = prices(nodePools=POOLS)
    resources = Resources(Decimal(1), Decimal(1), {"L4": 1})
    assert amount(resources, table) == Decimal("0.834")
    assert amount(resources, table, selector={"pool": "spot"}) == Decimal("0.814")
    assert amount(resources, table, selector={"pool": "spot", "gpu": "yes", "zone": "a"}) == Decimal("0.334")
    assert amount(resources, table, selector={"pool": "other", "gpu": "yes"}) == Decimal("0.834")


def test_a_pool_may_be_free() -> None:
    """A price of 0 that somebody wrote is a price; it does not fall back to the table's."""
    table = prices(nodePools=[{"name": "own", "nodeSelector": {"own": "yes"}, "cpuHour": 0, "memoryGiBHour": "0"}])
    assert amount(SMALL, table, selector={"own": "yes"}) == 0


@pytest.mark.parametrize(("age", "stale"), [(0, False), (365, False), (366, True), (-365, False), (-366, True)])
def test_old_prices_are_no_prices(age: int, stale: bool) -> None:
    """The last day still counts; a date in the far future is a mistake and must not keep prices fresh for ever."""
    table = prices(asOf=str(date.fromordinal(TODAY.toordinal() - age)))
    found = price(SMALL, table)
    assert isinstance(found, Unpriced) == stale
    if isinstance(found, Unpriced):
        assert found.reason == "PricesStale"
        assert f"{abs(age)} days" in found.message
        assert "365 days" in found.message


def test_prices_may_be_kept_for_longer() -> None:
    """Whoever knows that prices still hold can say for how long."""
    assert amount(SMALL, prices(asOf="2024-01-01", maxAge="2000d")) == Decimal("0.023")
    assert isinstance(price(SMALL, prices(asOf="2026-11-01", maxAge="22d")), Unpriced)


def test_no_table_says_why() -> None:
    """Without prices there is no number, but the reason that is known, or what to do."""
    assert hourly(SMALL, None, node_selector={}, today=TODAY, problem="the file is gone") == Unpriced(
        "PricesMissing", "the file is gone"
    )
    found = price(SMALL, None)
    assert isinstance(found, Unpriced)
    assert "give a table with currency" in found.message


def test_the_fields_of_the_example_are_all_there_are() -> None:
    """The contract of `palier plan`: these six fields make a table."""
    assert sorted(PRICES) == ["asOf", "cpuHour", "currency", "gpuHour", "memoryGiBHour", "source"]
