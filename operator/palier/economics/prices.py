"""What an hour of a replica costs, from a table of prices: by core, by GiB, by GPU product, and by pool of nodes.

A price that is missing or old is no price: the answer then says so instead of a number. Prices have one currency and
are never converted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, Self

from palier.economics.money import Money
from palier.economics.price_fields import Fields, product_key
from palier.economics.resources import Resources

ANY_PRODUCT: Final = ""
"""The product under which the price of every GPU stands that has none of its own. People cannot write it; it is for
prices that are read per node, as OpenCost has them."""

_MAX_AGE_DAYS: Final = 365
_PRICES: Final = ("cpuHour", "memoryGiBHour", "gpuHour")
_NO_TABLE: Final = "no prices are known: give a table with currency, source, asOf, cpuHour and memoryGiBHour"
_TABLE: Final = ("currency", "source", "asOf", *_PRICES, "maxAge", "nodePools", "openCost")
_POOL: Final = ("name", "nodeSelector", *_PRICES)


@dataclass(frozen=True, slots=True)
class Pool:
    """Nodes with prices of their own; what they leave out costs what the table says."""

    name: str
    node_selector: Mapping[str, str]
    """Labels by which pods choose these nodes: pods whose node selector has all of them pay these prices."""
    cpu_hour: Decimal | None = None
    memory_gib_hour: Decimal | None = None
    gpu_hour: Mapping[str, Decimal] = field(default_factory=dict)

    def chosen_by(self, node_selector: Mapping[str, str]) -> bool:
        """Whether pods with this node selector run on nodes of this pool."""
        return all(node_selector.get(label) == value for label, value in self.node_selector.items())


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices of an hour, in one currency, with where they come from and of when they are."""

    currency: str
    source: str
    as_of: date
    cpu_hour: Decimal
    memory_gib_hour: Decimal
    gpu_hour: Mapping[str, Decimal] = field(default_factory=dict)
    """By product."""
    pools: tuple[Pool, ...] = ()
    max_age_days: int = _MAX_AGE_DAYS
    """Days after which the prices are too old to decide by."""
    open_cost: str = ""
    """The currency of OpenCost's metrics where the table says that they come first; else empty."""

    @classmethod
    def parse(cls, written: object) -> Self:
        """Read a table as people write it, already loaded from YAML or JSON.

        Raises:
            InvalidPrices: a field is missing, unknown or no price; the field is named.
        """
        fields = Fields(written, "", _TABLE)
        return cls(
            currency=_currency(fields, "currency"),
            source=fields.text("source"),
            as_of=fields.day("asOf"),
            cpu_hour=fields.price("cpuHour"),
            memory_gib_hour=fields.price("memoryGiBHour"),
            gpu_hour=fields.prices("gpuHour"),
            pools=tuple(_pool(pool) for pool in fields.mappings("nodePools", _POOL)),
            max_age_days=fields.days("maxAge") if fields.has("maxAge") else _MAX_AGE_DAYS,
            open_cost=_currency(fields.mapping("openCost", ("currency",)), "currency")
            if fields.has("openCost")
            else "",
        )

    def is_stale(self, today: date) -> bool:
        """Whether the prices are too old; a date as far in the future is as wrong as one as far in the past."""
        return abs((today - self.as_of).days) > self.max_age_days


@dataclass(frozen=True, slots=True)
class Priced:
    """What one replica costs."""

    money: Money
    """For an hour."""
    per: Mapping[str, Money]
    """The parts of it: `cpu`, `memory`, and each GPU product."""
    source: str
    as_of: date


@dataclass(frozen=True, slots=True)
class Unpriced:
    """Why there is no price."""

    reason: str
    """`PricesMissing`, `PricesStale` or `GpuPriceMissing`."""
    message: str
    """A sentence that says what to do."""


def hourly(
    resources: Resources, table: PriceTable | None, *, node_selector: Mapping[str, str], today: date, problem: str = ""
) -> Priced | Unpriced:
    """What one replica costs in an hour.

    Args:
        resources: what it asks for.
        table: the prices; None where there are none.
        node_selector: labels of the nodes that it runs on. Among the pools that it chooses, the one with the most
            labels counts, and among those the first.
        today: the date, by which prices may be too old.
        problem: why there is no table, as a sentence.
    """
    if table is None:
        return Unpriced("PricesMissing", problem or _NO_TABLE)
    if table.is_stale(today):
        age = (today - table.as_of).days
        notice = f"the prices of {table.source} of {table.as_of}, {_age(age)}, are valid for {table.max_age_days} days"
        return Unpriced("PricesStale", f"{notice}: look them up again and write the new asOf, or set maxAge")
    chosen = [pool for pool in table.pools if pool.chosen_by(node_selector)]
    pool = max(chosen, key=lambda one: len(one.node_selector), default=Pool("", {}))
    cpu_hour = table.cpu_hour if pool.cpu_hour is None else pool.cpu_hour
    memory_hour = table.memory_gib_hour if pool.memory_gib_hour is None else pool.memory_gib_hour
    per = {"cpu": resources.cpu * cpu_hour, "memory": resources.memory_gib * memory_hour}
    for product, count in resources.gpus.items():
        price = _gpu_price(product, pool.gpu_hour)
        if price is None:
            price = _gpu_price(product, table.gpu_hour)
        if price is None:
            return Unpriced("GpuPriceMissing", _no_gpu_price(product, table))
        per[product or "gpu"] = count * price
    return Priced(
        Money(sum(per.values(), start=Decimal(0)), table.currency),
        {part: Money(amount, table.currency) for part, amount in per.items()},
        table.source,
        table.as_of,
    )


def _currency(fields: Fields, name: str) -> str:
    return fields.text(name, form="[A-Z]{3}", meaning="three capital letters of ISO 4217, such as EUR")


def _pool(fields: Fields) -> Pool:
    return Pool(
        name=fields.text("name"),
        node_selector=fields.labels("nodeSelector"),
        cpu_hour=fields.price("cpuHour") if fields.has("cpuHour") else None,
        memory_gib_hour=fields.price("memoryGiBHour") if fields.has("memoryGiBHour") else None,
        gpu_hour=fields.prices("gpuHour"),
    )


def _gpu_price(product: str, prices: Mapping[str, Decimal]) -> Decimal | None:
    """The price of a product by its name, whatever the vendor and the case are written as; else that of any product."""
    same = {product_key(name): price for name, price in prices.items()}
    return same.get(product_key(product), prices.get(ANY_PRODUCT))


def _no_gpu_price(product: str, table: PriceTable) -> str:
    known = ", ".join(table.gpu_hour) or "none"
    if not product:
        return (
            "the price of a GPU depends on its product, and none is named: write"
            f" spec.serving.placement.gpu.product (prices of {table.source}: {known})"
        )
    return f"{table.source} has no hourly price of {product} (prices: {known}): add it under gpuHour"


def _age(days: int) -> str:
    return f"{days} days old" if days >= 0 else f"{-days} days ahead"
