"""What the operator sees in its cache: whose revisions, how many ready pods, whose host, and who asked for what."""

from typing import Any

import pytest

from palier.api.constants import ANNOTATION_ABORT, ANNOTATION_RETRY
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.inputs import SpecInputs
from palier.cluster.observe import observe
from palier.cluster.store import Store
from palier.manifests.revision import deployment_manifest, service_manifest
from palier.manifests.traffic import front_service_manifest
from palier.release.observation import MeasuredEvidence, Observation, RevisionFacts
from palier.release.state import RevisionRef, State
from tests.support.cluster.memory import MemoryCluster, endpoint_slice
from tests.support.release.world import model_deployment

STABLE, CANDIDATE = "aaaaaaaaaa", "bbbbbbbbbb"
SERVICE: dict[str, Any] = {"service": {}}


def ref(revision: str) -> RevisionRef:
    """A revision that has been there for ever."""
    return RevisionRef(revision, "m", "1", 8080, 0.0)


def seen(
    cluster: MemoryCluster,
    deployment: ModelDeployment | None = None,
    state: State | None = None,
    **troubles: str,
) -> Observation:
    """What the operator observes once its watches have caught up."""
    store = Store()
    cluster.tell(store)
    return observe(
        store,
        deployment or model_deployment(),
        state or State(),
        inputs=SpecInputs(STABLE),
        measured=MeasuredEvidence(),
        troubles=troubles,
    )


def facts(cluster: MemoryCluster, revision: str = STABLE, **troubles: str) -> RevisionFacts:
    """What the operator observes of one revision."""
    return seen(cluster, **troubles).facts(revision)


def with_revision(revision: str = STABLE, *, replicas: int = 2, **status: Any) -> MemoryCluster:  # noqa: ANN401
    """A cluster with one revision, all of whose pods are ready unless `status` says otherwise."""
    cluster = MemoryCluster()
    add_revision(cluster, revision, replicas=replicas, **status)
    return cluster


def add_revision(cluster: MemoryCluster, revision: str, *, replicas: int = 2, **status: Any) -> None:  # noqa: ANN401
    """One more revision."""
    manifest = deployment_manifest(model_deployment(), revision)
    status = {"replicas": replicas, "availableReplicas": replicas, **status}
    cluster.put({**manifest, "spec": {**manifest["spec"], "replicas": replicas}, "status": status})
    cluster.put(service_manifest(model_deployment(), revision, port=8080))
    cluster.put(endpoint_slice(f"demo-{revision}", "demo", ready=status["availableReplicas"]))


def test_a_revision_with_ready_pods() -> None:
    """Replicas asked for, available, reachable and existing pods each come from where Kubernetes keeps them."""
    cluster = with_revision(replicas=3, availableReplicas=2)

    assert facts(cluster) == RevisionFacts(exists=True, replicas=3, available=2, endpoints=2, pods=3, port=8080)


def test_endpoints_are_counted_over_all_slices() -> None:
    """A large Service has several slices; an address that moves between two of them is one pod."""
    cluster = with_revision(replicas=5)
    cluster.put(endpoint_slice("demo-aaaaaaaaaa", "demo", ready=2, part="a"))
    cluster.put(endpoint_slice("demo-aaaaaaaaaa", "demo", ready=3, part="b"))
    moving = endpoint_slice("demo-aaaaaaaaaa", "demo", ready=2, part="a")
    moving["metadata"]["name"] = "demo-aaaaaaaaaa-c"
    cluster.put(moving)

    assert facts(cluster).endpoints == 5


@pytest.mark.parametrize(
    ("conditions", "counted"), [({"ready": True}, 1), ({"ready": False}, 0), ({}, 1), ({"serving": True}, 1)]
)
def test_only_ready_endpoints_count(conditions: dict[str, bool], counted: int) -> None:
    """Not ready is told explicitly; an endpoint that says nothing is ready, as the API defines it."""
    cluster = with_revision()
    part = endpoint_slice("demo-aaaaaaaaaa", "demo", ready=0)
    cluster.put({**part, "endpoints": [{"addresses": ["10.0.0.1"], "conditions": conditions}]})

    assert facts(cluster).endpoints == counted


