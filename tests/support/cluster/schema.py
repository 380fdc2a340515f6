"""What the API server would refuse of a status: fields that the CRD does not declare, values out of their bounds."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from palier.api.generate.crd import object_schema

SCHEMA: Mapping[str, Any] = object_schema()["properties"]["status"]
LARGEST = 2**63
TYPES = {"object": Mapping, "array": list, "string": str, "integer": int, "boolean": bool}


def violations(value: object, schema: Mapping[str, Any] = SCHEMA, path: str = "status") -> Iterator[str]:
    """Everything that is wrong with a value, as sentences that begin with its path."""
    if not isinstance(value, TYPES[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean"):
        yield f"{path} is no {schema['type']} but a {type(value).__name__}"
        return
    match value:
        case Mapping():
            declared = schema.get("properties", {})
            yield from (f"{path}.{name} is missing" for name in schema.get("required", ()) if name not in value)
            yield from (f"{path}.{name} is not declared" for name in value if name not in declared)
            for name in value.keys() & declared.keys():
                yield from violations(value[name], declared[name], f"{path}.{name}")
        case list():
            if len(value) > schema["maxItems"]:
                yield f"{path} has {len(value)} entries"
            keys = schema.get("x-kubernetes-list-map-keys", ())
            named = [tuple(entry.get(key) for key in keys) for entry in value if isinstance(entry, Mapping)]
            if keys and len({repr(name) for name in named}) < len(named):
                yield f"{path} has an entry twice"
            for index, entry in enumerate(value):
                yield from violations(entry, schema["items"], f"{path}[{index}]")
        case str() if not _fits(value, schema):
            yield f"{path} is {value!r}, which is not {schema}"
        case int() if not max(schema.get("minimum", -LARGEST), -LARGEST) <= value <= schema.get("maximum", LARGEST - 1):
            yield f"{path} is {value}, which is out of bounds"


def _fits(text: str, schema: Mapping[str, Any]) -> bool:
    return (
        len(text) <= schema.get("maxLength", LARGEST)
        and re.search(schema.get("pattern", ""), text) is not None
        and text in schema.get("enum", [text])
        and (schema.get("format") != "date-time" or _is_time(text))
    )


def _is_time(text: str) -> bool:
    """Whether the API server takes a text as a time; it knows more forms, which nobody writes."""
    try:
        return text[10:11] == "T" and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
