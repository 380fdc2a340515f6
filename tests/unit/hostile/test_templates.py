"""Odd pod templates: each is a condition that names the field, and none an error of Python."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest

from palier.api.blame import blame
from palier.api.spec.template import DEEPEST_TEMPLATE
from palier.api.v1alpha1 import parse
from palier.cluster.reading import read_json
from palier.errors import Forbidden, InvalidSpec
from palier.manifests.revision import deployment_manifest
from tests.support.hostile.mutations import good_deployments, write_text
from tests.support.hostile.oddities import CONTAINERS, METADATA, PODS

GOOD = next(body for body in good_deployments() if body["metadata"]["name"] == "every-field")
"""It has an accelerator and prompts, so that everything is added to its pods that ever is."""
POD = "spec.serving.template.spec"
ODD_VALUES = ("x" * 200_000, 10**6_000, -(10**6_000), float("nan"), "\x1b[31m", "\ud800", [[]])
ERRORS = (TypeError("x\n\x1b"), KeyError("a"), RecursionError(), OverflowError("big"), AttributeError("x" * 1_000))


def with_pod(change: Mapping[str, Any], container: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The good object with another pod and another first container, as they are read from the API server."""
    body = copy.deepcopy(GOOD)
    pod = body["spec"]["serving"]["template"]["spec"]
    pod.update(change)
    if container is not None:
        pod["containers"][0].update(container)
    read: dict[str, Any] = read_json(write_text(body).encode())
    return read


def attempt(body: Mapping[str, Any]) -> InvalidSpec | None:
    """Render an object as far as it goes: what is said of it, if nothing can be made of it."""
    try:
        deployment_manifest(parse(body), "0a1b2c3d4e")
    except InvalidSpec as error:
        return error
    return None


def refusal(body: Mapping[str, Any]) -> InvalidSpec:
    """What is said of an object that nothing can be made of."""
    error = attempt(body)
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("change", "container", "field", "told"),
    [
        ({"containers": None}, None, ".containers", "valid list"),
        ({"containers": "model"}, None, ".containers", "valid list"),
        ({"containers": ["model"]}, None, ".containers[0]", "Container"),
        ({"containers": []}, None, ".containers", "at least 1 item"),
        ({"volumes": {}}, None, ".volumes", "it has to be a list"),
        ({"volumes": ["cache"]}, None, ".volumes[0]", "it has to be an object"),
        ({"initContainers": {}}, None, ".initContainers", "it has to be a list"),
        ({"nodeSelector": []}, None, ".nodeSelector", "it has to be an object"),
        ({}, {"resources": "x"}, ".containers[0].resources", "it has to be an object"),
        ({}, {"resources": {"limits": []}}, ".containers[0].resources.limits", "it has to be an object"),
        ({}, {"env": {}}, ".containers[0].env", "it has to be a list"),
        ({}, {"ports": ["8080"]}, ".containers[0].ports[0]", "it has to be an object"),
        ({}, {"volumeMounts": "x"}, ".containers[0].volumeMounts", "it has to be a list"),
        ({"priority": "@endless-number@"}, None, ".priority", "does not fit into 64 bits"),
        ({"priority": "@infinity@"}, None, ".priority", "does not fit into 64 bits"),
        ({"priority": 2**63}, None, ".priority", "does not fit into 64 bits"),
        ({"hostname": "@half-a-pair@"}, None, ".hostname", "not Unicode"),
        ({"nodeSelector": {"@half-a-pair@": "x"}}, None, ".nodeSelector", "not a text"),
        ({"tolerations": "@just-too-deep@"}, None, ".tolerations.a[0].a", "more than 32 levels"),
        ({}, {"args": "@deep-list@"}, ".containers[0].args", "more than 32 levels"),
    ],
)
def test_an_odd_template_names_its_field(
    change: Mapping[str, Any], container: Mapping[str, Any] | None, field: str, told: str
) -> None:
    """The author reads where it is and what is allowed there."""
    error = refusal(with_pod(change, container))
    assert error.field.startswith(f"{POD}{field}")
    assert told in error.message
    assert len(error.field) < 200


