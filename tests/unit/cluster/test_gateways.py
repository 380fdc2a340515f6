"""What a gateway says that it can do, asked for now and then; and the policy that keeps users apart."""

from typing import Any

import pytest
from typing_extensions import override

from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.gateways import ASKED_FOR, Gateways, SessionAffinity
from palier.cluster.kinds import Reference
from palier.cluster.store import Store
from palier.errors import ClusterError, Conflict, Forbidden, Invalid, InvalidSpec, NameTaken, NotFound, Unavailable
from tests.support.cluster.memory import MemoryCluster
from tests.support.release.world import model_deployment

SHARE = "HTTPRouteRequestPercentageMirror"
API = "gateway.networking.k8s.io/v1"


class Asked(MemoryCluster):
    """Counts what is read, and answers as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.error: Exception | None = None

    @override
    async def get(self, reference: Reference) -> dict[str, Any] | None:
        self.asked.append(str(reference))
        if self.error is not None:
            raise self.error
        return await super().get(reference)


class Shell:
    """One who asks, with a clock of its own, of a gateway of a class."""

    def __init__(self, *features: Any, parents: tuple[str, ...] = ("public",)) -> None:  # noqa: ANN401
        self.now = 1000.0
        self.cluster = Asked()
        self.gateways = Gateways(self.cluster, clock=lambda: self.now)
        self.deployment = model_deployment(
            traffic={"gateway": {"parentRefs": [{"name": name, "namespace": "infra"} for name in parents]}}
        )
        for name in parents:
            self.gateway(name)
        self.supports(*features)

    def gateway(self, name: str, *, of: str = "eg") -> None:
        """There is a Gateway of a class."""
        metadata = {"name": name, "namespace": "infra"}
        self.cluster.put({"apiVersion": API, "kind": "Gateway", "metadata": metadata, "spec": {"gatewayClassName": of}})

    def supports(self, *features: Any, name: str = "eg") -> None:  # noqa: ANN401
        """The class says so."""
        status = {"supportedFeatures": list(features)} if features else {}
        self.cluster.put({"apiVersion": API, "kind": "GatewayClass", "metadata": {"name": name}, "status": status})

    async def mirrors_percent(self) -> bool:
        """The answer."""
        gateway = self.deployment.spec.traffic.gateway
        assert gateway is not None
        return await self.gateways.mirrors_percent(self.deployment, gateway)


@pytest.mark.parametrize(
    ("features", "answer"),
    [
        ([{"name": SHARE}], True),
        ([SHARE], True),
        ([{"name": "HTTPRouteRequestMirror"}, {"name": SHARE}], True),
        ([{"name": "HTTPRouteRequestMirror"}], False),
        ([], False),
    ],
    ids=str,
)
async def test_the_class_of_a_gateway_says_what_it_can_do(features: list[Any], answer: bool) -> None:
    """In the form of this or of an older release of the Gateway API; one that says nothing is not believed to."""
    assert await Shell(*features).mirrors_percent() is answer


async def test_every_gateway_of_a_route_has_to_be_able() -> None:
    """Else those behind the other one would send the proxy every request, or none."""
    shell = Shell(SHARE, parents=("public", "internal"))
    assert await shell.mirrors_percent()

    other = Shell(SHARE, parents=("public", "internal"))
    other.gateway("internal", of="other")
    other.supports("HTTPRouteRequestMirror", name="other")
    assert not await other.mirrors_percent()


@pytest.mark.parametrize("error", [Forbidden("not in this namespace"), Unavailable("away"), NotFound("no such kind")])
async def test_a_gateway_that_cannot_be_read_is_not_believed_to(error: Exception) -> None:
    """Rights in single namespaces never reach a class; then the proxy takes the share."""
    shell = Shell(SHARE)
    shell.cluster.error = error

    assert not await shell.mirrors_percent()


async def test_rights_in_single_namespaces_never_reach_a_class() -> None:
    """So it is not even asked: a refusal every ten minutes would be an alert about nothing."""
    shell = Shell(SHARE)
    shell.gateways = Gateways(shell.cluster, cluster_wide=False, clock=lambda: shell.now)

    gateway = shell.deployment.spec.traffic.gateway
    assert gateway is not None
    assert not await shell.gateways.mirrors_percent(shell.deployment, gateway)
    assert shell.cluster.asked == []


async def test_a_gateway_that_is_not_there_is_not_believed_to() -> None:
    """Nor one whose class is not."""
    missing, classless = Shell(SHARE), Shell(SHARE)
    del missing.cluster.objects["Gateway", "infra", "public"]
    del classless.cluster.objects["GatewayClass", "", "eg"]

    assert not await missing.mirrors_percent()
    assert not await classless.mirrors_percent()


async def test_the_api_server_is_asked_now_and_then() -> None:
    """Once for ten minutes, whatever the answer was, and however many ModelDeployments share the class."""
    for features in ([SHARE], []):
        shell = Shell(*features)
        for _ in range(3):
            await shell.mirrors_percent()
            shell.now += ASKED_FOR / 4
        assert shell.cluster.asked == ["Gateway infra/public", "GatewayClass eg"]

        shell.now += ASKED_FOR / 4
        await shell.mirrors_percent()
        assert len(shell.cluster.asked) == 4


async def test_one_class_is_asked_once_for_all_its_gateways() -> None:
    """Most clusters have one class and many Gateways."""
    shell = Shell(SHARE, parents=("public", "internal"))
    await shell.mirrors_percent()

    assert shell.cluster.asked == ["Gateway infra/public", "GatewayClass eg", "Gateway infra/internal"]


async def test_an_upgraded_gateway_is_believed_after_a_while() -> None:
    """What it learned is seen at the next asking."""
    shell = Shell("HTTPRouteRequestMirror")
    assert not await shell.mirrors_percent()
    shell.supports(SHARE)
    assert not await shell.mirrors_percent()

    shell.now += ASKED_FOR
    assert await shell.mirrors_percent()


async def test_an_answer_outlives_an_api_server_that_is_away() -> None:
    """Another answer would start a shadow anew."""
    shell = Shell(SHARE)
    assert await shell.mirrors_percent()
    shell.cluster.error = Unavailable("away")
    shell.now += ASKED_FOR

    assert await shell.mirrors_percent()


def sticky(header: str | None) -> ModelDeployment:
    """A ModelDeployment that tells users apart by a header, or not at all."""
    gateway: dict[str, Any] = {"parentRefs": [{"name": "public"}], "router": "EnvoyGateway"}
    return model_deployment(traffic={"gateway": gateway | ({"sticky": {"header": header}} if header else {})})


class Keeping:
    """An operator that keeps the policy of one ModelDeployment; its watches catch up after each pass."""

    def __init__(self) -> None:
        self.cluster, self.store = Asked(), Store()
        self.stickers = SessionAffinity(self.cluster, self.store)

    async def keep(self, header: str | None) -> None:
        """One pass."""
        await self.stickers.keep(sticky(header))
        self.cluster.tell(self.store)

    @property
    def header(self) -> str | None:
        """By which header users are told apart; None without a policy."""
        policy = self.cluster.find("BackendTrafficPolicy", "demo")
        if policy is None:
            return None
        name: str = policy["spec"]["loadBalancer"]["consistentHash"]["header"]["name"]
        return name


async def test_the_policy_follows_the_spec() -> None:
    """It is made, changed and taken away; a pass with nothing new asks for nothing."""
    shell = Keeping()
    await shell.keep(None)
    assert shell.header is None
    for header in ("x-user", "x-account"):
        await shell.keep(header)
        assert shell.header == header
        requests, asked = shell.cluster.requests, len(shell.cluster.asked)
        await shell.keep(header)
        assert (shell.cluster.requests, len(shell.cluster.asked)) == (requests, asked)
    await shell.keep(None)
    assert shell.header is None


async def test_what_somebody_changes_is_put_right() -> None:
    """What Palier states of the policy is Palier's."""
    shell = Keeping()
    await shell.keep("x-user")
    policy = shell.cluster.find("BackendTrafficPolicy", "demo")
    assert policy is not None
    balancer = policy["spec"]["loadBalancer"]
    changed = {**balancer, "consistentHash": {**balancer["consistentHash"], "header": {"name": "x-other"}}}
    shell.cluster.put({**policy, "spec": {**policy["spec"], "loadBalancer": changed}})
    shell.cluster.tell(shell.store)
    await shell.keep("x-user")

    assert shell.header == "x-user"


