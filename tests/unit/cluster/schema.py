"""What the API server would refuse of a status: fields that the CRD does not declare, and values out of their bounds."""

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
            for name, entry in value.items():
                if name in schema.get("properties", {}):
                    yield from violations(entry, schema["properties"][name], f"{path}.{name}")
                else:
                    yield f"{path}.{name} is not declared"
        case list():
            if len(value) > schema["maxItems"]:
                yield f"{path} has {len(value)} entries"
            for index, entry in enumerate(value):
                yield from violations(entry, schema["items"], f"{path}[{index}]")
        case str():
            if len(value) > schema.get("maxLength", LARGEST):
                yield f"{path} has {len(value)} characters"
            if "pattern" in schema and re.search(schema["pattern"], value) is None:
                yield f"{path} is {value!r}, which does not match {schema['pattern']}"
            if "enum" in schema and value not in schema["enum"]:
                yield f"{path} is {value!r}"
        case int():
            if abs(value) >= LARGEST:
                yield f"{path} is {value}, which is no 64-bit integer"
