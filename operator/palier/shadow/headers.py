"""What becomes of the headers of a request that is sent again: as little as possible.

Both versions have to be asked what the user asked. Only what belongs to the user's own connection is left out.
"""

import re
from typing import Final

from multidict import CIMultiDict, CIMultiDictProxy

_OF_THE_CONNECTION: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that are for the next hop alone (RFC 9110, 7.6.1), and those of the length, which is written again."""
_READABLE: Final = ("gzip", "deflate", "identity")
"""Encodings of an answer that Python reads without more libraries."""
_SHADOW: Final = re.compile(r"-shadow(?=:[0-9]+\Z|\Z)")


def users_host(host: str) -> str:
    """The host that the user asked for: Envoy writes `-shadow` behind it in its copies."""
    return _SHADOW.sub("", host, count=1)


def forward_headers(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """The headers to send on."""
    named = {name.strip().lower() for value in headers.getall("connection", ()) for name in value.split(",")}
    forwarded: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        lowered = name.lower()
        if lowered in _OF_THE_CONNECTION or lowered in named:
            continue
        if lowered == "host":
            forwarded[name] = users_host(value)
        elif lowered == "accept-encoding":
            forwarded[name] = _readable(value)
        else:
            forwarded.add(name, value if value.isascii() else _sendable(value))
    return forwarded


def _readable(value: str) -> str:
    """The encodings that the user's program understands and this one too."""
    both = (part.strip() for part in value.split(","))
    return ", ".join(part for part in both if part.partition(";")[0].strip().lower() in _READABLE) or "identity"


def _sendable(value: str) -> str:
    """A value without bytes that are no UTF-8, which cannot be written."""
    return value.encode(errors="surrogateescape").decode(errors="replace")
