"""The Job of a load test in the cluster: made once, after what it reads, and gone with everything of its own."""

import json
from typing import Any

import pytest

from palier.cluster.act import Actor
from palier.cluster.inputs import read_inputs
from palier.cluster.loadtests import LoadTests
from palier.cluster.observe import observe
from palier.cluster.store import Store
from palier.errors import InvalidSpec, Unavailable
from palier.manifests.loadtest import load_test_name
from palier.release.observation import MeasuredEvidence, Observation
from palier.release.state import State
from palier.release.targets import Targets
from palier.release.testing import Run, runs_of
from tests.support.cluster.acting import keep_revisions
from tests.support.cluster.memory import MemoryCluster, endpoint_slice
from tests.support.release.load_examples import under_load
from tests.support.release.load_world import asked, load_tested

TWO = {"a": "1", "b": "2"}


class Shell:
    """An operator that acts on a cluster in memory; its watches catch up between two passes."""

    def __init__(self, *, image: str = "palier:test", **changes: Any) -> None:  # noqa: ANN401
        self.deployment = load_tested(**changes)
        self.cluster, self.store = MemoryCluster(), Store()
        self.load_tests = LoadTests(self.cluster, self.store, image)
        self.requests = ""

    def look(self) -> Observation:
        """What it sees now."""
        found = read_inputs(self.store, self.deployment, State())
        return observe(self.store, self.deployment, State(), inputs=found, measured=MeasuredEvidence(), troubles={})

    def run(self, index: int = 0, *, attempt: int = 0) -> Run:
        """One of the runs that the spec asks for."""
        return runs_of(asked(self.deployment).options, attempt=attempt)[index]

    async def act(self, run: Run | None) -> None:
        """One pass with this run."""
        described = self.look().describe_revision(self.deployment, run.revision) if run else self.deployment
        await self.load_tests.keep(described, run, requests=self.requests)
        self.cluster.tell(self.store)

    def ready(self, run: Run, pods: int = 1) -> None:
        """So many pods of the run's revision are ready."""
        self.cluster.put(endpoint_slice(f"demo-{run.revision}", "demo", ready=pods))
        self.cluster.tell(self.store)

    def names(self, *kinds: str) -> set[str]:
        """Names of what exists of these kinds."""
        return {name for kind, _, name in self.cluster.objects if kind in (kinds or ("Job", "ConfigMap"))}

    def plan(self, run: Run) -> dict[str, Any]:
        """What the pod of a run is told."""
        config = self.cluster.find("ConfigMap", load_test_name(self.deployment, run))
        assert config is not None
        plan: dict[str, Any] = json.loads(config["data"]["plan.json"])
        return plan


async def test_a_run_is_a_job_and_what_its_pod_reads() -> None:
    """Both under the run's own name, both owned; the pod is told where the ready pods of the revision are."""
    shell = Shell(test={"replicas": [1, 2]})
    run = shell.run(1)
    shell.ready(run, 2)
    await shell.act(run)
    name = load_test_name(shell.deployment, run)

    assert shell.names("Job") == shell.names("ConfigMap") == {name}
    job = shell.cluster.find("Job", name)
    assert job is not None
    assert job["metadata"]["ownerReferences"][0]["uid"] == "u1"
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "palier:test"
    assert shell.plan(run)["baseUrls"] == [f"http://demo-{run.revision}.a.{number}:8080" for number in (0, 1)]


async def test_what_the_pod_reads_is_there_before_the_job() -> None:
    """An operator that dies in between comes back to no Job, and makes both."""
    shell = Shell()
    run = shell.run()
    shell.ready(run)
    shell.cluster.breaks_after = 1
    with pytest.raises(Unavailable):
        await shell.act(run)

    assert shell.names("Job") == set()
    assert len(shell.names("ConfigMap")) == 1

    shell.cluster.breaks_after = None
    shell.ready(run)
    await shell.act(run)

    assert shell.names("Job") == shell.names("ConfigMap")
    assert len(shell.names("Job")) == 1


async def test_a_job_is_made_once() -> None:
    """A pass with nothing new asks the API server for nothing, also before the watches have caught up."""
    shell = Shell()
    run = shell.run()
    shell.ready(run)
    await shell.act(run)
    requests = shell.cluster.requests
    await shell.act(run)
    await shell.load_tests.keep(shell.deployment, run, requests="")

    assert shell.cluster.requests == requests


@pytest.mark.parametrize("following", ["none", "next", "again", "other requests"])
async def test_another_run_takes_the_place_of_the_one_before(following: str) -> None:
    """Its Job and what that read are deleted; there is never more than one generator."""
    shell = Shell(variants=TWO)
    first = shell.run()
    shell.ready(first)
    await shell.act(first)
    first_name = load_test_name(shell.deployment, first)
    if following == "other requests":
        shell.deployment = load_tested(variants=TWO, test={"path": "/other"})
    runs = {"none": None, "next": shell.run(1), "again": shell.run(attempt=1), "other requests": shell.run()}
    after = runs[following]
    if after:
        shell.ready(after)
    await shell.act(after)
    expected = {load_test_name(shell.deployment, after)} if after else set()

    assert shell.names("Job") == shell.names("ConfigMap") == expected
    assert first_name not in expected


