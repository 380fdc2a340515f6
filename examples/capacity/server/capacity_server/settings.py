"""The environment is the server's only configuration, so that a manifest says everything; mistakes stop the start."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

# Seconds. An objective is exact only where its threshold is an edge.
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SECONDS = {"ms": 0.001, "s": 1.0}


class SettingsError(ValueError):
    """A variable of the environment is missing or makes no sense; the message names it."""


class Law(StrEnum):
    """How the time of a request is spread around its mean."""

    DETERMINISTIC = "deterministic"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True)
class Stream:
    """How an answer is streamed: so many tokens, the first after `first`, each of the others `between` later."""

    tokens: int
    first: float
    between: float

    def seconds(self, tokens: int) -> float:
        """How long a stream of so many tokens keeps its worker."""
        return self.first + (tokens - 1) * self.between


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says; times are seconds, and exactly one of the first three is set."""

    service_time: float | None = None
    work: float | None = None
    stream: Stream | None = None
    workers: int = 1
    law: Law = Law.DETERMINISTIC
    seed: int = 1
    waiting_room: int = 10_000
    load_seconds: float = 0.0
    drain_seconds: float = 5.0
    port: int = 8080
    buckets: tuple[float, ...] = LATENCY_BUCKETS


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: not exactly one of SERVICE_TIME, WORK and TOKENS is set, or a value is out of its range.
    """
    chosen = [name for name in ("SERVICE_TIME", "WORK", "TOKENS") if environment.get(name, "").strip()]
    if len(chosen) != 1:
        raise SettingsError(f"set one of SERVICE_TIME, WORK and TOKENS, not {' and '.join(chosen) or 'none'}")
    mode = chosen[0]
    settings = Settings(
        service_time=_duration(environment, "SERVICE_TIME", default=0) if mode == "SERVICE_TIME" else None,
        work=_duration(environment, "WORK", default=0) if mode == "WORK" else None,
        stream=_stream(environment) if mode == "TOKENS" else None,
        workers=int(_number(environment, "WORKERS", default=1, low=1, high=10_000)),
        law=_law(environment),
        seed=int(_number(environment, "SEED", default=1, low=0, high=2**31)),
        waiting_room=int(_number(environment, "WAITING_ROOM", default=10_000, low=0, high=1_000_000)),
        load_seconds=_number(environment, "LOAD_SECONDS", default=0, low=0, high=600),
        drain_seconds=_number(environment, "DRAIN_SECONDS", default=5, low=0, high=600),
        port=int(_number(environment, "PORT", default=8080, low=1, high=65535)),
        buckets=_buckets(environment),
    )
    if mode == "WORK" and settings.workers != 1:
        raise SettingsError("WORKERS must be 1 with WORK: the work is done by one thread")
    if mode == "TOKENS" and settings.law is not Law.DETERMINISTIC:
        raise SettingsError("LAW must be deterministic with TOKENS")
    return settings


def _stream(environment: Mapping[str, str]) -> Stream:
    return Stream(
        tokens=int(_number(environment, "TOKENS", default=1, low=1, high=100_000)),
        first=_duration(environment, "FIRST_TOKEN", default=0.2),
        between=_duration(environment, "TOKEN_TIME", default=0.02),
    )


def _law(environment: Mapping[str, str]) -> Law:
    text = environment.get("LAW", "").strip() or Law.DETERMINISTIC
    try:
        return Law(text)
    except ValueError:
        raise SettingsError(f"LAW must be {' or '.join(Law)}, not {text!r}") from None


def _buckets(environment: Mapping[str, str]) -> tuple[float, ...]:
    text = environment.get("BUCKETS", "").strip()
    if not text:
        return LATENCY_BUCKETS
    try:
        edges = tuple(float(edge) for edge in text.split(","))
    except ValueError:
        edges = ()
    if not edges or any(not 0 < edge < math.inf for edge in edges) or sorted(set(edges)) != list(edges):
        raise SettingsError(f"BUCKETS must be increasing seconds such as 0.05,0.1,0.25, not {text!r}")
    return edges


def _duration(environment: Mapping[str, str], name: str, *, default: float) -> float:
    """Return a time such as 20ms or 1.5s in seconds, at most a minute."""
    text = environment.get(name, "").strip()
    if not text:
        return default
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", text)
    value = float(found[1]) * _SECONDS[found[2]] if found else math.nan
    if not 0 < value <= 60:  # noqa: PLR2004 (a minute)
        raise SettingsError(f"{name} must be a time such as 20ms or 1.5s, at most 60s, not {text!r}")
    return value


def _number(environment: Mapping[str, str], name: str, *, default: float, low: float, high: float) -> float:
    """Return a plain decimal number between low and high, or the default when the variable is absent or empty."""
    text = environment.get(name, "").strip()
    if not text:
        return default
    value = float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else math.nan
    if not low <= value <= high:
        raise SettingsError(f"{name} must be a number from {low:g} to {high:g}, not {text!r}")
    return value
