"""The presets that ship with Palier: read once from the package's data files, found by name and version."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from operator import attrgetter
from typing import Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from palier.presets.model import Preset, ProductPreset, RouterPreset

R = TypeVar("R", bound=BaseModel)

RUNTIMES: Final = (
    "vllm",
    "sglang",
    "tgi",
    "tensorrt-llm",
    "triton",
    "kserve",
    "knative",
    "mlserver",
    "seldon",
    "torchserve",
    "bentoml",
    "ray-serve",
    "tf-serving",
    "ovms",
    "llama-cpp",
    "otel-genai",
)
"""The serving runtimes that there are presets for, as a ModelDeployment names them."""
ROUTERS: Final = ("EnvoyGateway", "Istio")
"""The routers that there are presets for."""
PRODUCT_SIGNALS: Final = ("FirstPassResolution", "Abandonment", "Feedback", "ManualFallback")
"""What users do with answers, as a product objective names it."""


class BrokenPresetError(ValueError):
    """A data file that cannot be used; the message names the file and the field."""


def runtime(name: str, version: str = "") -> Preset:
    """The preset of a serving runtime.

    Args:
        name: one of `RUNTIMES`.
        version: the runtime's version; the newest known range when empty.

    Raises:
        KeyError: no preset has this name.
        LookupError: there are presets for other versions only; the message names them.
    """
    ranges = _runtimes()[name]
    if not version:
        return ranges[-1]
    try:
        covering = [preset for preset in ranges if preset.covers(version)]
    except ValueError as error:
        raise LookupError(str(error)) from error
    if not covering:
        known = ", ".join(preset.versions for preset in ranges)
        raise LookupError(f"there is no preset for {name} {version}; there are presets for {name} {known}")
    return covering[-1]


def router(name: str) -> RouterPreset:
    """The preset of a router.

    Args:
        name: one of `ROUTERS`.

    Raises:
        KeyError: no preset has this name.
    """
    return _routers()[name]


def product(signal: str) -> ProductPreset:
    """What a front end counts of a product signal.

    Args:
        signal: one of `PRODUCT_SIGNALS`.

    Raises:
        KeyError: no product signal has this name.
    """
    return _product()[signal]


def all_presets() -> tuple[Preset, ...]:
    """Every preset of a runtime, in the order of `RUNTIMES`, older versions first."""
    return tuple(preset for name in RUNTIMES for preset in _runtimes()[name])


def all_routers() -> tuple[RouterPreset, ...]:
    """Every preset of a router, in the order of `ROUTERS`."""
    return tuple(router(name) for name in ROUTERS)


def all_product_signals() -> tuple[ProductPreset, ...]:
    """Every product signal, in the order of `PRODUCT_SIGNALS`."""
    return tuple(product(name) for name in PRODUCT_SIGNALS)


def parse(text: str, kind: type[R], *, file: str) -> R:
    """A preset from the text of its file.

    Args:
        text: YAML.
        kind: what the file should hold.
        file: its name, for the message.

    Raises:
        BrokenPresetError: the text is not YAML, or does not say what a preset says.
    """
    try:
        # Through JSON, because strict validation of JSON knows dates and tuples, and YAML has neither strictly.
        return kind.model_validate_json(json.dumps(yaml.safe_load(text), default=str))
    except yaml.YAMLError as error:
        raise BrokenPresetError(f"{file}: {error}") from error
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in detail['loc']) or 'the file'}: {detail['msg']}"
            for detail in error.errors()
        )
        raise BrokenPresetError(f"{file}: {wrong}") from error


@cache
def _runtimes() -> Mapping[str, tuple[Preset, ...]]:
    presets: dict[str, list[Preset]] = {name: [] for name in RUNTIMES}
    for file, preset in _read("runtimes", Preset):
        if preset.name not in presets:
            raise BrokenPresetError(f"{file}: name: {preset.name} is none of {', '.join(RUNTIMES)}")
        presets[preset.name].append(preset)
    return {name: tuple(sorted(ranges, key=attrgetter("first_version"))) for name, ranges in presets.items()}


@cache
def _routers() -> Mapping[str, RouterPreset]:
    return {preset.name: preset for _, preset in _read("routers", RouterPreset)}


@cache
def _product() -> Mapping[str, ProductPreset]:
    return {preset.name: preset for _, preset in _read("product", ProductPreset)}


def _read(folder: str, kind: type[R]) -> Iterator[tuple[str, R]]:
    """The presets of a folder, each with the name of its file."""
    for file in sorted(files("palier.presets").joinpath(folder).iterdir(), key=attrgetter("name")):
        if file.name.endswith(".yaml"):
            yield file.name, parse(file.read_text(encoding="utf-8"), kind, file=file.name)
