"""Servers that break down or are none, requests that are wrong, and results on the edge."""

from dataclasses import replace

import pytest

from palier.evidence.verdicts import Verdict
from palier.loadtest.findings import SearchResult
from palier.loadtest.measure import Outcome, Phase, Step, Tally
from palier.loadtest.search import next_step
from tests.support.loadtest.histories import FAST, QUICK, ended, no_answer, result
from tests.support.loadtest.queues import P95, Fifo, Restarting, Spoilt, fixed


def test_nobody_there_is_no_evidence() -> None:
    """A wrong address or a server that has not started says nothing about its capacity."""
    bench, found = ended(Spoilt(FAST, dead_after=0.0))

    assert (found.verdict, found.reason) == (Verdict.NO_EVIDENCE, "NoServer")
    assert "address" in found.message
    assert len(bench.history) < 10


def test_what_is_no_answer_of_http_is_none() -> None:
    """A warm-up that meets another protocol is tried again, and in the end there is no evidence."""
    strange = replace(no_answer(Phase.WARM_UP, 2.5), outcomes={Outcome.OTHER: 90, Outcome.NO_CONNECTION: 10})
    again, found = next_step([strange], QUICK), next_step([strange] * 4, QUICK)

    assert isinstance(again, Step)
    assert again.phase is Phase.WARM_UP
    assert isinstance(found, SearchResult)
    assert (found.verdict, found.reason) == (Verdict.NO_EVIDENCE, "NoServer")


def test_nobody_is_waited_for_long_who_never_held_a_rate() -> None:
    """A wrong address is told within a minute."""
    history = [result(Phase.WARM_UP, 1.0), no_answer(Phase.CLIMB, 20.0)]
    history += [no_answer(Phase.WARM_UP, 2.5)] * 4

    found = next_step(history, QUICK)

    assert isinstance(found, SearchResult)
    assert found.reason == "NoServer"


def test_a_server_that_breaks_down_under_load_is_waited_for() -> None:
    """Kubernetes starts it again; until then no rate is blamed."""
    history = [result(Phase.WARM_UP, 1.0), result(Phase.CLIMB, 20.0), no_answer(Phase.CLIMB, 40.0)]
    step = next_step(history, QUICK)

    assert isinstance(step, Step)
    assert step.phase is Phase.WARM_UP

    back = next_step([*history, no_answer(Phase.WARM_UP, 2.5), result(Phase.WARM_UP, 2.5)], QUICK)

    assert isinstance(back, Step)
    assert back.phase is Phase.SEARCH
    assert 20 < back.rate < 40


def test_a_server_that_restarts_under_overload_has_a_capacity() -> None:
    """A model that takes minutes to load is waited for: lower rates had held before it broke."""
    bench, found = ended(Restarting(FAST, above=120.0, seconds=200.0), replace(QUICK, warm_up=10, max_duration=3600))
    dead = [one for one in bench.history if one.no_connection == one.requests]

    assert len(dead) > 4
    assert found.verdict is Verdict.PASS
    assert found.capacity == pytest.approx(88, rel=0.15)


def test_a_server_that_never_comes_back_is_no_evidence() -> None:
    """The message says after which rate it broke."""
    _, found = ended(Spoilt(FAST, dead_after=30.0))

    assert (found.verdict, found.reason) == (Verdict.NO_EVIDENCE, "NoServer")
    assert "broke down" in found.message


@pytest.mark.parametrize(("longest", "patience"), [(1800.0, 600.0), (3600.0, 900.0)])
def test_patience_with_a_server_that_broke_down_ends(longest: float, patience: float) -> None:
    """After a third of the test, or a quarter of an hour."""
    bench, found = ended(Spoilt(FAST, dead_after=30.0), replace(QUICK, warm_up=10, max_duration=longest))
    dead = [one for one in bench.history if one.step.phase is Phase.WARM_UP and one.no_connection]
    waited = sum(one.elapsed for one in dead)

    assert (found.verdict, found.reason) == (Verdict.NO_EVIDENCE, "NoServer")
    assert patience <= waited < patience + 20


