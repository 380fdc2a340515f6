"""Single stories of releases with golden answers, a shadow and an experiment, each from the spec to its end."""

from typing import Any

import pytest

from palier.release.jobs import AGAIN_AFTER
from palier.release.state import Outcome, Release, ReleasePhase, Result
from tests.support.release.trial_fates import REVISIONS, finished, serving
from tests.support.release.trial_specs import LENIENT, MIN_PAIRS, Golden, Truth, tried
from tests.support.release.trial_world import TrialWorld

SECOND, THIRD = REVISIONS["2"], REVISIONS["3"]
EXPERIMENT = {"objective": "errors", "weight": 60, "duration": "10s"}


def reason(world: TrialWorld) -> str:
    """Why it waits."""
    assert world.decision is not None
    assert world.decision.hold is not None
    return world.decision.hold.reason


def release_of(world: TrialWorld) -> Release:
    """The release, which goes on."""
    assert world.state.release is not None
    return world.state.release


def outcome_of(world: TrialWorld) -> Outcome:
    """How it ended."""
    assert world.state.outcome is not None
    return world.state.outcome


def told(world: TrialWorld, seconds: int) -> list[tuple[str, str, int]]:
    """The steps of a release as they come, each with the route's copies and the candidate's share."""
    seen: list[tuple[str, str, int]] = []
    for _ in range(seconds):
        world.tick()
        step = world.state.release.phase.value if world.state.release else "-"
        entry = step, "copies" if world.mirror else "", world.weights.get(SECOND, 0)
        if entry not in seen:
            seen.append(entry)
    return seen


def test_a_good_version_from_its_spec_to_all_users() -> None:
    """Asked, copied to, then met by more and more; each thing has an end before the next one begins."""
    world = serving()
    world.ask_for(tried("2"))

    assert told(world, 30) == [
        ("Preparing", "", 0),
        ("Examining", "", 0),
        ("Shadowing", "", 0),
        ("Shadowing", "copies", 0),
        ("Canary", "", 1),
        ("Canary", "", 5),
        ("Canary", "", 50),
        ("Promoting", "", 50),
        ("Promoting", "", 99),
        ("-", "", 100),
    ]
    assert outcome_of(world).result is Result.PROMOTED
    assert [(run.candidate, run.stable, run.attempt) for run in world.made] == [(SECOND, REVISIONS["1"], 0)]


@pytest.mark.parametrize("truth", [Truth(differs=0.1), Truth(differs=1.0), Truth(slower=0.7)])
def test_a_version_that_answers_otherwise_is_refused(truth: Truth) -> None:
    """A tenth of the answers, all of them, or merely late: nobody meets it, and nothing of it is left."""
    world = serving({SECOND: truth})
    world.ask_for(tried("2"))
    finished(world)

    assert (outcome_of(world).result, outcome_of(world).reason) == (Result.REFUSED, "ObjectiveBreached")
    assert world.pairs[SECOND] > 0
    assert not any(split.get(SECOND) for split in world.history)
    assert not world.left_behind()


def test_the_lenient_may_pass_where_the_strict_do_not() -> None:
    """Other checks are a new question: the last counts under the old ones do not refuse the version under the new."""
    world = serving({SECOND: Truth(differs=1.0)})
    world.ask_for(tried("2", onBreach="Hold"))
    world.run(10)
    assert reason(world) == "ObjectiveBreached"
    (before,) = world.proxies

    world.ask_for(tried("2", answers=LENIENT))
    world.tick()
    assert world.mirror is None
    assert (release_of(world).traffic_since, dict(release_of(world).evidence)) == (None, {})
    finished(world)

    assert outcome_of(world).result is Result.PROMOTED
    assert before not in world.proxies


def test_a_refused_version_is_tried_again_under_other_checks() -> None:
    """Rules that changed are a reason; the same rules are none."""
    world = serving({SECOND: Truth(differs=1.0)})
    world.ask_for(tried("2"))
    finished(world)
    world.run(30)
    assert world.state.release is None

    world.ask_for(tried("2", answers=LENIENT))
    finished(world)

    assert outcome_of(world).result is Result.PROMOTED


def test_a_proxy_that_dies_in_the_shadow_takes_the_copies_with_it() -> None:
    """And the pairs of before count when it is back: the shadow goes on, however long that was."""
    world = serving()
    world.ask_for(tried("2", shadow_stage={"minPairs": 300}))
    world.run(7)
    assert world.mirror is not None
    pairs = world.pairs[SECOND]
    assert 0 < pairs < 300

    world.proxies_live = False
    world.run(20)
    assert world.mirror is None
    assert (release_of(world).phase, reason(world)) == (ReleasePhase.SHADOWING, "ShadowNotReady")

    world.proxies_live = True
    finished(world)

    assert outcome_of(world).result is Result.PROMOTED
    assert 300 <= world.pairs[SECOND] <= 300 + pairs


