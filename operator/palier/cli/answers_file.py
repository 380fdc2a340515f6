"""`spec.answers` out of a file, for the commands that compare answers by hand.

A field that does not exist is refused with those that do: a misspelled check would check nothing, unnoticed.
"""

from collections.abc import Iterator, Sequence
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from palier.api.constants import KIND
from palier.api.spec.answers import Answers
from palier.errors import InvalidSettings, InvalidSpec


def answers_in(text: str, *, name: str) -> Answers:
    """How answers are compared, as a file says.

    Args:
        text: YAML: a ModelDeployment among any other objects, or what stands in its `spec.answers`.
        name: what the file is called in messages.

    Raises:
        InvalidSettings: it is no YAML, or holds not exactly one object with checks.
        InvalidSpec: what it holds breaks a rule of the API.
    """
    try:
        documents = [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidSettings(f"{name}: {' '.join(str(error).split())}") from error
    candidates = [one for one in documents if one.get("kind") == KIND] or documents
    if len(candidates) != 1:
        raise InvalidSettings(f"{name} holds {len(candidates)} objects with checks; one is needed")
    try:
        return Answers.model_validate(_part(candidates[0]), extra="forbid")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
        place += first["ctx"]["field"] if first["type"] == "rule" else ""
        message = first["msg"]
        if first["type"] == "extra_forbidden":
            message = f"there is no such field; the fields are {', '.join(_fields(Answers, first['loc'][:-1]))}"
        raise InvalidSpec(f"{name}: {place.removeprefix('.') or 'answers'}", message) from None


def _part(document: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever the file has
    """What is said about answers in a ModelDeployment, under `answers`, or by itself."""
    if document.get("kind") != KIND:
        return document.get("answers", document)
    spec = document.get("spec")
    return spec.get("answers", {}) if isinstance(spec, dict) else {}


def _fields(model: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """The fields, as they are written, of the object at a place."""
    for step in place:
        known = {one.alias or name: one.annotation for name, one in model.model_fields.items()}
        model = next(_models(known.get(str(step))), model)
    return [one.alias or name for name, one in model.model_fields.items()]


def _models(kind: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any type that a field can have
    """The models in a type such as `list[Check]` or `Similarity | None`."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        yield from _models(part)
