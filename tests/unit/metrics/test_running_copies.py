"""A shadow has its revisions answer more than users ask; what an answer costs is computed by what users got."""

from dataclasses import replace

import pytest

from palier.economics.running import Served
from palier.measuring.sources import CounterRatio, Origin, RouterSeries
from palier.release.shadow_copies import Copies
from tests.support.metrics.fleet import (
    COPIES,
    ERRORS,
    FAILED_COPIES,
    KEY,
    MINUTE,
    REQUESTS,
    SCRAPE,
    START,
    Fleet,
    Prometheus,
    fleet_of,
    over,
    shadowed,
    stable_alone,
    with_candidate,
)
from tests.support.metrics.promql import plain
from tests.support.release.examples import CANDIDATE, STABLE


async def test_copies_are_taken_out(prometheus: Prometheus) -> None:
    """Two copies a second, of which one fails: 9 answers a second are left, which users got."""
    fleet = shadowed(prometheus)
    prometheus.proxy(per_second=2, failing=1)
    await fleet.pass_minutes(11)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(9 * 1200, 1200.0)
    assert fleet.traffic.measure_all(KEY) == Served(9 * 1200, 1200.0)
    assert fleet.traffic.problem(KEY) == ""


async def test_all_copies_are_taken_out_where_pods_count_failures_as_requests(prometheus: Prometheus) -> None:
    """A failed copy is among their requests, too."""
    fleet = shadowed(prometheus)
    prometheus.proxy(per_second=2, failing=1)
    counter = stable_alone().objectives[0]
    source = CounterRatio((), (REQUESTS,))
    unfailing = replace(stable_alone(), objectives=(replace(counter, source=source, stable_source=source),))
    fleet.traffic.watch(KEY, unfailing, copies=Copies.SENT)
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(10 * 600, 600.0)


async def test_copies_of_the_candidate_are_its_own(prometheus: Prometheus) -> None:
    """They may trail into the minute in which it gets its first users."""
    fleet = Fleet(prometheus)
    prometheus.pod(STABLE, per_second=9)
    prometheus.pod(CANDIDATE, per_second=5)
    prometheus.proxy(per_second=2, failing=1)
    fleet.traffic.watch(KEY, with_candidate(), copies=Copies.POSSIBLE)
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(4800, 600.0)
    assert fleet.traffic.measure_revision(KEY, CANDIDATE) == Served(1800, 600.0)


async def test_every_group_of_users_is_copied(prometheus: Prometheus) -> None:
    """The proxy counts them apart; together they are the copies."""
    fleet = shadowed(prometheus)
    prometheus.proxy(per_second=1)
    pod = prometheus.counters[-1][1]["pod"]
    for name, labels, value in [one for one in prometheus.counters if one[1]["pod"] == pod]:
        prometheus.counters.append((name, {**labels, "segment": "(other)"}, value))
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(8 * 600, 600.0)


async def test_a_former_comparison_has_had_copies_answered_too(prometheus: Prometheus) -> None:
    """Its pairs are no evidence any more, and its copies were answered all the same."""
    fleet = shadowed(prometheus)
    prometheus.proxy(per_second=1, until=START + 30, comparison="fedcba9876543210")
    prometheus.proxy(per_second=1, since=START + 30)
    await fleet.pass_minutes(10)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(9 * 1140, 1140.0)


async def test_more_copies_than_answers_are_no_debt(prometheus: Prometheus) -> None:
    """Pods and proxy are scraped at different moments: what is seen too early must not be taken from other minutes."""
    fleet = shadowed(prometheus)
    prometheus.proxy(per_second=11)
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(0, 600.0)


@pytest.mark.parametrize("copies", [Copies.NONE, Copies.POSSIBLE])
async def test_without_a_shadow_nothing_changes(prometheus: Prometheus, copies: Copies) -> None:
    """A proxy that is not there has sent nothing."""
    fleet = fleet_of(prometheus, copies)
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(10 * 600, 600.0)
    assert fleet.traffic.problem(KEY) == ""


