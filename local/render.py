"""Fills in the templates; they are files, so that a reader sees the configuration as the programs do."""

import re
from collections.abc import Mapping

from local.paths import resource

_PLACE = re.compile(r"@\{(\w+)}")


def render(name: str, values: Mapping[str, object]) -> str:
    """A template with each ``@{name}`` in place of its value; a name without a value is a mistake of ours."""
    return fill(resource("templates", name).read_text(), values)


def fill(text: str, values: Mapping[str, object]) -> str:
    """The same for a text at hand."""
    return _PLACE.sub(lambda place: str(values[place.group(1)]), text)
