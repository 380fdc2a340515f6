"""What all tests have in common."""

from hypothesis import HealthCheck, settings

# How long an example takes depends on the machine and on what else it does: it says nothing about the code.
settings.register_profile("palier", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("palier")
