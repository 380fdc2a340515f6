"""Hands on what came of requests in the order in which the requests were taken.

Not in the order in which they end: a candidate that hangs on some requests would look good until the first of them has
timed out, because only its quick answers had been counted by then, and the verdict could fall just in that time.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

Outcome = TypeVar("Outcome")


class Turns(Generic[Outcome]):
    """The turns of all requests that were taken.

    Args:
        hand_on: gets each outcome when its turn has come: all requests taken before have ended too.
    """

    def __init__(self, hand_on: Callable[[Outcome], None]) -> None:
        self._hand_on = hand_on
        self._taken = 0
        self._next = 0
        self._ended: dict[int, tuple[Outcome, int]] = {}
        """By the first turn: what came of so many requests that were taken one after the other."""

    @property
    def held_requests(self) -> int:
        """Requests that have ended and wait for one before them."""
        return sum(number for _, number in self._ended.values())

    @property
    def held_outcomes(self) -> int:
        """Outcomes that are kept for them."""
        return len(self._ended)

    def take(self) -> int:
        """The turn of a request that has just been taken; it has to end, whatever becomes of it."""
        turn = self._taken
        self._taken += 1
        return turn

    def end(self, turn: int, outcome: Outcome) -> None:
        """A request has ended."""
        self._ended[turn] = (outcome, 1)
        while self._next in self._ended:
            ready, number = self._ended.pop(self._next)
            self._next += 1
            for _ in range(number):
                self._hand_on(ready)

    def pass_over(self, outcome: Outcome) -> None:
        """A request ends as soon as it is taken; thousands of them in a row take the room of one."""
        last = self._taken - 1
        if last in self._ended and self._ended[last][0] is outcome:
            self._ended[last] = (outcome, self._ended[last][1] + 1)
        else:
            self.end(self.take(), outcome)
