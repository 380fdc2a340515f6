"""The Job of a load test and what its pod reads, where the spec is unlike the golden file."""

import json
from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.errors import InvalidSpec
from palier.manifests.loadtest import corpus_path, load_test_config, load_test_job, load_test_name
from palier.manifests.metadata import selector_labels
from palier.release.testing import Run

REVISION = "aaaaaaaaaa"
IMAGE = "registry.example.com/palier:1"


def run(*, index: int = 0, attempt: int = 1, revision: str = REVISION) -> Run:
    """One search at one replica."""
    return Run("", revision, replicas=1, index=index, attempt=attempt, digest="0123456789abcdef")


def scaled(name: str = "demo", **load_test: Any) -> ModelDeployment:  # noqa: ANN401 - values are what YAML can hold
    """A ModelDeployment with these fields of `spec.scale.loadTest`."""
    return parse(
        {
            "metadata": {"name": name, "namespace": "ml", "uid": "u1"},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": {"name": "m", "version": "1"},
                "serving": {"port": 8080, "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}},
                "traffic": {"service": {}},
                "scale": {"target": {"requestsPerSecond": "10"}, "loadTest": load_test},
            },
        }
    )


def pod_of(deployment: ModelDeployment, *, image: str = IMAGE) -> dict[str, Any]:
    """The rendered pod."""
    template: dict[str, Any] = load_test_job(deployment, run(), image=image)["spec"]["template"]
    return template


def requests_of(deployment: ModelDeployment, *, text: str = "") -> str | None:
    """The requests that the pod finds in its ConfigMap."""
    requests: str | None = load_test_config(deployment, run(), "{}", requests=text)["data"].get("corpus.jsonl")
    return requests


def test_the_pod_is_none_of_those_it_tests() -> None:
    """Neither the Service of the revision, nor the one users call, nor an autoscaler selects it; its Job is found."""
    deployment = scaled()
    job = load_test_job(deployment, run(), image=IMAGE)
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert not selector_labels(deployment, REVISION).keys() & labels.keys()
    assert selector_labels(deployment, REVISION).items() <= job["metadata"]["labels"].items()
    assert labels["palier.dev/load-test"] == job["metadata"]["name"]


def test_every_run_and_every_attempt_has_a_name_of_its_own() -> None:
    """A Job that was deleted a moment ago never stands for the next one."""
    deployment = scaled()
    runs = [run(), run(index=1), run(attempt=2), run(revision="bbbbbbbbbb")]
    names = {load_test_name(deployment, one) for one in runs}
    assert len(names) == len(runs)
    for one in runs:
        name = load_test_name(deployment, one)
        assert load_test_job(deployment, one, image=IMAGE)["metadata"]["name"] == name
        assert load_test_config(deployment, one, "{}")["metadata"]["name"] == name


@pytest.mark.parametrize(("index", "attempt"), [(0, 1), (31, 99), (31, 123_456)])
def test_the_longest_names_fit_into_a_label(index: int, attempt: int) -> None:
    """The name of a Job is a label of its pods: 63 characters, and its tail is what tells runs apart."""
    name = load_test_name(scaled("a" * 40), run(index=index, attempt=attempt))
    assert len(name) <= 63
    assert name.endswith(f"-{REVISION}-{index}-{attempt}")


def test_without_a_corpus_the_pod_is_told_of_none() -> None:
    """Requests are then made of method and path alone."""
    deployment = scaled()
    assert requests_of(deployment) is None
    (container,) = pod_of(deployment)["spec"]["containers"]
    assert not [argument for argument in container["args"] if "corpus" in argument]


