"""The Job of one load test, and the ConfigMap that says what its pod does."""

from typing import Any, Final

from palier.api.constants import GROUP
from palier.api.spec.load_test import LoadTest
from palier.api.v1alpha1 import ModelDeployment
from palier.errors import InvalidSpec
from palier.manifests.corpora import CORPUS_KEY, corpus_text, corpus_volume
from palier.manifests.metadata import metadata, selector_labels
from palier.manifests.workers import (
    PLAN_KEY,
    RESULT_PATH,
    SCRATCH,
    SCRATCH_MOUNT,
    config_manifest,
    image_of,
    job_manifest,
    job_name,
    pod_spec,
    reporting_container,
)
from palier.release.testing import Run

LABEL_LOAD_TEST: Final = f"{GROUP}/load-test"
"""On the Job of a load test, on its pod, and on the ConfigMap that it reads: the name of the Job."""

CONFIG_PATH: Final = "/etc/palier/load-test"
"""Where the pod finds the plan, and the requests that are kept in the cluster's own objects."""
CORPUS_PATH: Final = "/etc/palier/corpus"
"""Where a volume with requests is mounted."""

_RESOURCES: Final = {"requests": {"cpu": "500m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
"""No CPU limit: a throttled generator sends late, and would measure itself."""


def load_test_name(deployment: ModelDeployment, run: Run) -> str:
    """Name of a run's Job and ConfigMap; another attempt has another name, and so has another question.

    So a Job whose requests or rules were changed meanwhile is never mistaken for the one that answers the new question.
    """
    tail = f"{run.revision}-{run.index}-{run.attempt}"
    return job_name("load", deployment, tail=tail, about=run.digest)


def corpus_path(test: LoadTest) -> str | None:
    """Where the pod finds the requests; None when there is no corpus."""
    if test.corpus is None:
        return None
    mounted = corpus_volume(test.corpus)
    return f"{CORPUS_PATH}/{mounted[1]}" if mounted else f"{CONFIG_PATH}/{CORPUS_KEY}"


def load_test_config(deployment: ModelDeployment, run: Run, plan: str, *, requests: str = "") -> dict[str, Any]:
    """What the pod of a run reads.

    Args:
        deployment: the owner, as the tested variant serves it.
        run: the run.
        plan: the load test's plan as JSON.
        requests: text of the ConfigMap's key when the corpus comes from one.
    """
    name = load_test_name(deployment, run)
    text = corpus_text(_load_test(deployment).corpus, read=requests)
    data = {PLAN_KEY: plan} | ({} if text is None else {CORPUS_KEY: text})
    return config_manifest(deployment, name, data, revision=run.revision, label=LABEL_LOAD_TEST, job=name)


def load_test_job(deployment: ModelDeployment, run: Run, *, image: str) -> dict[str, Any]:
    """The Job of a run.

    Args:
        deployment: the owner, as the tested variant serves it.
        run: the run.
        image: image of the load generator where the spec names none: the operator's own; empty when it is not known.

    Raises:
        InvalidSpec: neither names an image.
    """
    test = _load_test(deployment)
    chosen = image_of(test.image, image, field="spec.scale.loadTest.image")
    name = load_test_name(deployment, run)
    labels = {**selector_labels(deployment, run.revision), LABEL_LOAD_TEST: name}
    # A server that hangs in the last step is waited for twice (see `loadtest.run`).
    longest = test.max_duration.seconds + 2 * test.timeout.seconds
    pod = _pod_spec(deployment, run, test, image=chosen)
    return job_manifest(metadata(deployment, name=name, labels=labels), pod, label=LABEL_LOAD_TEST, longest=longest)


def _load_test(deployment: ModelDeployment) -> LoadTest:
    if deployment.spec.scale is None:
        raise InvalidSpec("spec.scale", "a load test needs spec.scale, which says what traffic is planned for")
    return deployment.spec.scale.load_test


def _pod_spec(deployment: ModelDeployment, run: Run, test: LoadTest, *, image: str) -> dict[str, Any]:
    arguments = ["load-test", f"--plan={CONFIG_PATH}/{PLAN_KEY}", f"--result={RESULT_PATH}"]
    if (path := corpus_path(test)) is not None:
        arguments.append(f"--corpus={path}")
    volumes: list[dict[str, Any]] = [
        {"name": "config", "configMap": {"name": load_test_name(deployment, run)}},
        SCRATCH,
    ]
    mounts: list[dict[str, Any]] = [{"name": "config", "mountPath": CONFIG_PATH, "readOnly": True}, SCRATCH_MOUNT]
    if mounted := corpus_volume(test.corpus):
        volumes.append({"name": "corpus", **mounted[0]})
        mounts.append({"name": "corpus", "mountPath": CORPUS_PATH, "readOnly": True})
    container = {
        "name": "load-test",
        **reporting_container(image, _RESOURCES if test.resources is None else test.resources),
        "args": arguments,
        "volumeMounts": mounts,
    }
    return pod_spec(deployment, test, containers=[container], volumes=volumes)
