"""Caution in a release that people, pods, specs, clocks and older versions disturb."""

from dataclasses import replace
from typing import Any

import pytest

from palier.evidence.caution import CLEARED, CONFIRMED
from palier.evidence.objective import Evidence, Judgement, Verdict
from palier.release.endings import ending_of
from palier.release.memory import read_state, write_state
from palier.release.observation import Requests
from palier.release.rules import objectives_of
from palier.release.situation import Situation
from palier.release.state import Release, Result
from palier.release.watching import watched_of
from tests.support.release.caution import (
    BREACH,
    LOOKED,
    SPEC,
    SUSPECT,
    WELL,
    at_stage,
    cautious,
    decide_at,
    doubt,
    is_cautious,
    look,
    reasons,
    share,
)
from tests.support.release.examples import (
    CANDIDATE,
    NOW,
    SERVICE,
    hold_of,
    release_of,
)
from tests.support.release.world import model_deployment


def test_a_person_promotes_in_spite_of_it() -> None:
    """Who asks for all of the traffic knows of the suspicion; the way there begins."""
    state = cautious(steps_down=2)
    seen = look(doubt(SUSPECT), weight=1, requests=Requests(promote=CANDIDATE))
    decision = decide_at(state, seen)

    assert release_of(decision).stage is None
    assert not is_cautious(decision)
    assert reasons(decision) == ["PromotionRequested"]


def test_a_person_aborts_at_once() -> None:
    """Nothing is confirmed before, neither in the look of the breach nor at 1 %."""
    for state, weight in ((at_stage(), 25), (cautious(), 1)):
        seen = look(BREACH, weight=weight, requests=Requests(abort=CANDIDATE))
        assert release_of(decide_at(state, seen)).ending.result is Result.ABORTED  # type: ignore[union-attr]


@pytest.mark.parametrize(("name", "ends"), [("cost", True), ("errors", False)])
def test_a_breach_that_no_look_measures_waits_for_nothing(name: str, *, ends: bool) -> None:
    """What an answer costs is no suspicion that fresh requests could confirm."""
    failed = Judgement(name, Verdict.FAIL, "TooDear", "too dear", None, 0, 0, 0, 0, hard_stop=False)
    situation = Situation(SPEC, look(WELL), at_stage(), LOOKED, objectives_of(SPEC))

    assert (ending_of(situation, (failed,), doubted=True) is not None) == ends
    assert ending_of(situation, (failed,)) is not None


def test_other_ends_wait_for_nothing() -> None:
    """A candidate that is gone for good ends the release in the look of the breach too."""
    gone = at_stage(gone_since=NOW - 3600, opened_at=None)
    decision = decide_at(gone, look(BREACH, pods=0), now=NOW + 30)

    assert release_of(decision).ending.reason == "CandidateUnavailable"  # type: ignore[union-attr]


def test_a_candidate_that_loses_its_pods_comes_back_at_one_percent() -> None:
    """It is as suspect as before: it gets nothing without pods, and 1 % when they are ready again."""
    lost = decide_at(cautious(), look(doubt(SUSPECT), weight=1, pods=0))
    assert share(lost, look(None, weight=1, pods=0)) == 0
    back = decide_at(lost.state, look(doubt(SUSPECT), weight=0), now=LOOKED + 5)

    assert is_cautious(back)
    assert share(back, look(None, weight=0), now=LOOKED + 5) == 1


@pytest.mark.parametrize("change", [{"onBreach": "Hold"}, {"traffic": SERVICE}], ids=["onBreach", "gateway"])
def test_a_spec_that_lets_nobody_step_down_any_more_keeps_nobody_down(change: dict[str, Any]) -> None:
    """Who was suspected before the edit is cleared all the same, and a breach is then what the spec makes of it."""
    spec = model_deployment(**change)
    cleared = decide_at(cautious(), look(doubt(WELL, CLEARED), weight=1), spec=spec)
    breached = decide_at(cautious(), look(doubt(BREACH, CONFIRMED), weight=1), spec=spec)

    assert not is_cautious(cleared)
    assert release_of(cleared).ending is None
    if "onBreach" in change:
        assert hold_of(breached).reason == "ObjectiveBreached"
        assert reasons(breached) == ["ObjectiveBreached"]
    else:
        assert release_of(breached).ending is not None


