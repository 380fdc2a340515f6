"""What a spec asks for, with the texts that it only names."""

from typing import Any

import pytest

from palier.api.revision import revision_hash
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.inputs import SpecInputs, read_inputs
from palier.cluster.store import Store
from palier.errors import InvalidSpec
from palier.release.state import Release, RevisionRef, State
from tests.support.release.load_world import load_tested, pod
from tests.support.release.world import model_deployment

PROMPTS = [{"name": "system", "configMapKeyRef": {"name": "texts", "key": "system"}}]
CORPUS = {"corpus": {"configMapKeyRef": {"name": "texts", "key": "requests"}}}
TRIED = RevisionRef("bbbbbbbbbb", "m", "1", 80, 0.0, variant="a", family="cccccccccc")
TRYING = State(candidate=TRIED, release=Release(started_at=0.0, stage_started_at=0.0))


def texts(*, name: str = "texts", version: int = 5, **data: str) -> Store:
    """A cache that has seen a ConfigMap with these texts."""
    store = Store()
    metadata = {"name": name, "namespace": "ml", "labels": {"palier.dev/watch": "true"}, "resourceVersion": version}
    store.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    return store


def prompted(deployment: ModelDeployment) -> ModelDeployment:
    """The same spec with a prompt."""
    body = deployment.model_dump(mode="json", by_alias=True, exclude_none=True)
    body["spec"]["model"]["prompts"] = PROMPTS
    return ModelDeployment.model_validate(body)


def test_a_spec_without_variants_is_asked_for_by_its_own_hash() -> None:
    """There is one way to serve it, which has no name, and without a load test there is no question about it."""
    deployment = model_deployment()
    asked = read_inputs(Store(), deployment, State())
    (way,) = asked.options

    assert asked.revision == revision_hash(deployment.spec.model, deployment.spec.serving, {})
    assert (way.variant, way.revision, way.deployment, way.digest) == ("", asked.revision, deployment, "")
    assert (asked.prompts, asked.requests, asked.unreadable) == ({}, "", "")


def test_variants_are_asked_for_together() -> None:
    """Each has the revision that its own spec would have alone; the whole has a hash that is none of them."""
    asked = read_inputs(Store(), load_tested(variants={"a": "1", "b": "2"}), State())
    a, b = asked.options

    assert (a.variant, b.variant) == ("a", "b")
    assert asked.revision not in {a.revision, b.revision}
    assert a.revision == read_inputs(Store(), load_tested(), State()).revision
    assert b.deployment.spec.serving.template.spec == pod("2")["spec"]
    assert a.digest == b.digest
    assert len(a.digest) == 16


def test_the_texts_of_prompts_are_part_of_the_revision() -> None:
    """Of every variant's and of the whole's."""
    deployment = prompted(load_tested(variants={"a": "1", "b": "2"}))
    kind, curt = (read_inputs(texts(system=text), deployment, State()) for text in ("Be kind.", "Be curt."))

    assert kind.prompts == {"system": "Be kind."}
    assert kind.revision != curt.revision
    assert {way.revision for way in kind.options}.isdisjoint(way.revision for way in curt.options)


def test_the_requests_of_the_load_test_are_no_part_of_the_revision() -> None:
    """They are part of the question: other requests ask another one about the same revision."""
    deployment = load_tested(test=CORPUS)
    first, second = (read_inputs(texts(requests=text), deployment, State()) for text in ('{"body": 1}', '{"body": 2}'))

    assert first.requests == '{"body": 1}'
    assert first.revision == second.revision
    assert first.options[0].revision == second.options[0].revision
    assert first.options[0].digest != second.options[0].digest


GOLDEN: dict[str, Any] = {
    "corpus": {"configMapKeyRef": {"name": "texts", "key": "requests"}},
    "judge": {
        "url": "http://judge:8000/v1/chat/completions",
        "model": "judge",
        "prompt": {"name": "texts", "key": "prompt"},
        "calibration": {"corpus": {"configMapKeyRef": {"name": "texts", "key": "judged"}}},
    },
}


def examined(stage: str = "golden", **golden: Any) -> ModelDeployment:  # noqa: ANN401
    """A ModelDeployment with these fields of `spec.golden`, and with a stage for it."""
    body = model_deployment().model_dump(mode="json", by_alias=True, exclude_none=True)
    body["spec"]["golden"] = {**GOLDEN, **golden}
    body["spec"]["release"]["stages"] = [{stage: {"weight": 5} if stage == "canary" else {}}]
    return ModelDeployment.model_validate(body)


