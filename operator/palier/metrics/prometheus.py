"""Raw samples from Prometheus, with hard time limits.

A look needs the scraped samples themselves, with their own times: `rate()` and `increase()` extrapolate, and an instant
vector hides how old its value is. So what decides about requests is asked as an instant query of a range selector,
which Prometheus answers with the raw samples; only windows of the watch ask for increases. Everything that speaks the
Prometheus API answers both.
"""

import asyncio
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol, TypeVar

import requests
from prometheus_api_client import PrometheusApiClientException

from palier.errors import MetricsUnavailable
from palier.evidence.counters import Bucket, Series, Times
from palier.measuring.matchers import narrow_selector
from palier.metrics.body import BYTES_OF_A_SERIES, Limits, TooLong
from palier.metrics.connection import Connections, Credentials
from palier.metrics.increases import Pods, parse_vector, write_question
from palier.watch.features.exported import Increase

T = TypeVar("T")
Answer = list[Mapping[str, Any]]
"""The series of an answer, as the HTTP API writes them."""

CONNECT_TIMEOUT = 2.0
"""Seconds."""
MOST_SERIES: Final = 20_000
"""Series of one answer: what takes about 40 MiB while it is read."""
TIMEOUT: Final = "Timeout"
"""The reason where an answer did not come in time."""
TOO_MANY_SERIES: Final = "TooManySeries"
ANSWER_TOO_LARGE: Final = "AnswerTooLarge"
TOO_LARGE: Final = frozenset({TOO_MANY_SERIES, ANSWER_TOO_LARGE})
"""Reasons where less has to be asked for at once."""

LONGEST_SHOWN: Final = 200
"""Characters of a selector that messages show."""
_LEFT_OPEN = (0, 2)
"""Boundary rules of buckets without their left edge: 0 is open on the left, 1 on the right, 2 on both, 3 on neither."""


class MetricSource(Protocol):
    """Where raw samples come from."""

    async def samples(self, selector: str, *, at: float, seconds: float) -> list[Series]:
        """All samples of the series that a PromQL vector selector names, in (at - seconds, at].

        Args:
            selector: a plain vector selector.
            at: seconds since the epoch.
            seconds: length of the window.

        Raises:
            MetricsUnavailable: no answer, or one that cannot be read.
        """
        ...


