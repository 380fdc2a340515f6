"""What a load test found, as it travels from the pod that measured to the status of the object.

The pod writes it as its termination message, of which Kubernetes keeps 4096 bytes; a record of `status.loadTests` has
the same fields. Numbers are decimals, rounded to what the measurement can carry.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Self

from palier.api.field_names import to_camel
from palier.api.figures import figure_of, number_of
from palier.evidence.verdicts import Verdict

STEP_LIMIT: Final = 32
"""Steps that a status keeps."""

JSON_LIMIT: Final = 4000
"""Bytes of the JSON form: Kubernetes cuts a termination message after 4096."""

_DIGITS: Final = 3
_MESSAGE_LIMIT: Final = 600


def decimal_of(value: float, *, digits: int = _DIGITS) -> Decimal:
    """A measured number with as many significant digits as it deserves, never in exponent form when formatted."""
    number = Decimal(f"{value:.{digits - 1}e}")
    return number.quantize(Decimal(1)) if number == number.to_integral() else number


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step, short enough to be kept."""

    phase: str
    offered: Decimal
    """Requests per second that were to be sent."""
    achieved: Decimal
    """Requests per second that were sent while the step was measured."""
    requests: int
    """Answers that were judged."""
    errors: int
    """Failed ones among them."""
    lag: Decimal
    """How late 99 % of the requests were sent at most, in seconds."""
    holds: bool
    p50: Decimal | None = None
    """Seconds; None when nothing was answered."""
    p95: Decimal | None = None
    p99: Decimal | None = None

    def to_status(self) -> dict[str, Any]:
        """The entry of `steps`; `from_status` reads the same value back."""
        return {
            "phase": self.phase,
            **_figures(self, "offered", "achieved", "p50", "p95", "p99", "lag"),
            "requests": self.requests,
            "errors": self.errors,
            "holds": self.holds,
        }

    @classmethod
    def from_status(cls, entry: Mapping[str, Any]) -> Self:
        """Read an entry back.

        Raises:
            ArithmeticError, KeyError, TypeError, ValueError: it is unreadable.
        """
        return cls(
            phase=str(entry["phase"]),
            offered=Decimal(entry["offered"]),
            achieved=Decimal(entry["achieved"]),
            requests=int(entry["requests"]),
            errors=int(entry["errors"]),
            lag=Decimal(entry["lag"]),
            holds=bool(entry["holds"]),
            **{name: number_of(entry.get(name)) for name in ("p50", "p95", "p99")},
        )


@dataclass(frozen=True, slots=True)
class LoadTestResult:
    """What a run found, without what only the cluster knows: which revision it was, and what it cost."""

    verdict: Verdict
    """Pass: a capacity was found. Fail: no rate is low enough. NoEvidence: neither is known."""
    reason: str
    message: str
    capacity: Decimal | None = None
    """Highest rate at which every objective held, in requests per second of all replicas together."""
    ceiling: Decimal | None = None
    """Lowest rate above it at which one did not."""
    at_least: bool = False
    """Even the highest rate that may be tried held."""
    requests: int = 0
    """Requests that were sent in all."""
    schedule_lag: Decimal | None = None
    """How late requests were sent at most, in seconds, in 99 % of the cases of all steps."""
    tokens_per_second: Decimal | None = None
    """Events of streams that arrived in a second at the capacity."""
    first_token: Decimal | None = None
    """95th percentile of the time to the first event at the capacity, in seconds."""
    per_token: Decimal | None = None
    """95th percentile of an answer's mean time between events at the capacity, in seconds."""
    steps: tuple[StepRecord, ...] = ()
    soak_began: float | None = None
    """Seconds since the epoch: between these two instants the replicas carried their capacity."""
    soak_ended: float | None = None

    def to_status(self) -> dict[str, Any]:
        """The fields of a record of `status.loadTests`; `from_status` reads the same value back."""
        return {
            "verdict": str(self.verdict),
            "reason": self.reason,
            "message": self.message,
            **_figures(self, *_NUMBERS),
            **({"atLeast": True} if self.at_least else {}),
            "requests": self.requests,
            **({"steps": [step.to_status() for step in self.steps]} if self.steps else {}),
        }

    @classmethod
    def from_status(cls, entry: Mapping[str, Any]) -> Self:
        """Read a record back; fields that are not ours are left alone.

        Raises:
            ArithmeticError, KeyError, TypeError, ValueError: it is unreadable.
        """
        numbers: dict[str, Any] = {name: number_of(entry.get(to_camel(name))) for name in _NUMBERS}
        return cls(
            verdict=Verdict(entry["verdict"]),
            reason=str(entry["reason"]),
            message=str(entry["message"]),
            at_least=bool(entry.get("atLeast", False)),
            requests=int(entry.get("requests", 0)),
            steps=tuple(StepRecord.from_status(step) for step in entry.get("steps") or ()),
            **numbers,
        )

    def to_json(self) -> str:
        """One line that fits into a termination message: what is too much is left out from the middle of the steps."""
        whole = replace(self, message=self.message[:_MESSAGE_LIMIT], steps=_without_middle(self.steps, STEP_LIMIT))
        text = _line(whole)
        while len(text.encode()) > JSON_LIMIT and whole.steps:
            whole = replace(whole, steps=_without_middle(whole.steps, len(whole.steps) - 1))
            text = _line(whole)
        return text

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the line back.

        Raises:
            ValueError: it is no result of a load test.
        """
        try:
            entry = json.loads(text)
            result = cls.from_status(entry)
            return replace(result, soak_began=entry.get("soakBegan"), soak_ended=entry.get("soakEnded"))
        except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise ValueError(f"not the result of a load test: {error!r}") from error


_NUMBERS: Final = ("capacity", "ceiling", "schedule_lag", "tokens_per_second", "first_token", "per_token")


def _figures(record: StepRecord | LoadTestResult, *names: str) -> dict[str, str]:
    """Those of the fields that are known, as `status` has them."""
    known = {to_camel(name): getattr(record, name) for name in names}
    return {name: figure_of(number) for name, number in known.items() if number is not None}


def _line(result: LoadTestResult) -> str:
    soak = {"soakBegan": result.soak_began, "soakEnded": result.soak_ended}
    given = {name: round(instant, 3) for name, instant in soak.items() if instant is not None}
    return json.dumps(result.to_status() | given, separators=(",", ":"))


def _without_middle(steps: tuple[StepRecord, ...], most: int) -> tuple[StepRecord, ...]:
    """The first steps and the last ones: how it began and what decided."""
    if len(steps) <= most:
        return steps
    first = most // 3
    return steps[:first] + steps[len(steps) - (most - first) :]
