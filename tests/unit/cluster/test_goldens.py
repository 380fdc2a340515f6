"""Golden answers in the cluster: their Job is made once, after what it reads, and what it found is read."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.goldens import Goldens, facts
from palier.cluster.loadtests import LoadTests
from palier.cluster.store import Store
from palier.errors import InvalidSpec, Unavailable
from palier.evidence.verdicts import Verdict
from palier.golden.result import GoldenResult
from palier.manifests.golden import golden_configs, golden_name
from palier.release.examining import GoldenFacts, GoldenRun
from tests.support.cluster.memory import MemoryCluster
from tests.support.release.world import model_deployment

CANDIDATE, STABLE = "bbbbbbbbbb", "aaaaaaaaaa"
RUN = GoldenRun(CANDIDATE, STABLE, attempt=1, digest="0123456789abcdef")
STARTED, STARTED_AT = "2026-11-24T10:00:00Z", 1_795_514_400.0
COPIED = {"configMapKeyRef": {"name": "texts", "key": "requests"}}
RESULT = GoldenResult(
    verdict=Verdict.PASS, reason="NotWorse", message="as good as stable", requests=200, score=Decimal("0.9")
)


def examined(**golden: Any) -> ModelDeployment:  # noqa: ANN401
    """A ModelDeployment with these fields of `spec.golden`."""
    body = model_deployment().model_dump(mode="json", by_alias=True, exclude_none=True)
    body["spec"]["golden"] = {"corpus": COPIED, **golden}
    body["spec"]["release"]["stages"] = [{"golden": {"maxDuration": "10m"}}]
    return ModelDeployment.model_validate(body)


class Shell:
    """An operator that acts on a cluster in memory; its watches catch up after each pass."""

    def __init__(self, *, image: str = "palier:test", **golden: Any) -> None:  # noqa: ANN401
        self.deployment = examined(**golden)
        self.cluster, self.store = MemoryCluster(), Store()
        self.goldens = Goldens(self.cluster, self.store, image)

    async def keep(self, run: GoldenRun | None, *, plan: str = "{}") -> None:
        """One pass with this run."""
        await self.goldens.keep(self.deployment, run, plan_json=plan, requests="a\n", calibration="b\n")
        self.cluster.tell(self.store)

    async def facts(self, run: GoldenRun = RUN) -> GoldenFacts:
        """What the operator knows."""
        return await facts(self.cluster, self.store, self.deployment, run)

    def names(self, *kinds: str) -> set[str]:
        """Names of what exists of these kinds."""
        return {name for kind, _, name in self.cluster.objects if kind in (kinds or ("Job", "ConfigMap"))}

    def turns(self, **status: Any) -> None:  # noqa: ANN401
        """The Job is as its controller says."""
        job = self.cluster.find("Job", golden_name(self.deployment, RUN))
        assert job is not None
        self.cluster.put({**job, "status": {"startTime": STARTED, **status}})
        self.cluster.tell(self.store)

    def ends(self, *, failed: bool = False) -> None:
        """The Job is over."""
        condition = {"type": "Failed" if failed else "Complete", "status": "True", "reason": "x", "message": "over"}
        self.turns(conditions=[condition])

    def pod(self, phase: str, *, init: list[dict[str, Any]] | None = None, **state: Any) -> None:  # noqa: ANN401
        """The Job has one pod, whose main container is in this state."""
        labels = {"palier.dev/golden": golden_name(self.deployment, RUN)}
        metadata = {"name": "golden-x", "namespace": "ml", "labels": labels, "creationTimestamp": STARTED}
        status = {
            "phase": phase,
            "initContainerStatuses": init or [],
            "containerStatuses": [{"name": "golden", "state": state}],
        }
        self.cluster.pods = [{"metadata": metadata, "status": status}]


def terminated(message: str = "", *, code: int = 0, reason: str = "Completed") -> dict[str, Any]:
    """How a container ended."""
    return {"exitCode": code, "reason": reason, "message": message}


async def test_a_run_is_a_job_and_what_its_pod_reads() -> None:
    """All under the run's own name, all owned, with the texts as they were when it began."""
    shell = Shell(
        judge={"url": "http://judge:8000/", "model": "judge", "calibration": {"corpus": COPIED}},
    )
    await shell.keep(RUN, plan="the plan")
    name = golden_name(shell.deployment, RUN)

    assert shell.names("Job") == {name}
    assert {key: text for found in shell.names("ConfigMap") for key, text in data(shell, found).items()} == {
        "plan.json": "the plan",
        "corpus.jsonl": "a\n",
        "calibration.jsonl": "b\n",
    }
    for obj in shell.cluster.objects.values():
        assert obj["metadata"]["ownerReferences"][0]["uid"] == "u1"


def data(shell: Shell, name: str) -> dict[str, str]:
    """What is in a ConfigMap."""
    found = shell.cluster.find("ConfigMap", name)
    assert found is not None
    return dict(found["data"])


