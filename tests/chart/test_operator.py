"""The operator's pod: what it is allowed, how it is replaced, what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from palier.api.constants import LABEL_DEPLOYMENT
from palier.manifests.shadow import LABEL_SHADOW
from tests.chart.conftest import PRICES

if TYPE_CHECKING:
    from tests.chart.conftest import Chart


def test_the_pod_meets_the_restricted_standard(chart: Chart) -> None:
    """Nothing of the pod needs more than the restricted Pod Security Standard, and its root is read-only."""
    rendered = chart.render()
    assert rendered.pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert rendered.container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {volume["name"]: list(volume)[1] for volume in rendered.pod["volumes"]} == {"tmp": "emptyDir"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & rendered.pod.keys()


def test_the_platform_may_choose_the_user(chart: Chart) -> None:
    """With `runAsUser: null` no user id is asked for, and root is still refused."""
    assert chart.render(runAsUser=None).pod["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_one_operator_is_recreated(chart: Chart) -> None:
    """Without leader election the old pod goes before the new one comes, and no one asks for a Lease."""
    rendered = chart.render()
    assert rendered.one("Deployment")["spec"]["replicas"] == 1
    assert rendered.one("Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert "--leader-elect" not in rendered.container["args"]
    assert "coordination.k8s.io" not in rendered.text
    assert not rendered.of_kind("PodDisruptionBudget")


def test_several_operators_elect_a_leader(chart: Chart) -> None:
    """Two replicas roll over one by one, elect a leader, keep apart, and one of them survives a node drain."""
    rendered = chart.render(replicas=2, leaderElection={"enabled": True})
    spec = rendered.one("Deployment")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["type"] == "RollingUpdate"
    assert "--leader-elect" in rendered.container["args"]
    selector = spec["selector"]["matchLabels"]
    (spread,) = rendered.pod["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == selector
    budget = rendered.one("PodDisruptionBudget")["spec"]
    assert budget == {"maxUnavailable": 1, "selector": {"matchLabels": selector}}


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, "registry.example.com/palier:0.1.0"),
        ({"tag": "dev"}, "registry.example.com/palier:dev"),
        ({"tag": "dev", "digest": f"sha256:{'0' * 64}"}, f"registry.example.com/palier@sha256:{'0' * 64}"),
    ],
)
def test_image_reference(chart: Chart, image: dict[str, str], expected: str) -> None:
    """The tag is the chart's appVersion unless one is given, and a digest wins over both."""
    assert chart.render(image={"repository": "registry.example.com/palier", **image}).container["image"] == expected


def test_settings_reach_the_command_line(chart: Chart) -> None:
    """Every setting of the operator that has a value is passed by its flag."""
    rendered = chart.render(
        prometheus={
            "url": "http://prom:9090",
            "scrapeInterval": "1s",
            "matchers": ['cluster="eu-1"', 'replica=~"a|b"'],
            "maxSeries": 50000,
            "podLabels": ["rack", "row"],
            "routerNamespaces": ["gateways"],
        },
        operator={"lookInterval": "2s", "workers": 3, "logLevel": "debug", "logFormat": "text"},
        watch={"namespaces": ["ml", "nlp"]},
    )
    assert rendered.container["args"] == [
        "operator",
        "--prometheus-url=http://prom:9090",
        '--prometheus-matchers=cluster="eu-1"',
        '--prometheus-matchers=replica=~"a|b"',
        "--prometheus-max-series=50000",
        "--pod-labels=rack,row",
        "--router-namespaces=gateways",
        "--look-interval=2s",
        "--scrape-interval=1s",
        "--image=registry.example.com/palier:0.1.0",
        "--namespaces=ml,nlp",
        "--health-port=8080",
        "--log-level=debug",
        "--log-format=text",
        "--workers=3",
    ]