def test_lost_requests_end_in_no_verdict() -> None:
    """A proxy that loses a third of them knows nothing of the rest: never a pass, never a fault of the version."""
    world = serving(onNoEvidence="Rollback")
    world.unpaired = 0.34
    world.ask_for(tried("2", onNoEvidence="Rollback"))
    world.run(30)
    assert release_of(world).phase is ReleasePhase.SHADOWING
    finished(world)

    assert (outcome_of(world).result, outcome_of(world).reason) == (Result.REFUSED, "NoEvidence")
    assert "shadow-coverage" in outcome_of(world).message


@pytest.mark.parametrize(("golden", "runs"), [("JudgeDown", 2), ("Nothing", 2), ("TooFew", 1)])
def test_what_failed_by_chance_is_asked_once_more(golden: Golden, runs: int) -> None:
    """After ten minutes and with another name; a corpus that was too small is not asked again."""
    world = serving({SECOND: Truth(golden=golden)})
    world.ask_for(tried("2", golden_stage={"maxDuration": "2h"}))
    world.run(10)
    assert len(world.made) == 1
    assert not world.jobs

    world.now += AGAIN_AFTER
    world.truths[SECOND] = Truth()
    finished(world)

    assert [run.attempt for run in world.made] == list(range(runs))
    assert (world.state.stable is not None and world.state.stable.revision == SECOND) is (runs == 2)


def test_other_questions_are_asked_anew() -> None:
    """In the middle of a run its Job makes way, and the answers to the old ones count for nothing."""
    world = serving()
    world.examination_takes = 5
    world.ask_for(tried("2"))
    world.run(4)
    world.corpus = "fedcba9876543210"
    finished(world)

    assert [run.digest for run in world.made] == ["0123456789abcdef", "fedcba9876543210"]
    assert world.state.golden is not None
    assert world.state.golden.run.digest == "fedcba9876543210"
    assert outcome_of(world).result is Result.PROMOTED


def test_a_retry_asks_and_compares_again() -> None:
    """What failed may have been the day's trouble."""
    world = serving({SECOND: Truth(golden="Fail")})
    world.ask_for(tried("2"))
    finished(world)
    assert outcome_of(world).reason == "WorseThanStable"

    world.truths[SECOND] = Truth()
    world.ask(retry="again")
    finished(world)

    assert outcome_of(world).result is Result.PROMOTED
    assert len(world.made) == 2


@pytest.mark.parametrize("seconds", range(1, 9))
def test_a_third_version_takes_the_place_of_the_one_that_is_tried(seconds: int) -> None:
    """Whatever is being asked or copied: its Job and its proxy go, and the third one has its own."""
    world = serving()
    world.ask_for(tried("2"))
    world.run(seconds)
    world.ask_for(tried("3"))
    finished(world)
    finished(world)

    assert world.state.stable is not None
    assert world.state.stable.revision == THIRD
    assert [outcome.result for outcome in world.state.history[-2:]] == [Result.SUPERSEDED, Result.PROMOTED]
    assert not any(split.get(SECOND) for split in world.history)
    assert world.pairs[THIRD] >= MIN_PAIRS
    assert not world.left_behind()


@pytest.mark.parametrize("seconds", range(1, 9))
@pytest.mark.parametrize("how", ["revert", "abort"])
def test_a_version_that_is_taken_back_leaves_nothing(seconds: int, how: str) -> None:
    """At any moment before its first user."""
    world = serving()
    world.ask_for(tried("2"))
    world.run(seconds)
    if how == "revert":
        world.ask_for(tried("1"))
    else:
        world.ask(abort=SECOND)
    finished(world)

    assert outcome_of(world).result is (Result.REVERTED if how == "revert" else Result.ABORTED)
    assert not any(split.get(SECOND) for split in world.history)
    assert not world.left_behind()


@pytest.mark.parametrize("seconds", range(1, 9))
def test_a_person_may_promote_at_any_moment(seconds: int) -> None:
    """No share of any canary on the way; what asks and compares goes."""
    world = serving({SECOND: Truth(differs=1.0, golden="Never")} if seconds > 4 else {})
    world.ask_for(tried("2", replicas=4))
    world.run(seconds)
    world.ask(promote=SECOND)
    finished(world)

    assert outcome_of(world).result is Result.PROMOTED
    assert {split.get(SECOND, 0) for split in world.history} <= {0, 1, 99, 100}
    assert not world.jobs
    assert not world.proxies
    assert world.mirror is None


