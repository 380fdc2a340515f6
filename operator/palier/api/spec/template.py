"""What has to be true of a pod template before Palier reads it, hashes it and puts something into it.

The API server stores a template as it is written, whatever it is, and checks it only when the Deployment is applied;
that check stays the authority. But what is no value of a Kubernetes API at all, or has another shape than the parts
that Palier itself touches, would fail here first and in the words of a programming language. So it is refused before,
with its path. Nothing here recurses: a template may nest ten thousand levels deep.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

DEEPEST_TEMPLATE: Final = 32
"""Levels of lists and objects in the spec of a pod template, itself among them; Kubernetes needs about twelve."""
SHOWN_LEVELS: Final = 4
"""Levels of what nests too deep that are named."""
LARGEST: Final = 2**63

_OBJECTS: Final = ("volumes", "initContainers", "ephemeralContainers")
"""Fields of a pod, besides its containers, that are lists of objects."""
_OBJECTS_OF_CONTAINER: Final = ("env", "envFrom", "ports", "volumeMounts")
_CONTAINERS: Final = ("containers", "initContainers", "ephemeralContainers")


@dataclass(frozen=True, slots=True)
class _Place:
    """A value somewhere in a template, and the way to it."""

    value: Any
    step: str = ""
    above: Self | None = None
    depth: int = 0

    @property
    def path(self) -> str:
        """The path from the template, such as `.containers[0].env`; only its beginning where it is deep."""
        steps: list[str] = []
        place: _Place | None = self
        while place is not None:
            steps.append(place.step)
            place = place.above
        whole = steps[::-1]
        return "".join(whole if len(whole) <= DEEPEST_TEMPLATE else whole[: SHOWN_LEVELS + 1])

    def list_inner(self) -> Iterator["_Place"]:
        """The values right inside."""
        if isinstance(self.value, Mapping):
            for key, value in self.value.items():
                yield _Place(value, step_of(str(key)), self, self.depth + 1)
        elif isinstance(self.value, list):
            for index, value in enumerate(self.value):
                yield _Place(value, f"[{index}]", self, self.depth + 1)

    def descend(self, *names: str) -> "_Place":
        """The value of a field of a field; None where there is none."""
        place = self
        for name in names:
            value = place.value.get(name) if isinstance(place.value, Mapping) else None
            place = _Place(value, step_of(name), place, place.depth + 1)
        return place


def step_of(name: str) -> str:
    """The part of a path that names a field, as Kubernetes writes paths, and always printable."""
    printable = name if name.isprintable() else ascii(name)[1:-1]
    return f".{name}" if name.isidentifier() else f"[{printable}]"


def check_template(spec: object) -> tuple[str, str] | None:
    """The first thing that is wrong with the spec of a pod template; None where Palier can work with it.

    Returns:
        The path from the spec of the template, such as `.containers[0].env`, and a sentence about it.
    """
    root = _Place(spec)
    return _fault_of_values(root) or _fault_of_shape(root)


def _fault_of_values(root: _Place) -> tuple[str, str] | None:
    """What no field of a Kubernetes API can hold, wherever it stands."""
    left = [root]
    while left:
        place = left.pop()
        if wrong := _fault_of_value(place):
            return place.path, wrong
        left += place.list_inner()
    return None


def _fault_of_value(place: _Place) -> str:
    match place.value:
        case Mapping() | list() if place.depth >= DEEPEST_TEMPLATE:
            return f"it is nested more than {DEEPEST_TEMPLATE} levels deep"
        case Mapping() if not all(isinstance(key, str) and _is_unicode(key) for key in place.value):
            return "it has a field whose name is not a text"
        case str() if not _is_unicode(place.value):
            return "it has characters that are not Unicode"
        case bool() | str() | None | Mapping() | list():
            return ""
        case int() if abs(place.value) < LARGEST:
            return ""
        case float() if math.isfinite(place.value):
            return ""
        case int() | float():
            return "it is a number that does not fit into 64 bits"
        case other:
            return f"it is a {type(other).__name__}, which is not a value of JSON"


def _is_unicode(text: str) -> bool:
    """Whether a text has no half of a surrogate pair, which nothing can be written with."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _fault_of_shape(pod: _Place) -> tuple[str, str] | None:
    """What Palier cannot add to: a volume, a mount, an accelerator."""
    for name in _OBJECTS:
        if wrong := _fault_of_list(pod.descend(name)):
            return wrong
    containers = [
        container
        for name in _CONTAINERS
        for container in pod.descend(name).list_inner()
        if isinstance(container.value, Mapping)
    ]
    maps = [pod.descend("nodeSelector")]
    for container in containers:
        for name in _OBJECTS_OF_CONTAINER:
            if wrong := _fault_of_list(container.descend(name)):
                return wrong
        maps += [container.descend("resources", *part) for part in ((), ("limits",), ("requests",))]
    odd = next((place for place in maps if place.value is not None and not isinstance(place.value, Mapping)), None)
    return (odd.path, "it has to be an object") if odd else None


def _fault_of_list(place: _Place) -> tuple[str, str] | None:
    if place.value is None:
        return None
    if not isinstance(place.value, list):
        return place.path, "it has to be a list"
    odd = next((entry for entry in place.list_inner() if not isinstance(entry.value, Mapping)), None)
    return (odd.path, "it has to be an object") if odd else None
