"""The prices that hold now: those of OpenCost for the very nodes where it knows them, else those of a file.

Prices must never stop the operator, and an old one must never pass for a new one. So whatever is wrong with the file
makes the prices missing, with the reason, until the file changes; nothing is kept from the time before. Only what
OpenCost last said of a node is kept for a day: a node that is gone, because the variant that was tested on it has no
pods any more, would else change what that variant costs just before the choice.
"""

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import yaml

from palier.economics.price_fields import Fields
from palier.economics.prices import ANY_PRODUCT, PriceTable
from palier.errors import InvalidPrices, MetricsUnavailable
from palier.evidence.counters import Series
from palier.metrics.prometheus import MetricSource

logger = logging.getLogger(__name__)

CPU: Final = "node_cpu_hourly_cost"
MEMORY: Final = "node_ram_hourly_cost"
GPU: Final = "node_gpu_hourly_cost"
"""For an hour of a core, of a GiB and of one accelerator."""

OPEN_COST_KEPT: Final = 60.0
"""Seconds for which an answer of OpenCost is used again: it computes its prices once a minute itself."""
OPEN_COST_WINDOW: Final = 600.0
"""Seconds after which a sample of OpenCost tells nothing any more."""

NODE_KEPT: Final = 86_400.0
"""Seconds for which the price of a node counts of which OpenCost says nothing any more."""

_NAMED: Final = 3
"""Nodes that a source names."""
_NODE_LABELS: Final = ("exported_node", "node", "exported_instance", "instance")
"""Where the name of the priced node stands; a scrape with labels of its own moves that of the exporter aside."""


@dataclass(frozen=True, slots=True)
class _NodePrices:
    """What OpenCost says of one node, or last said."""

    cpu: Decimal
    memory: Decimal
    gpu: Decimal | None


@dataclass(frozen=True, slots=True)
class _Known:
    """Prices of a node, and when OpenCost told them."""

    prices: _NodePrices
    at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class _Written:
    """What the file holds."""

    table: PriceTable | None = None
    open_cost: str = ""
    """The currency of OpenCost's prices; empty where they are not to be used."""
    problem: str = ""


