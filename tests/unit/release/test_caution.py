"""Caution in a release: who goes down to 1 %, what people are told, and what raises the share again or ends it."""

from dataclasses import replace
from typing import Any

import pytest

from palier.api.status.values import SuspectedBy
from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.caution import CLEARED, CONFIRMED, NO_CAUTION, Caution, Suspicion
from palier.evidence.objective import Evidence, begin_share, has_failed, observe, start_evidence
from palier.evidence.stepping import is_suspected
from palier.measuring.coverage import Coverage
from palier.release.decide import decide
from palier.release.memory import read_state, write_state
from palier.release.observation import MeasuredEvidence, Observation, Requests
from palier.release.plan import pin_stages
from palier.release.rules import measured_objectives
from palier.release.situation import Decision
from palier.release.stages.words import stage_word
from palier.release.state import Release, ReleasePhase, Result, State
from palier.release.targets import find_targets
from palier.release.watching import watched_of
from tests.support.evidence.objectives import arm
from tests.support.release.examples import (
    CANDIDATE,
    NOW,
    SERVICE,
    STABLE,
    hold_of,
    observed,
    planned,
    ready,
    release_of,
    releasing,
)
from tests.support.release.world import model_deployment

SPEC = model_deployment()
"""Canaries of 5, 25 and 50 %, each from 5 to 40 seconds."""
ERRORS = measured_objectives(SPEC)[0]
LOOKED = NOW + 10


def gathered(*looks: tuple[int, int]) -> Evidence:
    """The evidence after looks with so many requests of the candidate, of which so many failed; stable fails none."""
    evidence = begin_share(start_evidence(ERRORS.digest))
    for total, bad in looks:
        evidence = observe(evidence, arm(total, bad), arm(3 * total, 0), ERRORS.rule)
    return evidence


WELL = gathered(*[(1000, 0)] * 4)
SUSPECT = gathered((1000, 0), (1000, 50))
BREACH = gathered(*[(1000, 100)] * 12)


def doubted(evidence: Evidence, log_ratio: float = 0.0, *, looks: int = 2) -> Evidence:
    """The same evidence beside a suspicion of which fresh requests have said so much."""
    return replace(evidence, caution=Caution(suspicion=Suspicion(SuspectedBy.RELATIVE, 4, log_ratio, looks)))


def at_stage(*, index: int = 1, spec: ModelDeployment = SPEC, **changes: Any) -> State:  # noqa: ANN401
    """A release at its canary of 25 %, in force."""
    return releasing(ReleasePhase.CANARY, index=index, plan=planned(spec), **changes)


def cautious(**changes: Any) -> State:  # noqa: ANN401
    """The same after a step down, in force."""
    return at_stage(**{"cautious_since": NOW, "steps_down": 1, **changes})


def look(
    evidence: Evidence | None,
    *,
    weight: int = 25,
    unseen: str = "",
    pods: int = 2,
    requests: Requests | None = None,
    **route: Any,  # noqa: ANN401
) -> Observation:
    """What the shell saw: this evidence, and a route that gives the candidate this share."""
    split = {STABLE: 100 - weight, CANDIDATE: weight}
    seen = observed({STABLE: ready(2), CANDIDATE: ready(pods)}, split, wanted=CANDIDATE, **route)
    measured = MeasuredEvidence(
        evidence={"errors": evidence} if evidence else {}, pods_read=Coverage(LOOKED, unseen=unseen)
    )
    return replace(seen, measured=measured, requests=requests or Requests())


def decided(state: State, seen: Observation, *, spec: ModelDeployment = SPEC, now: float = LOOKED) -> Decision:
    """What is decided, after the memory was written and read again."""
    decision = decide(spec, seen, state, now=now)
    remembered = read_state(write_state(decision.state), spec.spec.release)
    assert remembered == decision.state
    return decision


def share(decision: Decision, seen: Observation, *, spec: ModelDeployment = SPEC, now: float = LOOKED) -> int:
    """The candidate's share of the traffic that a decision asks for."""
    pinned = pin_stages(spec, decision.state.release.plan if decision.state.release else None)
    weights = find_targets(pinned, decision.state, seen, now=now).weights
    assert weights is not None
    return weights.get(CANDIDATE, 0)


