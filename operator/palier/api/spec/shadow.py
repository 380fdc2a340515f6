"""How requests are shadowed: which are copied, how long an answer may take, and what is kept of it."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from palier.api.rule import ATOMIC, ApiObject, Rule
from palier.api.spec.answers import JsonPath
from palier.api.spec.fields import longer_than_zero
from palier.api.spec.load_test import NodeSelector, Resources, Tolerations
from palier.api.spec.serving import Image, PodMetadata
from palier.api.spec.values import Duration, HeaderName


class ShadowMethod(StrEnum):
    """The method of a request that may be sent twice."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


class Sampling(StrEnum):
    """Who takes the sample of the requests."""

    AUTO = "Auto"
    GATEWAY = "Gateway"
    PROXY = "Proxy"


class Disagreements(ApiObject):
    """A small sample of requests that were answered differently, kept in memory for people to read."""

    keep: Annotated[int, Field(ge=1, le=200)] = 20
    """How many, 1 to 200: a fair sample of all that were seen."""
    redact: Annotated[list[JsonPath], Field(max_length=32), ATOMIC] = Field(default_factory=list)
    """Places of requests and answers that are replaced by `***` before anything is kept. Example: `[$.text]`."""
    max_characters: Annotated[int, Field(ge=16, le=4096)] = 500
    """Characters kept of a request or an answer, 16 to 4096."""


class Shadow(ApiObject):
    """How requests are copied to the shadow proxy, which sends each to candidate and stable and compares the answers.

    Users get their answers from stable alone; nothing that happens here reaches them.
    """

    constraints: ClassVar[tuple[Rule, ...]] = (longer_than_zero("timeout", example="30s"),)

    methods: Annotated[list[ShadowMethod], Field(min_length=1, max_length=6), ATOMIC] = Field(
        default_factory=lambda: [ShadowMethod.GET, ShadowMethod.HEAD]
    )
    """Methods of the requests that may be sent twice. `POST` has to be named, because it can have side effects: name it
    where a request only asks the model something. Example: `[POST]`."""
    timeout: Duration = Duration("30s")
    """Longest wait for an answer of the candidate or of stable. A candidate that takes longer has failed."""
    max_body_bytes: Annotated[int, Field(ge=1024, le=67108864)] = 1048576
    """Largest request and largest answer that are compared, in bytes, 1024 to 67108864."""
    max_queue: Annotated[int, Field(ge=1, le=100000)] = 500
    """Requests that may wait in the proxy; more are dropped, and counted."""
    max_concurrent: Annotated[int, Field(ge=1, le=1000)] = 64
    """Requests that the proxy sends at the same time, each to both versions, 1 to 1000."""
    segment_header: HeaderName | None = None
    """Header of the request whose value names a group of users, for the proxy's counters; at most 20 groups.
    Example: `x-customer-kind`."""
    sampling: Sampling = Sampling.AUTO
    """Who takes the stage's percentage: `Gateway` by the route's own `percent`; `Proxy`, which gets every request and
    leaves out the others; `Auto`: the gateway where its GatewayClass says that it can, else the proxy."""
    disagreements: Disagreements | None = None
    """Keeps some requests that were answered differently, for people to read. Nothing of a request or an answer is kept
    without it."""
    metadata: PodMetadata = Field(default_factory=PodMetadata)
    """More labels and annotations of the proxy's pod, such as those by which your Prometheus finds it. The pod is
    annotated with `prometheus.io/scrape`, `prometheus.io/port` and `prometheus.io/path` already."""
    image: Image | None = None
    """Image of the proxy; Palier's own when left out."""
    resources: Resources | None = None
    """Resources of the proxy's container, as in Kubernetes. Example: `requests: {cpu: 100m}`."""
    node_selector: NodeSelector = Field(default_factory=dict)
    """Labels of the nodes that the proxy may run on. Example: `pool: tools`."""
    tolerations: Tolerations = Field(default_factory=list)
    """Tolerations of the proxy's pod, as in Kubernetes, at most 32."""
