"""Palier's own decisions on simulated traffic: the same as the operator's, and statistically sane."""

from collections import Counter
from dataclasses import replace

import pytest

from palier.evidence.objective import MeanRule, alarm
from palier.evidence.stepping import is_noticed
from palier.measuring.coverage import Coverage
from palier.release.decide import decide
from palier.release.observation import MeasuredEvidence, Observation, RevisionFacts, RouteFacts
from palier.release.state import Release, ReleasePhase, RevisionRef, State
from palier.simulate.case import Case, Span, Stage
from palier.simulate.engine import Trial, deployment_of, objectives_of, palier
from palier.simulate.outcome import Outcome
from palier.simulate.prometheus import Prometheus
from palier.simulate.recording import Arm
from palier.simulate.runs import Plan, Run, play
from palier.simulate.scenarios import SCENARIOS
from palier.simulate.traffic import Traffic
from tests.support.thorough import examples

SHORT = (Stage(10, 600, 900),)
CANDIDATE, STABLE = Arm.CANDIDATE.value, Arm.STABLE.value


def played(name: str, runs: int = 20, **changes: object) -> list[Run]:
    """Runs of a scenario with Palier."""
    return list(play(Plan(Case(**{**SCENARIOS[name].changes, **changes}), engine="palier", seed=1), range(runs)))


def kinds(runs: list[Run]) -> Counter[str]:
    """How they ended."""
    return Counter(run.outcome.kind for run in runs)


def decided_by_the_operator(case: Case, run: int) -> Outcome:
    """The same run, with `decide` in the place of the simulated state machine."""
    traffic, deployment = Traffic(case, seed=1, run=run), deployment_of(case)
    trial = Trial(case, objectives_of(case))
    prometheus = Prometheus(traffic.make_recording(), objectives_of(case))
    reference = {
        name: RevisionRef(revision=name, model="m", version=name, port=8080, since=0.0) for name in (CANDIDATE, STABLE)
    }
    plan = tuple(deployment.spec.release.stages)
    release = Release(0.0, 0.0, plan=plan, opened_at=0.0, traffic_since=0.0, pods_read=Coverage(0.0))
    state = State(
        stable=reference[STABLE], candidate=reference[CANDIDATE], backend_positions=(STABLE, CANDIDATE), release=release
    )
    ready = RevisionFacts(exists=True, replicas=9, available=9, endpoints=9, pods=9)
    for number in range(1, int(case.duration / case.look) + 1):
        now = number * case.look
        trial.look(prometheus, number)
        while True:
            weight = state.release.weight
            watched = trial.watched
            observation = Observation(
                revision=CANDIDATE,
                revisions={CANDIDATE: ready, STABLE: ready},
                route=RouteFacts(
                    exists=True,
                    ours=True,
                    weights={CANDIDATE: weight, STABLE: 100 - weight},
                    accepted=True,
                    serving=True,
                ),
                measured=MeasuredEvidence(
                    evidence=watched.evidence,
                    pods_read=watched.pods_read,
                ),
            )
            state = decide(deployment, observation, state, now=now).state
            if state.release.phase is ReleasePhase.ROLLING_BACK:
                return trial.tell("rollback", now)
            if state.release.stage is None:
                return trial.tell("promote", now)
            if state.release.traffic_since is not None:
                break
            if (cautious := state.release.cautious_since is not None) != trial.cautious:
                trial.step(now, down=cautious)
            elif state.release.cursor == trial.stage:
                continue  # the stage opens, and then its weight is in force
            else:
                trial.climb(now)
            assert (trial.stage, trial.weight) == (state.release.cursor, state.release.weight)
            traffic.climb([(now, trial.weight)])
            prometheus = Prometheus(traffic.make_recording(), objectives_of(case))
        if (pods := min(state.release.pods_wanted, case.stable_pods)) > trial.pods:
            trial.pods = pods
            traffic.scale(now, pods)
            prometheus = Prometheus(traffic.make_recording(), objectives_of(case))
    return trial.tell("undecided", None)


@pytest.mark.parametrize(
    "case",
    [
        Case(minutes=10, stages=(Stage(10, 600, 600),)),
        Case(minutes=10, stages=(Stage(10, 600, 600),), error_delta=0.03),
        Case(minutes=10, stages=(Stage(10, 600, 600),), error_delta=1.0),
        Case(minutes=10, stages=(Stage(10, 600, 600),), rps=1),
        Case(minutes=10, stages=(Stage(10, 120, 300),), rps=1, rollback_without_evidence=True),
        Case(minutes=10, stages=(Stage(10, 600, 600),), prometheus_down=Span(120, 180), error_delta=0.03),
        Case(minutes=10, stages=(Stage(10, 60, 600), Stage(25, 60, 600), Stage(50, 120, 600))),
        Case(minutes=10, stages=(Stage(5, 60, 600), Stage(50, 60, 600)), error_delta=0.02),
        Case(minutes=10, stages=(Stage(10, 600, 600),), objectives=("errors", "latency"), latency_factor=1.5),
        Case(minutes=20, stages=(Stage(10, 300, 300), Stage(50, 60, 600)), error_delta=0.01),
        Case(minutes=20, stages=(Stage(10, 300, 300), Stage(50, 60, 600)), overdispersion=0.05),
    ],
)
def test_decides_like_the_operator(case: Case) -> None:
    """On the same looks the operator's `decide` comes to the same end at the same moment."""
    for run in range(3):
        mine = palier(Traffic(case, seed=1, run=run), objectives_of(case))
        assert replace(mine, first_proof=None, on_absent_data=False) == decided_by_the_operator(case, run)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_scenario_runs(name: str) -> None:
    """Every scenario comes to an end, and none of them is decided on absent data."""
    runs = played(name, runs=2)
    assert len(runs) == 2
    assert not any(run.on_absent_data for run in runs)


