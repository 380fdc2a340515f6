"""Faults on demand, so that a demonstration can release a bad version; leave this file out of a server of your own."""

from pathlib import Path

_WHOLE = 10_000  # a hundredth of a percent is the unit: integers keep the spread exact for ever


class _Share:
    """So many percent of the requests, spread evenly and without chance (5 percent: exactly every twentieth)."""

    def __init__(self, percent: float) -> None:
        self.parts = round(percent * _WHOLE / 100)
        self._owed = 0

    def next(self) -> bool:
        """Decide for the next request; each call counts as one request."""
        self._owed += self.parts
        if self._owed < _WHOLE:
            return False
        self._owed -= _WHOLE
        return True


class Faults:
    """Extra latency for every request, and a failure or a wrong answer for a share of them.

    They are spread evenly and without chance, so that a demonstration shows the same thing each time.

    Args:
        extra_latency_ms: added to every request, in milliseconds.
        fail_percent: share of requests that fail, 0 to 100, exact to a hundredth of a percent.
        fail_after_seconds: failures begin so long after the server got ready, in seconds.
        wrong_percent: share of requests that get a wrong answer, likewise.
        fail_file: every request fails while there is such a file, so that one pod can be made bad.
    """

    def __init__(
        self,
        *,
        extra_latency_ms: float = 0.0,
        fail_percent: float = 0.0,
        fail_after_seconds: float = 0.0,
        wrong_percent: float = 0.0,
        fail_file: str = "",
    ) -> None:
        self.latency_seconds = extra_latency_ms / 1000
        self._failing = _Share(fail_percent)
        self._fail_after_seconds = fail_after_seconds
        self._wrong = _Share(wrong_percent)
        self._fail_file = Path(fail_file) if fail_file else None

    def next_fails(self, *, seconds_since_ready: float) -> bool:
        """Decide for the next request; each call counts as one request."""
        if self._fail_file is not None and self._fail_file.exists():
            return True
        if seconds_since_ready < self._fail_after_seconds:
            return False
        return self._failing.next()

    def next_is_wrong(self) -> bool:
        """Decide for the next answer; each call counts as one."""
        return self._wrong.next()

    def describe(self) -> str:
        """Say what is injected, for the log; empty when nothing is."""
        parts = []
        if self.latency_seconds:
            parts.append(f"{self.latency_seconds * 1000:g} ms extra latency")
        if self._failing.parts:
            after = f" after {self._fail_after_seconds:g} s" if self._fail_after_seconds else ""
            parts.append(f"{self._failing.parts * 100 / _WHOLE:g} % failures{after}")
        if self._wrong.parts:
            parts.append(f"{self._wrong.parts * 100 / _WHOLE:g} % wrong answers")
        if self._fail_file is not None:
            parts.append(f"failures while there is {self._fail_file}")
        return ", ".join(parts)
