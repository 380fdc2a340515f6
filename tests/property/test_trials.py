"""Properties of releases with golden answers and a shadow, over random truths, events, people and kills."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.release.state import ReleasePhase, Result
from tests.support.release.trial_fates import REVISIONS, Fate, alike, finished, serving
from tests.support.release.trial_specs import Truth, tried
from tests.support.release.trial_world import TrialWorld
from tests.support.thorough import examples

SHARES = st.sampled_from([0.0, 0.0, 0.02, 0.1, 0.5, 1.0])
TRUTHS = st.builds(
    Truth,
    differs=SHARES,
    differs_leniently=SHARES,
    slower=st.sampled_from([0.1, 0.1, 0.4, 0.7, 1.0]),
    golden=st.sampled_from(["Pass"] * 6 + ["Fail", "TooFew", "JudgeDown", "Nothing", "Never"]),
)
KNOWN = TRUTHS.filter(lambda truth: truth.golden in {"Pass", "Fail"})
FATES = st.fixed_dictionaries({revision: TRUTHS for version, revision in REVISIONS.items() if version != "1"})
EVENTS = st.sampled_from(
    ["tick"] * 24
    + [f"version {version}" for version in REVISIONS]
    + [
        "version 2",
        "checks lenient",
        "checks strict",
        "share 100",
        "share 20",
        "golden removed",
        "golden back",
        "shadow removed",
        "shadow back",
        "other questions",
        "prometheus away",
        "prometheus back",
        "proxies die",
        "proxies live",
        "gateway silent",
        "gateway answers",
        "pause",
        "resume",
        "abort",
        "retry",
        "promote",
        "break candidate",
        "heal candidates",
        "operator restarts",
        "kill after 1",
        "kill after 2",
        "kill after 3",
    ]
)
TROUBLE = st.dictionaries(
    st.integers(0, 50),
    st.sampled_from(
        ["prometheus away", "proxies die", "gateway silent", "operator restarts", "kill 1", "kill 2", "kill 3"]
    ),
    max_size=8,
)


def let(world: TrialWorld, trouble: str) -> None:
    """One second with some trouble; what went away comes back in the next one, or later."""
    match trouble.split():
        case ["prometheus", "away"]:
            world.measurable = False
        case ["proxies", "die"]:
            world.proxies_live = False
        case ["gateway", "silent"]:
            world.gateway_answers = False
        case ["operator", "restarts"]:
            world.restart()
    world.tick(kill_after=int(trouble[-1]) if trouble.startswith("kill") else None)
    if not trouble:
        world.measurable = world.proxies_live = world.gateway_answers = True


@settings(max_examples=examples(20, thorough=50), deadline=None)
@given(FATES, st.sampled_from(["Hold", "Rollback"]), st.lists(EVENTS, min_size=20, max_size=120))
def test_users_meet_only_what_was_tried(truths: dict[str, Truth], on_no_evidence: str, events: list[str]) -> None:
    """Whatever happens: no user before good golden answers and a passed shadow, no copies but to a ready proxy.

    And every outcome says what is so: the good are never refused, who met nobody is never rolled back, and a second
    pass finds nothing to do.
    """
    fate = Fate(truths, on_no_evidence=on_no_evidence)
    fate.let("version 2")
    for event in events:
        fate.let(event)


@settings(max_examples=examples(15, thorough=40), deadline=None)
@given(KNOWN, TROUBLE, st.sampled_from([20, 60, 100]))
def test_the_good_are_promoted_and_the_others_refused(truth: Truth, trouble: dict[int, str], percent: int) -> None:
    """Whatever fails around it meanwhile, and whenever the operator dies; nobody meets the others."""
    world = serving({REVISIONS["2"]: truth})
    asks: dict[str, Any] = {"shadow_stage": {"maxDuration": "1h"}, "golden_stage": {"maxDuration": "1h"}}
    revision = world.ask_for(tried("2", percent=percent, **asks))
    for second in range(51):
        let(world, trouble.get(second, ""))
    let(world, "")
    finished(world)
    state, good = world.state, truth.golden == "Pass" and alike(truth, lenient=False)

    assert state.stable is not None
    assert state.outcome is not None
    assert (state.stable.revision == revision) is good
    assert state.outcome.result is (Result.PROMOTED if good else Result.REFUSED)
    assert good or not any(split.get(revision) for split in world.history)
    assert not world.left_behind()


@settings(max_examples=examples(15, thorough=40), deadline=None)
@given(
    TRUTHS,
    st.dictionaries(st.integers(0, 70), st.integers(1, 4), max_size=8),
    st.sets(st.integers(0, 70), max_size=8),
    st.sampled_from([None, {"objective": "errors", "weight": 60, "duration": "10s"}]),
)
def test_killing_the_operator_changes_nothing(
    truth: Truth, kills: dict[int, int], restarts: set[int], experiment: dict[str, Any] | None
) -> None:
    """The same is asked, copied, found and decided, in the same second, wherever and however often it dies."""
    ends = []
    for killed in (False, True):
        world = serving({REVISIONS["2"]: truth})
        world.failing[REVISIONS["1"]] = 0.02
        world.ask_for(tried("2", onNoEvidence="Rollback", experiment=experiment))
        for second in range(100):
            world.tick(kill_after=kills.get(second) if killed else None)
            if killed and second in restarts:
                world.restart()
        ends.append((world.made, world.state, world.history, world.replicas, set(world.proxies), world.jobs))

    assert ends[0] == ends[1]


@settings(max_examples=examples(12, thorough=30), deadline=None)
@given(TRUTHS, st.integers(0, 16), st.sampled_from(["prometheus", "proxies"]), st.sampled_from(["Hold", "Rollback"]))
def test_without_pairs_nothing_is_concluded(truth: Truth, begins: int, what: str, rule: str) -> None:
    """Neither good nor bad while Prometheus or the proxy is away; at the deadline the owner's word counts alone."""
    world = serving({REVISIONS["2"]: truth}, onNoEvidence=rule)
    world.ask_for(tried("2", golden=False, onNoEvidence=rule))
    for _ in range(begins):
        world.tick()
    world.measurable, world.proxies_live = what != "prometheus", what != "proxies"
    world.tick()
    release = world.state.release
    if release is None or release.phase is not ReleasePhase.SHADOWING:
        return
    deadline = (release.traffic_since or release.stage_started_at) + 40
    while world.now < deadline - 1:
        world.tick()
        assert world.state.release is not None
        assert world.state.release.phase is ReleasePhase.SHADOWING
    world.run(5)

    if rule == "Hold":
        assert world.decision is not None
        assert world.decision.hold is not None
        assert world.decision.hold.reason == "DeadlineWithoutEvidence"
    else:
        assert world.state.outcome is not None
        assert (world.state.outcome.result, world.state.outcome.reason) == (Result.REFUSED, "NoEvidence")


@pytest.mark.parametrize("golden", ["TooFew", "JudgeDown", "Nothing", "Never"])
@pytest.mark.parametrize("rule", ["Hold", "Rollback"])
def test_golden_answers_that_say_nothing_decide_nothing(golden: Any, rule: str) -> None:  # noqa: ANN401
    """Thirty seconds, and then what the owner wants; nobody is ever copied or sent to the candidate."""
    world = serving({REVISIONS["2"]: Truth(golden=golden)}, onNoEvidence=rule)
    revision = world.ask_for(tried("2", onNoEvidence=rule))
    world.run(30)

    assert world.state.release is not None
    assert world.state.release.phase is ReleasePhase.EXAMINING

    world.run(10)

    assert not world.pairs.get(revision)
    assert not any(split.get(revision) for split in world.history)
    if rule == "Hold":
        assert world.state.release is not None
        assert world.state.release.phase is ReleasePhase.EXAMINING
    else:
        assert world.state.outcome is not None
        assert (world.state.outcome.result, world.state.outcome.reason) == (Result.REFUSED, "NoEvidence")
