"""The split of the traffic: percent that sum to 100, and read back as they were written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.api.v1alpha1 import ModelDeployment
from palier.manifests.traffic import Mirror, mirror_of, route_manifest, route_weights, uncopied_route_manifest
from tests.support.release.world import model_deployment

FIRST, SECOND, THIRD = "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"
PORTS = {FIRST: 8080, SECOND: 8080, THIRD: 8080}

REVISIONS = st.text("0123456789abcdef", min_size=10, max_size=10)
NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True)


def named(name: str) -> ModelDeployment:
    """A ModelDeployment of that name."""
    deployment = model_deployment()
    return deployment.model_copy(update={"metadata": deployment.metadata.model_copy(update={"name": name})})


def route(
    slots: tuple[str, str],
    weights: dict[str, int],
    deployment: ModelDeployment | None = None,
    *,
    mirror: Mirror | None = None,
) -> dict[str, Any]:
    """The rendered route."""
    deployment = deployment or model_deployment()
    gateway = deployment.spec.traffic.gateway
    assert gateway is not None
    ports = dict.fromkeys({*slots, *PORTS}, 80)
    return route_manifest(deployment, gateway, backend_positions=slots, weights=weights, ports=ports, mirror=mirror)


def rules_without_copies(live: dict[str, Any]) -> object:
    """The rules of a route without copies."""
    return uncopied_route_manifest(model_deployment(), live)["spec"]["rules"]


@pytest.mark.parametrize(
    ("slots", "weights"),
    [
        ((FIRST, SECOND), {FIRST: 95, SECOND: 4}),
        ((FIRST, SECOND), {FIRST: 100, SECOND: 5}),
        ((FIRST, SECOND), {FIRST: 95}),
        ((FIRST, SECOND), {}),
        ((FIRST, FIRST), {FIRST: 50}),
        ((FIRST, FIRST), {FIRST: 95, SECOND: 5}),
        ((FIRST, SECOND), {FIRST: 50, THIRD: 50}),
    ],
)
def test_weights_that_do_not_sum_to_100_are_refused(slots: tuple[str, str], weights: dict[str, int]) -> None:
    """A split that would lose requests, or whose share has no position, is a programming error and never a route."""
    with pytest.raises(ValueError, match="do not sum to 100"):
        route(slots, weights)


@given(NAMES, REVISIONS, REVISIONS, st.integers(0, 100))
def test_a_split_reads_back_as_it_was_written(name: str, first: str, second: str, share: int) -> None:
    """`route_weights` is the inverse of `route_manifest` for every name, position and share."""
    deployment = named(name)
    weights = {first: 100} if first == second else {first: 100 - share, second: share}

    assert route_weights(deployment, route((first, second), weights, deployment)) == weights


@given(NAMES, REVISIONS)
def test_one_revision_at_both_positions_has_everything(name: str, revision: str) -> None:
    """The two positions of one revision are summed, so that it never seems to have lost its traffic."""
    deployment = named(name)

    assert route_weights(deployment, route((revision, revision), {revision: 100}, deployment)) == {revision: 100}


def test_a_weight_of_zero_is_named() -> None:
    """A revision at weight 0 is still named by the route, and who reads it must know that."""
    assert route_weights(model_deployment(), route((FIRST, SECOND), {FIRST: 100})) == {FIRST: 100, SECOND: 0}


def test_positions_keep_their_revision_whatever_the_weights() -> None:
    """A gateway that keeps one cluster by position sees the same Service there before, during and after a shift."""
    for share in (0, 5, 50, 100):
        backends = route((FIRST, SECOND), {FIRST: 100 - share, SECOND: share})["spec"]["rules"][0]["backendRefs"]

        assert [backend["name"] for backend in backends] == ["demo-aaaaaaaaaa", "demo-bbbbbbbbbb"]


def test_backends_of_strangers_have_no_revision() -> None:
    """A backend that somebody added by hand is no revision of ours, and an unwritten weight counts as the default."""
    rules = [{"backendRefs": [{"name": "demo-aaaaaaaaaa"}, {"name": "other", "weight": 7}]}]

    assert route_weights(model_deployment(), {"spec": {"rules": rules}}) == {FIRST: 1}


def test_a_route_without_rules_has_no_weights() -> None:
    """A route that somebody emptied names nothing, and reading it fails on nothing."""
    assert route_weights(model_deployment(), {"spec": {}}) == {}


def test_no_hostname_means_every_hostname() -> None:
    """Without hostnames the field is absent, because an empty list and no list are two things to a GitOps tool."""
    deployment = model_deployment(traffic={"gateway": {"parentRefs": [{"name": "public"}]}})

    assert "hostnames" not in route((FIRST, FIRST), {FIRST: 100}, deployment)["spec"]


def test_the_weight_never_moves_to_another_position() -> None:
    """After the other revision is gone, its position names the remaining Service at weight 0; all else stays put."""
    before = route((FIRST, SECOND), {SECOND: 100})["spec"]["rules"][0]["backendRefs"]
    after = route(("", SECOND), {SECOND: 100})["spec"]["rules"][0]["backendRefs"]

    assert [backend["weight"] for backend in before] == [0, 100]
    assert [backend["weight"] for backend in after] == [0, 100]
    assert after[1] == before[1]
    assert after[0]["name"] == before[1]["name"]


def test_the_longest_time_of_a_request_is_the_gateways_business() -> None:
    """Named in the route when the author names it, and left to the gateway's own default otherwise."""
    limited = model_deployment(traffic={"gateway": {"parentRefs": [{"name": "public"}], "requestTimeout": "30s"}})
    weights = {FIRST: 95, SECOND: 5}

    assert route((FIRST, SECOND), weights, limited)["spec"]["rules"][0]["timeouts"] == {"request": "30s"}
    assert "timeouts" not in route((FIRST, SECOND), weights)["spec"]["rules"][0]