async def test_what_a_dead_operator_left_of_a_run_is_removed() -> None:
    """The config of a Job that was never made, because the release ended meanwhile, does not stay for ever."""
    shell = Shell()
    run = shell.run()
    shell.ready(run)
    shell.cluster.breaks_after = 1
    with pytest.raises(Unavailable):
        await shell.act(run)
    shell.cluster.breaks_after = None
    # Another process, which knows only what its watches tell.
    shell.store = Store()
    shell.load_tests = LoadTests(shell.cluster, shell.store, "palier:test")
    shell.cluster.tell(shell.store)
    await shell.act(None)

    assert shell.names() == set()


async def test_what_is_not_of_a_load_test_stays() -> None:
    """Prompts of revisions carry the same labels, and Jobs and ConfigMaps of others may carry any."""
    shell = Shell()
    labels = {"app.kubernetes.io/managed-by": "palier", "palier.dev/modeldeployment": "demo"}
    for kind, version, extra in (
        ("Job", "batch/v1", {}),
        ("ConfigMap", "v1", {"palier.dev/watch": "true", "palier.dev/load-test": "theirs"}),
    ):
        metadata = {"name": "theirs", "namespace": "ml", "labels": {**labels, **extra}}
        shell.cluster.put({"apiVersion": version, "kind": kind, "metadata": metadata})
    mine = asked(shell.deployment).revision
    seen = shell.look()
    targets = Targets(None, None, {mine: 1})
    state = under_load(shell.deployment)
    prompts = {"system": "Be kind."}
    await keep_revisions(
        Actor(shell.cluster, shell.store), shell.deployment, state, targets, observation=seen, prompts=prompts
    )
    before = shell.names()
    await shell.act(None)

    assert shell.names() == before == {"theirs", f"demo-{mine}-prompts"}


@pytest.mark.parametrize("pods", [0, 1, 3])
async def test_a_job_waits_for_exactly_its_pods(pods: int) -> None:
    """One that came or went since the decision would be part of the capacity, or missing from it."""
    shell = Shell(test={"replicas": [1, 2]})
    run = shell.run(1)
    shell.ready(run, pods)
    await shell.act(run)

    assert shell.names() == set()


async def test_requests_of_a_config_map_are_handed_on() -> None:
    """Copied as they are at this moment."""
    reference = {"configMapKeyRef": {"name": "texts", "key": "requests"}}
    shell = Shell(test={"corpus": reference})
    metadata = {"name": "texts", "namespace": "ml", "labels": {"palier.dev/watch": "true"}}
    shell.requests = '{"body": 1}\n'
    texts = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"requests": shell.requests}}
    shell.cluster.put(texts)
    shell.cluster.tell(shell.store)
    (run,) = runs_of(shell.look().options, attempt=0)
    shell.ready(run)
    await shell.act(run)
    config = shell.cluster.find("ConfigMap", load_test_name(shell.deployment, run))

    assert config is not None
    assert config["data"]["corpus.jsonl"] == shell.requests
    assert shell.names("ConfigMap") == {"texts", load_test_name(shell.deployment, run)}


async def test_a_variant_is_tested_as_it_serves() -> None:
    """On its own port, not on that of the spec."""
    variants = [{"name": "a", "port": 9000}, {"name": "b"}]
    shell = Shell(serving={"variants": variants})
    run = shell.run()
    shell.ready(run)
    await shell.act(run)

    assert shell.plan(run)["baseUrls"] == [f"http://demo-{run.revision}.a.0:9000"]


async def test_an_address_of_ipv6_is_written_as_urls_want_it() -> None:
    """In brackets."""
    shell = Shell()
    run = shell.run()
    addresses = endpoint_slice(f"demo-{run.revision}", "demo", ready=1)
    addresses["endpoints"][0]["addresses"] = ["fd00::7"]
    shell.cluster.put(addresses)
    shell.cluster.tell(shell.store)
    await shell.act(run)

    assert shell.plan(run)["baseUrls"] == ["http://[fd00::7]:8080"]


def test_a_load_test_without_any_image_is_an_error_of_the_spec() -> None:
    """An operator that was not told its own image cannot guess one; the spec's comes first."""
    nobody, spec, operator = Shell(image=""), Shell(image="", test={"image": "mine:1"}), Shell()
    with pytest.raises(InvalidSpec, match="--image") as raised:
        nobody.load_tests.demand_image(nobody.deployment, nobody.run())
    assert raised.value.field == "spec.scale.loadTest.image"

    nobody.load_tests.demand_image(nobody.deployment, None)
    for shell in (spec, operator):
        shell.load_tests.demand_image(shell.deployment, shell.run())


async def test_a_job_that_runs_needs_no_image_any_more() -> None:
    """An operator that was started again without its image does not stop what runs."""
    shell = Shell()
    run = shell.run()
    shell.ready(run)
    await shell.act(run)
    LoadTests(shell.cluster, shell.store).demand_image(shell.deployment, run)

    assert len(shell.names("Job")) == 1
