"""Rules of the API, each written once: as CEL for the API server and as Python for objects that are already stored.

The API server refuses a new object that breaks a rule. An object stored before the rule existed, or while the schema
was not installed, reaches the operator all the same; there the same rule is checked again with the same words. The
exception is a rule that only advises whoever writes a spec: an object that breaks it can still be acted on, and is.
"""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from palier.api.field_names import to_camel

VALIDATIONS = "x-kubernetes-validations"

Holds = Callable[[Any], bool]


class Reason(StrEnum):
    """The machine-readable reason that the API server gives with a refusal."""

    INVALID = "FieldValueInvalid"
    REQUIRED = "FieldValueRequired"
    FORBIDDEN = "FieldValueForbidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the API.

    Attributes:
        cel: the rule in the Common Expression Language; `self` is the value it belongs to.
        holds: the same rule in Python, given the parsed value; None where stored objects may break it, because the
            release has an answer of its own to that.
        message: what the author of a manifest reads; it says what is allowed, not only what is wrong.
        field: path of the field that the error is shown at, relative to the value; empty for the value itself.
        reason: the machine-readable reason.
    """

    cel: str
    holds: Holds | None
    message: str
    field: str = ""
    reason: Reason = Reason.INVALID

    def check(self, value: object) -> None:
        """Raise pydantic's error when the rule is broken; `field` travels in the error's context."""
        if self.holds is not None and not self.holds(value):
            raise PydanticCustomError("rule", "{message}", {"message": self.message, "field": self.field})

    def as_schema(self) -> dict[str, str]:
        """The entry of `x-kubernetes-validations`."""
        return {
            **({"fieldPath": self.field} if self.field else {}),
            "message": self.message,
            "reason": self.reason.value,
            "rule": self.cel,
        }


def _with_rules(schema: dict[str, Any], model: type[Any]) -> None:
    if model.constraints:
        schema[VALIDATIONS] = [rule.as_schema() for rule in model.constraints]


class ApiObject(BaseModel):
    """Base of every object of the API: camelCase in YAML, unknown fields ignored, immutable, rules checked."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
        json_schema_extra=_with_rules,
    )

    constraints: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _obeys_its_constraints(self) -> Self:
        for rule in self.constraints:
            rule.check(self)
        return self


class RuledString(str):
    """A string with a form of its own; subclasses say which."""

    __slots__ = ()

    form: ClassVar[str]
    """Regular expression of the whole value, in the syntax that Go and Python share."""
    longest: ClassVar[int]
    constraints: ClassVar[tuple[Rule, ...]]

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Parse any string within the length, then check the rules, so that the error carries the rule's message."""
        return core_schema.no_info_after_validator_function(
            cls._check_text,
            core_schema.str_schema(max_length=cls.longest),
            serialization=core_schema.to_string_ser_schema(),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema of the value, rules included."""
        return {
            "type": "string",
            "minLength": 1,
            "maxLength": cls.longest,
            "pattern": cls.form,
            VALIDATIONS: [rule.as_schema() for rule in cls.constraints],
        }

    @classmethod
    def _check_text(cls, text: str) -> Self:
        for rule in cls.constraints:
            rule.check(text)
        return cls(text)


def matches(pattern: str, *, message: str) -> Rule:
    """The rule that a whole string has a form, in words instead of a regular expression."""
    compiled = re.compile(pattern.removeprefix("^").removesuffix("$"))
    return Rule(
        cel=f"self.matches(r'{pattern}')",
        holds=lambda text: compiled.fullmatch(text) is not None,
        message=message,
    )


@dataclass(frozen=True, slots=True)
class ListType:
    """How server-side apply merges a list: as a whole, as a set of values, or entry by entry under a key."""

    kind: Literal["atomic", "set", "map"]
    key: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        """The list's own schema, and no duplicates where the API server allows none."""
        if self.kind == "atomic":
            return handler(source)
        return core_schema.no_info_after_validator_function(self._without_duplicates, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The list's own schema with the extensions that Kubernetes reads."""
        listing = {**handler(schema), "x-kubernetes-list-type": self.kind}
        if self.kind == "map":
            listing["x-kubernetes-list-map-keys"] = [self.key]
        return listing

    def _without_duplicates(self, entries: list[Any]) -> list[Any]:
        seen: set[Hashable] = set()
        for index, entry in enumerate(entries):
            identity = self._identity(entry)
            if identity in seen:
                what = f"{self.key} " if self.key else ""
                raise PydanticCustomError(
                    "rule",
                    "{message}",
                    {"message": f"the {what}{identity!r} is already taken by an earlier entry", "field": f"[{index}]"},
                )
            seen.add(identity)
        return entries

    def _identity(self, entry: Any) -> Hashable:  # noqa: ANN401
        if self.kind == "set":
            return str(entry)
        return str(entry[self.key] if isinstance(entry, dict) else getattr(entry, self.key))


ATOMIC = ListType("atomic")
SET = ListType("set")
BY_NAME = ListType("map", "name")
