"""The Job of one load test, and the ConfigMap that tells its pod what to do.

The pod must never look like one of the pods it tests: Services and autoscalers select those by their labels, so the
labels of the revision stand on the Job and not on its pods. It runs beside users' pods, therefore with no rights at
all: no token, no root, nothing that it could write but a scratch folder.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from palier.api.constants import GROUP, LABEL_DEPLOYMENT, LABEL_WATCH, MANAGED_BY, MANAGED_BY_VALUE
from palier.api.load_test import Corpus, LoadTest
from palier.api.v1alpha1 import ModelDeployment
from palier.errors import InvalidSpec
from palier.manifests.metadata import metadata, selector_labels
from palier.release.testing import Run

LABEL_LOAD_TEST: Final = f"{GROUP}/load-test"
"""On the pod of a load test, and on the ConfigMap that it reads: the name of its Job."""

CONFIG_PATH: Final = "/etc/palier/load-test"
"""Where the pod finds the plan, and the requests that are kept in the cluster's own objects."""
CORPUS_PATH: Final = "/etc/palier/corpus"
"""Where a volume with requests is mounted."""
RESULT_PATH: Final = "/dev/termination-log"
"""The kubelet copies what is written there into the pod's status."""
PLAN_KEY: Final = "plan.json"
CORPUS_KEY: Final = "corpus.jsonl"

LONGEST_NAME: Final = 63
"""Characters: the name of a Job is also the value of a label of its pods."""
_ABOUT: Final = 6
"""Hexadecimal digits of what is asked, and of the whole name of which a long one loses its end."""
SPARE_SECONDS: Final = 300
"""For placing the pod and pulling its image, on top of the longest time that the test itself may take."""

_RESOURCES: Final = {"requests": {"cpu": "500m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
"""No CPU limit: a throttled generator sends late, and would measure itself."""


def load_test_name(deployment: ModelDeployment, run: Run) -> str:
    """Name of a run's Job and ConfigMap; another attempt has another name, and so has another question.

    So a Job whose requests or rules were changed meanwhile is never taken for the one that answers the new question.
    """
    about = hashlib.sha256(f"{deployment.metadata.name} {run.digest}".encode()).hexdigest()[:_ABOUT]
    tail = f"-{about}-{run.revision}-{run.index}-{run.attempt}"
    head = f"load-{deployment.metadata.name}"
    return head[: LONGEST_NAME - len(tail)] + tail


def corpus_path(test: LoadTest) -> str | None:
    """Where the pod finds the requests; None when there is no corpus."""
    corpus = test.corpus
    if corpus is None:
        return None
    source = corpus.volume or corpus.image
    return f"{CORPUS_PATH}/{source.path}" if source else f"{CONFIG_PATH}/{CORPUS_KEY}"


def load_test_config(deployment: ModelDeployment, run: Run, plan: str, *, requests: str = "") -> dict[str, Any]:
    """What the pod of a run reads.

    Not immutable: an operator that was killed before it made the Job must be able to write the addresses anew.

    Args:
        deployment: the owner, as the tested variant serves it.
        run: the run.
        plan: the load test's plan as JSON.
        requests: text of the ConfigMap's key when the corpus comes from one.
    """
    corpus, name = _load_test(deployment).corpus, load_test_name(deployment, run)
    data = {PLAN_KEY: plan}
    if corpus is not None and corpus.inline is not None:
        data[CORPUS_KEY] = "".join(f"{_one_line(entry)}\n" for entry in corpus.inline)
    elif corpus is not None and corpus.config_map_key_ref is not None:
        data[CORPUS_KEY] = requests
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(
            deployment,
            name=name,
            # Watched, so that one whose Job was never made, because its operator was killed, is found and removed.
            labels={**selector_labels(deployment, run.revision), LABEL_WATCH: "true", LABEL_LOAD_TEST: name},
        ),
        "data": data,
    }


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
    chosen = test.image or image
    if not chosen:
        raise InvalidSpec(
            "spec.scale.loadTest.image",
            "name an image: the operator was not told its own, which it would use, by --image",
        )
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(
            deployment, name=load_test_name(deployment, run), labels=selector_labels(deployment, run.revision)
        ),
        "spec": {
            "backoffLimit": 1,
            "activeDeadlineSeconds": math.ceil(test.max_duration.seconds) + SPARE_SECONDS,
            "template": {
                "metadata": {
                    "labels": {MANAGED_BY: MANAGED_BY_VALUE, LABEL_LOAD_TEST: load_test_name(deployment, run)}
                },
                "spec": _pod_spec(deployment, run, test, image=chosen),
            },
        },
    }


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
        {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
    ]
    mounts: list[dict[str, Any]] = [
        {"name": "config", "mountPath": CONFIG_PATH, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a mount of the pod's own
    ]
    if test.corpus is not None and (source := _volume(test.corpus)):
        volumes.append({"name": "corpus", **source})
        mounts.append({"name": "corpus", "mountPath": CORPUS_PATH, "readOnly": True})
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # No user id: the image has its own, and some platforms choose one.
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "affinity": _apart_from(deployment),
        "containers": [
            {
                "name": "load-test",
                "image": image,
                "command": ["palier"],
                "args": arguments,
                "resources": dict(test.resources) if test.resources is not None else _RESOURCES,
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "terminationMessagePath": RESULT_PATH,
                # A program that could not even begin has left no result, but has said why.
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "volumeMounts": mounts,
            }
        ],
        "volumes": volumes,
    }
    if test.node_selector:
        spec["nodeSelector"] = dict(test.node_selector)
    if test.tolerations:
        spec["tolerations"] = [dict(toleration) for toleration in test.tolerations]
    if secrets := _pull_secrets(deployment.spec.serving.template.spec):
        spec["imagePullSecrets"] = secrets
    return spec


def _volume(corpus: Corpus) -> dict[str, Any] | None:
    """The source of a volume with requests; None where the ConfigMap has them."""
    if corpus.volume is not None:
        return {"persistentVolumeClaim": {"claimName": corpus.volume.claim_name}}
    if corpus.image is not None:
        return {"image": {"reference": corpus.image.reference}}
    return None


def _apart_from(deployment: ModelDeployment) -> dict[str, Any]:
    """Rather another node than those of the tested pods, from which the generator would take CPU."""
    term = {
        "labelSelector": {"matchLabels": {LABEL_DEPLOYMENT: deployment.metadata.name}},
        "topologyKey": "kubernetes.io/hostname",
    }
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def _pull_secrets(template: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Secrets for pulling images are known in this namespace by what the user's own pods name."""
    return [dict(secret) for secret in template.get("imagePullSecrets") or ()]


def _one_line(entry: str) -> str:
    """An entry of `corpus.inline` as one line of JSON Lines; YAML blocks may have several."""
    if "\n" not in entry.strip():
        return entry.strip()
    try:
        return json.dumps(json.loads(entry), ensure_ascii=False)
    except ValueError:
        return json.dumps(entry, ensure_ascii=False)
