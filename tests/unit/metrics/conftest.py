"""What the tests of running traffic and those of credentials start from."""

import itertools
import shutil
import ssl
import threading
from collections.abc import Iterator, Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest

from local import pki
from tests.support.metrics.fleet import KEY, Fleet, Prometheus, stable_alone
from tests.support.metrics.secured import Handler, Mount, Server, Start

GENERATION = itertools.count()


@pytest.fixture
def prometheus() -> Prometheus:
    """One that answers."""
    return Prometheus()


@pytest.fixture
def fleet(prometheus: Prometheus) -> Fleet:
    """One ModelDeployment, outside of a release."""
    fleet = Fleet(prometheus)
    fleet.traffic.watch(KEY, stable_alone())
    return fleet


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities, `ca` and `etcd-ca`, each with a server's and a client's certificate."""
    folder = tmp_path_factory.mktemp("certificates")
    here = ("localhost", "127.0.0.1")
    pki.create(
        folder,
        [
            pki.Leaf("server", "prometheus", server=here),
            pki.Leaf("elsewhere", "prometheus", server=("prometheus.example.com",)),
            pki.Leaf("client", "palier"),
            pki.Leaf("next-client", "palier-next"),
            pki.Leaf("next-server", "prometheus", authority="etcd-ca", server=here),
        ],
    )
    return folder


@pytest.fixture
def start(certificates: Path) -> Iterator[Start]:
    """Starts servers: HTTPS with the named certificate, plain with none; with `clients`, for known clients only."""
    running = []

    def serve(certificate: str = "server", *, clients: bool = False) -> Server:
        httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / f"{certificate}.crt", certificates / f"{certificate}.key")
            if clients:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(certificates / "ca.crt")
            httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
        server = Server(f"{'https' if certificate else 'http'}://localhost:{httpd.server_port}")
        cast("Any", httpd).answers = server
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((httpd, thread))
        return server

    yield serve
    for httpd, thread in running:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


@pytest.fixture
def mount(tmp_path: Path, certificates: Path) -> Mount:
    """Puts the keys of a Secret into the directory as Kubernetes does: all at once, by one symbolic link.

    A `Path` is a file of the certificates.
    """

    def replace(files: Mapping[str, str | bytes | Path]) -> Path:
        directory = tmp_path / "prometheus"
        version = directory / f"..version-{next(GENERATION)}"
        version.mkdir(parents=True)
        for name, content in files.items():
            if isinstance(content, Path):
                shutil.copyfile(certificates / content, version / name)
            else:
                (version / name).write_bytes(content.encode() if isinstance(content, str) else content)
        former = (directory / "..data").resolve()
        (directory / "..next").symlink_to(version.name)
        (directory / "..next").replace(directory / "..data")
        for link in directory.iterdir():
            if not link.name.startswith(".") and link.name not in files:
                link.unlink()
        for name in files:
            if not (directory / name).is_symlink():
                (directory / name).symlink_to(f"..data/{name}")
        if former != directory / "..data":
            shutil.rmtree(former)
        return directory

    return replace
