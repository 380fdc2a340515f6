"""Connections that fail: whoever reads the message learns what to check, and no secret."""

import json
import logging
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
import requests
import urllib3

from palier.metrics.body import Limits
from palier.metrics.connection import Connections, Credentials
from palier.metrics.prometheus import PrometheusSource
from tests.support.metrics.secured import PASSWORD, TOKEN, Mount, Start, refusal, source


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
