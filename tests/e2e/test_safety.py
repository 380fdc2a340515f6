"""What people, tools and other tenants do to a release under way: no user meets a version that has not earned it."""

import copy
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from local import cluster
from local.errors import LocalError
from local.traffic import TrafficThread
from tests.e2e.objects import get_object, list_names
from tests.e2e.support import Model, Status, asked_by_palier, kubectl, not_the_candidates, wait_until

Users = Callable[..., TrafficThread]

LONG = "9m"
"""Longer than any of these tests: a release stays in such a stage."""


def ask(model: Model, request: str) -> None:
    """Write an annotation as a person would."""
    kubectl("annotate", "modeldeployment", model.name, "-n", model.namespace, "--overwrite", request)


def get(model: Model, kind: str, name: str) -> dict[str, Any]:
    """An object of the model's namespace."""
    return get_object(model.namespace, f"{kind}s", name)


def let_users_ask(traffic: TrafficThread, requests: int) -> None:
    """Let so many more requests be answered."""
    enough = len(traffic.responses) + requests
    wait_until(lambda: len(traffic.responses) >= enough, timeout=60, what=f"{requests} more requests to be answered")


def highest(model: Model, revision: str, began: int = 0) -> float:
    """The greatest weight of a revision among those that the route had, from a position in their list on."""
    model.see()
    return max((weights.get(revision, 0.0) for _, weights in model.weights[began:]), default=0.0)


def stay_at_first_stage(model: Model, traffic: TrafficThread, revision: str, *, began: int) -> Status:
    """See a release come to 20 % and stay there; returns the last status."""
    model.in_traffic(revision, weight=20)
    let_users_ask(traffic, 150)

    assert highest(model, revision, began) == 20
    assert model.weight(revision) == 20

    return model.status


def first_stage_lasts(model: Model) -> None:
    """Have releases stay at 20 %."""
    model.manifest["spec"]["release"]["stages"][0]["canary"]["minDuration"] = LONG


@pytest.mark.long
def test_a_left_over_request_acts_on_no_later_release_of_its_revision(model: Model, users: Users) -> None:
    """A revision that comes back takes its stages, whatever annotations are left; one that names the start acts."""
    first_stage_lasts(model)
    model.manifest["spec"]["release"]["rollbackWindow"] = "10s"
    stable = model.serve_first()
    first = model.manifest
    traffic = users()
    second = model.release("2")
    model.in_traffic(second, weight=20)
    ask(model, f"palier.dev/promote={second}")
    model.promoted(second, timeout=30)
    again = model.manifest
    model.manifest = first
    model.apply()
    model.promoted(stable, timeout=30)
    model.wait(lambda s: "former" not in s and "drains" not in s, timeout=60, what="version 2 to be gone")

    began = len(model.weights)
    model.manifest = copy.deepcopy(again)
    model.apply()
    aborted = stay_at_first_stage(model, traffic, second, began=began)

    ask(model, f"palier.dev/abort={second}")
    model.wait(lambda s: s["outcome"]["result"] == "Aborted", timeout=30, what="the release to be aborted")
    began = len(model.weights)
    model.manifest["spec"]["objectives"][1]["errorRate"]["maxPercent"] = "4"
    model.apply()
    retried = stay_at_first_stage(model, traffic, second, began=began)

    assert retried["release"]["startedAt"] != aborted["release"]["startedAt"]

    ask(model, f"palier.dev/promote={second}@{retried['release']['startedAt']}")
    status = model.promoted(second, timeout=30)

    assert [outcome["result"] for outcome in status["history"]] == [
        *("Promoted", "Promoted", "Promoted", "Aborted", "Promoted")
    ]
    assert traffic.stop().failures() == []


@contextmanager
def updates_denied(model: Model, group: str, resource: str, *probe: str) -> Iterator[str]:
    """Has the API server refuse each update of a resource in the model's namespace; yields its words.

    Args:
        model: whose namespace.
        group: the resource's API group.
        resource: its plural name, with its subresource if that is meant.
        probe: what `kubectl patch` needs to name one of them.
    """
    name, words = f"{model.namespace}-{resource.replace('/', '-')}", f"{resource} may not be updated today"
    api = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    rule = {"apiGroups": [group], "apiVersions": ["*"], "operations": ["UPDATE"], "resources": [resource]}
    matches = {"matchLabels": {"kubernetes.io/metadata.name": model.namespace}}
    policy = {
        "matchConstraints": {"namespaceSelector": matches, "resourceRules": [rule]},
        "validations": [{"expression": "false", "message": words}],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    manifests = [
        {**api, "kind": "ValidatingAdmissionPolicy", "spec": policy},
        {**api, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding},
    ]
    change = ("--type=merge", "--patch", '{"metadata":{"annotations":{"example.com/probe":"1"}}}', "--dry-run=server")
    try:
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(manifests))
        wait_until(
            lambda: words in refusal("patch", *probe, "-n", model.namespace, *change),
            timeout=30,
            what=f"the API server to refuse updates of {resource}",
        )
        yield words
    finally:
        kinds = "validatingadmissionpolicybindings,validatingadmissionpolicies"
        kubectl("delete", kinds, name, "--ignore-not-found")


