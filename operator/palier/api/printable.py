"""Text that a terminal prints and never obeys.

Names, label values, the words of a kubelet and of a gateway are written by others and end up in conditions, Events,
logs and on terminals. An escape character in one of them could move the cursor, hide a line or turn the order of the
letters around for whoever reads it. So whatever leaves Palier goes through one of these functions, which show such a
character instead of sending it.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

_OBEYED: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of what is not printed but obeyed: control and format characters, lone surrogates, separators."""
_JOINERS: Final = frozenset("\u200c\u200d")
"""Format characters that Persian, many scripts of India and emoji are spelt with; they only join their neighbours."""

_SUSPECT: Final = re.compile(r"[^\x20-\x7e]")

_LARGEST_BYTE: Final = 0xFF
_LARGEST_UNIT: Final = 0xFFFF

_SENTENCES: Final = frozenset({"about", "breach", "message"})
"""Fields of `status` that people read and by which nothing is recognised again."""
_PAGES: Final = frozenset({"candidate", "conditions", "former", "plan", "stable", "verdicts"})
"""Parts of `status` in which every text is for people, or has a form that needs no escape."""
_ROOM: Final = 1024
"""Characters that a sentence in `status` may have in any case: it may grow up to here by its escapes."""


def make_printable(text: str, *, keep: str = "") -> str:
    r"""The text with every character that a terminal would obey replaced by its escape, such as `\x1b`.

    Doing it again changes nothing more.

    Args:
        text: what somebody else may have written.
        keep: characters that stay, such as a newline where the text is a page of lines.
    """
    return _SUSPECT.sub(lambda found: found[0] if _harmless(found[0], keep) else _escape(ord(found[0])), text)


def make_json_printable(text: str) -> str:
    r"""A JSON text with the same meaning, in which such characters are escapes of JSON, such as `\u001b`.

    Args:
        text: valid JSON; between its strings only a newline stands out, and it stays.
    """
    return _SUSPECT.sub(lambda found: found[0] if _harmless(found[0], "\n") else _escape_in_json(ord(found[0])), text)


def make_status_printable(status: Mapping[str, Any]) -> dict[str, Any]:
    """A status whose sentences are printable; what Palier recognises something by stays as it is.

    The value of an annotation that was handled, or a segment whose counts are remembered, is compared with what comes
    from outside: escaped it would never be found again. No text outgrows the limit that it kept.
    """
    return {name: _made_printable(value, name, everything=name in _PAGES) for name, value in status.items()}


def _made_printable(value: Any, name: str, *, everything: bool) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        if not (everything or name in _SENTENCES) or not _SUSPECT.search(value):
            return value
        sentence = name in _SENTENCES - {"about"}
        return make_printable(value)[: max(len(value), _ROOM if sentence else 0)]
    if isinstance(value, list):
        return [_made_printable(one, name, everything=everything) for one in value]
    if isinstance(value, Mapping):
        return {inner: _made_printable(one, inner, everything=everything) for inner, one in value.items()}
    return value


def _harmless(character: str, keep: str) -> bool:
    return character in keep or character in _JOINERS or unicodedata.category(character) not in _OBEYED


def _escape(code: int) -> str:
    named = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get(chr(code))
    if named:
        return named
    if code <= _LARGEST_BYTE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _LARGEST_UNIT else f"\\U{code:08x}"


def _escape_in_json(code: int) -> str:
    if code <= _LARGEST_UNIT:
        return f"\\u{code:04x}"
    beyond = code - _LARGEST_UNIT - 1
    return f"\\u{0xD800 + (beyond >> 10):04x}\\u{0xDC00 + (beyond & 0x3FF):04x}"