@pytest.mark.parametrize("seconds", range(1, 9))
def test_a_pause_holds_at_any_moment_and_goes_on_from_there(seconds: int) -> None:
    """Nobody is met meanwhile, and no deadline ends it."""
    world = serving(onNoEvidence="Rollback")
    world.ask_for(tried("2", onNoEvidence="Rollback"))
    world.run(seconds)
    world.ask_for(tried("2", onNoEvidence="Rollback", paused=True))
    world.run(120)
    assert world.state.release is not None
    assert not any(split.get(SECOND) for split in world.history)

    world.ask_for(tried("2", onNoEvidence="Rollback"))
    finished(world)

    assert outcome_of(world).result is Result.PROMOTED


def test_the_way_back_to_a_warm_version_asks_nobody() -> None:
    """It served a moment ago: neither golden answers nor a shadow."""
    world = serving(rollbackWindow="10m")
    world.ask_for(tried("2", rollbackWindow="10m"))
    world.run(40)
    assert world.state.stable is not None
    assert world.state.stable.revision == SECOND
    asked, pairs = len(world.made), dict(world.pairs)
    world.ask_for(tried("1", rollbackWindow="10m"))
    world.run(4)

    assert world.state.stable.revision == REVISIONS["1"]
    assert (len(world.made), world.pairs) == (asked, pairs)


def split_users(*, failing: float, stable_failing: float, **rules: Any) -> TrialWorld:  # noqa: ANN401 - of the spec
    """A world in which an experiment was just asked for, after a canary."""
    world = serving()
    world.failing = {SECOND: failing, REVISIONS["1"]: stable_failing}
    limited = ({"name": "errors", "errorRate": {"maxPercent": "10"}},)
    world.ask_for(
        tried("2", golden=False, shadow=False, weights=(5,), objectives=limited, experiment=EXPERIMENT, **rules)
    )
    return world


@pytest.mark.parametrize(
    ("failing", "stable_failing", "result"),
    [(0.01, 0.05, Result.PROMOTED), (0.05, 0.05, Result.KEPT_STABLE), (0.06, 0.05, Result.KEPT_STABLE)],
)
def test_the_better_of_two_versions_is_kept(failing: float, stable_failing: float, result: Result) -> None:
    """At the end of the stated time and not a second before, whatever the evidence."""
    world = split_users(failing=failing, stable_failing=stable_failing)
    since = 0.0
    for _ in range(40):
        world.tick()
        release = world.state.release
        if release and release.phase is ReleasePhase.CANARY and release.reached_weight and release.traffic_since:
            since = release.traffic_since
        elif since:
            break

    assert world.now - since == 10
    finished(world)
    assert outcome_of(world).result is result
    if result is Result.KEPT_STABLE:
        assert outcome_of(world).message.startswith(
            "the candidate was not shown to be better than stable within 10s: errors: "
        )
        assert world.state.stable is not None
        assert world.state.stable.revision == REVISIONS["1"]
        assert not world.left_behind()


def test_users_who_are_worse_off_do_not_wait_for_the_end() -> None:
    """Half of the requests fail: the experiment is over in seconds."""
    world = split_users(failing=0.5, stable_failing=0.0)
    world.run(12)

    assert (outcome_of(world).result, outcome_of(world).reason) == (Result.ROLLED_BACK, "ObjectiveBreached")


@pytest.mark.parametrize("seconds", range(1, 20))
@pytest.mark.parametrize(("failing", "result"), [(0.01, Result.PROMOTED), (0.05, Result.KEPT_STABLE)])
def test_an_operator_that_was_away_comes_to_the_same_end(seconds: int, failing: float, result: Result) -> None:
    """Also when the time was over meanwhile: it looks before it says who is better."""
    world = split_users(failing=failing, stable_failing=0.05)
    world.run(seconds)
    world.restart(after=12)
    finished(world)

    assert outcome_of(world).result is result


def test_an_experiment_that_nobody_can_measure_is_no_verdict() -> None:
    """Prometheus is away at its end: it holds, and the better version is known when there is something to read."""
    world = split_users(failing=0.01, stable_failing=0.05)
    world.run(9)
    world.measurable = False
    world.run(30)
    assert release_of(world).phase is ReleasePhase.CANARY
    assert reason(world) == "DeadlineWithoutEvidence"

    world.measurable = True
    finished(world)

    assert outcome_of(world).result is Result.PROMOTED