class Prices:
    """Tables of prices, made from the file and from OpenCost.

    Args:
        file: the price table in YAML; None where the operator was told of none.
        source: where OpenCost's metrics are; None for a file alone.
        clock: seconds since the epoch.
    """

    def __init__(
        self, file: Path | None, source: MetricSource | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._file = file
        self._source = source
        self._clock = clock
        self._version: tuple[int, ...] | None = None
        self._written = _Written()
        self._nodes: Mapping[str, _Known] = {}
        self._nodes_in = ""
        self._asked_at: float | None = None
        self._open_cost_problem = ""
        self._one_question = asyncio.Lock()

    @property
    def by_node(self) -> bool:
        """Whether nodes may have prices of their own, as far as the file was read by now."""
        return bool(self._written.open_cost)

    async def table(self, nodes: Sequence[str] = ()) -> tuple[PriceTable | None, str]:
        """The prices that hold on some nodes, or None and the reason as a sentence.

        Where the nodes have different prices in OpenCost, the mean of the pods' nodes counts, and `source` says so:
        with one pod on each of two nodes, both together cost twice that.

        Args:
            nodes: the name of the node of each pod; empty where none runs yet.
        """
        written = self._read()
        if written.problem:
            return None, written.problem
        problem = ""
        if written.open_cost:
            found, problem = await self._from_open_cost(written.open_cost, sorted(nodes))
            if found is not None:
                return found, ""
        return written.table, "" if written.table else problem

    def _read(self) -> _Written:
        """What the file holds now; it is read again only when it is another one than before."""
        if self._file is None:
            return _Written(problem="no prices are configured: give the operator a price table with --prices")
        try:
            state = self._file.stat()
            version = (state.st_mtime_ns, state.st_ino, state.st_size)
            if version == self._version:
                return self._written
            written, self._version = _parse_prices(self._file.read_text(encoding="utf-8")), version
        except OSError as error:
            written, self._version = _Written(problem=f"it cannot be read ({error.strerror})"), None
        except InvalidPrices as error:
            written = _Written(problem=str(error))
            self._version = version
        except (ValueError, yaml.YAMLError) as error:
            written = _Written(problem=f"it is not YAML: {_one_line(error)}")
            self._version = version
        if written.problem:
            written = _Written(problem=f"the price table {self._file} cannot be used: {written.problem}")
        if written != self._written:
            if written.problem:
                logger.warning("%s", written.problem)
            else:
                logger.info("using the prices of %s as they are now", self._file)
        self._written = written
        return written

    async def _from_open_cost(self, currency: str, nodes: Sequence[str]) -> tuple[PriceTable | None, str]:
        if not nodes:
            return None, "no pod runs yet, so it is not known which node's prices of OpenCost count"
        known = await self._known_nodes(currency)
        if missing := sorted({node for node in nodes if node not in known}):
            return None, self._open_cost_problem or f"OpenCost has no prices of node {', '.join(missing)}"
        prices = [known[node].prices for node in nodes]
        different = list(dict.fromkeys(nodes)) if len(set(prices)) > 1 else nodes[:1]
        source = f"OpenCost, node {different[0]}"
        if len(different) > 1:
            source = f"OpenCost, the mean of its pods' nodes {_list_nodes(different)}"
        gpus = [price.gpu for price in prices if price.gpu is not None]
        told_at = min(known[node].at for node in nodes)
        table = PriceTable(
            currency=currency,
            source=source,
            as_of=dt.datetime.fromtimestamp(told_at, dt.UTC).date(),
            cpu_hour=_mean([price.cpu for price in prices]),
            memory_gib_hour=_mean([price.memory for price in prices]),
            gpu_hour={ANY_PRODUCT: _mean(gpus)} if gpus else {},
        )
        return table, ""

    async def _known_nodes(self, currency: str) -> Mapping[str, _Known]:
        """The prices of all nodes, asked for at most once a minute, whoever wants them."""
        async with self._one_question:
            now = self._clock()
            if currency != self._nodes_in:  # what was told in another currency is worth nothing now
                self._nodes, self._nodes_in, self._asked_at = {}, currency, None
            if self._source is None or (self._asked_at is not None and 0 <= now - self._asked_at < OPEN_COST_KEPT):
                return self._nodes
            self._asked_at = now
            kept = {node: known for node, known in self._nodes.items() if now - known.at <= NODE_KEPT}
            try:
                cpu, memory, gpu = [
                    _read_latest(await self._source.samples(metric, at=now, seconds=OPEN_COST_WINDOW))
                    for metric in (CPU, MEMORY, GPU)
                ]
            except MetricsUnavailable as error:
                self._nodes = kept
                self._open_cost_problem = f"OpenCost's prices could not be read: {error.message}"
                return self._nodes
            self._open_cost_problem = ""
            # Nothing is free: where both prices are 0, OpenCost has not been told any.
            priced = [node for node in cpu.keys() & memory.keys() if cpu[node] or memory[node]]
            reported = {
                node: _Known(_NodePrices(cpu[node], memory[node], gpu.get(node) or None), now) for node in priced
            }
            self._nodes = kept | reported
            return self._nodes


def _parse_prices(text: str) -> _Written:
    """What a file holds.

    Raises:
        InvalidPrices: a field is missing, unknown or no price.
        yaml.YAMLError: it is no YAML.
    """
    loaded: Any = yaml.safe_load(text)
    if isinstance(loaded, Mapping) and set(loaded) == {"openCost"}:
        currency = Fields(loaded, "", ("openCost",)).mapping("openCost", ("currency",))
        return _Written(open_cost=currency.text("currency", form="[A-Z]{3}", meaning="three capital letters"))
    table = PriceTable.parse(loaded)
    if table.open_cost not in {"", table.currency}:
        raise InvalidPrices(
            "openCost.currency",
            f"it is {table.open_cost}, and the table is in {table.currency}: one stands in for the other and nothing is"
            " converted, so both must be the same",
        )
    return _Written(table=table, open_cost=table.open_cost)


def _read_latest(series: Iterable[Series]) -> dict[str, Decimal]:
    """The newest value of each node; without what cannot be a price."""
    newest: dict[str, tuple[float, float]] = {}
    for one in series:
        node = next((name for label in _NODE_LABELS if (name := one.labels.get(label))), "")
        if node and one.times:
            newest[node] = max(newest.get(node, (0.0, 0.0)), (one.times[-1], one.values[-1]))
    return {node: Decimal(str(value)) for node, (_, value) in newest.items() if value >= 0}


def _mean(prices: Sequence[Decimal]) -> Decimal:
    return sum(prices, start=Decimal(0)) / len(prices)


def _list_nodes(nodes: Sequence[str]) -> str:
    """The first nodes by name, and how many more there are: a fleet may have hundreds."""
    more = len(nodes) - _NAMED
    return f"{', '.join(nodes[:_NAMED])}{f' and {more} more' if more > 0 else ''}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
