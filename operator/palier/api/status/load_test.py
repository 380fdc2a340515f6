"""What the status says about load tests: the one that runs, step by step, and what the last ones found."""

from typing import Annotated

from pydantic import Field

from palier.api.rule import ATOMIC, ApiObject
from palier.api.spec.values import LabelName
from palier.api.status.conditions import Timestamp
from palier.api.status.values import Count, Figure, LoadTestPhase, Message, Reason, Revision, Verdict


class LoadTestProgress(ApiObject):
    """The load test that runs now."""

    variant: LabelName | None = None
    """Name of the variant that is tested; absent without variants."""
    revision: Revision | None = None
    """The revision that is tested."""
    replicas: Count | None = None
    """Pods that are tested together."""
    run: Count | None = None
    """Position of this load test among those that the release needs, from 0."""
    attempt: Count | None = None
    """Load tests that had ended in this release before this one."""
    phase: LoadTestPhase | None = None
    """`WarmUp`: nothing is measured yet. `Climb`: the rate grows from step to step. `Search`: it narrows down. `Soak`:
    the rate that was found has to hold."""
    requests_per_second: Figure | None = None
    """Arrival rate of the present step."""
    passed: Figure | None = None
    """Highest rate so far at which every objective held."""
    failed: Figure | None = None
    """Lowest rate so far at which one did not."""
    message: Message | None = None
    """What happens now, or what is waited for, as a sentence."""


class LoadTestStepStatus(ApiObject):
    """One arrival rate that was held for a while."""

    phase: LoadTestPhase | None = None
    """What the step was for."""
    offered: Figure | None = None
    """Requests per second that were to be sent."""
    achieved: Figure | None = None
    """Requests per second that were sent."""
    p50: Figure | None = None
    """Response time in seconds that half of the requests stayed below."""
    p95: Figure | None = None
    """Response time in seconds that 95 % of them stayed below."""
    p99: Figure | None = None
    """Response time in seconds that 99 % of them stayed below."""
    requests: Count | None = None
    """Requests that were judged."""
    errors: Count | None = None
    """Those that failed."""
    lag: Figure | None = None
    """How late requests were sent at most, in seconds, in 99 % of the cases; large values are the sender's fault."""
    holds: bool | None = None
    """Whether every objective held at this rate."""


class LoadTestStatus(ApiObject):
    """What a load test found."""

    revision: Revision
    """The revision that was tested."""
    variant: LabelName | None = None
    """Name of the variant that it was; absent without variants."""
    digest: Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]{16}$")]
    """Digest of the requests, the objectives and the rules of the test; another one means another test."""
    replicas: Annotated[int, Field(ge=1, le=64)]
    """Pods that were tested together."""
    measured_at: Timestamp
    """When the test ended."""
    verdict: Verdict
    """`Pass`: a capacity was found. `Fail`: no rate is low enough for the objectives. `NoEvidence`: neither is
    known."""
    reason: Reason | None = None
    """Why, as one CamelCase word."""
    message: Message | None = None
    """Why, as a sentence with its numbers."""
    capacity: Figure | None = None
    """Highest rate at which every objective held, in requests per second of all `replicas` together."""
    ceiling: Figure | None = None
    """Lowest rate at which one did not, in requests per second: the capacity lies below it."""
    at_least: bool | None = None
    """True when even the highest rate that was tried held: the capacity may be larger."""
    requests: Count | None = None
    """Requests that were sent in all."""
    schedule_lag: Figure | None = None
    """How late requests were sent at most, in seconds, in 99 % of the cases of all steps."""
    tokens_per_second: Figure | None = None
    """Parts of answers that arrived in a second at the capacity; of streams, where a part is about a token."""
    first_token: Figure | None = None
    """Time until the first part of an answer at the capacity, in seconds, that 95 % of the requests stayed below."""
    per_token: Figure | None = None
    """Time between two parts at the capacity, in seconds, that 95 % of them stayed below."""
    cold_start: Figure | None = None
    """Seconds from the creation of the pod until it was ready."""
    cpu_cores: Figure | None = None
    """Cores that one replica used at the capacity."""
    memory_bytes: Count | None = None
    """Bytes that one replica used at the capacity."""
    gpu_utilization: Figure | None = None
    """How busy its accelerators were at the capacity, 0 to 1."""
    node: Annotated[str, Field(max_length=253)] | None = None
    """Node on which the tested pod ran."""
    steps: Annotated[list[LoadTestStepStatus], Field(max_length=32), ATOMIC] | None = None
    """The rates that were tried, in order; at most 32."""