@pytest.mark.parametrize("change", [{"volumes": None}, {"nodeSelector": None}, {"initContainers": None}], ids=str)
def test_a_field_without_a_value_is_one_that_is_left_out(change: Mapping[str, Any]) -> None:
    """As in YAML, where somebody has deleted the entries and left the name."""
    pod = deployment_manifest(parse(with_pod(change, {"resources": None, "volumeMounts": None})), "r")
    assert pod["spec"]["template"]["spec"]["volumes"][-1]["name"] == "palier-prompts"


@pytest.mark.parametrize("metadata", METADATA, ids=ascii)
@pytest.mark.parametrize("container", [{}, *CONTAINERS], ids=ascii)
def test_no_template_is_an_error_of_python(container: Mapping[str, Any], metadata: object) -> None:
    """Every odd container with all odd metadata: it is rendered, or it is InvalidSpec."""
    body = with_pod({}, container)
    body["spec"]["serving"]["template"]["metadata"] = read_json(write_text(metadata).encode())
    if error := attempt(body):
        assert error.field.startswith("spec.serving.template")
        assert str(error).isprintable()


@pytest.mark.parametrize("pod", PODS, ids=ascii)
def test_no_pod_is_an_error_of_python(pod: Mapping[str, Any]) -> None:
    """The same for odd pods."""
    if error := attempt(with_pod(pod)):
        assert error.field.startswith(POD)


def test_what_was_never_cut_is_refused_all_the_same() -> None:
    """An object that is ten thousand levels deep in memory: nothing walks down its levels by recursion."""
    deep: Any = 1
    for _ in range(10_000):
        deep = {"a": [deep]}
    body = copy.deepcopy(GOOD)
    body["spec"]["serving"]["template"]["spec"]["affinity"] = deep
    error = refusal(body)
    assert error.field == f"{POD}.affinity.a[0].a"
    assert error.message == "it is nested more than 32 levels deep"
    while isinstance(deep, dict):  # taken apart level by level: freeing it at once would recurse
        deep = deep.pop("a").pop()


def test_a_template_may_be_as_deep_as_is_said() -> None:
    """The bound belongs to the template alone, so that a list and a watch judge an object alike."""
    for levels, fits in ((DEEPEST_TEMPLATE - 1, True), (DEEPEST_TEMPLATE, False)):
        body = with_pod({"affinity": read_json(b"[" * levels + b"]" * levels)})
        for around in (body, read_json(json.dumps({"items": [{"object": body}]}).encode())["items"][0]["object"]):
            if fits:
                assert parse(around)
            else:
                assert refusal(around).message == "it is nested more than 32 levels deep"


@pytest.mark.parametrize("value", ODD_VALUES, ids=list(map(str, range(len(ODD_VALUES)))))
@pytest.mark.parametrize("field", ["port", "replicas", "placement", "template", "variants"])
def test_odd_values_elsewhere_are_told_in_a_few_printable_words(field: str, value: object) -> None:
    """However long, large or unprintable they are themselves."""
    body = copy.deepcopy(GOOD)
    body["spec"]["serving"][field] = value
    error = refusal(body)
    assert error.field.startswith(f"spec.serving.{field}")
    assert len(error.message) < 400
    assert error.message.isprintable()


@pytest.mark.parametrize("error", ERRORS, ids=type)
def test_what_was_overlooked_is_told_to_the_author(error: Exception) -> None:
    """In one short printable line that names the field, the kind of the error and its place."""
    with pytest.raises(InvalidSpec) as caught, blame("spec.serving"):
        raise error
    assert caught.value.field == "spec.serving"
    assert f"{type(error).__name__} at test_templates.py:" in caught.value.message
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 350
    assert caught.value.__cause__ is error


def test_what_comes_from_outside_is_nobodys_fault() -> None:
    """A refusal by the API server stays what it is."""
    with pytest.raises(Forbidden), blame("spec"):
        raise Forbidden("by a policy")
