"""What the tests of running traffic start from."""

import pytest

from tests.support.metrics.fleet import KEY, Fleet, Prometheus, stable_alone


@pytest.fixture
def prometheus() -> Prometheus:
    """One that answers."""
    return Prometheus()


@pytest.fixture
def fleet(prometheus: Prometheus) -> Fleet:
    """One ModelDeployment, outside of a release."""
    fleet = Fleet(prometheus)
    fleet.traffic.watch(KEY, stable_alone())
    return fleet
