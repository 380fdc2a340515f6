"""What Palier reports and remembers in `status`; everything a release needs to go on after a crash is in here.

The operator owns all of it through server-side apply under one field manager, and the API server refuses a field that
is not declared here. Fields are optional and lists bounded: old objects stay readable and the status stays small.
Shares and statistics are decimal strings, because the API has no floating-point numbers.
"""

from typing import Annotated

from pydantic import Field

from palier.api.rule import ATOMIC, ApiObject, ListType
from palier.api.spec.release import Stage
from palier.api.spec.values import LabelName
from palier.api.status.conditions import Condition, Timestamp
from palier.api.status.cost import CostStatus, PlanStatus
from palier.api.status.evidence import EvidenceStatus
from palier.api.status.golden import GoldenStatus
from palier.api.status.load_test import LoadTestProgress, LoadTestStatus
from palier.api.status.values import (
    ANNOTATION_LIMIT,
    Count,
    Logarithm,
    Message,
    Reason,
    ReleasePhase,
    Result,
    Revision,
    Verdict,
)
from palier.api.status.watch import WatchStatus


class RevisionStatus(ApiObject):
    """A revision and what it serves."""

    revision: Revision
    """Hash of `spec.model` and `spec.serving`: 10 hexadecimal digits, also the end of its children's names."""
    model: Annotated[str, Field(max_length=253)] | None = None
    """Name of the model."""
    version: Annotated[str, Field(max_length=128)] | None = None
    """Version of the model."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """TCP port on which its pods answer."""
    runtime: Annotated[str, Field(max_length=64)] | None = None
    """Its serving program, whose preset says how it is measured."""
    runtime_version: Annotated[str, Field(max_length=64)] | None = None
    """Version of its serving program."""
    variant: LabelName | None = None
    """Name of the variant that it is; absent without variants."""
    family: Revision | None = None
    """Hash of the spec with all its variants; absent without variants."""
    since: Timestamp | None = None
    """When the revision took this part."""


class Former(RevisionStatus):
    """The stable revision of before, still ready for a quick way back."""

    until: Timestamp | None = None
    """When its pods are removed."""


class Drain(ApiObject):
    """A revision without traffic whose pods are about to be removed."""

    revision: Revision
    """The revision."""
    until: Timestamp
    """When its pods are removed."""


class Ending(ApiObject):
    """What a release that is being rolled back will be recorded as."""

    result: Result
    """How the release ends."""
    reason: Reason
    """Why, as one CamelCase word."""
    message: Message
    """Why, as a sentence with its numbers."""


class ReleaseProgress(ApiObject):
    """The release in progress."""

    step: ReleasePhase
    """`Preparing`: the candidate starts. `LoadTesting`: its capacity and cost are found. `Examining`: it gives golden
    answers. `Shadowing`: it answers copies of users' requests. `Canary`: it serves a share and is judged. `Promoting`:
    it gets all traffic. `RollingBack`: its traffic returns to stable."""
    plan: Annotated[list[Stage], Field(max_length=16), ATOMIC] | None = None
    """The stages of this release, as `spec.release.stages` had them when it started."""
    cursor: Count | None = None
    """Position of the present stage in the plan, from 0; after the last stage the candidate gets all traffic."""
    started_at: Timestamp | None = None
    """When the release started. A request for this release alone is written `<candidate revision>@<this time>`."""
    stage_started_at: Timestamp | None = None
    """When the present stage started."""
    opened_at: Timestamp | None = None
    """When the candidate's pods were ready for the present stage; absent while they are not."""
    traffic_since: Timestamp | None = None
    """Since when the gateway has accepted the weight of this stage."""
    unready_since: Timestamp | None = None
    """Since when the candidate has too few ready pods for the present stage."""
    gone_since: Timestamp | None = None
    """Since when a candidate that had users has no ready pod at all."""
    cautious_since: Timestamp | None = None
    """Since when the candidate has 1 % of the requests because it is suspected of a breach."""
    steps_down: Count | None = None
    """How often a suspicion has lowered the candidate's share in this stage."""
    pods_wanted: Count | None = None
    """Pods that the candidate gets at least, because fewer tell too little of its version."""
    losses: Count | None = None
    """How often the candidate has lost all its ready pods in this stage while it had users."""
    skipped: bool | None = None
    """True when a person has asked for all of the traffic; the plan no longer has the stages that were left."""
    attempt: Count | None = None
    """Load tests and examinations that have ended in the present stage."""
    last_look: Timestamp | None = None
    """Up to which instant the counters have been read into the evidence."""
    cannot_measure_since: Timestamp | None = None
    """Since when no counter could be read; absent while measuring works."""
    router_last_look: Timestamp | None = None
    """Up to which instant the router's counters have been read into the evidence."""
    router_unseen_since: Timestamp | None = None
    """Since when the router's counters could not be read; absent while measuring works."""
    breach: Message | None = None
    """The breach that `onBreach: Hold` holds the release for, as a sentence."""
    testing: LoadTestProgress | None = None
    """The load test that runs now."""
    ending: Ending | None = None
    """What this release will be recorded as once its traffic is back on stable."""
    evidence: Annotated[list[EvidenceStatus], Field(max_length=18), ListType("map", "objective")] | None = None
    """The evidence, by objective, and in the shadow that of the pairs as such."""
    stage_index: Count | None = None
    """Position among the stages with users. Only version 0.1.0 wrote this; a later one reads it."""
    direct: bool | None = None
    """True when there is nothing to compare with. Only version 0.1.0 wrote this; a later one reads it."""
    tested: bool | None = None
    """True when the load tests are over. Only version 0.1.0 wrote this; a later one reads it."""
    test_replicas: Count | None = None
    """Pods that the present load test is about. Only version 0.1.0 wrote this; a later one reads it."""
    examined: bool | None = None
    """True when the golden answers were good enough. Only version 0.1.0 wrote this; a later one reads it."""
    shadowed: bool | None = None
    """True when the shadow spoke for the candidate. Only version 0.1.0 wrote this; a later one reads it."""


