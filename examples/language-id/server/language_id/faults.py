"""Faults on demand, so that a demonstration can release a bad version; leave this file out of a server of your own."""


class Faults:
    """Extra latency for every request, and a failure for a share of them.

    The failures are spread evenly and without chance (5 percent: exactly every twentieth request), so that a
    demonstration shows the same thing each time.

    Args:
        extra_latency_ms: added to every request, in milliseconds.
        fail_percent: share of requests that fail, 0 to 100, exact to a hundredth of a percent.
        fail_after_seconds: failures begin so long after the server got ready, in seconds.
    """

    _WHOLE = 10_000  # a hundredth of a percent is the unit: integers keep the spread exact for ever

    def __init__(
        self, *, extra_latency_ms: float = 0.0, fail_percent: float = 0.0, fail_after_seconds: float = 0.0
    ) -> None:
        self.latency_seconds = extra_latency_ms / 1000
        self._share = round(fail_percent * self._WHOLE / 100)
        self._fail_after_seconds = fail_after_seconds
        self._owed = 0

    def next_fails(self, *, seconds_since_ready: float) -> bool:
        """Decide for the next request; each call counts as one request."""
        if seconds_since_ready < self._fail_after_seconds:
            return False
        self._owed += self._share
        if self._owed < self._WHOLE:
            return False
        self._owed -= self._WHOLE
        return True

    def describe(self) -> str:
        """Say what is injected, for the log; empty when nothing is."""
        parts = []
        if self.latency_seconds:
            parts.append(f"{self.latency_seconds * 1000:g} ms extra latency")
        if self._share:
            after = f" after {self._fail_after_seconds:g} s" if self._fail_after_seconds else ""
            parts.append(f"{self._share * 100 / self._WHOLE:g} % failures{after}")
        return ", ".join(parts)