@pytest.mark.parametrize("survived", [0, 1, 2])
async def test_what_the_pod_reads_is_there_before_the_job(survived: int) -> None:
    """An operator that dies in between comes back to no Job, and makes everything, with a plan of its own."""
    shell = Shell()
    shell.cluster.breaks_after = survived
    with pytest.raises(Unavailable):
        await shell.keep(RUN)
    assert shell.names("Job") == set()

    shell.cluster.breaks_after = None
    shell.cluster.tell(shell.store)
    await shell.keep(RUN, plan="other addresses")
    name = golden_name(shell.deployment, RUN)
    assert shell.names("Job") == {name}
    assert data(shell, name) == {"plan.json": "other addresses"}


async def test_a_job_is_made_once() -> None:
    """A pass with nothing new asks for nothing: what a run was told stays as it is, whatever the plan is by now."""
    shell = Shell()
    await shell.goldens.keep(shell.deployment, RUN, plan_json="{}")
    requests = shell.cluster.requests
    await shell.goldens.keep(shell.deployment, RUN, plan_json="another")
    shell.cluster.tell(shell.store)
    await shell.keep(RUN, plan="another")

    assert shell.cluster.requests == requests


@pytest.mark.parametrize("following", [None, replace(RUN, attempt=2), replace(RUN, digest="f" * 16)], ids=str)
async def test_another_run_takes_the_place_of_the_one_before(following: GoldenRun | None) -> None:
    """Its Job goes with everything that it read."""
    shell = Shell()
    await shell.keep(RUN)
    before = shell.names()
    await shell.keep(following)

    assert not before & shell.names()
    assert shell.names("Job") == ({golden_name(shell.deployment, following)} if following else set())


async def test_what_an_operator_left_behind_is_found() -> None:
    """One that was killed before it made the Job, in a stage that is over by now."""
    shell = Shell()
    for config in golden_configs(shell.deployment, RUN, "{}", requests="a"):
        await shell.cluster.apply(config)
    shell.cluster.tell(shell.store)
    await shell.keep(None)

    assert shell.names() == set()


async def test_those_of_a_deleted_namesake_are_left_to_go_with_it() -> None:
    """They are not ours, and Kubernetes removes them."""
    shell = Shell()
    earlier = shell.deployment.model_copy(
        update={"metadata": shell.deployment.metadata.model_copy(update={"uid": "u0"})}
    )
    await shell.goldens.keep(earlier, RUN, plan_json="{}")
    shell.cluster.tell(shell.store)
    before = shell.names()
    await shell.keep(None)

    assert shell.names() == before
    assert await shell.facts() == GoldenFacts()


async def test_golden_answers_and_load_tests_leave_each_other_alone() -> None:
    """Both clean up in every pass, and neither may take the other's Job for a former one of its own."""
    shell = Shell()
    await shell.keep(RUN)
    labels = {"palier.dev/modeldeployment": "demo", "app.kubernetes.io/managed-by": "palier"}
    labels["palier.dev/load-test"] = "load-demo-x"
    job = {"name": "load-demo-x", "namespace": "ml", "labels": labels, "ownerReferences": [{"uid": "u1"}]}
    shell.cluster.put({"apiVersion": "batch/v1", "kind": "Job", "metadata": job, "spec": {}})
    shell.cluster.tell(shell.store)
    await shell.keep(RUN)
    assert shell.names("Job") == {"load-demo-x", golden_name(shell.deployment, RUN)}

    await LoadTests(shell.cluster, shell.store).keep(shell.deployment, None, requests="")
    assert shell.names("Job") == {golden_name(shell.deployment, RUN)}
    assert golden_name(shell.deployment, RUN) in shell.names("ConfigMap")


async def test_without_any_image_the_field_to_fill_in_is_named() -> None:
    """Before anything is written, and before anybody is told that it runs; a Job that is there goes on."""
    shell = Shell(image="")
    with pytest.raises(InvalidSpec) as demanded:
        shell.goldens.demand_image(shell.deployment, RUN)
    with pytest.raises(InvalidSpec) as kept:
        await shell.keep(RUN)
    assert demanded.value.field == kept.value.field == "spec.golden.image"
    assert shell.names() == set()

    shell.goldens.demand_image(shell.deployment, None)
    shell.goldens.demand_image(model_deployment(), RUN)
    shell.goldens.demand_image(examined(image="asker:1"), RUN)
    await Goldens(shell.cluster, shell.store, "palier:test").keep(shell.deployment, RUN, plan_json="{}")
    shell.goldens.demand_image(shell.deployment, RUN)


async def test_without_a_job_nothing_is_known() -> None:
    """Neither before it is made, nor of another run."""
    shell = Shell()
    assert await shell.facts() == GoldenFacts()

    await shell.keep(RUN)
    assert await shell.facts() == GoldenFacts(exists=True)
    assert await shell.facts(replace(RUN, attempt=2)) == GoldenFacts()


