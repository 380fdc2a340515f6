"""The plan of the Scalability Owner: which traffic is to be carried, what it costs besides pods, how it is tested."""

from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from palier.api.rule import ApiObject, Reason, Rule
from palier.api.spec.load_test import LoadTest
from palier.api.spec.values import Amount, Cost, Percent

Tokens = Annotated[int, Field(ge=1, le=100_000_000)]


class ProofOfConcept(ApiObject):
    """The traffic before production."""

    requests_per_second: Amount
    """Requests per second of the proof of concept as a decimal number in quotes. Example: `"0.5"`."""


class Target(ApiObject):
    """The traffic that production has to carry."""

    requests_per_second: Amount
    """Requests per second, as a decimal number in quotes: the pods have to carry it, and costs are computed as if it
    came all month long. Example: `"200"`."""
    tokens_in: Tokens | None = None
    """Tokens that a request brings on average; for costs per token. Example: `800`."""
    tokens_out: Tokens | None = None
    """Tokens that an answer has on average; for costs per token. Example: `250`."""


class Overheads(ApiObject):
    """What the model costs besides its pods, in the budget's currency."""

    maintenance_monthly: Cost = Cost("0")
    """Maintenance for a month: updates, retraining, on-call. Example: `"400"`."""
    monitoring_monthly: Cost = Cost("0")
    """Monitoring for a month. Example: `"150"`."""
    data_monthly: Cost = Cost("0")
    """Data for a month: storage, labelling, licences. Example: `"80"`."""
    people_monthly: Cost = Cost("0")
    """Share of people's time for a month. Example: `"1200"`."""
    releases_per_month: Annotated[int, Field(ge=0, le=1000)] = 0
    """Releases in a month, 0 to 1000: the pods of candidates and of former revisions that run next to stable then are
    counted for so many. Example: `4`."""

    @property
    def monthly(self) -> Decimal:
        """Everything that is paid in a month whether anything is served or not."""
        paid = (self.maintenance_monthly, self.monitoring_monthly, self.data_monthly, self.people_monthly)
        return sum((cost.decimal for cost in paid), start=Decimal(0))


class ApiPrice(ApiObject):
    """The price of a bought API that could serve the same requests, in the budget's currency."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "has(self.perThousandInferences) ? !has(self.perMillionTokensIn) && !has(self.perMillionTokensOut)"
                " : has(self.perMillionTokensIn) && has(self.perMillionTokensOut)"
            ),
            holds=lambda price: (
                (price.per_million_tokens_in is None) == (price.per_million_tokens_out is None)
                and (price.per_thousand_inferences is None) != (price.per_million_tokens_in is None)
            ),
            message="apiPrice takes either perThousandInferences, or both perMillionTokensIn and perMillionTokensOut",
        ),
    )

    per_thousand_inferences: Amount | None = None
    """Price of a thousand requests. Example: `"1.50"`."""
    per_million_tokens_in: Amount | None = None
    """Price of a million tokens that requests bring; needs `target.tokensIn` and `target.tokensOut`.
    Example: `"0.50"`."""
    per_million_tokens_out: Amount | None = None
    """Price of a million tokens of answers. Example: `"1.50"`."""


def _tokens_known(scale: "Scale") -> bool:
    priced = scale.api_price is not None and scale.api_price.per_million_tokens_in is not None
    return not priced or None not in (scale.target.tokens_in, scale.target.tokens_out)


class Scale(ApiObject):
    """The Scalability Owner's plan: the traffic to carry, and how its cost is computed and its capacity tested."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "!has(self.apiPrice) || !has(self.apiPrice.perMillionTokensIn) ||"
                " has(self.target.tokensIn) && has(self.target.tokensOut)"
            ),
            holds=_tokens_known,
            message=(
                "an apiPrice by tokens needs target.tokensIn and target.tokensOut: how many tokens a request and its"
                " answer have on average"
            ),
            field=".target",
            reason=Reason.REQUIRED,
        ),
    )

    poc: ProofOfConcept | None = None
    """The traffic of the proof of concept, which the plan compares with; 1 request per second when left out, or the
    target if that is lower."""
    target: Target
    """The traffic that production has to carry."""
    utilization: Percent = Percent("70")
    """How much of the measured capacity is planned for, in percent, in quotes: the rest is reserve for peaks and for
    pods that are lost."""
    minimum_replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    """Fewest replicas that are planned for, 1 to 1000, however little traffic there is. Example: `2`."""
    overheads: Overheads = Field(default_factory=Overheads)
    """What the model costs besides its pods, in the currency of `spec.budget`; nothing when left out."""
    api_price: ApiPrice | None = None
    """The price of a bought API that could serve the same requests, in the currency of `spec.budget`: the plan says
    from which traffic on it is cheaper to serve the model yourself."""
    load_test: LoadTest = Field(default_factory=LoadTest)
    """How the capacity is tested, in a release with the stage `loadTest`."""
