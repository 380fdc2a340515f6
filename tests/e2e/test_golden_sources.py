"""Golden answers with what only a real node gives their pod: a scorer's own image, a claim, an image as a volume."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import cluster, containerfile
from tests.e2e.installation import OPERATOR_IMAGE, ROOT
from tests.e2e.objects import list_names
from tests.e2e.shadows import ended
from tests.e2e.support import Model, kubectl
from tests.e2e.test_quality import corpus, examined

_PAGE = (ROOT / "docs" / "golden.md").read_text("utf-8")
SHOWN = re.findall(r"^```python\n(.*?)^```", _PAGE, re.MULTILINE | re.DOTALL)
"""The scorers that the documentation shows."""


def scored_by(program: str) -> dict[str, Any]:
    """A program of the user's as `golden.scorer`: an image that has Python is its own."""
    return {
        "image": OPERATOR_IMAGE,
        "command": ["python", "-c", program],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
    }


def examined_alone(model: Model, **golden: Any) -> None:  # noqa: ANN401
    """Bring up a first revision, whose successors are judged by their golden answers and nothing else."""
    model.manifest["spec"]["serving"]["replicas"] = 1
    model.serve_first()
    examined(model, **golden)
    model.manifest["spec"]["release"]["stages"] = [{"golden": {"maxDuration": "3m"}}]


@pytest.fixture
def claim(model: Model, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A corpus in a claim. A pod writes it there, so that any cluster will do."""
    metadata = {"name": "corpus", "namespace": model.namespace}
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    manifests: list[dict[str, Any]] = []
    if cluster.is_local():  # nothing makes volumes there
        folder = tmp_path / "volume"
        folder.mkdir()
        folder.chmod(0o777)
        volume = {
            "capacity": {"storage": "1Gi"},
            "accessModes": wanted["accessModes"],
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": metadata,
            "hostPath": {"path": str(folder), "type": "Directory"},
        }
        manifests.append(
            {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": model.namespace}, "spec": volume}
        )
        wanted |= {"storageClassName": "", "volumeName": model.namespace}
    writer = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"fsGroup": 65532},
        "containers": [
            {
                "name": "writer",
                "image": OPERATOR_IMAGE,
                "command": ["sh", "-c", "mkdir /to/golden && cp /from/lines /to/golden/lines"],
                "volumeMounts": [{"name": name, "mountPath": f"/{name}"} for name in ("from", "to")],
            }
        ],
        "volumes": [
            {"name": "from", "configMap": {"name": "corpus"}},
            {"name": "to", "persistentVolumeClaim": {"claimName": "corpus"}},
        ],
    }
    manifests += [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"lines": "\n".join(corpus())}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": wanted},
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": writer},
    ]
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))
    where = ("pod/corpus", "-n", model.namespace)
    kubectl("wait", *where, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=90s")
    kubectl("delete", *where)
    yield {"volume": {"claimName": "corpus", "path": "golden/lines"}}
    if cluster.is_local():
        kubectl("delete", "persistentvolume", model.namespace, "--wait=false")


@pytest.fixture
def image(tmp_path: Path) -> dict[str, Any]:
    """A corpus in an image that has nothing else, not even a program."""
    if not cluster.is_local():
        pytest.skip("an image is built for the cluster on this machine only")
    (tmp_path / "lines").write_text("\n".join(corpus()))
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY lines /golden/lines\n")
    return {"image": {"reference": containerfile.build(tmp_path, "golden-corpus:1", None, {}), "path": "golden/lines"}}


@pytest.mark.long
@pytest.mark.bears("operator")
def test_scores_of_an_image_of_the_users_decide(model: Model, claim: dict[str, Any]) -> None:
    """The documentation's scorer promotes a version as good as stable and refuses one with a fifth of wrong answers."""
    (program,) = SHOWN
    examined_alone(model, corpus=claim, scorer=scored_by(program))
    good = model.release("2")
    found = model.promoted(good)["golden"]

    assert (found["verdict"], found["candidate"]) == ("Pass", good)
    assert found["requests"] == found["scored"] == len(corpus())
    assert found["score"] == found["stableScore"]

    worse = model.release("worse", WRONG_PERCENT="20")
    status = ended(model, worse, "Refused")

    assert status["outcome"]["reason"] == status["golden"]["reason"] == "QualityWorse"
    assert float(status["golden"]["score"]) < float(status["golden"]["stableScore"]) - 0.05
    assert status["stable"]["revision"] == good
    assert [name for name in list_names(model.namespace, "jobs", "configmaps") if name.startswith("golden-")] == []


@pytest.mark.long
@pytest.mark.bears("operator")
def test_a_scorer_that_leaves_out_an_answer_never_passes_a_candidate(model: Model) -> None:
    """One score less is no evidence, not a pass: it holds until the stage's deadline decides as the spec says."""
    (program,) = SHOWN
    forgetful = program.replace("in answers:", "in list(answers)[1:]:")
    assert forgetful != program
    examined_alone(model, scorer=scored_by(forgetful))
    release = model.manifest["spec"]["release"]
    release |= {"onNoEvidence": "Rollback", "stages": [{"golden": {"maxDuration": "35s"}}]}
    revision = model.release("2")
    status = model.wait(
        lambda s: s.get("golden", {}).get("candidate") == revision, timeout=120, what="the golden answers to be judged"
    )

    assert (status["golden"]["verdict"], status["golden"]["reason"]) == ("NoEvidence", "ScorerFailed")
    assert re.search(r"\bs0\b", status["golden"]["message"])
    assert status["candidate"]["revision"] == revision

    status = ended(model, revision, "Refused")

    assert status["outcome"]["reason"] == "NoEvidence"
    assert status["stable"]["revision"] != revision


@pytest.mark.bears("operator")
def test_a_corpus_may_be_an_image(model: Model, image: dict[str, Any]) -> None:
    """The kubelet mounts an image as a volume, and the requests in it are asked."""
    examined_alone(model, corpus=image)
    good = model.release("2")
    found = model.promoted(good)["golden"]

    assert (found["verdict"], found["candidate"]) == ("Pass", good)
    assert found["requests"] == len(corpus())