def test_requests_of_a_config_map_are_copied() -> None:
    """An edit of the original cannot change a run that goes on."""
    text = '{"body": 1}\nplain\n'
    deployment = scaled(corpus={"configMapKeyRef": {"name": "requests", "key": "chat"}})
    assert requests_of(deployment, text=text) == text
    assert "--corpus=/etc/palier/load-test/corpus.jsonl" in pod_of(deployment)["spec"]["containers"][0]["args"]


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ('{"body": {"text": "Bonjour"}}', {"body": {"text": "Bonjour"}}),
        ('{"body": {"text":\n "Bonjour"}}\n', {"body": {"text": "Bonjour"}}),
        ('"one\\ntwo"\n', "one\ntwo"),
        ("one\ntwo", "one\ntwo"),
        ("à la\ncarte", "à la\ncarte"),
    ],
)
def test_an_entry_of_several_lines_is_one_request(entry: str, line: object) -> None:
    """YAML blocks have line breaks, JSON Lines must not: the pod reads what was meant."""
    text = requests_of(scaled(corpus={"inline": [entry, '{"body": 2}']}))
    assert text is not None
    first, second = text.splitlines()
    assert json.loads(first) == line
    assert json.loads(second) == {"body": 2}


@pytest.mark.parametrize(
    ("corpus", "source"),
    [
        (
            {"volume": {"claimName": "requests", "path": "chat/a.jsonl"}},
            {"persistentVolumeClaim": {"claimName": "requests"}},
        ),
        (
            {"image": {"reference": "registry.example.com/corpora/chat:1", "path": "chat/a.jsonl"}},
            {"image": {"reference": "registry.example.com/corpora/chat:1"}},
        ),
    ],
    ids=["claim", "image"],
)
def test_requests_of_a_volume_are_mounted_for_reading(corpus: dict[str, Any], source: dict[str, Any]) -> None:
    """The file is where the program is told to look, below a mount that it cannot write to; nothing is copied."""
    deployment = scaled(corpus=corpus)
    spec = pod_of(deployment)["spec"]
    (container,) = spec["containers"]
    (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "corpus"]
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "corpus"]
    assert volume == {"name": "corpus", **source}
    assert mount["readOnly"] is True
    assert f"--corpus={mount['mountPath']}/chat/a.jsonl" in container["args"]
    assert deployment.spec.scale is not None
    assert corpus_path(deployment.spec.scale.load_test) == f"{mount['mountPath']}/chat/a.jsonl"
    assert requests_of(deployment) is None


def test_the_pod_may_take_as_long_as_the_search_and_a_while_to_start() -> None:
    """The search ends itself after maxDuration, a hanging server is waited for; the deadline is for a dead pod."""
    job = load_test_job(scaled(maxDuration="10m", timeout="45s"), run(), image=IMAGE)
    assert job["spec"]["activeDeadlineSeconds"] == 600 + 2 * 45 + 300


def test_the_image_of_the_spec_wins() -> None:
    """Who needs another generator names it; else the operator's own image has one."""
    other = "registry.example.com/generator:2"
    assert pod_of(scaled(image=other))["spec"]["containers"][0]["image"] == other
    assert pod_of(scaled(image=other), image="")["spec"]["containers"][0]["image"] == other
    assert pod_of(scaled())["spec"]["containers"][0]["image"] == IMAGE


def test_without_any_image_the_field_to_fill_in_is_named() -> None:
    """An operator that was not told its image says so, before the API server refuses a pod without one."""
    with pytest.raises(InvalidSpec) as caught:
        load_test_job(scaled(), run(), image="")
    assert caught.value.field == "spec.scale.loadTest.image"


@pytest.mark.parametrize("secrets", [{}, {"imagePullSecrets": None}])
def test_a_template_without_pull_secrets_gives_none(secrets: dict[str, Any]) -> None:
    """Also where a template engine left the field without a value."""
    deployment = scaled()
    template = deployment.spec.serving.template
    changed = template.model_copy(update={"spec": {**template.spec, **secrets}})
    serving = deployment.spec.serving.model_copy(update={"template": changed})
    spec = deployment.spec.model_copy(update={"serving": serving})
    assert "imagePullSecrets" not in pod_of(deployment.model_copy(update={"spec": spec}))["spec"]