class HandledRequests(ApiObject):
    """The requests by annotation that have been dealt with; the same value does not act again."""

    abort: Annotated[str, Field(max_length=512)] | None = None
    """The last value of `palier.dev/abort`."""
    promote: Annotated[str, Field(max_length=512)] | None = None
    """The last value of `palier.dev/promote`."""
    retry: Annotated[str, Field(max_length=512)] | None = None
    """The last value of `palier.dev/retry`."""


class ReadingStatus(ApiObject):
    """How well a histogram that was read answers a latency objective."""

    objective: LabelName
    """Name of the objective."""
    of: Annotated[str, Field(max_length=600)] | None = None
    """The histogram and the threshold in its unit."""
    measurable: Annotated[str, Field(max_length=32)] | None = None
    """`Exact`, `Bracketed` or `Unavailable`."""
    lower: Logarithm | None = None
    """Largest bucket edge at or below the threshold."""
    upper: Logarithm | None = None
    """Smallest bucket edge at or above the threshold; `inf` where there is only the last bucket."""


class VerdictStatus(ApiObject):
    """What the evidence says about one objective."""

    objective: LabelName
    """Name of the objective."""
    verdict: Verdict
    """`Pass`, `Fail`, or `NoEvidence`, which is neither good nor bad."""
    reason: Reason | None = None
    """Why, as one CamelCase word."""
    message: Message | None = None
    """Why, as a sentence with its numbers."""
    estimate: Annotated[str, Field(max_length=64)] | None = None
    """The candidate's measured share of bad events, or its mean. Example: `0.52 %`."""
    interval: Annotated[str, Field(max_length=128)] | None = None
    """Where the true value lies, with 95 % confidence at every look at once; absent for a mean without `maxPerEvent`.
    Example: `0.21 % to 1.1 %`."""
    needed: Count | None = None
    """About how many more events it takes until the objective can be decided, if nothing changes."""
    measurable: Annotated[str, Field(max_length=32)] | None = None
    """How well the histogram answers: `Exact` (the threshold is a bucket edge), `Bracketed` (it lies between two, and
    both are judged), or `Unavailable`."""
    segments: Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=32), ATOMIC] | None = None
    """The groups of users for which the candidate is worse."""