@pytest.mark.parametrize("endpoints", [None, []])
def test_a_service_without_endpoints(endpoints: list[Any] | None) -> None:
    """An empty slice is written as null by Kubernetes, and means zero."""
    cluster = with_revision()
    cluster.put({**endpoint_slice("demo-aaaaaaaaaa", "demo", ready=0), "endpoints": endpoints})

    assert facts(cluster).endpoints == 0


def test_slices_of_other_services_do_not_count() -> None:
    """The candidate's pods are not stable's."""
    cluster = with_revision(replicas=2)
    add_revision(cluster, CANDIDATE, replicas=7)

    assert (facts(cluster).endpoints, facts(cluster, CANDIDATE).endpoints) == (2, 7)


def test_a_revision_without_its_service_does_not_exist() -> None:
    """A Deployment alone carries no traffic: the route could not name it."""
    cluster = with_revision()
    del cluster.objects["Service", "ml", "demo-aaaaaaaaaa"]

    assert not facts(cluster).exists
    assert not facts(cluster).carries(1)


def test_a_deployment_on_its_way_out_is_gone() -> None:
    """Pods of a Deployment that is being deleted must not be given traffic."""
    cluster = with_revision()
    workload = cluster.objects["Deployment", "ml", "demo-aaaaaaaaaa"]
    cluster.put({**workload, "metadata": {**workload["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}})

    assert not facts(cluster).exists
    assert not facts(cluster).carries(1)
    assert facts(cluster).endpoints == facts(cluster).replicas == 0


def test_children_of_a_namesake_are_not_ours() -> None:
    """A ModelDeployment that was deleted and made again starts without the revisions of its predecessor."""
    cluster = with_revision()
    deployment = model_deployment()
    again = deployment.model_copy(update={"metadata": deployment.metadata.model_copy(update={"uid": "u2"})})

    assert seen(cluster, again).revisions == {}


def test_a_new_deployment_without_status_has_no_pods() -> None:
    """Between creation and the first word of its controller nothing is available."""
    cluster = with_revision(replicas=2)
    del cluster.objects["Deployment", "ml", "demo-aaaaaaaaaa"]["status"]

    assert facts(cluster).available == 0
    assert facts(cluster).pods == 0


QUOTA = 'pods "demo-aaaaaaaaaa-x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=4, limited: 4'


def test_pods_that_may_not_be_created_are_told_with_the_quota() -> None:
    """A quota leaves no pod to look at; the Deployment's own condition is the only place that tells."""
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": QUOTA}
    cluster = with_revision(availableReplicas=0, conditions=[{"type": "Available", "status": "False"}, failure])

    assert facts(cluster).trouble == QUOTA
    assert facts(cluster, **{STABLE: "pod x runs but is not ready"}).trouble == QUOTA


def test_a_replica_failure_that_is_over_is_no_trouble() -> None:
    """What was looked up about the pods counts then."""
    over = {"type": "ReplicaFailure", "status": "False", "reason": "FailedCreate", "message": QUOTA}
    cluster = with_revision(conditions=[over])

    assert facts(cluster).trouble == ""
    assert facts(cluster, **{STABLE: "pod x: ErrImagePull"}).trouble == "pod x: ErrImagePull"


def asking(**annotations: str) -> dict[str, Any]:
    """A ModelDeployment as stored, each annotation written by the manager of the same name."""
    managed = [
        {
            "manager": f"{name}-program",
            "time": "2026-01-01T00:00:00Z",
            "fieldsV1": {"f:metadata": {"f:annotations": {f"f:palier.dev/{name}": {}}}},
        }
        for name in annotations
    ]
    return {
        "apiVersion": "palier.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {
            "name": "demo",
            "namespace": "ml",
            "annotations": {f"palier.dev/{name}": value for name, value in annotations.items()},
            "managedFields": managed,
        },
    }


def asked(annotations: dict[str, str]) -> ModelDeployment:
    """The parsed ModelDeployment with these annotations."""
    deployment = model_deployment()
    return deployment.model_copy(
        update={"metadata": deployment.metadata.model_copy(update={"annotations": annotations})}
    )


def test_requests_come_with_the_program_that_wrote_them() -> None:
    """Who asked is read from the API server's bookkeeping, which nobody can forge in an annotation."""
    cluster = MemoryCluster()
    cluster.put(asking(abort=CANDIDATE, retry="7"))
    requests = seen(cluster, asked({ANNOTATION_ABORT: CANDIDATE, ANNOTATION_RETRY: "7"})).requests

    assert (requests.abort, requests.promote, requests.retry) == (CANDIDATE, "", "7")
    assert requests.asked_by("abort") == " by abort-program"
    assert requests.asked_by("retry") == " by retry-program"
    assert requests.asked_by("promote") == ""


def test_a_request_of_nobody_on_record_is_still_a_request() -> None:
    """Without managed fields a request is done all the same, only without a name."""
    requests = seen(MemoryCluster(), asked({ANNOTATION_ABORT: CANDIDATE})).requests

    assert requests.abort == CANDIDATE
    assert requests.asked_by("abort") == ""


def front(revision: str | None, *, uid: str = "u1") -> MemoryCluster:
    """A cluster with a front Service."""
    cluster = MemoryCluster()
    manifest = front_service_manifest(model_deployment(traffic=SERVICE), revision, port=8080)
    manifest["metadata"]["ownerReferences"][0]["uid"] = uid
    cluster.put(manifest)
    return cluster


def test_a_closed_front_service_gives_everything_to_one_revision() -> None:
    """The selector alone says so; pods of others change nothing."""
    cluster = front(STABLE)
    add_revision(cluster, STABLE, replicas=2)
    add_revision(cluster, CANDIDATE, replicas=3)
    cluster.put(endpoint_slice("demo", "demo", ready=2))
    route = seen(cluster, model_deployment(traffic=SERVICE), State(stable=ref(STABLE), candidate=ref(CANDIDATE))).route

    assert route.weights == {STABLE: 100}
    assert route.accepted
    assert route.serving


@pytest.mark.parametrize(
    ("stable", "candidate", "weights"),
    [(3, 1, (75, 25)), (999, 1, (99, 1)), (1, 999, (1, 99)), (2, 0, (100, 0)), (0, 2, (0, 100))],
)
def test_an_open_front_service_splits_by_ready_pods(stable: int, candidate: int, weights: tuple[int, int]) -> None:
    """Shares are those of ready pods; a share rounds to nothing or to everything only where it is that."""
    cluster = front(None)
    add_revision(cluster, STABLE, replicas=stable)
    add_revision(cluster, CANDIDATE, replicas=candidate)
    route = seen(cluster, model_deployment(traffic=SERVICE), State(stable=ref(STABLE), candidate=ref(CANDIDATE))).route

    assert (route.weights[STABLE], route.weights[CANDIDATE]) == weights


@pytest.mark.parametrize(("revision", "follows"), [(STABLE, 3), (None, 4)], ids=["closed", "open"])
@pytest.mark.parametrize("behind", [0, 2, 3, 4])
def test_a_front_service_is_in_force_when_its_endpoints_follow_its_selector(
    revision: str | None, follows: int, behind: int
) -> None:
    """Kubernetes needs a moment for it: until then users still reach the pods of before, or nobody."""
    cluster = front(revision)
    add_revision(cluster, STABLE, replicas=3)
    add_revision(cluster, CANDIDATE, replicas=1)
    cluster.put(endpoint_slice("demo", "demo", ready=behind))
    route = seen(cluster, model_deployment(traffic=SERVICE), State(stable=ref(STABLE), candidate=ref(CANDIDATE))).route

    assert route.accepted is (behind == follows)
    assert route.serving is (behind > 0)


def test_an_open_front_service_without_ready_pods_has_no_split() -> None:
    """Nothing is divided by nothing."""
    state = State(stable=ref(STABLE), candidate=ref(CANDIDATE))

    assert seen(front(None), model_deployment(traffic=SERVICE), state).route.weights == {}


def test_no_front_service_yet() -> None:
    """Before the first write there is no route and nothing in its way."""
    route = seen(MemoryCluster(), model_deployment(traffic=SERVICE)).route

    assert not route.exists
    assert not route.serving
    assert route.conflict == ""


def test_a_front_service_of_a_stranger_is_a_conflict() -> None:
    """Its weights are not ours to read and its name is not ours to take."""
    route = seen(front(STABLE, uid="somebody else"), model_deployment(traffic=SERVICE)).route

    assert route.conflict.startswith("Service demo exists and is not Palier's")
    assert route.weights == {}
    assert not route.accepted
