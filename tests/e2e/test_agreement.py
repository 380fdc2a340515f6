"""What the shadow counts is what both versions have answered, request by request."""

from collections.abc import Callable

import pytest

from local.traffic import TrafficThread
from tests.e2e import shadows
from tests.e2e.support import Model, kubectl, wait_until

Users = Callable[..., TrafficThread]


@pytest.mark.disturbs("machine")
def test_the_agreement_reported_is_that_of_the_recorded_answers(model: Model, users: Users) -> None:
    """At 100 requests a second at least 99 % become pairs; both versions' own records give the same disagreements."""
    shadows.shadowed(model, minDuration="2s")
    model.serve_first()
    stable = model.release("1-recording", RECORD_ANSWERS="1")
    users(rate=60)
    model.promoted(stable, timeout=180)
    model.manifest["spec"]["release"]["stages"][0]["shadow"] |= {"minDuration": "4m"}
    revision = model.release("2", WRONG_PERCENT="1", RECORD_ANSWERS="1")
    shadows.in_shadow(model, revision)
    sent = users(rate=40).stop  # a second generator only makes sure that there is more than one connection
    wait_until(
        lambda: shadows.summed(shadows.counters(model), "palier_shadow_pairs_total") >= 1500,
        timeout=60,
        what="1,500 pairs",
    )
    sent()
    seen = shadows.counters(model)
    kubectl("annotate", "mdep", model.name, "-n", model.namespace, f"palier.dev/abort={revision}")

    sampled = shadows.summed(seen, "palier_shadow_sampled_total")
    pairs = shadows.summed(seen, "palier_shadow_pairs_total")
    assert pairs >= 0.99 * sampled - 50  # some are on their way at any moment

    old, new = shadows.recorded(model, stable), shadows.recorded(model, revision)
    both = old.keys() & new.keys()
    different = sum(old[one] != new[one] for one in both)
    assert len(both) >= pairs
    share = shadows.summed(seen, "palier_shadow_disagreements_total") / pairs
    assert share == pytest.approx(different / len(both), abs=0.002)
    assert 0.005 < share < 0.015
