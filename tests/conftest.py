"""What all tests have in common."""

import gc

from hypothesis import HealthCheck, settings

from tests.support.thorough import examples

# How long an example takes depends on the machine and on what else it does: it says nothing about the code.
settings.register_profile(
    "palier", deadline=None, max_examples=examples(50, thorough=200), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("palier")

# Modules and tests stay until the end. To look through all of them for garbage again and again takes a fifth of the
# time of the unit tests, so that they are put aside, and the rest is looked through now and then.
gc.disable()


def pytest_collection_finish() -> None:
    """All tests are known: from here on there is garbage."""
    gc.enable()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
