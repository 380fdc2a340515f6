"""Certificates: each says for whom and for what it is, and verifies."""

import json
import ssl
import subprocess
from pathlib import Path

import pytest

from local import pki


def test_an_address_and_a_host_name_are_told_apart() -> None:
    """A client that connects by address looks for an address in the certificate."""
    assert pki.alternative("10.96.0.1") == "IP:10.96.0.1"
    assert pki.alternative("localhost") == "DNS:localhost"


def test_a_client_certificate_does_not_serve_and_a_server_certificate_is_no_client() -> None:
    """Uses are kept apart, so that a stolen serving key opens nothing."""
    leaves = {leaf.name: "".join(leaf.extensions()) for leaf in pki.control_plane("127.0.0.1", "10.96.0.1")}
    assert "serverAuth" not in leaves["admin"]
    assert "clientAuth" not in leaves["apiserver"]


def test_every_kubelet_certificate_names_its_node() -> None:
    """The Node authorizer knows a kubelet by its group and its name."""
    (kubelet,) = [leaf for leaf in pki.node("local", "10.244.0.1") if leaf.name == "kubelet"]
    assert kubelet.subject() == "/O=system:nodes/CN=system:node:local"


def test_a_kubeconfig_holds_everything_and_its_certificates_verify(tmp_path: Path) -> None:
    """A copied kubeconfig works anywhere, and a server certificate is one that a strict client accepts."""
    pki.create(tmp_path, pki.control_plane("127.0.0.1", "10.96.0.1"))
    config = json.loads(pki.kubeconfig(tmp_path, "admin", "https://127.0.0.1:1"))
    assert config["users"][0]["user"].keys() == {"client-certificate-data", "client-key-data"}
    for name, authority in (("apiserver", "ca"), ("admin", "ca"), ("etcd", "etcd-ca"), ("front", "front-ca")):
        files = ("-CAfile", tmp_path / f"{authority}.crt", tmp_path / f"{name}.crt")
        subprocess.run(["openssl", "verify", "-x509_strict", *files], check=True, capture_output=True)
    context = ssl.create_default_context(cafile=tmp_path / "ca.crt")
    context.load_cert_chain(tmp_path / "admin.crt", tmp_path / "admin.key")


def test_private_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    """Keys and kubeconfigs cannot be read by others, whatever the umask."""
    pki.create(tmp_path, pki.control_plane("127.0.0.1", "10.96.0.1"))
    pki.write_private(tmp_path / "x.key", "secret")
    modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.glob("*.key")}
    assert modes
    assert not any(modes.values()), modes


@pytest.mark.parametrize("address", ["127.0.0.1", "10.244.0.1"])
def test_the_api_server_may_serve_under_its_address_and_its_service(address: str) -> None:
    """Pods reach it by its Service, everybody else by its address; no name is listed twice."""
    (serving,) = [leaf for leaf in pki.control_plane(address, "10.96.0.1") if leaf.name == "apiserver"]
    assert {address, "10.96.0.1", "kubernetes.default.svc"} <= set(serving.server)
    assert len(serving.server) == len(set(serving.server))
