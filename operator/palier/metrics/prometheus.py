"""Raw samples from Prometheus, with hard time limits.

A look needs the scraped samples themselves, with their own times: `rate()` and `increase()` extrapolate, and an instant
vector hides how old its value is. So the only question asked here is an instant query of a range selector, which
Prometheus answers with the raw samples. Everything that speaks the Prometheus API answers it.
"""

import asyncio
import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import requests
from prometheus_api_client import PrometheusApiClientException, PrometheusConnect
from urllib3.util.retry import Retry

from palier.errors import MetricsUnavailable
from palier.evidence.counters import Series

CONNECT_TIMEOUT = 2.0
"""Seconds."""


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
    that hangs costs a thread for `timeout` seconds and a look its evidence, never the event loop.
    """

    def __init__(self, url: str, *, timeout: float = 8.0, threads: int = 4) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="prometheus")
        self._local = threading.local()
        self._closed = False

    async def samples(self, selector: str, *, at: float, seconds: float) -> list[Series]:
        """See `MetricSource.samples`."""
        window = max(1, math.ceil(seconds * 1000))
        answer = await self._ask(f"{selector}[{window}ms]", at=at)
        try:
            return [_series(entry) for entry in answer]
        except (KeyError, TypeError, ValueError) as error:
            raise MetricsUnavailable(
                "UnreadableAnswer", f"Prometheus at {self._url} gave an unreadable answer"
            ) from error

    def close(self) -> None:
        """Give the threads back; questions under way are abandoned."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, query: str, *, at: float) -> list[dict[str, Any]]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout + CONNECT_TIMEOUT):
                return await loop.run_in_executor(self._pool, self._blocking(query, at))
        except TimeoutError as error:
            raise MetricsUnavailable(
                "Timeout", f"Prometheus at {self._url} did not answer within {self._timeout:.0f} s"
            ) from error
        except requests.exceptions.Timeout as error:
            raise MetricsUnavailable(
                "Timeout", f"Prometheus at {self._url} did not answer within {self._timeout:.0f} s"
            ) from error
        except requests.exceptions.RequestException as error:
            raise MetricsUnavailable(
                "Unreachable", f"Prometheus at {self._url} cannot be reached ({type(error).__name__})"
            ) from error
        except PrometheusApiClientException as error:
            raise MetricsUnavailable("QueryFailed", f"Prometheus at {self._url} refused the query: {error}") from error
        except ValueError as error:
            raise MetricsUnavailable("UnreadableAnswer", f"Prometheus at {self._url} did not answer in JSON") from error

    def _blocking(self, query: str, at: float) -> Callable[[], list[dict[str, Any]]]:
        def ask() -> list[dict[str, Any]]:
            connection: PrometheusConnect | None = getattr(self._local, "connection", None)
            if connection is None:
                # No retries: the next look is the retry, and hidden ones would hold a thread for long.
                connection = PrometheusConnect(
                    url=self._url, retry=Retry(total=0), timeout=(CONNECT_TIMEOUT, self._timeout)
                )
                self._local.connection = connection
            parameters = {"time": f"{at:.3f}", "timeout": f"{self._timeout:.0f}s"}
            answer: list[dict[str, Any]] = connection.custom_query(query, params=parameters)
            return answer

        return ask


def _series(entry: dict[str, Any]) -> Series:
    samples = tuple((float(instant), float(value)) for instant, value in entry["values"])
    return Series(labels=dict(entry["metric"]), samples=samples)