def test_patience_does_not_outlast_the_test() -> None:
    """The pod of the test would be ended before it could say anything."""
    dead = [replace(no_answer(Phase.WARM_UP, 2.5), elapsed=10.0) for _ in range(10)]
    history = [
        result(Phase.WARM_UP, 1.0),
        replace(result(Phase.CLIMB, 20.0), elapsed=1690.0),
        replace(no_answer(Phase.CLIMB, 40.0), elapsed=5.0),
    ]
    plan = replace(QUICK, warm_up=10)

    assert isinstance(next_step([*history, *dead[:4]], plan), Step)
    found = next_step([*history, *dead], plan)
    assert isinstance(found, SearchResult)
    assert found.reason == "NoServer"


def test_requests_that_are_not_accepted_end_the_test_at_once() -> None:
    """Answers with 404 are fast and prove nothing."""
    warm_up = replace(result(Phase.WARM_UP, 2.5), requests=5, outcomes={Outcome.NOT_ACCEPTED: 5}, refusing_code=404)
    found = next_step([warm_up], QUICK)

    assert isinstance(found, SearchResult)
    assert (found.verdict, found.reason) == (Verdict.NO_EVIDENCE, "CorpusRefused")
    assert "404" in found.message


def test_requests_that_could_not_be_sent_are_named_so() -> None:
    """No status of HTTP is made up for them, and the sender's own words are told."""
    warm_up = replace(
        result(Phase.WARM_UP, 2.5),
        requests=5,
        outcomes={Outcome.NOT_ACCEPTED: 5},
        unsendable='parse "http://a/50%off": invalid URL escape "%of"',
    )
    found = next_step([warm_up], QUICK)

    assert isinstance(found, SearchResult)
    assert (found.verdict, found.reason) == (Verdict.NO_EVIDENCE, "CorpusRefused")
    assert found.message.startswith('5 of 5 requests could not be sent (parse "http://a/50%off": invalid URL escape')
    assert "status" not in found.message


def test_a_few_requests_that_are_not_accepted_are_left_alone() -> None:
    """One odd line in a thousand does not stop a test."""
    odd = replace(result(Phase.CLIMB, 20.0), requests=1000, outcomes={Outcome.ANSWERED: 997, Outcome.NOT_ACCEPTED: 3})

    assert isinstance(next_step([result(Phase.WARM_UP, 1.0), odd], QUICK), Step)


@pytest.mark.parametrize("changes", [{"max_rate": 0.01}, {"start_rate": 0.015}], ids=str)
@pytest.mark.parametrize("service", [0.1, 2.0])
def test_very_low_rates_can_be_asked_for(changes: dict[str, float], service: float) -> None:
    """The search ends with a verdict, for a model that takes minutes too."""
    plan = replace(QUICK, objectives=(replace(P95, limit_fraction=0.5),), max_duration=36_000.0, **changes)  # type: ignore[arg-type]
    _, found = ended(Fifo(fixed(service)), plan)

    assert found.reason == ("ObjectiveUnreachable" if service > 1 else found.reason)
    assert found.verdict is (Verdict.FAIL if service > 1 else Verdict.PASS)


def test_a_soak_on_the_edge_says_so() -> None:
    """What missed by a little is not told as if it had held, and its share shows on which side of the limit it is."""
    history = [result(Phase.WARM_UP, 1.0), result(Phase.CLIMB, 50.0), result(Phase.CLIMB, 100.0, holds=False)]
    history += [replace(result(Phase.SEARCH, rate), requests=4000) for rate in (85.0, 90.0, 95.0)]
    missed = (Tally(504, 10_000, headroom=0.99),)
    soak = replace(result(Phase.SOAK, 80.0, holds=False), tallies=missed, closing=missed, requests=10_000)

    found = next_step([*history, soak], QUICK)

    assert isinstance(found, SearchResult)
    assert (found.verdict, found.capacity) == (Verdict.PASS, 80.0)
    assert found.message.startswith(
        "80 requests/s is the edge: it fell short by no more than chance allows in 5 seconds: "
    )
    assert "5.04 % of 10000 answered later than 250 ms or not at all (5 % allowed)" in found.message
    assert " held for" not in found.message
