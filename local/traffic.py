"""Users as a release sees them: requests that arrive at their own pace, and a record of every answer.

Requests start at fixed times whatever became of those before them (an open loop). A client that waits for each answer
before it asks again would slow down together with a slow server, and so hide what real users would have met. Nothing
is retried and nothing is left out: what failed was some user's request.
"""

import asyncio
import json
import math
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

import aiohttp

from local.paths import checkout

# Hard limits: a mistake in an argument must not become an attack on the server or on this machine's memory.
MAX_RATE = 1000.0  # requests per second
MAX_DURATION = 4 * 3600.0  # seconds
MAX_REQUESTS = 1_000_000
MAX_IN_FLIGHT = 2000

REVISION_HEADER = "x-palier-revision"  # the gateway says which revision it sent the request to
MODEL_HEADER = "x-model"  # the model server signs its answers; without it, a proxy made the answer up

SENTENCES = checkout() / "examples" / "language-id" / "sentences.txt"


@dataclass(frozen=True, slots=True)
class Response:
    """What became of one request. Times are seconds; `scheduled` is seconds since the epoch.

    `lag` is how late the generator itself was, so that a busy machine does not pass for a slow one; `latency` counts
    from the sending. Exactly one of `status` and `error` (the kind of failure, when there was no answer) is set.
    """

    scheduled: float
    lag: float
    latency: float
    status: int | None = None
    error: str | None = None
    revision: str | None = None
    model: str | None = None
    sender: int = 0
    """Which of the generator's headers it was sent with, counted from 0."""

    @property
    def sent(self) -> float:
        """When it was sent."""
        return self.scheduled + self.lag

    @property
    def completed(self) -> float:
        """When the whole answer was there, or was given up."""
        return self.scheduled + self.lag + self.latency

    @property
    def failed(self) -> bool:
        """Whether the user got anything but a success; every request of ours is a valid one."""
        return self.status is None or not 200 <= self.status < 300  # noqa: PLR2004 (HTTP's successes)


class Responses:
    """All responses, in the order in which they were complete; windows are over the time of sending.

    One thread may append while others read.
    """

    def __init__(self, responses: Iterable[Response] = ()) -> None:
        self._all = sorted(responses, key=lambda response: response.completed)

    def append(self, response: Response) -> None:
        """Add the response that has just completed."""
        self._all.append(response)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._all)

    def __iter__(self) -> Iterator[Response]:
        """Go through those that there are now."""
        return iter(self._all[:])

    def between(self, since: float = -math.inf, until: float = math.inf) -> list[Response]:
        """Those sent at or after `since` and before `until` (seconds since the epoch)."""
        # What was sent since then was also complete since then: a live view need not go through hours of answers.
        start = bisect_left(self._all, since, key=lambda response: response.completed)
        return [response for response in self._all[start:] if since <= response.sent < until]

    def counts(self, since: float = -math.inf, until: float = math.inf) -> Counter[str | None]:
        """Responses of each revision; None is for those that came from none."""
        return Counter(response.revision for response in self.between(since, until))

    def share(self, since: float = -math.inf, until: float = math.inf) -> dict[str | None, float]:
        """The part (0 to 1) of all responses that came from each revision."""
        counts = self.counts(since, until)
        return {revision: count / counts.total() for revision, count in counts.items()}

    def failures(self, since: float = -math.inf, until: float = math.inf) -> list[Response]:
        """Those that failed."""
        return [response for response in self.between(since, until) if response.failed]

    def percentile(self, percent: float, since: float = -math.inf, until: float = math.inf) -> float | None:
        """The latency in seconds that so many percent of the answered requests kept; None without answers."""
        return percentile([each.latency for each in self.between(since, until) if each.status is not None], percent)


