"""What one examination works by: whom to ask, how answers are scored, and what decides. Its digest names the question.

The operator writes the plan as JSON into the ConfigMap of the pod that asks, and computes the same digest without any
pod: a result with another digest answers another question.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

from palier.api.field_names import to_camel
from palier.api.spec.golden import Scorer
from palier.api.v1alpha1 import Answers, ModelDeployment
from palier.errors import InvalidSpec, describe_fault
from palier.golden.judge_plan import JudgePlan, judge_plan_for
from palier.golden.verdict import Question

DEFAULT_MARGIN: Final = 0.02

_DIGITS: Final = 16
_WHERE_AND_WHEN: Final = {"candidateUrl", "stableUrl", "seed", "versions"}
"""What does not change the question: addresses, the drawn order, and what revisions are known as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenPlan:
    """One examination. Times are in seconds, scores and margins between 0 and 1.

    Raises:
        ValueError: a number makes no sense.
    """

    candidate: str
    """The revision's hash; by hand, whatever it is called."""
    stable: str = ""
    """The same; empty without a revision to compare with."""
    candidate_url: str = ""
    """As `http://host:port`."""
    stable_url: str = ""
    path: str = "/"
    """Path of requests that name none."""
    method: str = "POST"
    """Method of requests that name none."""
    timeout: float = 60.0
    concurrency: int = 4
    """Requests that are on their way at once, each to both revisions."""
    repeat: int = 1
    """How often each request is asked."""
    answers: Answers = field(default_factory=Answers)
    """How an answer is compared with the expected one."""
    corpus: str = ""
    """Digest of the requests."""
    min_score: float | None = None
    """Least mean score of the candidate."""
    margin: float = DEFAULT_MARGIN
    """How far the candidate's mean may lie below stable's."""
    seed: int = 1
    """Draws the order of the requests."""
    judge: JudgePlan | None = None
    scored_elsewhere: bool = False
    """Whether an image of the user's scores the answers."""
    scorer: str = ""
    """Digest of that image and its arguments."""
    versions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What `candidate` and `stable` are known as: `model`, `version`, `uri`, `prompt/<name>`."""

    def __post_init__(self) -> None:
        """Refuse what cannot be asked."""
        if not 0 < self.timeout < float("inf"):
            raise ValueError(f"timeout must be above 0 seconds, not {self.timeout}")
        if self.concurrency < 1 or self.repeat < 1:
            raise ValueError(f"concurrency and repeat must be 1 or more, not {self.concurrency} and {self.repeat}")
        if not 0 < self.margin < 1:
            raise ValueError(f"margin must lie between 0 and 1, not {self.margin}")
        if self.min_score is not None and not 0 < self.min_score < 1:
            raise ValueError(f"minScore must lie between 0 and 1, not {self.min_score}")

    @property
    def question(self) -> Question:
        """What has to be decided."""
        return Question(
            margin=self.margin, minimum=self.min_score, paired=bool(self.stable), judged=self.judge is not None
        )

    @property
    def expects(self) -> bool:
        """Whether every request needs an expected answer."""
        return self.judge is None and not self.scored_elsewhere

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
            if not isinstance(entry, dict):
                raise TypeError("it is not a JSON object")  # noqa: TRY301 - reported below, as all else
            known: dict[str, Any] = {one.name: entry[to_camel(one.name)] for one in fields(cls)}
            judge, least = known["judge"], known["min_score"]
            texts: dict[str, Any] = {name: str(known[name]) for name in _TEXTS}
            return cls(
                **texts,
                concurrency=int(known["concurrency"]),
                repeat=int(known["repeat"]),
                seed=int(known["seed"]),
                timeout=float(known["timeout"]),
                margin=float(known["margin"]),
                min_score=None if least is None else float(least),
                answers=Answers.model_validate(known["answers"]),
                judge=None if judge is None else JudgePlan.from_dict(judge),
                scored_elsewhere=bool(known["scored_elsewhere"]),
                versions={str(arm): dict(version) for arm, version in known["versions"].items()},
            )
        except json.JSONDecodeError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not the plan of golden answers: {describe_fault(error)}") from error


_TEXTS: Final = ("candidate", "stable", "candidate_url", "stable_url", "path", "method", "corpus", "scorer")


def digest(plan: GoldenPlan) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of what a plan asks, wherever the revisions are."""
    questions = {name: value for name, value in _entry(plan).items() if name not in _WHERE_AND_WHEN}
    return _hash_json(questions)


def plan_for(
    deployment: ModelDeployment,
    *,
    candidate: str,
    stable: str,
    candidate_url: str = "",
    stable_url: str = "",
    requests: str = "",
    judge_prompt: str = "",
    calibration: str = "",
    versions: Mapping[str, Mapping[str, str]] | None = None,
) -> GoldenPlan:
    """The plan for a deployment, as `spec.golden` and `spec.answers` ask for it.

    Args:
        deployment: the spec of the candidate.
        candidate: its revision.
        stable: the revision that serves; empty where none does yet.
        candidate_url: `http://host:port` of the candidate's Service.
        stable_url: the same of stable.
        requests: the text of the corpus where a ConfigMap has it.
        judge_prompt: the text of the judge's prompt where a ConfigMap has it.
        calibration: the text of the judge's calibration where a ConfigMap has it.
        versions: what the revisions are known as.

    Raises:
        InvalidSpec: there is no `spec.golden`, or its judge cannot be asked.
    """
    golden = deployment.spec.golden
    if golden is None:
        raise InvalidSpec("spec.golden", "there is none, so there is nothing to ask")
    judge, model = None, deployment.spec.model.name
    if golden.judge is not None:
        judge = judge_plan_for(golden, prompt=judge_prompt, calibration=calibration, judged_model=model)
    return GoldenPlan(
        candidate=candidate,
        stable=stable,
        candidate_url=candidate_url,
        stable_url=stable_url,
        path=golden.path,
        method=golden.method.value,
        timeout=golden.timeout.seconds,
        concurrency=golden.concurrency,
        repeat=golden.repeat,
        answers=deployment.spec.answers,
        corpus=golden.corpus.digest(requests),
        min_score=None if golden.min_percent is None else golden.min_percent.fraction,
        margin=golden.margin_percent.fraction,
        judge=judge,
        scored_elsewhere=golden.scorer is not None,
        scorer="" if golden.scorer is None else _scorer_digest(golden.scorer),
        versions=versions or {},
    )


def _scorer_digest(scorer: Scorer) -> str:
    """Digest of what scores, whatever machine it runs on."""
    return _hash_json([scorer.image, *scorer.command, None, *scorer.args])


def _hash_json(value: Any) -> str:  # noqa: ANN401 - any JSON
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def _entry(plan: GoldenPlan) -> dict[str, Any]:
    entry = {to_camel(one.name): getattr(plan, one.name) for one in fields(plan)}
    return entry | {
        "answers": plan.answers.model_dump(mode="json", by_alias=True, exclude_none=True),
        "judge": None if plan.judge is None else plan.judge.to_dict(),
        "versions": {arm: dict(version) for arm, version in plan.versions.items()},
    }
