"""What the status keeps of the evidence about the objectives, so that a restart forgets nothing."""

from typing import Annotated

from pydantic import Field

from palier.api.rule import ATOMIC, ApiObject, ListType
from palier.api.spec.values import LabelName
from palier.api.status.values import Count, Logarithm, SuspectedBy


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
    met_both: Count | None = None
    """How often one of the segments that `(other)` stands for met both versions in a look."""
    expected_both: Logarithm | None = None
    """How often that would have happened if every event had chosen its version by chance."""


class MomentsStatus(ApiObject):
    """Mean and spread of values, each of at least a hundred events."""

    looks: Count | None = None
    """How many values there are."""
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
    events: Count | None = None
    """Events that each value has at least; what was kept of values of another size counts no more."""


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
    """The candidate's."""
    stable_total: Count | None = None
    """Stable's."""


class StretchStatus(ApiObject):
    """Requests in a stretch of time between two looks by which all pods had been scraped."""

    total: Count | None = None
    """The candidate's."""
    stable_total: Count | None = None
    """Stable's."""
    in_force: bool | None = None
    """Whether stable's pods had all been scraped under the present weight when it began."""


class BlockStatus(ApiObject):
    """Requests of stable in a stretch of time, and of the candidate in a longer one around it."""

    total: Count | None = None
    """The candidate's."""
    stable_total: Count | None = None
    """Stable's."""
    size: Count | None = None
    """How many stretches it is made up of."""


class ArrivalsStatus(ApiObject):
    """Requests under the present weight, set side by side so that it can be said that the candidate gets none."""

    pods: Count | None = None
    """The fewest pods of the candidate that were scraped in any look."""
    until: Logarithm | None = None
    """The last look, in seconds since the epoch."""
    candidate_read: Logarithm | None = None
    """The candidate's newest scrape at the beginning of the present stretch."""
    stable_read: Logarithm | None = None
    """The same of stable."""
    stretches: Annotated[list[StretchStatus], Field(max_length=3), ATOMIC] | None = None
    """The last three stretches of time, of which the last one is the present one."""
    blocks: Annotated[list[BlockStatus], Field(max_length=64), ATOMIC] | None = None
    """What can be compared, oldest first, the older the larger."""


class SpellsStatus(ApiObject):
    """How a gauge went from look to look between high and low."""

    quiet: Count | None = None
    """Pairs of neighbouring looks of which neither is high."""
    begun: Count | None = None
    """Pairs of which only the second one is."""
    held: Count | None = None
    """Pairs of which both are."""
    ended: Count | None = None
    """Pairs of which only the first one is."""
    seconds: Logarithm | None = None
    """From the first look to the last one."""
    looks: Count | None = None
    """Looks with scrapes."""
    high: bool | None = None
    """Whether the last look is high."""


class PodTallyStatus(ApiObject):
    """The events of one pod over the last looks, older ones counted less."""

    pod: Annotated[str, Field(max_length=253)]
    """Name of the pod."""
    total: Logarithm
    """All events."""
    bad: Logarithm
    """Those that were surely bad."""
    unread: Logarithm | None = None
    """Seconds since the pod was read; absent where that was in the last look."""


class ExcusedStatus(ApiObject):
    """What users have met since pods are an excuse for a version that looks bad."""

    seconds: Logarithm
    """How long that has been."""
    total: Count
    """Events."""
    bad: Count
    """Those that were surely bad."""


class PodsStatus(ApiObject):
    """The events of both versions by pod, because pods of one version differ."""

    candidate: Annotated[list[PodTallyStatus], Field(max_length=8), ListType("map", "pod")] | None = None
    """Those of the candidate's pods."""
    stable: Annotated[list[PodTallyStatus], Field(max_length=8), ListType("map", "pod")] | None = None
    """Those of stable's pods."""
    excused: ExcusedStatus | None = None
    """Since pods are an excuse for a version that looks bad; absent where they are none."""
    watched: Logarithm | None = None
    """Seconds in which the candidate's events came, older ones counted less."""