def test_the_texts_of_golden_answers_are_read() -> None:
    """The requests, the text for the judge and the pairs that people have judged, each from its own key."""
    asked = read_inputs(texts(requests="a", prompt="b", judged="c"), examined(), State())

    assert (asked.golden_requests, asked.judge_prompt, asked.calibration) == ("a", "b", "c")


def test_golden_answers_are_no_part_of_the_revision() -> None:
    """They ask another question about the same model."""
    first, second = (
        read_inputs(texts(requests=text, prompt="b", judged="c"), examined(), State()) for text in ("a", "z")
    )

    assert first.revision == second.revision


def test_golden_answers_that_no_stage_asks_for_are_not_read() -> None:
    """Their ConfigMaps may be missing."""
    asked = read_inputs(Store(), examined("canary"), State())

    assert (asked.golden_requests, asked.judge_prompt, asked.calibration) == ("", "", "")


def test_lines_that_the_spec_or_a_volume_has_are_not_read() -> None:
    """There is no text of them, and none is missing."""
    volume = {"volume": {"claimName": "judged", "path": "a.jsonl"}}
    judge = {"url": "http://judge:8000/", "model": "judge", "calibration": {"corpus": volume}}
    asked = read_inputs(Store(), examined(corpus={"inline": ["{}"]}, judge=judge), State())

    assert (asked.golden_requests, asked.judge_prompt, asked.calibration) == ("", "", "")


UNREADABLE: dict[str, tuple[ModelDeployment, Store, str]] = {
    "no ConfigMap": (
        prompted(load_tested()),
        Store(),
        "spec.model.prompts[0].configMapKeyRef.name: no ConfigMap texts",
    ),
    "no key": (
        prompted(load_tested()),
        texts(other="x"),
        "spec.model.prompts[0].configMapKeyRef.key: ConfigMap texts has no key system",
    ),
    "no requests": (
        load_tested(test=CORPUS),
        Store(),
        "spec.scale.loadTest.corpus.configMapKeyRef.name: no ConfigMap texts",
    ),
    "no golden requests": (
        examined(),
        Store(),
        "spec.golden.corpus.configMapKeyRef.name: no ConfigMap texts",
    ),
    "no text for the judge": (
        examined(),
        texts(requests="a", judged="c"),
        "spec.golden.judge.prompt.key: ConfigMap texts has no key prompt",
    ),
    "no judged pairs": (
        examined(),
        texts(requests="a", prompt="b"),
        "spec.golden.judge.calibration.corpus.configMapKeyRef.key: ConfigMap texts has no key judged",
    ),
}


@pytest.mark.parametrize(("deployment", "store", "told"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_text_that_cannot_be_read_is_an_error_of_the_spec(
    deployment: ModelDeployment, store: Store, told: str
) -> None:
    """With the field and what is missing."""
    for state in (State(), State(stable=TRIED), State(candidate=TRIED)):
        with pytest.raises(InvalidSpec) as raised:
            read_inputs(store, deployment, state)
        assert f"{raised.value.field}: {raised.value.message}".startswith(told)


@pytest.mark.parametrize(("deployment", "store", "told"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_candidate_under_trial_is_judged_all_the_same(deployment: ModelDeployment, store: Store, told: str) -> None:
    """It goes on being what is asked for, under the hash that asked for it, and it is told what cannot be read."""
    asked = read_inputs(store, deployment, TRYING)

    assert asked == SpecInputs("cccccccccc", unreadable=asked.unreadable)
    assert asked.unreadable.startswith(told)


def test_a_load_test_that_could_judge_nothing_is_an_error_of_the_spec() -> None:
    """Of its objectives none is about times or failures, so there is nothing to search for."""
    body: dict[str, Any] = load_tested().model_dump(mode="json", by_alias=True, exclude_none=True)
    body["spec"]["objectives"] = [{"name": "cost", "cost": {"maxPerThousandInferences": "0.4"}}]
    deployment = ModelDeployment.model_validate(body)

    with pytest.raises(InvalidSpec, match=r"latency or errorRate") as raised:
        read_inputs(Store(), deployment, State())
    assert raised.value.field == "spec.objectives"
