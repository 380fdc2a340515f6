"""How the values of `palier simulate` are written at the command line."""

import argparse
import re

from palier.api.spec.values import Duration
from palier.simulate.case import Span, Stage


def parse_whole(text: str, *, least: int) -> int:
    """A whole number that is large enough."""
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least {least}, not {text}")
    return int(text)


def share(text: str) -> float:
    """A share: `0.05` or `5%`."""
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a share is written 0.05 or 5%, not {text!r}") from None


def seconds(text: str) -> float:
    """A time: a number of seconds, or a duration such as `5m`."""
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return float(text)
    if re.fullmatch(Duration.form, text):
        return Duration(text).seconds
    raise argparse.ArgumentTypeError(f"a time is written 30, 30s, 5m or 1h30m, not {text!r}")


def write_time(time: float) -> str:
    """A time in seconds as people type it: `5m`, `1h30m`, `250ms`."""
    if time != int(time):
        return f"{1000 * time:g}ms"
    minutes, rest = divmod(int(time), 60)
    parts = zip((*divmod(minutes, 60), rest), "hms", strict=True)
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def span(text: str) -> Span:
    """A stretch of time: `20m+5m` begins after 20 minutes and lasts for 5."""
    start, plus, length = text.partition("+")
    if not plus:
        raise argparse.ArgumentTypeError(f"a stretch of time is written START+LENGTH, such as 20m+5m, not {text!r}")
    return Span(seconds(start), seconds(length))


def stages(text: str) -> tuple[Stage, ...]:
    """Stages as `WEIGHT[:MIN[:MAX]]` with commas between them; the API's own default times."""
    return tuple(_stage(part) for part in text.split(","))


def _stage(text: str) -> Stage:
    weight, *times = text.split(":")
    if not weight.strip().isdigit() or len(times) > 2:  # noqa: PLR2004 - shortest and longest
        raise argparse.ArgumentTypeError(f"a stage is written WEIGHT[:MIN[:MAX]], such as 5:10m:1h, not {text!r}")
    minimum = seconds(times[0]) if times else 60.0
    return Stage(int(weight), minimum, seconds(times[1]) if len(times) > 1 else max(3600.0, minimum))