def percentile(values: Iterable[float], percent: float) -> float | None:
    """The nearest-rank percentile: the smallest value that at least `percent` of the values do not exceed."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def sentences(path: Path = SENTENCES) -> list[tuple[str, str]]:
    """Read the sentences that users send: pairs of language and text."""
    lines = (line.split("\t", 1) for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#"))
    return [(language, text) for language, text in lines]


def default_bodies(path: Path = SENTENCES) -> list[bytes]:
    """The same as request bodies of the language-identification service."""
    return [json.dumps({"text": text}).encode() for _, text in sentences(path)]


class Traffic:
    """A stream of POST requests, offered from entering the context until leaving it, or until a limit is reached.

    Leaving waits for the requests in flight. Several may run in one process.

    Args:
        url: where to send them, such as ``http://10.96.0.17/v1/detect``.
        host: the Host header, by which a gateway chooses the route; by default the URL's.
        rate: requests per second, at most MAX_RATE.
        bodies: the requests' JSON bodies, in turn; by default our sentences.
        headers: more headers of the requests, in turn, such as those that name a user.
        duration: seconds after which no more are sent.
        max_requests: number after which no more are sent.
        timeout: seconds after which a request counts as failed.
        reuse_connections: without it every request opens one, so that a Service without a gateway spreads them.
        jsonl: a file that gets one JSON object for each response, too.

    Raises:
        ValueError: a limit is exceeded, or there is nothing to send.
    """

    def __init__(  # noqa: PLR0913 - each is one property of the users
        self,
        url: str,
        *,
        host: str | None = None,
        rate: float = 50.0,
        bodies: Sequence[bytes] | None = None,
        headers: Sequence[Mapping[str, str]] = ({},),
        duration: float = 3600.0,
        max_requests: int = 500_000,
        timeout: float = 10.0,
        jsonl: Path | None = None,
        reuse_connections: bool = True,
    ) -> None:
        for name, value, most in (
            ("rate", rate, MAX_RATE),
            ("duration", duration, MAX_DURATION),
            ("max_requests", max_requests, MAX_REQUESTS),
        ):
            if not 0 < value <= most:
                raise ValueError(f"{name} must be above 0 and at most {most}, not {value}")
        self.responses = Responses()
        self._bodies = default_bodies() if bodies is None else list(bodies)
        if not self._bodies:
            raise ValueError("there is no body to send")
        self._url = url
        own = {"Content-Type": "application/json"} | ({"Host": host} if host else {})
        self._headers = [own | dict(more) for more in headers]
        self._rate = rate
        self._duration = duration
        self._max_requests = max_requests
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._jsonl = jsonl
        self._reuse_connections = reuse_connections
        self._log: IO[str] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._offering: asyncio.Task[None] | None = None
        self._in_flight: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Start sending."""
        if self._jsonl is not None:
            self._log = self._jsonl.open("w", encoding="utf-8", buffering=1)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, force_close=not self._reuse_connections
            ),  # a limit would make requests queue here: a closed loop
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
        )
        self._offering = asyncio.create_task(self._offer(self._session))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop sending, and wait for the answers that are due."""
        try:
            if self._offering is not None:
                self._offering.cancel()
                with suppress(asyncio.CancelledError):
                    await self._offering
            await asyncio.gather(*self._in_flight)
        finally:
            if self._session is not None:
                await self._session.close()
            if self._log is not None:
                self._log.close()

    async def finished(self) -> None:
        """Wait until a limit is reached and everything sent is answered."""
        if self._offering is not None:
            await asyncio.shield(self._offering)
        await asyncio.gather(*self._in_flight)

    async def _offer(self, session: aiohttp.ClientSession) -> None:
        loop = asyncio.get_running_loop()
        begin, epoch = loop.time(), time.time()
        for number in range(min(self._max_requests, math.ceil(self._duration * self._rate))):
            offset = number / self._rate
            if (delay := begin + offset - loop.time()) > 0:
                await asyncio.sleep(delay)
            if len(self._in_flight) >= MAX_IN_FLIGHT:
                self._record(Response(epoch + offset, loop.time() - begin - offset, 0.0, error="TooManyInFlight"))
                continue
            body = self._bodies[number % len(self._bodies)]
            sender = number % len(self._headers)
            task = loop.create_task(self._ask(session, body, sender, scheduled=epoch + offset, due=begin + offset))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)

    async def _ask(
        self, session: aiohttp.ClientSession, body: bytes, sender: int, *, scheduled: float, due: float
    ) -> None:
        """Send one request and record its end. aiohttp repeats no POST by itself, so each is sent once."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        status = error = revision = model = None
        try:
            async with session.post(
                self._url, data=body, headers=self._headers[sender], allow_redirects=False
            ) as answer:
                await answer.read()
                status = answer.status
                revision, model = answer.headers.get(REVISION_HEADER), answer.headers.get(MODEL_HEADER)
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            status, error = None, type(failure).__name__
        latency = loop.time() - started
        self._record(Response(scheduled, max(0.0, started - due), latency, status, error, revision, model, sender))

    def _record(self, response: Response) -> None:
        self.responses.append(response)
        if self._log is not None:
            self._log.write(json.dumps(asdict(response)) + "\n")


class TrafficThread:
    """The same in a thread of its own, for programs and tests that are not asyncio's; also a context manager."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="traffic", daemon=True)

    @property
    def responses(self) -> Responses:
        """All responses so far; they may be read while the traffic goes on."""
        return self._traffic.responses

    def start(self) -> Self:
        """Start sending; return when it has begun."""
        self._thread.start()
        self._started.wait()
        self._check()
        return self

    def stop(self) -> Responses:
        """Stop sending, wait for the answers that are due, and return all responses."""
        if self._thread.is_alive() and self._loop is not None:
            with suppress(RuntimeError):  # it may end between the two lines
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        self._check()
        return self.responses

    def __enter__(self) -> Self:
        """Start sending."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop sending."""
        self.stop()

    def _check(self) -> None:
        if self._failure is not None:
            raise RuntimeError("the traffic generator failed") from self._failure

    def _main(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as failure:  # noqa: BLE001 (raised again in the thread that asks)
            self._failure = failure
        finally:
            self._started.set()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with self._traffic:
            self._started.set()
            await self._stop.wait()