def test_credentials_are_mounted_from_one_secret(chart: Chart) -> None:
    """The Secret is a read-only directory that the operator is told of, and no right to Secrets comes with it."""
    rendered = chart.render(prometheus={"url": "https://prom", "credentialsSecret": "palier.prometheus"})
    assert rendered.container["args"][1:3] == [
        "--prometheus-url=https://prom",
        "--prometheus-credentials=/etc/palier/prometheus",
    ]
    assert rendered.container["volumeMounts"][1:] == [
        {"name": "prometheus", "mountPath": "/etc/palier/prometheus", "readOnly": True}
    ]
    assert rendered.pod["volumes"][1:] == [
        {"name": "prometheus", "secret": {"secretName": "palier.prometheus", "optional": False}}
    ]
    assert "secrets" not in {
        resource for role in rendered.of_kind("ClusterRole") for rule in role["rules"] for resource in rule["resources"]
    }


def test_without_credentials_nothing_is_mounted(chart: Chart) -> None:
    """The default asks Prometheus without credentials."""
    rendered = chart.render()
    assert not [argument for argument in rendered.container["args"] if argument.startswith("--prometheus-credentials")]
    assert [mount["name"] for mount in rendered.container["volumeMounts"]] == ["tmp"]


@pytest.mark.parametrize("given", [{}, {"image": ""}])
def test_load_tests_run_the_operators_image_unless_told_otherwise(chart: Chart, given: dict[str, str]) -> None:
    """The operator is told its own image, digest included, or the one that is given for load tests."""
    image = {"repository": "registry.example.com/palier", "digest": f"sha256:{'0' * 64}"}
    assert (
        f"--image={chart.render(image=image).container['image']}"
        in chart.render(image=image, loadTest=given).container["args"]
    )
    other = chart.render(loadTest={"image": "registry.example.com/generator:2"})
    assert "--image=registry.example.com/generator:2" in other.container["args"]


def test_prices_are_a_file_that_the_operator_reads(chart: Chart) -> None:
    """What was written in the values is the file that the operator is told of, mounted so that it can change."""
    rendered = chart.render(prices=PRICES)
    config = rendered.one("ConfigMap")
    ((name, text),) = config["data"].items()
    assert yaml.safe_load(text) == PRICES
    assert f"--prices=/etc/palier/prices/{name}" in rendered.container["args"]
    assert {"name": "prices", "mountPath": "/etc/palier/prices", "readOnly": True} in rendered.container["volumeMounts"]
    assert {"name": "prices", "configMap": {"name": config["metadata"]["name"]}} in rendered.pod["volumes"]


def test_other_prices_do_not_restart_the_operator(chart: Chart) -> None:
    """The pod is the same whatever the prices are: the operator reads them again."""
    cheaper = chart.render(prices=PRICES | {"cpuHour": "0.01"})
    assert cheaper.one("Deployment") == chart.render(prices=PRICES).one("Deployment")
    assert cheaper.one("ConfigMap") != chart.render(prices=PRICES).one("ConfigMap")


def test_without_prices_there_is_no_file(chart: Chart) -> None:
    """The default tells the operator of no prices at all."""
    rendered = chart.render()
    assert not rendered.of_kind("ConfigMap")
    assert not [argument for argument in rendered.container["args"] if argument.startswith("--prices")]


