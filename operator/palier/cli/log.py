"""How the operator writes its log: lines for people, or JSON for programs that collect it.

A name or a message that somebody else wrote cannot forge a line or steer a terminal: what is not printed is escaped.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from types import TracebackType
from typing import TypeAlias

from typing_extensions import override

from palier.api.printable import make_json_printable, make_printable
from palier.settings import Settings

_Caught: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
"""What `sys.exc_info` returns."""


class _Lines(logging.Formatter):
    """One readable line, in UTC as the API server's own times."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    @override
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return _instant(record)

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        return make_printable(super().formatMessage(record))

    @override
    def formatException(self, ei: _Caught) -> str:
        return make_printable(super().formatException(ei), keep="\n")

    @override
    def formatStack(self, stack_info: str) -> str:
        return make_printable(super().formatStack(stack_info), keep="\n")


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
        return make_json_printable(json.dumps(entry, ensure_ascii=False))


def set_up(settings: Settings) -> None:
    """Write the log to standard error, as the settings say."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if settings.log_format == "json" else _Lines())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    # Its debug lines describe its own selector.
    logging.getLogger("asyncio").setLevel(logging.INFO)


def _instant(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
