"""Counting in simulated worlds: whatever happens to pods and scrapes, each event is counted in exactly one look."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from palier.evidence.counters import Series
from tests.support.counting import Increment, histogram_counts, increments
from tests.support.evidence.plain_counting import plain_increments

SCRAPE = 15.0
STALENESS = 40.0
OLD = 100_000
"""What a process had counted long before; a restart is visible as a decrease from there."""


@dataclass(frozen=True)
class World:
    """Scraped pods, with the number of events that a perfect reader of their samples would find."""

    series: list[Series]
    requests: int
    errors: int
    end: float


@st.composite
def worlds(draw: st.DrawFn, *, missed_in_a_row: int) -> World:
    """Pods that come late, restart, get their error counter with the first error, and miss scrapes."""
    scrapes = draw(st.integers(4, 20))
    series: list[Series] = []
    found = {"requests": 0, "errors": 0}
    for pod in range(draw(st.integers(1, 3))):
        born = 0 if pod == 0 else draw(st.integers(0, scrapes - 2))
        phase = draw(st.floats(0, SCRAPE - 1))
        samples: dict[str, list[tuple[float, float]]] = {"requests": [], "errors": []}
        value = {"requests": OLD, "errors": OLD if draw(st.booleans()) else 0}
        pending = {"requests": 0, "errors": 0}
        missed = 0
        for scrape in range(born, scrapes):
            first, last = scrape == born, scrape == scrapes - 1
            visible = all(count == 0 or count >= OLD for count in value.values())
            if not first and missed == 0 and visible and draw(st.booleans()):
                value = {"requests": 0, "errors": 0}
            errors = draw(st.integers(0, 3))
            for kind, events in (("errors", errors), ("requests", errors + draw(st.integers(1, 30)))):
                value[kind] += events
                pending[kind] += 0 if first else events
            if not first and not last and missed < missed_in_a_row and draw(st.booleans()):
                missed += 1
                continue
            missed = 0
            for kind in value:
                if value[kind]:
                    samples[kind].append((scrape * SCRAPE + phase, float(value[kind])))
                found[kind] += pending[kind]
                pending[kind] = 0
        series += [
            Series({"namespace": "ml", "pod": f"pod-{pod}", "kind": kind}, tuple(samples[kind])) for kind in samples
        ]
    return World(series, found["requests"], found["errors"], end=scrapes * SCRAPE)


def known_at(world: World, *, since: float, until: float) -> list[Series]:
    """What a range query at `until` returns."""
    return [
        Series(one.labels, tuple(sample for sample in one.samples if since <= sample[0] <= until))
        for one in world.series
    ]


def look(world: World, start: float, end: float, *, history: float) -> Mapping[str, Increment]:
    """Increments of one look by kind of counter, from the samples that Prometheus has by then."""
    return increments(
        known_at(world, since=start - history, until=end),
        pod_of=lambda labels: labels["kind"],
        start=start,
        end=end,
        staleness=STALENESS,
    )


def total(world: World, instants: list[float], *, history: float) -> tuple[int, int]:
    """Requests and errors over looks that follow each other, each look checked on its own."""
    requests = errors = 0
    for start, end in pairwise(instants):
        found = look(world, start, end, history=history)
        of_requests = found["requests"].count if "requests" in found else 0
        of_errors = found["errors"].count if "errors" in found else 0
        assert 0 <= of_errors <= of_requests
        requests, errors = requests + of_requests, errors + of_errors
    return requests, errors


def instants(world: World, gaps: list[float]) -> list[float]:
    """Looks from the first scrape until well after the last one."""
    times = [-1.0]
    for gap in gaps:
        times.append(times[-1] + gap)
    while times[-1] < world.end + STALENESS + SCRAPE:
        times.append(times[-1] + SCRAPE)
    return times


GAPS = st.lists(st.floats(1, 60), max_size=20)


@settings(deadline=None, max_examples=150)
@given(world=worlds(missed_in_a_row=6), gaps=GAPS)
def test_looks_add_up_to_what_happened_through_any_missed_scrapes(world: World, gaps: list[float]) -> None:
    """With history, events of any number of missed scrapes are counted later, once, through restarts and new pods."""
    assert total(world, instants(world, gaps), history=10_000) == (world.requests, world.errors)


@settings(deadline=None, max_examples=150)
@given(world=worlds(missed_in_a_row=1), gaps=GAPS)
def test_one_staleness_of_history_is_enough_for_single_missed_scrapes(world: World, gaps: list[float]) -> None:
    """Reading only as far back as samples are fresh loses nothing while no two scrapes in a row are missed."""
    assert total(world, instants(world, gaps), history=STALENESS) == (world.requests, world.errors)


SOME_SCRAPES = st.lists(st.integers(0, 12), unique=True, max_size=8).map(lambda found: tuple(sorted(found)))
VALUES = st.one_of(st.integers(0, 50).map(float), st.just(math.nan))


@st.composite
def any_series(draw: st.DrawFn) -> list[Series]:
    """Series of a few targets with any samples at all; those of a target mostly have the same scrapes."""
    found = []
    for target in range(draw(st.integers(1, 3))):
        usual = draw(SOME_SCRAPES)
        for number in range(draw(st.integers(1, 4))):
            scrapes = usual if draw(st.integers(0, 3)) else draw(SOME_SCRAPES)
            samples = tuple((scrape * SCRAPE + target / 4, draw(VALUES)) for scrape in scrapes)
            labels = {"namespace": "ml", "pod": f"pod-{target}", "kind": f"kind-{draw(st.integers(0, 1))}"}
            found.append(Series({**labels, "le": str(number)}, samples))
    return found


def sharing_times(series: list[Series]) -> list[Series]:
    """The same series, with one tuple for all that have the same times."""
    shared: dict[tuple[float, ...], tuple[float, ...]] = {}
    return [Series.from_columns(one.labels, shared.setdefault(one.times, one.times), one.values) for one in series]


@settings(deadline=None, max_examples=400)
@given(
    series=any_series(),
    start=st.integers(-10, 200),
    length=st.integers(0, 120),
    staleness=st.sampled_from([20.0, 40.0]),
)
def test_counting_fast_is_counting_plainly(series: list[Series], start: int, length: int, staleness: float) -> None:
    """Whatever the samples, shared times and binary search find what walking along each series finds."""
    for pod_of in (lambda labels: labels["kind"], lambda labels: (labels["pod"], labels["le"])):
        plain = plain_increments(series, pod_of=pod_of, start=start, end=start + length, staleness=staleness)
        for given_series in (series, sharing_times(series)):
            fast = increments(given_series, pod_of=pod_of, start=start, end=start + length, staleness=staleness)
            assert {key: (one.count, one.fresh) for key, one in fast.items()} == plain


@settings(deadline=None, max_examples=100)
@given(world=worlds(missed_in_a_row=2), threshold=st.sampled_from([0.1, 0.2, 0.3]), end=st.integers(20, 300))
def test_buckets_count_what_each_of_them_counts_alone(world: World, threshold: float, end: int) -> None:
    """The answer of a histogram is put together from its buckets' own plainly counted increments."""
    edges = {"errors": "0.2", "requests": "+Inf"}
    buckets = [Series({**one.labels, "le": edges[one.labels["kind"]]}, one.samples) for one in world.series]
    between = {"start": end - 2 * SCRAPE, "end": float(end), "staleness": STALENESS}
    counted = histogram_counts(sharing_times(buckets), threshold=threshold, pod_of=lambda one: one["pod"], **between)
    plain = plain_increments(buckets, pod_of=lambda one: (one["pod"], one["le"]), **between)

    for pod, found in counted.items():
        total, _ = plain.get((pod, "+Inf"), (0, False))
        fast, _ = plain.get((pod, "0.2"), (0, False))
        slow = max(0, total - fast)
        known = {0.1: (0, total), 0.2: (slow, slow), 0.3: (0, slow)}
        edges_known = (pod, "0.2") in plain
        surely, possibly = known[threshold] if edges_known else (0, total)
        if threshold < 0.2 and edges_known:
            surely = slow
        assert (found.counts.total, found.counts.bad, found.counts.bad_possible) == (total, surely, possibly)


@settings(deadline=None, max_examples=60)
@given(world=worlds(missed_in_a_row=6), start=st.floats(0, 300), length=st.floats(0, 300))
def test_increments_are_never_negative(world: World, start: float, length: float) -> None:
    """Whatever two instants are compared, no count is below zero."""
    assert all(one.count >= 0 for one in look(world, start, start + length, history=STALENESS).values())
