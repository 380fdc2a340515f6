"""A fleet of which a single pass takes longer than the time between two looks: nobody is left out."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from palier.cluster.queue import URGENT_IN_A_ROW, Rest, WorkQueue
from tests.support.cluster.recorder import Run, now

WATCHED = [f"watched-{number}" for number in range(500)]
NEW = [f"new-{number}" for number in range(20)]
ROLLED_BACK = WATCHED[::10]
STEPS = 4
"""Passes from the breach to the end of a rollback."""
WORKERS, EACH, LOOK_INTERVAL = 8, 0.04, 1.0
TAKE = EACH / WORKERS
"""Seconds between two takes while all workers are busy: a pass over the fleet lasts 2.5 s."""


@dataclass
class Laboratory:
    """Looks, a controller and its queue, without a cluster."""

    news_every_look: bool
    """Whether each look changes something for everybody, as with a Prometheus that comes and goes."""
    queue: WorkQueue[str] = field(default_factory=WorkQueue)
    watched: dict[str, None] = field(default_factory=lambda: dict.fromkeys(WATCHED))
    left: dict[str, int] = field(default_factory=dict)
    """Steps that a rollback still has to take."""
    done: dict[str, float] = field(default_factory=dict)
    """When a rollback was over, and when a new object was first seen to."""

    async def reconcile(self, key: str) -> float:
        """One pass: a step of a rollback, or nothing but the time that it takes."""
        await asyncio.sleep(EACH)
        if key in self.left:
            self.watched.pop(key, None)  # a candidate that is taken back is not judged any more
            self.left[key] -= 1
            if self.left[key]:
                return Rest(0.0, urgent=True)
            del self.left[key]
            self.done[key] = now()
        elif key not in self.watched:
            self.done.setdefault(key, now())
        return 600.0

    async def look(self) -> None:
        """Everybody is looked at, and some cannot wait."""
        while True:
            await asyncio.sleep(LOOK_INTERVAL)
            for key in self.watched:
                self.queue.add(key, urgent=self.news_every_look)

    async def run(self) -> Mapping[str, float]:
        """Seconds that each rollback and each new object has waited for, after the fleet has long been busy."""
        working = asyncio.create_task(self.queue.run(self.reconcile, workers=WORKERS))
        looking = asyncio.create_task(self.look())
        await asyncio.sleep(20.5)
        begun = now()
        for key in NEW:
            self.queue.add(key)
        for key in ROLLED_BACK:
            self.left[key] = STEPS
            self.queue.add(key, urgent=True)
        await asyncio.sleep(60)
        looking.cancel()
        self.queue.shut_down()
        await working
        return {key: at - begun for key, at in self.done.items()}


def longest_wait(urgent: int) -> float:
    """Seconds in which one of so many urgent keys is taken and handled, as the queue states it."""
    before = urgent - 1
    return (before + before // URGENT_IN_A_ROW + 1) * TAKE + 2 * EACH


@pytest.mark.parametrize("news_every_look", [False, True])
def test_rollbacks_and_new_objects_are_handled_in_the_stated_time(in_faked_time: Run, news_every_look: bool) -> None:
    """Fifty rollbacks in a fleet of 500, and objects that people have just made, whatever the looks tell."""
    waited = in_faked_time(Laboratory(news_every_look).run())

    assert waited.keys() == {*NEW, *ROLLED_BACK}
    urgent = len(WATCHED) if news_every_look else len(ROLLED_BACK)
    assert max(waited[key] for key in ROLLED_BACK) <= STEPS * longest_wait(urgent)
    known = len(WATCHED) + len(NEW)
    assert max(waited[key] for key in NEW) <= (URGENT_IN_A_ROW + 1) * known * TAKE + 2 * EACH


def test_rollbacks_do_not_wait_for_a_pass_over_the_fleet(in_faked_time: Run) -> None:
    """Where looks change nothing for the others, fifty rollbacks are over before one pass could be."""
    waited = in_faked_time(Laboratory(news_every_look=False).run())

    assert max(waited[key] for key in ROLLED_BACK) < len(WATCHED) * TAKE
