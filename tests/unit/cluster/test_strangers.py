"""No writer takes over what somebody else has made under a name that Palier is about to use."""

from dataclasses import replace

import pytest

from palier.cluster.act import Actor
from palier.cluster.goldens import Goldens
from palier.cluster.loadtests import LoadTests
from palier.cluster.shadows import Shadows
from palier.cluster.store import Store
from palier.release.examining import GoldenRun
from palier.release.shadowing import ShadowRun
from palier.release.testing import runs_of
from tests.support.cluster.memory import MemoryCluster, endpoint_slice
from tests.support.cluster.strangers import Pass, find_taken_over
from tests.support.release.load_world import asked, load_tested
from tests.support.release.trial_specs import tried
from tests.support.release.world import model_deployment

CANDIDATE, STABLE, DIGEST = "bbbbbbbbbb", "aaaaaaaaaa", "0123456789abcdef"


async def make_revision(cluster: MemoryCluster) -> None:
    """A revision with prompts."""
    deployment, prompts = model_deployment(), {"system": "Hello"}
    actor = Actor(cluster, Store())
    await actor.keep_revision(deployment, CANDIDATE, 2, port=8080, described=deployment, prompts=prompts)


async def make_golden(cluster: MemoryCluster) -> None:
    """The Job of golden answers."""
    run = GoldenRun(CANDIDATE, STABLE, attempt=1, digest=DIGEST)
    await Goldens(cluster, Store(), "palier:test").keep(tried("2"), run, plan_json="{}", requests="a\n")


async def make_load_test(cluster: MemoryCluster) -> None:
    """The Job of a load test, whose pods are ready."""
    deployment, store, nodes = load_tested(), Store(), MemoryCluster()
    (run, *_) = runs_of(asked(deployment).options, attempt=0)
    nodes.put(endpoint_slice(f"demo-{run.revision}", "demo", ready=1))
    nodes.tell(store)
    await LoadTests(cluster, store, "palier:test").keep(deployment, replace(run, replicas=1), requests="")


async def make_shadow(cluster: MemoryCluster) -> None:
    """A shadow proxy."""
    run = ShadowRun(CANDIDATE, STABLE, percent=20, digest=DIGEST)
    await Shadows(cluster, Store(), "palier:test").keep(model_deployment(), run, plan_json='{"timeout": 5}')


@pytest.mark.parametrize(
    ("act", "kinds"),
    [
        (make_revision, {"Deployment", "Service", "ConfigMap"}),
        (make_golden, {"Job", "ConfigMap"}),
        (make_load_test, {"Job", "ConfigMap"}),
        (make_shadow, {"Deployment", "Service", "ConfigMap"}),
    ],
)
async def test_what_a_stranger_has_made_stays_as_it_is(act: Pass, kinds: set[str]) -> None:
    """A Service with a selector of its own would get the users, and a Job of its own would give the verdict."""
    assert await find_taken_over(act) == (kinds, set())
