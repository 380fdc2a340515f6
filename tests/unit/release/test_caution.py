"""Caution in a release: who goes down to 1 %, what people are told, and what raises the share again or ends it."""

from dataclasses import replace

import pytest

from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.caution import CLEARED, CONFIRMED, NO_CAUTION
from palier.evidence.objective import Evidence, has_failed
from palier.evidence.pods import Pods, PodTally
from palier.evidence.stepping import is_suspected
from palier.release.stages.words import stage_word
from palier.release.state import ReleasePhase, Result, State
from tests.support.release.caution import (
    BREACH,
    ERRORS,
    LOOKED,
    SPEC,
    SUSPECT,
    WELL,
    at_stage,
    cautious,
    decide_at,
    doubt,
    gather,
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
    planned,
    release_of,
    releasing,
)
from tests.support.release.world import model_deployment


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
    decision = decide_at(at_stage(), seen)
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
    decision = decide_at(at_stage(), look(WELL))

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
    suspected = decide_at(state, look(SUSPECT, weight=weight), spec=spec)
    breached = decide_at(state, look(BREACH, weight=weight), spec=spec)

    assert not is_cautious(suspected)
    assert "Cautious" not in reasons(suspected)
    assert not is_cautious(breached)
    ends = spec.spec.release.on_breach == "Rollback"
    assert (release_of(breached).ending is not None) == ends
    assert ends or hold_of(breached).reason == "ObjectiveBreached"


def test_nobody_goes_down_for_what_cannot_be_measured() -> None:
    """What was seen before says nothing of now, and the share stays what it is until the next look."""
    assert not is_cautious(decide_at(at_stage(), look(SUSPECT, unseen="Prometheus is away")))


def test_too_few_requests_are_left() -> None:
    """A breach ends a release with little traffic in the look that shows it."""
    few = gather(*[(20, 10)] * 8)
    decision = decide_at(at_stage(), look(few))

    assert has_failed(few, ERRORS.rule)
    assert release_of(decision).ending is not None
    assert release_of(decision).ending.reason == "ObjectiveBreached"  # type: ignore[union-attr]


def test_the_last_stage_passed_there_is_no_caution() -> None:
    """On the way to all of the traffic a breach acts at once."""
    state = releasing(ReleasePhase.PROMOTING, plan=planned(SPEC), evidence={"errors": BREACH})

    assert release_of(decide_at(state, look(BREACH, weight=50))).ending is not None


def test_a_step_down_in_force_is_judged_on() -> None:
    """The stage's time begins anew, no Event says that a stage has started, and the hold tells of the doubt."""
    down = decide_at(at_stage(), look(SUSPECT))
    followed = release_of(down).evidence["errors"]
    decision = decide_at(down.state, look(followed, weight=1), now=LOOKED + 1)

    assert release_of(decision).traffic_since == LOOKED + 1
    assert release_of(decision).evidence["errors"].served is None
    assert decision.notes == ()
    assert hold_of(decision).reason == "Cautious"
    assert "has 1 % of the traffic instead of 25 % until fresh requests tell: errors: " in hold_of(decision).message


def test_a_route_that_is_not_in_force_waits() -> None:
    """The gateway has not taken 1 % over: nothing begins, and fresh requests count all the same."""
    down = decide_at(at_stage(), look(SUSPECT)).state
    followed = doubt(SUSPECT)
    waiting = decide_at(down, look(followed, weight=1, accepted=False), now=LOOKED + 1)
    still = decide_at(down, look(followed, weight=25), now=LOOKED + 1)
    confirmed = decide_at(down, look(doubt(BREACH, CONFIRMED), weight=25), now=LOOKED + 1)

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
    decision = decide_at(cautious(), look(doubt(SUSPECT, log_ratio, looks=looks), weight=1))

    assert hold_of(decision).reason == "Cautious"
    assert hold_of(decision).message.endswith(words)


def test_a_cleared_candidate_goes_back_up() -> None:
    """Its stage's share, whose time begins anew; the early test begins anew, and the other keeps what it knows."""
    cleared = doubt(WELL, CLEARED)
    seen = look(cleared, weight=1)
    decision = decide_at(cautious(), seen)
    release = release_of(decision)

    assert share(decision, seen) == 25
    assert (release.cautious_since, release.traffic_since, release.steps_down) == (None, None, 1)
    assert release.evidence["errors"] == replace(cleared, caution=NO_CAUTION)
    assert reasons(decision) == ["Cleared"]
    assert "goes back to 25 % of the traffic" in decision.notes[0].message


