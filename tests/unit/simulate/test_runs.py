"""Playing runs: the same for every engine and every order, with harm counted up to the rollback."""

import pytest

from palier.simulate.case import Case, Stage
from palier.simulate.knobs import knobs, peer_options
from palier.simulate.peers import ENGINES as PEERS
from palier.simulate.runs import ENGINES, Plan, check, play

SHORT = Case(minutes=10, stages=(Stage(10, 600, 600),), error_delta=0.05)


@pytest.mark.parametrize("engine", ENGINES)
def test_runs_do_not_depend_on_their_neighbours(engine: str) -> None:
    """Run 3 alone is run 3 of ten."""
    plan = Plan(SHORT, engine=engine, seed=7)
    assert list(play(plan, [3])) == list(play(plan, range(10)))[3:4]


def test_harm_is_counted_until_the_rollback() -> None:
    """Five percentage points of ten requests per second until the share goes down, and of one per second after that."""
    once = [run for run in play(Plan(SHORT, engine="palier", seed=1), range(5)) if run.outcome.steps_down == 1]
    assert len(once) >= 3
    for run in once:
        down, until = run.outcome.first_step, run.outcome.at
        assert run.outcome.kind == "rollback"
        assert down is not None
        assert until is not None
        requests = 10 * down + (until - down)
        assert run.candidate_requests == pytest.approx(requests)
        assert run.extra_bad == pytest.approx(0.05 * requests)


def test_harm_of_a_miss_is_counted_to_the_end() -> None:
    """A tool that never rolls back lets everything through."""
    (run,) = play(Plan(SHORT, engine="flagger", seed=1, settings=("threshold=1000",)), [0])
    assert run.outcome.kind == "promote"
    assert run.extra_bad == pytest.approx(0.5 * 600)


@pytest.mark.parametrize("engine", sorted(PEERS))
def test_knobs_can_be_turned(engine: str) -> None:
    """Every knob takes its own default back."""
    for key, value in knobs()[engine].items():
        if value != "unset":
            assert peer_options(SHORT, engine, [f"{key}={value}"]) == peer_options(SHORT, engine, [])


@pytest.mark.parametrize(
    ("engine", "setting", "told"),
    [
        ("flagger", "threshold", "set: a setting is key=value, not 'threshold'"),
        ("flagger", "thresh=3", "set: flagger has no knob 'thresh'; it has interval, threshold"),
        ("flagger", "threshold=many", "set: threshold takes a number, not 'many'"),
        ("kayenta", "replace_nan=perhaps", "set: replace_nan takes true or false, not 'perhaps'"),
        ("kayenta", "judge=1", "set: 'judge' of kayenta cannot be set like this"),
        ("palier", "alpha=1", "set: Palier has no knobs here"),
    ],
)
def test_settings_that_are_refused(engine: str, setting: str, told: str) -> None:
    """The message says what would have been right."""
    with pytest.raises(ValueError, match=r"^set: ") as caught:
        check(Plan(SHORT, engine=engine, seed=1, settings=(setting,)))
    assert str(caught.value).startswith(told)


def test_peers_do_not_judge_costs() -> None:
    """A promise that a peer cannot judge is refused instead of ignored."""
    case = Case(minutes=10, stages=(Stage(10, 600, 600),), objectives=("cost",))
    with pytest.raises(ValueError, match=r"^objectives: argo is simulated for errors and latency only"):
        check(Plan(case, engine="argo", seed=1))
