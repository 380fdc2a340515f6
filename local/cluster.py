"""What tests and the demo ask a cluster for; the same questions work for the local cluster and for a user's own.

With ``PALIER_KUBECONFIG`` set, the answers are about that cluster: the gateway's address comes from the Gateway's
status or from ``PALIER_GATEWAY_ADDRESS``, Prometheus's from ``PALIER_PROMETHEUS_URL``. Without it they are about the
local cluster. The environment's ``KUBECONFIG`` is never used, so that nothing happens to a stranger's cluster.
"""

import os
from pathlib import Path

from local import addons, lifecycle
from local.client import Client
from local.errors import LocalError
from local.paths import Layout, cache, state


def is_local() -> bool:
    """Whether the answers are about the local cluster."""
    return not os.environ.get("PALIER_KUBECONFIG")


def kubeconfig_path() -> Path:
    """The kubeconfig of the cluster."""
    if chosen := os.environ.get("PALIER_KUBECONFIG"):
        path = Path(chosen).absolute()
        if not path.is_file():
            raise LocalError(f"PALIER_KUBECONFIG names {path}, which is no file")
        return path
    return lifecycle.kubeconfig()


def client() -> Client:
    """The programs kubectl and helm, for the cluster."""
    folder = Layout(state()).root / "clients" if is_local() else cache() / "clients"
    return Client(kubeconfig_path(), folder)


def kubectl(*arguments: str, input: str | None = None, check: bool = True) -> str:  # noqa: A002 (as in subprocess)
    """What kubectl prints; with ``check``, its failure is an error that shows its message."""
    return client().kubectl(*arguments, stdin=input, check=check)


def helm(*arguments: str) -> str:
    """What helm prints; its failure is an error that shows its message."""
    return client().helm(*arguments)


def gateway_address() -> str:
    """The address of the Gateway ``public`` in namespace ``infra``: a host, or a host and port."""
    if chosen := os.environ.get("PALIER_GATEWAY_ADDRESS"):
        return chosen
    if address := addons.gateway_address(client()):
        return address
    raise LocalError("the Gateway has no address; set PALIER_GATEWAY_ADDRESS, or look at its status")


def prometheus_address() -> str:
    """The base URL of Prometheus, which this machine can reach."""
    if chosen := os.environ.get("PALIER_PROMETHEUS_URL"):
        return chosen.rstrip("/")
    if not is_local():
        raise LocalError("set PALIER_PROMETHEUS_URL to the base URL of your cluster's Prometheus")
    return addons.prometheus_address(client())


def audit_log_path() -> Path:
    """The local API server's audit log: one JSON line for each answered request."""
    if not is_local():
        raise LocalError("only the local cluster's audit log can be read")
    lifecycle.kubeconfig()
    return Layout(state()).audit_log
