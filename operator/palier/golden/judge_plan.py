"""What a judge works by: whom to ask, with which prompt, how often and for how much."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Self

from palier.api.field_names import to_camel
from palier.api.figures import figure_of
from palier.api.spec.golden import Golden
from palier.errors import InvalidSpec, describe_fault
from palier.golden import prompt as prompts

_MOST_VOTES: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePlan:
    """How two answers are judged.

    Raises:
        ValueError: the prompt has no places for the answers, or a number makes no sense.
    """

    url: str
    model: str
    model_digest: str = ""
    prompt: str = prompts.OWN_PROMPT
    """The text itself: a change of Palier's own makes another judge too."""
    votes: int = 1
    """How often each order of a pair is asked."""
    timeout: float = 60.0
    """Seconds for one vote, a second attempt included."""
    calibration_digest: str = ""
    """Digest of the pairs that people have judged; empty without."""
    min_agreement: Decimal = Decimal("0.7")
    """Least share of the pairs on which judge and people have to agree, between 0 and 1."""
    price: Decimal | None = None
    """Price of a million tokens, in the currency of the budget."""
    max_tokens_total: int = 5_000_000
    judged_model: str = ""
    """Name of the model whose answers are judged; empty when it is not known."""

    def __post_init__(self) -> None:
        """Check the numbers and the prompt."""
        if fault := prompts.fault(self.prompt):
            raise ValueError(f"the prompt for the judge {fault}")
        if not 1 <= self.votes <= _MOST_VOTES:
            raise ValueError(f"votes must be from 1 to {_MOST_VOTES}, not {self.votes}")
        if not 0 < self.timeout < float("inf"):
            raise ValueError(f"timeout must be above 0 seconds, not {self.timeout}")
        if not 0 < self.min_agreement <= 1:
            raise ValueError(f"minAgreement must be above 0 and at most 1, not {self.min_agreement}")
        if self.price is not None and not (self.price.is_finite() and self.price >= 0):
            raise ValueError(f"price must be 0 or more, not {self.price}")
        if self.max_tokens_total < 1:
            raise ValueError(f"maxTokensTotal must be above 0, not {self.max_tokens_total}")

    @property
    def prompt_digest(self) -> str:
        """SHA-256 of the prompt, in hexadecimal digits."""
        return prompts.digest(self.prompt)

    @property
    def judges_itself(self) -> bool:
        """Whether judge and judged are one model, by their names; the part before a `/` may be missing in one."""
        judge, judged = self.model.casefold(), self.judged_model.casefold()
        if "/" in judge and "/" in judged:
            return judge == judged
        return judge.rpartition("/")[2] == judged.rpartition("/")[2]

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON has it; `from_dict` reads the same value back."""
        entry = {to_camel(field.name): getattr(self, field.name) for field in fields(self)}
        return entry | {"minAgreement": figure_of(self.min_agreement), "price": figure_of(self.price)}

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Self:
        """Read a plan back.

        Raises:
            ValueError: it is no plan.
        """
        try:
            known = {field.name: entry[to_camel(field.name)] for field in fields(cls)}
            price = known["price"]
            return cls(
                **{name: str(known[name]) for name in _TEXTS},
                votes=int(known["votes"]),
                timeout=float(known["timeout"]),
                min_agreement=Decimal(known["min_agreement"]),
                price=None if price is None else Decimal(price),
                max_tokens_total=int(known["max_tokens_total"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError, InvalidOperation) as error:
            raise ValueError(f"not the plan of a judge: {describe_fault(error)}") from error


_TEXTS: Final = ("url", "model", "model_digest", "prompt", "calibration_digest", "judged_model")


def judge_plan_for(golden: Golden, *, prompt: str = "", calibration: str = "", judged_model: str = "") -> JudgePlan:
    """The plan for the judge of `spec.golden`.

    Args:
        golden: the spec; it has a judge.
        prompt: the text of the judge's prompt where the spec names one.
        calibration: the text of the calibration where a ConfigMap has it.
        judged_model: name of the model that is judged.

    Raises:
        InvalidSpec: there is no judge, its prompt cannot be used, or it would judge itself.
    """
    judge = golden.judge
    if judge is None:
        raise InvalidSpec("spec.golden.judge", "there is none")
    if judge.prompt is not None and (fault := prompts.fault(prompt)):
        raise InvalidSpec("spec.golden.judge.prompt", f"the text of {judge.prompt.name}/{judge.prompt.key} {fault}")
    given = judge.calibration
    least = {} if given is None else {"min_agreement": given.min_agreement.share}
    plan = JudgePlan(
        url=judge.url,
        model=judge.model,
        model_digest=judge.model_digest or "",
        prompt=prompts.OWN_PROMPT if judge.prompt is None else prompt,
        votes=judge.votes,
        timeout=judge.timeout.seconds,
        calibration_digest="" if given is None else given.corpus.digest(calibration),
        price=None if judge.cost_per_million_tokens is None else judge.cost_per_million_tokens.decimal,
        max_tokens_total=judge.max_tokens_total,
        judged_model=judged_model,
        **least,
    )
    if plan.judges_itself:
        raise InvalidSpec("spec.golden.judge.model", f"{judge.model} is the model that is judged")
    return plan
