"""The runs of a simulation over several processes, with a word on how far it is."""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from palier.cli.terminal import clear_progress, print_progress

R = TypeVar("R")

_CHUNK = 10
"""Runs that a process plays before it reports."""

_WORTH = 5
"""Chunks below which starting another process takes longer than playing them."""

_QUIET = 2.0
"""Seconds before the progress is reported."""


def play_all(play: Callable[[range], Iterable[R]], runs: int, *, jobs: int, chunk: int = _CHUNK) -> list[R]:
    """Play that many runs by a function that other processes can be sent; the answer does not depend on `jobs`.

    Args:
        play: plays some runs.
        runs: how many there are.
        jobs: processes at most.
        chunk: runs that a process plays before it reports.
    """
    chunks = [range(first, min(first + chunk, runs)) for first in range(0, runs, chunk)]
    jobs = min(jobs, max(1, len(chunks) // _WORTH))
    played: list[R] = []
    start = time.monotonic()
    try:
        for results in _in_order(play, chunks, jobs=jobs):
            played.extend(results)
            if time.monotonic() - start > _QUIET:
                print_progress(f"{len(played)} of {runs} runs")
    finally:
        clear_progress()
    return played


def _in_order(play: Callable[[range], Iterable[R]], chunks: list[range], *, jobs: int) -> Iterator[list[R]]:
    if jobs == 1:
        for chunk in chunks:
            yield _chunk(play, chunk)
        return
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_ignore_interrupts)
    try:
        yield from pool.map(_chunk, [play] * len(chunks), chunks)
    finally:
        # After Ctrl-C only the chunks that are being played are waited for.
        pool.shutdown(cancel_futures=True)


def _chunk(play: Callable[[range], Iterable[R]], numbers: range) -> list[R]:
    return list(play(numbers))


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of the terminal; only the first one answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
