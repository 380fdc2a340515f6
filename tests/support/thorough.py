"""How many examples the slow tests of properties try: usually some, and with PALIER_THOROUGH=1 many."""

import os

THOROUGH = os.environ.get("PALIER_THOROUGH", "") not in {"", "0"}


def examples(usual: int, *, thorough: int) -> int:
    """How many to try in this run."""
    return thorough if THOROUGH else usual
