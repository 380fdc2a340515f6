"""Raw counter samples become whole events: nothing invented, nothing counted twice, losses only where documented."""

import math
from collections.abc import Mapping

import pytest

from palier.evidence.counters import Measurable, Series
from palier.evidence.counts import Counts
from tests.support.counting import Increment, histogram_counts, increments

STALENESS = 40.0


def pod_of(labels: Mapping[str, str]) -> str | None:
    """The pod's name; series without one are left out."""
    return labels.get("pod")


def counter(values: Mapping[float, float], pod: str = "a", **labels: str) -> Series:
    """One counter of a pod, by scrape time."""
    return Series({"namespace": "ml", "pod": pod, **labels}, tuple(sorted(values.items())))


def counted(*series: Series, start: float = 30, end: float = 60) -> dict[str, Increment]:
    """Increments by pod over one look."""
    return increments(series, pod_of=pod_of, start=start, end=end, staleness=STALENESS)


def test_events_are_the_difference_between_two_instants() -> None:
    """The last samples at or before start and end count; later ones do not."""
    assert counted(counter({15: 100, 30: 110, 45: 130, 60: 131, 75: 900})) == {"a": Increment(21, fresh=True)}
    assert counted(counter({14: 100, 29: 110, 44: 130, 59: 131})) == {"a": Increment(21, fresh=True)}


def test_series_of_a_pod_are_added_and_others_left_out() -> None:
    """Codes of one pod add up, pods stay apart, and a series without a key is not counted."""
    nobody = Series({"namespace": "ml"}, ((30.0, 0.0), (60.0, 99.0)))
    found = counted(
        counter({30: 1, 60: 4}, code="200"),
        counter({30: 1, 60: 2}, code="500"),
        counter({30: 7, 60: 7}, pod="b"),
        nobody,
    )
    assert found == {"a": Increment(4, fresh=True), "b": Increment(0, fresh=True)}


def test_every_reset_within_a_look_is_counted() -> None:
    """After a decrease the new value is the increment, also when the process restarted twice."""
    assert counted(counter({30: 1000, 40: 1010, 45: 3, 50: 8, 55: 2, 60: 6}))["a"].count == 10 + 3 + 5 + 2 + 4


def test_a_counter_born_in_a_known_pod_counts_from_zero() -> None:
    """The first error of a pod creates its counter; that first value is real events."""
    found = counted(counter({30: 50, 45: 60, 60: 70}, code="200"), counter({45: 3, 60: 4}, code="500"))
    assert found["a"].count == 20 + 4


def test_the_first_scrape_of_a_new_pod_is_only_a_baseline() -> None:
    """What an unknown pod counted before its first scrape may be old; what follows belongs to the look."""
    found = counted(
        counter({45: 5000, 50: 5002, 60: 5005}, pod="new", code="200"), counter({50: 2, 60: 3}, pod="new", code="500")
    )
    assert found["new"].count == 5 + 3


def test_another_target_in_the_same_pod_does_not_vouch_for_a_counter() -> None:
    """A sidecar that was scraped all along says nothing about the age of the server's counters."""
    found = counted(
        counter({30: 1, 45: 1, 60: 1}, job="sidecar", instance="10.0.0.1:15020"),
        counter({45: 1_000_000, 60: 1_000_003}, job="server", instance="10.0.0.1:8080"),
    )
    assert found["a"].count == 3


def test_missed_scrapes_lose_nothing() -> None:
    """Events of an unscraped time are counted in the look that sees the next sample, once."""
    series = counter({0: 10, 100: 60})
    assert counted(series, start=0, end=30)["a"] == Increment(0, fresh=True)
    assert counted(series, start=30, end=60)["a"] == Increment(0, fresh=False)
    assert counted(series, start=60, end=100)["a"] == Increment(50, fresh=True)


def test_a_vanished_pod_keeps_its_events_and_is_stale() -> None:
    """What was seen before the pod went is counted; the key says that there is no fresh sample."""
    assert counted(counter({0: 0, 5: 4, 12: 9}), start=0, end=60) == {"a": Increment(9, fresh=False)}


