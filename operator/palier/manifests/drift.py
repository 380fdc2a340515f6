"""Whether an object that exists still says what Palier says of it, whatever others have added.

Palier is not alone with its objects: admission webhooks, defaults of newer APIs and people add fields. An operator that
took every addition for a difference would write for ever, and could never come to the end of a rollback. So only what
Palier states is compared. That alone would never take back what Palier stated before and states no more; therefore a
manifest can carry a digest of which fields it states, and an object with another digest has to be written again:
server-side apply then removes what is no longer stated, and leaves alone what others have added.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from palier.api.constants import GROUP

ANNOTATION_FIELDS: Final = f"{GROUP}/fields"
"""On an object: digest of which fields Palier states in its spec, whatever their values."""

_DIGITS: Final = 10


def fields_digest(spec: Mapping[str, Any]) -> str:
    """The digest of which fields a spec has; their values do not matter, and neither does their order."""
    named = "\n".join(sorted(_fields(spec, "")))
    return hashlib.sha256(named.encode()).hexdigest()[:_DIGITS]


def still_holds(live: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    """Whether an existing object has everything that a manifest states in its spec and its annotations.

    Fields that only the object has are somebody else's and make no difference, at any depth. A list that the manifest
    states is stated as a whole, as lists without keys are to the API server: another element in it (a second rule, a
    third backend, one more filter) is a difference, while its elements may have further fields.

    Args:
        live: the object as the API server has it.
        manifest: what is to be applied.
    """
    metadata = live.get("metadata", {})
    annotations = manifest["metadata"].get("annotations", {})
    return _contains(metadata.get("annotations") or {}, annotations) and _contains(live.get("spec"), manifest["spec"])


def _contains(live: Any, stated: Any) -> bool:  # noqa: ANN401 - any JSON value
    if isinstance(stated, str):
        return bool(live == stated)
    if isinstance(stated, Mapping):
        return isinstance(live, Mapping) and all(
            name in live and _contains(live[name], value) for name, value in stated.items()
        )
    if isinstance(stated, list):
        return (
            isinstance(live, list)
            and len(live) == len(stated)
            and all(_contains(actual, expected) for actual, expected in zip(live, stated, strict=True))
        )
    # Numbers are equal by value, however they are written; but Python also takes true for 1.
    return isinstance(live, bool) == isinstance(stated, bool) and bool(live == stated)


def _fields(value: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """The path of every field; elements of a list are distinguished by their place."""
    if isinstance(value, list):
        for place, part in enumerate(value):
            yield from _fields(part, f"{path}[{place}]")
    elif isinstance(value, Mapping):
        for name, part in value.items():
            inner = f"{path}.{name}"
            yield inner
            if not isinstance(part, str):
                yield from _fields(part, inner)
