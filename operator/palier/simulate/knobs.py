"""The knobs of the other tools' rules, turned by `key=value`."""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

from palier.simulate.case import Case
from palier.simulate.peers import ENGINES, PeerOptions


def peer_options(case: Case, engine: str, settings: Iterable[str]) -> PeerOptions:
    """What a peer is asked to judge and how.

    Args:
        case: whose promises are judged.
        engine: name of the peer.
        settings: `key=value`; a key with a dot turns a knob of a part, such as `judge.confidence=0.95`.

    Raises:
        ValueError: no such knob, or a value that it cannot take.
    """
    if "cost" in case.objectives:
        raise ValueError(f"objectives: {engine} is simulated for errors and latency only, not for cost")
    latency = "latency" in case.objectives
    options = PeerOptions(
        errors="errors" in case.objectives,
        limit=case.max_errors,
        latency_threshold=case.latency_threshold if latency else None,
        latency_percentile=case.percentile / 100,
    )
    turned: Any = getattr(options, engine)
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator:
            raise ValueError(f"set: a setting is key=value, not {setting!r}")
        turned = _turn(turned, key.replace("-", "_").split("."), value, engine)
    return replace(options, **{engine: turned})


def knobs() -> dict[str, dict[str, str]]:
    """Every knob of every peer with its default."""
    return {engine: dict(_defaults(getattr(PeerOptions(), engine), "")) for engine in ENGINES}


def _defaults(options: Any, prefix: str) -> Iterable[tuple[str, str]]:  # noqa: ANN401 - the options of any engine
    for one in fields(options):
        value = getattr(options, one.name)
        if is_dataclass(value):
            yield from _defaults(value, f"{prefix}{one.name}.")
        else:
            yield f"{prefix}{one.name}", "unset" if value is None else _text(value)


def _turn(options: Any, path: list[str], value: str, engine: str) -> Any:  # noqa: ANN401
    name, *rest = path
    if name not in {one.name for one in fields(options)}:
        known = ", ".join(one.name for one in fields(options))
        raise ValueError(f"set: {engine} has no knob {name!r}; it has {known}")
    now = getattr(options, name)
    if rest and is_dataclass(now):
        return replace(options, **{name: _turn(now, rest, value, engine)})
    if rest or is_dataclass(now):
        raise ValueError(f"set: {name!r} of {engine} cannot be set like this")
    return replace(options, **{name: _read(name, now, value)})


def _read(name: str, now: object, text: str) -> object:
    """A value of the kind of the present one; a knob without a value takes a number."""
    try:
        match now:
            case bool():
                return {"true": True, "false": False}[text.lower()]
            case Enum():
                return type(now)(text)
            case int():
                return int(text)
            case _:
                return float(text)
    except (ValueError, KeyError):
        kind = (
            "true or false" if isinstance(now, bool) else "one of its values" if isinstance(now, Enum) else "a number"
        )
        raise ValueError(f"set: {name} takes {kind}, not {text!r}") from None


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