class PrometheusSource:
    """A Prometheus server, or anything with its HTTP API (Thanos, Mimir, VictoriaMetrics).

    `prometheus-api-client` blocks, so it runs in a small pool of threads of its own, one session per thread. A server
    that hangs costs a thread for `timeout` seconds and a look its evidence, never the event loop. This is the only
    place from which Prometheus is asked anything, so that no question can be without `matchers` or without bounds.

    Args:
        url: base URL of the server.
        timeout: seconds to wait for an answer.
        threads: questions under way at the same time.
        credentials: what the server asks for; None for nothing.
        matchers: label matchers that every question has, as `palier.measuring.matchers.matcher` gives them.
        most_series: series that one answer may have.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 8.0,
        threads: int = 8,
        credentials: Credentials | None = None,
        matchers: Sequence[str] = (),
        most_series: int = MOST_SERIES,
    ) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._matchers = tuple(matchers)
        self._limits = Limits(most_series, most_series * BYTES_OF_A_SERIES)
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="prometheus")
        self._connections = Connections(
            self._url, timeout=(CONNECT_TIMEOUT, timeout), credentials=credentials, limits=self._limits
        )

    async def samples(self, selector: str, *, at: float, seconds: float) -> list[Series]:
        """See `MetricSource.samples`."""
        window = max(1, math.ceil(seconds * 1000))
        selector = narrow_selector(selector, *self._matchers)
        try:
            return await self._ask(f"{selector}[{window}ms]", parse_matrix, at=at)
        except TooLong as error:
            raise _explain_too_long(error, selector) from None

    async def increases(self, pods: Pods, *, at: float, seconds: float) -> list[Increase]:
        """See `IncreaseSource.increases`."""
        question = write_question(pods, seconds=seconds, matchers=self._matchers)
        try:
            return await self._ask(question, parse_vector, at=at)
        except TooLong as error:
            raise _explain_too_long(error, f"the features of {pods.workload}") from None

    def close(self) -> None:
        """Give the threads back; questions under way are abandoned."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, query: str, parse: Callable[[Answer], list[T]], *, at: float) -> list[T]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout + CONNECT_TIMEOUT):
                return await loop.run_in_executor(self._pool, self._make_request(query, parse, at))
        except TimeoutError as error:
            raise MetricsUnavailable(
                TIMEOUT, f"Prometheus at {self._url} did not answer within {self._timeout:.0f} s"
            ) from error
        except requests.exceptions.Timeout as error:
            raise MetricsUnavailable(
                TIMEOUT, f"Prometheus at {self._url} did not answer within {self._timeout:.0f} s"
            ) from error
        except PrometheusApiClientException as error:
            raise self._connections.explain_refused(error) from None  # its own text may hold secrets
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise MetricsUnavailable("UnreadableAnswer", f"Prometheus at {self._url} did not answer in JSON") from error
        except OSError as error:  # also everything that the library raises
            raise self._connections.explain_unreachable(error) from error

    def _make_request(self, query: str, parse: Callable[[Answer], list[T]], at: float) -> Callable[[], list[T]]:
        def ask() -> list[T]:
            connection = self._connections.connect_thread()
            parameters = {"time": f"{at:.3f}", "timeout": f"{self._timeout:.0f}s"}
            try:
                answer = connection.custom_query(query, params=parameters)
                if len(answer) > self._limits.series:
                    raise TooLong(series=self._limits.series)
                return self._read(answer, parse)
            finally:
                self._limits.release()

        return ask

    def _read(self, answer: Answer, parse: Callable[[Answer], list[T]]) -> list[T]:
        try:
            return parse(answer)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise MetricsUnavailable(
                "UnreadableAnswer", f"Prometheus at {self._url} gave an unreadable answer"
            ) from error


def _explain_too_long(error: TooLong, asked: str) -> MetricsUnavailable:
    reason = TOO_MANY_SERIES if error.series else ANSWER_TOO_LARGE
    return MetricsUnavailable(reason, f"the answer to {_shorten_selector(asked)} has {error}")


def _shorten_selector(selector: str) -> str:
    """A selector for people: those of many releases are long."""
    return selector if len(selector) <= LONGEST_SHOWN else f"{selector[:LONGEST_SHOWN]}…"


def parse_matrix(answer: Iterable[Mapping[str, Any]]) -> list[Series]:
    """The series of a matrix, as the HTTP API writes it.

    Series that have the same times share one tuple of them: there are few scrapes and many series.

    Raises:
        KeyError, IndexError, TypeError, ValueError: the answer is no matrix.
    """
    series: list[Series] = []
    known: dict[tuple[Any, ...], Times] = {}
    before: tuple[Any, ...] = ()
    times: Times = ()
    for entry in answer:
        labels = entry["metric"]
        if pairs := entry.get("values"):
            moments, texts = zip(*pairs, strict=True)
            if moments != before:
                before = moments
                times = known.get(moments) or known.setdefault(moments, tuple(map(float, moments)))
            series.append(Series.from_columns(labels, times, tuple(map(float, texts))))
        if histograms := entry.get("histograms"):
            series.append(Series.from_histograms(labels, map(_histogram, histograms)))
    return series


def _histogram(entry: tuple[float, Mapping[str, Any]]) -> tuple[float, float, tuple[Bucket, ...]]:
    moment, histogram = entry
    buckets = (
        Bucket(float(left), float(right), left_open=rule in _LEFT_OPEN, events=float(events))
        for rule, left, right, events in histogram.get("buckets") or ()
    )
    return float(moment), float(histogram["count"]), tuple(buckets)
