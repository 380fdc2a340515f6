"""How the values that several commands take are written at the command line."""

import argparse
import re
from decimal import Decimal
from urllib.parse import urlsplit


def parse_address(text: str) -> tuple[str, str]:
    """An address as the part that names the server and the path."""
    try:
        parts = urlsplit(text)
        valid = bool(parts.scheme in {"http", "https"} and parts.hostname and not re.search(r"\s|#", text))
        valid = valid and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise argparse.ArgumentTypeError(f"an address is written http://host:port/path, not {text!r}")
    return f"{parts.scheme}://{parts.netloc}", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def parse_percent(text: str, *, such_as: str) -> Decimal:
    """A number of percent, above 0 and below 100."""
    match = re.fullmatch(r"([0-9]{1,2}(?:\.[0-9]{1,4})?)%", text)
    if match is None or Decimal(match[1]) <= 0:
        raise argparse.ArgumentTypeError(
            f"a share is written in percent, above 0 and below 100, such as {such_as}, not {text!r}"
        )
    return Decimal(match[1])


def parse_count(text: str) -> int:
    """A whole number above 0."""
    if not re.fullmatch("[0-9]{1,9}", text) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, not {text!r}")
    return int(text)
