"""Names are looked at before the first write to them: what is somebody else's is told and left alone."""

from collections.abc import Mapping
from typing import Any

import pytest
from typing_extensions import override

from palier.cluster.kinds import Reference
from palier.cluster.ownership import claim
from palier.cluster.store import Store
from palier.errors import Conflict, NameTaken, Unavailable
from palier.manifests.revision import deployment_manifest, prompts_manifest, service_manifest
from tests.support.cluster.memory import MemoryCluster
from tests.support.release.world import model_deployment

REVISION = "aaaaaaaaaa"
DEMO = model_deployment()
SERVICE = service_manifest(DEMO, REVISION, port=8080)


class Counting(MemoryCluster):
    """Counts what is read from it."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0
        self.away = False

    @override
    async def get(self, reference: Reference) -> dict[str, Any] | None:
        self.read += 1
        if self.away:
            raise Unavailable("the API server is away")
        return await super().get(reference)


class Shell:
    """An operator before its first write."""

    def __init__(self) -> None:
        self.cluster, self.store = Counting(), Store()

    async def claim(self, manifest: Mapping[str, Any] = SERVICE) -> dict[str, Any] | None:
        """What is said of the name of a manifest."""
        return await claim(self.cluster, self.store, DEMO, manifest)

    def somebody_made(self, manifest: Mapping[str, Any] = SERVICE, **metadata: Any) -> dict[str, Any]:  # noqa: ANN401
        """Somebody else made an object of that name, with this metadata."""
        named = {key: manifest["metadata"][key] for key in ("name", "namespace")}
        return self.cluster.put({**manifest, "metadata": {**named, **metadata}})


MANIFESTS = [SERVICE, deployment_manifest(DEMO, REVISION), prompts_manifest(DEMO, REVISION, {"system": "Hello"})]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest["kind"])
async def test_a_name_that_nobody_has_is_free(manifest: dict[str, Any]) -> None:
    """It costs one question, and none any more once the object is made and known."""
    shell = Shell()
    assert await shell.claim(manifest) is None
    assert shell.cluster.read == 1

    made = await shell.cluster.apply(manifest)
    shell.store.put(made)
    claimed = await shell.claim(manifest)
    assert claimed is not None
    assert claimed["metadata"]["uid"] == made["metadata"]["uid"]
    assert shell.cluster.read == 1


async def test_an_own_object_that_the_cache_does_not_have_is_taken_up() -> None:
    """It lost its labels, or a restarted operator has not seen it yet."""
    shell = Shell()
    await shell.cluster.apply(SERVICE)
    assert await shell.claim() == shell.cluster.find("Service", f"demo-{REVISION}")
    await shell.claim()

    assert shell.cluster.read == 1


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest["kind"])
async def test_what_a_stranger_made_is_not_touched(manifest: dict[str, Any]) -> None:
    """A Service with a selector of its own would get the users; the error names the object."""
    shell = Shell()
    before = shell.somebody_made(manifest)
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    with pytest.raises(NameTaken, match=f"^{kind} {name} exists and is not Palier's: nothing says whose it is"):
        await shell.claim(manifest)

    assert shell.cluster.find(kind, manifest["metadata"]["name"]) == before


OURS = {"app.kubernetes.io/managed-by": "palier", "palier.dev/modeldeployment": "demo"}
NAMESAKE = {"apiVersion": "palier.dev/v1alpha1", "kind": "ModelDeployment", "name": "demo", "uid": "earlier"}


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        (
            {"ownerReferences": [{"apiVersion": "x/v1", "kind": "Foo", "name": "bar", "uid": "9"}]},
            "it belongs to Foo bar",
        ),
        ({"ownerReferences": [{**NAMESAKE, "name": "other"}]}, "it belongs to ModelDeployment other"),
        ({"labels": OURS}, "an earlier ModelDeployment left it behind"),
    ],
)
async def test_whose_it_is_is_told_as_far_as_it_is_known(metadata: dict[str, Any], owner: str) -> None:
    """The owner first, then the labels; and what to do."""
    shell = Shell()
    shell.somebody_made(**metadata)
    with pytest.raises(NameTaken, match=owner):
        await shell.claim()


async def test_what_goes_with_an_earlier_object_of_the_name_is_waited_for() -> None:
    """Somebody deleted the object and made it again: Kubernetes is still removing what the former one had."""
    shell = Shell()
    shell.somebody_made(ownerReferences=[NAMESAKE], labels=OURS)
    with pytest.raises(Conflict, match="Kubernetes removes it soon"):
        await shell.claim()


async def test_a_stranger_with_our_labels_is_one_too() -> None:
    """The cache knows such an object, and nobody has to be asked."""
    shell = Shell()
    shell.somebody_made(labels=OURS)
    shell.cluster.tell(shell.store)
    with pytest.raises(NameTaken):
        await shell.claim()

    assert shell.cluster.read == 0


async def test_a_name_that_nobody_can_look_up_is_not_free() -> None:
    """An API server that is away says nothing about whose it is."""
    shell = Shell()
    shell.cluster.away = True
    with pytest.raises(Unavailable):
        await shell.claim()
