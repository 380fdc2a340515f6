"""Objects that nobody would write on purpose, made from good ones by a seeded chance: the same seed, the same objects.

A mutation is a text, because what is told here cannot all be held by a dictionary of Python: numbers without end, half
of a surrogate pair, ten thousand levels of lists. The API server gets the text, and the cluster in memory gets what the
operator's own reader makes of it.
"""

import copy
import functools
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from palier.cluster.reading import read_json
from tests.support.hostile.oddities import CONTAINERS, METADATA, ODD, PODS, RAW, REQUESTS, TEXTS, TIMES

ROOT = Path(__file__).parents[3]
_NAMED = re.compile(f'"({"|".join(RAW)})"(:?)')


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mutated object."""

    number: int
    changes: tuple[str, ...]
    """What was done to the good object, in words."""
    text: str
    """It in JSON, or in what nearly is JSON."""

    def read(self) -> dict[str, Any]:
        """The object as the operator's reader makes it."""
        read: dict[str, Any] = read_json(self.text.encode())
        return read


def good_deployments() -> list[dict[str, Any]]:
    """Every valid ModelDeployment among the examples and the tests of the API."""
    files = [*sorted(ROOT.glob("examples/**/*.yaml")), *sorted(ROOT.glob("tests/apiserver/accept/*.yaml"))]
    documents = [entry for file in files for entry in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    return [
        entry
        for entry in documents
        if isinstance(entry, dict) and entry.get("kind") == "ModelDeployment" and entry["spec"]
    ]


def named_texts() -> dict[str, set[str]]:
    """The ConfigMaps that the good objects name, and the keys in each: without them nothing is rendered."""
    found: dict[str, set[str]] = {}
    for body in good_deployments():
        for _, parent, key in _places(body, "spec"):
            if key in {"configMapKeyRef", "prompt"}:
                found.setdefault(parent[key]["name"], set()).add(parent[key]["key"])
    return found


def mutate_deployments(seed: int, count: int, *, names: int = 20) -> Iterator[Mutation]:
    """So many ModelDeployments, each with one to three odd places in its spec, its template or its annotations.

    Args:
        seed: the same seed makes the same objects.
        count: how many.
        names: after so many the names begin anew, so that later ones are edits of earlier ones.
    """
    chance = random.Random(seed)  # noqa: S311 - the same objects every time are wanted
    good = good_deployments()
    # To the pods of these accelerators and prompts are added, which is where an odd template would be felt.
    good += 5 * [body for body in good if body["spec"]["model"].get("prompts") or "gpu" in str(body["spec"]["serving"])]
    for number in range(count):
        body = copy.deepcopy(chance.choice(good))
        body["metadata"]["name"] = f"hostile-{number % names}"
        body["metadata"].pop("namespace", None)
        kinds = chance.choices((_spoil_template, _spoil_annotations, _spoil_spec), (5, 1, 8), k=_few(chance))
        yield Mutation(number, tuple(kind(body, chance) for kind in kinds), write_text(body))


def mutate_statuses(seed: int, count: int, good: Sequence[Mapping[str, Any]]) -> Iterator[Mutation]:
    """So many statuses, each with one to three odd places."""
    chance = random.Random(seed)  # noqa: S311 - the same statuses every time are wanted
    for number in range(count):
        holder = {"status": copy.deepcopy(dict(chance.choice(good)))}
        changes = tuple(_spoil_place(holder, "status", chance) for _ in range(_few(chance)))
        yield Mutation(number, changes, write_text(holder["status"]))


def write_text(value: object) -> str:
    """A value as JSON, with what JSON has no word for in its place."""
    return _NAMED.sub(_raw, json.dumps(value))


def _raw(found: re.Match[str]) -> str:
    raw, colon = RAW[found[1]], found[2]
    # Only a text can be the name of a field.
    return found[0] if colon and not raw.startswith('"') else raw + colon


def _few(chance: random.Random) -> int:
    """Mostly one: of several odd places the first hides the others."""
    return chance.choices((1, 2, 3), (6, 3, 1))[0]


def _spoil_template(body: dict[str, Any], chance: random.Random) -> str:
    serving = body["spec"].get("serving") if isinstance(body["spec"], dict) else None
    template = serving.get("template") if isinstance(serving, dict) else None
    if not isinstance(template, dict):
        return _spoil_spec(body, chance)
    pod = template.get("spec")
    containers = pod.get("containers") if isinstance(pod, dict) else None
    match chance.randrange(4):
        case 0:
            template["metadata"] = chance.choice(METADATA)
            return f"template.metadata is {_shown(template['metadata'])}"
        case 1 if isinstance(containers, list) and containers and isinstance(containers[0], dict):
            change = chance.choice(CONTAINERS)
            containers[chance.randrange(len(containers))] = {**containers[0], **copy.deepcopy(dict(change))}
            return f"a container has {_shown(change)}"
        case 2 if isinstance(pod, dict):
            return _spoil_place(template, "spec", chance)
        case _ if isinstance(pod, dict):
            change = chance.choice(PODS)
            pod.update(copy.deepcopy(dict(change)))
            return f"the pod has {_shown(change)}"
        case _:
            return _spoil_place(serving, "template", chance)


def _spoil_annotations(body: dict[str, Any], chance: random.Random) -> str:
    """The API server takes texts only, but any text."""
    name = f"palier.dev/{chance.choice(REQUESTS)}"
    value = chance.choice((*TEXTS, "x" * 200_000, "@half-a-pair@", *TIMES))
    body["metadata"]["annotations"] = {**(body["metadata"].get("annotations") or {}), name: value}
    return f"annotation {name} is {_shown(value)}"


def _spoil_spec(body: dict[str, Any], chance: random.Random) -> str:
    return _spoil_place(body, "spec", chance)


def _spoil_place(holder: dict[str, Any], root: str, chance: random.Random) -> str:
    """Do something odd at any place below a field; what was done, in words."""
    path, parent, key = chance.choice(list(_places(holder, root)))
    return f"{path}: {chance.choice(_DEEDS)(parent, key, chance)}"


def _places(holder: dict[str, Any], root: str) -> Iterator[tuple[str, Any, Any]]:
    """Every place below a field: its path, what holds it, and its name or number there."""
    if root not in holder:
        holder[root] = {}
    left: list[tuple[str, Any, Any]] = [(root, holder, root)]
    while left:
        place = left.pop()
        yield place
        path, parent, key = place
        value = parent[key]
        if isinstance(value, dict):
            left += [(f"{path}.{name}", value, name) for name in value]
        elif isinstance(value, list):
            left += [(f"{path}[{index}]", value, index) for index in range(len(value))]


def _remove(parent: Any, key: Any, _chance: random.Random) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(parent, dict) and key in {"spec", "status"}:
        parent[key] = {}
        return "emptied"
    del parent[key]
    return "removed"


def _replace(parent: Any, key: Any, chance: random.Random) -> str:  # noqa: ANN401
    parent[key] = copy.deepcopy(chance.choice(ODD))
    return f"is {_shown(parent[key])}"


def _retime(parent: Any, key: Any, chance: random.Random) -> str:  # noqa: ANN401
    parent[key] = chance.choice(TIMES)
    return f"is {_shown(parent[key])}"


def _wrap(parent: Any, key: Any, chance: random.Random) -> str:  # noqa: ANN401
    levels = chance.choice((1, 1, 2, 40, 150))
    for _ in range(levels):
        parent[key] = [parent[key]] if chance.random() < 0.5 else {"a": parent[key]}
    return f"is wrapped {levels} times"


def _swap_type(parent: Any, key: Any, _chance: random.Random) -> str:  # noqa: ANN401
    match parent[key]:
        case bool() | int() | float() as value:
            parent[key] = str(value)
        case str() as value:
            parent[key] = int(value) if value.isdecimal() and value.isascii() else [value]
        case list() as value:
            parent[key] = {str(index): entry for index, entry in enumerate(value)}
        case dict() as value:
            parent[key] = list(value.values())
        case _:
            parent[key] = {}
    return f"is now a {type(parent[key]).__name__}"


def _repeat(parent: Any, key: Any, chance: random.Random) -> str:  # noqa: ANN401
    times = chance.choice((2, 2, 40, 1000))
    match parent[key]:
        case str() as value:
            parent[key] = (value * times)[:200_000]
        case int() | float() as value if not isinstance(value, bool):
            parent[key] = value * 10 ** min(times, 300)
        case list() as value if len(json.dumps(value)) * times < 1_000_000:
            parent[key] = [copy.deepcopy(entry) for entry in value * times]
        case value:
            parent[key] = [copy.deepcopy(value), value]
    return f"is there {times} times"


def _rename(parent: Any, key: Any, chance: random.Random) -> str:  # noqa: ANN401
    if not isinstance(parent, dict) or key in {"spec", "status"}:
        return _replace(parent, key, chance)
    name = chance.choice((*TEXTS[:12], "palier.dev/x", key.upper()))
    parent[name] = parent.pop(key)
    return f"is named {_shown(name)}"


def _transplant(parent: Any, key: Any, chance: random.Random) -> str:  # noqa: ANN401
    """A copy of the value of a neighbour."""
    names = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
    name = chance.choice(names)
    parent[key] = copy.deepcopy(parent[name])
    return f"is like {_shown(name)}"


def _splice(parent: Any, key: Any, chance: random.Random) -> str:  # noqa: ANN401
    """The value that a field of this name has in another good object: what is likely to be accepted."""
    if values := _values().get(str(key)):
        parent[key] = copy.deepcopy(chance.choice(values))
        return f"is as elsewhere: {_shown(parent[key])}"
    return _replace(parent, key, chance)


def _nudge(parent: Any, key: Any, chance: random.Random) -> str:  # noqa: ANN401
    """Another number or another text of the same kind."""
    match parent[key]:
        case bool() as value:
            parent[key] = not value
        case int() as value:
            parent[key] = value + chance.choice((-1, 1, 10, 1000))
        case str() as value:
            parent[key] = re.sub("[0-9]+", lambda _: str(chance.choice((0, 1, 7, 99, 99999))), value) + chance.choice(
                "1sm"
            )
        case _:
            return _remove(parent, key, chance)
    return f"is {_shown(parent[key])}"


@functools.cache
def _values() -> Mapping[str, list[Any]]:
    """The values that fields of each name have in the good objects."""
    found: dict[str, list[Any]] = {}
    for body in good_deployments():
        for _, parent, key in _places(body, "spec"):
            found.setdefault(str(key), []).append(parent[key])
    return found


_DEEDS: tuple[Callable[[Any, Any, random.Random], str], ...] = (
    _remove,
    _remove,
    _replace,
    _replace,
    _replace,
    _retime,
    _wrap,
    _swap_type,
    _repeat,
    _rename,
    _transplant,
    _splice,
    _splice,
    _splice,
    _nudge,
    _nudge,
)


def _shown(value: object) -> str:
    return ascii(value)[:60]
