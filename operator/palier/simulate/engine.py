"""What Palier itself does with a simulated release.

Nothing is re-implemented here: the rules come from a ModelDeployment by the same function as in the operator, raw
samples become evidence in `palier.measuring.look`, and the same tests judge it. Only what surrounds them is simulated:
pods are ready at once, the gateway obeys at once, and a look takes no time.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.evidence.objective import (
    Evidence,
    Rule,
    Verdict,
    alarm,
    begin_share,
    begin_stage,
    begin_warm_up,
    combine_verdicts,
    judge,
    start_evidence,
)
from palier.evidence.pods import COMPARED_PODS
from palier.evidence.proportion import PODS_DIFFER
from palier.evidence.stepping import LEAST_WEIGHT, Step, choose_step, is_noticed, step_down, step_up
from palier.measuring.coverage import Coverage
from palier.measuring.look import WatchedRelease, look
from palier.measuring.sources import MeasuredObjective
from palier.measuring.warm_up import WarmUp, choose_warm_up
from palier.release.rules import measured_objectives
from palier.simulate.case import Case, Stage
from palier.simulate.outcome import Kind, Outcome
from palier.simulate.prometheus import COST, ERRORS, LATENCY, REQUESTS, SEGMENT_LABEL, Prometheus
from palier.simulate.recording import Arm
from palier.simulate.traffic import Traffic

_LONGEST_REACH = 3600.0
"""Seconds of history that a look of the operator reads at most."""


def deployment_of(case: Case) -> ModelDeployment:
    """The ModelDeployment that a user would write for the case.

    Raises:
        InvalidSpec: the case promises what the API cannot write.
    """
    written: dict[str, dict[str, Any]] = {
        "errors": {
            "errorRate": {"maxPercent": _decimal(100 * case.max_errors, digits=4)},
            **({"segmentBy": SEGMENT_LABEL} if case.segment_share else {}),
        },
        "latency": {"latency": {"percentile": case.percentile, "threshold": _duration(case.latency_threshold)}},
        "cost": {
            "mean": {
                "sum": COST,
                "count": REQUESTS,
                "max": _decimal(case.max_cost, digits=6),
                **({} if case.most_cost is None else {"maxPerEvent": _decimal(case.most_cost, digits=6)}),
            }
        },
    }
    return parse(
        {
            "metadata": {"name": "simulated", "namespace": "simulated"},
            "spec": {
                "owner": {"name": "Nobody", "email": "nobody@example.com"},
                "model": {"name": "simulated", "version": "2"},
                "serving": {
                    "port": 8080,
                    "replicas": case.stable_pods,
                    "template": {"spec": {"containers": [{"name": "model", "image": "simulated"}]}},
                },
                "traffic": {"gateway": {"parentRefs": [{"name": "simulated"}]}},
                "signals": {"requests": REQUESTS, "errors": ERRORS, "latency": {"histogram": LATENCY}},
                "objectives": [{"name": name, **written[name]} for name in case.objectives],
                "release": {
                    "stages": [
                        {
                            "canary": {
                                "weight": stage.weight,
                                "minDuration": _duration(stage.minimum),
                                "maxDuration": _duration(stage.maximum),
                                **({} if stage.warm_up is None else {"warmUp": _duration(stage.warm_up)}),
                            }
                        }
                        for stage in case.stages
                    ],
                    "onNoEvidence": "Rollback" if case.rollback_without_evidence else "Hold",
                },
            },
        }
    )


def palier(traffic: Traffic, objectives: tuple[MeasuredObjective, ...]) -> Outcome:
    """Judge one run look by look, from the first request to the decision or to the end of the time.

    Args:
        traffic: the run; it follows when Palier changes the candidate's share or gives it more pods.
        objectives: those of `deployment_of` the run's case.
    """
    case = traffic.case
    prometheus = Prometheus(traffic.make_recording(), objectives)
    trial = Trial(case, objectives)
    for number in range(1, math.floor(case.duration / case.look) + 1):
        now = number * case.look
        trial.look(prometheus, number)
        pods, kind = trial.pods, trial.decide(now)
        gets_more = trial.pods > pods
        if kind == "shift":
            traffic.climb([(now, trial.weight)])
        elif kind:
            return trial.tell(kind, now, on_absent_data=bool(trial.watched.pods_read.unseen))
        if gets_more:
            traffic.scale(now, trial.pods)
        if kind or gets_more:
            prometheus = Prometheus(traffic.make_recording(), objectives)
    return trial.tell("undecided", None)


class Trial:
    """The part of a release's state machine that evidence moves.

    Args:
        case: what is tried.
        objectives: those of its ModelDeployment.
    """

    def __init__(self, case: Case, objectives: tuple[MeasuredObjective, ...]) -> None:
        self.case, self.stage, self.since = case, 0, 0.0
        self.pods = case.candidate_pods
        self.first_proof: float | None = None
        self.cautious, self.steps = False, 0
        self.steps_down = 0
        self.first_step: float | None = None
        self.watched = WatchedRelease(
            candidate=Arm.CANDIDATE.value,
            stable=Arm.STABLE.value,
            stage_index=0,
            begun_at=0.0,
            traffic_since=0.0,
            objectives=objectives,
            evidence={},
            pods_read=Coverage(0.0),
            warm_up=_warm_up_of(case.stages[0]),
        )
        self._staleness = 2.5 * case.scrape + 0.5

    def look(self, prometheus: Prometheus, number: int) -> None:
        """The look of that number."""
        now, last = number * self.case.look, self.watched.pods_read.until or 0.0
        if not prometheus.answers_at(now):
            self.watched = self.watched.mark_unseen("Prometheus does not answer", at=now)
            return
        if now - last > _LONGEST_REACH:
            last = now - self.case.look
            self.watched = replace(self.watched, pods_read=replace(self.watched.pods_read, until=last))
        answers, scraped = prometheus.answer(after=last - self._staleness, until=now)
        self.watched = look(
            self.watched,
            answers,
            scraped=scraped,
            at=[step * self.case.look for step in range(round(last / self.case.look) + 1, number + 1)],
            staleness=self._staleness,
        )

    @property
    def weight(self) -> int:
        """The candidate's share in percent."""
        return LEAST_WEIGHT if self.cautious else self.case.stages[self.stage].weight

    def tell(self, kind: Kind, at: float | None, *, on_absent_data: bool = False) -> Outcome:
        """How the release has ended."""
        return Outcome(
            kind,
            at,
            first_proof=self.first_proof,
            on_absent_data=on_absent_data,
            steps_down=self.steps_down,
            first_step=self.first_step,
        )

    def decide(self, now: float) -> Literal["rollback", "shift", "promote"] | None:
        """What the evidence asks for now: `rollback`, `promote`, another weight (`shift`), or nothing.

        It may ask for more pods of the candidate besides: then `pods` has grown.
        """
        stage, last = self.case.stages[self.stage], self.stage == len(self.case.stages) - 1
        held = now - self.since
        passed = False
        if not self.watched.pods_read.unseen:
            step = choose_step(
                self._list_evidence(),
                weight=stage.weight,
                wanted=stage.weight,
                cautious=self.cautious,
                steps=self.steps,
                over=held >= stage.maximum,
            )
            if step is Step.END:
                return "rollback"
            if step is Step.DOWN or any(
                alarm(*pair) == PODS_DIFFER or is_noticed(*pair) for pair in self._list_evidence()
            ):
                self.pods = max(self.pods, min(COMPARED_PODS, self.case.stable_pods))
            if step is not Step.STAY:
                self.step(now, down=step is Step.DOWN)
                return "shift"
            if self.first_proof is None and self._has_passed(promotion=True):
                self.first_proof = now
            passed = held >= stage.minimum and not self.cautious and self._has_passed(promotion=last)
        if passed and last:
            return "promote"
        if passed:
            self.climb(now)
            return "shift"
        if held >= stage.maximum and self.case.rollback_without_evidence:
            return "rollback"
        return None

    def _list_evidence(self) -> Iterator[tuple[Evidence, Rule]]:
        for objective in self.watched.objectives:
            yield self.watched.evidence.get(objective.rule.name) or start_evidence(), objective.rule

    def _has_passed(self, *, promotion: bool) -> bool:
        judgements = (judge(evidence, rule, promotion=promotion) for evidence, rule in self._list_evidence())
        return combine_verdicts(judgements) is Verdict.PASS

    def climb(self, now: float) -> None:
        """Begin the next stage."""
        self.stage, self.steps = self.stage + 1, 0
        self._begin_weight(now, {name: begin_warm_up(begin_stage(one)) for name, one in self.watched.evidence.items()})

    def step(self, now: float, *, down: bool) -> None:
        """Lower the candidate's share because it is suspected, or give it back."""
        rules = {objective.rule.name: objective.rule for objective in self.watched.objectives}
        evidence = self.watched.evidence.items()
        weight, self.cautious = self.weight, down
        if down:
            self.steps += 1
            self.steps_down += 1
            self.first_step = now if self.first_step is None else self.first_step
        after = {
            name: step_down(one, rules[name], weight=weight) if down else step_up(one, rules[name])
            for name, one in evidence
        }
        self._begin_weight(now, after)

    def _begin_weight(self, now: float, evidence: Mapping[str, Evidence]) -> None:
        """Go on with another weight."""
        self.since = now
        self.watched = replace(
            self.watched,
            stage_index=self.stage,
            traffic_since=now,
            warm_up=_warm_up_of(self.case.stages[self.stage]),
            evidence={name: begin_share(one) for name, one in evidence.items()},
        )


def _warm_up_of(stage: Stage) -> WarmUp:
    return choose_warm_up(stage.warm_up, minimum=stage.minimum, maximum=stage.maximum)


def _decimal(number: float, *, digits: int) -> str:
    return f"{number:.{digits}f}".rstrip("0").rstrip(".")


def _duration(seconds: float) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole}s{thousandths}ms" if thousandths else f"{whole}s"


def objectives_of(case: Case) -> tuple[MeasuredObjective, ...]:
    """The case's promises, ready to be measured and judged.

    Raises:
        InvalidSpec: see `deployment_of`.
    """
    return measured_objectives(deployment_of(case))
