"""The memory of an object as it is stored, of which only what the API declares is taken over.

The API server checks a status when it is written, but what is there may come from another version, out of a backup, or
from before a bound was there. Reading a part that is not as declared would fail, and writing it again would be
refused, together with everything beside it. So every status passes here before it is read or written again.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from palier.api.same_json import is_same_json
from palier.api.spec.template import LARGEST, step_of
from palier.api.status.status import Status

_DECLARED: Final = frozenset(field.alias for field in Status.model_fields.values())
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def fitting_status(
    status: object, *, stored: Mapping[str, Any] = _NOTHING, kept_of_it: Mapping[str, Any] = _NOTHING
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The parts of a stored status that are as the API declares them, and the paths of those that are not.

    A part is a field of `status` itself: one with anything undeclared inside is left out as a whole.

    Args:
        status: as it is stored.
        stored: a status that was read before; a part that is still the same is not read again.
        kept_of_it: the parts of `stored` that were as the API declares them.
    """
    if status is None:
        return {}, ()
    if not isinstance(status, Mapping):
        return {}, ("status",)
    kept: dict[str, Any] = {}
    odd: list[str] = []
    for name, value in status.items():
        if name in kept_of_it and is_same_json(value, stored.get(name)):
            kept[name] = kept_of_it[name]
            continue
        if name not in _DECLARED:
            odd.append(f"status{step_of(str(name))}")
            continue
        try:
            part = Status.model_validate({name: value})
        except (ValidationError, RecursionError, OverflowError):
            odd.append(f"status.{name}")
            continue
        read = part.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
        if name in read and _fits_64_bits(read[name]):
            kept[name] = read[name]
        else:
            odd.append(f"status.{name}")
    return kept, tuple(odd)


def _fits_64_bits(value: object) -> bool:
    """Whether no number in a part is too large; a part that was validated is as deep as its declaration."""
    match value:
        case str():
            return True
        case dict():
            return all(map(_fits_64_bits, value.values()))
        case list():
            return all(map(_fits_64_bits, value))
        case int():
            return abs(value) < LARGEST
        case _:
            return True
