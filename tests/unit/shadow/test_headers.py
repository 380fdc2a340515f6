"""What both versions are told of a user's request: what the user said, and nothing of the connection."""

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from palier.shadow.headers import forward_headers, users_host


def sent_on(*headers: tuple[str, str]) -> list[tuple[str, str]]:
    """What is sent on of these headers."""
    return list(forward_headers(CIMultiDictProxy(CIMultiDict(headers))).items())


@pytest.mark.parametrize(
    ("copied", "users"),
    [
        ("models.example.com-shadow", "models.example.com"),
        ("models.example.com-shadow:8443", "models.example.com:8443"),
        ("models.example.com", "models.example.com"),
        ("my-shadow.example.com", "my-shadow.example.com"),
        ("my-shadow.example.com-shadow", "my-shadow.example.com"),
        ("a-shadow-shadow:80", "a-shadow:80"),
        ("10.0.0.1-shadow:80", "10.0.0.1:80"),
        ("[fd00::1]-shadow", "[fd00::1]"),
        ("", ""),
    ],
)
def test_the_host_is_the_users(copied: str, users: str) -> None:
    """Envoy writes its mark once, before the port."""
    assert users_host(copied) == users


def test_headers_of_the_user_are_sent_on_unchanged() -> None:
    """In their order, repeated ones too, with what the gateway says of the user."""
    headers = (
        ("Host", "models.example.com"),
        ("Cookie", "a=1"),
        ("X-Twice", "one"),
        ("X-Twice", "two"),
        ("X-Request-Id", "5"),
        ("X-Envoy-Expected-Rq-Timeout-Ms", "15000"),
        ("Content-Encoding", "gzip"),
        ("Authorization", "Bearer x"),
        ("X-Name", "Zoë"),
    )
    assert sent_on(*headers) == list(headers)


def test_headers_of_the_connection_are_not_sent_on() -> None:
    """Nor those that the header Connection names."""
    headers = (
        ("Connection", "keep-alive, X-Private"),
        ("Keep-Alive", "timeout=5"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "5"),
        ("Expect", "100-continue"),
        ("TE", "trailers"),
        ("Proxy-Authorization", "x"),
        ("x-private", "x"),
        ("Accept", "*/*"),
    )
    assert sent_on(*headers) == [("Accept", "*/*")]


@pytest.mark.parametrize(
    ("asked", "understood"),
    [
        ("gzip, deflate, br, zstd", "gzip, deflate"),
        ("br;q=1.0, gzip;q=0.8", "gzip;q=0.8"),
        ("GZip", "GZip"),
        ("br", "identity"),
        ("*", "identity"),
        ("", "identity"),
    ],
)
def test_answers_come_in_encodings_that_can_be_read(asked: str, understood: str) -> None:
    """Of those that the user's program understands."""
    assert sent_on(("Accept-Encoding", asked)) == [("Accept-Encoding", understood)]


def test_bytes_that_are_no_text_can_be_sent() -> None:
    """A header in an old encoding must not break the copy."""
    ((_, value),) = sent_on(("X-Name", "Zo\udceb"))
    assert value.encode() == "Zo�".encode()
