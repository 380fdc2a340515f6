"""Presets: what serving runtimes and routers measure, under which names, and what they leave out."""

from palier.presets.library import (
    ROUTERS,
    RUNTIMES,
    BrokenPresetError,
    all_presets,
    all_routers,
    parse,
    router,
    runtime,
)
from palier.presets.model import (
    REQUIRED,
    SIGNALS,
    Counter,
    Gauge,
    Histogram,
    Mean,
    Missing,
    Preset,
    Provenance,
    RouterPreset,
    Signal,
)

__all__ = [
    "REQUIRED",
    "ROUTERS",
    "RUNTIMES",
    "SIGNALS",
    "BrokenPresetError",
    "Counter",
    "Gauge",
    "Histogram",
    "Mean",
    "Missing",
    "Preset",
    "Provenance",
    "RouterPreset",
    "Signal",
    "all_presets",
    "all_routers",
    "parse",
    "router",
    "runtime",
]
