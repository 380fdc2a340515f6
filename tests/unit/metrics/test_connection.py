"""Prometheus that asks who is there: a real HTTPS server, and a directory that changes as one of Kubernetes does."""

import asyncio
import base64
import itertools
import json
import logging
import shutil
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
import requests
import urllib3

from local import pki
from palier.errors import InvalidSettings, MetricsUnavailable
from palier.metrics.body import Limits
from palier.metrics.connection import Connections, Credentials
from palier.metrics.prometheus import PrometheusSource

TOKEN = "a-token-that-nobody-may-read"  # noqa: S105 - it opens nothing
PASSWORD = "pass word: ümlaut"  # noqa: S105 - it opens nothing
BASIC = base64.b64encode(f"palier:{PASSWORD}".encode()).decode()
LABELS = {"pod": "a"}
"""Of the one series that the server has."""
GENERATION = itertools.count()


@dataclass
class Question:
    """One request as the server received it."""

    path: str
    headers: Mapping[str, str]
    certificate: str
    """Common name of the client's certificate; empty for none."""


@dataclass
class Server:
    """A server with Prometheus' API, and what it was asked."""

    url: str = ""
    demands: Callable[[Question], int] = lambda _: 200
    """The status of the answer."""
    location: str = ""
    body: Callable[[Question], bytes] | None = None
    asked: list[Question] = field(default_factory=list)

    def answer(self, question: Question) -> tuple[int, bytes]:
        """Status and body."""
        self.asked.append(question)
        status = self.demands(question)
        if self.body:
            return status, self.body(question)
        result = [{"metric": LABELS, "values": [[99, "1"], [100, "2"]]}]
        return status, json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open, as those of real servers do

    def do_GET(self) -> None:
        server: Server = cast("Any", self.server).answers
        certificate: Any = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        subject = dict(part[0] for part in certificate["subject"]) if certificate else {}
        question = Question(self.path, dict(self.headers.items()), subject.get("commonName", ""))
        status, body = server.answer(question)
        self.send_response(status)
        if server.location:
            self.send_header("Location", server.location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


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


Start = Callable[..., Server]


@pytest.fixture
def start(certificates: Path) -> Iterator[Start]:
    """Starts servers: HTTPS with the named certificate, plain with none; with `clients`, for known clients only."""
    running = []

    def serve(certificate: str = "server", *, clients: bool = False) -> Server:
        httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
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


Mount = Callable[..., Path]


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


def ask(source: PrometheusSource) -> list[dict[str, str]]:
    """One question; the labels of the series that come back."""
    return [dict(series.labels) for series in asyncio.run(source.samples("up", at=100.0, seconds=15))]


def refusal(source: PrometheusSource) -> MetricsUnavailable:
    """What one question fails with."""
    with pytest.raises(MetricsUnavailable) as caught:
        ask(source)
    return caught.value


def source(url: str, directory: Path | None = None) -> closing[PrometheusSource]:
    """A source with one thread."""
    credentials = Credentials(directory) if directory else None
    return closing(PrometheusSource(url, threads=1, credentials=credentials))


def bearer(question: Question) -> int:
    """Demands the token."""
    return 200 if question.headers.get("Authorization") == f"Bearer {TOKEN}" else 401


def test_a_token_over_a_private_authority(start: Start, mount: Mount) -> None:
    """The token reaches a server whose certificate only the given authority vouches for."""
    server = start()
    server.demands = bearer
    with source(server.url, mount({"token": f"{TOKEN}\n", "ca.crt": Path("ca.crt")})) as prometheus:
        assert ask(prometheus) == [LABELS]


def test_username_and_password(start: Start, mount: Mount) -> None:
    """Basic authentication is sent in UTF-8, with the blanks of the password and without the end of the line."""
    server = start()
    server.demands = lambda question: 200 if question.headers.get("Authorization") == f"Basic {BASIC}" else 401
    files = {"username": "palier\n", "password": f"{PASSWORD}\n", "ca.crt": Path("ca.crt")}
    with source(server.url, mount(files)) as prometheus:
        assert ask(prometheus) == [LABELS]


def test_a_client_certificate(start: Start, mount: Mount) -> None:
    """A server that knows its clients by certificate answers."""
    server = start(clients=True)
    files = {"ca.crt": Path("ca.crt"), "tls.crt": Path("client.crt"), "tls.key": Path("client.key")}
    with source(server.url, mount(files)) as prometheus:
        assert ask(prometheus) == [LABELS]
    assert [question.certificate for question in server.asked] == ["palier"]


def test_headers_of_a_tenant(start: Start, mount: Mount) -> None:
    """Headers go along with a token; blank lines between them do not matter."""
    server = start()
    server.demands = bearer
    files = {"token": TOKEN, "headers": "X-Scope-OrgID: team-a|team-b\r\n\nX-Trace: 1 2\n", "ca.crt": Path("ca.crt")}
    with source(server.url, mount(files)) as prometheus:
        assert ask(prometheus) == [LABELS]
    (question,) = server.asked
    assert question.headers["X-Scope-OrgID"] == "team-a|team-b"
    assert question.headers["X-Trace"] == "1 2"


def test_the_files_win_over_a_netrc(
    start: Start, mount: Mount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An Authorization of one's own form is sent as it is, whatever the home directory has for that host."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server = start("")
    with source(server.url, mount({"headers": "authorization: ApiKey 123456789"})) as prometheus:
        ask(prometheus)
    assert server.asked[0].headers["Authorization"] == "ApiKey 123456789"


@pytest.mark.parametrize("path", ["", "/", "/prometheus", "/select/0/prometheus", "/select/0/prometheus/", "/api/prom"])
def test_a_base_url_with_a_path(start: Start, path: str) -> None:
    """Mimir, VictoriaMetrics and Grafana Cloud have their API below a path; a slash at its end does not matter."""
    server = start("")
    with source(f"{server.url}{path}") as prometheus:
        assert ask(prometheus) == [LABELS]
    assert server.asked[0].path.startswith(f"{path.rstrip('/')}/api/v1/query?query=up%5B15000ms%5D&")


def test_a_new_token_is_used_at_once(start: Start, mount: Mount) -> None:
    """After a rotation the next question carries the new token, on a server that keeps connections open."""
    server = start()
    directory = mount({"token": "the-token-before", "ca.crt": Path("ca.crt")})
    with source(server.url, directory) as prometheus:
        ask(prometheus)
        server.demands = bearer
        assert refusal(prometheus).reason == "Unauthorized"
        mount({"token": TOKEN, "ca.crt": Path("ca.crt")})
        assert ask(prometheus) == [LABELS]


def test_a_new_client_certificate_and_authority_are_used_at_once(start: Start, mount: Mount) -> None:
    """A renewed client certificate is shown although the connection was open; a new authority replaces the old one."""
    server, successor = start(clients=True), start("next-server")
    before = {"ca.crt": Path("ca.crt"), "tls.crt": Path("client.crt"), "tls.key": Path("client.key")}
    directory = mount(before)
    with source(server.url, directory) as prometheus, source(successor.url, directory) as later:
        ask(prometheus)
        mount({**before, "tls.crt": Path("next-client.crt"), "tls.key": Path("next-client.key")})
        ask(prometheus)
        assert [question.certificate for question in server.asked] == ["palier", "palier-next"]
        assert refusal(later).reason == "TlsFailed"
        mount({"ca.crt": Path("etcd-ca.crt")})
        assert ask(later) == [LABELS]
        assert refusal(prometheus).reason == "TlsFailed"


def test_another_kind_of_credentials_takes_over(start: Start, mount: Mount) -> None:
    """A Secret that changes from a token to a password leaves nothing of the token."""
    server = start("")
    with source(server.url, mount({"token": TOKEN})) as prometheus:
        ask(prometheus)
        mount({"username": "palier", "password": PASSWORD})
        ask(prometheus)
    assert [question.headers["Authorization"] for question in server.asked] == [f"Bearer {TOKEN}", f"Basic {BASIC}"]


def test_unchanged_files_keep_the_connection(start: Start, mount: Mount) -> None:
    """A Secret that is written again with the same content changes nothing."""
    with source(start("").url, directory := mount({"token": TOKEN})) as prometheus:
        ask(prometheus)
        before = prometheus._connections._credentials
        assert before
        access = before.access()
        mount({"token": TOKEN})
        assert before.access() is access
        assert before.directory == directory


@pytest.mark.parametrize("now", [{}, {"token": ""}, {"token": TOKEN, "username": "a"}, {"token": TOKEN, "tokens": "x"}])
def test_files_that_go_bad_stop_the_questions(
    start: Start, mount: Mount, tmp_path: Path, now: Mapping[str, str]
) -> None:
    """Without usable credentials nothing is asked, and the next good ones are used."""
    server = start("")
    server.demands = bearer
    with source(server.url, mount({"token": TOKEN})) as prometheus:
        ask(prometheus)
        mount(now)
        error = refusal(prometheus)
        assert error.reason == "InvalidCredentials"
        assert str(tmp_path / "prometheus") in error.message
        assert len(server.asked) == 1
        mount({"token": TOKEN})
        assert ask(prometheus) == [LABELS]


def test_a_directory_that_vanishes_stops_the_questions(start: Start, mount: Mount) -> None:
    """The message says which directory cannot be read and why."""
    server = start("")
    directory = mount({"token": TOKEN})
    with source(server.url, directory) as prometheus:
        shutil.rmtree(directory)
        told = refusal(prometheus).message
    assert (
        told == f"the credentials for Prometheus cannot be used: {directory} cannot be read (No such file or directory)"
    )
    assert server.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed_with_credentials(start: Start, mount: Mount, status: int) -> None:
    """Neither token nor tenant nor certificate goes to where a server points."""
    server, other = start(), start()
    server.demands = lambda _: status
    server.location = f"{other.url.replace('//', '//user:secret@')}/login?state=abc"
    files = {
        "token": TOKEN,
        "headers": "X-Scope-OrgID: a",
        "ca.crt": Path("ca.crt"),
        "tls.crt": Path("client.crt"),
        "tls.key": Path("client.key"),
    }
    with source(server.url, mount(files)) as prometheus:
        error = refusal(prometheus)
    assert error.reason == "Redirected"
    assert f"redirects to {other.url}/login, and credentials are not sent along" in error.message
    assert "secret" not in str(error)
    assert other.asked == []


def test_redirects_are_followed_without_credentials(start: Start) -> None:
    """A Prometheus that asks for nothing may have moved."""
    server, other = start(""), start("")
    server.demands = lambda _: 307
    server.location = f"{other.url}/api/v1/query"
    with source(server.url) as prometheus:
        assert ask(prometheus) == [LABELS]


@pytest.mark.parametrize(
    ("status", "files", "told"),
    [
        (401, {"token": TOKEN}, "answered 401 (Unauthorized) to the token of {}/token: check that this server knows"),
        (
            401,
            {"username": "a", "password": PASSWORD},
            "(Unauthorized) to the username and password of {}/username: check",
        ),
        (
            403,
            {"token": TOKEN, "headers": "X-Scope-OrgID: a"},
            "(Forbidden) to the token of {0}/token and the headers of {0}/headers: check that they may query",
        ),
        (401, {"ca.crt": Path("ca.crt")}, "to a question without credentials ({} has only ca.crt): check"),
        (401, None, "to a question without credentials: give it credentials with --prometheus-credentials"),
    ],
)
def test_who_is_refused_learns_what_to_check(
    start: Start, mount: Mount, status: int, files: Mapping[str, str | Path] | None, told: str
) -> None:
    """401 and 403 name the file that was used."""
    server = start("")
    server.demands = lambda _: status
    directory = mount(files) if files else None
    with source(server.url, directory) as prometheus:
        assert told.format(directory) in refusal(prometheus).message


def test_an_unknown_authority_is_told(start: Start, mount: Mount) -> None:
    """A certificate that nobody vouches for is refused, with what to give."""
    server = start()
    with source(server.url) as prometheus:
        told = refusal(prometheus)
    assert told.reason == "TlsFailed"
    assert f"the certificate of Prometheus at {server.url} is not trusted" in told.message
    assert "ca.crt with --prometheus-credentials" in told.message
    directory = mount({"ca.crt": Path("etcd-ca.crt")})
    with source(server.url, directory) as prometheus:
        assert f"ca.crt in {directory}" in refusal(prometheus).message
    assert server.asked == []


def test_a_certificate_of_another_host_is_told(start: Start, mount: Mount) -> None:
    """The name in the certificate has to be that in the URL."""
    with source(start("elsewhere").url, mount({"ca.crt": Path("ca.crt")})) as prometheus:
        assert "certificate is not valid for 'localhost'" in refusal(prometheus).message


def test_a_missing_client_certificate_is_told(start: Start, mount: Mount) -> None:
    """A server that breaks off for want of a certificate, saying so or hanging up, is not called unreachable."""
    directory = mount({"ca.crt": Path("ca.crt")})
    with source(start(clients=True).url, directory) as prometheus:
        error = refusal(prometheus)
    assert error.reason == "TlsFailed"
    assert f"the client certificate, tls.crt and tls.key in {directory}" in error.message


@pytest.mark.parametrize("cause", [ConnectionResetError(104, "Connection reset by peer"), BrokenPipeError(32, "pipe")])
@pytest.mark.parametrize(("scheme", "reason"), [("https", "TlsFailed"), ("http", "Unreachable")])
def test_hanging_up_is_about_certificates_only_with_tls(cause: OSError, scheme: str, reason: str) -> None:
    """A connection that is cut is blamed on certificates only where there are some."""
    failed = requests.exceptions.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", cause))
    connections = Connections(f"{scheme}://prometheus", timeout=(1, 1), credentials=None, limits=Limits(10, 10_000))
    assert connections.explain_unreachable(failed).reason == reason


def test_a_server_without_tls_is_told(start: Start) -> None:
    """An https URL of a plain server leads to the question whether it speaks https."""
    server = start("")
    with source(server.url.replace("http:", "https:")) as prometheus:
        assert "check whether it speaks https" in refusal(prometheus).message


def test_nobody_there_is_told() -> None:
    """A port where nobody listens makes the server unreachable."""
    with source("http://127.0.0.1:1") as prometheus:
        assert refusal(prometheus).reason == "Unreachable"


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"{}", b"[]", b'{"data": {"result": [{}]}}'])
def test_other_answers_are_told(start: Start, body: bytes) -> None:
    """A page of a proxy, or JSON of another API, is an unreadable answer."""
    server = start("")
    server.body = lambda _: body
    with source(server.url) as prometheus:
        assert refusal(prometheus).reason == "UnreadableAnswer"


