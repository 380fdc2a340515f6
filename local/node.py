"""The one node: container runtime, kubelet, kube-proxy and cluster DNS, as processes of this machine."""

import os

from local import catalogue, plan
from local.client import Client
from local.components import Components
from local.debian import need
from local.errors import LocalError
from local.images import PAUSE, Store
from local.paths import Layout
from local.plan import Plan
from local.processes import Daemon
from local.render import render
from local.waiting import until

# The parts that start once the API server answers.
_AGENTS = ("kubelet", "kube-proxy", "coredns")


def configure(layout: Layout, planned: Plan) -> None:
    """Writes the configuration files."""
    values = {
        "state": layout.root,
        "pki": layout.pki,
        "socket": layout.containerd_socket,
        "images": Store.folder(),
        "pause": PAUSE.name,
        "runc": need("runc"),
        "cni_programs": need("bridge").parent,
        "bridge": plan.BRIDGE,
        "pods": plan.PODS,
        "services": plan.SERVICES,
        "node": plan.NODE,
        "node_address": plan.NODE_ADDRESS,
        "dns_service": plan.DNS_SERVICE,
        "proxy_health": planned.proxy_health,
        "proxy_metrics": planned.proxy_metrics,
        "dns_health": planned.dns_health,
        "dns_ready": planned.dns_ready,
    }
    (layout.config / "cni").mkdir(exist_ok=True)
    (layout.config / "cni" / "pods.conflist").write_text(render("pods.conflist", values))
    for name in ("containerd.toml", "kubelet.yaml", "kube-proxy.yaml", "Corefile"):
        (layout.config / name).write_text(render(name, values))


def start_runtime(layout: Layout, planned: Plan) -> None:
    """Starts the container runtime, if it does not run."""
    for folder in (layout.root / "containerd", layout.root / "s", Store.folder()):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # It looks for its shim in PATH.
    path = f"{catalogue.CONTAINERD.folder()}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    Daemon("containerd", layout).start(Components(layout, planned).containerd(), os.environ | {"PATH": path})


def wait_for_runtime(layout: Layout) -> None:
    """Waits until the container runtime answers."""
    until(Store(layout).answers, "the container runtime to answer", limit=60, needs=[Daemon("containerd", layout)])


def start(layout: Layout, planned: Plan) -> None:
    """Starts the scheduler and the node's agents, unless they run."""
    components = Components(layout, planned)
    Daemon("scheduler", layout).start(components.scheduler())
    # Read by our own kubelet program: without it there are metrics of pods, but none of containers.
    environment = os.environ | {"CONTAINERD_ADDRESS": str(layout.containerd_socket)}
    Daemon("kubelet", layout).start(components.kubelet(), environment)
    Daemon("kube-proxy", layout).start(components.kube_proxy())
    Daemon("coredns", layout).start(components.coredns())


def wait_ready(layout: Layout, client: Client) -> None:
    """Waits until the node is ready for pods."""
    query = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
    until(
        lambda: client.kubectl("get", "node", plan.NODE, "--output", query, check=False) == "True",
        "the node to be ready",
        limit=90,
        needs=[Daemon(name, layout) for name in (*_AGENTS, "containerd", "controller-manager", "scheduler")],
    )


def stop_agents(layout: Layout) -> None:
    """Stops what would start pods again, or serve them."""
    for name in ("coredns", "kube-proxy", "kubelet"):
        Daemon(name, layout).stop(10)


def daemons(layout: Layout, planned: Plan) -> list[Daemon]:
    """Every process that belongs to a cluster, or to a control plane alone."""
    names = ["etcd", "apiserver", "controller-manager"]
    if planned.node:
        names += ["scheduler", "containerd", *_AGENTS]
    return [Daemon(name, layout) for name in names]


def require(layout: Layout) -> None:
    """Fails if the container runtime does not run."""
    if Daemon("containerd", layout).pid() is None:
        raise LocalError("the local cluster is not up: run 'python -m local up'")
