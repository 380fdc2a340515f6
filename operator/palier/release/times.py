"""Instants as `status` writes them; an instant read back is the same to the microsecond."""

from datetime import UTC, datetime


def format_time(seconds: float) -> str:
    """Seconds since the epoch as RFC 3339 with microseconds, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_time(text: str) -> float:
    """The inverse of `format_time`, to the microsecond."""
    return datetime.fromisoformat(text).timestamp()


def optional_time(value: str | None) -> float | None:
    """The instant, or None where nothing is written."""
    return parse_time(value) if value else None
