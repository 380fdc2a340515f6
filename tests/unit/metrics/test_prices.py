"""Prices as they hold now: read again when the file changes, OpenCost's first, and never a reason to stop."""

import asyncio
import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from palier.economics.prices import Priced, PriceTable, hourly
from palier.economics.resources import Resources
from palier.errors import MetricsUnavailable
from palier.evidence.counters import Series
from palier.metrics.prices import OPEN_COST_KEPT, Prices

TABLE = """\
currency: EUR
source: list prices
asOf: 2026-11-01
cpuHour: 0.03
memoryGiBHour: "0.004"
"""
NOW = 1_795_560_000.0
"""The 24th of November 2026."""


class OpenCost:
    """The metrics of an OpenCost; a list of (labels, samples) for each of them."""

    def __init__(self) -> None:
        self.series: dict[str, list[Series]] = {}
        self.problem: MetricsUnavailable | None = None
        self.questions: list[str] = []

    def says(
        self,
        node: str,
        *,
        cpu: float,
        memory: float,
        gpu: float = 0.0,
        age: float = 30.0,
        labels: dict[str, str] | None = None,
    ) -> None:
        """The prices of a node, scraped some seconds ago."""
        names = {"node_cpu_hourly_cost": cpu, "node_ram_hourly_cost": memory, "node_gpu_hourly_cost": gpu}
        for name, price in names.items():
            given = labels or {"node": node, "instance": node}
            self.series.setdefault(name, []).append(Series(given, [(NOW - age - 60, 9.0), (NOW - age, price)]))

    async def samples(self, selector: str, *, at: float, seconds: float) -> list[Series]:
        """See `MetricSource.samples`."""
        self.questions.append(selector)
        await asyncio.sleep(0)
        if self.problem:
            raise self.problem
        found = []
        for one in self.series.get(selector, []):
            held = [(moment, value) for moment, value in one.samples if at - seconds < moment <= at]
            found += [Series(one.labels, held)] if held else []
        return found


class Clock:
    """Seconds since the epoch, put forward by hand."""

    now = NOW

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def open_cost() -> OpenCost:
    """An OpenCost that knows nothing yet."""
    return OpenCost()


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A price table without OpenCost."""
    path = tmp_path / "prices.yaml"
    path.write_text(TABLE)
    return path


def rewrite(file: Path, text: str, *, age: float) -> None:
    """Replace a file as Kubernetes does, at another time than before."""
    other = file.with_suffix(".new")
    other.write_text(text)
    os.utime(other, (NOW - age, NOW - age))
    other.replace(file)


def take_away(file: Path) -> None:
    """Let there be no such file."""
    file.unlink()


def cost(table: PriceTable | None, **gpus: int) -> Decimal:
    """What one core, one GiB and some accelerators cost in an hour."""
    priced = hourly(Resources(Decimal(1), Decimal(1), gpus), table, node_selector={}, today=date(2026, 11, 24))
    assert isinstance(priced, Priced), priced
    return priced.money.amount


async def test_without_a_file_the_reason_says_how_to_give_one() -> None:
    """An operator that was told of no prices has none, and says which flag is missing."""
    table, problem = await Prices(None).table(["a"])
    assert table is None
    assert "--prices" in problem


async def test_the_table_of_the_file(file: Path) -> None:
    """What is written is what counts, whether a pod runs already or not."""
    for nodes in ((), ("a",)):
        table, problem = await Prices(file).table(nodes)
        assert table is not None
        assert (cost(table), table.currency, table.source, problem) == (Decimal("0.034"), "EUR", "list prices", "")


async def test_a_changed_file_is_read_again(file: Path) -> None:
    """New prices count without a restart of the operator."""
    prices = Prices(file)
    rewrite(file, TABLE, age=100)
    assert cost((await prices.table())[0]) == Decimal("0.034")
    rewrite(file, TABLE.replace("0.03", "0.06"), age=50)
    assert cost((await prices.table())[0]) == Decimal("0.064")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "a table of prices is a mapping with the fields"),
        ("currency: [", "it is not YAML"),
        ("\x00", "it is not YAML"),
        (TABLE.replace("cpuHour: 0.03\n", ""), "cpuHour: this field is required"),
        (f"{TABLE}gpu: 1\n", "gpu: there is no such field"),
        (TABLE.replace("0.03", "-1"), "cpuHour: it must be a price of 0 or more"),
        (f"{TABLE}openCost: {{currency: USD}}\n", "openCost.currency: it is USD, and the table is in EUR"),
        ("openCost: {currency: dollars}", "openCost.currency: it must be three capital letters"),
    ],
)
async def test_a_file_that_cannot_be_used_makes_prices_missing(
    file: Path, caplog: pytest.LogCaptureFixture, text: str, told: str
) -> None:
    """Neither the operator stops nor do old prices go on to count; the reason names file and field, once in the log."""
    prices = Prices(file)
    assert (await prices.table())[0] is not None
    rewrite(file, text, age=50)
    for _ in range(3):
        table, problem = await prices.table()
        assert table is None
        assert f"the price table {file} cannot be used: {told}" in problem
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [problem]
    rewrite(file, TABLE, age=20)
    assert await prices.table() == await Prices(file).table()


async def test_a_file_that_comes_late_is_read_then(file: Path) -> None:
    """A file that is not there yet, or not any more, is missing only as long as it is."""
    prices = Prices(file)
    take_away(file)
    table, problem = await prices.table()
    assert (table, problem) == (
        None,
        f"the price table {file} cannot be used: it cannot be read (No such file or directory)",
    )
    rewrite(file, TABLE, age=50)
    assert cost((await prices.table())[0]) == Decimal("0.034")


async def test_open_cost_comes_first_where_it_is_told_of(file: Path, open_cost: OpenCost, clock: Clock) -> None:
    """Its newest price of the very node counts, in the currency that the file says, and of today."""
    open_cost.says("a", cpu=0.05, memory=0.01)
    open_cost.says("b", cpu=0.9, memory=0.9)
    rewrite(file, f"{TABLE}openCost: {{currency: EUR}}\n", age=50)
    table, problem = await Prices(file, open_cost, clock=clock).table(["a"])
    assert table is not None
    assert (cost(table), table.currency, table.source, problem) == (Decimal("0.06"), "EUR", "OpenCost, node a", "")
    assert table.as_of == date(2026, 11, 24)


async def test_open_cost_is_not_asked_unless_the_file_says_so(file: Path, open_cost: OpenCost, clock: Clock) -> None:
    """Its metrics do not tell their currency, so nobody may guess one."""
    open_cost.says("a", cpu=0.05, memory=0.01)
    assert cost((await Prices(file, open_cost, clock=clock).table(["a"]))[0]) == Decimal("0.034")
    assert open_cost.questions == []


@pytest.mark.parametrize(
    "labels",
    [
        {"node": "a"},
        {"instance": "a"},
        {"instance": "10.0.0.7:9003", "node": "where-opencost-runs", "exported_node": "a", "exported_instance": "a"},
        {"instance": "10.0.0.7:9003", "exported_instance": "a"},
    ],
)
async def test_the_node_is_found_however_it_was_scraped(
    file: Path, open_cost: OpenCost, clock: Clock, labels: dict[str, str]
) -> None:
    """With and without `honor_labels`, and with labels of the scrape's own."""
    open_cost.says("a", cpu=0.05, memory=0.01, labels=labels)
    rewrite(file, "openCost: {currency: USD}\n", age=50)
    assert cost((await Prices(file, open_cost, clock=clock).table(["a"]))[0]) == Decimal("0.06")


