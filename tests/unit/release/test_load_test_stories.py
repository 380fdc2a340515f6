"""Single stories of releases that begin with a load test, each from the spec to its end."""

from decimal import Decimal

import pytest

from palier.release.situation import Hold
from palier.release.state import ReleasePhase, Result
from tests.support.release.load_fates import finished, serving, spec
from tests.support.release.load_world import PRICES, Truth, load_tested


def test_a_result_is_used_again_while_it_is_fresh() -> None:
    """Of the same revision, requests and rules: a revision that comes back is not tested a second time before that."""
    world = serving()
    for version, seconds, runs in (("2", 60, 2), ("1", 600, 2), ("2", 60, 2), ("1", 8 * 86_400, 3)):
        world.now += seconds
        world.ask_for(spec(version, stage={"maxDuration": "10m"}, test={"freshFor": "168h"}))
        finished(world)
        assert world.state.stable is not None
        assert world.state.stable.version == version
        assert len(world.made) == runs, version
    # The very first test was made under a fresh result's rules, too; only the clock has made it old.
    assert world.made[-1].revision == world.state.stable.revision


def test_other_requests_ask_another_question() -> None:
    """In mid-test the Job makes way for one with the new requests, and no result of the old one counts."""
    world = serving()
    world.test_takes = 5
    world.ask_for(spec("4"))
    world.run(3)
    world.ask_for(spec("4", test={"path": "/other"}))
    world.run(4)
    assert [run.digest for run in world.made] == [world.made[0].digest, world.made[1].digest]
    assert world.made[0].digest != world.made[1].digest
    assert len(world.jobs) == 1
    assert [record.digest for record in world.state.load_tests if record.revision == world.made[0].revision] == []
    finished(world)
    assert [record.digest for record in world.state.load_tests][1:] == [world.made[1].digest]


@pytest.mark.parametrize(("rule", "reason"), [("Hold", "DeadlineWithoutEvidence"), ("Rollback", "NoEvidence")])
def test_without_a_verdict_the_deadline_decides_as_the_spec_says(rule: str, reason: str) -> None:
    """Prices that nobody tells hold the release, and refuse it in the end only if the owner wants that."""
    world = serving()
    world.prices = None
    world.ask_for(spec("4", onNoEvidence=rule))
    world.run(59)
    assert world.decision is not None
    assert world.decision.hold is not None
    assert world.decision.hold.reason == "PricesMissing"
    world.run(10)
    if rule == "Hold":
        assert world.decision.hold.reason == reason
        assert world.state.release is not None
        world.prices = PRICES
        finished(world)
        assert world.state.stable is not None
        assert world.state.stable.version == "4"
    else:
        assert world.state.outcome is not None
        assert (world.state.outcome.result, world.state.outcome.reason) == (Result.REFUSED, reason)
        assert world.state.release is None
        world.run(5)
        assert not world.left_behind()


def test_a_refused_version_waits_for_a_retry_or_another_budget() -> None:
    """The same question has the same answer: only a person, or other rules, ask it again, and they test nothing new."""
    world = serving()
    world.ask_for(spec("4", budget={"currency": "EUR", "monthly": "100"}))
    finished(world)
    world.run(100)
    assert world.state.outcome is not None
    assert (world.state.outcome.result, world.state.release) == (Result.REFUSED, None)
    world.ask_for(spec("4", budget={"currency": "EUR", "monthly": "1000"}))
    finished(world)
    assert world.state.stable is not None
    assert (world.state.stable.version, len(world.made)) == ("4", 1)


def test_a_retry_tests_again_what_did_not_pass() -> None:
    """What failed may have been the day's trouble; what passed stands."""
    world = serving()
    world.ask_for(spec("2", budget={"currency": "EUR", "monthly": "100"}))
    a, b = world.revisions().values()
    world.truths[b] = Truth("Fail")
    finished(world)
    assert [run.revision for run in world.made] == [a, b]
    world.ask(retry="again")
    finished(world)
    assert [run.revision for run in world.made] == [a, b, b]


def test_a_load_test_that_failed_by_chance_is_made_again_after_a_while() -> None:
    """Not at once, and never once another variant passes."""
    world = serving()
    world.ask_for(spec("4", stage={"maxDuration": "2h"}))
    (revision,) = world.revisions().values()
    world.truths[revision] = Truth("Nothing")
    world.run(300)
    assert len(world.made) == 1
    world.now += 600
    world.truths[revision] = Truth()
    finished(world)
    assert [run.attempt for run in world.made] == [0, 1]
    assert world.state.stable is not None
    assert world.state.stable.revision == revision


