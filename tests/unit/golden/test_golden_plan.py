"""What an examination is told, and which results answer the same question."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from palier.api.spec.answers import Answers
from palier.api.v1alpha1 import ModelDeployment, parse
from palier.errors import InvalidSpec
from palier.golden.judge_plan import JudgePlan
from palier.golden.plan import GoldenPlan, digest, plan_for
from palier.golden.verdict import Question

CHECKS = {"checks": [{"name": "language", "path": "$.language", "compare": "Label"}]}
JUDGE = {"url": "http://judge.ml:8000/v1/chat/completions", "model": "judge-70b"}
PLAN = GoldenPlan(
    candidate="0123456789",
    stable="abcdef0123",
    candidate_url="http://10.0.0.1:8080",
    stable_url="http://[fd00::1]:8080",
    path="/v1/chat?x=ä",
    method="PUT",
    timeout=2.5,
    concurrency=8,
    repeat=3,
    answers=Answers.model_validate(CHECKS),
    corpus="0123456789abcdef",
    min_score=0.9,
    margin=0.01,
    seed=7,
    judge=JudgePlan(url="http://judge:8000/v1", model="judge", price=Decimal("0.20")),
    scorer="fedcba9876543210",
    versions={"candidate": {"model": "m", "version": "2"}, "stable": {"model": "m", "version": "1"}},
)


def deployment(answers: Any = None, **golden: Any) -> ModelDeployment:  # noqa: ANN401
    """A ModelDeployment with golden answers."""
    return parse(
        {
            "metadata": {"name": "demo", "namespace": "ml"},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": {"name": "m", "version": "1"},
                "serving": {"port": 8080, "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}},
                "traffic": {"service": {}},
                "signals": {"requests": "r_total", "errors": "e_total"},
                "objectives": [{"name": "errors", "errorRate": {"maxPercent": "1"}}],
                **({"answers": answers} if answers else {}),
                "golden": {"corpus": {"inline": ['{"body": 1, "expected": 1}']}, **golden},
            },
        }
    )


def planned(answers: Any = None, requests: str = "", **golden: Any) -> GoldenPlan:  # noqa: ANN401
    """The plan for it."""
    return plan_for(deployment(answers, **golden), candidate="0123456789", stable="abcdef0123", requests=requests)


def test_a_plan_survives_its_file() -> None:
    """The pod reads what the operator wrote."""
    assert GoldenPlan.from_json(PLAN.to_json()) == PLAN
    bare = GoldenPlan(candidate="0123456789")
    assert GoldenPlan.from_json(bare.to_json()) == bare


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "5",
        PLAN.to_json().replace('"margin":0.01', '"margin":0'),
        PLAN.to_json().replace('"margin":0.01', '"margin":"x"'),
        PLAN.to_json().replace('"minScore":0.9', '"minScore":1.5'),
        PLAN.to_json().replace('"timeout":2.5', '"timeout":Infinity'),
        PLAN.to_json().replace('"repeat":3', '"repeat":0'),
        PLAN.to_json().replace('"Label"', '"Colour"'),
        PLAN.to_json().replace('"votes":1', '"votes":0'),
        PLAN.to_json().replace('"versions":{', '"versions":[{', 1).replace('"version":"1"}}', '"version":"1"}}]'),
    ],
)
def test_what_is_no_plan_is_refused(text: str) -> None:
    """A half-written file must not become an examination with other rules."""
    with pytest.raises(ValueError, match=r"not the plan|Expecting value"):
        GoldenPlan.from_json(text)


def test_what_the_spec_says_is_in_the_plan() -> None:
    """In seconds and shares of 1."""
    plan = planned(
        CHECKS,
        path="/predict",
        method="PUT",
        minPercent="92.5",
        marginPercent="0.5",
        repeat=3,
        concurrency=9,
        timeout="1m30s",
    )

    assert plan == GoldenPlan(
        candidate="0123456789",
        stable="abcdef0123",
        path="/predict",
        method="PUT",
        timeout=90.0,
        concurrency=9,
        repeat=3,
        answers=Answers.model_validate(CHECKS),
        corpus=plan.corpus,
        min_score=0.925,
        margin=0.005,
    )
    assert plan.question == Question(margin=0.005, minimum=0.925, paired=True, judged=False)
    assert plan.expects


def test_the_defaults() -> None:
    """The whole document has to be the same, and 2 points are allowed."""
    plan = planned()

    assert (plan.margin, plan.min_score, plan.timeout, plan.concurrency, plan.repeat) == (0.02, None, 60.0, 4, 1)
    assert (plan.method, plan.path, plan.judge, plan.scored_elsewhere) == ("POST", "/", None, False)
    assert plan.answers == Answers()


def test_judges_and_scorers_need_nothing_expected() -> None:
    """The plan says who scores."""
    judged, elsewhere = planned(judge=JUDGE), planned(scorer={"image": "ragas:1"})

    assert judged.judge is not None
    assert judged.judge.model == "judge-70b"
    assert judged.question.judged
    assert elsewhere.scored_elsewhere
    assert not judged.expects
    assert not elsewhere.expects


def test_a_first_revision_has_nothing_to_be_compared_with() -> None:
    """Only the minimum is asked then."""
    plan = plan_for(deployment(minPercent="90"), candidate="0123456789", stable="")

    assert plan.question == Question(margin=0.02, minimum=0.9, paired=False)


def test_the_digest_is_of_the_question() -> None:
    """Where, in which order and under which names does not matter; all else does."""
    same = replace(PLAN, candidate_url="http://x", stable_url="http://y", seed=99, versions={})
    others = {
        "candidate": "1111111111",
        "stable": "",
        "path": "/",
        "method": "POST",
        "timeout": 3.0,
        "concurrency": 1,
        "repeat": 1,
        "answers": Answers(),
        "corpus": "1",
        "min_score": None,
        "margin": 0.05,
        "judge": None,
        "scored_elsewhere": True,
        "scorer": "",
    }

    assert digest(same) == digest(PLAN)
    assert len(digest(PLAN)) == 16
    assert len({digest(PLAN), *(digest(replace(PLAN, **{name: value})) for name, value in others.items())}) == 15
    assert set(others) | {"candidate_url", "stable_url", "seed", "versions"} == set(
        GoldenPlan.__dataclass_fields__  # a field that is forgotten here could change a question unseen
    )


def test_another_corpus_or_scorer_is_another_question() -> None:
    """Lines, a ConfigMap's text, an image and its arguments."""
    reference = {"configMapKeyRef": {"name": "corpora", "key": "golden"}}
    volumes = ({"claimName": "a", "path": "x"}, {"claimName": "a", "path": "y"})
    plans = [
        planned(),
        planned(corpus={"inline": ['{"body": 2, "expected": 1}']}),
        planned(corpus=reference, requests="one"),
        planned(corpus=reference, requests="two"),
        *(planned(corpus={"volume": volume}) for volume in volumes),
        planned(scorer={"image": "ragas:1"}),
        planned(scorer={"image": "ragas:2"}),
        planned(scorer={"image": "ragas:1", "command": ["a"]}),
        planned(scorer={"image": "ragas:1", "args": ["a"]}),
    ]

    assert len({digest(plan) for plan in plans}) == len(plans)
    assert digest(planned()) == digest(planned())


def test_what_cannot_be_asked_is_refused() -> None:
    """With the place in the spec."""
    asked = deployment()
    without = asked.model_copy(update={"spec": asked.spec.model_copy(update={"golden": None})})

    with pytest.raises(InvalidSpec, match=r"^spec\.golden: there is none"):
        plan_for(without, candidate="0123456789", stable="")
    with pytest.raises(InvalidSpec, match="is the model that is judged"):
        planned(judge=JUDGE | {"model": "m"})


def test_a_plan_is_json() -> None:
    """As the operator writes it, so that people can read it in the ConfigMap."""
    entry = json.loads(PLAN.to_json())

    assert entry["minScore"] == 0.9
    assert entry["answers"] == {
        "checks": [
            {
                "name": "language",
                "path": "$.language",
                "compare": "Label",
                "ignore": [],
                "unordered": [],
            }
        ],
        "streamPath": "$.choices[0].delta.content",
    }
