"""What is kept between two looks.

The kept evidence lives in the object's `status` and nowhere else, so that an operator that is killed between two looks
goes on where it was. Therefore it is small, and it reads back exactly: floats are written as decimal strings with all
their digits.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from palier.evidence import segments as by_segment
from palier.evidence.arrivals import Arrivals
from palier.evidence.asymptotic import NO_MOMENTS, Moments
from palier.evidence.bets import NO_BETS, Bets, read_logs
from palier.evidence.caution import NO_CAUTION, Caution
from palier.evidence.counts import NOTHING, Amounts, Counts, Tally
from palier.evidence.dispersion import NO_JUMPS, Jumps
from palier.evidence.hard_stop import NO_RUN, HardStopRun
from palier.evidence.pods import NO_PODS, Pods
from palier.evidence.segments import SegmentEvidence, Segments
from palier.evidence.spells import NO_SPELLS, Spells

__all__ = ["EVENTS_OF_A_VALUE", "Amounts", "Counts", "Evidence", "Tally"]

EVENTS_OF_A_VALUE = 100
"""Events of each arm that one value of a mean has, at least."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything kept between looks, for one objective of one release."""

    relative: Bets = NO_BETS
    """Against "no worse than stable"."""
    absolute: Bets = NO_BETS
    """Against "within the objective"."""
    not_worse: tuple[float, ...] = ()
    """Log of each bet on what a promotion must prove: "not worse by the margin", "better", or a score above it."""
    release: Tally = NOTHING
    stage: Tally = NOTHING
    last: Tally = NOTHING
    """The last look alone."""
    looks: int = 0
    """Looks in which the candidate had events."""
    bad_looks: int = 0
    """Looks in which some of them were surely bad."""
    hard_stop: HardStopRun = NO_RUN
    pods: Pods = NO_PODS
    """The last looks by pod."""
    caution: Caution = NO_CAUTION
    """The early test, whose suspicion lowers the candidate's share."""
    candidate_jumps: Jumps = NO_JUMPS
    stable_jumps: Jumps = NO_JUMPS
    segments: Segments = ()
    spells: Spells = NO_SPELLS
    """How what comes in spells went from look to look."""
    absolute_mean: Moments = NO_MOMENTS
    """How far the candidate's mean is above its limit, in values of enough events."""
    relative_mean: Moments = NO_MOMENTS
    """How far the candidate's mean is above what stable's allows."""
    waiting_alone: Tally = NOTHING
    """Events of the candidate that are too few for a value of `absolute_mean`."""
    waiting_beside: Tally = NOTHING
    """Events of both arms that are too few for a value of `relative_mean`."""
    served: tuple[int, int] | None = None
    """Requests of candidate and stable since the present weight is in force, in looks in which both were measured.

    None before the first such look has ended, which is left out because it began before the weight was in force.
    """
    arrivals: Arrivals | None = None
    """The same requests, set side by side so exactly that it can be said that the candidate gets none; None where that
    cannot be done."""
    warm_since: float | None = None
    """When the warm-up of the present weight was over, in seconds since the epoch, where times are judged; None while
    it is not."""
    of: str = ""
    """Digest of what the evidence is about: evidence about something else says nothing."""

    def __post_init__(self) -> None:
        """Refuse what cannot have been observed."""
        if self.served is not None and min(self.served) < 0:
            raise ValueError(f"served {self.served} is impossible")
        if self.warm_since is not None and not math.isfinite(self.warm_since):
            raise ValueError(f"warm since {self.warm_since} is impossible")

    def to_status(self) -> dict[str, Any]:
        """For `status`: camelCase, counts as integers, floats as decimal strings that read back exactly."""
        status: dict[str, Any] = {
            "release": self.release.to_status(),
            "stage": self.stage.to_status(),
            "last": self.last.to_status(),
            "looks": self.looks,
            "badLooks": self.bad_looks,
            "hardStopTotal": self.hard_stop.total,
            "hardStopBad": self.hard_stop.bad,
            "hardStopLooks": self.hard_stop.looks,
            "hardStopStableTotal": self.hard_stop.stable_total,
            "hardStopStableBad": self.hard_stop.stable_bad,
        }
        for name, bets in (("relative", self.relative), ("absolute", self.absolute)):
            if bets.logs:
                status[name] = [repr(log) for log in bets.logs]
                status[f"{name}Cash"] = repr(bets.cash)
        if self.not_worse:
            status["notWorse"] = [repr(log) for log in self.not_worse]
        jumps = {
            name: {"pairs": one.pairs, "sum": repr(one.total)}
            for name, one in (("candidate", self.candidate_jumps), ("stable", self.stable_jumps))
            if one.pairs
        }
        if jumps:
            status["dispersion"] = jumps
        if self.segments:
            status["segments"] = by_segment.to_status(self.segments)
        parts = (
            ("pods", self.pods, NO_PODS),
            ("caution", self.caution, NO_CAUTION),
            ("spells", self.spells, NO_SPELLS),
        )
        status |= {name: part.to_status() for name, part, nothing in parts if part != nothing}
        status |= self._means_to_status()
        if self.warm_since is not None:
            status["warmSince"] = repr(self.warm_since)
        if self.served is not None:
            status["served"] = {"total": self.served[0], "stableTotal": self.served[1]}
        if self.arrivals is not None:
            status["arrivals"] = self.arrivals.to_status()
        if self.of:
            status["of"] = self.of
        return status

    def _means_to_status(self) -> dict[str, Any]:
        means = {
            name: one.to_status()
            for name, one in (("absolute", self.absolute_mean), ("relative", self.relative_mean))
            if one.looks
        }
        waiting = {
            name: one.to_status()
            for name, one in (("waitingAlone", self.waiting_alone), ("waitingBeside", self.waiting_beside))
            if one != NOTHING
        }
        return {**({"means": {**means, "events": EVENTS_OF_A_VALUE}} if means else {}), **waiting}

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """The inverse of `to_status`. What is missing reads as never observed, unknown keys are ignored.

        Bets on another grid than today's start anew at the next look.

        Raises:
            ValueError: something is there but unreadable.
        """
        try:
            dispersion, means = status.get("dispersion") or {}, status.get("means") or {}
            if means.get("events") != EVENTS_OF_A_VALUE:
                means = {}  # an older version took each look for a value, however few events it had
            return cls(
                relative=Bets.from_texts(status.get("relative"), status.get("relativeCash")),
                absolute=Bets.from_texts(status.get("absolute"), status.get("absoluteCash")),
                not_worse=read_logs(status.get("notWorse")),
                release=Tally.from_status(status.get("release") or {}),
                stage=Tally.from_status(status.get("stage") or {}),
                last=Tally.from_status(status.get("last") or {}),
                looks=_count(status.get("looks")),
                bad_looks=_count(status.get("badLooks")),
                hard_stop=HardStopRun(
                    bad=_count(status.get("hardStopBad")),
                    total=_count(status.get("hardStopTotal")),
                    looks=_count(status.get("hardStopLooks")),
                    stable_bad=_count(status.get("hardStopStableBad")),
                    stable_total=_count(status.get("hardStopStableTotal")),
                ),
                pods=Pods.from_status(status.get("pods") or {}),
                caution=Caution.from_status(status.get("caution") or {}),
                candidate_jumps=_jumps(dispersion.get("candidate") or {}),
                stable_jumps=_jumps(dispersion.get("stable") or {}),
                segments=tuple(_segment(entry) for entry in status.get("segments") or ()),
                spells=Spells.from_status(status.get("spells")),
                absolute_mean=Moments.from_status(means.get("absolute") or {}),
                relative_mean=Moments.from_status(means.get("relative") or {}),
                waiting_alone=Tally.from_status(status.get("waitingAlone") or {}),
                waiting_beside=Tally.from_status(status.get("waitingBeside") or {}),
                served=_read_served(status.get("served")),
                arrivals=Arrivals.from_status(status.get("arrivals")),
                warm_since=float(status["warmSince"]) if status.get("warmSince") else None,
                of=str(status.get("of") or ""),
            )
        except (TypeError, AttributeError, KeyError) as error:
            raise ValueError(f"evidence is unreadable: {error}") from error


def _count(number: int | None) -> int:
    count = int(number or 0)
    if count < 0:
        raise ValueError(f"evidence has a negative count: {count}")
    return count


def _read_served(status: Mapping[str, Any] | None) -> tuple[int, int] | None:
    return None if status is None else (_count(status.get("total")), _count(status.get("stableTotal")))


def _jumps(status: Mapping[str, Any]) -> Jumps:
    return Jumps(_count(status.get("pairs")), float(status.get("sum") or 0.0))


def _segment(status: Mapping[str, Any]) -> SegmentEvidence:
    return SegmentEvidence(
        name=str(status["name"]),
        # An older version pooled only those segments in which the candidate had events: what it bet says nothing.
        relative=NO_BETS
        if status["name"] == by_segment.OTHER and "metBoth" not in status
        else Bets.from_texts(status.get("relative"), status.get("cash")),
        total=_count(status.get("total")),
        bad=_count(status.get("bad")),
        stable_total=_count(status.get("stableTotal")),
        stable_bad=_count(status.get("stableBad")),
        bad_looks=_count(status.get("badLooks")),
        met_both=_count(status.get("metBoth")),
        expected_both=float(status.get("expectedBoth") or 0.0),
    )