class CautionStatus(ApiObject):
    """The early test, whose suspicion lowers the candidate's share: what it has seen, or what it suspects."""

    looks: Count | None = None
    """Looks since it began to watch."""
    relative: Annotated[list[Logarithm], Field(max_length=16), ATOMIC] | None = None
    """Natural logarithm of the capital of each bet on "worse than stable"."""
    relative_cash: Logarithm | None = None
    """Natural logarithm of the capital that is not bet yet."""
    absolute: Annotated[list[Logarithm], Field(max_length=16), ATOMIC] | None = None
    """Natural logarithm of the capital of each bet on "over the limit"."""
    absolute_cash: Logarithm | None = None
    """Natural logarithm of the capital that is not bet yet."""
    suspected_by: SuspectedBy | None = None
    """`Relative`: it seems to be worse than stable. `Absolute`: it seems to be over the limit."""
    bet: Count | None = None
    """Position of the bet that is suspected to be right."""
    log_ratio: Logarithm | None = None
    """Natural logarithm of how much better the suspicion explains the fresh requests than a good candidate does."""
    fresh_looks: Count | None = None
    """Looks with fresh requests."""
    fresh_total: Count | None = None
    """Fresh requests."""
    fresh_bad: Count | None = None
    """Those that were surely bad."""


class EvidenceStatus(ApiObject):
    """What is kept of one objective's evidence between two looks, to the last digit."""

    objective: LabelName
    """Name of the objective."""
    of: Annotated[str, Field(max_length=16)] | None = None
    """Digest of what the objective measures and allows: under another one the evidence is about something else."""
    served: ServedStatus | None = None
    """Requests since the present weight is in force; absent when it has just begun."""
    arrivals: ArrivalsStatus | None = None
    """The same requests, set side by side more exactly; absent where that cannot be done."""
    warm_since: Logarithm | None = None
    """When the warm-up of the present weight was over, in seconds since the epoch; absent while it is not, and where no
    times are judged."""
    relative: Annotated[list[Logarithm], Field(max_length=16), ATOMIC] | None = None
    """Natural logarithm of the capital of each bet on "worse than stable"."""
    relative_cash: Logarithm | None = None
    """Natural logarithm of the capital that is not bet yet."""
    absolute: Annotated[list[Logarithm], Field(max_length=16), ATOMIC] | None = None
    """Natural logarithm of the capital of each bet on "over the limit"."""
    absolute_cash: Logarithm | None = None
    """Natural logarithm of the capital that is not bet yet."""
    not_worse: Annotated[list[Logarithm], Field(max_length=16), ATOMIC] | None = None
    """Natural logarithm of each bet on "no worse than stable", in an experiment on "better than stable"."""
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
    """Events since the hard stop last started again."""
    hard_stop_bad: Count | None = None
    """Those that were surely bad."""
    hard_stop_looks: Count | None = None
    """Looks in which there were bad ones among them."""
    hard_stop_stable_total: Count | None = None
    """Events of stable in the same looks."""
    hard_stop_stable_bad: Count | None = None
    """Those that were surely bad."""
    pods: PodsStatus | None = None
    """The last looks by pod."""
    caution: CautionStatus | None = None
    """The early test, whose suspicion lowers the candidate's share."""
    segments: Annotated[list[SegmentStatus], Field(max_length=32), ListType("map", "name")] | None = None
    """The evidence by group of users."""
    spells: SpellsStatus | None = None
    """The evidence about what comes in spells, as a level does."""
    means: MeansStatus | None = None
    """The evidence about a mean."""
    waiting_alone: TallyStatus | None = None
    """Events of the candidate that are too few for a value of a mean."""
    waiting_beside: TallyStatus | None = None
    """Events of both versions that are too few for a value of a mean beside stable's."""
    dispersion: DispersionStatus | None = None
    """Whether events of one look tend to fail together, which tempers what a look may say."""
