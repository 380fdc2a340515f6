"""What we watch, and which ModelDeployments a change concerns.

The list of watched kinds is the read half of the operator's RBAC; the label selectors are the API server's to apply,
so that objects of others never reach us. Which key a change belongs to is decided in one pure function, whoever
noticed the change: a watch, a list, or the answer of our own write.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from palier.api.constants import API_VERSION, KIND, LABEL_DEPLOYMENT, LABEL_WATCH, MANAGED_BY, MANAGED_BY_VALUE
from palier.cluster.indices import look_up, lower_texts
from palier.cluster.kinds import PLURALS
from palier.cluster.queue import Key
from palier.cluster.store import Store
from palier.manifests.affinity import AFFINITY_KIND, AFFINITY_VERSION
from palier.manifests.disruption import BUDGET_KIND, BUDGET_VERSION

OWNED: Final = f"{MANAGED_BY}={MANAGED_BY_VALUE},{LABEL_DEPLOYMENT}"
"""EndpointSlices carry these labels too: their controller copies them from the Service."""


@dataclass(frozen=True, slots=True)
class Watch:
    """One watched kind."""

    api_version: str
    kind: str
    selector: str = ""
    """Label selector that the API server applies; empty for every object."""
    without: str = ""
    """What has to wait on a cluster without this kind; empty where the operator is of no use then."""

    @property
    def group(self) -> str:
        """The API group; empty for the core."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within the group."""
        return self.api_version.rpartition("/")[2]

    @property
    def plural(self) -> str:
        """The name in paths."""
        return PLURALS[self.api_version, self.kind]


WATCHES: Final = (
    Watch(API_VERSION, KIND),
    Watch("apps/v1", "Deployment", OWNED),
    Watch("batch/v1", "Job", OWNED),
    Watch("v1", "Service", OWNED),
    Watch("discovery.k8s.io/v1", "EndpointSlice", OWNED),
    Watch("v1", "ConfigMap", f"{LABEL_WATCH}=true"),
    # All of them: a route of somebody else can take the traffic of a hostname of ours.
    Watch("gateway.networking.k8s.io/v1", "HTTPRoute", without="ModelDeployments behind a gateway wait"),
    Watch(AFFINITY_VERSION, AFFINITY_KIND, OWNED, without="ModelDeployments with traffic.gateway.sticky wait"),
    # All of them: pods that have a budget of somebody else must not get a second one.
    Watch(BUDGET_VERSION, BUDGET_KIND, without="drained nodes may take all pods of a revision at once"),
)


def find_affected(store: Store, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> set[Key]:
    """The ModelDeployments that have to look again because an object changed.

    Args:
        store: where to find the ModelDeployments.
        before: the object as we knew it; None when it is new to us.
        after: the object as it is now; None when it is gone.
    """
    keys: set[Key] = set()
    for obj in (before, after):
        if obj is not None:
            keys |= _owners(obj)
    changed = after if after is not None else before
    if changed is None:
        return keys
    match changed["kind"]:
        case "ConfigMap":
            keys |= _readers(store, changed)
        case "HTTPRoute":
            keys |= _rivals(store, before, after)
        case "PodDisruptionBudget":
            keys |= _neighbours(store, before, after)
        case _:
            pass
    return keys


def _owners(obj: Mapping[str, Any]) -> set[Key]:
    metadata = obj["metadata"]
    name = metadata["name"] if obj["kind"] == KIND else (metadata.get("labels") or {}).get(LABEL_DEPLOYMENT)
    return {Key(metadata["namespace"], name)} if name else set()


def _readers(store: Store, config_map: Mapping[str, Any]) -> set[Key]:
    """The ModelDeployments that read a ConfigMap: prompts, requests of tests, what judges take, and profiles."""
    namespace, name = config_map["metadata"]["namespace"], config_map["metadata"]["name"]
    return {
        Key(namespace, obj["metadata"]["name"]) for obj in store.list(KIND, namespace) if name in _text_sources(obj)
    }


def _text_sources(deployment: Mapping[str, Any]) -> Iterable[str]:
    # Stored objects may break the schema: whatever does not have the expected shape names no ConfigMap.
    prompts = look_up(deployment, "spec", "model", "prompts")
    golden = look_up(deployment, "spec", "golden")
    texts = (
        *(prompts if isinstance(prompts, list) else ()),
        look_up(deployment, "spec", "scale", "loadTest", "corpus"),
        look_up(golden, "corpus"),
        look_up(golden, "judge", "calibration", "corpus"),
        look_up(deployment, "spec", "watch", "dataDrift", "reference", "profile"),
    )
    keys = (*(look_up(text, "configMapKeyRef") for text in texts), look_up(golden, "judge", "prompt"))
    for key in keys:
        name = look_up(key, "name")
        if isinstance(name, str):
            yield name


def _neighbours(store: Store, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> set[Key]:
    """The ModelDeployments of a namespace in which a budget began, ceased or changed what it is about."""
    changed = after if after is not None else before
    if changed is None or (before is not None and after is not None and before.get("spec") == after.get("spec")):
        return set()
    namespace = changed["metadata"]["namespace"]
    return {Key(namespace, obj["metadata"]["name"]) for obj in store.list(KIND, namespace)}


def _rivals(store: Store, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> set[Key]:
    """The ModelDeployments that use a hostname of a route which began, ceased or changed to claim it."""
    if before is not None and after is not None and _claim(before) == _claim(after):
        return set()
    claimed = {host for route in (before, after) if route is not None for host in _claim(route)[0]}
    return {Key(obj["metadata"]["namespace"], obj["metadata"]["name"]) for obj in store.list_deployments_of(claimed)}


def _claim(route: Mapping[str, Any]) -> tuple[frozenset[str], Any, Any]:
    spec = route.get("spec", {})
    return lower_texts(spec.get("hostnames")), spec.get("parentRefs"), spec.get("rules")
