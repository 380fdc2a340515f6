"""Tells what is being done and how long it took, on standard error so that standard output stays a command's answer."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(message: str) -> None:
    """Prints one line."""
    print(message, file=sys.stderr, flush=True)


class Step:
    """A piece of work in progress, which can say that it is still going on."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._start = time.monotonic()
        self._spoken = self._start

    def elapsed(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._start

    def tick(self, every: float) -> None:
        """Shows the elapsed time: always on a terminal, else once in so many seconds."""
        if sys.stderr.isatty():
            print(f"\r{self.elapsed():7.0f} s  {self.title} …", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self._spoken >= every:
            self._spoken = time.monotonic()
            say(f"{self.elapsed():7.0f} s  … still at it: {self.title}")


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Times a piece of work and prints its title with the seconds it took, or that it failed."""
    current = Step(title)
    if sys.stderr.isatty():
        print(f"           {title} …", end="", file=sys.stderr, flush=True)
    try:
        yield current
    except BaseException:
        _close(f"{current.elapsed():7.1f} s  {title}: FAILED")
        raise
    _close(f"{current.elapsed():7.1f} s  {title}")


def _close(line: str) -> None:
    erase = "\r\x1b[2K" if sys.stderr.isatty() else ""
    say(erase + line)