def test_a_variant_that_passes_does_not_wait_for_one_that_failed_by_chance() -> None:
    """However long the other tests took meanwhile."""
    world = serving()
    world.test_takes = 700
    world.ask_for(spec("2", stage={"maxDuration": "2h"}))
    a, b = world.revisions().values()
    world.truths[a] = Truth("Nothing")
    for _ in range(8):
        world.now += 400
        world.run(5)
    finished(world)
    assert [run.revision for run in world.made] == [a, b]
    assert world.state.stable is not None
    assert world.state.stable.revision == b


@pytest.mark.parametrize("version", ["2", "3"])
def test_a_variant_that_never_gets_ready_is_passed_over(version: str) -> None:
    """Its pods have their time, then the next variant has its turn; the record says why."""
    world = serving()
    world.ask_for(spec(version, stage={"maxDuration": "10m"}))
    broken = world.revisions()["a"]
    world.broken.add(broken)
    finished(world)
    assert world.state.stable is not None
    assert world.state.stable.variant == "b"
    (record,) = (record for record in world.state.load_tests if record.revision == broken)
    assert record.result.reason == "CandidateNotReady"
    assert "not ready within 15s: 0 of 1 pods" in record.result.message
    assert not world.left_behind()


def test_a_version_that_is_alone_and_never_gets_ready_fails() -> None:
    """There is nothing else to try."""
    world = serving()
    world.ask_for(spec("1", alone=True, weights=(7,)))
    world.ask_for(spec("4"))
    world.broken.add(*world.revisions().values())
    finished(world)
    assert world.state.outcome is not None
    assert world.state.outcome.result is Result.FAILED


def test_a_person_may_promote_what_is_not_tested() -> None:
    """At the person's own risk, in the middle of a test and while a verdict is missing; the test ends with it."""
    for prices in (None, PRICES):
        world = serving()
        world.prices, world.test_takes = prices, 2.0 if prices is None else 50.0
        world.ask_for(spec("4"))
        world.run(10)
        assert world.state.release is not None
        assert world.state.release.phase is ReleasePhase.LOAD_TESTING
        world.ask(promote=world.revisions()["c"])
        world.run(6)
        assert world.state.stable is not None
        assert world.state.stable.version == "4"
        assert not world.jobs


def test_pausing_holds_before_the_next_test_and_before_users() -> None:
    """A run under way ends; nothing else begins until the release goes on."""
    world = serving()
    world.ask_for(spec("2", stage={"maxDuration": "10m"}))
    world.run(3)
    world.ask_for(spec("2", stage={"maxDuration": "10m"}, paused=True))
    world.run(30)
    assert [run.variant for run in world.made] == ["a"]
    assert len(world.state.load_tests) == 2
    assert world.decision is not None
    assert world.decision.hold is not None
    assert world.decision.hold.reason == "Paused"
    world.ask_for(spec("2", stage={"maxDuration": "10m"}))
    finished(world)
    assert [run.variant for run in world.made] == ["a", "b"]
    assert world.state.stable is not None
    assert world.state.stable.variant == "a"


def test_a_stage_that_is_taken_out_of_the_spec_is_passed_all_the_same() -> None:
    """A release keeps the stages that it began with; the canaries then have their own numbers of pods."""
    for seconds in (1, 4):
        world = serving(replicas=4)
        world.test_takes = 20
        world.ask_for(spec("4", alone=True, replicas=4))
        world.run(seconds)
        world.ask_for(spec("4", alone=True, replicas=4, staged=False))
        shares, tested = set(), len(world.ended)
        for _ in range(80):
            world.tick()
            release = world.state.release
            if release and release.phase is ReleasePhase.CANARY and release.traffic_since:
                shares.add((world.weights[world.revision], world.replicas[world.revision]))
        assert shares == {(5, 1), (50, 2)}
        assert len(world.ended) == tested + 1
        assert world.state.stable is not None
        assert world.state.stable.version == "4"
        assert not world.jobs


