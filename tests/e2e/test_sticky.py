"""Users who stay with the version that they have met, while a release takes its stages."""

import pytest

from local import cluster
from local.traffic import Traffic, TrafficThread
from tests.e2e.support import Model


@pytest.mark.long
@pytest.mark.bears("operator")
@pytest.mark.parametrize("sticky", [{"header": "x-user"}, {"cookie": "user"}], ids=["header", "cookie"])
def test_each_user_stays_with_one_version_while_weights_rise(model: Model, sticky: dict[str, str]) -> None:
    """Whoever has met the candidate keeps it, and each of two groups of users has the candidate's share of it."""
    weights = (10, 30, 60)
    spec = model.manifest["spec"]
    spec["traffic"]["gateway"] |= {"sticky": sticky, "router": "EnvoyGateway"}
    spec["release"]["stages"] = [
        {"canary": {"weight": weight, "minDuration": "8s", "maxDuration": "10m"}} for weight in weights
    ]
    model.serve_first()
    names = [f"{'new' if number % 2 else 'loyal'}-{number}" for number in range(400)]
    thread = TrafficThread(
        Traffic(
            f"http://{cluster.gateway_address()}/v1/detect",
            host=model.hostname,
            rate=100,
            duration=600,
            headers=[{"x-user": name} if "header" in sticky else {"Cookie": f"a=b; user={name}"} for name in names],
        )
    ).start()
    try:
        revision = model.release("2")
        model.promoted(revision)
    finally:
        responses = thread.stop()

    met: dict[int, list[str | None]] = {user: [] for user in range(len(names))}
    for each in sorted(responses, key=lambda each: each.sent):
        met[each.sender].append(each.revision)
    flipped = 0
    for versions in met.values():
        first = next((number for number, one in enumerate(versions) if one == revision), len(versions))
        flipped += any(one != revision for one in versions[first:])

    assert responses.failures() == []
    assert flipped == 0

    for weight in weights:
        since, until = model.weighed(revision, weight)
        since += 2  # a busy machine's gateway follows later than others do
        for odd in (0, 1):
            group = {each.sender: each.revision for each in responses.between(since, until) if each.sender % 2 == odd}
            share = sum(one == revision for one in group.values()) / len(group)
            assert len(group) > 100
            # Four standard errors of so many users whom a hash spreads.
            assert abs(share - weight / 100) < 4 * (weight / 100 * (1 - weight / 100) / len(group)) ** 0.5
