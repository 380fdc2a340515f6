"""Takes the copies that the gateway sends, and never keeps it waiting.

The gateway, and the users behind it, must not notice whether anybody compares. So every copy is answered as soon as its
body is read, and what cannot be sent on in time is dropped and counted.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from traceback import extract_tb
from typing import Final, Self

from aiohttp import ClientError, web

from palier.errors import InvalidSettings
from palier.shadow.headers import forward_headers
from palier.shadow.ledger import ARMS, Ledger, Outcome, Unpaired
from palier.shadow.plan import ShadowPlan
from palier.shadow.sample import Exclusion, Segments, find_exclusion, is_foreign
from palier.workers.embedding import Embedder
from palier.workers.shadow.pairs import Disagreement, PairResult, Pairs
from palier.workers.shadow.sender import LONGEST_HEADER, Outgoing, Sender
from palier.workers.shadow.turns import Turns

MOST_BYTES_WAITING: Final = 64 * 2**20
"""Bytes of all bodies that are being read or wait to be sent."""
READING: Final = 30.0
"""Seconds in which a body has to be read."""
LATER: Final = 0.1
"""Longest time in seconds by which a request is put off while there is room. A copy comes at the very moment at which
stable works on the user's own request; sent on at once, it would take processor time from exactly that one."""
MOST_HELD: Final = 100_000
"""Outcomes that wait for an earlier request to end; beyond it no request is taken, so that memory has a bound."""
ENDING: Final = 5.0
"""Seconds in which the requests under way may come to an end when the proxy stops."""
_THREADS: Final = 2

_FULL: Final = Outcome(unpaired=Unpaired.QUEUE_FULL)
_STOPPED: Final = Outcome(unpaired=Unpaired.STOPPED)

# aiohttp writes into its log what it could not read: that may be a part of somebody's request.
_silent = logging.getLogger("palier.shadow.requests")
_silent.disabled = True


