"""What releases with golden answers and shadows may ask for, and what may be so about a revision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.cluster.inputs import read_inputs
from palier.cluster.store import Store
from palier.evidence.verdicts import Verdict
from palier.golden.result import GoldenResult
from palier.release.state import State

Golden = Literal["Pass", "Fail", "TooFew", "JudgeDown", "Nothing", "Never"]

GATEWAY = {"gateway": {"parentRefs": [{"name": "public"}], "hostnames": ["m.example.com"]}}
STRICT: Mapping[str, Any] = {"checks": [{"name": "answer"}]}
LENIENT: Mapping[str, Any] = {"checks": [{"name": "answer", "ignore": ["$.id"]}]}
DIFFER, SLOWER = 0.05, 0.5
"""Shares up to which answers may differ, and may be slower, in the specs here."""
MIN_PAIRS = 100


def tried(  # noqa: PLR0913 - every part of a spec that a test may want otherwise
    version: str = "1",
    *,
    golden: bool = True,
    least: str | None = None,
    shadow: bool = True,
    weights: tuple[int, ...] = (5, 50),
    experiment: Mapping[str, Any] | None = None,
    percent: int = 20,
    answers: Mapping[str, Any] = STRICT,
    objectives: tuple[Mapping[str, Any], ...] | None = None,
    shadow_stage: Mapping[str, Any] | None = None,
    golden_stage: Mapping[str, Any] | None = None,
    spec: Mapping[str, Any] | None = None,
    traffic: Mapping[str, Any] = GATEWAY,
    replicas: int = 2,
    **release: Any,  # noqa: ANN401 - values are what YAML can hold
) -> ModelDeployment:
    """A ModelDeployment whose releases begin with golden answers and a shadow.

    Args:
        version: of the model.
        golden: whether there are golden answers.
        least: their least score in percent; None for none.
        shadow: whether there is a shadow.
        weights: of the canaries.
        experiment: the stage `experiment`; None for none.
        percent: of the shadow.
        answers: how answers are compared.
        objectives: instead of those about errors, agreement and slowdown.
        shadow_stage: more fields of the stage `shadow`.
        golden_stage: more fields of the stage `golden`.
        spec: more fields of `spec`.
        traffic: as in the spec.
        replicas: of stable.
        release: more fields of `spec.release`.
    """
    promised: list[Mapping[str, Any]] = [{"name": "errors", "errorRate": {"maxPercent": "1"}}]
    if shadow:
        promised.append({"name": "answers", "agreement": {"minPercent": "95"}})
        promised.append({"name": "pace", "slowdown": {"factor": "1.5", "maxPercent": "50"}})
    shadowed = {"percent": percent, "minPairs": MIN_PAIRS, "minDuration": "3s", "maxDuration": "40s"}
    stages = [
        *([{"golden": {"maxDuration": "30s", **(golden_stage or {})}}] if golden else []),
        *([{"shadow": shadowed | dict(shadow_stage or {})}] if shadow else []),
        *({"canary": {"weight": weight, "minDuration": "3s", "maxDuration": "20s"}} for weight in weights),
        *([{"experiment": dict(experiment)}] if experiment else []),
    ]
    corpus: dict[str, Any] = {"corpus": {"inline": ['{"body": 1, "expected": 1}']}}
    if least is not None:
        corpus["minPercent"] = least
    return parse(
        {
            "metadata": {"name": "demo", "namespace": "ml", "uid": "u1", "generation": 1},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": {"name": "m", "version": version},
                "serving": {
                    "port": 8080,
                    "replicas": replicas,
                    "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}},
                },
                "traffic": dict(traffic),
                "signals": {"requests": "requests_total", "errors": 'requests_total{code="500"}'},
                "objectives": list(promised if objectives is None else objectives),
                "answers": dict(answers),
                **({"golden": corpus} if golden else {}),
                "release": {
                    "stages": stages,
                    "rollbackWindow": "10s",
                    "progressDeadline": "15s",
                    "drainDelay": "3s",
                    **release,
                },
                **(spec or {}),
            },
        }
    )


def revision_of(deployment: ModelDeployment) -> str:
    """What a spec asks for."""
    return read_inputs(Store(), deployment, State()).revision


@dataclass(frozen=True)
class Truth:
    """What is so about a revision."""

    differs: float = 0.0
    """Share of the requests that it answers otherwise than stable."""
    differs_leniently: float = 0.0
    """The same where the checks leave out what may differ."""
    slower: float = 0.1
    """Share of the requests that take it more than 1.5 times as long."""
    golden: Golden = "Pass"

    def found(self) -> GoldenResult | None:
        """What its golden answers find; None where the Job fails without a result."""
        match self.golden:
            case "Pass":
                return GoldenResult(verdict=Verdict.PASS, reason="NotWorse", message="not worse than stable")
            case "Fail":
                return GoldenResult(verdict=Verdict.FAIL, reason="WorseThanStable", message="0.2 below stable")
            case "TooFew":
                return GoldenResult(verdict=Verdict.NO_EVIDENCE, reason="TooFewGoldenAnswers", message="90 more needed")
            case "JudgeDown":
                return GoldenResult(verdict=Verdict.NO_EVIDENCE, reason="JudgeUnavailable", message="the judge is down")
            case "Nothing" | "Never":
                return None
