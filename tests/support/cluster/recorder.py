"""A handler that remembers what it was given, for tests of the queue in faked time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from palier.cluster.queue import WorkQueue

Answer = float | None
Handler = Callable[[str], Awaitable[Answer]]
Run = Callable[[Coroutine[Any, Any, Any]], Any]


def now() -> float:
    """The faked time."""
    return asyncio.get_running_loop().time()


class Recorder:
    """A handler that remembers when it was called for which key, and does what it is told."""

    def __init__(self, *, takes: float = 0.0, answers: dict[str, list[Answer | Exception]] | None = None) -> None:
        self.takes = takes
        self.answers = answers or {}
        self.starts: list[tuple[float, str]] = []

    async def __call__(self, key: str) -> Answer:
        """Handle a key."""
        self.starts.append((now(), key))
        await asyncio.sleep(self.takes)
        waiting = self.answers.get(key)
        answer = waiting.pop(0) if waiting else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def times(self, key: str) -> list[float]:
        """When the key was handled."""
        return [at for at, handled in self.starts if handled == key]

    @property
    def order(self) -> str:
        """The keys in the order in which they were handled."""
        return "".join(key for _, key in self.starts)


@contextlib.asynccontextmanager
async def running(queue: WorkQueue[str], handler: Handler, *, workers: int = 2) -> AsyncIterator[None]:
    """Workers that handle keys until the block ends."""
    task = asyncio.create_task(queue.run(handler, workers=workers))
    yield
    queue.shut_down()
    await task
