"""The Job of golden answers and what its pod reads, where the spec is unlike the golden files."""

import argparse
from dataclasses import replace
from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.cli.examine import add_command
from palier.errors import InvalidSpec
from palier.manifests.golden import golden_configs, golden_job, golden_name
from palier.manifests.metadata import selector_labels
from palier.release.examining import GoldenRun

CANDIDATE, STABLE = "aaaaaaaaaa", "bbbbbbbbbb"
IMAGE = "registry.example.com/palier:1"
RUN = GoldenRun(CANDIDATE, STABLE, attempt=1, digest="0123456789abcdef")
COPIED = {"configMapKeyRef": {"name": "texts", "key": "chat"}}
JUDGE = {"url": "http://judge:8000/v1/chat/completions", "model": "judge"}
SCORER = {"image": "registry.example.com/scorer:1"}


def examined(name: str = "demo", *, stages: list[dict[str, Any]] | None = None, **golden: Any) -> ModelDeployment:  # noqa: ANN401
    """A ModelDeployment with these fields of `spec.golden`."""
    return parse(
        {
            "metadata": {"name": name, "namespace": "ml", "uid": "u1"},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": {"name": "m", "version": "1"},
                "serving": {"port": 8080, "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}},
                "traffic": {"service": {}},
                "golden": {"corpus": {"inline": ['{"body": 1}']}, **golden},
                "release": {"stages": [{"golden": {"maxDuration": "10m"}}] if stages is None else stages},
            },
        }
    )


def pod_of(deployment: ModelDeployment, *, image: str = IMAGE) -> dict[str, Any]:
    """The rendered pod."""
    template: dict[str, Any] = golden_job(deployment, RUN, image=image)["spec"]["template"]
    return template


def read_by(deployment: ModelDeployment, *, requests: str = "", calibration: str = "") -> dict[str, str]:
    """What the pod finds in the folder of its ConfigMaps, which are exactly those that it mounts."""
    configs = golden_configs(deployment, RUN, "the plan", requests=requests, calibration=calibration)
    (folder,) = (volume for volume in pod_of(deployment)["spec"]["volumes"] if volume["name"] == "config")
    mounted = [source["configMap"]["name"] for source in folder["projected"]["sources"]]
    assert mounted == [config["metadata"]["name"] for config in configs]
    return {key: text for config in configs for key, text in config["data"].items()}


def test_the_pod_is_none_of_those_it_asks() -> None:
    """No Service selects it; its Job and all that it reads are found by the name of the Job."""
    deployment = examined()
    job = golden_job(deployment, RUN, image=IMAGE)
    labels, name = job["spec"]["template"]["metadata"]["labels"], job["metadata"]["name"]

    assert not selector_labels(deployment, CANDIDATE).keys() & labels.keys()
    assert selector_labels(deployment, CANDIDATE).items() <= job["metadata"]["labels"].items()
    assert labels["palier.dev/golden"] == job["metadata"]["labels"]["palier.dev/golden"] == name
    for config in golden_configs(deployment, RUN, "{}"):
        assert config["metadata"]["labels"]["palier.dev/golden"] == name
        assert config["metadata"]["labels"]["palier.dev/watch"] == "true"


@pytest.mark.parametrize(
    "other", [{"candidate": "cccccccccc"}, {"stable": ""}, {"attempt": 2}, {"digest": "f" * 16}], ids=str
)
def test_another_question_and_another_attempt_have_names_of_their_own(other: dict[str, Any]) -> None:
    """A Job that was deleted a moment ago never stands for the next one."""
    assert golden_name(examined(), replace(RUN, **other)) != golden_name(examined(), RUN)


def test_the_longest_names_fit_into_a_label() -> None:
    """Their tail is what tells runs apart."""
    name = golden_name(examined("a" * 40), replace(RUN, attempt=123_456))

    assert len(name) <= 63
    assert name.endswith(f"-{CANDIDATE}-123456")


def test_each_text_has_a_config_map_of_its_own() -> None:
    """Together they may be larger than one can be."""
    deployment = examined(corpus=COPIED, judge={**JUDGE, "calibration": {"corpus": COPIED}})

    assert len(golden_configs(deployment, RUN, "{}")) == 3
    assert read_by(deployment, requests="a\n", calibration="b\n") == {
        "plan.json": "the plan",
        "corpus.jsonl": "a\n",
        "calibration.jsonl": "b\n",
    }
    (container,) = pod_of(deployment)["spec"]["containers"]
    assert "--corpus=/etc/palier/golden/corpus.jsonl" in container["args"]
    assert "--calibration=/etc/palier/golden/calibration.jsonl" in container["args"]


