"""Presets: what serving runtimes, routers and front ends measure, under which names, and what they leave out.

- `runtimes/`, `routers/`, `product/`: the data, one file for each program and range of versions
- `model`, `library`, `page`: what such a file says; finds one; writes `docs/reference/presets.md`
"""

from palier.presets.library import ROUTERS, all_presets, all_product_signals, product, router, runtime
from palier.presets.model import Counter, Gauge, Histogram, Mean, Missing, Preset, Provenance, RouterPreset, Signal

__all__ = [
    "ROUTERS",
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
    "all_product_signals",
    "product",
    "router",
    "runtime",
]
