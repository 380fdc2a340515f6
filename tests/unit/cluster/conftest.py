"""Faked time: an event loop that never waits but jumps to the next timer, so that hours pass in milliseconds."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
from typing_extensions import override

from tests.support.cluster.trial_life import Life

T = TypeVar("T")
InFakedTime = Callable[[Coroutine[Any, Any, T]], T]


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for the next timer, puts the clock forward to it."""

    now = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if ready := super().select(0):
            return ready
        assert timeout is not None, "nothing is left that could ever happen: the test hangs"
        self.now += max(timeout, 0.0)
        return []


class FakedTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is faked."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    @override
    def time(self) -> float:
        """Seconds since the loop began."""
        return self._jumping.now


def in_faked_time(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in faked time."""
    with asyncio.Runner(loop_factory=FakedTimeLoop) as runner:
        return runner.run(coroutine)


@pytest.fixture(name="in_faked_time")
def in_faked_time_fixture() -> InFakedTime[Any]:
    """Runs a coroutine to its end in faked time."""
    return in_faked_time


@pytest.fixture
def life() -> Life:
    """A life that has just begun."""
    return Life()
