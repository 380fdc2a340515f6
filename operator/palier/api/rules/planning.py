"""Rules between the plan, the budget, the variants and the stages: what needs what.

Each part is checked by itself where it is defined; a part that needs another one of the spec is checked here, so that a
release does not begin that could never be judged.
"""

from typing import Final

from palier.api.rule import Reason, Rule
from palier.api.spec.spec import SpecFields

_CEL_LOAD_TESTED: Final = "self.release.stages.exists(stage, has(stage.loadTest))"


def _counts_tokens(spec: SpecFields) -> bool:
    return spec.scale is not None and (spec.scale.target.tokens_in or spec.scale.target.tokens_out) is not None


def planning_rules() -> tuple[Rule, ...]:
    """The rules of `spec`."""
    return (
        Rule(
            cel=f"!{_CEL_LOAD_TESTED} || has(self.scale)",
            holds=lambda spec: spec.release.load_test is None or spec.scale is not None,
            message=(
                "a loadTest stage needs spec.scale with the traffic that production has to carry, such as"
                ' scale: {target: {requestsPerSecond: "200"}}'
            ),
            field=".scale",
            reason=Reason.REQUIRED,
        ),
        Rule(
            cel=f"!has(self.serving.variants) || self.serving.variants.size() == 0 || {_CEL_LOAD_TESTED}",
            holds=lambda spec: not spec.serving.variants or spec.release.load_test is not None,
            message=(
                "serving.variants needs loadTest: {} as the first stage of release.stages: the load test finds the"
                " variant that is released"
            ),
            field=".release",
            reason=Reason.REQUIRED,
        ),
        Rule(
            cel="!has(self.serving.variants) || self.serving.variants.size() == 0 || has(self.budget)",
            holds=lambda spec: not spec.serving.variants or spec.budget is not None,
            message=(
                "serving.variants needs spec.budget: the cheapest variant within it is released, such as"
                ' budget: {currency: EUR, monthly: "3000"}'
            ),
            field=".budget",
            reason=Reason.REQUIRED,
        ),
        Rule(
            cel="!has(self.objectives) || !self.objectives.exists(one, has(one.cost)) || has(self.budget)",
            holds=lambda spec: spec.budget is not None or all(one.cost is None for one in spec.objectives),
            message=(
                "a cost objective needs spec.budget, which says the currency, such as"
                ' budget: {currency: EUR, perThousandInferences: "0.40"}'
            ),
            field=".budget",
            reason=Reason.REQUIRED,
        ),
        Rule(
            cel=(
                "!has(self.budget) || !has(self.budget.perMillionTokens) || has(self.scale) &&"
                " (has(self.scale.target.tokensIn) || has(self.scale.target.tokensOut))"
            ),
            holds=lambda spec: spec.budget is None or spec.budget.per_million_tokens is None or _counts_tokens(spec),
            message=(
                "budget.perMillionTokens needs scale.target.tokensIn or scale.target.tokensOut: how many tokens a"
                " request has on average"
            ),
            field=".scale",
            reason=Reason.REQUIRED,
        ),
    )
