"""Decides where everything of a cluster listens, before any of it starts, and remembers it in the cluster's state.

A control plane alone listens on loopback and needs no root. A whole cluster listens on an address of its own bridge,
which is what pods can reach, and nobody outside the machine.
"""

import json
import random
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from local.errors import LocalError
from local.paths import Layout

NODE = "local"
NODE_ADDRESS = "10.244.0.1"
PODS = "10.244.0.0/24"
SERVICES = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"
BRIDGE = "palier0"

# Below the range from which the kernel takes ports for outgoing connections, so that none is lost between choosing and
# listening.
_PORTS = range(20_000, 32_000)


@dataclass(frozen=True)
class Plan:
    """What listens where.

    Args:
        node: whether there is a node, and so a whole cluster.
        address: the API server's.
        api: its port.
        etcd: the port of etcd for clients.
        etcd_peer: the port of etcd for peers.
        controllers: the controller manager's port.
        scheduler: the scheduler's port.
        proxy_health: kube-proxy's port for health.
        proxy_metrics: kube-proxy's port for metrics.
        dns_health: CoreDNS's port for health.
        dns_ready: CoreDNS's port for readiness.
        gateway: whether the gateway belongs to it.
    """

    node: bool
    address: str
    api: int
    etcd: int
    etcd_peer: int
    controllers: int
    scheduler: int
    proxy_health: int
    proxy_metrics: int
    dns_health: int
    dns_ready: int
    gateway: bool = False

    @property
    def url(self) -> str:
        """The API server's URL."""
        return f"https://{self.address}:{self.api}"

    def save(self, layout: Layout) -> None:
        """Remembers the plan."""
        _file(layout).write_text(json.dumps(asdict(self)))


def for_control_plane() -> Plan:
    """A plan for a control plane alone."""
    ports = free_ports()
    return Plan(node=False, gateway=False, address="127.0.0.1", **{name: next(ports) for name in _PORT_NAMES})


def for_cluster() -> Plan:
    """A plan for a whole cluster, whose API server has the usual port on the node's address."""
    ports = free_ports()
    chosen = {name: next(ports) for name in _PORT_NAMES} | {"api": 6443}
    return Plan(node=True, gateway=False, address=NODE_ADDRESS, **chosen)


def load(layout: Layout) -> Plan | None:
    """The plan of the cluster whose state this is, or None if there is none."""
    try:
        return Plan(**json.loads(_file(layout).read_text()))
    except FileNotFoundError:
        return None


def free_ports() -> Iterator[int]:
    """Ports on which nothing listens on loopback."""
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port
    raise LocalError("every port on loopback is taken")


_PORT_NAMES = (
    *("api", "etcd", "etcd_peer", "controllers", "scheduler"),
    *("proxy_health", "proxy_metrics", "dns_health", "dns_ready"),
)


def _file(layout: Layout) -> Path:
    return layout.root / "plan.json"
