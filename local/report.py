"""Shows what runs and what it says, for a person at a terminal."""

import contextlib
import http
import os
from collections.abc import Callable

from local import addons, control_plane, node, plan
from local.errors import LocalError
from local.lifecycle import client_of
from local.paths import Layout, state
from local.plan import Plan

_PODS = {
    "gateway-controller": "deployment/envoy-gateway",
    "gateway-proxy": f"--selector=gateway.envoyproxy.io/owning-gateway-name={addons.GATEWAY}",
    "prometheus": "deployment/prometheus",
}
_NAMESPACES = {"prometheus": addons.METRICS_NAMESPACE}
_PROCESSES = (
    *("etcd", "apiserver", "controller-manager", "scheduler"),
    *("containerd", "kubelet", "kube-proxy", "coredns", "audit"),
)
LOGS = (*_PROCESSES, *_PODS)


def status() -> int:
    """Prints one line for each part; 0 if all of them are up, else 1."""
    layout = Layout(state())
    planned = plan.load(layout)
    if planned is None:
        print(f"the local cluster is down (its state would be in {layout.root})")
        return 1
    lines = [
        (daemon.name, f"process {pid}" if (pid := daemon.pid()) else "") for daemon in node.daemons(layout, planned)
    ]
    ready = control_plane.probe(layout, planned)()
    lines.append(("API", planned.url if ready else ""))
    if planned.node:
        lines += _workloads(layout, planned) if ready else [("node", ""), ("Prometheus", "")]
    for name, address in lines:
        print(f"{name:20} {'up  ' if address else 'DOWN'} {address}".rstrip())
    print(f"{'kubeconfig':20}      {layout.kubeconfig}")
    return 0 if all(address for _, address in lines) else 1


def logs(name: str, *, follow: bool) -> None:
    """Shows a log in place of this process."""
    layout = Layout(state())
    if name in _PODS:
        namespace = _NAMESPACES.get(name, addons.CONTROLLER_NAMESPACE)
        arguments = ["logs", "--namespace", namespace, "--all-containers", "--tail=-1", _PODS[name]]
        client = client_of(layout)
        command = client.command("kubectl", [*arguments, *(["--follow"] if follow else [])])
        os.execve(command[0], command, client.environment())  # noqa: S606 (no shell is wanted)
    file = layout.logs / f"{name}.log"
    if not file.exists():
        raise LocalError(f"{name} has not been started: there is no {file}")
    os.execvp("tail", ["tail", "-n", "+1", *(["-F"] if follow else []), str(file)])  # noqa: S606


def _workloads(layout: Layout, planned: Plan) -> list[tuple[str, str]]:
    client = client_of(layout)
    node_query = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
    ready = client.kubectl("get", "node", plan.NODE, "--output", node_query, check=False) == "True"
    lines = [("node", f"{plan.NODE} at {plan.NODE_ADDRESS}" if ready else "")]
    lines.append(("Prometheus", _answering(lambda: addons.prometheus_address(client), "/-/ready", http.HTTPStatus.OK)))
    if planned.gateway:
        lines.append(("gateway", _answering(lambda: f"http://{addons.gateway_address(client)}", "/")))
    return lines


def _answering(address: Callable[[], str], path: str, expected: int | None = None) -> str:
    """The address of a server if it has one and answers, else nothing."""
    with contextlib.suppress(LocalError):
        server = address()
        if addons.answers(server + path, expected):
            return server
    return ""
