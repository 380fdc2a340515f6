"""What serving the model may cost, and what happens when it costs more."""

from typing import ClassVar

from palier.api.rule import ApiObject, Reason, Rule
from palier.api.spec.values import Amount, Currency, OnBurn


class Budget(ApiObject):
    """What serving the model may cost; every limit that is given has to hold."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.monthly) || has(self.perThousandInferences) || has(self.perMillionTokens)",
            holds=lambda budget: any((budget.monthly, budget.per_thousand_inferences, budget.per_million_tokens)),
            message="a budget needs at least one of monthly, perThousandInferences and perMillionTokens",
            reason=Reason.REQUIRED,
        ),
    )

    currency: Currency
    """Currency of every amount of this object, three capital letters of ISO 4217; prices in another one are not
    converted, so that nothing can be said about the budget. Example: `EUR`."""
    monthly: Amount | None = None
    """Most that a month of 730 hours may cost, overheads included, as a decimal number in quotes. Example: `"3000"`."""
    per_thousand_inferences: Amount | None = None
    """Most that a thousand requests may cost, overheads and idle pods included. Example: `"0.40"`."""
    per_million_tokens: Amount | None = None
    """Most that a million tokens, read and written, may cost, overheads and idle pods included; needs the number of
    tokens of a request in `spec.scale.target`. Example: `"2.50"`."""
    on_burn: OnBurn = OnBurn.ALERT
    """What happens while the budget is spent too fast: `Alert` reports it in an event, a condition and a metric;
    `Freeze` starts no new release either; `Hold` also holds a release that is in progress."""
