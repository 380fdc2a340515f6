"""How a candidate is load-tested before users' requests reach it: which requests, how long, from where."""

import hashlib
import itertools
import json
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from palier.api.rule import ATOMIC, ApiObject, Rule
from palier.api.spec.fields import exactly_one
from palier.api.spec.serving import AsWritten, ConfigMapKey, Image
from palier.api.spec.values import Amount, Duration, FilePath, LabelValue, Method, ObjectName, UrlPath


class CorpusVolume(ApiObject):
    """A file of a volume."""

    claim_name: ObjectName
    """Name of a PersistentVolumeClaim in the same namespace; it is mounted for reading only."""
    path: FilePath
    """Path of the file in the volume. Example: `requests/chat.jsonl`."""


class CorpusImage(ApiObject):
    """A file of an OCI artifact or image, mounted as a volume: needs Kubernetes 1.35 or later."""

    reference: Image
    """Reference of the artifact, best with a digest. Example: `registry.example.com/corpora/chat@sha256:4a0b...`."""
    path: FilePath
    """Path of the file in the artifact. Example: `chat.jsonl`."""


class Corpus(ApiObject):
    """The requests of the load test: exactly one source of lines, which are sent in order, again and again."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        exactly_one(
            "inline",
            "configMapKeyRef",
            "volume",
            "image",
            message="a corpus takes exactly one of inline, configMapKeyRef, volume and image",
        ),
    )

    inline: (
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=4096)]], Field(min_length=1, max_length=64), ATOMIC
        ]
        | None
    ) = None
    """The lines themselves, 1 to 64. A line is a request as JSON with any of `method`, `path`, `headers`, `body`,
    `weight` and `variables`, or else a text that is sent as the body. `{{name}}` in it is replaced by a value of the
    variable `name`. Example: `{"body": {"text": "Bonjour"}}`."""
    config_map_key_ref: ConfigMapKey | None = None
    """A key of a ConfigMap whose text has a request in each line."""
    volume: CorpusVolume | None = None
    """A file of a PersistentVolumeClaim with a request in each line."""
    image: CorpusImage | None = None
    """A file of an OCI artifact with a request in each line; needs Kubernetes 1.35 or later, which mounts images."""

    def digest(self, text: str) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the lines where they are known, else of their place.

        Args:
            text: the lines, where a ConfigMap has them.
        """
        if self.inline is not None:
            said = "\n".join(self.inline)
        elif self.config_map_key_ref is not None:
            said = text
        else:
            said = json.dumps(self.model_dump(mode="json", exclude_none=True), sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:16]


class ResourceRequirements(ApiObject):
    """The resources of a container, as in Kubernetes: `requests` and `limits`."""

    model_config = ConfigDict(extra="allow")


class Toleration(ApiObject):
    """A toleration, as in Kubernetes."""

    model_config = ConfigDict(extra="allow")

    key: Annotated[str, Field(max_length=317)] | None = None
    """Key of the taint; all keys when left out, with `operator: Exists`. Example: `nvidia.com/gpu`."""
    operator: Annotated[str, Field(max_length=16)] | None = None
    """`Equal` (default) or `Exists`."""
    value: Annotated[str, Field(max_length=63)] | None = None
    """Value of the taint; none with `operator: Exists`."""
    effect: Annotated[str, Field(max_length=32)] | None = None
    """`NoSchedule`, `PreferNoSchedule` or `NoExecute`; all effects when left out."""


Resources = Annotated[dict[str, Any], AsWritten(ResourceRequirements)]
NodeSelector = Annotated[dict[str, LabelValue], Field(max_length=64)]
Tolerations = Annotated[list[Annotated[dict[str, Any], AsWritten(Toleration)]], Field(max_length=32), ATOMIC]


def _valid(*fields: str) -> str:
    """CEL whether durations have their form; their own rule refuses those that have not."""
    return " && ".join(f"self.{field}.matches(r'{Duration.form}')" for field in fields)


def _long_enough(test: "LoadTest") -> bool:
    return test.max_duration.seconds >= test.warm_up.seconds + test.step_duration.seconds + test.soak.seconds


def _rates_in_order(test: "LoadTest") -> bool:
    start = test.start_requests_per_second
    return start is None or start.decimal <= test.max_requests_per_second.decimal