async def test_fleets_without_shadows_ask_nothing_more(prometheus: Prometheus, fleet: Fleet) -> None:
    """And a single one with a shadow asks twice more for all of them."""
    for number in range(100):
        fleet.traffic.watch(("ml", f"demo-{number}"), stable_alone(), copies=Copies.NONE)
    await fleet.pass_minutes(1)
    usual = {plain(selector) for selector, _ in prometheus.asked}
    assert usual == {REQUESTS, ERRORS, "up"}
    for copies in (Copies.POSSIBLE, Copies.SENT):
        for number in range(50):
            fleet.traffic.watch(("ml", f"demo-{number}"), stable_alone(), copies=copies)
        prometheus.asked.clear()
        await fleet.pass_minutes(1)
        assert {plain(selector) for selector, _ in prometheus.asked} == usual | {COPIES, FAILED_COPIES}


async def test_the_router_counts_users_alone(prometheus: Prometheus) -> None:
    """Copies reach the pods past it: nothing is asked about them, and nothing taken out."""
    fleet = Fleet(prometheus)
    routed = replace(
        stable_alone(), router=RouterSeries("cluster", candidate="none", stable="ours", namespaces=("gw",))
    )
    routed = replace(routed, objectives=(replace(routed.objectives[0], origin=Origin.ROUTER),))
    fleet.traffic.watch(KEY, routed, copies=Copies.SENT)
    fleet.traffic.watch(("ml", "other"), stable_alone(), copies=Copies.NONE)
    prometheus.counters.append(
        (REQUESTS, {"namespace": "gw", "pod": "envoy", "cluster": "ours"}, lambda time: 9 * time)
    )
    prometheus.counters.append((ERRORS, {"namespace": "gw", "pod": "envoy", "cluster": "ours"}, lambda _time: 0.0))
    prometheus.proxy(per_second=2)
    await fleet.pass_minutes(1)
    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(5400, 600.0)
    assert not [selector for selector, _ in prometheus.asked if selector.startswith("palier_shadow")]

    fleet.traffic.watch(("ml", "other"), stable_alone(), copies=Copies.POSSIBLE)
    await fleet.pass_minutes(1)
    assert [selector for selector, _ in prometheus.asked if selector.startswith("palier_shadow")]
    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(5940, 660.0)


async def test_a_proxy_that_was_scraped_before_its_first_copy_is_no_gap(prometheus: Prometheus) -> None:
    """All that it has sent is known."""
    fleet = fleet_of(prometheus, Copies.POSSIBLE)
    await fleet.pass_minutes(1)
    fleet.traffic.watch(KEY, stable_alone(), copies=Copies.SENT)
    prometheus.proxy(per_second=2, failing=1, since=fleet.now + SCRAPE)
    await fleet.pass_minutes(1)

    assert fleet.traffic.problem(KEY) == ""
    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(10 * 660 - 45, 660.0)


async def test_a_proxy_in_another_pod_is_known_from_its_first_scrape_on(prometheus: Prometheus) -> None:
    """It was moved to another node: what it sent before it was found there is of no known minute either."""
    fleet = shadowed(prometheus)
    prometheus.proxy(per_second=2, failing=1, until=START + MINUTE + 20)
    prometheus.proxy(per_second=2, failing=1, since=START + MINUTE + 22)
    await fleet.pass_minutes(1)
    known = fleet.traffic.measure_revision(KEY, STABLE)
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == known == Served(5400, 600.0)
    assert "before it was first scraped" in fleet.traffic.problem(KEY)
    await fleet.pass_minutes(1)
    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(5940, 660.0)


