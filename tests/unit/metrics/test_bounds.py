"""Answers of a real server that are larger than there is room for, and matchers that no question goes without."""

import ast
import asyncio
import gc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

import palier
from palier.errors import MetricsUnavailable
from palier.evidence.objective import ObjectiveRule
from palier.measuring.coverage import Coverage
from palier.measuring.look import WatchedRelease
from palier.measuring.sources import (
    AboveLevel,
    CounterRatio,
    MeanOf,
    MeasuredObjective,
    Origin,
    RouterSeries,
    SlowerThan,
    Source,
)
from palier.metrics.increases import Pods
from palier.metrics.looks import Looks
from palier.metrics.prices import Prices
from palier.metrics.prometheus import PrometheusSource
from palier.metrics.running import RunningTraffic
from palier.metrics.usage import usage
from palier.release.shadow_copies import Copies
from tests.support.metrics.fleet import stable_alone

SERIES = b'{"metric":{"pod":"a"},"values":[[100,"1"]]}'
HEAD = b'{"status":"success","data":{"resultType":"matrix","result":['


class Server:
    """Answers every question with so many series, and remembers what it was asked and how much it could send."""

    def __init__(self) -> None:
        self.series = 0
        self.padding = b""
        self.asked: list[str] = []
        self.sent = 0
        self.url = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server: Server = cast("Any", self.server).answers
        server.asked.append(parse_qs(urlsplit(self.path).query)["query"][0])
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self._chunk(server, HEAD + server.padding)
            for number in range(server.series):
                self._chunk(server, (b"," if number else b"") + SERIES)
            self._chunk(server, b"]}}")
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def _chunk(self, server: Server, part: bytes) -> None:
        self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        server.sent += len(part)

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server with Prometheus' API."""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    answers = Server()
    answers.url = f"http://127.0.0.1:{httpd.server_port}"
    cast("Any", httpd).answers = answers
    thread = Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield answers
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def refusal(server: Server, **options: Any) -> MetricsUnavailable:  # noqa: ANN401 - arguments of the source
    """What a question fails with."""
    with (
        closing(PrometheusSource(server.url, threads=1, **options)) as source,
        pytest.raises(MetricsUnavailable) as caught,
    ):
        asyncio.run(source.samples('{__name__=~".+"}', at=100.0, seconds=15))
    return caught.value


def test_more_series_than_allowed_are_not_even_received(server: Server) -> None:
    """Two hundred thousand series cost no more than the thousand that are allowed; the message names the selector."""
    server.series = 200_000
    error = refusal(server, most_series=1000)

    assert error.reason == "TooManySeries"
    assert error.message == 'the answer to {__name__=~".+"} has more than 1000 series'
    assert server.sent < 200_000 * len(SERIES) / 2


def test_increases_have_the_same_bounds(server: Server) -> None:
    """A pod may export any number of features; the message names whose they are."""
    server.series = 200_000
    with (
        closing(PrometheusSource(server.url, threads=1, most_series=1000)) as source,
        pytest.raises(MetricsUnavailable) as caught,
    ):
        asyncio.run(source.increases(Pods("ml", "demo-aaaaaaaaaa"), at=100.0, seconds=3600))
    assert caught.value.reason == "TooManySeries"
    assert caught.value.message == "the answer to the features of demo-aaaaaaaaaa has more than 1000 series"
    assert server.sent < 200_000 * len(SERIES) / 2


def test_an_answer_that_is_no_vector_is_no_increase(server: Server) -> None:
    """A matrix comes from a server that has understood another question."""
    server.series = 3
    with (
        closing(PrometheusSource(server.url, threads=1)) as source,
        pytest.raises(MetricsUnavailable) as caught,
    ):
        asyncio.run(source.increases(Pods("ml", "demo-aaaaaaaaaa"), at=100.0, seconds=3600))
    assert caught.value.reason == "UnreadableAnswer"


def test_as_many_series_as_allowed_are_read(server: Server) -> None:
    """The bound itself is no excess."""
    server.series = 1000
    with closing(PrometheusSource(server.url, threads=1, most_series=1000)) as source:
        assert len(asyncio.run(source.samples("up", at=100.0, seconds=15))) == 1000


def test_an_answer_of_too_many_bytes_is_given_up(server: Server) -> None:
    """Few series may be large, too."""
    server.padding = b" " * 3_000_000
    error = refusal(server, most_series=1024)

    assert error.reason == "AnswerTooLarge"
    assert error.message == 'the answer to {__name__=~".+"} has more than 1 MiB'


