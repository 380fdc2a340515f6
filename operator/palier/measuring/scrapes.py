"""When the pods of a revision were scraped, as one step between two looks sees it."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

from palier.evidence.arrivals import ScrapedStep, Scrapes
from palier.evidence.counters import Series, Target

Rows = Mapping[Target, Iterable[tuple[str, Series]]]
"""The `up` series of both revisions by target, each with the revision that it is about."""


def keep_successful(
    scraped: Mapping[Target, Sequence[tuple[str, Series]]],
) -> dict[Target, Sequence[tuple[str, Series]]]:
    """A failed scrape (`up` is 0) has read nothing, so its sample tells of no pod."""
    return {
        target: [
            (
                revision,
                one
                if min(one.values, default=1.0) > 0
                else Series(one.labels, [sample for sample in one.samples if sample[1] > 0]),
            )
            for revision, one in rows
        ]
        for target, rows in scraped.items()
    }


def scraped_both(
    rows: Rows, *, candidate: str, stable: str, start: float, end: float, staleness: float, weight_since: float
) -> ScrapedStep | None:
    """The scrapes of both revisions that a step rests on; None where one of them was not scraped.

    Args:
        rows: the `up` series, without the samples of failed scrapes.
        candidate: whose requests are missed.
        stable: beside whom.
        start: of the step, in seconds since the epoch.
        end: of the step.
        staleness: seconds after which a sample says nothing any more.
        weight_since: since when the present weight is in force.
    """
    mine, theirs = (
        scrapes_of(rows, revision, start=start, end=end, staleness=staleness) for revision in (candidate, stable)
    )
    return ScrapedStep(start, end, mine, theirs, weight_since) if mine and theirs else None


def scrapes_of(rows: Rows, revision: str, *, start: float, end: float, staleness: float) -> Scrapes | None:
    """When the pods of a revision were scraped last; None where none was recently enough.

    A pod that is scraped by two jobs is as old as the older of them.
    """
    held: dict[tuple[str, ...], float] = {}
    joined = False
    for target, series in rows.items():
        for owner, one in series:
            position = bisect_right(one.times, end) - 1
            if owner != revision or position < 0 or one.times[position] <= end - staleness:
                continue
            pod = target[:2]
            held[pod] = min(one.times[position], held.get(pod, one.times[position]))
            joined = joined or one.times[0] > start
    return Scrapes(len(held), min(held.values()), max(held.values()), joined) if held else None