async def test_pods_on_several_nodes_cost_the_mean_of_them(file: Path, open_cost: OpenCost, clock: Clock) -> None:
    """All pods together then cost what each costs on its own node; whoever reads the price sees that it is a mean."""
    open_cost.says("a", cpu=0.05, memory=0.01)
    open_cost.says("b", cpu=0.04, memory=0.02)
    open_cost.says("c", cpu=0.05, memory=0.01)
    rewrite(file, "openCost: {currency: USD}\n", age=50)
    prices = Prices(file, open_cost, clock=clock)
    table, _ = await prices.table(["b", "a"])
    assert table is not None
    assert (cost(table), table.source) == (Decimal("0.06"), "OpenCost, the mean of its pods' nodes a, b")
    assert (table.cpu_hour, table.memory_gib_hour) == (Decimal("0.045"), Decimal("0.015"))
    many, _ = await prices.table(["b", "a", "b", "b"])
    assert many is not None
    assert 4 * many.cpu_hour == 3 * Decimal("0.04") + Decimal("0.05")
    same, _ = await prices.table(["a", "c"])
    assert same is not None
    assert same.source == "OpenCost, node a"


async def test_accelerators_are_priced_by_their_node(file: Path, open_cost: OpenCost, clock: Clock) -> None:
    """OpenCost knows the price of a node's accelerators, not their product; a node without any has no such price."""
    open_cost.says("gpu", cpu=0.05, memory=0.01, gpu=2.5)
    open_cost.says("plain", cpu=0.05, memory=0.01)
    rewrite(file, "openCost: {currency: USD}\n", age=50)
    prices = Prices(file, open_cost, clock=clock)
    assert cost((await prices.table(["gpu"]))[0], **{"NVIDIA-L4": 2}) == Decimal("5.06")
    table, _ = await prices.table(["plain"])
    assert table is not None
    assert table.gpu_hour == {}
    open_cost.says("other", cpu=0.05, memory=0.01, gpu=1.5)
    clock.now += OPEN_COST_KEPT
    assert cost((await prices.table(["gpu", "plain", "other"]))[0], L4=1) == Decimal("2.06")