def test_it_does_not_go_on_while_it_is_suspected() -> None:
    """However well the ordinary tests think of it, and however long the stage has lasted."""
    decision = decide_at(cautious(), look(doubt(WELL), weight=1), now=NOW + 39)

    assert release_of(decision).cursor == 1
    assert hold_of(decision).reason == "Cautious"


def test_nobody_climbs_while_the_release_is_paused() -> None:
    """A pause keeps the share, and a breach acts all the same."""
    spec = model_deployment(paused=True)
    decision = decide_at(cautious(), look(doubt(WELL, CLEARED), weight=1), spec=spec)

    assert is_cautious(decision)
    assert hold_of(decision).reason == "Paused"
    assert is_cautious(decide_at(at_stage(), look(SUSPECT), spec=spec))
    confirmed = decide_at(cautious(), look(doubt(BREACH, CONFIRMED), weight=1), spec=spec)
    assert release_of(confirmed).ending is not None


def test_nobody_climbs_while_an_objective_cannot_be_measured() -> None:
    """It may be the one that would speak against the candidate."""
    blind = decide_at(cautious(), look(doubt(WELL, CLEARED), weight=1, unseen="Prometheus is away"))

    assert is_cautious(blind)
    assert is_cautious(decide_at(cautious(), look(doubt(BREACH, CONFIRMED), weight=1, unseen="Prometheus is away")))


def test_a_confirmed_breach_ends_the_release() -> None:
    """At 1 %, with the sentence of the ordinary test."""
    decision = decide_at(cautious(), look(doubt(BREACH, CONFIRMED), weight=1))
    ending = release_of(decision).ending

    assert ending is not None
    assert (ending.result, ending.reason) == (Result.ROLLED_BACK, "ObjectiveBreached")
    assert share(decision, look(BREACH, weight=1)) == 0


def test_a_breach_that_nobody_confirmed_waits() -> None:
    """Neither does a confirmed suspicion end a release that nothing has failed."""
    assert release_of(decide_at(cautious(), look(doubt(BREACH), weight=1))).ending is None
    assert release_of(decide_at(cautious(), look(doubt(SUSPECT, CONFIRMED), weight=1))).ending is None


def test_a_breach_waits_no_longer_than_its_stage() -> None:
    """No request comes at 1 % that could confirm it: it ends the release, also where a person decides otherwise."""
    for on_no_evidence in ("Rollback", "Hold"):
        spec = model_deployment(onNoEvidence=on_no_evidence)
        decision = decide_at(cautious(), look(doubt(BREACH), weight=1), spec=spec, now=NOW + 40)
        assert release_of(decision).ending is not None
        assert release_of(decision).ending.reason == "ObjectiveBreached"  # type: ignore[union-attr]


def test_a_third_time_there_is_none() -> None:
    """After two steps down nothing raises the share again in this stage."""
    decision = decide_at(cautious(steps_down=2), look(doubt(WELL, CLEARED), weight=1))

    assert is_cautious(decision)
    assert "stays at 1 % after 2 steps down in this stage: errors: " in hold_of(decision).message


@pytest.mark.parametrize(("on_no_evidence", "ends"), [("Rollback", True), ("Hold", False)])
def test_the_deadline_of_the_stage_decides(on_no_evidence: str, *, ends: bool) -> None:
    """Who is still suspected then has no verdict, and the spec says what becomes of that."""
    spec = model_deployment(onNoEvidence=on_no_evidence)
    before = decide_at(cautious(), look(doubt(WELL), weight=1), spec=spec, now=NOW + 39)
    decision = decide_at(cautious(), look(doubt(WELL), weight=1), spec=spec, now=NOW + 40)

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
    advanced = release_of(decide_at(at_stage(steps_down=1), look(WELL), now=NOW + 6))

    assert advanced.cursor == 2
    assert (advanced.cautious_since, advanced.steps_down, advanced.weight) == (None, 0, 50)


def test_the_hold_says_when_only_one_pod_has_shown_what_is_suspected() -> None:
    """People see that others have to agree, and why a confirmed breach is not rolled back yet."""
    one = Pods((PodTally("c1", 400.0, 40.0),), (PodTally("s1", 3000.0, 9.0),))
    lonely = replace(doubt(BREACH, 5.0), pods=one)
    held = decide_at(cautious(evidence={"errors": lonely}), look(lonely, weight=1))
    agreed = decide_at(cautious(evidence={"errors": doubt(BREACH, 5.0)}), look(doubt(BREACH, 5.0), weight=1))

    assert held.hold is not None
    assert "only one of its pods has shown that, and others have to agree" in held.hold.message
    assert held.state.release is not None
    assert held.state.release.ending is None
    assert agreed.state.release is not None
    assert agreed.state.release.ending is not None
