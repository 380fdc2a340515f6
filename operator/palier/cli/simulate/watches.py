"""Scenarios of `palier simulate` about the watch after a promotion: which one was asked for, and with which options?

They have no canary, therefore they have options of their own. Those of a canary are refused, because they would change
nothing, and so are those of the other scenarios.
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Final

from palier.cli.simulate import concept, data_drift, world_or_model
from palier.simulate.concept import NAME as CONCEPT_DRIFT
from palier.simulate.world_or_model import NAME as WORLD_OR_MODEL

WATCHES: Final[Mapping[str, ModuleType]] = {
    CONCEPT_DRIFT: concept,
    data_drift.NAME: data_drift,
    WORLD_OR_MODEL: world_or_model,
}
"""Each has a `SENTENCE`, the names of its `OPTIONS`, those of the `SHARED` ones that a canary or another of them has,
and what plays it."""
_OF_CANARIES: Final = ("weight", "stages", "proof", "objectives", "rollback-without-evidence", "set", "plot")


def choose_watch(options: argparse.Namespace, of_canaries: Iterable[str]) -> ModuleType | None:
    """The scenario of the watch that was asked for, if it was one; options that are not about it are refused.

    Args:
        options: what was typed.
        of_canaries: the names of the options that describe a canary's case.
    """
    chosen = WATCHES.get(options.scenario)
    for option in dict.fromkeys(option for watch in WATCHES.values() for option in watch.OPTIONS):
        having = [name for name, watch in WATCHES.items() if option in (*watch.OPTIONS, *watch.SHARED)]
        if options.scenario not in having and _is_given(options, option):
            options.command.error(f"argument --{option}: only {_join_names(having)} it")
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


def _join_names(names: Sequence[str]) -> str:
    return f"the scenario {names[0]} has" if len(names) == 1 else f"the scenarios {' and '.join(names)} have"


def _is_given(options: argparse.Namespace, name: str) -> bool:
    return getattr(options, name.replace("-", "_")) not in (None, [])