async def test_what_somebody_adds_to_the_policy_is_theirs() -> None:
    """A field that Palier does not state (people add retries there) makes no pass write."""
    shell = Keeping()
    await shell.keep("x-user")
    policy = shell.cluster.find("BackendTrafficPolicy", "demo")
    assert policy is not None
    shell.cluster.put({**policy, "spec": {**policy["spec"], "retry": {"numRetries": 2}}})
    shell.cluster.tell(shell.store)
    requests = shell.cluster.requests
    await shell.keep("x-user")

    assert shell.cluster.requests == requests
    await shell.keep("x-account")
    assert shell.header == "x-account"


async def test_a_policy_of_somebody_else_is_left_alone() -> None:
    """It is not watched, so it is looked for before its name is taken; and it is never deleted."""
    shell = Keeping()
    theirs = {"apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "BackendTrafficPolicy"}
    shell.cluster.put({**theirs, "metadata": {"name": "demo", "namespace": "ml"}, "spec": {"retry": {}}})
    with pytest.raises(NameTaken, match="BackendTrafficPolicy demo exists and is not Palier's"):
        await shell.keep("x-user")

    await shell.keep(None)
    assert shell.cluster.find("BackendTrafficPolicy", "demo") is not None


async def test_the_policy_of_a_deleted_namesake_is_left_to_go_with_it() -> None:
    """It is not ours, and Kubernetes removes it; until then its name is taken."""
    shell = Keeping()
    earlier = sticky("x-user")
    metadata = earlier.metadata.model_copy(update={"uid": "u0"})
    await shell.stickers.keep(earlier.model_copy(update={"metadata": metadata}))
    shell.cluster.tell(shell.store)
    await shell.keep(None)
    assert shell.header == "x-user"

    with pytest.raises(Conflict, match="exists and is not Palier's"):
        await shell.keep("x-account")


async def test_a_cluster_without_envoy_gateway_is_told_of() -> None:
    """Its API server knows no such kind."""
    shell = Keeping()
    shell.cluster.refuses["BackendTrafficPolicy"] = NotFound("the server could not find the requested resource")
    with pytest.raises(InvalidSpec, match="serves no BackendTrafficPolicies") as raised:
        await shell.keep("x-user")

    assert raised.value.field == "spec.traffic.gateway.sticky"


@pytest.mark.parametrize("error", [Forbidden("no right"), Invalid("policy: no headers")], ids=type)
async def test_a_policy_that_is_denied_stops_nothing(error: ClusterError) -> None:
    """Users are moved without it, and it is told, whether it may not be made or may not go."""
    shell = Keeping()
    shell.cluster.refuses["BackendTrafficPolicy"] = error
    assert str(error) in str(await shell.stickers.keep(sticky("x-user")))
    assert shell.header is None

    shell.cluster.refuses.clear()
    await shell.keep("x-user")
    shell.cluster.refuses_deletion["BackendTrafficPolicy"] = error
    assert str(error) in str(await shell.stickers.keep(sticky(None)))
    assert shell.header == "x-user"
    assert await shell.stickers.keep(sticky("x-user")) is None
