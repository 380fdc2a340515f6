"""How many examples and cases the slow tests try: usually some, and with PALIER_THOROUGH=1 many, or all."""

import os
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

THOROUGH = os.environ.get("PALIER_THOROUGH", "") not in {"", "0"}


def examples(usual: int, *, thorough: int) -> int:
    """How many to try in this run."""
    return thorough if THOROUGH else usual


def some_of(cases: Iterable[T], *, one_in: int) -> list[T]:
    """One in so many of the cases, beginning with the first; all of them in a thorough run."""
    return [case for number, case in enumerate(cases) if THOROUGH or number % one_in == 0]