def is_cautious(decision: Decision) -> bool:
    """Whether the candidate has the least share because it is suspected."""
    return decision.state.release is not None and decision.state.release.cautious_since is not None


def reasons(decision: Decision) -> list[str]:
    """Of the Events."""
    return [note.reason for note in decision.notes]


def test_the_examples_are_what_they_say() -> None:
    """The tests below rest on them."""
    assert is_suspected(SUSPECT, ERRORS.rule)
    assert not has_failed(SUSPECT, ERRORS.rule)
    assert has_failed(BREACH, ERRORS.rule)
    assert not is_suspected(WELL, ERRORS.rule)


@pytest.mark.parametrize("evidence", [SUSPECT, BREACH])
def test_a_suspected_candidate_keeps_one_percent(evidence: Evidence) -> None:
    """The share that is wanted is 1 %, an Event and the hold say why with the counts, and nothing ends."""
    seen = look(evidence)
    decision = decided(at_stage(), seen)
    release = release_of(decision)

    assert share(decision, seen) == 1
    assert (release.cautious_since, release.steps_down, release.traffic_since) == (LOOKED, 1, None)
    assert (release.cursor, release.ending) == (1, None)
    assert release.evidence["errors"].caution.suspicion is not None
    assert reasons(decision) == ["Cautious"]
    assert decision.notes[0].type == "Warning"
    assert hold_of(decision).reason == "Cautious"
    assert "goes from 25 to 1 % of the traffic, until fresh requests confirm or clear the suspicion: errors: " in (
        hold_of(decision).message
    )
    assert f"{evidence.release.bad} of {evidence.release.total}" in hold_of(decision).message.replace(",", "")
    assert stage_word(decision.state, wanted=CANDIDATE) == "Cautious"


def test_nobody_goes_down_for_nothing() -> None:
    """A good candidate stays where it is."""
    decision = decided(at_stage(), look(WELL))

    assert not is_cautious(decision)
    assert "Cautious" not in reasons(decision)


@pytest.mark.parametrize(
    ("spec", "state"),
    [
        (model_deployment(onBreach="Hold"), at_stage()),
        (model_deployment(traffic=SERVICE), at_stage()),
        (model_deployment(weights=(1, 25)), at_stage(index=0, spec=model_deployment(weights=(1, 25)))),
        (SPEC, at_stage(traffic_since=None)),
        (SPEC, at_stage(steps_down=2)),
    ],
    ids=["onBreach Hold", "without a gateway", "at 1 %", "not in force", "twice"],
)
def test_where_nobody_steps_down(spec: ModelDeployment, state: State) -> None:
    """A suspicion changes nothing there, and a breach acts as if there were none."""
    weight = state.release.stage.weight if state.release and state.release.stage else 0
    suspected = decided(state, look(SUSPECT, weight=weight), spec=spec)
    breached = decided(state, look(BREACH, weight=weight), spec=spec)

    assert not is_cautious(suspected)
    assert "Cautious" not in reasons(suspected)
    assert not is_cautious(breached)
    ends = spec.spec.release.on_breach == "Rollback"
    assert (release_of(breached).ending is not None) == ends
    assert ends or hold_of(breached).reason == "ObjectiveBreached"


def test_too_few_requests_are_left() -> None:
    """A breach ends a release with little traffic in the look that shows it."""
    few = gathered(*[(20, 10)] * 8)
    decision = decided(at_stage(), look(few))

    assert has_failed(few, ERRORS.rule)
    assert release_of(decision).ending is not None
    assert release_of(decision).ending.reason == "ObjectiveBreached"  # type: ignore[union-attr]


def test_the_last_stage_passed_there_is_no_caution() -> None:
    """On the way to all of the traffic a breach acts at once."""
    state = releasing(ReleasePhase.PROMOTING, plan=planned(SPEC), evidence={"errors": BREACH})

    assert release_of(decided(state, look(BREACH, weight=50))).ending is not None


