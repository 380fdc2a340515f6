"""A gauge that is above its maximum in spells, as a queue is: two states with exponential stays, scraped every 15 s."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from palier.evidence.objective import Counts, Evidence, ObjectiveRule, has_failed, observe, start_evidence

SCRAPE: Final = 15.0
LOOK: Final = 30.0
MINUTE: Final = 60.0


def level(limit: float, *, in_spells: bool = True) -> ObjectiveRule:
    """The rule of a level objective that is alone in its spec.

    Args:
        limit: allowed share of the scrapes.
        in_spells: False for a rule that takes each scrape for an event of its own.
    """
    return ObjectiveRule(
        name="queue",
        limit=limit,
        margin=1.25,
        alpha=0.01,
        noun="scrapes",
        bad_noun="showed more than 20",
        hard_stop_share=1.0,
        compare_with_stable=False,
        in_spells=in_spells,
    )


def scrape_gauge(chance: np.random.Generator, *, above: float, spell: float, minutes: float) -> list[bool]:
    """Whether each scrape is above.

    Args:
        chance: seeded.
        above: share of the time.
        spell: mean length of a spell in seconds; without meaning where it is always above.
        minutes: how long it is scraped.
    """
    draws = chance.random(round(minutes * MINUTE / SCRAPE) + 1).tolist()
    changed = 1 - math.exp(-SCRAPE / (spell * (1 - above))) if above < 1 else 0.0
    high, scrapes = draws[0] < above, []
    for draw in draws[1:]:
        scrapes.append(high)
        if draw < changed * ((1 - above) if high else above):
            high = not high
    return scrapes


def make_looks(scrapes: Sequence[bool]) -> Iterator[Counts]:
    """The scrapes of each look."""
    size = round(LOOK / SCRAPE)
    for first in range(0, len(scrapes), size):
        bad = sum(scrapes[first : first + size])
        yield Counts(size, bad, bad)


def gather(looks: Iterable[Counts], rule: ObjectiveRule) -> Iterator[Evidence]:
    """The evidence after each of these looks."""
    evidence = start_evidence()
    for counts in looks:
        evidence = observe(evidence, counts, None, rule, seconds=LOOK)
        yield evidence


def find_blame(looks: Iterable[Counts], rule: ObjectiveRule) -> float:
    """Minutes after which the candidate is blamed; infinite where it never is."""
    blamed = (number for number, evidence in enumerate(gather(looks, rule), start=1) if has_failed(evidence, rule))
    return next(blamed, math.inf) * LOOK / MINUTE


def play(chance: np.random.Generator, rule: ObjectiveRule, *, above: float, spell: float, minutes: float) -> float:
    """Minutes after which a played candidate is blamed; see `scrape_gauge` and `find_blame`."""
    return find_blame(make_looks(scrape_gauge(chance, above=above, spell=spell, minutes=minutes)), rule)
