"""A Prometheus that has scraped a large fleet: it answers a look's questions over HTTP from a process of its own.

Its CPU time is none of the operator's, so it may take its time; what it sends is what a real one would send.
"""

import json
import math
import multiprocessing
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

from palier.evidence.objective import ObjectiveRule
from palier.measuring.look import WatchedRelease
from palier.measuring.sources import CounterRatio, MeasuredObjective, SlowerThan
from palier.metrics.looks import Key

SCRAPE = 15.0
"""Seconds between two scrapes of a pod."""

NAMESPACES = 20
STABLE, CANDIDATE = "5f0c1b7d2a", "9e4d7a3c61"
EDGES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, math.inf)
"""Fifteen buckets, and the one that counts everything."""

REQUESTS = "http_requests_total"
ERRORS = 'http_requests_total{code=~"5.."}'
LATENCY = "http_request_duration_seconds"
REFUSED, ANSWERED = "model_answers_refused_total", "model_answers_total"


def objectives() -> tuple[MeasuredObjective, ...]:
    """An error rate, a 95th percentile of latency and another ratio."""
    errors, refusals = CounterRatio((ERRORS,), (REQUESTS,)), CounterRatio((REFUSED,), (ANSWERED,))
    latency = SlowerThan(LATENCY, 0.3)
    alpha = 0.01 / 3
    return (
        MeasuredObjective(ObjectiveRule("errors", limit=0.01, margin=1.25, alpha=alpha), errors, errors),
        MeasuredObjective(
            ObjectiveRule("p95", limit=0.05, margin=1.1, alpha=alpha, hard_stop_share=1.0), latency, latency
        ),
        MeasuredObjective(ObjectiveRule("refusals", limit=0.05, margin=1.25, alpha=alpha), refusals, refusals),
    )


def releases(number: int, *, since: float) -> dict[Key, WatchedRelease]:
    """Releases in their first stage.

    Args:
        number: how many.
        since: when all of them began, in seconds since the epoch.
    """
    judged = objectives()
    return {
        _key(index): WatchedRelease(
            candidate=CANDIDATE,
            stable=STABLE,
            stage_index=0,
            begun_at=since,
            traffic_since=since,
            objectives=judged,
            evidence={},
        )
        for index in range(number)
    }


def _key(index: int) -> Key:
    return f"team-{index % NAMESPACES}", f"model-{index}"


@dataclass(frozen=True, slots=True)
class _Row:
    """One series: how much it grows at each scrape."""

    labels: str
    """As JSON."""
    phase: float
    growth: int


class _Fleet:
    """All series of all pods by question."""

    def __init__(self, number: int) -> None:
        self._rows: dict[str, dict[str, list[_Row]]] = {}
        """By question and by the beginning of the pod's name."""
        for index in range(number):
            namespace, name = _key(index)
            for revision in (STABLE, CANDIDATE):
                pod = {
                    "container": "model",
                    "endpoint": "http",
                    "instance": f"10.{index // 250}.{index % 250}.{7 if revision == STABLE else 8}:8080",
                    "job": f"{namespace}/models",
                    "namespace": namespace,
                    "pod": f"{name}-{revision}-6b7f9c8d5f-x2x4z",
                }
                self._add(pod, phase=index * 37 % 15_000 / 1000, requests=140 + index % 50)

    def _add(self, pod: dict[str, str], *, phase: float, requests: int) -> None:
        def row(question: str, growth: int, **labels: str) -> None:
            named = pod["pod"].removesuffix("-6b7f9c8d5f-x2x4z")
            self._rows.setdefault(question, {}).setdefault(named, []).append(
                _Row(json.dumps({**labels, **pod}), phase, growth)
            )

        row("up", 0, __name__="up")
        row(REQUESTS, requests, __name__=REQUESTS, code="200", method="POST")
        row(REQUESTS, 1, __name__=REQUESTS, code="500", method="POST")
        row(ERRORS, 1, __name__=REQUESTS, code="500", method="POST")
        for number, edge in enumerate(EDGES):
            growth = requests * (number + 1) // len(EDGES)
            row(LATENCY, growth, __name__=f"{LATENCY}_bucket", le=str(edge).replace("inf", "+Inf"), method="POST")
        row(REFUSED, 2, __name__=REFUSED)
        row(ANSWERED, requests, __name__=ANSWERED)

    def answer(self, query: str, *, at: float) -> bytes:
        """The answer to an instant query of a range selector."""
        selector, window = re.fullmatch(r"(.*)\[(\d+)ms\]", query, re.DOTALL).groups()  # type: ignore[union-attr]
        (pods,) = re.findall(r',pod=~"\(\?:([^"]*)\)-\.\+"', selector)
        plain = re.sub(r',?(namespace|pod)=~"[^"]*"', "", selector).replace("{}", "")
        if "__name__" in plain or plain.endswith("_bucket"):
            plain = LATENCY
        rows = self._rows.get(plain, {})
        chosen = (row for name in pods.split("|") for row in rows.get(name, ()))
        entries = ",".join(_entry(row, at, int(window) / 1000) for row in chosen)
        return f'{{"status":"success","data":{{"resultType":"matrix","result":[{entries}]}}}}'.encode()


def _entry(row: _Row, at: float, window: float) -> str:
    first = math.floor((at - window - row.phase) / SCRAPE) + 1
    last = math.floor((at - row.phase) / SCRAPE)
    values = ",".join(
        f'[{number * SCRAPE + row.phase:.3f},"{row.growth * (number % 1_000_000) if row.growth else 1}"]'
        for number in range(first, last + 1)
    )
    return f'{{"metric":{row.labels},"values":[{values}]}}'


def _serve(number: int, told: Connection) -> None:
    fleet = _Fleet(number)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            body = fleet.answer(asked["query"][0], at=float(asked["time"][0]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            told.send(len(body))

        @override
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.send(server.server_port)
    server.serve_forever()


@contextmanager
def prometheus(number: int) -> Iterator[tuple[str, Connection]]:
    """A Prometheus with so many releases: its URL, and a connection that receives the size of each answer in bytes."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(number, there), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}", here
    finally:
        process.terminate()
        process.join()