@pytest.mark.parametrize("evidence", [None, replace(SUSPECT, of="other"), doubt(replace(SUSPECT, of="other"))])
def test_an_objective_that_is_asked_otherwise_keeps_nobody_down(evidence: Evidence | None) -> None:
    """What it was suspected of is asked no more; the new question begins with the share of the stage."""
    assert not is_cautious(decide_at(cautious(), look(evidence, weight=1)))


def test_another_objective_that_suspects_meanwhile_keeps_it_down() -> None:
    """At 1 % the others watch on: a suspicion of theirs is not forgotten because that of the first one is cleared."""
    decision = decide_at(cautious(), look(SUSPECT, weight=1))

    assert is_cautious(decision)
    assert "errors: " in hold_of(decision).message


@pytest.mark.parametrize(("weight", "evidence"), [(1, SUSPECT), (0, SUSPECT)])
def test_a_step_down_whose_memory_was_lost_is_made_again(weight: int, evidence: Evidence) -> None:
    """The share is down and the status does not say why: nobody raises it for that."""
    seen = look(evidence, weight=weight)
    decision = decide_at(at_stage(), seen)

    assert is_cautious(decision)
    assert share(decision, seen) == 1
    assert release_of(decide_at(at_stage(), look(BREACH, weight=weight))).ending is not None


def test_a_clock_that_is_set_back_moves_nothing() -> None:
    """Since when it is cautious is not in the future, and it stays cautious."""
    decision = decide_at(cautious(cautious_since=NOW + 3600), look(doubt(SUSPECT), weight=1))

    assert release_of(decision).cautious_since == LOOKED
    assert is_cautious(decision)


def test_users_have_met_a_candidate_that_steps_down() -> None:
    """Also in the first stage, while 1 % is not in force yet."""
    down = release_of(decide_at(at_stage(index=0), look(SUSPECT, weight=5)))

    assert down.traffic_since is None
    assert down.has_met_users


def test_a_status_of_before_knows_of_no_step() -> None:
    """A release that an older version began is not cautious, and may step down."""
    status = write_state(at_stage())
    assert not {"cautiousSince", "stepsDown"} & set(status["release"])
    state = read_state(status, SPEC.spec.release)

    assert state.release is not None
    assert (state.release.cautious_since, state.release.steps_down) == (None, 0)
    assert is_cautious(decide_at(state, look(SUSPECT)))


def test_the_status_tells_of_it() -> None:
    """Since when, how often, and what is suspected."""
    status = write_state(decide_at(at_stage(), look(SUSPECT)).state)["release"]

    assert (status["cautiousSince"], status["stepsDown"]) == ("1970-01-12T13:46:50.000000Z", 1)
    assert status["evidence"][0]["caution"]["freshLooks"] == 0


def test_the_looks_follow_another_share() -> None:
    """With every step evidence counts for another weight, and nothing that was seen before it is told for it."""
    before, after = at_stage(), decide_at(at_stage(), look(SUSPECT)).state
    objectives = decide_at(at_stage(), look(WELL)).objectives
    watched = [watched_of(SPEC, state, objectives) for state in (before, after)]

    assert watched[0] is not None
    assert watched[1] is not None
    assert watched[0].identity != watched[1].identity
    assert [one.cautious for one in watched if one] == [False, True]
    assert watched[1].evidence["errors"].caution.suspicion is not None


def test_the_share_of_a_release() -> None:
    """The stage's, 1 % while it is cautious, and all of it after the last stage."""
    release = at_stage().release
    assert isinstance(release, Release)

    assert release.weight == 25
    assert replace(release, cautious_since=NOW).weight == 1
    assert replace(release, cursor=len(release.plan)).weight == 100