def test_secrets_stay_out_of_errors_logs_and_reprs(
    start: Start, mount: Mount, caplog: pytest.LogCaptureFixture
) -> None:
    """Even a server that sends the request back in its error makes nobody read the secrets."""
    caplog.set_level(logging.DEBUG)
    server = start("")
    server.demands = lambda _: 400
    server.body = lambda question: json.dumps(dict(question.headers)).encode()
    for files in (
        {"token": TOKEN, "headers": f"X-Key: {TOKEN}"},
        {"username": "palier", "password": "only-ascii-here"},
    ):
        credentials = Credentials(mount(files))
        with closing(PrometheusSource(server.url, threads=1, credentials=credentials)) as prometheus:
            error = refusal(prometheus)
        assert error.reason == "QueryFailed"
        sent = server.asked[-1].headers["Authorization"].split()[1]
        for text in (str(error), caplog.text, repr(credentials), repr(credentials.access()), repr(prometheus)):
            assert sent not in text
            assert "only-ascii-here" not in text


@pytest.mark.parametrize(("certificate", "warnings"), [("", 1), ("server", 0)])
def test_unencrypted_credentials_are_warned_of_once(
    start: Start, mount: Mount, caplog: pytest.LogCaptureFixture, certificate: str, warnings: int
) -> None:
    """A plain URL works with credentials, and the log says once what that means."""
    with source(start(certificate).url, mount({"token": TOKEN, "ca.crt": Path("ca.crt")})) as prometheus:
        ask(prometheus)
        ask(prometheus)
    assert caplog.text.count("sent unencrypted") == warnings


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "{} has none of the files token, username, password, ca.crt, tls.crt, tls.key, headers"),
        ({"Token": TOKEN}, "{}/Token is not a file that is known here; known are token, username, password, ca.crt"),
        ({"token": TOKEN, "username": "a", "password": "b"}, "{} has both token and username"),
        ({"username": "a"}, "{}/username needs password beside it"),
        ({"password": "a"}, "{}/password needs username beside it"),
        ({"tls.crt": Path("client.crt")}, "{}/tls.crt needs tls.key beside it"),
        ({"tls.key": Path("client.key")}, "{}/tls.key needs tls.crt beside it"),
        ({"token": " \n"}, "{}/token is empty"),
        ({"token": "two words"}, "{}/token must hold one word"),
        ({"token": "injected\nX-Admin: 1"}, "{}/token must hold one word"),
        ({"token": b"\xff\xfe"}, "{}/token is not text in UTF-8"),
        ({"username": "a:b", "password": "c"}, "{}/username must not have a colon"),
        ({"username": "a", "password": "b\nc"}, "{}/password must hold one line"),
        ({"username": "a", "password": ""}, "{}/password is empty"),
        ({"headers": "X-Scope-OrgID team"}, "line 1 of {}/headers is not of the form Name: value"),
        ({"headers": "A: 1\nX Y: 2"}, "line 2 of {}/headers is not of the form Name: value"),
        ({"headers": "A: tenänt"}, "line 1 of {}/headers is not of the form Name: value"),
        ({"headers": "A:"}, "line 1 of {}/headers is not of the form Name: value"),
        ({"headers": "a: 1\nA: 2"}, "line 2 of {}/headers sets A a second time"),
        ({"headers": "Host: other"}, "line 1 of {}/headers sets Host, which belongs to the connection"),
        ({"headers": "authorization: x", "token": TOKEN}, "{}/headers must not set authorization: token does"),
        (
            {"headers": "Authorization: x", "username": "a", "password": "b"},
            "{}/headers must not set Authorization: username does",
        ),
        ({"ca.crt": "no certificate"}, "{}/ca.crt holds no certificate in PEM"),
        ({"tls.crt": Path("client.crt"), "tls.key": "no key"}, "{}/tls.crt and tls.key hold no certificate in PEM"),
        (
            {"tls.crt": Path("client.crt"), "tls.key": Path("next-client.key")},
            "{}/tls.key is not the key of the certificate in tls.crt",
        ),
    ],
)
def test_a_directory_that_cannot_work_is_refused_at_the_start(
    mount: Mount, files: Mapping[str, str | bytes | Path], told: str
) -> None:
    """The message names the flag, the file and what is wrong with it, and nothing of what is in it."""
    directory = mount(files)
    with pytest.raises(InvalidSettings) as caught:
        Credentials(directory)
    assert str(caught.value).startswith(f"--prometheus-credentials: {told.format(directory)}")
    assert TOKEN not in str(caught.value)


