"""The environment is the server's only configuration, so that a manifest says everything; mistakes stop the start."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path("/srv/model")


class SettingsError(ValueError):
    """A variable of the environment makes no sense; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says."""

    folder: Path = _FOLDER
    port: int = 8080
    intra_op_threads: int = 1
    drain_seconds: float = 5.0


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a number is not a number or out of its range.
    """
    return Settings(
        folder=Path(environment.get("MODEL_FOLDER") or _FOLDER),
        port=int(_number(environment, "PORT", default=8080, low=1, high=65535)),
        intra_op_threads=int(_number(environment, "INTRA_OP_THREADS", default=1, low=1, high=64)),
        drain_seconds=_number(environment, "DRAIN_SECONDS", default=5, low=0, high=600),
    )


def _number(environment: Mapping[str, str], name: str, *, default: float, low: float, high: float) -> float:
    """Return a plain decimal number between low and high, or the default when the variable is absent or empty."""
    text = environment.get(name, "").strip()
    if not text:
        return default
    value = float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else math.nan
    if not low <= value <= high:
        raise SettingsError(f"{name} must be a number from {low:g} to {high:g}, not {text!r}")
    return value
