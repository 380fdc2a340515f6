"""The real Prometheus, which scrapes what serving runtimes answer, twice, with known numbers of requests between."""

import http.server
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import pytest
import requests
import yaml
from typing_extensions import override

from local import build, catalogue, plan
from local.paths import Layout
from local.processes import Daemon
from local.waiting import until

EXPOSITIONS = Path(__file__).parent / "expositions"
NAMESPACE = "models"

_SECOND_SCRAPE = "# ---- second scrape ----\n"
_LIMIT = 60.0


class Runtimes(http.server.ThreadingHTTPServer):
    """Serving runtimes as Prometheus sees them: each answers at a path of its own, first one text, then the other."""

    daemon_threads = True

    def __init__(self, answers: Mapping[str, tuple[str, str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.answers = answers
        self.phase = 0
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})

    @override
    def __enter__(self) -> Self:
        self._thread.start()
        return self

    @override
    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Answer(http.server.BaseHTTPRequestHandler):
    server: Runtimes

    def do_GET(self) -> None:
        """Answer a scrape."""
        phase = self.server.phase
        text = f"{self.server.answers[self.path.removeprefix('/')][phase]}test_phase {phase}\n".encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


def ask(url: str, query: str) -> float | None:
    """The only value of an instant query; None if there is none."""
    answer = requests.get(f"{url}/api/v1/query", params={"query": query}, timeout=5)
    result: list[dict[str, Any]] = answer.json()["data"]["result"]
    return float(result[0]["value"][1]) if result else None


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    url: str
    daemon: Daemon

    def ready(self) -> bool:
        """Whether it answers questions."""
        try:
            return requests.get(f"{self.url}/-/ready", timeout=1).status_code == HTTPStatus.OK
        except requests.RequestException:
            return False

    def value(self, query: str) -> float | None:
        """The only value of an instant query; None if there is none."""
        return ask(self.url, query)

    def wait_for(self, query: str, value: float) -> None:
        """Wait until a query has a value."""
        until(lambda: self.value(query) == value, f"{query} to be {value}", limit=_LIMIT, needs=[self.daemon])


@dataclass(frozen=True, slots=True)
class Scraped:
    """What has been scraped of all runtimes."""

    url: str
    before: float
    """Seconds since the epoch, between the last scrape of the first text and the first of the second."""
    after: float
    """Seconds since the epoch, after the first scrape of the second text."""


def texts(name: str) -> tuple[str, str]:
    """What a runtime answers at first, and what later."""
    first, second = (EXPOSITIONS / f"{name}.txt").read_text(encoding="utf-8").split(_SECOND_SCRAPE)
    return first, second


@pytest.fixture(scope="session")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """All recorded and written answers, scraped by one Prometheus."""
    build.ensure([catalogue.METRICS])
    layout = Layout(tmp_path_factory.mktemp("prometheus"))
    layout.make()
    names = sorted(path.stem for path in EXPOSITIONS.glob("*.txt"))
    daemon = Daemon("prometheus", layout)
    with Runtimes({name: texts(name) for name in names}) as runtimes:
        try:
            prometheus = start_prometheus(daemon, names, target=f"127.0.0.1:{runtimes.server_port}")
            prometheus.wait_for("count(test_phase == 0)", len(names))
            before = time.time()
            runtimes.phase = 1
            prometheus.wait_for("count(test_phase == 1)", len(names))
            yield Scraped(prometheus.url, before, time.time())
        finally:
            daemon.stop(5)


def start_prometheus(daemon: Daemon, names: list[str], *, target: str) -> Prometheus:
    """One that scrapes each of the names at its path, as a pod of its own, every second."""
    layout = daemon.layout
    configuration = layout.config / "prometheus.yaml"
    jobs = [
        {
            "job_name": name,
            "metrics_path": f"/{name}",
            "static_configs": [{"targets": [target], "labels": {"namespace": NAMESPACE, "pod": f"{name}-0"}}],
        }
        for name in names
    ]
    intervals = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    configuration.write_text(yaml.safe_dump({"global": intervals, "scrape_configs": jobs}), encoding="utf-8")
    port = next(plan.free_ports())
    daemon.start(
        [
            str(catalogue.METRICS.file("prometheus")),
            f"--config.file={configuration}",
            f"--storage.tsdb.path={layout.root / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ],
        end_with_us=True,
    )
    prometheus = Prometheus(f"http://127.0.0.1:{port}", daemon)
    # Not `needs`: between setpriv and Prometheus the process has no command line, and would be taken for ended.
    until(prometheus.ready, f"Prometheus to be ready (see {daemon.log})", limit=_LIMIT)
    return prometheus
