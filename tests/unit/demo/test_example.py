"""The example's manifests: each is what its act says, and they differ in nothing else."""

from typing import Any

import pytest
import yaml

from local.demo.acts import ACTS, EXAMPLE, HOST, LATENCY_THRESHOLD, NAME, PLANNED_THRESHOLD, Act, Ending
from local.demo.setting import PRICES, Options, adapted
from palier.api.v1alpha1 import parse
from palier.economics.prices import PriceTable

OPTIONS = Options(
    namespace="ml", rate=50, fast=False, image_registry=None, metrics=("monitoring", "prometheus"), scrape_interval=1
)


def manifest(act: Act) -> dict[str, Any]:
    """The act's manifest as it lies there."""
    loaded: dict[str, Any] = yaml.safe_load(act.manifest.read_text("utf-8"))
    return loaded


def container(body: dict[str, Any]) -> dict[str, Any]:
    """The model server's container."""
    found: dict[str, Any] = body["spec"]["serving"]["template"]["spec"]["containers"][0]
    return found


def environment(body: dict[str, Any]) -> dict[str, str]:
    """The model server's environment."""
    return {variable["name"]: variable["value"] for variable in container(body)["env"]}


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.manifest.stem)
def test_a_manifest_is_valid_and_consistent(act: Act) -> None:
    """Palier can read it, and the pods run the very model that it names."""
    body = manifest(act)
    deployment = parse(body)
    served = environment(body)
    assert deployment.metadata.name == NAME
    assert (served["MODEL"], served["MODEL_VERSION"]) == (deployment.spec.model.name, deployment.spec.model.version)
    assert body["spec"]["traffic"]["gateway"]["hostnames"] == [HOST]
    threshold = PLANNED_THRESHOLD if act.planned else LATENCY_THRESHOLD
    assert body["spec"]["objectives"][0]["latency"]["threshold"] == f"{threshold * 1000:g}ms"


@pytest.mark.parametrize("act", ACTS[1:], ids=lambda act: act.manifest.stem)
def test_a_change_changes_the_model_only(act: Act) -> None:
    """Besides model, environment and resources, every manifest is the first one, but for a plan and a shadow."""

    def rest(body: dict[str, Any]) -> dict[str, Any]:
        spec = body["spec"]
        del spec["model"]
        for part in ("env", "resources"):
            del container(body)[part]
        if act.compared:
            for part in ("answers", "shadow"):
                spec.pop(part, None)
            spec["release"]["stages"] = [stage for stage in spec["release"]["stages"] if "shadow" not in stage]
            spec["objectives"] = [objective for objective in spec["objectives"] if "agreement" not in objective]
        if act.planned:
            del spec["release"]["stages"], spec["objectives"][0]["latency"]["threshold"]
            spec.pop("budget", None)
            spec.pop("scale", None)
        return body

    assert rest(manifest(act)) == rest(manifest(ACTS[0]))


def test_both_models_are_planned_for_the_same() -> None:
    """One budget, one target, one load test, one processor: what differs is the model and the memory that it needs."""
    heavy, light = (manifest(act) for act in ACTS if act.planned)
    for part in ("budget", "scale", "release", "objectives"):
        assert heavy["spec"][part] == light["spec"][part], part
    requests = [container(body)["resources"] for body in (heavy, light)]
    assert requests[0]["requests"]["cpu"] == requests[1]["requests"]["cpu"]
    assert requests[0]["limits"]["cpu"] == requests[1]["limits"]["cpu"] == requests[0]["requests"]["cpu"]


def test_what_is_planned_is_load_tested_and_nothing_else_is() -> None:
    """The plan's acts begin with a load test, one with a shadow; the others tell the story of traffic alone."""
    for act in ACTS:
        stages = manifest(act)["spec"]["release"]["stages"]
        assert ("loadTest" in stages[0]) is act.planned, act.title
        assert ("shadow" in stages[0]) is act.compared, act.title


def test_the_titles_tell_the_plan() -> None:
    """The traffic and the money in the act's words are those of its manifest."""
    act = next(act for act in ACTS if act.ending is Ending.REFUSED and act.planned)
    spec = manifest(act)["spec"]
    target, monthly = spec["scale"]["target"]["requestsPerSecond"], spec["budget"]["monthly"]
    assert f"{int(target):,} requests a second for at most {monthly} {spec['budget']['currency']} a month" in act.story
    assert f"95 percent of the answers within {PLANNED_THRESHOLD * 1000:g} ms" in act.story


def test_the_bad_versions_are_bad_and_the_others_are_not() -> None:
    """Only the versions that are to be sent back inject a fault."""
    for act in ACTS:
        faults = {"EXTRA_LATENCY_MS", "FAIL_PERCENT", "FAIL_AFTER_SECONDS", "WRONG_PERCENT"} & environment(
            manifest(act)
        ).keys()
        assert bool(faults) is (act.ending is Ending.ROLLED_BACK or act.compared), act.title


def test_the_latency_threshold_is_an_edge_of_the_histogram() -> None:
    """What the objective asks can be measured exactly."""
    from language_id.app import LATENCY_BUCKETS  # noqa: PLC0415 (the path is set by conftest.py)

    assert {LATENCY_THRESHOLD, PLANNED_THRESHOLD} <= set(LATENCY_BUCKETS)


def test_the_example_is_complete() -> None:
    """What a user copies is all there."""
    for name in ("README.md", "sentences.txt", "server/Dockerfile", "server/requirements.txt"):
        assert (EXAMPLE / name).is_file(), name


def test_a_manifest_is_adapted_to_this_run() -> None:
    """Namespace and images follow the options; the original stays as it is."""
    original = manifest(ACTS[0])
    changed = adapted(original, Options("elsewhere", 50, False, "registry.example.com/team", None, 15))
    assert changed["metadata"]["namespace"] == "elsewhere"
    assert container(changed)["image"] == "registry.example.com/team/language-id:1"
    assert original == manifest(ACTS[0])
    assert adapted(original, OPTIONS) == original


def test_a_fast_run_has_short_stages() -> None:
    """Only times differ, so that the fast story is the same story."""
    changed = adapted(manifest(ACTS[0]), Options("ml", 100, True, None, None, 1))
    stages = changed["spec"]["release"]["stages"]
    assert [stage["canary"]["weight"] for stage in stages] == [5, 25, 50]
    assert {stage["canary"]["minDuration"] for stage in stages} == {"5s"}


def test_a_fast_run_tests_under_load_as_long_as_any_other() -> None:
    """A shorter search would find something else."""
    act = next(act for act in ACTS if act.planned)
    changed = adapted(manifest(act), Options("ml", 100, True, None, None, 1))
    assert changed["spec"]["scale"] == manifest(act)["spec"]["scale"]
    assert changed["spec"]["release"]["stages"][0] == manifest(act)["spec"]["release"]["stages"][0]


def test_the_prices_of_the_demonstration_can_be_read() -> None:
    """Palier takes the table, in the currency of the plan, and it does not grow old."""
    table = PriceTable.parse(PRICES)
    budgets = {manifest(act)["spec"]["budget"]["currency"] for act in ACTS if act.planned}
    assert budgets == {table.currency}
    assert table.max_age_days > 3000
