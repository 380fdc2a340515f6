"""Looks at the router: it and the pods are read apart, each with its own reason for being unseen."""

from dataclasses import replace

from palier.measuring.look import is_visible
from palier.measuring.questions import Question, questions
from palier.measuring.sources import Origin
from tests.support.measuring.scrapes import (
    CANDIDATE,
    RATIO,
    RULE,
    STABLE,
    STALENESS,
    Samples,
    Scrapes,
    both_arms,
    objective,
    release,
    totals,
)


def routed(*, candidate: Samples, stable: Samples) -> Scrapes:
    """What the proxies have counted."""
    scrapes = Scrapes()
    for arm, samples in ((CANDIDATE, candidate), (STABLE, stable)):
        scrapes.add("requests_total", samples, arm=arm, pod="proxy", router=True)
        scrapes.add(
            "errors_total", {time: value / 10 for time, value in samples.items()}, arm=arm, pod="proxy", router=True
        )
    return scrapes


AT_ROUTER = objective(RATIO, replace(RULE, name="routed"), origin=Origin.ROUTER)


def test_the_router_goes_on_speaking_of_pods_that_cannot_be_read() -> None:
    """Each side has its own pointer and its own reason."""
    scrapes = routed(candidate={30: 0, 45: 10, 60: 100}, stable={30: 0, 45: 10, 60: 200})
    watched = scrapes.look(release(AT_ROUTER, objective(RATIO)), 60)

    assert totals(watched, "routed") == (100, 10, 200, 20)
    assert (watched.router_read.until, watched.router_read.unseen) == (60, "")
    assert (watched.pods_read.until, watched.pods_read.unseen) == (
        30,
        "no fresh samples from the pods of candidate new",
    )
    assert "errors" not in watched.evidence


def test_pods_are_judged_while_the_router_is_silent() -> None:
    """A router without series of the candidate is unseen, and nothing else."""
    watched = both_arms().look(release(AT_ROUTER, objective(RATIO)), 60)

    assert totals(watched) == (20, 2, 40, 1)
    assert (watched.pods_read.until, watched.pods_read.unseen) == (60, "")
    assert (watched.router_read.until, watched.router_read.unseen) == (
        30,
        "no counters of the router for candidate new from its proxies in gateways",
    )
    assert watched.router_read.unseen_since == 60
    assert "routed" not in watched.evidence


def test_a_router_that_is_not_scraped_any_more_is_unseen() -> None:
    """Old samples are not taken for silence at the backend."""
    watched = routed(candidate={15: 0}, stable={15: 0, 60: 50}).look(release(AT_ROUTER), 60)

    assert (
        watched.router_read.unseen == "no fresh counters of the router for candidate new from its proxies in gateways"
    )


def test_a_release_that_only_the_router_judges_does_not_need_its_pods_read() -> None:
    """Nothing is said of pods that no objective asks."""
    watched = routed(candidate={30: 0, 60: 10}, stable={30: 0, 60: 10}).look(release(AT_ROUTER), 60)

    assert (watched.pods_read.unseen, watched.router_read.unseen, watched.pods_read.until) == ("", "", 60)


def test_a_counter_of_the_router_that_is_born_beside_stables_counts_from_zero() -> None:
    """The first request to a backend makes its series: it is counted."""
    scrapes = routed(candidate={45: 3, 60: 9}, stable={15: 0, 30: 10, 45: 20, 60: 30})

    assert totals(scrapes.look(release(AT_ROUTER), 60), "routed")[0] == 9


def test_before_there_is_traffic_the_router_need_not_have_counted() -> None:
    """Some routers make a backend's series with its first request."""
    watched = Scrapes().look(release(AT_ROUTER, traffic_since=None), 60)

    assert (watched.router_read.unseen, watched.pods_read.unseen) == ("", "")


def test_a_question_without_an_answer_blinds_its_own_side_only() -> None:
    """The reason is told, and the other side is measured."""
    scrapes = both_arms()
    asked = questions(AT_ROUTER)
    watched = scrapes.look(release(AT_ROUTER, objective(RATIO)), 60, unanswered={asked[0]: "refused"})

    assert (watched.router_read.unseen, watched.pods_read.unseen) == ("refused", "")
    assert totals(watched)[0] == 20


def test_a_side_is_worth_a_longer_question_only_if_it_can_be_read_again() -> None:
    """A router that is read all along does not make blind pods visible, nor the other way round."""
    pods, router = both_arms(), routed(candidate={60: 1}, stable={60: 1})
    both, at = release(objective(RATIO), AT_ROUTER), {"at": 60.0, "staleness": STALENESS}
    refused = {Question("requests_total"): "a parse error"}

    assert is_visible(both, pods.answers, router=False, scraped=pods.scraped, **at)
    assert not is_visible(both, pods.answers, router=True, scraped=pods.scraped, **at)
    assert is_visible(both, router.answers, router=True, scraped={}, **at)
    assert not is_visible(both, router.answers, router=False, scraped={}, **at)
    assert not is_visible(both, routed(candidate={10: 1}, stable={60: 1}).answers, router=True, scraped={}, **at)
    assert not is_visible(both, pods.answers, router=False, scraped=pods.scraped, unanswered=refused, **at)
