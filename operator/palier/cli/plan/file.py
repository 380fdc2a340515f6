"""What a file says that matters for its cost: written for this version, for a later one, or read from a cluster.

A plan is wanted early, when objectives and stages are still sketches, so only what costs money has to be readable. All
the rest may be wrong or unknown, but it is named: a reader must not believe that it was counted.
"""

import copy
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from palier.api.constants import KIND
from palier.api.v1alpha1 import Latency, ModelDeployment, TimeSignal, parse
from palier.cli.yaml_files import explain_unreadable
from palier.errors import InvalidSettings, InvalidSpec

_LISTS = {"spec.objectives": "objective", "spec.release.stages": "stage"}
"""Lists whose entries can be left out one by one."""
_WHOLE: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "spec.traffic": ("spec", "traffic", {"traffic": {"service": {}}}),
    "spec.signals": ("spec", "signals", {}),
    "spec.model.prompts": ("spec.model", "prompts", {}),
}
"""Parts that can be left out as a whole: where they are, and what stands in for them."""
_FREE = {"template", "resources", "tolerations"}
"""Parts that belong to Kubernetes, which knows their fields."""
_NOT_SPEC = {"apiVersion", "kind", "metadata", "status"}


@dataclass(frozen=True, slots=True)
class Draft:
    """One ModelDeployment of a file."""

    deployment: ModelDeployment
    notes: tuple[str, ...]
    """What was not read, and why."""
    promise: Latency | None
    """The first promise about whole answers, readable or not in its place: the picture shows it."""
    load_tests: tuple[Mapping[str, Any], ...]
    """The entries of `status.loadTests`, where the object was read from a cluster."""


def drafts(path: str) -> tuple[Draft, ...]:
    """Every ModelDeployment of a file, or of the standard input if its name is `-`.

    Raises:
        InvalidSettings: the file cannot be read, or holds no ModelDeployment.
        InvalidSpec: a part that matters for the cost breaks a rule of the API.
    """
    with explain_unreadable(path):
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        bodies = [one for one in _objects(yaml.safe_load_all(text)) if one.get("kind") == KIND]
    if not bodies:
        raise InvalidSettings(f"{path} holds no {KIND}")
    return tuple(_one_of(bodies, body) for body in bodies)


def draft(body: Mapping[str, Any]) -> Draft:
    """What can be read of one object.

    Raises:
        InvalidSpec: a part that matters for the cost breaks a rule of the API.
    """
    given, notes = copy.deepcopy(dict(body)), []
    while True:
        try:
            deployment = parse(given)
        except InvalidSpec as error:
            notes.append(_left_out(given, error))
        else:
            break
    if deployment.spec.scale is None:
        raise InvalidSpec(
            "spec.scale", 'a plan needs the traffic to carry, such as scale: {target: {requestsPerSecond: "200"}}'
        )
    return Draft(deployment, (*notes, *_unknown(given)), _promise(body), _entries(body, "status.loadTests"))


def _one_of(bodies: Sequence[Mapping[str, Any]], body: Mapping[str, Any]) -> Draft:
    """One object; among several, a mistake is reported with its name."""
    try:
        return draft(body)
    except InvalidSpec as error:
        if len(bodies) == 1:
            raise
        name = _find_value(body, "metadata.name") or "without a name"
        raise InvalidSpec(f"{KIND} {name}: {error.field}", error.message) from None


def _objects(documents: Iterator[Any]) -> Iterator[dict[str, Any]]:
    """Every object, also those of lists as `kubectl get --output yaml` prints them."""
    for document in documents:
        if isinstance(document, dict) and isinstance(document.get("items"), list):
            yield from _objects(iter(document["items"]))
        elif isinstance(document, dict):
            yield document


def _left_out(body: dict[str, Any], error: InvalidSpec) -> str:
    """Take the offending part out of the object, and say what it was.

    Raises:
        InvalidSpec: it matters for the cost, or cannot be located.
    """
    for path, word in _LISTS.items():
        if error.field.startswith(path):
            entries, index = _find_value(body, path), _index(error.field, path)
            if isinstance(entries, list) and index is not None and index < len(entries):
                name = _name(entries.pop(index))
                return f"{word} {name or index} is not read: {error.message}"
            if isinstance(entries, list) and entries and path == "spec.objectives":
                entries.clear()
                return f"the objectives are not checked: {error.message}"
    for path, (parent, key, instead) in _WHOLE.items():
        holder = _find_value(body, parent)
        if error.field.startswith(path) and isinstance(holder, dict) and holder.get(key) != instead.get(key):
            del holder[key]
            holder |= instead
            return f"{path} is not read: {error.message}"
    raise error


def _find_value(body: Mapping[str, Any], path: str) -> object:
    value: Any = body
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _index(field: str, path: str) -> int | None:
    """The index behind the path of a list: 2 of `spec.objectives[2].latency`."""
    number, bracket, _ = field.removeprefix(path).removeprefix("[").partition("]")
    return int(number) if bracket and number.isdecimal() else None


def _name(entry: object) -> str:
    """What people call an entry: its name, or the only thing that it holds."""
    if not isinstance(entry, dict):
        return ""
    return str(entry.get("name") or next(iter(entry), ""))


def _unknown(body: Mapping[str, Any]) -> Iterator[str]:
    """Fields that this version does not know."""
    try:
        ModelDeployment.model_validate(dict(body), extra="forbid")
    except ValidationError as error:
        for one in error.errors(include_url=False):
            path = one["loc"]
            if one["type"] == "extra_forbidden" and path[0] not in _NOT_SPEC and not _FREE & set(path):
                field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
                yield f"{field.removeprefix('.')} is not read: this version does not know the field"


def _promise(body: Mapping[str, Any]) -> Latency | None:
    for entry in _entries(body, "spec.objectives"):
        try:
            latency = Latency.model_validate(entry.get("latency"))
        except ValidationError:
            continue
        if latency.signal is TimeSignal.LATENCY:
            return latency
    return None


def _entries(body: Mapping[str, Any], path: str) -> tuple[Mapping[str, Any], ...]:
    entries = _find_value(body, path)
    return tuple(entry for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else ()
