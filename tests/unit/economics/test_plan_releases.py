"""What releases add to a plan: the pods that stand beside stable, stage by stage."""

from decimal import Decimal
from typing import Any

import pytest

from tests.support.economics.plans import SCALE, planned


def hours_of_releases(*stages: dict[str, Any], gateway: bool = True) -> Decimal:
    """Hours of further replicas beside 286 because of one release with these stages, which keeps nothing warm."""
    traffic = {"gateway": {"parentRefs": [{"name": "public"}]}} if gateway else {"service": {}}
    objectives = [{"name": "errors", "errorRate": {"maxPercent": "1"}}]
    signals = {"requests": "requests_total", "errors": "errors_total"}
    scale = {**SCALE, "overheads": {"releasesPerMonth": 1}}
    release = {"stages": list(stages), "rollbackWindow": "0s"}
    found = planned(scale=scale, release=release, traffic=traffic, objectives=objectives, signals=signals)
    assert found.target.monthly_overheads is not None
    return found.target.monthly_overheads / Decimal("0.023")


def test_the_pods_of_a_shadow_are_paid_for() -> None:
    """A fifth of the requests is copied for two hours, to a fifth of stable's pods; then the canary begins."""
    shadow = {"shadow": {"percent": 20, "minDuration": "2h", "maxDuration": "3h"}}
    canary = {"canary": {"weight": 50, "minDuration": "1h"}}

    assert hours_of_releases(shadow, canary) == 2 * Decimal("0.2") * 286 + Decimal("0.5") * 286


def test_behind_a_gateway_a_candidate_keeps_its_pods() -> None:
    """With all requests copied it has all pods, and still has them at 5 %."""
    shadow = {"shadow": {"percent": 100, "minDuration": "2h", "maxDuration": "3h"}}
    canaries = [{"canary": {"weight": weight, "minDuration": "1h"}} for weight in (5, 50)]

    assert hours_of_releases(shadow, *canaries) == (2 + 1 + 1) * 286


@pytest.mark.parametrize("gateway", [True, False])
def test_an_experiment_is_paid_for_as_long_as_it_lasts(gateway: bool) -> None:
    """Three days at half the users."""
    stage = {"experiment": {"objective": "errors", "weight": 50, "duration": "72h"}}

    assert hours_of_releases(stage, gateway=gateway) == 72 * 286 * (Decimal("0.5") if gateway else 1)


@pytest.mark.parametrize("weight", [50, 80, 99])
def test_a_candidate_never_has_more_pods_than_stable(weight: int) -> None:
    """Without a gateway most of the traffic would need many times stable's pods: they are not made, and not paid."""
    release = {"stages": [{"canary": {"weight": weight, "minDuration": "1h"}}], "rollbackWindow": "0s"}
    scale = {**SCALE, "overheads": {"releasesPerMonth": 1}}
    assert planned(scale=scale, release=release).target.monthly_overheads == 286 * Decimal("0.023")
