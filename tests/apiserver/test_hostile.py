"""Hostile objects on a real API server, with the operator in a process of its own: they harm nobody else.

The number of objects is small here; `PALIER_HOSTILE=10000` makes it that number, with a tenth as many statuses.
"""

import asyncio
import itertools
import json
import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.control_plane import ControlPlane
from palier.api.constants import API_VERSION, KIND
from palier.api.v1alpha1 import parse
from palier.cluster.client import KubernetesCluster, Reference
from palier.errors import InvalidSpec
from tests.apiserver.hostile_support import (
    GOOD,
    HTTP_ROUTES,
    Writer,
    open_writer,
    release_on_and_on,
    run_operator,
)
from tests.apiserver.runtime_support import Plane, eventually, model_deployment
from tests.support.cluster.schema import violations
from tests.support.cluster.trial_life import Life
from tests.support.hostile.mutations import good_deployments, mutate_deployments, mutate_statuses
from tests.support.hostile.neighbours import collect_statuses

logger = logging.getLogger(__name__)
MANY = int(os.environ.get("PALIER_HOSTILE", "300"))
AT_ONCE = 4
"""Hostile writers."""
LONGEST_LINE = 2_000
"""Characters of a line of the log."""
DEEP = {"2,500 lists": "[" * 2_500 + "]" * 2_500, "9,930 maps": '{"a":' * 9_930 + "1" + "}" * 9_930}
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """An API server with our CRD and that of routes."""
    with ControlPlane(tmp_path_factory.mktemp("hostile")) as control_plane:
        plane = Plane(control_plane)
        plane.install_crds()
        plane.kubectl("apply", "--server-side", "-f-", input=HTTP_ROUTES)
        yield plane


@pytest.fixture
def namespace(plane: Plane) -> Iterator[str]:
    """A namespace of the test's own, without ModelDeployments afterwards."""
    name = f"hostile-{next(numbers)}"
    plane.kubectl("create", "namespace", name)
    yield name
    plane.kubectl("-n", name, "delete", "modeldeployments", "--all")


async def body_of(cluster: KubernetesCluster, namespace: str, name: str) -> dict[str, Any]:
    """A ModelDeployment as it is stored."""
    body = await cluster.get(Reference(API_VERSION, KIND, namespace, name))
    assert body is not None
    return body


def is_told_invalid(body: dict[str, Any]) -> bool:
    """Whether an object says that it is invalid."""
    conditions = (body.get("status") or {}).get("conditions", ())
    return any((one["type"], one["status"], one["reason"]) == ("Stalled", "True", "InvalidSpec") for one in conditions)


def refused_statuses(plane: Plane) -> list[str]:
    """The statuses of the operator that the API server did not take, but for objects that had just gone."""
    return [
        f"{entry['objectRef'].get('name')}: {entry['responseStatus'].get('message', '')[:300]}"
        for entry in plane.audit("palier/")
        if entry.get("objectRef", {}).get("subresource") == "status" and entry["responseStatus"]["code"] in {400, 422}
    ]


@pytest.mark.parametrize("before", [True, False], ids=["listed", "watched"])
async def test_an_object_that_is_too_deep_harms_nobody(
    plane: Plane, namespace: str, tmp_path: Path, before: bool
) -> None:
    """It was there before the operator, or comes while it runs: it reads InvalidSpec, and others are released."""
    deep = json.dumps(model_deployment(namespace, "deep"))
    container = '"image": "example.com/model:1"'

    async def store_deep(writer: Writer) -> None:
        for number, nested in enumerate(DEEP.values()):
            text = deep.replace(container, f'{container}, "args": {nested}').replace('"deep"', f'"deep-{number}"')
            assert await writer.create(text) == 201

    async with plane.cluster() as cluster, open_writer(cluster, namespace) as writer:
        if before:
            await store_deep(writer)
        with run_operator(plane, tmp_path) as operator:
            async with release_on_and_on(cluster, namespace) as good:
                if not before:
                    await store_deep(writer)
                for number in range(len(DEEP)):
                    await eventually(
                        lambda number=number: _says_invalid(cluster, namespace, f"deep-{number}"),  # type: ignore[misc]
                        f"the condition of deep-{number}",
                    )
                promoted = good.promotions
                await eventually(lambda: good.promotions >= promoted + 2, "two more promotions", within=60)
            assert operator.alive
    assert operator.troubles() == []
    assert [entry for entry in operator.log() if len(entry["message"]) > LONGEST_LINE] == []
    assert sum("deep-" in entry["message"] for entry in operator.log()) <= 2 * len(DEEP)


async def _says_invalid(cluster: KubernetesCluster, namespace: str, name: str) -> bool:
    return is_told_invalid(await body_of(cluster, namespace, name))


async def test_hostile_objects_harm_nobody(plane: Plane, namespace: str, tmp_path: Path) -> None:
    """Mutated objects and statuses by the hundred: no raw exception, no refused status, and a release goes on."""
    codes: Counter[int] = Counter()
    mutated = mutate_statuses(11, MANY, await collect_statuses(Life()))
    # Most are refused, which is known beforehand.
    statuses = [mutation for mutation in mutated if not any(violations(mutation.read()))][: MANY // 10]
    async with plane.cluster() as cluster, open_writer(cluster, namespace) as writer:
        with run_operator(plane, tmp_path) as operator:
            async with release_on_and_on(cluster, namespace) as good:
                promoted = good.promotions
                left = mutate_deployments(7, MANY)

                async def write_objects() -> None:
                    for mutation in left:
                        name = f"hostile-{mutation.number % 20}"
                        if mutation.number % 5 == 0:
                            await writer.delete(name)
                        code = await writer.create(mutation.text)
                        codes[await writer.change(name, mutation.text) if code == 409 else code] += 1

                await asyncio.gather(*(write_objects() for _ in range(AT_ONCE)))
                accepted = sum(number for code, number in codes.items() if code < 300)
                assert accepted > MANY / 10, codes
                whole = {**good_deployments()[0], "metadata": {"name": "remembering"}}
                await writer.create(json.dumps(whole))
                remembered = 0
                for mutation in statuses:
                    text = f'{{"status": {mutation.text}}}'
                    remembered += await writer.change("remembering", text, part="/status") < 300
                assert remembered > len(statuses) / 2
                await eventually(lambda: _all_told(cluster, namespace), "every invalid object to say so", within=60)
                await eventually(lambda: good.promotions >= promoted + 2, "two more promotions", within=60)
            assert operator.alive
    logger.info("of %d objects %d were stored, of %d statuses %d", MANY, accepted, len(statuses), remembered)
    logger.info("%d promotions meanwhile; the answers: %s", good.promotions, dict(codes))
    assert operator.troubles() == []
    assert refused_statuses(plane) == []


async def _all_told(cluster: KubernetesCluster, namespace: str) -> bool:
    """Whether every object that breaks a rule of the API says so."""
    bodies, _ = await cluster.list(API_VERSION, KIND, namespace=namespace)
    for body in bodies:
        try:
            parse(body)
        except InvalidSpec:
            if not is_told_invalid(body):
                return False
    return any(body["metadata"]["name"] == GOOD for body in bodies)