def refusal(*arguments: str) -> str:
    """Why kubectl fails; empty when it does not."""
    try:
        kubectl(*arguments)
    except LocalError as error:
        return str(error)
    return ""


def test_refused_writes_keep_no_candidate_in_traffic(model: Model, users: Users) -> None:
    """Neither the Deployments nor the status can be written, and an abort takes 50 % away at once all the same."""
    model.manifest["spec"]["release"]["stages"] = [
        {"canary": {"weight": 50, "minDuration": LONG, "maxDuration": "10m"}}
    ]
    stable = model.serve_first()
    traffic = users()
    second = model.release("2")
    model.in_traffic(second, weight=50)
    serving = f"{model.name}-{stable}"
    status_of = ("modeldeployment", model.name, "--subresource=status")
    with updates_denied(model, "apps", "deployments", "deployment", serving) as words:
        with updates_denied(model, "palier.dev", "modeldeployments/status", *status_of):
            model.manifest["spec"]["serving"]["replicas"] = 2
            model.apply()
            asked = time.time()
            ask(model, f"palier.dev/abort={second}")
            wait_until(lambda: model.weight(second) == 0, timeout=20, what="the candidate to lose its weight")

            assert model.zero_since(second) - asked < 5

            let_users_ask(traffic, 150)

            assert model.weight(stable) == 100
            assert model.status["stage"] == "Canary 50"  # nobody could write what has become of it

        model.wait(
            lambda s: s["outcome"]["result"] == "Aborted" and words in model.condition("Denied").get("message", ""),
            timeout=60,
            what="the status to tell of the abort and of the refused Deployment",
        )

        assert get(model, "deployment", serving)["spec"]["replicas"] == 1

    model.wait(
        lambda _status: not model.condition("Denied") and get(model, "deployment", serving)["spec"]["replicas"] == 2,
        timeout=60,
        what="stable to get its second pod, and the status to tell of no refusal",
    )
    ask(model, "palier.dev/retry=policies-are-gone")
    model.in_traffic(second, weight=50)

    assert traffic.stop().failures() == []


def answered_route(model: Model) -> Mapping[str, Any] | None:
    """The route, once the gateway has answered its present generation."""
    route = get(model, "httproute", model.name)
    seen = [one["observedGeneration"] for each in route["status"]["parents"] for one in each["conditions"]]
    return route if set(seen) == {route["metadata"]["generation"]} else None


def writes_of_the_route(model: Model) -> int:
    """How often Palier has written the route; always 0 for a cluster whose audit log is out of reach."""
    if not cluster.is_local():
        return 0
    about_routes = (e for e in asked_by_palier(model.namespace) if e["objectRef"]["resource"] == "httproutes")
    return sum(entry["verb"] not in {"get", "list", "watch"} for entry in about_routes)


def test_what_others_add_to_the_route_is_left_alone_and_stops_no_abort(model: Model, users: Users) -> None:
    """A hostname and a timeout that Palier never states cause no write, and the weight still comes down to 0."""
    first_stage_lasts(model)
    del model.manifest["spec"]["traffic"]["gateway"]["hostnames"]
    model.serve_first()
    traffic = users()
    second = model.release("2")
    model.in_traffic(second, weight=20)
    added = [
        {"op": "add", "path": "/spec/hostnames", "value": [model.hostname]},
        {"op": "add", "path": "/spec/rules/0/timeouts", "value": {"request": "20s"}},
    ]
    patch = ("--type=json", "--patch", json.dumps(added))
    kubectl("patch", "httproute", model.name, "-n", model.namespace, *patch)
    route = wait_until(lambda: answered_route(model), timeout=20, what="the gateway to answer the route")
    written = writes_of_the_route(model)
    let_users_ask(traffic, 200)

    assert get(model, "httproute", model.name)["metadata"]["resourceVersion"] == route["metadata"]["resourceVersion"]
    assert writes_of_the_route(model) == written

    asked = time.time()
    ask(model, f"palier.dev/abort={second}")
    model.wait(lambda s: s["outcome"]["result"] == "Aborted", timeout=30, what="the release to be aborted")

    assert model.weight(second) == 0
    assert model.zero_since(second) - asked < 5
    assert get(model, "httproute", model.name)["spec"]["hostnames"] == [model.hostname]
    assert traffic.stop().failures() == []