def test_a_largest_cost_lets_a_mean_be_proven() -> None:
    """It is part of the spec that is simulated; a dearer candidate is found within minutes, a good one is promoted."""
    case = Case(objectives=("cost",), most_cost=4.2)
    (objective,) = objectives_of(case)
    assert isinstance(objective.rule, MeanRule)
    assert objective.rule.most == 4.2
    dear = palier(Traffic(replace(case, minutes=15, cost_factor=2.0, stages=SHORT), seed=1, run=0), (objective,))
    assert (dear.kind, dear.at is not None and dear.at <= 300) == ("rollback", True)
    cheap = palier(Traffic(replace(case, minutes=30, cost_factor=0.7, stages=SHORT), seed=1, run=0), (objective,))
    assert (cheap.kind, cheap.first_proof is not None and cheap.first_proof <= 600) == ("promote", True)


@pytest.mark.parametrize("name", ["aa", "diurnal", "ramp-weights", "churn", "bursty", "missing-data", "better"])
def test_good_candidates_are_left_alone(name: str) -> None:
    """None of the good candidates is rolled back, and nearly all are promoted."""
    runs = examples(10, thorough=20)
    found = kinds(played(name, runs=runs))
    assert found["rollback"] == 0
    assert found["promote"] >= 0.9 * runs


@pytest.mark.parametrize("name", ["outage", "target-gone", "prometheus-down", "cold-start"])
def test_what_both_suffer_or_passes_is_no_reason(name: str) -> None:
    """Shared outages, gaps in the measurements and a cold start roll nobody back."""
    assert kinds(played(name, runs=examples(5, thorough=10)))["rollback"] == 0


def test_dead_candidate_is_found_at_the_first_look() -> None:
    """With 300 failures in a row nothing more is needed for 1 %, and the next look ends the release."""
    runs = played("dead")
    assert all(run.outcome.kind == "rollback" and run.outcome.at == 60 for run in runs)
    assert all(run.outcome.first_step == 30 for run in runs)


def test_five_points_are_found_within_minutes() -> None:
    """Five percentage points more failures are down to 1 % in a look or two, and rolled back within six minutes."""
    runs = played("errors", error_delta=0.05)
    assert kinds(runs)["rollback"] == 20
    assert sorted(run.outcome.first_step or 0 for run in runs)[17] <= 60
    assert sorted(run.outcome.at or 0 for run in runs)[17] <= 360
    assert sorted(run.extra_bad for run in runs)[10] < 40


def test_slower_answers_are_found() -> None:
    """Response times of one and a half are found."""
    assert kinds(played("latency", runs=10))["rollback"] == 10


@pytest.mark.parametrize("changes", [{}, {"error_delta": 1.0}])
def test_nothing_is_decided_without_data(changes: dict[str, float]) -> None:
    """Where nothing is scraped there is neither promotion nor rollback, however bad the candidate."""
    assert kinds(played("no-data", runs=5, **changes)) == {"undecided": 5}


def test_blind_looks_are_caught_up() -> None:
    """After an outage of Prometheus the events of that time are part of the evidence."""
    case = Case(minutes=20, prometheus_down=Span(120, 300))
    traffic, objectives = Traffic(case, seed=1, run=0), objectives_of(case)
    trial, prometheus = Trial(case, objectives), Prometheus(traffic.make_recording(), objectives)
    for number in range(1, 41):
        trial.look(prometheus, number)
    (evidence,) = trial.watched.evidence.values()
    assert trial.watched.pods_read.until == 1200
    assert evidence.release.total == pytest.approx(12_000, rel=0.05)


def test_stages_are_climbed_as_soon_as_they_pass() -> None:
    """Three stages of at least five minutes end in a promotion after fifteen at the earliest."""
    stages = tuple(Stage(weight, 300, 3600) for weight in (5, 25, 50))
    traffic = Traffic(Case(stages=stages), seed=1, run=0)
    outcome = palier(traffic, objectives_of(traffic.case))
    assert outcome.kind == "promote"
    assert [weight for _, weight in traffic.make_recording().weights] == [5, 25, 50]
    assert outcome.at is not None
    assert outcome.at >= 900


