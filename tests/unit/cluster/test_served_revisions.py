"""Which revisions have users, as statuses remember them."""

from typing import Any

from palier.api.constants import API_VERSION, KIND
from palier.cluster.served_revisions import served_revisions
from palier.cluster.store import Store


def body(name: str, status: dict[str, Any] | None, *, namespace: str = "ml") -> dict[str, Any]:
    """A ModelDeployment with this memory."""
    metadata = {"name": name, "namespace": namespace, "resourceVersion": "1"}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": metadata,
        **({} if status is None else {"status": status}),
    }


def test_everything_that_may_have_users_is_told() -> None:
    """Also what is warm or on its way out; a candidate that was refused is only remembered."""
    store = Store()
    stable, candidate = {"revision": "a"}, {"revision": "b"}
    store.put(body("serving", {"stable": stable, "candidate": candidate}))
    store.put(body("releasing", {"stable": stable, "candidate": candidate, "release": {"step": "Canary"}}))
    store.put(body("promoted", {"stable": candidate, "former": stable, "drains": [{"revision": "c"}]}))
    store.put(body("new", None, namespace="other"))

    assert served_revisions(store) == {
        ("ml", "serving"): {"a"},
        ("ml", "releasing"): {"a", "b"},
        ("ml", "promoted"): {"a", "b", "c"},
        ("other", "new"): set(),
    }


def test_an_odd_status_of_one_is_no_reason_to_be_blind_for_all() -> None:
    """Somebody has edited it."""
    store = Store()
    store.put(body("odd", {"stable": "a", "former": {"revision": 7}, "drains": ["b", None]}))
    store.put(body("fine", {"stable": {"revision": "a"}}))
    for number, status in enumerate(([{}], "x", True, {"drains": 7}, {"drains": {"a": 1}})):
        store.put({**body(f"odder-{number}", None), "status": status})

    served = served_revisions(store)
    assert served.pop(("ml", "fine")) == {"a"}
    assert set(served.values()) == {frozenset()}
