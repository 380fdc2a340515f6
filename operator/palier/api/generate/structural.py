"""From pydantic models to the structural schemas that Kubernetes accepts.

Pydantic writes JSON Schema 2020-12, of which an API server takes a subset: no references, no null, no constants. This
module rewrites the one into the other and refuses what should not be in a Kubernetes API at all: floating-point
numbers, strings and lists and maps without a bound, lists that do not say how they are merged, undescribed fields.
"""

import json
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, NoDefault
from pydantic_core import core_schema, to_jsonable_python
from typing_extensions import override

Schema = dict[str, Any]

PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"

_KEYWORDS: Final = (
    "description",
    "type",
    "format",
    "enum",
    "default",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
    "properties",
    "additionalProperties",
    "items",
    PRESERVE,
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
)
"""Every keyword in use, in the order in which it is written; any other is a mistake of ours."""


class UnfitForKubernetes(TypeError):  # noqa: N818 (says what the schema is)
    """A model that does not make a good Kubernetes API; the text names every offending field."""


class _WithDefaults(GenerateJsonSchema):
    """Also writes the defaults that are made by a function, and none that would give no field a value."""

    @override
    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        value = schema["default_factory"]() if "default_factory" in schema else super().get_default_value(schema)  # type: ignore[call-arg]
        return value if value is NoDefault or _says_something(to_jsonable_python(value)) else NoDefault

    @override
    def encode_default(self, dft: Any) -> Any:
        # Written out to the last field, because CEL rules see a default before its own fields get theirs.
        return _strip_empty(to_jsonable_python(dft, by_alias=True, exclude_none=True))


def _strip_empty(value: object) -> object:
    """A default without the fields that have none, so that it is the same however much of it a manifest writes."""
    if isinstance(value, dict):
        return {name: _strip_empty(entry) for name, entry in value.items() if _says_something(entry)}
    return value


def _says_something(value: object) -> bool:
    if isinstance(value, dict):
        return any(_says_something(entry) for entry in value.values())
    return value is not None and value != []


def structural_schema(model: type[BaseModel]) -> Schema:
    """The structural schema of a model, defaults and rules included.

    Raises:
        UnfitForKubernetes: the model has something that a Kubernetes API should not have.
    """
    generated = json.loads(json.dumps(model.model_json_schema(by_alias=True, schema_generator=_WithDefaults)))
    schema = _rewritten(generated, generated.get("$defs", {}))
    if faults := list(_faults(schema, model.__name__)):
        raise UnfitForKubernetes("; ".join(faults))
    return schema


def _rewritten(given: Schema, definitions: dict[str, Schema]) -> Schema:
    schema = _without_null(given)
    if reference := schema.pop("$ref", None):
        schema = {**definitions[reference.rpartition("/")[2]], **schema}
    schema.pop("$defs", None)
    schema.pop("title", None)
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    if schema.get("additionalProperties") is True:
        del schema["additionalProperties"]
        schema[PRESERVE] = True
    if "additionalProperties" in schema:
        schema["additionalProperties"] = _rewritten(schema["additionalProperties"], definitions)
    if "items" in schema:
        schema["items"] = _rewritten(schema["items"], definitions)
    if "properties" in schema:
        schema["properties"] = {name: _rewritten(field, definitions) for name, field in schema["properties"].items()}
    order = {keyword: position for position, keyword in enumerate(_KEYWORDS)}
    return dict(sorted(schema.items(), key=lambda item: order.get(item[0], len(order))))


def _without_null(given: Schema) -> Schema:
    """An optional field is one that may be left out; Kubernetes drops nulls."""
    schema = dict(given)
    if "anyOf" in schema:
        (present,) = (choice for choice in schema.pop("anyOf") if choice.get("type") != "null")
        schema = {**present, **schema}
    return schema


def _faults(schema: Schema, path: str) -> list[str]:
    found = [f"{path}: {keyword} is no keyword of ours" for keyword in schema if keyword not in _KEYWORDS]
    match schema.get("type"):
        case "object" if "additionalProperties" in schema:
            if "maxProperties" not in schema:
                found.append(f"{path}: a map needs a largest size")
            found += _faults(schema["additionalProperties"], f"{path}[]")
        case "object":
            for name, field in schema.get("properties", {}).items():
                if "description" not in field:
                    found.append(f"{path}.{name}: a field needs a description")
                found += _faults(field, f"{path}.{name}")
        case "array":
            found += [
                f"{path}: a list needs {keyword}"
                for keyword in ("maxItems", "x-kubernetes-list-type")
                if keyword not in schema
            ]
            found += _faults(schema["items"], f"{path}[]")
        case "string":
            if "maxLength" not in schema and "enum" not in schema:
                found.append(f"{path}: a string needs a largest length")
        case "integer" | "boolean":
            pass
        case other:
            found.append(f"{path}: {other or 'an untyped value'} has no place in a Kubernetes API")
    return found
