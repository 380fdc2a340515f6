"""What one load test works by: the questions, the times and the limits. Its digest says which results answer the same.

The operator writes the plan as JSON into the ConfigMap of the test's pod, and computes the same digest without any pod.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from palier.api.field_names import to_camel
from palier.api.v1alpha1 import ModelDeployment
from palier.errors import InvalidSpec, describe_fault
from palier.loadtest.objectives import LoadObjective, Promise, objectives_under_load

CONNECTIONS: Final = 10_000
"""Most requests that are open at once; a server that has so many unanswered does not keep up."""

_DIGITS: Final = 16
_WHERE_AND_WHEN: Final = {"baseUrls", "seed", "notJudged"}
"""What does not change the question: the addresses of pods, the drawn arrivals, what is judged elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTestPlan:
    """One load test. Times are in seconds, rates in requests per second."""

    objectives: tuple[LoadObjective, ...]
    base_urls: tuple[str, ...] = ()
    """The replicas, each as `http://host:port`; requests go to them in turn."""
    path: str = "/"
    method: str = "GET"
    stream: bool = False
    corpus: str = ""
    """Digest of the requests; empty without a corpus."""
    timeout: float = 30.0
    warm_up: float = 10.0
    step_duration: float = 20.0
    soak: float = 120.0
    max_duration: float = 1800.0
    max_requests: int = 500_000
    start_rate: float | None = None
    max_rate: float = 10_000.0
    seed: int = 1
    not_judged: tuple[str, ...] = ()
    """Objectives that a load test cannot judge, for the report."""

    def to_json(self) -> str:
        """The plan as one line; `from_json` reads the same value back."""
        return json.dumps(_entry(self), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a plan back.

        Raises:
            ValueError: it is no plan.
        """
        try:
            entry = json.loads(text)
            known = {name: entry[written] for name, written in _NAMES.items()}
            lists = {name: tuple(known[name]) for name in ("base_urls", "not_judged")}
            return cls(**known | lists | {"objectives": tuple(map(_objective, known["objectives"]))})
        except json.JSONDecodeError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not the plan of a load test: {describe_fault(error)}") from error

    @property
    def tightest(self) -> float | None:
        """The shortest threshold of the times that a late request would lengthen; None when there is none."""
        times = {Promise.LATENCY, Promise.FIRST_TOKEN}
        thresholds = [one.threshold_seconds for one in self.objectives if one.kind in times]
        return min((threshold for threshold in thresholds if threshold is not None), default=None)

    @property
    def longest(self) -> float:
        """The longest time that an objective allows; 0 when there is none."""
        return max((one.threshold_seconds or 0.0 for one in self.objectives), default=0.0)

    @property
    def gaps(self) -> tuple[float, ...]:
        """The thresholds of the gaps between events, which have to be counted while they happen."""
        return tuple(one.threshold_seconds or 0.0 for one in self.objectives if one.kind is Promise.BETWEEN_TOKENS)


_NAMES: Final = {field.name: to_camel(field.name) for field in fields(LoadTestPlan)}
"""The fields of a plan as they are written in JSON."""


def digest(plan: LoadTestPlan) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of what a plan asks, wherever the replicas are."""
    questions = {name: value for name, value in _entry(plan).items() if name not in _WHERE_AND_WHEN}
    return hashlib.sha256(json.dumps(questions, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def plan_for(
    deployment: ModelDeployment, *, base_urls: Sequence[str], requests: str = "", seed: int = 1
) -> LoadTestPlan:
    """The plan for a deployment, as `spec.scale.loadTest` and the objectives ask for it.

    Args:
        deployment: the spec, as the tested variant serves it.
        base_urls: the replicas.
        requests: the text of the corpus where a ConfigMap has it.
        seed: draws the arrivals.

    Raises:
        InvalidSpec: there is no `spec.scale`, no objective can be judged under load, or the timeout is within what one
            of them allows.
    """
    scale = deployment.spec.scale
    if scale is None:
        raise InvalidSpec("spec.scale", "a load test needs spec.scale, which says what traffic is planned for")
    test = scale.load_test
    judged, others = objectives_under_load(deployment)
    start = test.start_requests_per_second
    plan = LoadTestPlan(
        objectives=judged,
        base_urls=tuple(base_urls),
        path=test.path,
        method=test.method.value,
        stream=test.stream,
        corpus=test.corpus.digest(requests) if test.corpus else "",
        timeout=test.timeout.seconds,
        warm_up=test.warm_up.seconds,
        step_duration=test.step_duration.seconds,
        soak=test.soak.seconds,
        max_duration=test.max_duration.seconds,
        max_requests=test.max_requests,
        start_rate=None if start is None else start.value,
        max_rate=test.max_requests_per_second.value,
        seed=seed,
        not_judged=others,
    )
    if plan.timeout <= plan.longest:
        raise InvalidSpec(
            "spec.scale.loadTest.timeout",
            f"it is {test.timeout}, and an objective allows {plan.longest:g} s: a request would fail before it is late",
        )
    return plan


def _entry(plan: LoadTestPlan) -> dict[str, Any]:
    entry = {written: getattr(plan, name) for name, written in _NAMES.items()}
    written_objectives = [
        {to_camel(field.name): getattr(objective, field.name) for field in fields(objective)}
        for objective in plan.objectives
    ]
    return entry | {"objectives": written_objectives}


def _objective(entry: Mapping[str, Any]) -> LoadObjective:
    return LoadObjective(
        entry["name"], Promise(entry["kind"]), float(entry["limitFraction"]), entry["thresholdSeconds"]
    )
