"""Copies of a shadow that cannot be counted leave a gap in what users got, and its reason is told."""

import pytest

from palier.economics.running import Served
from palier.evidence.counters import Series
from palier.release.shadow_copies import Copies
from tests.support.metrics.fleet import (
    COPIES,
    FAILED_COPIES,
    KEY,
    MINUTE,
    START,
    UNSCRAPED,
    UNTOLD,
    Fleet,
    Prometheus,
    fleet_of,
    over,
    shadowed,
    stable_alone,
)
from tests.support.release.examples import STABLE


@pytest.mark.parametrize("question", [COPIES, FAILED_COPIES])
async def test_a_shadow_whose_copies_cannot_be_asked_for_is_a_gap(prometheus: Prometheus, question: str) -> None:
    """Its users' requests are not known; those of a ModelDeployment without a shadow are."""
    fleet = shadowed(prometheus)
    prometheus.pod(STABLE, per_second=1, name="other")
    fleet.traffic.watch(("ml", "other"), stable_alone(), copies=Copies.POSSIBLE)
    prometheus.proxy(per_second=2, failing=1)
    await fleet.pass_minutes(1)
    before = fleet.traffic.measure_revision(KEY, STABLE)
    prometheus.refused = {question}
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == before == Served(5400, 600.0)
    assert fleet.traffic.problem(KEY) == f"{UNTOLD}: Unreachable: nobody there"
    assert fleet.traffic.measure_revision(("ml", "other"), STABLE) == Served(660, 660.0)
    assert fleet.traffic.problem(("ml", "other")) == ""


async def test_a_shadow_whose_proxy_nobody_scrapes_is_a_gap(prometheus: Prometheus) -> None:
    """Copies are on their way, and how many of them nobody knows."""
    fleet = shadowed(prometheus)
    await fleet.pass_minutes(11)

    assert fleet.traffic.measure_revision(KEY, STABLE) is None
    assert fleet.traffic.problem(KEY) == UNSCRAPED


async def test_a_shadow_that_begins_during_a_reading_is_none_of_it(prometheus: Prometheus) -> None:
    """What is read ends before it; its proxy may not have been scraped yet."""
    fleet = fleet_of(prometheus, Copies.NONE)
    ask = prometheus.samples

    async def samples(selector: str, *, at: float, seconds: float) -> list[Series]:
        fleet.traffic.watch(KEY, stable_alone(), copies=Copies.SENT)
        return await ask(selector, at=at, seconds=seconds)

    prometheus.samples = samples  # type: ignore[method-assign]
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(10 * 600, 600.0)
    assert fleet.traffic.problem(KEY) == ""


async def test_a_shadow_whose_proxy_fell_silent_is_a_gap(prometheus: Prometheus) -> None:
    """What it said minutes ago is no news."""
    fleet = shadowed(prometheus)
    prometheus.proxy(per_second=2, failing=1, until=START + MINUTE)
    await fleet.pass_minutes(3)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(5400, 600.0)
    assert fleet.traffic.problem(KEY) == UNSCRAPED


async def test_copies_from_before_the_first_scrape_are_a_gap(prometheus: Prometheus) -> None:
    """The proxy has counted them, but of which minute they are nobody knows."""
    fleet = fleet_of(prometheus, Copies.POSSIBLE)
    await fleet.pass_minutes(1)
    fleet.traffic.watch(KEY, stable_alone(), copies=Copies.SENT)
    prometheus.proxy(per_second=2, failing=1, since=fleet.now + 10)
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(10 * 600, 600.0)
    assert fleet.traffic.problem(KEY) == f"{UNTOLD}: the proxy had sent some before it was first scraped"
    await fleet.pass_minutes(1)
    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(10 * 600 + 9 * 60, 660.0)


async def test_the_last_minute_of_a_shadow_that_was_never_read_is_a_gap(prometheus: Prometheus) -> None:
    """It was over before the minute was, and its first seconds had copies all the same."""
    fleet = shadowed(prometheus)
    await fleet.pass_minutes(1)
    fleet.now += 20
    over(fleet)
    fleet.now -= 20
    await fleet.pass_minutes(1)
    assert fleet.traffic.problem(KEY) == UNSCRAPED

    await fleet.pass_minutes(10)
    assert fleet.traffic.problem(KEY) == ""
    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(10 * 600, 600.0)


async def test_a_failed_question_of_the_first_minute_afterwards_is_a_gap(prometheus: Prometheus) -> None:
    """There may have been copies that trailed; a minute later there are none."""
    fleet = shadowed(prometheus)
    prometheus.proxy(per_second=2, failing=1, until=START + MINUTE)
    await fleet.pass_minutes(1)
    over(fleet)
    prometheus.refused = {COPIES, FAILED_COPIES}
    await fleet.pass_minutes(1)
    assert fleet.traffic.problem(KEY) == f"{UNTOLD}: Unreachable: nobody there"

    await fleet.pass_minutes(1)
    assert fleet.traffic.problem(KEY) == ""


async def test_half_an_answer_about_a_proxy_is_a_gap(prometheus: Prometheus) -> None:
    """Copies are seen, and which of them failed is not: nobody knew of a shadow, after a restart for instance."""
    fleet = fleet_of(prometheus, Copies.POSSIBLE)
    prometheus.proxy(per_second=2, failing=1)
    prometheus.refused = {FAILED_COPIES}
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) is None
    assert fleet.traffic.problem(KEY) == f"{UNTOLD}: Unreachable: nobody there"


async def test_a_proxy_that_counts_what_no_counter_can_is_a_gap(prometheus: Prometheus) -> None:
    """A negative number of copies would make up answers."""
    fleet = shadowed(prometheus)
    prometheus.proxy(per_second=-2)
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) is None
    assert f"palier_shadow_copies_total of {STABLE} was -" in fleet.traffic.problem(KEY)


async def test_pods_that_cannot_be_counted_are_told_first(prometheus: Prometheus) -> None:
    """Whoever looks for the cause looks there."""
    fleet = Fleet(prometheus)
    fleet.traffic.watch(KEY, stable_alone(), copies=Copies.SENT)
    await fleet.pass_minutes(1)

    assert fleet.traffic.problem(KEY) == f"no fresh samples of requests_total for {STABLE} from its pods"