@pytest.mark.parametrize("percent", [1, 20, 100, None])
def test_copies_are_of_the_whole_rule(percent: int | None) -> None:
    """Of what either backend answers; a gateway that knows no share is not told any, and no default is left out."""
    weights = {FIRST: 95, SECOND: 5}
    plain, mirrored = (
        route((FIRST, SECOND), weights, mirror=mirror) for mirror in (None, Mirror("shadow-demo-x", 8080, percent))
    )
    (rule,) = mirrored["spec"]["rules"]
    *_, copies = rule["filters"]

    assert copies == {
        "type": "RequestMirror",
        "requestMirror": {
            "backendRef": {"group": "", "kind": "Service", "name": "shadow-demo-x", "port": 8080},
            **({} if percent is None else {"percent": percent}),
        },
    }
    rule["filters"].remove(copies)
    assert mirrored["spec"] == plain["spec"]


@pytest.mark.parametrize("mirror", [None, Mirror("shadow-demo-x", 8080, 20)])
def test_users_cannot_send_the_headers_that_are_paliers_own(mirror: Mirror | None) -> None:
    """The route takes off what would make a user's request look like a copy or a golden request, before any copying."""
    first, *_ = route((FIRST, SECOND), {FIRST: 95, SECOND: 5}, mirror=mirror)["spec"]["rules"][0]["filters"]

    assert first == {
        "type": "RequestHeaderModifier",
        "requestHeaderModifier": {"remove": ["x-palier-shadow", "x-palier-golden"]},
    }


def test_a_mirror_reads_back_as_it_was_written() -> None:
    """Who looks at a route knows where copies go, and that they go nowhere."""
    weights = {FIRST: 95, SECOND: 5}

    assert mirror_of(route((FIRST, SECOND), weights, mirror=Mirror("shadow-demo-x", 8080, 20))) == "shadow-demo-x"
    assert mirror_of(route((FIRST, SECOND), weights)) is None
    assert mirror_of({"spec": {"rules": [{"filters": [{"type": "URLRewrite"}]}]}}) is None
    assert mirror_of({}) is None


def test_rules_lose_their_mirror_and_nothing_else() -> None:
    """A route that is left over keeps what it does for users, also what somebody else put into it."""
    weights = {FIRST: 95, SECOND: 5}
    plain, mirrored = (
        route((FIRST, SECOND), weights, mirror=mirror) for mirror in (None, Mirror("shadow-demo-x", 8080, 20))
    )
    foreign = {"spec": {"rules": [{"filters": [{"type": "RequestMirror"}], "timeouts": {"request": "1s"}}, {}]}}

    assert rules_without_copies(mirrored) == plain["spec"]["rules"]
    assert rules_without_copies({**plain, **foreign}) == [{"timeouts": {"request": "1s"}}, {}]
    assert rules_without_copies({**plain, "spec": {}}) == []


def test_a_mirror_is_no_weight() -> None:
    """The proxy is no revision, and takes no share of the users."""
    weights = {FIRST: 95, SECOND: 5}
    deployment = model_deployment()

    mirrored = route((FIRST, SECOND), weights, deployment, mirror=Mirror("demo-cccccccccc", 8080, 20))
    assert route_weights(deployment, mirrored) == weights
