"""Models that do not make a good Kubernetes API are refused, with the field that is at fault."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, create_model

from palier.api.generate.structural import UnfitForKubernetes, structural_schema
from palier.api.rule import ATOMIC

Text = Annotated[str, Field(max_length=10)]


def _model(kind: object) -> type[BaseModel]:
    field: Any = Annotated[kind, Field(description="A field.")]
    return create_model("Kind", field=field)


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (float, "Kind.field: number has no place in a Kubernetes API"),
        (Any, "Kind.field: an untyped value has no place in a Kubernetes API"),
        (str, "Kind.field: a string needs a largest length"),
        (dict[str, Text], "Kind.field: a map needs a largest size"),
        (list[Text], "Kind.field: a list needs maxItems; Kind.field: a list needs x-kubernetes-list-type"),
        (Annotated[list[str], Field(max_length=1), ATOMIC], "Kind.field[]: a string needs a largest length"),
        (Annotated[dict[str, str], Field(max_length=1)], "Kind.field[]: a string needs a largest length"),
        (Annotated[int, Field(gt=0)], "Kind.field: exclusiveMinimum is no keyword of ours"),
    ],
    ids=str,
)
def test_refuses(kind: object, fault: str) -> None:
    """What an API server would refuse, or price too high, or what clients cannot read the same everywhere."""
    with pytest.raises(UnfitForKubernetes) as caught:
        structural_schema(_model(kind))

    assert str(caught.value) == fault


def test_refuses_fields_without_a_description() -> None:
    """`kubectl explain` must have something to say."""

    class Silent(BaseModel):
        field: bool

    with pytest.raises(UnfitForKubernetes, match=r"Silent\.field: a field needs a description"):
        structural_schema(Silent)


def test_an_optional_field_is_one_that_may_be_left_out() -> None:
    """Kubernetes drops nulls, so the schema has none."""

    class Optional(BaseModel):
        field: Annotated[int | None, Field(description="A field.")] = None

    assert structural_schema(Optional) == {
        "type": "object",
        "properties": {"field": {"description": "A field.", "type": "integer"}},
    }


def test_references_are_written_out_and_the_field_describes_itself() -> None:
    """Structural schemas have no references; what the field says is nearer than what its type says."""

    class Word(StrEnum):
        """The type's words."""

        ONE = "One"

    class Kind(BaseModel):
        field: Annotated[Word, Field(description="The field's words.")]

    assert structural_schema(Kind)["properties"]["field"] == {
        "description": "The field's words.",
        "type": "string",
        "enum": ["One"],
    }


def test_a_constant_is_an_enumeration_of_one() -> None:
    """Structural schemas have no constants."""
    assert structural_schema(_model(Literal["One"]))["properties"]["field"]["enum"] == ["One"]


def test_defaults_are_written_out_in_full() -> None:
    """CEL rules of an object see its default before its fields get theirs."""

    class Inner(BaseModel):
        number: Annotated[int, Field(description="A number.")] = 3
        absent: Annotated[int | None, Field(description="Nothing.")] = None
        empty: Annotated[dict[str, Text], Field(description="Nothing.", max_length=1, default_factory=dict)]

    class Outer(BaseModel):
        inner: Annotated[Inner, Field(description="Made by a function.", default_factory=Inner)]

    assert structural_schema(Outer)["properties"]["inner"]["default"] == {"number": 3}