def test_the_winner_without_the_other_variants_needs_no_release() -> None:
    """The author writes what was found into the spec, and back again: what serves goes on, and nothing is tested."""
    world = serving()
    world.ask_for(spec("2"))
    finished(world)
    winner = world.state.stable
    assert winner is not None
    assert (winner.variant, winner.family) == ("a", world.revision)
    for alone in (True, False, True):
        made = len(world.made)
        world.ask_for(spec("2", alone=alone))
        finished(world)
        assert world.state.stable is not None
        assert world.state.stable.revision == winner.revision
        assert world.state.stable.asked_for_by == world.revision
        assert len(world.made) == made
        assert world.decision is not None
        assert world.decision.hold is None


def test_a_stable_revision_that_is_still_the_cheapest_goes_on() -> None:
    """It is not tested again, has every user all the time, and the release ends well without moving anybody."""
    world = serving()
    world.ask_for(spec("2", alone=True))
    finished(world)
    world.history.clear()
    world.ask_for(spec("2"))
    a, b = world.revisions().values()
    finished(world)
    assert world.state.stable is not None
    assert (world.state.stable.revision, world.state.stable.variant) == (a, "a")
    assert [run.revision for run in world.made][-1] == b
    assert world.state.outcome is not None
    assert (world.state.outcome.result, world.state.outcome.reason) == (Result.PROMOTED, "StableChosen")
    assert all(split.get(b, 0) == 0 for split in world.history)
    assert not world.left_behind()


def test_the_way_back_to_a_warm_variant_is_direct() -> None:
    """The former stable revision is known by the spec that asked for it, although the spec's own hash is another."""
    world = serving(rollbackWindow="10m")
    world.ask_for(spec("2", rollbackWindow="10m"))
    finished(world)
    world.ask_for(spec("4", rollbackWindow="10m"))
    for _ in range(60):
        world.tick()
    assert world.state.stable is not None
    assert world.state.stable.version == "4"
    made = len(world.made)
    world.ask_for(spec("2", rollbackWindow="10m"))
    world.run(4)
    assert world.state.stable.version == "2"
    assert world.state.stable.variant == "a"
    assert len(world.made) == made


def test_a_load_test_is_about_its_number_of_pods() -> None:
    """At one and at four replicas; surplus pods of the run before are gone before a smaller one is made again."""
    world = serving()
    world.ask_for(spec("4", test={"replicas": [1, 4]}, stage={"maxDuration": "2h"}))
    (revision,) = world.revisions().values()
    finished(world)
    assert [run.replicas for run in world.made] == [1, 4]
    assert world.state.stable is not None
    assert world.state.stable.revision == revision
    assert [(one.replicas, one.result.capacity) for one in world.state.load_tests[-2:]] == [
        (1, Decimal(100)),
        (4, Decimal(400)),
    ]


def test_a_variant_that_failed_at_one_replica_is_not_tested_at_more() -> None:
    """No further run could change what is known of it."""
    world = serving()
    world.ask_for(spec("2", test={"replicas": [1, 4]}))
    a, b = world.revisions().values()
    world.truths[a] = Truth("Fail")
    finished(world)
    assert [(run.revision, run.replicas) for run in world.made] == [(a, 1), (b, 1), (b, 4)]
    assert world.state.stable is not None
    assert world.state.stable.revision == b


def test_texts_that_cannot_be_read_hold_the_test_and_lose_nothing() -> None:
    """A ConfigMap that is replaced takes a moment; the run goes on meanwhile and its result counts."""
    world = serving()
    world.test_takes = 8
    world.ask_for(spec("2"))
    world.run(4)
    assert len(world.jobs) == 1
    world.readable = False
    world.run(10)
    assert world.decision is not None
    assert world.decision.hold is not None
    assert world.decision.hold == Hold("TextUnreadable", "no ConfigMap texts")
    assert len(world.jobs) == 1
    world.readable = True
    finished(world)
    assert [run.variant for run in world.made] == ["a", "b"]
    assert world.state.stable is not None
    assert world.state.stable.version == "2"


def test_two_variants_that_are_one_and_the_same_are_tested_once() -> None:
    """A list that was copied and not finished is no error; the first of the two is released."""
    world = serving()
    world.ask_for(load_tested("5", variants={"a": "1", "again": "1"}))
    finished(world)
    assert len(world.made) == 1
    assert world.state.stable is not None
    assert world.state.stable.variant == "a"
