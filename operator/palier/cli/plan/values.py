"""How the values of `palier plan` are written at the command line: for the only way to serve, or for a variant."""

import argparse
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from palier.cli.simulate.values import seconds

T = TypeVar("T")
Named = tuple[str, T]
"""A value and the variant that it is of; an empty name for a spec without variants."""

_LARGEST = Decimal(10) ** 12


def parse_named(kind: Callable[[str], T]) -> Callable[[str], Named[T]]:
    """Reads `VALUE` or `VARIANT=VALUE`."""

    def read(text: str) -> Named[T]:
        name, equals, value = text.rpartition("=")
        if equals and not name:
            raise argparse.ArgumentTypeError(f"the name of a variant is missing before = in {text!r}")
        return name, kind(value)

    return read


def parse_rate(text: str) -> Decimal:
    """Requests per second."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not 0 < number <= _LARGEST:
        raise argparse.ArgumentTypeError(f"requests per second are a number above 0, such as 12.5, not {text!r}")
    return number


def parse_duration(text: str) -> float:
    """A time above 0, in seconds."""
    time = seconds(text)
    if time <= 0:
        raise argparse.ArgumentTypeError(f"a time above 0 is needed, such as 120ms, not {text!r}")
    return time


def parse_whole(text: str) -> int:
    """Requests at once."""
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:  # noqa: PLR2004 - no server answers more at once
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 100000, not {text!r}")
    return int(text)


def by_variant(option: str, given: Iterable[Named[T]], variants: Collection[str]) -> Mapping[str, T]:
    """The values of an option by variant.

    Raises:
        ValueError: a variant is not there or named twice, or a value names none though there are some. The text begins
            with the option's name.
    """
    values: dict[str, T] = {}
    named_variants = ", ".join(sorted(filter(None, variants)))
    for name, value in given:
        if name in values:
            raise ValueError(f"{option}: {name or 'the value'} is given twice")
        if name not in variants:
            if not name:
                first = next(iter(variants))
                raise ValueError(f"{option}: say for which variant, such as {first}=...: {named_variants}")
            known = f"the variants are {named_variants}" if named_variants else "there are no variants"
            raise ValueError(f"{option}: there is no variant {name}; {known}")
        values[name] = value
    return values
