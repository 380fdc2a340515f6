"""How the operator writes its log: lines for people, or JSON for programs that collect it."""

import json
import logging
import sys
from datetime import UTC, datetime

from typing_extensions import override

from palier.settings import Settings

__all__ = ["set_up"]


class _Lines(logging.Formatter):
    """One readable line, in UTC as the API server's own times."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    @override
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return _instant(record)


class _Json(logging.Formatter):
    """One JSON object on one line."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _instant(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def set_up(settings: Settings) -> None:
    """Write the log to standard error, as the settings say."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if settings.log_format == "json" else _Lines())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    # Its debug lines describe its own selector.
    logging.getLogger("asyncio").setLevel(logging.INFO)


def _instant(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