def test_a_step_down_in_force_is_judged_on() -> None:
    """The stage's time begins anew, no Event says that a stage has started, and the hold tells of the doubt."""
    down = decided(at_stage(), look(SUSPECT))
    followed = release_of(down).evidence["errors"]
    decision = decided(down.state, look(followed, weight=1), now=LOOKED + 1)

    assert release_of(decision).traffic_since == LOOKED + 1
    assert release_of(decision).evidence["errors"].served is None
    assert decision.notes == ()
    assert hold_of(decision).reason == "Cautious"
    assert "has 1 % of the traffic instead of 25 % until fresh requests tell: errors: " in hold_of(decision).message


def test_a_route_that_is_not_in_force_waits() -> None:
    """The gateway has not taken 1 % over: nothing begins, and fresh requests count all the same."""
    down = decided(at_stage(), look(SUSPECT)).state
    followed = doubted(SUSPECT)
    waiting = decided(down, look(followed, weight=1, accepted=False), now=LOOKED + 1)
    still = decided(down, look(followed, weight=25), now=LOOKED + 1)
    confirmed = decided(down, look(doubted(BREACH, CONFIRMED), weight=25), now=LOOKED + 1)

    assert release_of(waiting).traffic_since is None
    assert hold_of(waiting).reason == "RouteNotAccepted"
    assert share(still, look(followed), now=LOOKED + 1) == 1
    assert release_of(confirmed).ending is not None


@pytest.mark.parametrize(
    ("log_ratio", "looks", "words"),
    [
        (0.0, 0, "1 % allowed"),
        (1.0, 1, "fresh requests speak 1:2.7 against it (1:10 confirms)"),
        (-1.0, 1, "fresh requests speak 1:2.7 for it (1:20 clears)"),
    ],
)
def test_what_the_hold_says(log_ratio: float, looks: int, words: str) -> None:
    """How far the doubt is, in odds beside its bounds."""
    decision = decided(cautious(), look(doubted(SUSPECT, log_ratio, looks=looks), weight=1))

    assert hold_of(decision).reason == "Cautious"
    assert hold_of(decision).message.endswith(words)


def test_a_cleared_candidate_goes_back_up() -> None:
    """Its stage's share, whose time begins anew; the early test begins anew, and the other keeps what it knows."""
    cleared = doubted(WELL, CLEARED)
    seen = look(cleared, weight=1)
    decision = decided(cautious(), seen)
    release = release_of(decision)

    assert share(decision, seen) == 25
    assert (release.cautious_since, release.traffic_since, release.steps_down) == (None, None, 1)
    assert release.evidence["errors"] == replace(cleared, caution=NO_CAUTION)
    assert reasons(decision) == ["Cleared"]
    assert "goes back to 25 % of the traffic" in decision.notes[0].message


def test_it_does_not_go_on_while_it_is_suspected() -> None:
    """However well the ordinary tests think of it, and however long the stage has lasted."""
    decision = decided(cautious(), look(doubted(WELL), weight=1), now=NOW + 39)

    assert release_of(decision).cursor == 1
    assert hold_of(decision).reason == "Cautious"


def test_nobody_climbs_while_the_release_is_paused() -> None:
    """A pause keeps the share, and a breach acts all the same."""
    spec = model_deployment(paused=True)
    decision = decided(cautious(), look(doubted(WELL, CLEARED), weight=1), spec=spec)

    assert is_cautious(decision)
    assert hold_of(decision).reason == "Paused"
    assert is_cautious(decided(at_stage(), look(SUSPECT), spec=spec))
    confirmed = decided(cautious(), look(doubted(BREACH, CONFIRMED), weight=1), spec=spec)
    assert release_of(confirmed).ending is not None


def test_nobody_climbs_while_an_objective_cannot_be_measured() -> None:
    """It may be the one that would speak against the candidate."""
    blind = decided(cautious(), look(doubted(WELL, CLEARED), weight=1, unseen="Prometheus is away"))

    assert is_cautious(blind)
    assert is_cautious(decided(cautious(), look(doubted(BREACH, CONFIRMED), weight=1, unseen="Prometheus is away")))


def test_a_confirmed_breach_ends_the_release() -> None:
    """At 1 %, with the sentence of the ordinary test."""
    decision = decided(cautious(), look(doubted(BREACH, CONFIRMED), weight=1))
    ending = release_of(decision).ending

    assert ending is not None
    assert (ending.result, ending.reason) == (Result.ROLLED_BACK, "ObjectiveBreached")
    assert share(decision, look(BREACH, weight=1)) == 0


