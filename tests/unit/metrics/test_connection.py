"""Prometheus that asks who is there: a real HTTPS server, and a directory that changes as one of Kubernetes does."""

import asyncio
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.metrics.secured import BASIC, LABELS, PASSWORD, TOKEN, Mount, Start, ask, bearer, refusal, source


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


@pytest.mark.parametrize("selector", ['up{a="b c+d&e=f%20#?/é€|(?:g)"}', "up", 'up{a="\\\\d\\""}'])
def test_a_selector_arrives_as_it_was_written(start: Start, selector: str) -> None:
    """No character of a selector is changed on its way, whatever it means in a URL."""
    server = start("")
    with source(server.url) as prometheus:
        asyncio.run(prometheus.samples(selector, at=1_000.0, seconds=15))
    asked = parse_qs(urlsplit(server.asked[0].path).query)
    assert asked == {"query": [f"{selector}[15000ms]"], "time": ["1000.000"], "timeout": ["8s"]}


def test_authorities_and_proxies_of_the_environment_are_respected(
    start: Start, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no authority is given, the environment may name one; where it names a proxy, questions go there."""
    server, proxy = start(), start("")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates / "ca.crt"))
    with source(server.url) as prometheus:
        assert ask(prometheus) == [LABELS]
        assert ask(prometheus) == [LABELS]
    monkeypatch.setenv("http_proxy", proxy.url)
    with source("http://prometheus.example.com") as prometheus:
        assert ask(prometheus) == [LABELS]
    assert proxy.asked[0].path.startswith("http://prometheus.example.com/api/v1/query?")


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


@pytest.mark.parametrize(("certificate", "warnings"), [("", 1), ("server", 0)])
def test_unencrypted_credentials_are_warned_of_once(
    start: Start, mount: Mount, caplog: pytest.LogCaptureFixture, certificate: str, warnings: int
) -> None:
    """A plain URL works with credentials, and the log says once what that means."""
    with source(start(certificate).url, mount({"token": TOKEN, "ca.crt": Path("ca.crt")})) as prometheus:
        ask(prometheus)
        ask(prometheus)
    assert caplog.text.count("sent unencrypted") == warnings