def test_an_encrypted_key_is_refused_and_asks_nobody(mount: Mount, certificates: Path, tmp_path: Path) -> None:
    """OpenSSL would ask for the password at the terminal, where nobody is."""
    encrypted = tmp_path / "encrypted.key"
    pki._openssl(
        *("pkey", "-in", str(certificates / "client.key"), "-aes256", "-passout", "pass:secret"),
        *("-out", str(encrypted)),
    )
    directory = mount({"tls.crt": Path("client.crt"), "tls.key": encrypted})
    with pytest.raises(InvalidSettings, match="not encrypted"):
        Credentials(directory)


def test_files_that_are_replaced_while_being_read_are_not_mixed(
    mount: Mount, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate of before and a key of after would fit nothing: the files are read until they hold still."""
    after = {"tls.crt": Path("next-client.crt"), "tls.key": Path("next-client.key")}
    directory = mount({"tls.crt": Path("client.crt"), "tls.key": Path("client.key")})
    read, changed = Path.read_bytes, []

    def read_and_replace(path: Path) -> bytes:
        content = read(path)
        if path == directory / "tls.crt" and not changed:
            changed.append(path)
            mount(after)
        return content

    monkeypatch.setattr(Path, "read_bytes", read_and_replace)
    files = Credentials(directory)._known[0]
    assert files == {name: (certificates / file).read_bytes() for name, file in after.items()}


def test_a_directory_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    """A key that is itself a directory cannot be read, and the message says so."""
    (tmp_path / "token").mkdir()
    with pytest.raises(InvalidSettings, match=r"token cannot be read \(Is a directory\)"):
        Credentials(tmp_path)