async def test_a_source_names_few_of_many_nodes(file: Path, open_cost: OpenCost, clock: Clock) -> None:
    """A fleet of hundreds is no text to read."""
    for number in range(5):
        open_cost.says(f"n{number}", cpu=0.01 * (number + 1), memory=0.01)
    rewrite(file, "openCost: {currency: USD}\n", age=50)
    table, _ = await Prices(file, open_cost, clock=clock).table([f"n{number}" for number in range(5)] * 2)
    assert table is not None
    assert table.source == "OpenCost, the mean of its pods' nodes n0, n1, n2 and 2 more"


@pytest.mark.parametrize("away", [False, True])
async def test_a_node_that_is_gone_keeps_its_price_for_a_day(
    file: Path,
    open_cost: OpenCost,
    clock: Clock,
    away: bool,
) -> None:
    """A variant was tested on it, and the choice comes later; the price is of the day on which it was told."""
    open_cost.says("gone", cpu=0.05, memory=0.01)
    rewrite(file, f"{TABLE}openCost: {{currency: EUR}}\n", age=50)
    prices = Prices(file, open_cost, clock=clock)
    assert cost((await prices.table(["gone"]))[0]) == Decimal("0.06")
    open_cost.series.clear()
    open_cost.problem = MetricsUnavailable("Timeout", "Prometheus did not answer within 8 s") if away else None
    for later, expected in ((23.9 * 3600, "0.06"), (24.1 * 3600, "0.034")):
        clock.now = NOW + later
        table, problem = await prices.table(["gone"])
        assert table is not None
        assert (cost(table), problem) == (Decimal(expected), "")
        if expected == "0.06":
            assert table.as_of == date(2026, 11, 24)


async def test_what_was_told_in_another_currency_is_forgotten(file: Path, open_cost: OpenCost, clock: Clock) -> None:
    """A number of dollars is no number of euros."""
    open_cost.says("gone", cpu=0.05, memory=0.01)
    rewrite(file, "openCost: {currency: EUR}\n", age=50)
    prices = Prices(file, open_cost, clock=clock)
    assert (await prices.table(["gone"]))[0] is not None
    open_cost.series.clear()
    rewrite(file, "openCost: {currency: USD}\n", age=20)
    assert await prices.table(["gone"]) == (None, "OpenCost has no prices of node gone")


@pytest.mark.parametrize("say", ["nothing", "old", "zero", "other", "fails"])
async def test_where_open_cost_does_not_know_the_table_stands_in(
    file: Path, open_cost: OpenCost, clock: Clock, say: str
) -> None:
    """An OpenCost that is gone, knows another node, or was never told a price; without a table the reason is told."""
    match say:
        case "old":
            open_cost.says("a", cpu=0.05, memory=0.01, age=3600)
        case "zero":
            open_cost.says("a", cpu=0.0, memory=0.0)
        case "other":
            open_cost.says("b", cpu=0.05, memory=0.01)
        case "fails":
            open_cost.problem = MetricsUnavailable("Timeout", "Prometheus did not answer within 8 s")
        case _:
            pass
    rewrite(file, f"{TABLE}openCost: {{currency: EUR}}\n", age=50)
    table, problem = await Prices(file, open_cost, clock=clock).table(["a"])
    assert table is not None
    assert (table.source, problem) == ("list prices", "")
    rewrite(file, "openCost: {currency: EUR}\n", age=20)
    table, problem = await Prices(file, open_cost, clock=clock).table(["a"])
    assert table is None
    assert problem == (
        "OpenCost's prices could not be read: Prometheus did not answer within 8 s"
        if say == "fails"
        else "OpenCost has no prices of node a"
    )


async def test_with_open_cost_alone_nothing_is_known_before_a_pod_runs(
    file: Path, open_cost: OpenCost, clock: Clock
) -> None:
    """Which node's prices count is known only then, and the reason says so."""
    open_cost.says("a", cpu=0.05, memory=0.01)
    rewrite(file, "openCost: {currency: EUR}\n", age=50)
    table, problem = await Prices(file, open_cost, clock=clock).table()
    assert table is None
    assert "no pod runs yet" in problem


async def test_many_who_want_prices_ask_once_a_minute(file: Path, open_cost: OpenCost, clock: Clock) -> None:
    """Eight workers that reconcile at the same time cost three questions, and more only when a minute has passed."""
    open_cost.says("a", cpu=0.05, memory=0.01)
    rewrite(file, "openCost: {currency: EUR}\n", age=50)
    prices = Prices(file, open_cost, clock=clock)
    tables = await asyncio.gather(*(prices.table(["a"]) for _ in range(8)))
    assert len({cost(table) for table, _ in tables}) == 1
    assert len(open_cost.questions) == 3
    open_cost.series.clear()
    open_cost.says("a", cpu=0.07, memory=0.01, age=-61)
    clock.now += 59
    assert cost((await prices.table(["a"]))[0]) == Decimal("0.06")
    clock.now += 2
    assert cost((await prices.table(["a"]))[0]) == Decimal("0.08")
    assert len(open_cost.questions) == 6
