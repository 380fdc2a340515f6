"""The fields of a table of prices as people write them: each is read exactly, or refused by name.

A mistyped field that was skipped in silence would make a price of nothing, so unknown ones are refused too.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from palier.errors import InvalidPrices

_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]{1,3})?")
_LARGEST: Final = Decimal(10) ** 9
_LONGEST_TEXT: Final = 512
_VENDORS: Final = ("nvidia-", "amd-", "intel-", "tesla-")
"""What device plugins put before the name that price lists use."""


def product_key(product: str) -> str:
    """What names of the same product have in common: `NVIDIA-L4`, `nvidia L4` and `L4` are one."""
    key = re.sub(r"[\s_]+", "-", product.strip().casefold())
    for vendor in _VENDORS:
        key = key.removeprefix(vendor)
    return key


class Fields:
    """The fields of one mapping.

    Args:
        written: what stands there.
        path: where it stands; empty for the whole table.
        known: every field that may stand there.

    Raises:
        InvalidPrices: it is no mapping, or has a field that is not known.
    """

    def __init__(self, written: object, path: str, known: Collection[str]) -> None:
        self._path = path
        if not isinstance(written, Mapping):
            raise InvalidPrices(path, f"a table of prices is a mapping with the fields {', '.join(known)}")
        for name in written:
            if name not in known:
                raise InvalidPrices(
                    self._path_of(str(name)), f"there is no such field; the fields are {', '.join(known)}"
                )
        self._written: Mapping[str, Any] = written

    def has(self, name: str) -> bool:
        """Whether a field is there and not left empty."""
        return self._written.get(name) is not None

    def mapping(self, name: str, known: Collection[str]) -> "Fields":
        """A field that is a mapping itself."""
        return Fields(self._require(name), self._path_of(name), known)

    def mappings(self, name: str, known: Collection[str]) -> list["Fields"]:
        """A field that is a list of mappings; an absent one is empty."""
        entries = self._written.get(name) or []
        if not isinstance(entries, list | tuple):
            raise InvalidPrices(self._path_of(name), "it must be a list")
        return [Fields(entry, f"{self._path_of(name)}[{index}]", known) for index, entry in enumerate(entries)]

    def text(self, name: str, *, form: str = ".+", meaning: str = "a text that is not empty") -> str:
        """A text of a form."""
        value = self._require(name)
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT or re.fullmatch(form, value) is None:
            raise InvalidPrices(self._path_of(name), f"it must be {meaning}, not {value!r}")
        return value

    def day(self, name: str) -> date:
        """A date such as 2026-11-01."""
        value = self._require(name)
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(str(value), "%Y-%m-%d").replace(tzinfo=UTC).date()
        except ValueError:
            raise InvalidPrices(self._path_of(name), f"it must be a date such as 2026-11-01, not {value!r}") from None

    def days(self, name: str) -> int:
        """A number of days such as 365d."""
        return int(self.text(name, form="[0-9]{1,5}d", meaning="a number of days such as 365d")[:-1])

    def price(self, name: str) -> Decimal:
        """A price of an hour: a number, or one in quotes."""
        return _price(self._require(name), self._path_of(name))

    def prices(self, name: str) -> dict[str, Decimal]:
        """Prices of an hour by product; none where the field is absent."""
        if not self.has(name):
            return {}
        written = self._written[name]
        if not isinstance(written, Mapping):
            raise InvalidPrices(self._path_of(name), 'it must be a mapping of prices by product, such as {L4: "0.80"}')
        prices: dict[str, Decimal] = {}
        taken: dict[str, str] = {}
        for product, value in written.items():
            key = product_key(str(product))
            if not key:
                raise InvalidPrices(self._path_of(name), "a product must have a name, such as L4")
            if key in taken:
                raise InvalidPrices(
                    f"{self._path_of(name)}.{product}", f"{taken[key]} is the same product; its price must stand once"
                )
            taken[key] = str(product)
            prices[str(product)] = _price(value, f"{self._path_of(name)}.{product}")
        return prices

    def labels(self, name: str) -> dict[str, str]:
        """Labels of nodes, at least one."""
        written = self._require(name)
        if not isinstance(written, Mapping) or not written:
            raise InvalidPrices(self._path_of(name), "it must be a mapping of at least one label of nodes to its value")
        for label, value in written.items():
            if not isinstance(label, str) or not isinstance(value, str):
                raise InvalidPrices(
                    f"{self._path_of(name)}.{label}", f"labels and their values are texts, not {value!r}"
                )
        return dict(written)

    def _require(self, name: str) -> object:
        if not self.has(name):
            raise InvalidPrices(self._path_of(name), "this field is required")
        return self._written[name]

    def _path_of(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def _price(value: object, path: str) -> Decimal:
    # A float is taken as it is written (0.1 is a tenth), not as its binary neighbour.
    text = str(value) if isinstance(value, str | int | float | Decimal) else ""
    price = Decimal(text) if _NUMBER.fullmatch(text) else None
    if price is None or price > _LARGEST:
        raise InvalidPrices(path, f'it must be a price of 0 or more, such as "0.0316", not {value!r}')
    return price
