"""Presets: what serving runtimes, routers and front ends measure, under which names, and what they leave out.

- `runtimes/`, `routers/`, `product/`: the data, one file for each program and range of versions
- `model`, `library`, `page`: what such a file says; finds one; writes `docs/reference/presets.md`
"""

from palier.presets.library import (
    PRODUCT_SIGNALS,
    ROUTERS,
    RUNTIMES,
    BrokenPresetError,
    all_presets,
    all_product_signals,
    all_routers,
    parse,
    product,
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
    ProductPreset,
    Provenance,
    RouterPreset,
    Signal,
)

__all__ = [
    "PRODUCT_SIGNALS",
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
    "ProductPreset",
    "Provenance",
    "RouterPreset",
    "Signal",
    "all_presets",
    "all_product_signals",
    "all_routers",
    "parse",
    "product",
    "router",
    "runtime",
]