def test_one_stale_series_does_not_make_a_scraped_pod_stale() -> None:
    """A counter that its process dropped is no sign that the pod is not scraped any more."""
    found = counted(counter({0: 1, 10: 2}, code="500"), counter({0: 1, 30: 5, 60: 9}, code="200"), start=0)
    assert found["a"] == Increment(9, fresh=True)


def test_a_pod_without_samples_is_absent() -> None:
    """Nothing known is not zero: the key is missing."""
    assert counted(counter({}), counter({75: 4}, pod="later")) == {}


def test_values_that_are_no_numbers_are_dropped() -> None:
    """NaN and infinity are neither counts nor resets."""
    assert counted(counter({30: 10, 40: math.nan, 50: math.inf, 60: 12}))["a"].count == 2
    assert counted(counter({30: math.nan})) == {}


def test_numerator_and_denominator_come_from_one_scrape() -> None:
    """Where one series is a scrape ahead of the others, all are read at the newest scrape that they share."""
    found = increments(
        [counter({30: 0, 45: 10}, code="all"), counter({30: 0, 45: 2, 60: 9}, code="bad")],
        pod_of=lambda labels: labels["code"],
        start=30,
        end=60,
        staleness=STALENESS,
    )
    assert (found["all"].count, found["bad"].count) == (10, 2)
    assert found["bad"].count <= found["all"].count


def test_without_a_shared_scrape_the_latest_samples_count() -> None:
    """Series that share no scrape are each read at their latest sample rather than not at all."""
    found = counted(counter({30: 0, 50: 10}, code="200"), counter({31: 0, 55: 2}, code="500"), start=35)
    assert found["a"].count == 12


BUCKETS = {"0.1": 20, "0.25": 70, "0.5": 90, "+Inf": 100}


def histogram(
    rises: Mapping[str, int], threshold: float, *, pods: tuple[str, ...] = ("a",)
) -> dict[str, tuple[Counts, Measurable, float | None, float | None]]:
    """Counts above a threshold, for pods whose cumulative buckets rise by these numbers in the look."""
    buckets = [counter({30: 1000, 60: 1000 + rise}, pod=pod, le=edge) for pod in pods for edge, rise in rises.items()]
    found = histogram_counts(buckets, threshold=threshold, pod_of=pod_of, start=30, end=60, staleness=STALENESS)
    return {pod: (one.counts, one.measurable, one.lower, one.upper) for pod, one in found.items()}


def test_a_threshold_on_an_edge_is_exact() -> None:
    """Everything above the edge is surely bad."""
    assert histogram(BUCKETS, 0.25) == {"a": (Counts(100, 30, 30), Measurable.EXACT, 0.25, 0.25)}


@pytest.mark.parametrize(
    ("written", "threshold"), [("25", 25.0), ("25.0", 25.0), ("2.5e+01", 25.0), ("0.3", 0.1 + 0.2)]
)
def test_edges_are_compared_as_numbers(written: str, threshold: float) -> None:
    """Prometheus 3 writes le="25" as "25.0", and 0.1 + 0.2 is 0.3."""
    [(counts, measurable, _, __)] = histogram({written: 7, "+Inf": 10}, threshold).values()
    assert (counts, measurable) == (Counts(10, 3, 3), Measurable.EXACT)


def test_a_threshold_between_edges_is_bracketed() -> None:
    """The edge above gives the surely bad, the edge below the possibly bad; nothing is interpolated."""
    assert histogram(BUCKETS, 0.3) == {"a": (Counts(100, 10, 30), Measurable.BRACKETED, 0.25, 0.5)}


def test_a_threshold_outside_the_edges_is_bracketed() -> None:
    """Below the first edge everything may be bad, above the last one nothing surely is."""
    assert histogram(BUCKETS, 0.05) == {"a": (Counts(100, 80, 100), Measurable.BRACKETED, None, 0.1)}
    assert histogram(BUCKETS, 2.0) == {"a": (Counts(100, 0, 10), Measurable.BRACKETED, 0.5, math.inf)}


def test_a_histogram_without_its_total_is_unavailable() -> None:
    """Without the +Inf bucket there is no total, and so no answer."""
    assert histogram({"0.25": 4}, 0.25) == {"a": (Counts(0, 0, 0), Measurable.UNAVAILABLE, None, None)}
    assert histogram({"fast": 4}, 0.25) == {}


