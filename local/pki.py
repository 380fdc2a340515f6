"""Makes the certificates of a cluster, so that every connection in it is authenticated as in a production cluster.

Three authorities keep three kinds of trust apart: the cluster's own, that between the API server and etcd, and that
between the API server and aggregated APIs.
"""

import base64
import ipaddress
import json
import os
import subprocess
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError

_DAYS = "365"
_CURVE = ("-pkeyopt", "ec_paramgen_curve:P-256")


@dataclass(frozen=True)
class Leaf:
    """A certificate for one identity.

    Args:
        name: of the files.
        common_name: the user that the API server takes the holder for.
        organization: the group, where there is one.
        authority: who signs it.
        server: names and addresses it may serve under; empty means that it is for clients only.
        client: whether it may also be presented by a client.
    """

    name: str
    common_name: str
    organization: str = ""
    authority: str = "ca"
    server: tuple[str, ...] = ()
    client: bool = True

    def subject(self) -> str:
        """The subject in OpenSSL's notation."""
        return (f"/O={self.organization}" if self.organization else "") + f"/CN={self.common_name}"

    def extensions(self) -> list[str]:
        """The extensions in OpenSSL's notation."""
        uses = [use for use, wanted in (("serverAuth", self.server), ("clientAuth", self.client)) if wanted]
        extensions = ["basicConstraints=critical,CA:FALSE", f"extendedKeyUsage={','.join(uses)}"]
        if self.server:
            extensions.append("subjectAltName=" + ",".join(alternative(name) for name in self.server))
        return extensions


def alternative(name: str) -> str:
    """A subject alternative name in OpenSSL's notation: an address or a host name."""
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"


def control_plane(address: str, service: str) -> list[Leaf]:
    """The identities that an API server and its controllers need.

    Args:
        address: where the API server listens.
        service: the cluster address of the Service ``kubernetes``.
    """
    api = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
    local = ("localhost", "127.0.0.1")
    return [
        Leaf("etcd", "etcd", authority="etcd-ca", server=local),
        Leaf("etcd-client", "kube-apiserver", authority="etcd-ca"),
        Leaf("apiserver", "kube-apiserver", server=(*dict.fromkeys((*api, *local, address, service)),), client=False),
        Leaf("apiserver-kubelet", "kube-apiserver-kubelet-client"),
        Leaf("front", "front-proxy-client", authority="front-ca"),
        Leaf("controller-manager", "system:kube-controller-manager", server=("127.0.0.1",)),
        Leaf("admin", "admin", organization="system:masters"),
    ]


def node(name: str, address: str) -> list[Leaf]:
    """The further identities of a cluster with one node."""
    return [
        Leaf("kubelet", f"system:node:{name}", organization="system:nodes", server=(name, address)),
        Leaf("scheduler", "system:kube-scheduler", server=("127.0.0.1",)),
        Leaf("proxy", "system:kube-proxy"),
        Leaf("coredns", "system:coredns"),
    ]


def create(folder: Path, leaves: Sequence[Leaf]) -> None:
    """Makes the authorities, the key for ServiceAccount tokens and one certificate for each leaf."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        jobs = [pool.submit(_authority, folder, name) for name in ("ca", "etcd-ca", "front-ca")]
        jobs.append(pool.submit(_token_key, folder))
        for job in jobs:
            job.result()
        for job in [pool.submit(_sign, folder, leaf) for leaf in leaves]:
            job.result()


def kubeconfig(folder: Path, leaf: str, server: str) -> str:
    """A kubeconfig that holds everything itself, for one of the leaves."""

    def data(name: str) -> str:
        return base64.b64encode((folder / name).read_bytes()).decode()

    certificate = {"client-certificate-data": data(f"{leaf}.crt"), "client-key-data": data(f"{leaf}.key")}
    cluster = {"server": server, "certificate-authority-data": data("ca.crt")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "palier-local", "cluster": cluster}],
        "users": [{"name": leaf, "user": certificate}],
        "contexts": [{"name": "palier-local", "context": {"cluster": "palier-local", "user": leaf}}],
        "current-context": "palier-local",
    }
    return json.dumps(config, indent=2)  # JSON is YAML


def write_private(path: Path, text: str) -> None:
    """Writes a file that only we can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _authority(folder: Path, name: str) -> None:
    _openssl(
        *("req", "-x509", "-newkey", "ec", *_CURVE, "-noenc", "-days", _DAYS, "-subj", f"/CN=palier-local-{name}"),
        *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        *("-keyout", f"{folder / name}.key", "-out", f"{folder / name}.crt"),
    )


def _sign(folder: Path, leaf: Leaf) -> None:
    signer = folder / leaf.authority
    _openssl(
        *("req", "-x509", "-newkey", "ec", *_CURVE, "-noenc", "-days", _DAYS, "-subj", leaf.subject()),
        *("-CA", f"{signer}.crt", "-CAkey", f"{signer}.key"),
        *_prefixed("-addext", leaf.extensions()),
        *("-keyout", f"{folder / leaf.name}.key", "-out", f"{folder / leaf.name}.crt"),
    )


def _token_key(folder: Path) -> None:
    _openssl("genpkey", "-algorithm", "EC", *_CURVE, "-out", f"{folder / 'sa.key'}")
    _openssl("pkey", "-in", f"{folder / 'sa.key'}", "-pubout", "-out", f"{folder / 'sa.pub'}")


def _prefixed(flag: str, values: Iterable[str]) -> list[str]:
    return [argument for value in values for argument in (flag, value)]


def _openssl(*arguments: str) -> None:
    try:
        done = subprocess.run(["openssl", *arguments], check=False, capture_output=True, text=True, umask=0o077)
    except FileNotFoundError:
        raise LocalError("openssl is missing: install it") from None
    if done.returncode:
        raise LocalError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")