def test_the_next_question_after_a_large_one_is_answered(server: Server) -> None:
    """Whoever has had the turn of large answers gives it back, also where the answer was refused."""
    server.series = 60_000
    with closing(PrometheusSource(server.url, threads=2, most_series=50_000)) as source:
        with pytest.raises(MetricsUnavailable):
            asyncio.run(source.samples("up", at=100.0, seconds=15))
        server.series = 40_000
        for _ in range(2):
            assert len(asyncio.run(source.samples("up", at=100.0, seconds=15))) == 40_000


def test_an_answer_is_gone_when_it_has_been_read(server: Server) -> None:
    """A look pauses the search for cycles, so an answer in one would stay in memory long after it was read."""
    server.series = 1000
    gc.collect()
    gc.disable()
    try:
        with closing(PrometheusSource(server.url, threads=1)) as source:
            assert asyncio.run(source.samples("up", at=100.0, seconds=15))
        assert [one for one in gc.get_objects() if isinstance(one, requests.Response)] == []
    finally:
        gc.enable()


def measured(source: Source, origin: Origin) -> MeasuredObjective:
    """An objective of that kind."""
    rule = ObjectiveRule(f"{origin}-{type(source).__name__}", limit=0.1, margin=1.25, alpha=0.01)
    about = "0123456789abcdef" if origin is Origin.SHADOW else ""
    return MeasuredObjective(rule, source, source, origin=origin, about=about)


def test_no_question_goes_without_the_matchers(server: Server, tmp_path: Path) -> None:
    """Looks at every kind of objective, counts of answered requests and of copies, prices and usage: all have them."""
    sources: tuple[Source, ...] = (
        CounterRatio(("bad_total",), ('all_total{code="2"}',)),
        SlowerThan("seconds", 0.5),
        AboveLevel("queue", 3.0),
        MeanOf("tokens_sum", ("tokens_count",)),
    )
    objectives = tuple(measured(source, origin) for origin in Origin for source in sources)
    routed = RouterSeries("cluster_name", candidate="new", stable="old", namespaces=("gateways",))
    watched = WatchedRelease("bbbbbbbbbb", "aaaaaaaaaa", 0, 0.0, 0.0, objectives, {}, router=routed)
    (tmp_path / "prices.yaml").write_text("{openCost: {currency: EUR}}")

    async def everything(source: PrometheusSource) -> None:
        looks = Looks(source, interval=15, scrape_interval=15, looked=lambda _keys: None, clock=lambda: 1e6)
        looks.watch(("ml", "demo"), replace(watched, pods_read=Coverage(1e6 - 30), router_read=Coverage(1e6 - 30)))
        await looks.look(1e6)
        traffic = RunningTraffic(source, scrape_interval=15, clock=lambda: 1e6)
        traffic.watch(("ml", "demo"), stable_alone(), copies=Copies.SENT)
        await traffic.read(1e6)
        await Prices(tmp_path / "prices.yaml", source, clock=lambda: 1e6).table(["node-1"])
        await source.increases(Pods("ml", "demo-aaaaaaaaaa"), at=1e6, seconds=3600)
        await usage(source, namespace="ml", pod_prefix="demo-", began=1e6 - 60, ended=1e6)

    with closing(PrometheusSource(server.url, matchers=('cluster="eu-1"', 'replica=~"a|b"'))) as source:
        asyncio.run(everything(source))

    names = {asked.partition("{")[0] for asked in server.asked}
    assert {"up", "bad_total", "queue", "tokens_sum", "palier_shadow_copies_total", "node_cpu_hourly_cost"} <= names
    assert {"container_cpu_usage_seconds_total", "DCGM_FI_DEV_GPU_UTIL"} <= names
    without = [asked for asked in server.asked if 'cluster="eu-1",replica=~"a|b"}[' not in asked]
    assert without == []


def test_there_is_one_place_from_which_prometheus_is_asked() -> None:
    """Whoever asks a new question goes through the source, which adds matchers and bounds."""
    asking = {"custom_query", "custom_query_range", "get_current_metric_value", "get_metric_range_data"}
    found = {
        (path.name, node.attr)
        for path in Path(palier.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in asking
    }

    assert found == {("prometheus.py", "custom_query")}