def test_probes_and_service_meet_the_same_port(chart: Chart) -> None:
    """Probes, Service and the health flag speak of one port."""
    rendered = chart.render(service={"port": 80})
    (port,) = rendered.container["ports"]
    assert port == {"name": "http", "containerPort": 8080, "protocol": "TCP"}
    assert f"--health-port={port['containerPort']}" in rendered.container["args"]
    probes = {name: rendered.container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    assert {probe["port"] for probe in probes.values()} == {"http"}
    service = rendered.one("Service")["spec"]
    assert service["ports"] == [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    labels = rendered.one("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()


def test_there_is_a_memory_limit_and_no_cpu_limit(chart: Chart) -> None:
    """CPU is requested but never throttled: a throttled operator rolls back late."""
    assert chart.render().container["resources"] == {
        "requests": {"cpu": "50m", "memory": "128Mi"},
        "limits": {"memory": "384Mi"},
    }


def test_scheduling_and_metadata_are_passed_on(chart: Chart) -> None:
    """What users set about the pod arrives, and a label of theirs cannot break the selector."""
    toleration = {"key": "system", "operator": "Exists"}
    rendered = chart.render(
        priorityClassName="system-cluster-critical",
        nodeSelector={"pool": "system"},
        tolerations=[toleration],
        affinity={"nodeAffinity": {}},
        podAnnotations={"example.com/note": "yes"},
        podLabels={"team": "platform", "app.kubernetes.io/name": "other"},
    )
    assert rendered.pod["priorityClassName"] == "system-cluster-critical"
    assert rendered.pod["nodeSelector"] == {"pool": "system"}
    assert rendered.pod["tolerations"] == [toleration]
    assert rendered.pod["affinity"] == {"nodeAffinity": {}}
    metadata = rendered.one("Deployment")["spec"]["template"]["metadata"]
    assert metadata["annotations"] == {"example.com/note": "yes"}
    assert metadata["labels"]["team"] == "platform"
    assert rendered.one("Deployment")["spec"]["selector"]["matchLabels"].items() <= metadata["labels"].items()


def test_extras_are_off_by_default(chart: Chart) -> None:
    """A plain install makes only what the operator needs to run."""
    kinds: set[Any] = {item["kind"] for item in chart.render().objects}
    assert kinds == {
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "Deployment",
        "Service",
        "ServiceAccount",
    }


@pytest.mark.parametrize(
    ("kind", "endpoints"), [("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints")]
)
def test_monitor(chart: Chart, kind: str, endpoints: str) -> None:
    """Either kind of monitor scrapes the operator's metrics and carries the labels that select it."""
    asked = {"enabled": True, "kind": kind, "interval": "5s", "labels": {"release": "prom"}, "shadow": False}
    rendered = chart.render(monitor=asked)
    monitor = rendered.one(kind)
    assert monitor["metadata"]["labels"]["release"] == "prom"
    assert monitor["spec"][endpoints] == [{"port": "http", "path": "/metrics", "interval": "5s"}]
    selected = monitor["spec"]["selector"]["matchLabels"].items()
    assert selected <= rendered.one("Service")["metadata"]["labels"].items()
    assert selected <= rendered.one("Deployment")["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("namespaces", "selected"), [([], {"any": True}), (["ml", "ml-staging"], {"matchNames": ["ml", "ml-staging"]})]
)
def test_shadow_proxies_are_scraped_too(chart: Chart, namespaces: list[str], selected: dict[str, Any]) -> None:
    """Wherever a release may have one; by the label that every one of their pods has."""
    rendered = chart.render(monitor={"enabled": True}, watch={"namespaces": namespaces})
    monitor = rendered.one("PodMonitor")
    assert monitor["spec"]["namespaceSelector"] == selected
    assert monitor["spec"]["selector"] == {"matchExpressions": [{"key": LABEL_SHADOW, "operator": "Exists"}]}
    assert monitor["spec"]["podMetricsEndpoints"] == [{"port": "metrics", "path": "/metrics"}]


def test_network_policy_lets_through_what_the_operator_needs(chart: Chart) -> None:
    """Out go DNS, the API server, Prometheus and the models' pods; in comes only the metrics port."""
    prometheus = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    policy = chart.render(
        networkPolicy={
            "enabled": True,
            "metricsFrom": [prometheus],
            "apiServer": {"ports": [6443], "to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}]},
            "prometheus": {"ports": [9090], "to": [prometheus]},
        }
    ).one("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}], "from": [prometheus]}]
    assert policy["egress"] == [
        {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]},
        {"ports": [{"port": 6443, "protocol": "TCP"}], "to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}]},
        {"ports": [{"port": 9090, "protocol": "TCP"}], "to": [prometheus]},
        {
            "to": [
                {
                    "namespaceSelector": {},
                    "podSelector": {"matchExpressions": [{"key": LABEL_DEPLOYMENT, "operator": "Exists"}]},
                }
            ]
        },
    ]
