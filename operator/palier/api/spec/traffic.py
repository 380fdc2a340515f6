"""How users reach the model: through a Gateway or through one Service."""

from typing import Annotated, ClassVar

from pydantic import Field

from palier.api.rule import ATOMIC, SET, ApiObject, Rule
from palier.api.spec.values import Duration, HeaderName, HostName, LabelName, ObjectName, Router


class ParentRef(ApiObject):
    """A Gateway, or one listener of it, that the HTTPRoute attaches to."""

    name: ObjectName
    """Name of the Gateway."""
    namespace: LabelName | None = None
    """Namespace of the Gateway; the ModelDeployment's own when left out. Example: `infra`."""
    section_name: ObjectName | None = None
    """Name of one listener of the Gateway; all its listeners when left out. Example: `http`."""


class Stickiness(ApiObject):
    """What identifies users, so that each stays with one version while the weights change: one of the two."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.header) != has(self.cookie)",
            holds=lambda sticky: (sticky.header is None) != (sticky.cookie is None),
            message="sticky takes exactly one of header and cookie, such as header: x-user",
        ),
    )

    header: HeaderName | None = None
    """Header of the request that names the user. Example: `x-user`."""
    cookie: HeaderName | None = None
    """Cookie of the request that names the user; your application sets it. Example: `user`."""


class Gateway(ApiObject):
    """Traffic split by weight in an HTTPRoute of the Gateway API, named as the ModelDeployment."""

    parent_refs: Annotated[list[ParentRef], Field(min_length=1, max_length=16), ATOMIC]
    """The Gateways that carry the traffic, at least one."""
    hostnames: Annotated[
        list[HostName],
        Field(max_length=16),
        SET,
    ] = Field(default_factory=list)
    """Host names of the route, `*.` as first label allowed; all of the listener's when empty.
    Example: `language.example.com`."""
    router: Router | None = None
    """Whose counters the gateway's proxies export, for objectives that read the router: `EnvoyGateway` or `Istio`. The
    proxies must be scraped by the Prometheus that Palier asks. No objective reads the router when left out."""
    sticky: Stickiness | None = None
    """Keeps each user with one version during a release: by hash, so that a user who has met the candidate stays with
    it while its weight rises. Needs `router: EnvoyGateway`, whose BackendTrafficPolicy it makes; requests that do not
    name a user are split at random."""
    request_timeout: Duration | None = None
    """Longest time of a request; the gateway then answers 504 in the pod's place, so that a pod that never answers is
    seen in the router's errors. The gateway's own default when left out. Example: `30s`."""


class ServiceTraffic(ApiObject):
    """Traffic split by the number of replicas behind one Service, named as the ModelDeployment."""


class Traffic(ApiObject):
    """How users reach the model: exactly one of `gateway` and `service`."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.gateway) != has(self.service)",
            holds=lambda traffic: (traffic.gateway is None) != (traffic.service is None),
            message="traffic takes exactly one of gateway and service; service: {} works without a gateway",
        ),
    )

    gateway: Gateway | None = None
    """Split by weight with the Gateway API: exact shares with few replicas. Needs a Gateway controller."""
    service: ServiceTraffic | None = None
    """Split by the number of replicas behind one Service: needs no gateway; shares are as fine as replicas allow.
    Write `service: {}`."""
