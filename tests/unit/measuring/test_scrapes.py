"""When the pods of a revision were scraped last, by their `up` series."""

from palier.evidence.arrivals import ScrapedStep, Scrapes
from palier.evidence.counters import Series, Target
from palier.measuring.scrapes import scraped_both, scrapes_of

CANDIDATE, STABLE = "new", "old"
Rows = dict[Target, list[tuple[str, Series]]]


def up(revision: str, pod: str, *times: float, job: str = "pods") -> Rows:
    """The `up` of one pod."""
    series = Series({"namespace": "ml", "pod": pod, "job": job}, [(time, 1.0) for time in times])
    return {series.target: [(revision, series)]}


def seen(rows: Rows, revision: str = CANDIDATE) -> Scrapes | None:
    """The scrapes of a step from second 30 to 60."""
    return scrapes_of(rows, revision, start=30, end=60, staleness=40)


def test_the_oldest_and_the_newest_last_scrape_are_told() -> None:
    """A scrape after the look does not count yet."""
    rows = up(CANDIDATE, "a", 25, 40, 55, 70) | up(CANDIDATE, "b", 29, 44, 59) | up(STABLE, "c", 30, 45, 60)

    assert seen(rows) == Scrapes(2, oldest=55, newest=59)
    assert seen(rows, STABLE) == Scrapes(1, oldest=60, newest=60)


def test_a_pod_that_is_not_scraped_any_more_is_left_out() -> None:
    """Its last scrape is too old to say anything."""
    assert seen(up(CANDIDATE, "a", 5, 20) | up(CANDIDATE, "b", 29, 44)) == Scrapes(1, oldest=44, newest=44)
    assert seen(up(CANDIDATE, "a", 5, 20)) is None
    assert seen({}) is None


def test_a_pod_that_was_never_scraped_before_has_joined() -> None:
    """It may have answered requests that nobody has counted."""
    joined = seen(up(CANDIDATE, "a", 25, 40, 55) | up(CANDIDATE, "b", 44, 59))

    assert joined == Scrapes(2, oldest=55, newest=59, joined=True)
    assert seen(up(CANDIDATE, "a", 25, 55) | up(STABLE, "c", 44, 59)) == Scrapes(1, oldest=55, newest=55)


def test_a_pod_that_two_jobs_scrape_is_one_pod() -> None:
    """Which of them is counted is decided elsewhere; the older scrape is right for both."""
    rows = up(CANDIDATE, "a", 25, 40, 55) | up(CANDIDATE, "a", 29, 44, 59, job="again")

    assert seen(rows) == Scrapes(1, oldest=55, newest=55)


def test_both_revisions_are_needed() -> None:
    """Without one of them there is nothing to set side by side."""
    mine, theirs = up(CANDIDATE, "a", 25, 40, 55), up(STABLE, "c", 30, 45, 60)
    step = {"candidate": CANDIDATE, "stable": STABLE, "start": 30.0, "end": 60.0, "staleness": 40.0}

    both = scraped_both(mine | theirs, weight_since=12.0, **step)  # type: ignore[arg-type]

    assert both == ScrapedStep(30, 60, Scrapes(1, 55, 55), Scrapes(1, 60, 60), 12.0)
    assert scraped_both(mine, weight_since=12.0, **step) is None  # type: ignore[arg-type]
    assert scraped_both(theirs, weight_since=12.0, **step) is None  # type: ignore[arg-type]