async def test_the_progress_is_in_the_log() -> None:
    """While the container runs that makes the result."""
    shell = Shell()
    await shell.keep(RUN)
    shell.turns(active=1)
    shell.pod("Running", running={})
    shell.cluster.logs["golden-x"] = json.dumps({"progress": {"asked": 3, "of": 10, "message": "so far"}})

    assert await shell.facts() == GoldenFacts(
        exists=True,
        running=True,
        progress={"asked": 3, "of": 10, "message": "so far"},
        started_at=STARTED_AT,
    )


@pytest.mark.parametrize("at_work", ["collect", "score"])
async def test_a_pod_that_collects_or_scores_runs(at_work: str) -> None:
    """For Kubernetes it is pending until its last container begins, which is no trouble."""
    shell = Shell(scorer={"image": "scorer:1"})
    await shell.keep(RUN)
    shell.turns(active=1)
    done = {"name": "collect", "state": {"terminated": terminated()}}
    busy = {"name": at_work, "state": {"running": {}}}
    shell.pod("Pending", init=[busy] if at_work == "collect" else [done, busy], waiting={"reason": "PodInitializing"})

    assert await shell.facts() == GoldenFacts(exists=True, running=True, started_at=STARTED_AT)


async def test_a_result_is_read_from_the_last_container() -> None:
    """What the ones before it have left is none, even if it looks like one."""
    shell = Shell(scorer={"image": "scorer:1"})
    await shell.keep(RUN)
    shell.ends()
    other = replace(RESULT, message="made up by a scorer").to_json()
    init = [{"name": "score", "state": {"terminated": terminated(other)}}]
    shell.pod("Succeeded", init=init, terminated=terminated(RESULT.to_json()))

    assert await shell.facts() == GoldenFacts(exists=True, result=RESULT, started_at=STARTED_AT)


@pytest.mark.parametrize(
    "change", [{"reason": "no word"}, {"message": "no" * 20_000}, {"requests": -1}, {"score": "NaN"}], ids=str
)
async def test_a_result_that_no_status_could_hold_is_none(change: dict[str, Any]) -> None:
    """Whatever image wrote it: a status that the API server refuses would stop the release for ever."""
    shell = Shell()
    await shell.keep(RUN)
    shell.ends()
    shell.pod("Succeeded", terminated=terminated(json.dumps({**json.loads(RESULT.to_json()), **change})))
    found = await shell.facts()

    assert (found.failed, found.result) == (True, None)
    assert found.message.startswith("pod golden-x of the examination left no readable result")


@pytest.mark.parametrize(
    ("init", "main", "told"),
    [
        (
            [],
            terminated("corpus, line 3: it is not JSON", code=1),
            "ended with exit code 1: corpus, line 3: it is not JSON",
        ),
        ([], terminated(code=137, reason="OOMKilled"), "was killed: it needs more memory than golden.resources allows"),
        (
            [terminated(code=137, reason="OOMKilled")],
            None,
            "was killed: it needs more memory than golden.scorer.resources allows",
        ),
        ([terminated("no module named ragas\n", code=2)], None, "ended with exit code 2: no module named ragas"),
        ([], terminated("{}"), "left no readable result: {}"),
    ],
)
async def test_a_job_that_ended_without_a_result_says_why(
    init: list[dict[str, Any]], main: dict[str, Any] | None, told: str
) -> None:
    """Of a scorer too, after which the last container never begins."""
    shell = Shell()
    await shell.keep(RUN)
    shell.ends(failed=True)
    before = [{"name": "score", "state": {"terminated": ended}} for ended in init]
    state: dict[str, Any] = {"waiting": {"reason": "PodInitializing"}} if main is None else {"terminated": main}
    shell.pod("Failed", init=before, **state)

    assert await shell.facts() == GoldenFacts(
        exists=True, failed=True, message=f"pod golden-x of the examination {told}", started_at=STARTED_AT
    )


async def test_a_pod_that_was_evicted_between_two_steps_says_so() -> None:
    """The step that ended well is not what ended the pod."""
    shell = Shell(scorer={"image": "scorer:1"})
    await shell.keep(RUN)
    shell.ends(failed=True)
    shell.pod("Failed", init=[{"name": "collect", "state": {"terminated": terminated()}}], waiting={"reason": "x"})
    shell.cluster.pods[0]["status"] |= {"reason": "Evicted", "message": "The node was low on resource: memory."}

    assert (await shell.facts()).message == (
        "pod golden-x of the examination was ended: Evicted, The node was low on resource: memory."
    )


async def test_a_pod_that_waits_says_what_for() -> None:
    """A judge's Secret that does not exist is shown while it is missing."""
    shell = Shell()
    await shell.keep(RUN)
    shell.turns(active=1)
    shell.pod("Pending", waiting={"reason": "CreateContainerConfigError", "message": 'secret "judge" not found'})
    found = await shell.facts()

    assert (found.exists, found.running, found.failed) == (True, False, False)
    assert found.message == 'pod golden-x, container golden: CreateContainerConfigError: secret "judge" not found'