def test_a_breach_that_nobody_confirmed_waits() -> None:
    """Neither does a confirmed suspicion end a release that nothing has failed."""
    assert release_of(decided(cautious(), look(doubted(BREACH), weight=1))).ending is None
    assert release_of(decided(cautious(), look(doubted(SUSPECT, CONFIRMED), weight=1))).ending is None


def test_a_breach_waits_no_longer_than_its_stage() -> None:
    """No request comes at 1 % that could confirm it: it ends the release, also where a person decides otherwise."""
    for on_no_evidence in ("Rollback", "Hold"):
        spec = model_deployment(onNoEvidence=on_no_evidence)
        decision = decided(cautious(), look(doubted(BREACH), weight=1), spec=spec, now=NOW + 40)
        assert release_of(decision).ending is not None
        assert release_of(decision).ending.reason == "ObjectiveBreached"  # type: ignore[union-attr]


def test_a_third_time_there_is_none() -> None:
    """After two steps down nothing raises the share again in this stage."""
    decision = decided(cautious(steps_down=2), look(doubted(WELL, CLEARED), weight=1))

    assert is_cautious(decision)
    assert "stays at 1 % after 2 steps down in this stage: errors: " in hold_of(decision).message


@pytest.mark.parametrize(("on_no_evidence", "ends"), [("Rollback", True), ("Hold", False)])
def test_the_deadline_of_the_stage_decides(on_no_evidence: str, *, ends: bool) -> None:
    """Who is still suspected then has no verdict, and the spec says what becomes of that."""
    spec = model_deployment(onNoEvidence=on_no_evidence)
    before = decided(cautious(), look(doubted(WELL), weight=1), spec=spec, now=NOW + 39)
    decision = decided(cautious(), look(doubted(WELL), weight=1), spec=spec, now=NOW + 40)

    assert is_cautious(before)
    assert hold_of(before).reason == "Cautious"
    assert (release_of(decision).ending is not None) == ends
    if ends:
        assert release_of(decision).ending.reason == "NoEvidence"  # type: ignore[union-attr]
    else:
        assert hold_of(decision).reason == "DeadlineWithoutEvidence"
        assert "1 % of the traffic instead of 25 %" in hold_of(decision).message


def test_the_next_stage_forgets() -> None:
    """Two more steps are possible there, and nothing is suspected."""
    advanced = release_of(decided(at_stage(steps_down=1), look(WELL), now=NOW + 6))

    assert advanced.cursor == 2
    assert (advanced.cautious_since, advanced.steps_down, advanced.weight) == (None, 0, 50)


def test_a_person_promotes_in_spite_of_it() -> None:
    """Who asks for all of the traffic knows of the suspicion; the way there begins."""
    state = cautious(steps_down=2)
    seen = look(doubted(SUSPECT), weight=1, requests=Requests(promote=CANDIDATE))
    decision = decided(state, seen)

    assert release_of(decision).stage is None
    assert not is_cautious(decision)
    assert reasons(decision) == ["PromotionRequested"]


def test_a_person_aborts_at_once() -> None:
    """Nothing is confirmed before, neither in the look of the breach nor at 1 %."""
    for state, weight in ((at_stage(), 25), (cautious(), 1)):
        seen = look(BREACH, weight=weight, requests=Requests(abort=CANDIDATE))
        assert release_of(decided(state, seen)).ending.result is Result.ABORTED  # type: ignore[union-attr]


def test_other_ends_wait_for_nothing() -> None:
    """A candidate that is gone for good ends the release in the look of the breach too."""
    gone = at_stage(gone_since=NOW - 3600, opened_at=None)
    decision = decided(gone, look(BREACH, pods=0), now=NOW + 30)

    assert release_of(decision).ending.reason == "CandidateUnavailable"  # type: ignore[union-attr]