class LoadTest(ApiObject):
    """How the highest arrival rate is found at which every objective holds.

    Requests arrive at random instants, whether or not earlier ones have been answered, faster from step to step.
    """

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                f"!({_valid('timeout', 'stepDuration')}) || duration(self.timeout) > duration('0s') &&"
                " duration(self.stepDuration) > duration('0s')"
            ),
            holds=lambda test: test.timeout.seconds > 0 and test.step_duration.seconds > 0,
            message="timeout and stepDuration must be above zero, such as 30s and 20s",
        ),
        Rule(
            cel=(
                f"!({_valid('maxDuration', 'warmUp', 'stepDuration', 'soak')}) || duration(self.maxDuration) >="
                " duration(self.warmUp) + duration(self.stepDuration) + duration(self.soak)"
            ),
            holds=_long_enough,
            message="maxDuration must not be shorter than warmUp, stepDuration and soak together",
            field=".maxDuration",
        ),
        Rule(
            cel=(
                "self.replicas[0] == 1 && self.replicas.isSorted() && self.replicas.all(one,"
                " self.replicas.exists_one(other, other == one))"
            ),
            holds=lambda test: (
                test.replicas[0] == 1 and all(fewer < more for fewer, more in itertools.pairwise(test.replicas))
            ),
            message="replicas begins with 1 and increases, such as [1, 4]",
            field=".replicas",
        ),
        Rule(
            cel=(
                f"!has(self.startRequestsPerSecond) || !self.startRequestsPerSecond.matches(r'{Amount.form}') ||"
                f" !self.maxRequestsPerSecond.matches(r'{Amount.form}') ||"
                " double(self.startRequestsPerSecond) <= double(self.maxRequestsPerSecond)"
            ),
            holds=_rates_in_order,
            message="startRequestsPerSecond must not be above maxRequestsPerSecond",
            field=".startRequestsPerSecond",
        ),
    )

    path: UrlPath = UrlPath("/")
    """Path of the requests, with a query if wanted, where a line of the corpus names none. Example: `/predict`."""
    method: Method = Method.GET
    """Method of the requests, where a line of the corpus names none: `GET`, `POST` or `PUT`. Requests with a body
    usually want `POST`."""
    corpus: Corpus | None = None
    """The requests; the same request to `path`, without a body, when left out."""
    stream: bool = False
    """True when answers are streams of events, as those of language models: the times to the first token and between
    tokens are then measured too."""
    timeout: Duration = Duration("30s")
    """Longest wait for an answer; later ones count as failed. It has to be longer than what any objective allows that
    the load test judges."""
    warm_up: Duration = Duration("10s")
    """How long requests are sent at a low rate before anything is measured."""
    step_duration: Duration = Duration("20s")
    """How long one rate is held; longer at low rates, so that there are enough answers to judge a percentile."""
    soak: Duration = Duration("2m")
    """How long the rate that was found has to hold at the end."""
    max_duration: Duration = Duration("30m")
    """Longest time of one search, soak included; without a result by then there is no evidence."""
    max_requests: Annotated[int, Field(ge=1, le=100_000_000)] = 500_000
    """Most requests of one search, 1 to 100000000."""
    start_requests_per_second: Amount | None = None
    """First arrival rate, in requests per second; Palier chooses it from the warm-up when left out. Example: `"5"`."""
    max_requests_per_second: Amount = Amount("10000")
    """Highest arrival rate that is tried, in requests per second. A model that carries it is not tried further."""
    replicas: Annotated[list[Annotated[int, Field(ge=1, le=64)]], Field(min_length=1, max_length=4), ATOMIC] = Field(
        default_factory=lambda: [1]
    )
    """At how many replicas together the capacity is searched: 1 first, then more, at most 4 numbers of 1 to 64. A
    second one shows what replicas share and wait for, such as a database. Example: `[1, 4]`."""
    fresh_for: Duration = Duration("720h")
    """How long a result is used again for the same revision, requests and rules; `0s` tests again in every release."""
    image: Image | None = None
    """Image of the pod that sends the requests; Palier's own when left out."""
    resources: Resources | None = None
    """Resources of the container that sends the requests, as in Kubernetes. Example: `requests: {cpu: "2"}`."""
    node_selector: NodeSelector = Field(default_factory=dict)
    """Labels of the nodes that may send the requests: best others than those that serve the model.
    Example: `pool: tools`."""
    tolerations: Tolerations = Field(default_factory=list)
    """Tolerations of the pod that sends the requests, as in Kubernetes, at most 32."""
