"""A server with Prometheus' API that asks who is there, and how tests ask it."""

import asyncio
import base64
import json
import ssl
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, cast

import pytest

from palier.errors import MetricsUnavailable
from palier.metrics.connection import Credentials
from palier.metrics.prometheus import PrometheusSource

TOKEN = "a-token-that-nobody-may-read"  # noqa: S105 - it opens nothing
PASSWORD = "pass word: ümlaut"  # noqa: S105 - it opens nothing
BASIC = base64.b64encode(f"palier:{PASSWORD}".encode()).decode()
LABELS = {"pod": "a"}
"""Of the one series that the server has."""


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


class Handler(BaseHTTPRequestHandler):
    """Reads requests of a `Server`, and sends what it answers."""

    protocol_version = "HTTP/1.1"  # connections stay open, as those of real servers do

    def do_GET(self) -> None:
        """Answer one request."""
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


Start = Callable[..., Server]
Mount = Callable[..., Path]


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
