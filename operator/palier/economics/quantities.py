"""Kubernetes quantities as exact numbers: `500m` is 0.5, `1Gi` is 1073741824.

The official client has a parser too (`kubernetes.utils.quantity`). It is not used here: importing it loads the whole
client, which costs 0.3 s and 35 MB in programs that never talk to a cluster, the pure core must not depend on that
client, and it accepts what the API server refuses (`NaN`, `1_000`, numbers with spaces).
"""

import re
from decimal import ROUND_CEILING, Decimal
from typing import Final

GIBIBYTE: Final = Decimal(2**30)
_MEBIBYTE: Final = 2**20
_MILLICORES: Final = 1000

# After k8s.io/apimachinery/pkg/api/resource: one suffix at most, so an exponent and a unit exclude each other.
_FORM: Final = re.compile(
    r"(?P<number>[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+))(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,3})?"
)
_UNITS: Final = {
    **{unit: Decimal(10) ** (3 * power) for unit, power in zip("num", (-3, -2, -1), strict=True)},
    **{unit: Decimal(10) ** (3 * power) for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}


def quantity(written: object) -> Decimal:
    """The number that a quantity stands for.

    Args:
        written: as in a manifest: text such as `500m`, `1.5Gi` or `1e3`, or a plain number.

    Raises:
        ValueError: it is no quantity; the text says so.
    """
    text = str(written) if isinstance(written, str | int | float) and not isinstance(written, bool) else ""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{written!r} is not a quantity of Kubernetes, such as 500m, 2 or 1.5Gi")
    number, suffix = Decimal(match["number"]), match["suffix"] or ""
    if suffix in _UNITS:
        return number * _UNITS[suffix]
    return number * Decimal(10) ** int(suffix[1:] or 0)


def cpu(cores: Decimal) -> str:
    """A number of cores, rounded up to whole thousandths: `850m`, `2`."""
    thousandths = int((cores * _MILLICORES).to_integral_value(ROUND_CEILING))
    whole, rest = divmod(thousandths, _MILLICORES)
    return f"{thousandths}m" if rest else str(whole)


def mebibytes(number: Decimal) -> str:
    """A number of bytes, rounded up to whole mebibytes: `1200Mi`."""
    return f"{int((number / _MEBIBYTE).to_integral_value(ROUND_CEILING))}Mi"
