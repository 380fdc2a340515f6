"""What is known of one server in the end, side by side: by hand, by Palier's search, and by theory."""

from typing import Any, NamedTuple

from benchmarks.capacity.generator import Point
from benchmarks.capacity.search import Found
from benchmarks.capacity.servers import Server
from benchmarks.capacity.sweep import Sweep
from palier.economics.queueing import Law, largest_rate

GOAL = 0.1
"""The search is to be within this part of what the sweep found."""
_QUANTILE = 0.95


class Outcome(NamedTuple):
    """One row of the report."""

    server: Server
    sweep: Sweep
    found: Found

    @property
    def theory(self) -> float | None:
        """What a textbook says; None where the law is not known."""
        known = self.server.known
        if known is None:
            return None
        return largest_rate(
            Law(known.arrivals),
            servers=known.workers,
            service_time=known.service_time,
            threshold=self.server.threshold,
            quantile=_QUANTILE,
        )

    @property
    def difference(self) -> float | None:
        """How far the search is from the sweep, as a part of what the sweep found; None if one found nothing."""
        if self.found.capacity is None or self.sweep.held is None:
            return None
        return self.found.capacity / self.sweep.held - 1

    @property
    def met(self) -> bool:
        """Whether the search found what the sweep did."""
        held, capacity = self.sweep.held, self.found.capacity
        return held is not None and capacity is not None and abs(capacity - held) <= GOAL * held

    def plain(self) -> dict[str, Any]:
        """Everything, for `results.json`."""
        return {
            "server": self.server.key,
            "title": self.server.title,
            "threshold": self.server.threshold,
            "byHand": self.sweep.held,
            "byHandFailed": self.sweep.failed,
            "theory": None if self.theory is None else round(self.theory, 2),
            "difference": None if self.difference is None else round(self.difference, 4),
            "sweep": [_rounded(point) for point in self.sweep.points],
            "search": self.found._asdict(),
        }


def _rounded(point: Point) -> dict[str, Any]:
    return {
        "offered": point.offered,
        "arrived": round(point.arrived, 2),
        "requests": point.requests,
        "failed": point.failed,
        "late": round(point.late, 5),
        **{name: round(getattr(point, name), 5) for name in ("p50", "p95", "p99", "lag")},
        "serverCpu": round(point.server_cpu, 3),
        "otherCpu": round(point.other_cpu, 3),
        "holds": point.holds,
    }
