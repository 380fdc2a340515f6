"""What the API server would refuse of a status: fields that the CRD does not declare, values out of their bounds."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from palier.api.crd import object_schema

SCHEMA: Mapping[str, Any] = object_schema()["properties"]["status"]
LARGEST = 2**63


def violations(value: object, schema: Mapping[str, Any] = SCHEMA, path: str = "status") -> Iterator[str]:
    """Everything that is wrong with a value, as sentences that begin with its path."""
    match value:
        case Mapping():
            declared = schema.get("properties", {})
            yield from (f"{path}.{name} is not declared" for name in value if name not in declared)
            for name in value.keys() & declared.keys():
                yield from violations(value[name], declared[name], f"{path}.{name}")
        case list():
            if len(value) > schema["maxItems"]:
                yield f"{path} has {len(value)} entries"
            for index, entry in enumerate(value):
                yield from violations(entry, schema["items"], f"{path}[{index}]")
        case str() if not _fits(value, schema):
            yield f"{path} is {value!r}, which is not {schema}"
        case int() if abs(value) >= LARGEST:
            yield f"{path} is {value}, which is no 64-bit integer"


def _fits(text: str, schema: Mapping[str, Any]) -> bool:
    return (
        len(text) <= schema.get("maxLength", LARGEST)
        and re.search(schema.get("pattern", ""), text) is not None
        and text in schema.get("enum", [text])
    )
