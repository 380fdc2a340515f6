"""The Job that asks for golden answers, and the ConfigMaps that say what its pod asks.

Each text has a ConfigMap of its own: a corpus and a calibration may each be as large as one can be.
"""

from collections.abc import Iterable
from typing import Any, Final

from palier.api.constants import GROUP
from palier.api.spec.golden import Golden, Judge, Scorer
from palier.api.spec.load_test import Corpus
from palier.api.spec.release import GoldenStage
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
from palier.release.examining import GoldenRun

LABEL_GOLDEN: Final = f"{GROUP}/golden"
"""On the pod that asks for golden answers, on its Job, and on the ConfigMaps that it reads: the name of the Job."""

CONFIG_PATH: Final = "/etc/palier/golden"
"""Where the pod finds the plan, and the lines that are kept in the cluster's own objects."""
CORPUS_PATH: Final = "/etc/palier/corpus"
"""Where a volume with requests is mounted."""
CALIBRATION_PATH: Final = "/etc/palier/calibration"
"""Where a volume with pairs that people have judged is mounted."""
CALIBRATION_KEY: Final = "calibration.jsonl"
ANSWERS_PATH: Final = "/golden"
"""Where a scorer finds the answers and leaves their scores."""
TOKEN_VARIABLE: Final = "PALIER_JUDGE_TOKEN"  # noqa: S105 - the name of a variable

_RESOURCES: Final = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
_USERS_OWN: Final = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
"""The security context of an image that is not ours: it may write to its own files, which tools for tests do."""


def golden_name(deployment: ModelDeployment, run: GoldenRun) -> str:
    """Name of a run's Job; another attempt, another stable and another question have another name."""
    tail, about = f"{run.candidate}-{run.attempt}", f"{run.stable} {run.digest}"
    return job_name("golden", deployment, tail=tail, about=about)


def golden_configs(
    deployment: ModelDeployment, run: GoldenRun, plan: str, *, requests: str = "", calibration: str = ""
) -> list[dict[str, Any]]:
    """What the pod of a run reads: its plan, and the lines that no volume has.

    Args:
        deployment: the owner.
        run: the run.
        plan: what is examined and how, as JSON.
        requests: text of the ConfigMap's key when the requests come from one.
        calibration: the same of the pairs that people have judged.
    """
    golden, _ = _golden(deployment)
    texts = {
        PLAN_KEY: plan,
        CORPUS_KEY: corpus_text(golden.corpus, read=requests),
        CALIBRATION_KEY: corpus_text(_calibration(golden), read=calibration),
    }
    name = golden_name(deployment, run)
    return [
        config_manifest(
            deployment,
            _config_name(deployment, run, key),
            {key: text},
            revision=run.candidate,
            label=LABEL_GOLDEN,
            job=name,
        )
        for key, text in texts.items()
        if text is not None
    ]


def golden_job(deployment: ModelDeployment, run: GoldenRun, *, image: str) -> dict[str, Any]:
    """The Job of a run.

    With a scorer the pod works in three steps, each in a container that begins when the one before has ended: the
    answers are collected, the user's image scores them, and the scores are compared.

    Args:
        deployment: the owner.
        run: the run.
        image: image of the program that asks where the spec names none: the operator's own; empty when it is not known.

    Raises:
        InvalidSpec: neither names an image, or there is nothing to ask.
    """
    golden, stage = _golden(deployment)
    name = golden_name(deployment, run)
    chosen = image_of(golden.image, image, field="spec.golden.image")
    labels = {**selector_labels(deployment, run.candidate), LABEL_GOLDEN: name}
    return job_manifest(
        metadata(deployment, name=name, labels=labels),
        _pod_spec(deployment, run, golden, image=chosen),
        label=LABEL_GOLDEN,
        longest=stage.max_duration.seconds,
    )


