"""What Palier reports and remembers in `status`; everything a release needs to go on after a crash is in here.

The operator owns all of it through server-side apply under one field manager, and the API server refuses a field that
is not declared here. Fields are optional and lists bounded: old objects stay readable and the status stays small.
Shares and statistics are decimal strings, because the API has no floating-point numbers.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from palier.api.conditions import MESSAGE_LIMIT, Condition, Timestamp, condition, merge_conditions, rfc3339
from palier.api.rules import ATOMIC, ApiObject, ListType
from palier.api.values import LabelName

__all__ = [
    "Condition",
    "Drain",
    "Ending",
    "EvidenceStatus",
    "Former",
    "Outcome",
    "ReleaseProgress",
    "Result",
    "RevisionStatus",
    "Status",
    "Step",
    "TallyStatus",
    "Timestamp",
    "Verdict",
    "VerdictStatus",
    "condition",
    "merge_conditions",
    "rfc3339",
]

ANNOTATION_LIMIT = 262144
"""The longest value that an annotation can have."""

Revision = Annotated[str, Field(max_length=10, pattern=r"^[0-9a-f]{10}$")]
Count = Annotated[int, Field(ge=0)]
Logarithm = Annotated[str, Field(max_length=32, pattern=r"^-?([0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?|inf)$")]
Reason = Annotated[str, Field(max_length=256)]
Message = Annotated[str, Field(max_length=MESSAGE_LIMIT)]


class Step(StrEnum):
    """Where a release in progress stands."""

    PREPARING = "Preparing"
    CANARY = "Canary"
    PROMOTING = "Promoting"
    ROLLING_BACK = "RollingBack"


class Result(StrEnum):
    """How a release ended."""

    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    ABORTED = "Aborted"
    SUPERSEDED = "Superseded"
    REVERTED = "Reverted"
    FAILED = "Failed"


class Verdict(StrEnum):
    """What the evidence says about an objective."""

    PASS = "Pass"  # noqa: S105 (the word of the design, not a password)
    FAIL = "Fail"
    NO_EVIDENCE = "NoEvidence"


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


class TallyStatus(ApiObject):
    """Events of the candidate and of stable over a stretch of time."""

    total: Count | None = None
    """Events of the candidate."""
    bad: Count | None = None
    """Those that were surely bad."""
    bad_possible: Count | None = None
    """Those that may have been bad; differs from `bad` where a threshold lies between two bucket edges."""
    stable_total: Count | None = None
    """Events of stable in the same looks."""
    stable_bad: Count | None = None
    """Those that were surely bad."""
    amount: Logarithm | None = None
    """Sum of the candidate's values, where a mean is judged."""
    stable_amount: Logarithm | None = None
    """Sum of stable's values."""


class SegmentStatus(ApiObject):
    """What is kept of the evidence about one group of users."""

    name: Annotated[str, Field(max_length=128)]
    """Value of the label that the objective is segmented by."""
    relative: Annotated[list[Logarithm], Field(max_length=16), ATOMIC] | None = None
    """Natural logarithm of the capital of each bet on "worse than stable"."""
    cash: Logarithm | None = None
    """Natural logarithm of the capital that is not bet yet."""
    total: Count | None = None
    """Events of the candidate."""
    bad: Count | None = None
    """Those that were surely bad."""
    stable_total: Count | None = None
    """Events of stable in the same looks."""
    stable_bad: Count | None = None
    """Those that were surely bad."""
    bad_looks: Count | None = None
    """Looks in which the candidate had bad events."""


class MomentsStatus(ApiObject):
    """Mean and spread of one value for each look."""

    looks: Count | None = None
    """Looks with a value."""
    mean: Logarithm | None = None
    """Mean of the values."""
    spread: Logarithm | None = None
    """Sum of the squared deviations from the mean."""


class MeansStatus(ApiObject):
    """What is kept of the evidence about a mean."""

    absolute: MomentsStatus | None = None
    """The candidate's mean minus the limit."""
    relative: MomentsStatus | None = None
    """The candidate's mean minus stable's with the margin."""


class JumpsStatus(ApiObject):
    """How much the share of bad events jumps from look to look, beyond chance."""

    pairs: Count | None = None
    """Pairs of neighbouring looks."""
    sum: Logarithm | None = None
    """Sum of their squared differences, each divided by what chance would give."""


class DispersionStatus(ApiObject):
    """Whether events of one look tend to fail together."""

    candidate: JumpsStatus | None = None
    """In the candidate."""
    stable: JumpsStatus | None = None
    """In stable."""


class ServedStatus(ApiObject):
    """Requests since the present weight is in force, in looks that measured both revisions."""

    total: Count | None = None
    """Of the candidate."""
    stable_total: Count | None = None
    """Of stable."""


