"""What serving the target would take, each way that the spec offers, from what load tests have measured.

Nothing is decided here: this is the table that the decision, the status and the person read.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from palier.api.v1alpha1 import ModelDeployment
from palier.economics.capacity import Fleet, ScalingLaw
from palier.economics.measured_capacity import NOTHING_MEASURED, MeasuredCapacity, combine_results
from palier.economics.plan import Plan, plan_of
from palier.economics.variants import Choice, VariantFinding, choose
from palier.evidence.verdicts import Verdict
from palier.release.observation import Observation
from palier.release.state import State
from palier.release.testing import LoadTestRecord, Run, ServingOption, record_for, runs_of


@dataclass(frozen=True, slots=True)
class Prospect:
    """What serving the target would take, one way."""

    option: ServingOption
    plan: Plan
    records: tuple[LoadTestRecord, ...]
    """What its load tests found, by number of replicas; empty while nothing is known."""


@dataclass(frozen=True, slots=True)
class Survey:
    """All ways side by side, and which of them to go."""

    prospects: tuple[Prospect, ...]
    choice: Choice

    def find_prospect(self, revision: str) -> Prospect | None:
        """The prospect of a revision, if the spec asks for it."""
        return next((prospect for prospect in self.prospects if prospect.option.revision == revision), None)


def wanted_runs(deployment: ModelDeployment, observation: Observation, state: State) -> tuple[Run, ...]:
    """Every run that the spec asks for, whether it has been made or not."""
    attempt = state.release.attempt if state.release else 0
    return runs_of(observation.options_of(deployment), attempt=attempt)


def record_of(run: Run, deployment: ModelDeployment, state: State, *, now: float) -> LoadTestRecord | None:
    """The record that stands for a run in this release, or now when there is no release."""
    scale = deployment.spec.scale
    serves = state.stable is not None and state.stable.revision == run.revision
    # What serves cannot be tested again: what was once found about it stands.
    fresh_for = math.inf if serves or scale is None else scale.load_test.fresh_for.seconds
    if state.release is None:  # nothing is decided: what was found is told, conclusive or not
        known = (one for one in state.load_tests if one.answers(run) and now - one.measured_at <= fresh_for)
        return max(known, key=lambda one: one.measured_at, default=None)
    return record_for(run, state.load_tests, began_at=state.release.started_at, fresh_for=fresh_for)


def run_needed(deployment: ModelDeployment, observation: Observation, state: State, *, now: float) -> Run | None:
    """The first run without a usable record; None when everything is known that can be.

    A way that has not passed one of its runs needs no other one. What failed by chance is tried again after a while,
    unless another way passes already.
    """
    stable, again = state.stable, None
    settled: set[str] = set()
    for run in wanted_runs(deployment, observation, state):
        # A revision that serves cannot be tested: its users would be the ones to feel it.
        if run.revision in settled or (stable is not None and run.revision == stable.revision):
            continue
        record = record_of(run, deployment, state, now=now)
        if record is None:
            return run
        if record.result.verdict is not Verdict.PASS:
            settled.add(run.revision)
            if again is None and record.worth_another(now=now):
                again = run
    if again is None or survey(deployment, observation, state, now=now).choice.verdict is Verdict.PASS:
        return None
    return again


def survey(deployment: ModelDeployment, observation: Observation, state: State, *, now: float) -> Survey:
    """Every way that the spec offers, with what it costs at the target, as far as it is known.

    Args:
        deployment: the spec, which has a `scale`.
        observation: the ways and the prices.
        state: the memory, with what the load tests found.
        now: seconds since the epoch; tells how old prices are.
    """
    prospects = []
    for option in observation.options_of(deployment):
        mine = runs_of((option,), attempt=0)  # of this way alone: two variants may be one and the same revision
        records = tuple(record for run in mine if (record := record_of(run, deployment, state, now=now)))
        prospects.append(_prospect(option, records, observation, complete=len(records) == len(mine), now=now))
    findings = tuple(VariantFinding(one.option.variant, one.option.revision, one.plan) for one in prospects)
    return Survey(tuple(prospects), choose(findings))


def pods_for_traffic(deployment: ModelDeployment, observation: Observation, state: State) -> Mapping[str, int]:
    """How many pods stable and the candidate each need for the traffic that is answered now, by revision.

    Never fewer than `serving.replicas`; more where load tests have measured that those do not carry it. Stable's pods
    do carry what they answer, whether that was planned or not. So where only one of the two was measured, its reserve
    is left out: it is not to look worse only because more is known of it.

    Args:
        deployment: the spec.
        observation: the answered requests.
        state: the memory, with what the load tests found.
    """
    full, scale, served = deployment.spec.serving.replicas, deployment.spec.scale, observation.running.total
    revisions = [one.revision for one in (state.stable, state.candidate) if one]
    if scale is None or served is None or served.seconds <= 0:
        return dict.fromkeys(revisions, full)
    rate = Decimal(served.requests) / Decimal(served.seconds)
    laws = {revision: _last_measured(revision, state).law for revision in revisions}
    utilization = scale.utilization.share if all(laws.values()) else Decimal(1)
    needed = {}
    for revision, law in laws.items():
        # What no number of pods carries needs at least what it would need if they did not hinder each other.
        numbers = [
            Fleet(one, utilization, minimum=full).replicas(rate)
            for one in ((law, ScalingLaw(law.gamma)) if law else ())
        ]
        needed[revision] = next((number for number in numbers if number is not None), full)
    return needed


def _last_measured(revision: str, state: State) -> MeasuredCapacity:
    """What the newest load tests of a revision say, those of one and the same corpus and objectives together."""
    records = sorted((one for one in state.load_tests if one.revision == revision), key=lambda one: -one.measured_at)
    same = [one for one in records if one.digest == records[0].digest]
    return _combine_records({one.replicas: one for one in reversed(same)}.values())


def _prospect(
    option: ServingOption, records: tuple[LoadTestRecord, ...], observation: Observation, *, complete: bool, now: float
) -> Prospect:
    found = _combine_records(records)
    if found.against is None and not complete:
        found = NOTHING_MEASURED  # whether replicas hinder each other was to be measured, and has not been
    prices, problem = observation.prices_of(option.revision)
    today = datetime.fromtimestamp(now, UTC).date()
    plan = found.make_plan(
        lambda law: plan_of(option.deployment, law=law, prices=prices, prices_problem=problem, today=today)
    )
    return Prospect(option, plan, records)


def _combine_records(records: Iterable[LoadTestRecord]) -> MeasuredCapacity:
    return combine_results((record.replicas, record.result) for record in records)
