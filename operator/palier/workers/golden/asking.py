"""Asks many requests at once, and hands them on in the order that was drawn.

Not in the order in which the answers come: a candidate whose bad answers are slow would look good for a while, and the
verdict could fall just then.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from typing import Final, Self, TypeVar

from palier.golden.corpus import Case
from palier.golden.plan import GoldenPlan
from palier.workers.golden.ask import Asker, Reply

_AHEAD: Final = 4
"""How many times more requests than are under way at once may wait for a slower one before them."""

Replies = Mapping[str, Reply]
"""By arm: `candidate`, and `stable` where there is one."""
Thing = TypeVar("Thing")
Done = TypeVar("Done")


class Asking:
    """Asks the revisions of a plan, so many requests at once as it says; a context manager that holds the connections.

    Attributes:
        asked: requests that have been answered, or were not.
        at_once: requests that are under way together.
        unreached: how the candidate failed, as long as nobody has taken a connection there; then empty.
    """

    def __init__(self, plan: GoldenPlan) -> None:
        self.asked = 0
        self.at_once = plan.concurrency
        self.unreached = "it was not asked"
        self._plan = plan
        self._asker = Asker(plan)
        self._arms = ("candidate", "stable") if plan.stable else ("candidate",)
        self._places = asyncio.Semaphore(plan.concurrency)

    async def __aenter__(self) -> Self:
        """Begin."""
        await self._asker.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._asker.__aexit__()

    async def ask(self, case: Case) -> list[Replies]:
        """Ask a request as often as the plan says, each time both revisions at the same moment."""
        return await asyncio.gather(*(self._ask_once(case) for _ in range(self._plan.repeat)))

    async def _ask_once(self, case: Case) -> Replies:
        async with self._places:
            replies = await asyncio.gather(*(self._asker.ask(case, arm) for arm in self._arms))
        self.asked += 1
        if replies[0].reached:
            self.unreached = ""
        elif self.unreached:
            self.unreached = replies[0].failure
        return dict(zip(self._arms, replies, strict=True))


async def in_order(
    things: Iterable[Thing], job: Callable[[Thing], Awaitable[Done]], *, at_once: int
) -> AsyncGenerator[Done, None]:
    """Do a job for many things, some of them at once, and yield what comes of it in the order of the things.

    To be closed when it is left early: what is still under way ends then.
    """
    pending: deque[asyncio.Future[Done]] = deque()
    try:
        for thing in things:
            pending.append(asyncio.ensure_future(job(thing)))
            if len(pending) >= at_once * _AHEAD:
                yield await pending.popleft()
        while pending:
            yield await pending.popleft()
    finally:
        for one in pending:
            one.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
