"""Results as programs of people read them: their figures are numbers.

In `status`, where floats are not allowed, a figure is a text. To jq every text is more than every number, so that
`.score >= 0.9` would hold whatever the score is.
"""

import json
from typing import Any, Final

FIGURES: Final = frozenset(
    {
        # of golden answers
        "agreement",
        "cost",
        "differenceHigh",
        "differenceLow",
        "kappa",
        "score",
        "stableScore",
        # of load tests
        "achieved",
        "capacity",
        "ceiling",
        "firstToken",
        "lag",
        "offered",
        "p50",
        "p95",
        "p99",
        "perToken",
        "scheduleLag",
        "tokensPerSecond",
    }
)
"""Fields of results that are decimals in a text."""


def use_numbers(entry: Any) -> Any:  # noqa: ANN401 - any JSON
    """The fields of a result, with numbers in place of the texts that `status` has."""
    if isinstance(entry, list):
        return [use_numbers(one) for one in entry]
    if not isinstance(entry, dict):
        return entry
    return {
        name: json.loads(value) if name in FIGURES and isinstance(value, str) else use_numbers(value)
        for name, value in entry.items()
    }