class EvidenceStatus(ApiObject):
    """What is kept of one objective's evidence between two looks, to the last digit."""

    objective: LabelName
    """Name of the objective."""
    of: Annotated[str, Field(max_length=16)] | None = None
    """Digest of what the objective measures and allows: under another one the evidence is about something else."""
    served: ServedStatus | None = None
    """Requests since the present weight is in force; absent when it has just begun."""
    relative: Annotated[list[Logarithm], Field(max_length=16), ATOMIC] | None = None
    """Natural logarithm of the capital of each bet on "worse than stable"."""
    relative_cash: Logarithm | None = None
    """Natural logarithm of the capital that is not bet yet."""
    absolute: Annotated[list[Logarithm], Field(max_length=16), ATOMIC] | None = None
    """Natural logarithm of the capital of each bet on "over the limit"."""
    absolute_cash: Logarithm | None = None
    """Natural logarithm of the capital that is not bet yet."""
    not_worse: Annotated[list[Logarithm], Field(max_length=16), ATOMIC] | None = None
    """Natural logarithm of each bet on "no worse than stable"."""
    release: TallyStatus | None = None
    """Events since the release began."""
    stage: TallyStatus | None = None
    """Events since the stage began."""
    last: TallyStatus | None = None
    """Events of the last look."""
    looks: Count | None = None
    """Looks in which the candidate had events."""
    bad_looks: Count | None = None
    """Looks in which some of them were surely bad."""
    hard_stop_total: Count | None = None
    """Events since the hard stop last started anew."""
    hard_stop_bad: Count | None = None
    """Those that were surely bad."""
    segments: Annotated[list[SegmentStatus], Field(max_length=32), ListType("map", "name")] | None = None
    """The evidence by group of users."""
    means: MeansStatus | None = None
    """The evidence about a mean."""
    dispersion: DispersionStatus | None = None
    """Whether events of one look tend to fail together, which tempers what a look may say."""


class ReleaseProgress(ApiObject):
    """The release in progress."""

    step: Step
    """`Preparing`: the candidate starts. `Canary`: it serves a share and is judged. `Promoting`: it gets all traffic.
    `RollingBack`: its traffic returns to stable."""
    stage_index: Count | None = None
    """Position of the present stage in `spec.release.stages`, from 0."""
    direct: bool | None = None
    """True when there is nothing to compare with: the first revision, or the return to a former stable one."""
    started_at: Timestamp | None = None
    """When the release started."""
    stage_started_at: Timestamp | None = None
    """When the present stage started."""
    traffic_since: Timestamp | None = None
    """Since when the gateway has accepted the weight of this stage."""
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
    ending: Ending | None = None
    """What this release will be recorded as once its traffic is back on stable."""
    evidence: Annotated[list[EvidenceStatus], Field(max_length=16), ListType("map", "objective")] | None = None
    """The evidence, by objective."""


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
    """Where the true value lies, with 95 % confidence at every look at once. Example: `0.21 % to 1.1 %`."""
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
    revision), `Reverted` (the spec went back to stable) or `Failed` (it never became ready)."""
    reason: Reason | None = None
    """Why, as one CamelCase word."""
    message: Message | None = None
    """Why, as a sentence with its numbers."""
    time: Timestamp | None = None
    """When the release ended."""
    rules: Annotated[str, Field(max_length=64)] | None = None
    """Digest of the objectives and stages that judged it: a refused revision is tried again when they change."""


class Status(ApiObject):
    """What Palier reports: where the release stands, why, and what it remembers."""

    observed_generation: Count | None = None
    """The `metadata.generation` that this status speaks about."""
    conditions: Annotated[list[Condition], Field(max_length=16), ListType("map", "type")] | None = None
    """`Ready` sums up; `Reconciling` and `Stalled` exist only while true; `Available` says that stable serves and
    `Progressing` that a release is in progress."""
    stage: Annotated[str, Field(max_length=64)] | None = None
    """Where the release stands, in a word. Example: `Canary 25`."""
    weight: Annotated[int, Field(ge=0, le=100)] | None = None
    """The candidate's share of the requests now, in percent."""
    replicas: Count | None = None
    """Ready pods of all revisions; read by autoscalers through the scale subresource."""
    selector: Annotated[str, Field(max_length=1024)] | None = None
    """Label selector of the pods; read by autoscalers through the scale subresource."""
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
    verdicts: Annotated[list[VerdictStatus], Field(max_length=16), ListType("map", "objective")] | None = None
    """The last verdicts, by objective."""
    readings: Annotated[list[ReadingStatus], Field(max_length=16), ListType("map", "objective")] | None = None
    """How well the histograms answer, as last read."""
    outcome: Outcome | None = None
    """How the last release ended."""
    history: Annotated[list[Outcome], Field(max_length=10), ATOMIC] | None = None
    """How the last releases ended, oldest first."""
    handled_retry: Annotated[str, Field(max_length=ANNOTATION_LIMIT)] | None = None
    """The last value of the annotation `palier.dev/retry` that was acted on."""