def test_deadline_decides_as_the_spec_says() -> None:
    """Without evidence the longest time ends in a rollback only where that was asked for."""
    case = Case(rps=0.01, minutes=20, stages=(Stage(10, 60, 600),))
    held = palier(Traffic(case, seed=1, run=0), objectives_of(case))
    assert held.kind == "undecided"
    strict = replace(case, rollback_without_evidence=True)
    assert palier(Traffic(strict, seed=1, run=0), objectives_of(strict)) == Outcome("rollback", 600)


SLOWER = Case(rps=20.0, objectives=("latency",), latency_factor=1.4)
"""With so few requests that nobody can be suspected at 1 %, and pods may differ by it at first."""
FAILING = Case(minutes=10, error_delta=0.2)
"""Suspected at once."""


def find_beginnings(case: Case, run: int = 0) -> tuple[Outcome, list[float]]:
    """How a run ends, and when each pod of the candidate was scraped first."""
    traffic = Traffic(case, seed=1, run=run)
    outcome = palier(traffic, objectives_of(case))
    return outcome, [float(pod.up_times.min()) for pod in traffic.make_recording().pods_of(Arm.CANDIDATE)]


def test_more_pods_are_asked_for_as_soon_as_somebody_takes_notice() -> None:
    """Long before a judgement, so that several pods have been seen when it comes to that; the share stays."""
    traffic, objectives = Traffic(SLOWER, seed=1, run=0), objectives_of(SLOWER)
    trial, prometheus = Trial(SLOWER, objectives), Prometheus(traffic.make_recording(), objectives)
    pods, noticed, reasons = [], [], []
    for number in range(1, 18):
        trial.look(prometheus, number)
        found = [(evidence, objectives[0].rule) for evidence in trial.watched.evidence.values()]
        noticed.append(any(is_noticed(*pair) for pair in found))
        reasons += [alarm(*pair) for pair in found]
        assert trial.decide(number * SLOWER.look) is None
        pods.append(trial.pods)
    assert trial.weight == 10
    assert pods.index(3) == noticed.index(True)
    assert set(reasons[: len(reasons) - 17 + pods.index(3)]) == {""}
    assert set(pods) == {1, 3}


def test_more_pods_tell_what_one_could_not() -> None:
    """They get requests from the look on that asked for them, and agree that the version is slower."""
    outcome, (_, *new) = find_beginnings(SLOWER)
    assert (outcome.kind, len(new)) == ("rollback", 2)
    assert max(new) - min(new) < SLOWER.scrape


def test_where_there_is_one_replica_the_only_pod_is_its_version() -> None:
    """Nobody waits for pods that there may not be."""
    outcome, pods = find_beginnings(replace(SLOWER, stable_pods=1))
    assert (outcome.kind, len(pods)) == ("rollback", 1)


@pytest.mark.parametrize("run", range(3))
def test_a_step_down_brings_more_pods(run: int) -> None:
    """At the moment of the step."""
    outcome, (_, *new) = find_beginnings(FAILING, run)
    assert outcome.first_step is not None
    assert len(new) == 2
    assert all(outcome.first_step < first <= outcome.first_step + FAILING.scrape for first in new)


@pytest.mark.parametrize("case", [FAILING, Case(objectives=("latency",), latency_factor=1.1)])
@pytest.mark.parametrize(("stable", "mine", "then"), [(1, 1, 1), (2, 1, 2), (3, 2, 3), (9, 1, 3), (3, 4, 4), (1, 2, 2)])
def test_pods_are_never_more_than_stables_nor_fewer_than_before(case: Case, stable: int, mine: int, then: int) -> None:
    """Up to three, as many as stable has, and never fewer than the candidate had."""
    _, beginnings = find_beginnings(replace(case, stable_pods=stable, candidate_pods=mine))
    assert len(beginnings) == then


def test_a_step_down_takes_no_pods_away() -> None:
    """A candidate that has more than three keeps them."""
    case = replace(FAILING, candidate_pods=4)
    trial = Trial(case, objectives_of(case))
    trial.look(Prometheus(Traffic(case, seed=1, run=0).make_recording(), objectives_of(case)), 1)
    assert trial.decide(30) == "shift"
    assert (trial.weight, trial.pods) == (1, 4)


def test_nobody_gets_more_pods_without_a_reason() -> None:
    """A candidate that nothing speaks against keeps its one pod, at every weight."""
    _, beginnings = find_beginnings(Case(minutes=20, stages=(Stage(10, 60, 600), Stage(50, 60, 600))))
    assert len(beginnings) == 1


def test_rules_are_the_shipped_ones() -> None:
    """Two objectives share the release's allowance, as in the operator."""
    one, two = Case(), Case(objectives=("errors", "latency"))
    assert objectives_of(one)[0].rule.alpha == 2 * objectives_of(two)[0].rule.alpha
