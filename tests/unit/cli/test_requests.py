"""What people ask for: the right field is written, and a request without effect is refused with the reason."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import pytest

from palier.api.status.values import Result
from palier.cli import requests
from palier.cluster.client import KubernetesCluster
from palier.cluster.kinds import Reference
from palier.errors import NotApplicable, NotFound

Request = Callable[[KubernetesCluster, str, str], Awaitable[str]]


class OneObject:
    """A cluster with one ModelDeployment."""

    def __init__(self, body: dict[str, Any] | None) -> None:
        self.body = body
        self.managers: set[str] = set()

    async def get(self, reference: Reference) -> dict[str, Any] | None:
        """Read it."""
        assert (reference.kind, reference.namespace, reference.name) == ("ModelDeployment", "ml", "a")
        return self.body

    async def patch(self, reference: Reference, changes: Mapping[str, Any], *, manager: str) -> dict[str, Any]:
        """Change it as a merge patch does, one level deep enough for our patches."""
        assert self.body is not None
        assert reference.name == "a"
        self.managers.add(manager)
        self.body.setdefault("spec", {}).setdefault("release", {}).update(changes["spec"]["release"])
        return self.body

    async def annotate(self, namespace: str, name: str, annotations: Mapping[str, str], *, manager: str) -> None:
        """Set its annotations."""
        assert self.body is not None
        assert (namespace, name) == ("ml", "a")
        self.managers.add(manager)
        self.body["metadata"].setdefault("annotations", {}).update(annotations)

    @property
    def annotations(self) -> dict[str, str]:
        """Its annotations now."""
        assert self.body is not None
        return cast("dict[str, str]", self.body["metadata"].get("annotations", {}))


def deployment(**status: object) -> OneObject:
    """A cluster whose ModelDeployment has this status."""
    return OneObject({"metadata": {"name": "a", "namespace": "ml"}, "spec": {}, "status": status})


BEGAN = "2026-11-26T12:00:00.000000Z"
IN_PROGRESS = {
    "stage": "Canary 25",
    "release": {"step": "Canary", "cursor": 1, "startedAt": BEGAN},
    "candidate": {"revision": "5f6a7b8c9d"},
    "outcome": {"revision": "1111111111", "result": "RolledBack"},
}


async def ask(request: Request, cluster: OneObject) -> str:
    """Make a request."""
    return await request(cast("KubernetesCluster", cluster), "ml", "a")


@pytest.mark.parametrize(
    ("request_", "annotation"), [(requests.abort, "palier.dev/abort"), (requests.promote, "palier.dev/promote")]
)
async def test_candidate_is_named(request_: Request, annotation: str) -> None:
    """The request names the release it is about, so that it cannot hit a later one of the same revision."""
    cluster = deployment(**IN_PROGRESS)
    assert "5f6a7b8c9d" in await ask(request_, cluster)
    assert cluster.annotations == {annotation: f"5f6a7b8c9d@{BEGAN}"}
    assert cluster.managers == {"palier-cli"}


async def test_an_operator_of_the_version_before_is_asked_in_its_own_words() -> None:
    """It writes no cursor, and knows a request by the revision alone."""
    cluster = deployment(**{**IN_PROGRESS, "release": {"step": "Canary", "startedAt": BEGAN}})
    await ask(requests.abort, cluster)
    assert cluster.annotations == {"palier.dev/abort": "5f6a7b8c9d"}


@pytest.mark.parametrize("request_", [requests.abort, requests.promote])
@pytest.mark.parametrize("status", [{}, {"stage": "RolledBack", "candidate": {"revision": "5f6a7b8c9d"}}])
async def test_nothing_in_progress(request_: Request, status: dict[str, Any]) -> None:
    """Without a release there is nothing to abort or promote, and nothing is written."""
    cluster = deployment(**status)
    with pytest.raises(NotApplicable, match="no release of a is in progress"):
        await ask(request_, cluster)
    assert cluster.annotations == {}


@pytest.mark.parametrize("result", [result.value for result in Result if result.refuses])
async def test_refused_revision_is_retried(result: str) -> None:
    """After every ending that refuses a revision a retry can be asked for, each time with a new token."""
    cluster = deployment(outcome={"revision": "5f6a7b8c9d", "result": result})
    tokens = set()
    for _ in range(2):
        assert "5f6a7b8c9d" in await ask(requests.retry, cluster)
        tokens.add(cluster.annotations["palier.dev/retry"])
    assert len(tokens) == 2


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (IN_PROGRESS, r"in progress \(Canary 25\): abort it first"),
        ({"outcome": {"revision": "5f6a7b8c9d", "result": "Promoted"}}, "nothing to retry"),
        ({"outcome": {"revision": "5f6a7b8c9d", "result": "Superseded"}}, "nothing to retry"),
        ({"outcome": {"revision": "5f6a7b8c9d", "result": "OfALaterVersion"}}, "nothing to retry"),
        ({}, "nothing to retry"),
    ],
)
async def test_nothing_to_retry(status: dict[str, Any], told: str) -> None:
    """A retry that could have no effect is refused, and nothing is written."""
    cluster = deployment(**status)
    with pytest.raises(NotApplicable, match=told):
        await ask(requests.retry, cluster)
    assert cluster.annotations == {}


async def test_pause_and_resume() -> None:
    """The field is set and cleared, and asking twice is harmless."""
    cluster = deployment()
    told = [
        await ask(request, cluster)
        for request in (requests.resume, requests.pause, requests.pause, requests.resume, requests.resume)
    ]
    assert told == [
        "a is already resumed",
        "a is paused",
        "a is already paused",
        "a is resumed",
        "a is already resumed",
    ]
    assert cluster.body is not None
    assert cluster.body["spec"] == {"release": {"paused": False}}


@pytest.mark.parametrize(
    "request_", [requests.abort, requests.promote, requests.retry, requests.pause, requests.resume, requests.find]
)
async def test_unknown_name(request_: Request) -> None:
    """A name that does not exist is told with its namespace."""
    with pytest.raises(NotFound, match="there is no ModelDeployment a in namespace ml"):
        await ask(request_, OneObject(None))