def test_a_candidate_that_loses_its_pods_comes_back_at_one_percent() -> None:
    """It is as suspect as before: it gets nothing without pods, and 1 % when they are ready again."""
    lost = decided(cautious(), look(doubted(SUSPECT), weight=1, pods=0))
    assert share(lost, look(None, weight=1, pods=0)) == 0
    back = decided(lost.state, look(doubted(SUSPECT), weight=0), now=LOOKED + 5)

    assert is_cautious(back)
    assert share(back, look(None, weight=0), now=LOOKED + 5) == 1


@pytest.mark.parametrize("change", [{"onBreach": "Hold"}, {"traffic": SERVICE}], ids=["onBreach", "gateway"])
def test_a_spec_that_lets_nobody_step_down_any_more_keeps_nobody_down(change: dict[str, Any]) -> None:
    """Who was suspected before the edit is cleared all the same, and a breach is then what the spec makes of it."""
    spec = model_deployment(**change)
    cleared = decided(cautious(), look(doubted(WELL, CLEARED), weight=1), spec=spec)
    breached = decided(cautious(), look(doubted(BREACH, CONFIRMED), weight=1), spec=spec)

    assert not is_cautious(cleared)
    assert release_of(cleared).ending is None
    if "onBreach" in change:
        assert hold_of(breached).reason == "ObjectiveBreached"
        assert reasons(breached) == ["ObjectiveBreached"]
    else:
        assert release_of(breached).ending is not None


@pytest.mark.parametrize("evidence", [None, replace(SUSPECT, of="other"), doubted(replace(SUSPECT, of="other"))])
def test_an_objective_that_is_asked_otherwise_keeps_nobody_down(evidence: Evidence | None) -> None:
    """What it was suspected of is asked no more; the new question begins with the share of the stage."""
    assert not is_cautious(decided(cautious(), look(evidence, weight=1)))


def test_another_objective_that_suspects_meanwhile_keeps_it_down() -> None:
    """At 1 % the others watch on: a suspicion of theirs is not forgotten because that of the first one is cleared."""
    decision = decided(cautious(), look(SUSPECT, weight=1))

    assert is_cautious(decision)
    assert "errors: " in hold_of(decision).message


@pytest.mark.parametrize(("weight", "evidence"), [(1, SUSPECT), (0, SUSPECT)])
def test_a_step_down_whose_memory_was_lost_is_made_again(weight: int, evidence: Evidence) -> None:
    """The share is down and the status does not say why: nobody raises it for that."""
    seen = look(evidence, weight=weight)
    decision = decided(at_stage(), seen)

    assert is_cautious(decision)
    assert share(decision, seen) == 1
    assert release_of(decided(at_stage(), look(BREACH, weight=weight))).ending is not None


def test_a_clock_that_is_set_back_moves_nothing() -> None:
    """Since when it is cautious is not in the future, and it stays cautious."""
    decision = decided(cautious(cautious_since=NOW + 3600), look(doubted(SUSPECT), weight=1))

    assert release_of(decision).cautious_since == LOOKED
    assert is_cautious(decision)


def test_users_have_met_a_candidate_that_steps_down() -> None:
    """Also in the first stage, while 1 % is not in force yet."""
    down = release_of(decided(at_stage(index=0), look(SUSPECT, weight=5)))

    assert down.traffic_since is None
    assert down.has_met_users


def test_a_status_of_before_knows_of_no_step() -> None:
    """A release that an older version began is not cautious, and may step down."""
    status = write_state(at_stage())
    assert not {"cautiousSince", "stepsDown"} & set(status["release"])
    state = read_state(status, SPEC.spec.release)

    assert state.release is not None
    assert (state.release.cautious_since, state.release.steps_down) == (None, 0)
    assert is_cautious(decided(state, look(SUSPECT)))


def test_the_status_tells_of_it() -> None:
    """Since when, how often, and what is suspected."""
    status = write_state(decided(at_stage(), look(SUSPECT)).state)["release"]

    assert (status["cautiousSince"], status["stepsDown"]) == ("1970-01-12T13:46:50.000000Z", 1)
    assert status["evidence"][0]["caution"]["freshLooks"] == 0


def test_the_looks_follow_another_share() -> None:
    """With every step evidence counts for another weight, and nothing that was seen before it is told for it."""
    before, after = at_stage(), decided(at_stage(), look(SUSPECT)).state
    objectives = decided(at_stage(), look(WELL)).objectives
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
