"""Whose an object is that has a name which Palier needs, and what to do about it."""

from typing import Any

import pytest

from palier.manifests.metadata import metadata, tell_owner
from tests.support.release.world import model_deployment

DEPLOYMENT = model_deployment()
OURS = metadata(DEPLOYMENT, name="demo-a", labels={})
REMOVE = f"kubectl delete deployment demo-a -n {DEPLOYMENT.metadata.namespace}"


def live(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """A Deployment of that name as the API server returns it."""
    return {"kind": "Deployment", "metadata": {**OURS, **changes}}


def owner(kind: str, name: str, uid: str = "another") -> list[dict[str, Any]]:
    """The owner references of an object that belongs to this one."""
    return [{"apiVersion": "x/v1", "kind": kind, "name": name, "uid": uid, "controller": True}]


def test_what_is_ours_is_no_obstacle() -> None:
    """Nothing is told of it."""
    assert tell_owner(DEPLOYMENT, live()) == ""


@pytest.mark.parametrize(
    ("obj", "said"),
    [
        (live(ownerReferences=[]), ("left it behind", "--cascade=orphan", REMOVE)),
        (live(ownerReferences=[], labels=None), ("nothing says whose it is", REMOVE)),
        (live(ownerReferences=owner("ModelDeployment", "demo")), ("earlier ModelDeployment demo", "another", REMOVE)),
        (live(ownerReferences=owner("ModelDeployment", "other")), ("belongs to ModelDeployment other", "another name")),
        (live(ownerReferences=owner("Rollout", "web")), ("belongs to Rollout web", "another name")),
    ],
    ids=["orphaned", "a stranger's", "of an older uid", "of another ModelDeployment", "of another kind"],
)
def test_an_object_in_the_way_is_named_with_its_owner_and_a_way_out(obj: dict[str, Any], said: tuple[str, ...]) -> None:
    """One sentence: that it is not Palier's, whose it is, and what to do."""
    told = tell_owner(DEPLOYMENT, obj)

    assert told.startswith("Deployment demo-a exists and is not Palier's")
    assert [part for part in said if part not in told] == []


def test_nobody_is_told_to_delete_what_belongs_to_somebody() -> None:
    """It may run for others; only another name helps."""
    for kind, name in (("ModelDeployment", "other"), ("Rollout", "web")):
        assert "kubectl delete" not in tell_owner(DEPLOYMENT, live(ownerReferences=owner(kind, name)))
