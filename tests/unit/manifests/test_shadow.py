"""The objects of a shadow proxy, where the spec is unlike the golden file."""

import argparse
from dataclasses import replace
from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.cli.shadow import add_command
from palier.errors import InvalidSpec
from palier.manifests.metadata import child_name, selector_labels
from palier.manifests.shadow import (
    ANNOTATION_RENDERED,
    METRICS_PORT,
    PORT,
    shadow_config,
    shadow_deployment,
    shadow_name,
    shadow_service,
)
from palier.release.shadowing import ShadowRun

CANDIDATE, STABLE = "aaaaaaaaaa", "bbbbbbbbbb"
IMAGE = "registry.example.com/palier:1"
RUN = ShadowRun(CANDIDATE, STABLE, percent=20, digest="0123456789abcdef")


def shadowed(name: str = "demo", **shadow: Any) -> ModelDeployment:  # noqa: ANN401 - values are what YAML can hold
    """A ModelDeployment with these fields of `spec.shadow`."""
    return parse(
        {
            "metadata": {"name": name, "namespace": "ml", "uid": "u1"},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": {"name": "m", "version": "1"},
                "serving": {"port": 8080, "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}},
                "traffic": {"gateway": {"parentRefs": [{"name": "public"}]}},
                "shadow": shadow,
            },
        }
    )


def pod_of(deployment: ModelDeployment, *, plan: str = "{}", image: str = IMAGE) -> dict[str, Any]:
    """The rendered pod."""
    template: dict[str, Any] = shadow_deployment(deployment, RUN, plan, image=image)["spec"]["template"]
    return template


def rendered(pod: dict[str, Any]) -> str:
    """What the pod says that it is made of."""
    digest: str = pod["metadata"]["annotations"][ANNOTATION_RENDERED]
    return digest


def test_the_proxy_is_none_of_the_models_pods() -> None:
    """Neither a Service of the model, nor an autoscaler selects it; its owner finds all of its objects."""
    deployment = shadowed(metadata={"labels": {"team": "nlp"}})
    labels = pod_of(deployment)["metadata"]["labels"]

    assert not selector_labels(deployment, CANDIDATE).keys() & labels.keys()
    assert labels["team"] == "nlp"
    for made in (
        shadow_config(deployment, RUN, "{}"),
        shadow_service(deployment, RUN),
        shadow_deployment(deployment, RUN, "{}", image=IMAGE),
    ):
        assert made["metadata"]["name"] == labels["palier.dev/shadow"]
        assert made["metadata"]["labels"]["palier.dev/modeldeployment"] == "demo"
        # Whoever looks for revisions must not find it either.
        assert "palier.dev/revision" not in made["metadata"]["labels"]


def test_copies_reach_the_pod() -> None:
    """The Service selects what the Deployment makes, on the port where the proxy takes copies."""
    service, workload = shadow_service(shadowed(), RUN), shadow_deployment(shadowed(), RUN, "{}", image=IMAGE)

    assert service["spec"]["selector"] == workload["spec"]["selector"]["matchLabels"]
    assert service["spec"]["selector"].items() <= workload["spec"]["template"]["metadata"]["labels"].items()
    assert [port["port"] for port in service["spec"]["ports"]] == [PORT]
    assert {"containerPort": PORT, "name": "http", "protocol": "TCP"} in pod_of(shadowed())["spec"]["containers"][0][
        "ports"
    ]


@pytest.mark.parametrize("other", [{"candidate": "cccccccccc"}, {"stable": "cccccccccc"}, {"digest": "f" * 16}])
def test_another_comparison_is_another_proxy(other: dict[str, str]) -> None:
    """Its counts begin at 0, and what the former one still counts is not taken for it."""
    assert shadow_name(shadowed(), replace(RUN, **other)) != shadow_name(shadowed(), RUN)


def test_another_share_of_the_requests_is_the_same_proxy() -> None:
    """Requests that were compared before still count."""
    assert shadow_name(shadowed(), replace(RUN, percent=100)) == shadow_name(shadowed(), RUN)


def test_the_longest_name_fits_and_is_no_revisions() -> None:
    """The name of a Service has 63 characters; and Prometheus knows revisions by the names of their pods."""
    deployment = shadowed("a" * 40)
    name = shadow_name(deployment, RUN)

    assert len(name) <= 63
    assert not name.startswith(child_name(deployment, ""))


@pytest.mark.parametrize(
    "change",
    [
        {"image": "registry.example.com/palier:2"},
        {"plan": '{"timeout": 5}'},
        {"deployment": shadowed(resources={"limits": {"memory": "1Gi"}})},
        {"deployment": shadowed(metadata={"annotations": {"a": "b"}})},
    ],
    ids=str,
)
def test_whatever_changes_makes_another_pod(change: dict[str, Any]) -> None:
    """The plan too, which the pod reads only once."""
    before = {"deployment": shadowed(), "plan": "{}", "image": IMAGE}

    assert rendered(pod_of(**before)) == rendered(pod_of(**before))
    assert rendered(pod_of(**before | change)) != rendered(pod_of(**before))


def test_the_image_of_the_spec_wins() -> None:
    """Else the operator's own image has the proxy."""
    other = "registry.example.com/proxy:2"

    assert pod_of(shadowed(image=other), image="")["spec"]["containers"][0]["image"] == other
    assert pod_of(shadowed(image=other))["spec"]["containers"][0]["image"] == other
    assert pod_of(shadowed())["spec"]["containers"][0]["image"] == IMAGE


def test_without_any_image_the_field_to_fill_in_is_named() -> None:
    """An operator that was not told its image says so, before the API server refuses a pod without one."""
    with pytest.raises(InvalidSpec) as caught:
        pod_of(shadowed(), image="")
    assert caught.value.field == "spec.shadow.image"


def test_a_prometheus_that_goes_by_annotations_finds_the_counters() -> None:
    """Without a word of the spec, at the port and path where the proxy has them."""
    annotations = pod_of(shadowed())["metadata"]["annotations"]
    metrics = {"prometheus.io/scrape": "true", "prometheus.io/port": "9090", "prometheus.io/path": "/metrics"}

    assert metrics.items() <= annotations.items()


def test_the_program_knows_what_it_is_told() -> None:
    """Its options are those of `palier shadow-proxy`, which takes copies and counts where the objects say."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_command(parser.add_subparsers())
    (container,) = pod_of(shadowed())["spec"]["containers"]
    options = parser.parse_args(container["args"])

    assert container["command"] == ["palier"]
    assert (options.port, options.metrics_port) == (PORT, METRICS_PORT)
