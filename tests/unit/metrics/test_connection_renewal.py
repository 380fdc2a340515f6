"""Credentials that change while Palier runs: new ones are used at once, and bad ones stop the questions."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.metrics.secured import BASIC, LABELS, PASSWORD, TOKEN, Mount, Start, ask, bearer, refusal, source


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
