"""The rule of every `timeout`: a wait of no time at all would fail whatever is waited for."""

from palier.api.rule import Rule
from palier.api.spec.values import Duration

__all__ = ["timeout_rule"]


def timeout_rule(*, example: str) -> Rule:
    """The field `timeout` is above zero; its own rule refuses what is not a duration."""
    return Rule(
        cel=f"!self.timeout.matches(r'{Duration.form}') || duration(self.timeout) > duration('0s')",
        holds=lambda given: given.timeout.seconds > 0,
        message=f"timeout must be above zero, such as {example}",
        field=".timeout",
    )