class ShadowProxy:
    """One shadow proxy; a context manager that answers on its port."""

    def __init__(self, plan: ShadowPlan, *, port: int, tell: Callable[[str], None]) -> None:
        self.plan = plan
        self.ledger = Ledger(plan)
        self.turns = Turns(self.ledger.count)
        self.in_flight = 0
        """Requests that are being sent and compared."""
        self.stopping = False
        self.runner: web.ServerRunner
        self.pairs: Pairs
        self._port = port
        self._tell = tell
        self._chance = random.Random()  # noqa: S311 - a sample, no secret
        self._segments = Segments()
        self._queue: deque[tuple[int, Outgoing]] = deque()
        """Each with its turn."""
        self._bytes_waiting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._faults: set[str] = set()
        self._open = AsyncExitStack()

    @property
    def waiting_count(self) -> int:
        """Requests that wait to be sent."""
        return len(self._queue)

    @property
    def dropped_count(self) -> int:
        """Requests that were meant for a pair and made none."""
        return sum(self.ledger.unpaired.values())

    async def __aenter__(self) -> Self:
        """Begin to answer.

        Raises:
            InvalidSettings: the port is taken.
        """
        async with AsyncExitStack() as stack:
            plan = self.plan
            urls = {"candidate": plan.candidate_url, "stable": plan.stable_url}
            # An answer around the limit must not be judged by the side of it that it falls on: see docs/shadow.md.
            limits = {"candidate": 2 * plan.max_body_bytes, "stable": plan.max_body_bytes}
            senders = {
                arm: await stack.enter_async_context(
                    Sender(arm, urls[arm], timeout=plan.timeout, most_bytes=limits[arm])
                )
                for arm in ARMS
            }
            server = plan.answers.embeddings if plan.answers.embeds else None
            embedder = None if server is None else await stack.enter_async_context(Embedder(server))
            threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="compare")
            stack.callback(threads.shutdown, wait=False, cancel_futures=True)
            self.pairs = Pairs(plan, senders=senders, embedder=embedder, threads=threads, chance=self._chance)
            server_of_copies = web.Server(
                self._take,
                access_log=None,
                logger=_silent,
                max_line_size=LONGEST_HEADER,
                max_field_size=LONGEST_HEADER,
                auto_decompress=False,
            )
            self.runner = web.ServerRunner(server_of_copies, access_log=None, shutdown_timeout=1.0)
            await self.runner.setup()
            stack.push_async_callback(self.runner.cleanup)
            await listen(self.runner, self._port)
            self._open = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop, and close what is open."""
        await self.stop()
        await self._open.aclose()

    async def stop(self) -> None:
        """Take nothing more, let what is under way come to an end for a few seconds, and count the rest as stopped."""
        self.stopping = True
        for site in list(self.runner.sites):
            await site.stop()
        for turn, _ in self._queue:
            self.turns.end(turn, _STOPPED)
        self._queue.clear()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=ENDING)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _take(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one copy, and queue it if it is to be compared."""
        self.ledger.mirrored += 1
        reason = find_exclusion(request.method, request.headers, self.plan, draw=self._chance.random())
        if reason is None:
            reason = await self._receive(request)
        if reason is not None:
            self.ledger.excluded[reason] += 1
        response = web.Response(status=204)
        if is_foreign(request.headers):
            response.force_close()  # whatever follows is not HTTP
        return response

    async def _receive(self, request: web.BaseRequest) -> Exclusion | None:
        """Read the body and queue the request."""
        most = self.plan.max_body_bytes
        if (request.content_length or 0) > most:
            return Exclusion.REQUEST_TOO_LARGE
        body = bytearray()
        try:
            if request.body_exists:
                async with asyncio.timeout(READING):
                    if request.headers.get("expect", "").lower() == "100-continue":
                        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                        request.writer.output_size = 0
                    while chunk := await request.content.readany():
                        body += chunk
                        self._bytes_waiting += len(chunk)
                        if len(body) > most:
                            return Exclusion.REQUEST_TOO_LARGE
                        if self._bytes_waiting > MOST_BYTES_WAITING:
                            break
        except (OSError, ClientError, web.RequestPayloadError):  # a timeout is an OSError
            return Exclusion.REQUEST_INCOMPLETE
        else:
            self._queue_up(request, bytes(body))
            return None
        finally:
            self._bytes_waiting -= len(body)

    def _queue_up(self, request: web.BaseRequest, body: bytes) -> None:
        """Take a request for a pair, and send it when there is room."""
        self.ledger.sampled += 1
        header = self.plan.segment_header
        segment = self._segments.label(request.headers.get(header, "")) if header else ""
        self.ledger.segment(segment)  # its counters are there, with 0, before its first answer is
        if self.stopping:
            self.turns.pass_over(_STOPPED)
            return
        full = self._bytes_waiting > MOST_BYTES_WAITING or self.turns.held_outcomes > MOST_HELD
        if full or (self.in_flight >= self.plan.max_concurrent and len(self._queue) >= self.plan.max_queue):
            self.turns.pass_over(_FULL)
            return
        turn = self.turns.take()
        outgoing = Outgoing(request.method, _target(request), forward_headers(request.headers), body, segment)
        if self.in_flight < self.plan.max_concurrent:
            room = 2 * self.in_flight < self.plan.max_concurrent
            self._send(turn, outgoing, after=self._chance.uniform(0.0, LATER) if room else 0.0)
        else:
            self._queue.append((turn, outgoing))
            self._bytes_waiting += len(body)

    def _send(self, turn: int, outgoing: Outgoing, *, after: float = 0.0) -> None:
        self.in_flight += 1
        task = asyncio.create_task(self._pair(turn, outgoing, after=after))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pair(self, turn: int, outgoing: Outgoing, *, after: float) -> None:
        """Make a pair after a while, then send what waits."""
        try:
            disagreement = await self._make_pair(turn, outgoing, after=after)
            if disagreement is not None:
                await self.pairs.keep(disagreement)
        except Exception as error:  # noqa: BLE001 - one request that cannot be compared must not stop the others
            self._tell_fault(error)
        finally:
            self.in_flight -= 1
            if self._queue:
                following, waiting = self._queue.popleft()
                self._bytes_waiting -= len(waiting.body)
                self._send(following, waiting)

    async def _make_pair(self, turn: int, outgoing: Outgoing, *, after: float) -> Disagreement | None:
        """Make a pair; whatever prevents it, the turn ends, or those after it would never be counted."""
        made = PairResult(_STOPPED)
        try:
            if after:
                await asyncio.sleep(after)
            made = await self.pairs.make(outgoing)
        except Exception as error:  # noqa: BLE001 - counted here, and reported below
            made = PairResult(Outcome(outgoing.segment, unpaired=Unpaired.NOT_COMPARED), fault=error)
        finally:
            self.ledger.count_copies(made.outcome.replies)
            self.turns.end(turn, made.outcome)
        if made.fault is not None:
            self._tell_fault(made.fault)
        return made.disagreement

    def _tell_fault(self, error: Exception) -> None:
        """Tell where our own code failed, once for each place, and nothing that it was working on."""
        frame = extract_tb(error.__traceback__)[-1]
        fault = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
        if fault not in self._faults:
            self._faults.add(fault)
            self._tell(f"a defect: an answer could not be compared: {fault}")


async def listen(runner: web.BaseRunner, port: int, *, host: str | None = None) -> None:
    """Answer on a port of all addresses, or of one.

    Raises:
        InvalidSettings: the port is taken.
    """
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise InvalidSettings(f"cannot listen on port {port}: {error.strerror or error}") from error


def port_of(runner: web.BaseRunner) -> int:
    """The port that a runner answers on; with port 0, that of IPv4."""
    return int(next(address[1] for address in runner.addresses if ":" not in address[0]))


def _target(request: web.BaseRequest) -> str:
    """Path and query as they came, also of a request that names its host there."""
    target = str(request.rel_url.raw_path_qs)
    return target if target.startswith("/") else f"/{target}"