def _golden(deployment: ModelDeployment) -> tuple[Golden, GoldenStage]:
    golden, stage = deployment.spec.golden, deployment.spec.release.golden
    if golden is None or stage is None:
        raise InvalidSpec("spec.golden", "golden answers need spec.golden and a golden stage")
    return golden, stage


def _calibration(golden: Golden) -> Corpus | None:
    calibration = golden.judge.calibration if golden.judge is not None else None
    return calibration.corpus if calibration is not None else None


def _config_name(deployment: ModelDeployment, run: GoldenRun, key: str) -> str:
    name = golden_name(deployment, run)
    return name if key == PLAN_KEY else f"{name}-{key.partition('.')[0]}"


def _pod_spec(deployment: ModelDeployment, run: GoldenRun, golden: Golden, *, image: str) -> dict[str, Any]:
    corpus, calibration = corpus_volume(golden.corpus), corpus_volume(_calibration(golden))
    copied = [PLAN_KEY]
    volumes: list[dict[str, Any]] = [SCRATCH]
    mounts: list[dict[str, Any]] = [{"name": "config", "mountPath": CONFIG_PATH, "readOnly": True}, SCRATCH_MOUNT]
    arguments = ["examine", f"--plan={CONFIG_PATH}/{PLAN_KEY}"]
    for key, given, mounted, place in (
        (CORPUS_KEY, golden.corpus, corpus, CORPUS_PATH),
        (CALIBRATION_KEY, _calibration(golden), calibration, CALIBRATION_PATH),
    ):
        option = key.partition(".")[0]
        if mounted is not None:
            source, path = mounted
            volumes.append({"name": option, **source})
            mounts.append({"name": option, "mountPath": place, "readOnly": True})
            arguments.append(f"--{option}={place}/{path}")
        elif given is not None:
            copied.append(key)
            arguments.append(f"--{option}={CONFIG_PATH}/{key}")
    volumes.insert(0, _config(deployment, run, copied))
    program = reporting_container(image, _RESOURCES if golden.resources is None else golden.resources)
    examined = [*arguments, f"--result={RESULT_PATH}"]
    before: list[dict[str, Any]] = []
    if golden.scorer is not None:
        answers = {"name": "answers", "mountPath": ANSWERS_PATH}
        volumes.append({"name": "answers", "emptyDir": {"sizeLimit": "1Gi"}})
        mounts.append(answers)
        collected = f"{ANSWERS_PATH}/answers.jsonl"
        before = [
            {"name": "collect", **program, "args": [*arguments, f"--collect={collected}"], "volumeMounts": mounts},
            _scorer(golden.scorer, mounts=[SCRATCH_MOUNT, answers]),
        ]
        examined += [f"--answers={collected}", f"--scores={ANSWERS_PATH}/scores.jsonl"]
    examiner = {"name": "golden", **program, "args": examined, "volumeMounts": mounts, **_token(golden.judge)}
    pod = pod_spec(deployment, golden, containers=[examiner], volumes=volumes)
    return {**({"initContainers": before} if before else {}), **pod}


def _config(deployment: ModelDeployment, run: GoldenRun, keys: Iterable[str]) -> dict[str, Any]:
    """One folder of all ConfigMaps."""
    sources = [{"configMap": {"name": _config_name(deployment, run, key)}} for key in keys]
    return {"name": "config", "projected": {"sources": sources}}


def _scorer(scorer: Scorer, *, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "score",
        "image": scorer.image,
        "securityContext": _USERS_OWN,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }
    given = {"command": list(scorer.command), "args": list(scorer.args), "resources": dict(scorer.resources or {})}
    return container | {name: value for name, value in given.items() if value}


def _token(judge: Judge | None) -> dict[str, Any]:
    """The judge's bearer token: the kubelet hands it to the container, the operator never reads it."""
    if judge is None or judge.token_secret_ref is None:
        return {}
    key = {"name": judge.token_secret_ref.name, "key": judge.token_secret_ref.key}
    return {"env": [{"name": TOKEN_VARIABLE, "valueFrom": {"secretKeyRef": key}}]}