async def test_a_proxy_that_starts_anew_counts_on(prometheus: Prometheus) -> None:
    """Its counters fall to 0 with the process; they do not give copies back."""
    fleet = shadowed(prometheus)
    prometheus.proxy(per_second=2, failing=1, restarted_at=START + 2 * MINUTE + 2 * SCRAPE)
    await fleet.pass_minutes(4)

    served = fleet.traffic.measure_revision(KEY, STABLE)
    assert served is not None
    assert served.seconds == 600.0 + 3 * 60
    # What it sent between its last scrape and its end nobody knows.
    assert served.requests - 9 * served.seconds == pytest.approx(SCRAPE)


async def test_copies_that_trail_are_taken_out(prometheus: Prometheus) -> None:
    """Gateways go on for a moment after the shadow; the proxy is there until they have left off."""
    fleet = shadowed(prometheus)
    prometheus.proxy(per_second=2, failing=1, until=START + 4 * MINUTE)
    await fleet.pass_minutes(2)
    over(fleet)
    await fleet.pass_minutes(2)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(9 * 780, 780.0)
    await fleet.pass_minutes(2)
    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(9 * 780 + 10 * 120, 900.0)
    assert fleet.traffic.problem(KEY) == ""


async def test_copies_of_a_stage_that_was_taken_out_of_the_spec_trail_too(prometheus: Prometheus) -> None:
    """Nothing of the spec tells of a shadow any more, and then nothing is asked any more."""
    fleet = shadowed(prometheus)
    prometheus.proxy(per_second=2, failing=1)
    await fleet.pass_minutes(1)
    fleet.now += 30
    over(fleet, Copies.NONE)
    fleet.now -= 30
    await fleet.pass_minutes(2)
    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(9 * 720, 720.0)

    prometheus.asked.clear()
    await fleet.pass_minutes(1)
    assert len(prometheus.asked) == 3


async def test_a_proxy_that_is_gone_has_told_all(prometheus: Prometheus) -> None:
    """The shadow was over in mid-minute, and its proxy has been removed since."""
    fleet = shadowed(prometheus)
    prometheus.proxy(per_second=2, failing=1, until=START + MINUTE + SCRAPE)
    await fleet.pass_minutes(1)
    fleet.now += SCRAPE + 3
    over(fleet)
    fleet.now -= SCRAPE + 3
    await fleet.pass_minutes(1)

    assert fleet.traffic.problem(KEY) == ""
    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(5400 + 9 * SCRAPE + 10 * 45, 660.0)


async def test_the_copies_of_others_stay_theirs(prometheus: Prometheus) -> None:
    """What one model tries, another one may serve already: the proxy of the first has not asked the second's pods."""
    fleet = shadowed(prometheus)
    prometheus.pod(CANDIDATE, per_second=5, name="demo-ahead")
    prometheus.pod(STABLE, per_second=5, name="demo-same")
    prometheus.proxy(per_second=2, failing=1)
    fleet.traffic.watch(("ml", "demo-ahead"), replace(stable_alone(), stable=CANDIDATE))
    fleet.traffic.watch(("ml", "demo-same"), stable_alone())
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(5400, 600.0)
    assert fleet.traffic.measure_revision(("ml", "demo-ahead"), CANDIDATE) == Served(3000, 600.0)
    assert fleet.traffic.measure_revision(("ml", "demo-same"), STABLE) == Served(3000, 600.0)


async def test_copies_of_the_longer_name_are_its_own(prometheus: Prometheus) -> None:
    """The proxy of demo-2 begins with the name of demo, too."""
    prometheus.pod(STABLE, per_second=5)
    prometheus.pod(STABLE, per_second=5, name="demo-2")
    prometheus.proxy(per_second=2, name="demo-2")
    fleet = Fleet(prometheus)
    for name in ("demo", "demo-2"):
        fleet.traffic.watch(("ml", name), stable_alone(), copies=Copies.POSSIBLE)
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(("ml", "demo"), STABLE) == Served(3000, 600.0)
    assert fleet.traffic.measure_revision(("ml", "demo-2"), STABLE) == Served(1800, 600.0)