def test_targets_with_different_edges_add_up_and_the_worst_one_names_the_quality() -> None:
    """A key that covers pods of two builds is as well measurable as the worse of them."""
    buckets = [
        *(counter({30: 0, 60: rise}, pod="old", le=edge) for edge, rise in {"0.25": 8, "+Inf": 10}.items()),
        *(counter({30: 0, 60: rise}, pod="new", le=edge) for edge, rise in {"0.2": 5, "0.5": 9, "+Inf": 10}.items()),
    ]
    [found] = histogram_counts(
        buckets, threshold=0.25, pod_of=lambda _: "revision", start=30, end=60, staleness=STALENESS
    ).values()
    assert found.counts == Counts(total=20, bad=3, bad_possible=7)
    assert (found.measurable, found.lower, found.upper, found.fresh) == (Measurable.BRACKETED, 0.2, 0.5, True)


def test_buckets_that_contradict_each_other_are_clamped() -> None:
    """A bucket that claims more than the total, as around a restart, makes no negative counts."""
    assert histogram({"0.25": 30, "0.5": 12, "+Inf": 10}, 0.3)["a"][0] == Counts(10, 0, 0)


def test_histograms_of_one_target_with_different_edges_answer_each_for_itself() -> None:
    """A bucket of one is not subtracted from the total of all: two hundred fast requests are not half of them slow."""
    views = {"a": {"0.1": 50, "0.5": 100, "+Inf": 100}, "b": {"0.25": 100, "1": 100, "+Inf": 100}}
    buckets = [
        counter({30: 0, 60: rise}, le=edge, model=model)
        for model, rises in views.items()
        for edge, rise in rises.items()
    ]
    [found] = histogram_counts(
        buckets, threshold=0.5, pod_of=lambda _: "revision", start=30, end=60, staleness=STALENESS
    ).values()

    assert found.counts == Counts(200, 0, 0)
    assert (found.measurable, found.lower, found.upper) == (Measurable.BRACKETED, 0.25, 1.0)


DOOR = {"namespace": "ml", "pod": "model", "instance": "10.0.0.1:80"}


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({"b": {15: 0, 30: 0, 60: 3}}, 7),
        ({"a": {15: 0, 30: 1}, "b": {30: 0, 60: 3}}, 3),
        ({"a": {-30: 0, 60: 4}, "b": {30: 0, 60: 3}}, 3),
    ],
)
def test_a_pod_that_two_jobs_scrape_counts_once(others: dict[str, dict[float, float]], expected: int) -> None:
    """The first job by name whose samples are fresh at both instants counts, else one that is fresh at the end."""
    jobs = {"a": {15: 0, 30: 0, 60: 7}, **others}
    series = [Series({**DOOR, "job": job}, tuple(sorted(samples.items()))) for job, samples in jobs.items()]
    [found] = increments(series, pod_of=lambda _: "revision", start=30, end=60, staleness=20.0).values()

    assert found.count == expected


def test_different_ports_of_a_pod_are_different_targets() -> None:
    """What two processes of a pod count is added up; so is what is pushed without any pod."""
    samples = ((15.0, 0.0), (30.0, 0.0), (60.0, 7.0))
    ports = [Series({**DOOR, "job": port, "instance": f"10.0.0.1:{port}"}, samples) for port in ("80", "81")]
    pushed = [Series({"namespace": "ml", "job": job}, samples) for job in ("monday", "tuesday")]
    for series in (ports, pushed):
        [found] = increments(series, pod_of=lambda _: "revision", start=30, end=60, staleness=20.0).values()

        assert found.count == 14


@pytest.mark.parametrize(
    ("values", "countable"),
    [
        ((1.0, 2.0), True),
        ((2.0**53, 2.0**53), True),
        ((1.0, 2.0**53 + 2), False),
        ((-1.0, 2.0), False),
        ((math.nan, 1.0), True),
        ((), True),
    ],
)
def test_a_series_knows_whether_a_counter_can_have_its_values(values: tuple[float, ...], *, countable: bool) -> None:
    """However it was read, and however large its values are together."""
    times = tuple(float(number) for number in range(len(values)))

    assert Series.from_columns({}, times, values).countable is countable
    assert Series({}, zip(times, values, strict=True)).countable is countable