@pytest.mark.long
def test_neither_edited_stages_nor_a_lost_pod_move_a_release_elsewhere(model: Model, users: Users) -> None:
    """Its stages are those that it began with; without a pod it has no weight, and with one its own weight again."""
    first_stage_lasts(model)
    stable = model.serve_first()
    traffic = users()
    second = model.release("2")
    began, started = len(model.weights), model.in_traffic(second, weight=20)["release"]["startedAt"]
    for stage, weight in zip(model.manifest["spec"]["release"]["stages"], (60, 70, 80), strict=True):
        stage["canary"]["weight"] = weight
    model.apply()
    stay_at_first_stage(model, traffic, second, began=began)
    (pod,) = list_names(model.namespace, "pods", selector=f"palier.dev/revision={second}")
    killed = time.time()
    kubectl("delete", "pod", pod, "-n", model.namespace, "--grace-period=0", "--force", "--wait=false")
    wait_until(lambda: model.weight(second) == 0, timeout=20, what="the candidate to lose its weight")
    lost = model.zero_since(second)

    assert lost - killed < 5

    status = model.wait(
        lambda s: s["release"].get("losses") == 1 and "trafficSince" in s["release"] and model.weight(second) == 20,
        timeout=60,
        what="the candidate to have its weight again",
    )

    assert status["release"]["startedAt"] == started
    assert status["stage"] == "Canary 20"
    assert status["stable"]["revision"] == stable
    assert highest(model, second, began) == 20
    failures = traffic.stop().failures()
    assert [each for each in failures if not killed - 1 <= each.completed <= lost + 4] == []
    assert len(failures) <= 20


def lose_status(model: Model) -> int:
    """Replace the status by an empty one; returns the position in the list of weights from which on that counts."""
    model.see()
    patch = ("--type=json", "--patch", '[{"op": "replace", "path": "/status", "value": {}}]')
    kubectl("patch", "modeldeployment", model.name, "-n", model.namespace, "--subresource=status", *patch)
    return len(model.weights)


@pytest.mark.long
def test_a_lost_status_makes_no_version_stable(model: Model, users: Users) -> None:
    """Stable serves on; an unjudged candidate begins with its first stage, and a refused one is refused once more."""
    model.manifest["spec"]["release"]["stages"][1]["canary"]["minDuration"] = LONG
    stable = model.serve_first()
    traffic = users()
    second = model.release("2")
    before = model.in_traffic(second, weight=35)["release"]["startedAt"]
    began = lose_status(model)
    status = model.in_traffic(second, weight=20)

    assert status["stable"]["revision"] == stable
    assert status["release"]["startedAt"] != before
    assert highest(model, second, began) == 20
    assert min(weights.get(second, 0) for _, weights in model.weights[began:]) <= 1  # what it had was taken back

    bad = model.release("bad", FAIL_PERCENT="50")
    refused = model.rolled_back(bad)["outcome"]["time"]
    # What Palier writes at the end of the drain would bring the lost status back.
    model.wait(lambda s: "drains" not in s, timeout=30, what="the bad version to be drained")
    lose_status(model)
    status = model.wait(
        lambda s: "release" not in s and s.get("outcome", {}).get("time", refused) > refused,
        timeout=120,
        what="the bad version to be refused once more",
    )

    assert (status["outcome"]["revision"], status["outcome"]["result"]) == (bad, "RolledBack")
    assert status["stable"]["revision"] == stable
    assert highest(model, bad) == 20
    assert not_the_candidates(traffic, bad) == []


def test_a_service_that_somebody_made_beforehand_gets_no_user(model: Model, users: Users) -> None:
    """It has the name of the candidate's Service, and ready pods; the status says whose it is, and nothing moves."""
    first_stage_lasts(model)
    stable = model.serve_first()
    first = model.manifest
    traffic = users()
    model.manifest = copy.deepcopy(first)
    model.manifest["spec"]["release"]["paused"] = True
    second = model.release("2")  # only to learn its name
    again = model.manifest
    model.manifest = first
    model.apply()
    name = f"{model.name}-{second}"
    wait_until(lambda: name not in list_names(model.namespace, "services"), timeout=60, what="version 2 to be gone")
    kubectl("create", "configmap", "somebody", "-n", model.namespace)
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "somebody"}
    owner["uid"] = get(model, "configmap", "somebody")["metadata"]["uid"]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": model.namespace, "ownerReferences": [owner]},
        "spec": {"selector": {"palier.dev/revision": stable}, "ports": [{"name": "http", "port": 8080}]},
    }
    kubectl("create", "-f", "-", stdin=json.dumps(service))
    model.manifest = copy.deepcopy(again)
    model.manifest["spec"]["release"]["paused"] = False
    model.apply()
    model.wait(
        lambda _status: f"Service {name} exists and is not Palier's" in model.condition("Ready").get("message", ""),
        timeout=30,
        what="the status to tell of the Service",
    )

    assert "belongs to ConfigMap somebody" in model.condition("Ready")["message"]

    let_users_ask(traffic, 150)

    assert highest(model, second) == 0
    assert set(traffic.responses.counts()) == {stable}
    assert get(model, "service", name)["spec"]["selector"] == {"palier.dev/revision": stable}

    kubectl("delete", "service", name, "-n", model.namespace)
    model.in_traffic(second, weight=20)

    assert get(model, "service", name)["spec"]["selector"]["palier.dev/revision"] == second
    assert traffic.stop().failures() == []
