"""Hostile objects beside a good one, in a cluster in memory: nothing raises, nothing is refused, and a release goes on.

`PALIER_HOSTILE=10000` makes it that many objects, and a tenth as many statuses.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.support.cluster.schema import violations
from tests.support.cluster.trial_life import Life
from tests.support.hostile.mutations import Mutation, mutate_deployments, mutate_statuses
from tests.support.hostile.neighbours import Neighbours, collect_statuses
from tests.support.release.trial_specs import tried

MANY = int(os.environ.get("PALIER_HOSTILE", "200"))
STATUSES = max(100, MANY // 10)
REMADE = 3
"""After so many the hostile object is made anew; before, each is an edit of the one before."""
LIVED = 3
"""After so many a second goes by."""


@pytest.fixture(autouse=True)
def without_warnings(caplog: pytest.LogCaptureFixture) -> None:
    """Hostile objects are warned of by the hundred, which would hide what a test found."""
    caplog.set_level(logging.CRITICAL)


async def meet(mutations: Sequence[tuple[Mapping[str, Any], Mutation, Mapping[str, Any] | None]]) -> Neighbours:
    """The good neighbour with one hostile object after another: its spec, what is odd, and its status."""
    neighbours = Neighbours()
    await neighbours.begin()
    for number, (body, mutation, status) in enumerate(mutations):
        if number % REMADE == 0:
            neighbours.remove()
        await neighbours.meet(body, mutation.changes, status)
        if number % LIVED == 0:
            await neighbours.live(1)
    return neighbours


def check(neighbours: Neighbours) -> None:
    """Nothing was found, and the good neighbour has got on: it takes about 25 seconds for a version."""
    assert not neighbours.findings.found, str(neighbours.findings)
    assert neighbours.promotions >= 1


async def test_hostile_deployments_harm_nobody() -> None:
    """Each is released as far as it can be, or says what is wrong with it."""
    check(await meet([(mutation.read(), mutation, None) for mutation in mutate_deployments(1, MANY)]))


@pytest.mark.parametrize("storable", [True, False], ids=["as the API server stores", "any"])
async def test_hostile_statuses_harm_nobody(storable: bool) -> None:
    """A memory that somebody has edited, a backup of another version, or plain rubbish."""
    spec = tried("1").model_dump(mode="json", by_alias=True, exclude_none=True)
    good = await collect_statuses(Life())
    mutations = (mutation for mutation in mutate_statuses(2, STATUSES * (10 if storable else 1), good))
    read = [(spec, mutation, mutation.read()) for mutation in mutations]
    if storable:
        read = [entry for entry in read if not any(violations(entry[2]))]
        assert len(read) > STATUSES / 2
    check(await meet(read[: max(STATUSES, 100)]))