def test_inline_lines_are_written_as_lines() -> None:
    """YAML blocks have line breaks, JSON Lines must not."""
    assert read_by(examined(corpus={"inline": ['{"body":\n 1}\n', '{"body": 2}']})) == {
        "plan.json": "the plan",
        "corpus.jsonl": '{"body": 1}\n{"body": 2}\n',
    }


def test_two_volumes_are_mounted_beside_each_other() -> None:
    """Requests and judged pairs come from where they are, for reading only, and nothing is copied."""
    deployment = examined(
        corpus={"volume": {"claimName": "requests", "path": "a/b.jsonl"}},
        judge={**JUDGE, "calibration": {"corpus": {"image": {"reference": "r/c:1", "path": "c.jsonl"}}}},
    )
    (container,) = pod_of(deployment)["spec"]["containers"]
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}

    assert read_by(deployment) == {"plan.json": "the plan"}
    for name, file in (("corpus", "a/b.jsonl"), ("calibration", "c.jsonl")):
        assert mounts[name]["readOnly"] is True
        assert f"--{name}={mounts[name]['mountPath']}/{file}" in container["args"]


def test_only_who_judges_gets_the_token() -> None:
    """By the kubelet, from the Secret that the spec names; without one there is no variable."""
    (asker,) = pod_of(examined(judge={**JUDGE, "tokenSecretRef": {"name": "s", "key": "k"}}))["spec"]["containers"]
    (other,) = pod_of(examined(judge=JUDGE))["spec"]["containers"]

    assert asker["env"] == [
        {"name": "PALIER_JUDGE_TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]
    assert "env" not in other


def test_a_scorer_runs_between_asking_and_judging() -> None:
    """One folder that all three share has what one leaves for the next; the last one writes the result."""
    spec = pod_of(examined(scorer={**SCORER, "command": ["score"], "resources": {"limits": {"memory": "2Gi"}}}))["spec"]
    collect, score = spec["initContainers"]
    (decide,) = spec["containers"]

    assert [collect["image"], score["image"], decide["image"]] == [IMAGE, SCORER["image"], IMAGE]
    assert (score["command"], score["resources"]) == (["score"], {"limits": {"memory": "2Gi"}})
    for container in (collect, score, decide):
        assert {"name": "answers", "mountPath": "/golden"} in container["volumeMounts"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "--collect=/golden/answers.jsonl" in collect["args"]
    assert not [argument for argument in collect["args"] if argument.startswith("--result")]
    assert {"--answers=/golden/answers.jsonl", "--scores=/golden/scores.jsonl"} <= set(decide["args"])
    assert "--result=/dev/termination-log" in decide["args"]


def test_a_scorer_without_more_words_runs_as_its_image_says() -> None:
    """Empty lists would take its own entrypoint's place."""
    _, score = pod_of(examined(scorer=SCORER))["spec"]["initContainers"]

    assert not {"command", "args", "resources"} & score.keys()


def test_the_users_image_does_not_see_the_plan() -> None:
    """It may be anybody's: it gets the answers and nothing else, neither prompt nor addresses."""
    _, score = pod_of(examined(scorer=SCORER))["spec"]["initContainers"]

    assert {mount["name"] for mount in score["volumeMounts"]} == {"tmp", "answers"}


def test_the_pod_may_take_as_long_as_its_stage_and_a_while_to_start() -> None:
    """The stage ends after maxDuration; the Job's deadline is for a pod that does not."""
    assert golden_job(examined(), RUN, image=IMAGE)["spec"]["activeDeadlineSeconds"] == 900


def test_without_any_image_the_field_to_fill_in_is_named() -> None:
    """An operator that was not told its image says so; the image of the spec wins over its own."""
    other = "registry.example.com/asker:2"
    assert pod_of(examined(image=other), image="")["spec"]["containers"][0]["image"] == other
    assert pod_of(examined(image=other))["spec"]["containers"][0]["image"] == other

    with pytest.raises(InvalidSpec) as caught:
        pod_of(examined(), image="")
    assert caught.value.field == "spec.golden.image"


def test_without_a_stage_there_is_nothing_to_ask() -> None:
    """Nobody has said how long it may take."""
    with pytest.raises(InvalidSpec) as caught:
        pod_of(examined(stages=[]))
    assert caught.value.field == "spec.golden"


def test_the_program_knows_what_it_is_told() -> None:
    """Every option of every container is one of `palier examine`, whose other half of the agreement this is."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_command(parser.add_subparsers())
    judged = examined(judge={**JUDGE, "calibration": {"corpus": COPIED}})
    for deployment in (judged, examined(scorer=SCORER)):
        spec = pod_of(deployment)["spec"]
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            if container["name"] != "score":
                assert container["command"] == ["palier"]
                parser.parse_args(container["args"])
