"""What is asked for in every pass is found without looking at all of a kind, and is what a search would find."""

from collections.abc import ItemsView
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from palier.api.constants import KIND, LABEL_DEPLOYMENT
from palier.cluster.indices import SERVICE_NAME
from palier.cluster.store import Store


def route(name: str, *hostnames: object, version: int = 1, namespace: str = "ml", **spec: object) -> dict[str, Any]:
    """An HTTPRoute; without hostnames it does not even have the field."""
    metadata = {"name": name, "namespace": namespace, "resourceVersion": str(version)}
    named = {"hostnames": list(hostnames)} if hostnames else {}
    return {"kind": "HTTPRoute", "metadata": metadata, "spec": {**named, **spec}}


def endpoints(name: str, service: str, *, namespace: str = "ml", version: int = 1) -> dict[str, Any]:
    """An EndpointSlice of a Service."""
    labels = Labels({SERVICE_NAME: service, LABEL_DEPLOYMENT: "demo"})
    metadata = {"name": name, "namespace": namespace, "resourceVersion": str(version), "labels": labels}
    return {"kind": "EndpointSlice", "metadata": metadata}


def deployment(name: str, gateway: object, *, version: int = 1) -> dict[str, Any]:
    """A ModelDeployment with that gateway."""
    metadata = {"name": name, "namespace": "ml", "resourceVersion": str(version)}
    return {"kind": KIND, "metadata": metadata, "spec": {"traffic": {"gateway": gateway}}}


def names(found: Any) -> list[str]:  # noqa: ANN401 - objects
    """The names of objects in their order."""
    return [obj["metadata"]["name"] for obj in found]


class Labels(dict[str, str]):
    """Labels that know how often those of any object were compared."""

    compared = 0

    @override
    def items(self) -> ItemsView[str, str]:
        Labels.compared += 1
        return super().items()


def test_endpoints_of_a_service_are_found_among_a_thousand() -> None:
    """Only its own slices are looked at, whatever else the namespace holds."""
    store = Store()
    for number in range(1000):
        store.put(endpoints(f"other-{number}", f"other-{number}"))
    for part in ("b", "a"):
        store.put(endpoints(f"demo-{part}", "demo"))
    store.put(endpoints("demo-c", "demo", namespace="elsewhere"))
    Labels.compared = 0
    assert names(store.list("EndpointSlice", "ml", {SERVICE_NAME: "demo"})) == ["demo-a", "demo-b"]
    assert names(store.list("EndpointSlice", None, {SERVICE_NAME: "demo"})) == ["demo-c", "demo-a", "demo-b"]
    assert Labels.compared == 2 + 3
    both = {LABEL_DEPLOYMENT: "demo", SERVICE_NAME: "demo"}
    assert names(store.list("EndpointSlice", "ml", both)) == ["demo-a", "demo-b"]
    assert names(store.list("EndpointSlice", "ml", {**both, LABEL_DEPLOYMENT: "other"})) == []


def test_routes_are_found_by_each_of_their_hostnames() -> None:
    """Literally: a wildcard is a name, and upper case another one; each route once, ordered by its place."""
    store = Store()
    store.put(route("two", "b.example.com", "a.example.com"))
    store.put(route("one", "a.example.com"))
    store.put(route("one", "a.example.com", namespace="before"))
    store.put(route("wild", "*.example.com"))
    store.put(route("loud", "A.example.com"))
    store.put(route("open"))
    assert names(store.list_routes_of(["a.example.com"])) == ["one", "one", "two"]
    assert names(store.list_routes_of(["a.example.com", "b.example.com"])) == ["one", "one", "two"]
    assert names(store.list_routes_of(["*.example.com"])) == ["wild"]
    assert names(store.list_routes_of(["A.example.com"])) == ["loud"]
    assert names(store.list_routes_of(["c.example.com"])) == []


def test_routes_without_hostname_clash_with_each_other_alone() -> None:
    """Whoever names no hostname meets those that name none, however they say so."""
    store = Store()
    store.put(route("absent"))
    store.put(route("named", "a.example.com"))
    store.put({**route("empty"), "spec": {"hostnames": []}})
    store.put({**route("null"), "spec": {"hostnames": None}})
    assert names(store.list_routes_of([])) == ["absent", "empty", "null"]


def test_an_object_that_changed_or_went_is_not_found_where_it_was() -> None:
    """Nothing of it is left in any index."""
    store = Store()
    store.put(route("a", "old.example.com", version=1))
    store.put(route("a", "new.example.com", version=2))
    assert names(store.list_routes_of(["old.example.com"])) == []
    assert names(store.list_routes_of(["new.example.com"])) == ["a"]
    store.put(route("a", version=3))
    assert names(store.list_routes_of([])) == ["a"]
    store.remove(route("a", version=4))
    assert names(store.list_routes_of([])) == names(store.list_routes_of(["new.example.com"])) == []


def test_deployments_are_found_by_hostnames_in_any_case() -> None:
    """As hostnames are compared; those without a gateway, or with an unreadable one, are in nobody's way."""
    store = Store()
    store.put(deployment("a", {"hostnames": ["A.example.com", "shared.example.com"]}))
    store.put(deployment("b", {"hostnames": ["shared.example.com"]}))
    for number, odd in enumerate((None, "no", 7, {"hostnames": "x"}, {"hostnames": [3, None]}, {})):
        store.put(deployment(f"odd-{number}", odd))
    assert names(store.list_deployments_of(["a.example.com"])) == ["a"]
    assert names(store.list_deployments_of(["a.example.com", "shared.example.com"])) == ["a", "b"]
    assert names(store.list_deployments_of([])) == []


HOSTS = st.lists(st.sampled_from(["a", "b", "*.c"]), max_size=3)
CHANGES = st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from(["m", "n"]), st.none() | HOSTS), max_size=25)


@given(changes=CHANGES, wanted=HOSTS)
def test_indices_find_what_a_search_finds(changes: list[tuple[str, str, list[str] | None]], wanted: list[str]) -> None:
    """After any changes and removals: the routes that share a hostname, or name none where none is asked for."""
    store = Store()
    for version, (name, namespace, hostnames) in enumerate(changes, start=1):
        there = route(name, *(hostnames or ()), namespace=namespace, version=version)
        if hostnames is None:
            store.remove(there)
        else:
            store.put(there)
    asked = set(wanted)
    searched = [
        one
        for one, named in ((one, set(one["spec"].get("hostnames") or ())) for one in store.list("HTTPRoute"))
        if asked & named or not (asked or named)
    ]
    assert list(store.list_routes_of(wanted)) == searched
