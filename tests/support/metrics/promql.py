"""Reads the matchers that Palier adds to a selector, as a Prometheus would apply them."""

import re
from collections.abc import Mapping

_MATCHER = re.compile(r'([a-zA-Z_]\w*)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"')


def plain(selector: str) -> str:
    """The selector as it was before Palier added its matchers, the first of which is about the namespace."""
    head, found, _ = selector.partition('namespace=~"')
    if not found:
        return selector
    name, brace, labels = head.partition("{")
    inner = labels.rstrip(",")
    return f"{name}{brace}{inner}}}" if inner else name


def selects(selector: str, labels: Mapping[str, str]) -> bool:
    """Whether a series has what the matchers ask for that Palier has added."""
    _, found, rest = selector.partition('namespace=~"')
    return all(_holds(labels.get(name, ""), *rule) for name, *rule in _MATCHER.findall(f"{found}{rest}"))


def _holds(value: str, operator: str, text: str) -> bool:
    wanted = re.sub(r"\\(.)", r"\1", text)
    fits = re.fullmatch(wanted, value) is not None if "~" in operator else wanted == value
    return fits != operator.startswith("!")
