"""What runs in the cluster before any user's workload: Prometheus, the gateway's controller and the gateway."""

import http
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from local import catalogue, images
from local.build import scratch
from local.client import Client
from local.paths import Layout
from local.render import render
from local.waiting import until

GATEWAY_NAMESPACE = "infra"
GATEWAY = "public"
METRICS_NAMESPACE = "monitoring"
METRICS_PORT = 9090
CONTROLLER_NAMESPACE = "envoy-gateway-system"
_CONTROLLER = "envoy-gateway"
_USER = 65532
_LIMIT = 120.0


def apply(client: Client, manifest: str) -> None:
    """Applies objects; those that have not changed stay as they are."""
    client.kubectl("apply", "--server-side", "--force-conflicts", "--filename", "-", stdin=manifest)


def apply_prometheus(layout: Layout, client: Client) -> None:
    """Installs Prometheus, with its data in a folder of the state."""
    data = layout.root / "prometheus"
    data.mkdir(mode=0o700, exist_ok=True)
    os.chown(data, _USER, _USER)
    values = {"user": _USER, "image": images.METRICS.name, "state": layout.root}
    apply(client, render("prometheus.yaml", values))


def wait_for_prometheus(client: Client) -> None:
    """Waits until Prometheus answers at its Service's address."""
    address = prometheus_address(client)
    until(lambda: answers(f"{address}/-/ready", http.HTTPStatus.OK), f"Prometheus at {address}", limit=_LIMIT)


def prometheus_address(client: Client) -> str:
    """The base URL of Prometheus."""
    query = ("get", "service", "prometheus", "--namespace", METRICS_NAMESPACE, "--output", "jsonpath={.spec.clusterIP}")
    return f"http://{client.kubectl(*query)}:{METRICS_PORT}"


def apply_gateway(client: Client) -> None:
    """Installs the gateway's controller, if it is not there, and the gateway."""
    if not client.succeeds("get", "deployment", _CONTROLLER, "--namespace", CONTROLLER_NAMESPACE):
        _install_controller(client)
    apply(client, render("gateway.yaml", {"proxy_image": images.PROXY.name}))


def wait_for_gateway(client: Client) -> None:
    """Waits until the gateway is programmed and its proxy answers."""

    def programmed() -> bool:
        query = 'jsonpath={.status.conditions[?(@.type=="Programmed")].status}'
        arguments = ("get", "gateway", GATEWAY, "--namespace", GATEWAY_NAMESPACE, "--output", query)
        return client.kubectl(*arguments, check=False) == "True"

    until(programmed, "the gateway to be programmed", limit=_LIMIT)
    address = gateway_address(client)
    until(lambda: answers(f"http://{address}/"), f"the gateway's proxy at {address}", limit=_LIMIT)


def gateway_address(client: Client) -> str:
    """The gateway's address, from its status; empty while it has none."""
    query = (
        "get",
        "gateway",
        GATEWAY,
        "--namespace",
        GATEWAY_NAMESPACE,
        "--output",
        "jsonpath={.status.addresses[0].value}",
    )
    return client.kubectl(*query)


def answers(url: str, expected: int | None = None) -> bool:
    """Whether an HTTP server answers, with the expected status if one is given."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 (always http)
            status = response.status
    except urllib.error.HTTPError as error:
        status = error.code
        error.close()
    except OSError:
        return False
    return expected is None or status == expected


def _install_controller(client: Client) -> None:
    values = render("gateway-values.yaml", {"gateway_image": images.GATEWAY.name})
    with tempfile.TemporaryDirectory(dir=scratch()) as folder:
        chart = Path(folder, "gateway-helm")
        shutil.copytree(catalogue.GATEWAY.file("gateway-helm"), chart)
        # The chart is a template of itself: a release fills in the image.
        template = (chart / "values.tmpl.yaml").read_text()
        image, policy = "${GatewayImage}", "${GatewayImagePullPolicy}"
        (chart / "values.yaml").write_text(template.replace(image, images.GATEWAY.name).replace(policy, "Never"))
        client.helm(
            *(
                "upgrade",
                "--install",
                _CONTROLLER,
                str(chart),
                "--namespace",
                CONTROLLER_NAMESPACE,
                "--create-namespace",
            ),
            *("--values", "-", "--wait", "--timeout", f"{_LIMIT:.0f}s"),
            stdin=values,
        )
