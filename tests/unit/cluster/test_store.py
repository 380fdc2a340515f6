"""The cache: it never goes back in time, and what was deleted stays deleted."""

import copy
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.api.constants import LABEL_DEPLOYMENT
from palier.cluster.store import Store, Writer


def thing(
    version: int,
    *,
    kind: str = "Deployment",
    name: str = "a",
    namespace: str = "ml",
    uid: str = "u1",
    **metadata: object,
) -> dict[str, Any]:
    """An object as the API server sends it."""
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "resourceVersion": str(version),
            **metadata,
        },
        "spec": {"version": version},
    }


def test_newer_replaces_older() -> None:
    """Versions are numbers, not text: 10 is newer than 9."""
    store = Store()
    assert store.put(thing(9))
    assert store.put(thing(10))
    assert not store.put(thing(9))
    assert store.get("Deployment", "ml", "a") == thing(10)


def test_echo_of_our_own_write_is_no_news() -> None:
    """The watch event of a write whose answer we already have changes nothing."""
    store = Store()
    store.put(thing(7))
    assert not store.put(thing(7))


def test_late_answer_does_not_bring_a_deleted_object_back() -> None:
    """A put that the deletion overtook is ignored, with the same version or an older one."""
    store = Store()
    store.put(thing(5))
    assert store.remove(thing(6))
    assert not store.put(thing(5))
    assert not store.put(thing(6))
    assert store.get("Deployment", "ml", "a") is None


def test_late_answer_after_an_unseen_deletion() -> None:
    """A deletion counts even for an object that was not in the cache yet."""
    store = Store()
    assert not store.remove(thing(6))
    assert not store.put(thing(5))


def test_object_of_the_same_name_comes_anew() -> None:
    """After a deletion a new object of the same name is taken in."""
    store = Store()
    store.put(thing(5))
    store.remove(thing(6))
    assert store.put(thing(7, uid="u2"))
    assert store.get("Deployment", "ml", "a") == thing(7, uid="u2")


def test_late_deletion_spares_the_successor() -> None:
    """The deletion of an object does not remove the newer one that already took its name."""
    store = Store()
    store.put(thing(5))
    store.put(thing(9, uid="u2"))
    assert not store.remove(thing(6))
    assert store.get("Deployment", "ml", "a") == thing(9, uid="u2")


def test_retain_forgets_what_a_list_lacks() -> None:
    """A complete list takes out lost objects of its kind and namespace, but not those newer than itself."""
    store = Store()
    store.put(thing(1, name="kept"))
    store.put(thing(2, name="lost"))
    store.put(thing(12, name="newer"))
    store.put(thing(3, name="elsewhere", namespace="other"))
    store.put(thing(4, name="lost", kind="Service"))
    gone = store.retain("Deployment", "ml", [("ml", "kept")], version="10")
    assert gone == [thing(2, name="lost")]
    left = [obj["metadata"]["name"] for obj in store.list("Deployment")]
    assert left == ["kept", "newer", "elsewhere"]
    assert store.get("Service", "ml", "lost") is not None
    assert not store.put(thing(10, name="lost"))


def test_list_selects_by_namespace_and_labels() -> None:
    """All given labels have to match."""
    store = Store()
    store.put(thing(1, name="b", labels={"app": "x", "tier": "web"}))
    store.put(thing(2, name="a", labels={"app": "x"}))
    store.put(thing(3, name="c", namespace="other", labels={"app": "x"}))
    store.put(thing(4, name="d"))
    assert [obj["metadata"]["name"] for obj in store.list("Deployment", labels={"app": "x"})] == ["a", "b", "c"]
    assert [obj["metadata"]["name"] for obj in store.list("Deployment", "ml", {"app": "x", "tier": "web"})] == ["b"]
    assert store.list("Secret") == []


def test_what_belongs_to_a_deployment_is_found_and_no_longer_when_it_is_gone() -> None:
    """Found by its label, without looking at anybody else's, also after the label has changed."""
    store, of_demo, of_other = Store(), {LABEL_DEPLOYMENT: "demo"}, {LABEL_DEPLOYMENT: "other"}

    def names(labels: dict[str, str], namespace: str | None = "ml") -> list[str]:
        return [obj["metadata"]["name"] for obj in store.list("Deployment", namespace, labels)]

    store.put(thing(1, name="b", labels={**of_demo, "tier": "web"}))
    store.put(thing(2, name="a", labels=of_demo))
    store.put(thing(3, name="a", namespace="elsewhere", labels=of_demo))
    store.put(thing(4, name="c", labels=of_other))
    assert names(of_demo) == ["a", "b"]
    assert names(of_demo, None) == ["a", "a", "b"]
    assert names({**of_demo, "tier": "web"}) == ["b"]

    store.put(thing(5, name="a", labels=of_other))
    store.remove(thing(6, name="b"))
    assert names(of_demo) == []
    assert names(of_other) == ["a", "c"]


def managed(manager: str, time: str, *annotations: str) -> dict[str, Any]:
    """One entry of managed fields that owns annotations."""
    fields: dict[str, Any] = {f"f:{annotation}": {} for annotation in annotations}
    return {
        "manager": manager,
        "operation": "Update",
        "time": time,
        "fieldsV1": {"f:metadata": {"f:annotations": {".": {}, **fields}}},
    }


def test_managed_fields_are_dropped_and_the_writers_kept() -> None:
    """Of the bookkeeping only who wrote our annotations stays, and the given object is not changed."""
    store = Store()
    entries = [
        managed("kubectl-annotate", "2026-11-24T10:00:00Z", "palier.dev/abort", "example.com/other"),
        managed("palier-cli", "2026-11-24T11:00:00Z", "palier.dev/abort", "palier.dev/retry"),
        {"manager": "palier-status", "operation": "Apply", "subresource": "status", "fieldsV1": {"f:status": {}}},
    ]
    body = thing(1, kind="ModelDeployment", managedFields=entries)
    untouched = copy.deepcopy(body)
    store.put(body)
    assert body == untouched
    assert store.get("ModelDeployment", "ml", "a") == thing(1, kind="ModelDeployment")
    assert store.who_wrote("ml", "a", "palier.dev/abort") == Writer("palier-cli", "2026-11-24T11:00:00Z")
    assert store.who_wrote("ml", "a", "palier.dev/promote") is None
    assert store.who_wrote("ml", "a", "example.com/other") is None
    assert store.who_wrote("ml", "unknown", "palier.dev/abort") is None


def test_object_without_a_version_is_refused() -> None:
    """An object that is not an answer of the API server is a defect of the caller."""
    body = thing(1)
    del body["metadata"]["resourceVersion"]
    with pytest.raises(KeyError):
        Store().put(body)


@given(st.permutations(range(1, 7)))
def test_order_of_arrival_does_not_matter(order: list[int]) -> None:
    """However puts and a deletion overtake each other, the end is the newest state and versions never fall."""
    history = {version: ("put", thing(version)) for version in (1, 2, 3, 5, 6)} | {4: ("remove", thing(4))}
    store, seen = Store(), []
    for version in order:
        what, obj = history[version]
        getattr(store, what)(obj)
        if held := store.get("Deployment", "ml", "a"):
            seen.append(held["spec"]["version"])
    assert store.get("Deployment", "ml", "a") == thing(6)
    assert all(earlier <= later for earlier, later in itertools.pairwise(seen))