class Outcome(ApiObject):
    """How a release ended."""

    revision: Revision
    """The candidate of the release."""
    result: Result
    """`Promoted`, `RolledBack` (an objective was breached), `Aborted` (by a person), `Superseded` (by a newer
    revision), `Reverted` (the spec went back to stable), `Failed` (it never became ready), `Refused` (the load test,
    the budget, the golden answers or the shadow spoke against it, before any request of users) or `KeptStable` (it was
    not better than stable in an experiment)."""
    reason: Reason | None = None
    """Why, as one CamelCase word."""
    message: Message | None = None
    """Why, as a sentence with its numbers."""
    time: Timestamp | None = None
    """When the release ended."""
    rules: Annotated[str, Field(max_length=64)] | None = None
    """Digest of the objectives and stages that judged it: a refused revision is tried again when they change."""
    family: Revision | None = None
    """Hash of the spec with all its variants; absent without variants."""


class Status(ApiObject):
    """What Palier reports: where the release stands, why, and what it remembers."""

    observed_generation: Count | None = None
    """The `metadata.generation` that this status speaks about."""
    conditions: Annotated[list[Condition], Field(max_length=16), ListType("map", "type")] | None = None
    """`Ready` sums up; `Reconciling` and `Stalled` exist only while true; `Available` says that stable serves and
    `Progressing` that a release is in progress; `WithinBudget`, with a budget, that it is kept; `WithinErrorBudget`
    that no objective's error budget is spent or used up too fast; `DataDrift`, where the data is watched, that a
    feature has drifted or is broken."""
    stage: Annotated[str, Field(max_length=64)] | None = None
    """Where the release stands, in a word. Examples: `LoadTest`, `Golden`, `Shadow 20`, `Canary 25`."""
    weight: Annotated[int, Field(ge=0, le=100)] | None = None
    """The candidate's share of the requests now, in percent."""
    replicas: Count | None = None
    """Ready pods of the stable revision, before there is one of the candidate; read by autoscalers through the scale
    subresource."""
    selector: Annotated[str, Field(max_length=1024)] | None = None
    """Label selector of these pods; read by autoscalers through the scale subresource."""
    stable: RevisionStatus | None = None
    """The revision that serves the users."""
    candidate: RevisionStatus | None = None
    """The revision under trial; after a rollback, the refused one."""
    former: Former | None = None
    """The stable revision of before, while it is kept ready."""
    slots: Annotated[list[Annotated[str, Field(max_length=10)]], Field(max_length=16), ATOMIC] | None = None
    """The revision at each backend position of the route."""
    drains: Annotated[list[Drain], Field(max_length=32), ATOMIC] | None = None
    """Revisions without traffic whose pods are about to be removed."""
    release: ReleaseProgress | None = None
    """The release in progress; absent when there is none."""
    verdicts: Annotated[list[VerdictStatus], Field(max_length=18), ListType("map", "objective")] | None = None
    """The last verdicts, by objective."""
    readings: Annotated[list[ReadingStatus], Field(max_length=16), ListType("map", "objective")] | None = None
    """How well the histograms answer, as last read."""
    load_tests: Annotated[list[LoadTestStatus], Field(max_length=32), ATOMIC] | None = None
    """What the last load tests found, oldest first."""
    golden: GoldenStatus | None = None
    """What the last golden answers found."""
    plan: PlanStatus | None = None
    """What serving the planned traffic costs, by the last load tests and prices."""
    cost: CostStatus | None = None
    """What serving costs now; absent without prices."""
    watch: WatchStatus | None = None
    """What is known of the version that serves; absent before anything was counted."""
    outcome: Outcome | None = None
    """How the last release ended."""
    history: Annotated[list[Outcome], Field(max_length=10), ATOMIC] | None = None
    """How the last releases ended, oldest first."""
    handled_requests: HandledRequests | None = None
    """The requests by annotation that have been dealt with; a longer value than 512 characters stands here by its
    digest."""
    handled_retry: Annotated[str, Field(max_length=ANNOTATION_LIMIT)] | None = None
    """The last value of `palier.dev/retry` that was acted on. Only version 0.1.0 wrote this; a later one reads it."""
