"""A route is as Palier wants it while everything that Palier states is so, whatever others have added to it."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.manifests.drift import ANNOTATION_FIELDS, fields_digest, still_holds
from palier.manifests.traffic import Mirror, mirror_of, route_manifest
from tests.support.release.world import model_deployment

FIRST, SECOND = "aaaaaaaaaa", "bbbbbbbbbb"
FOREIGN = "x-somebody-else"
Path = tuple[str | int, ...]

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 101) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def wanted(
    share: int = 5, *, mirrored: bool = False, hosts: tuple[str, ...] = (), limited: bool = False
) -> dict[str, Any]:
    """A route as Palier renders it."""
    gateway = {
        "parentRefs": [{"name": "public", "namespace": "infra"}],
        **({"hostnames": list(hosts)} if hosts else {}),
        **({"requestTimeout": "30s"} if limited else {}),
    }
    deployment = model_deployment(traffic={"gateway": gateway})
    assert deployment.spec.traffic.gateway is not None
    return route_manifest(
        deployment,
        deployment.spec.traffic.gateway,
        backend_positions=(FIRST, SECOND),
        weights={FIRST: 100 - share, SECOND: share},
        ports={FIRST: 80, SECOND: 80},
        mirror=Mirror("shadow-demo-x", 8080, 20) if mirrored else None,
    )


ROUTES = st.builds(
    wanted,
    st.integers(0, 100),
    mirrored=st.booleans(),
    hosts=st.sampled_from([(), ("a.example.com",), ("a.example.com", "b.example.com")]),
    limited=st.booleans(),
)


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:  # noqa: ANN401 - any JSON value
    """Every value within a document with its path, the document itself first."""
    yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in inner:
        yield from places(part, (*path, step))


def at(document: Any, path: Path) -> Any:  # noqa: ANN401 - any JSON value
    """What a document has at a path."""
    for step in path:
        document = document[step]
    return document


def stored(manifest: dict[str, Any]) -> dict[str, Any]:
    """The object as the API server has it after the manifest was applied."""
    live = copy.deepcopy(manifest)
    live["metadata"] |= {
        "uid": "1",
        "resourceVersion": "7",
        "annotations": {**live["metadata"]["annotations"], "a": "b"},
    }
    return {**live, "status": {"parents": []}}


@given(ROUTES, st.data())
def test_any_field_of_somebody_else_is_left_alone(manifest: dict[str, Any], data: st.DataObject) -> None:
    """Wherever webhooks, newer APIs and people add fields, with whatever in them, there is nothing to write."""
    live = stored(manifest)
    for _ in range(data.draw(st.integers(0, 3))):
        maps = [path for path, value in places(live["spec"]) if isinstance(value, dict)]
        at(live["spec"], data.draw(st.sampled_from(maps)))[FOREIGN] = data.draw(VALUES)

    assert still_holds(live, manifest)


@given(ROUTES, st.data())
def test_any_other_value_of_ours_is_a_difference(manifest: dict[str, Any], data: st.DataObject) -> None:
    """Whatever Palier states and somebody changes is written again."""
    live = stored(manifest)
    path, before = data.draw(st.sampled_from([(path, value) for path, value in places(live["spec"]) if path]))
    other = data.draw(VALUES.filter(lambda value: isinstance(value, bool) or value != before))
    at(live["spec"], path[:-1])[path[-1]] = other

    assert not still_holds(live, manifest)


@given(ROUTES, st.data())
def test_anything_of_ours_that_is_gone_is_a_difference(manifest: dict[str, Any], data: st.DataObject) -> None:
    """A field that was removed and an element of a list that was removed."""
    live = stored(manifest)
    path = data.draw(st.sampled_from([path for path, _ in places(live["spec"]) if path]))
    del at(live["spec"], path[:-1])[path[-1]]

    assert not still_holds(live, manifest)


@given(ROUTES, st.data())
def test_another_element_of_a_list_of_ours_is_a_difference(manifest: dict[str, Any], data: st.DataObject) -> None:
    """A second rule, a third backend, one more filter or hostname would take traffic that is not theirs."""
    live = stored(manifest)
    lists = [path for path, value in places(live["spec"]) if isinstance(value, list)]
    found = at(live["spec"], data.draw(st.sampled_from(lists)))
    found.insert(data.draw(st.integers(0, len(found))), copy.deepcopy(data.draw(VALUES | st.sampled_from(found))))

    assert not still_holds(live, manifest)


@given(ROUTES, ROUTES)
def test_another_wish_is_a_difference(before: dict[str, Any], after: dict[str, Any]) -> None:
    """What was stated before and is stated no more counts too: no hostname, time limit or mirror outlives its wish."""
    assert still_holds(stored(before), after) == (before == after)


def test_a_hostname_that_somebody_adds_to_a_route_without_any_is_theirs() -> None:
    """A mutating webhook that does so would otherwise make every pass write, and no rollback would end."""
    manifest = wanted()
    live = stored(manifest)
    live["spec"]["hostnames"] = ["added.example.com"]

    assert still_holds(live, manifest)


@pytest.mark.parametrize(
    "filter_",
    [
        {"type": "RequestRedirect", "requestRedirect": {"hostname": "elsewhere.example.com"}},
        {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "shadow-demo-x", "port": 8080}}},
    ],
)
def test_a_filter_that_somebody_adds_to_the_rule_is_a_difference(filter_: dict[str, Any]) -> None:
    """It could send all users elsewhere; a mirror of Palier's own that is no longer wanted is one of them."""
    live = stored(wanted())
    live["spec"]["rules"][0]["filters"].append(filter_)

    assert not still_holds(live, wanted())
    assert mirror_of(wanted()) is None


def test_a_route_of_a_palier_that_did_not_say_what_it_states_is_written_once() -> None:
    """Nobody knows what else it may have stated."""
    manifest = wanted()
    old = stored(manifest)
    del old["metadata"]["annotations"]

    assert not still_holds(old, manifest)
    assert not still_holds({"metadata": {}, "spec": {}}, manifest)
    assert not still_holds({"metadata": {}}, manifest)


def test_numbers_are_compared_by_value() -> None:
    """JSON knows one kind of number; and true is none."""
    manifest = {"metadata": {}, "spec": {"weight": 1, "zero": 0}}

    assert still_holds({"metadata": {}, "spec": {"weight": 1.0, "zero": 0.0}}, manifest)
    assert not still_holds({"metadata": {}, "spec": {"weight": True, "zero": 0}}, manifest)
    assert not still_holds({"metadata": {}, "spec": {"weight": 1, "zero": None}}, manifest)


def test_the_digest_tells_which_fields_there_are_and_not_what_is_in_them() -> None:
    """A weight that changes leaves it, so that it does not stir with every step of a release."""
    digests = [wanted(share)["metadata"]["annotations"][ANNOTATION_FIELDS] for share in (0, 5, 100)]

    assert len(set(digests)) == 1
    assert fields_digest({"a": 1, "b": [{"c": 1}]}) == fields_digest({"b": [{"c": 2}], "a": "x"})
    assert fields_digest({"a": 1}) != fields_digest({"a": {"b": 1}}) != fields_digest({"a": {}, "b": 1})
