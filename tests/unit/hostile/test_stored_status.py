"""The memory as it is stored: what is as the API declares it is kept to the letter, and nothing else is."""

import asyncio
import copy
from typing import Any

import pytest

from palier.api.stored_status import fitting_status
from tests.support.cluster.schema import violations
from tests.support.cluster.trial_life import Life
from tests.support.hostile.mutations import mutate_statuses
from tests.support.hostile.neighbours import collect_statuses


@pytest.fixture(scope="module")
def good() -> list[dict[str, Any]]:
    """The statuses of a life with promotions and a rollback; no test changes them."""
    return asyncio.run(collect_statuses(Life()))


async def test_a_good_status_is_kept_to_the_letter(good: list[dict[str, Any]]) -> None:
    """Else every pass would write it anew, or forget a part."""
    assert len(good) > 20
    for status in good:
        assert fitting_status(status) == (status, ())


async def test_what_is_kept_can_be_written_again(good: list[dict[str, Any]]) -> None:
    """The CRD takes it, whatever stood beside it; and what is left out is told."""
    left_out = 0
    for mutation in mutate_statuses(5, 1_000, good):
        status = mutation.read()
        kept, odd = fitting_status(status)
        assert not list(violations(kept)), mutation.changes
        if isinstance(status, dict):
            assert len(kept) + len(odd) == len(status)
        left_out += bool(odd)
    assert left_out > 300


@pytest.mark.parametrize("status", [None, {}])
def test_no_status_is_a_good_one(status: object) -> None:
    """It is that of an object that is new."""
    assert fitting_status(status) == ({}, ())


@pytest.mark.parametrize("status", [[], [{}], "x", 1, True, float("inf")])
def test_a_status_that_is_no_object_is_left_out_as_a_whole(status: object) -> None:
    """Nothing of it can be read."""
    assert fitting_status(status) == ({}, ("status",))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weight", 101),
        ("replicas", 2**63),
        ("observedGeneration", -1),
        ("stable", {"revision": "0123456789", "since": "now"}),
        ("stable", {"revision": "0123456789", "since": "2026-02-30T00:00:00Z"}),
        ("stable", {"revision": "0123456789", "port": 0}),
        ("drains", [{"revision": "0123456789"}]),
        ("conditions", [{"type": "Ready"}]),
        ("history", [{}] * 11),
        ("release", {"step": "Dancing"}),
        ("unknown", 1),
        ("\x1b", 1),
    ],
)
async def test_an_odd_part_is_left_out_alone(good: list[dict[str, Any]], name: str, value: object) -> None:
    """And its path, which is printable, is told."""
    status = copy.deepcopy(good[-1])
    rest = {part: known for part, known in status.items() if part != name}
    kept, odd = fitting_status({**status, name: value})
    assert kept == rest
    assert odd == (f"status.{name}" if name.isprintable() else r"status[\x1b]",)
