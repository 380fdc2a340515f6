"""What a judge is told, from the spec to the pod and back."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from palier.api.spec.golden import Golden
from palier.errors import InvalidSpec
from palier.golden.calibration import read
from palier.golden.judge_plan import JudgePlan, judge_plan_for
from palier.golden.prompt import OWN_PROMPT, fault
from tests.support.golden import judges

URL = "http://judge.ml:8000/v1/chat/completions"
PLAN = JudgePlan(
    url=URL,
    model="org/judge",
    model_digest="sha256:1",
    prompt="ä {first} {second}",
    votes=3,
    timeout=2.5,
    calibration_digest="0123456789abcdef",
    min_agreement=Decimal("0.805"),
    price=Decimal("0.15"),
    max_tokens_total=1000,
    judged_model="org/chat",
)


def golden(**judge: Any) -> Golden:  # noqa: ANN401
    """A spec with a judge."""
    return Golden.model_validate({"corpus": {"inline": ["{}"]}, "judge": {"url": URL, "model": "judge", **judge}})


def test_a_plan_survives_its_file() -> None:
    """The pod reads what the operator wrote, prices and shares to the last digit."""
    for plan in (PLAN, JudgePlan(url=URL, model="judge")):
        assert JudgePlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


@pytest.mark.parametrize(
    "change",
    [
        {"url": None, "votes": "many"},
        {"votes": 0},
        {"votes": 10},
        {"timeout": 0},
        {"timeout": "inf"},
        {"timeout": "nan"},
        {"minAgreement": "0"},
        {"minAgreement": "1.1"},
        {"minAgreement": "NaN"},
        {"minAgreement": None},
        {"price": "-1"},
        {"price": "sNaN"},
        {"price": "Infinity"},
        {"maxTokensTotal": 0},
        {"prompt": "no places"},
    ],
    ids=str,
)
def test_what_is_no_plan_is_refused(change: dict[str, Any]) -> None:
    """A half-written file must not become a judge with other rules."""
    with pytest.raises(ValueError, match="not the plan of a judge"):
        JudgePlan.from_dict(PLAN.to_dict() | change)


@pytest.mark.parametrize("entry", [{}, [], None, 3, {"url": URL}])
def test_what_is_not_even_an_object_is_refused(entry: Any) -> None:  # noqa: ANN401
    """Anything else than the fields of a plan."""
    with pytest.raises(ValueError, match="not the plan of a judge"):
        JudgePlan.from_dict(entry)


def test_defaults_are_those_of_the_spec() -> None:
    """What the spec leaves out is what the plan has by itself."""
    assert judge_plan_for(golden()) == JudgePlan(url=URL, model="judge")
    assert judge_plan_for(golden()).prompt == OWN_PROMPT


def test_every_field_of_the_spec_counts() -> None:
    """From the spec, and from the ConfigMaps that it names."""
    spec = golden(
        modelDigest="sha256:1",
        prompt={"name": "judge", "key": "prompt"},
        votes=3,
        timeout="2500ms",
        calibration={
            "corpus": {"configMapKeyRef": {"name": "pairs", "key": "pairs.jsonl"}},
            "minAgreement": "80.5",
        },
        costPerMillionTokens="0.15",
        maxTokensTotal=1000,
    )
    plan = judge_plan_for(spec, prompt="ä {first} {second}", calibration="lines", judged_model="org/chat")

    assert replace(plan, calibration_digest=PLAN.calibration_digest, model=PLAN.model) == PLAN
    assert len(plan.calibration_digest) == 16
    other = judge_plan_for(spec, prompt="ä {first} {second}", calibration="other lines")
    assert other.calibration_digest != plan.calibration_digest
    assert judge_plan_for(spec, prompt="{first}{second}").prompt_digest != plan.prompt_digest


@pytest.mark.parametrize(
    "corpus",
    [{"inline": ["a"]}, {"volume": {"claimName": "c", "path": "f"}}, {"image": {"reference": "r", "path": "f"}}],
)
def test_every_calibration_has_a_digest(corpus: dict[str, Any]) -> None:
    """Wherever the pairs come from, the pod knows that there have to be some."""
    assert judge_plan_for(golden(calibration={"corpus": corpus})).calibration_digest


@pytest.mark.parametrize(
    ("spec", "given", "words"),
    [
        (
            golden(prompt={"name": "n", "key": "k"}),
            {},
            "spec.golden.judge.prompt: the text of n/k is empty or not there",
        ),
        (golden(prompt={"name": "n", "key": "k"}), {"prompt": "{first}"}, "n/k has no {second} in it"),
        (golden(), {"judged_model": "Judge"}, "spec.golden.judge.model: judge is the model that is judged"),
        (Golden.model_validate({"corpus": {"inline": ["{}"]}}), {}, "spec.golden.judge: there is none"),
    ],
    ids=["no prompt", "half a prompt", "itself", "no judge"],
)
def test_a_spec_that_cannot_work_is_told(spec: Golden, given: dict[str, str], words: str) -> None:
    """With the field that is wrong, before any pod starts."""
    with pytest.raises(InvalidSpec) as caught:
        judge_plan_for(spec, **given)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("judge", "judged", "same"),
    [
        ("judge", "judge", True),
        ("Org/Judge", "org/judge", True),
        ("org/judge", "judge", True),
        ("judge", "org/judge", True),
        ("org/judge", "other/judge", False),
        ("judge", "judge-2", False),
        ("judge", "", False),
    ],
)
def test_whoever_judges_is_not_judged(judge: str, judged: str, same: bool) -> None:
    """Names differ in their letters' case and may leave out who has made the model."""
    assert replace(PLAN, model=judge, judged_model=judged).judges_itself is same


def test_the_page_about_judges_shows_what_works() -> None:
    """Its manifest is a judge, its lines are pairs, and its prompt has the places."""
    page = (Path(__file__).parents[3] / "docs" / "judge.md").read_text(encoding="utf-8")
    shown = {
        kind: re.findall(rf"^```{kind}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        for kind in ("yaml", "jsonl", "text")
    }
    spec = Golden.model_validate(yaml.safe_load(shown["yaml"][0])["spec"]["golden"])

    assert judge_plan_for(spec).min_agreement == Decimal("0.75")
    assert len(read([*shown["jsonl"][0].splitlines(), *judges.pairs(20)])) == 22
    assert fault(shown["text"][0]) == ""
