"""Scenarios of `palier simulate` about the watch after a promotion: which one was asked for, and with which options?

They have no canary, therefore they have options of their own. Those of a canary are refused, because they would change
nothing, and so are those of the other scenarios.
"""

import argparse
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Final

from palier.cli.simulate import concept, data_drift
from palier.simulate.concept import NAME as CONCEPT_DRIFT

WATCHES: Final[Mapping[str, ModuleType]] = {CONCEPT_DRIFT: concept, data_drift.NAME: data_drift}
"""Each has a `SENTENCE`, the names of its `OPTIONS`, those of the `SHARED` ones of a canary, and what plays it."""
_OF_CANARIES: Final = ("weight", "stages", "proof", "objectives", "rollback-without-evidence", "set", "plot")


def choose_watch(options: argparse.Namespace, of_canaries: Iterable[str]) -> ModuleType | None:
    """The scenario of the watch that was asked for, if it was one; options that are not about it are refused.

    Args:
        options: what was typed.
        of_canaries: the names of the options that describe a canary's case.
    """
    chosen = WATCHES.get(options.scenario)
    for name, watch in WATCHES.items():
        for option in () if watch is chosen else watch.OPTIONS:
            if _is_given(options, option):
                options.command.error(f"argument --{option}: only the scenario {name} has it")
    if chosen is None:
        return None
    names = [name for name in (*of_canaries, *_OF_CANARIES) if name not in chosen.SHARED]
    given = [f"--{name}" for name in names if _is_given(options, name)]
    if options.file:
        given.insert(0, "FILE")
    if options.engine != "palier":
        given.append("--engine")
    if given:
        options.command.error(
            f"argument {given[0]}: it is about a canary, and the scenario {options.scenario} has none"
        )
    return chosen


def _is_given(options: argparse.Namespace, name: str) -> bool:
    return getattr(options, name.replace("-", "_")) not in (None, [])
