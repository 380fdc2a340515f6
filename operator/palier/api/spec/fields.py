"""Rules that fields of many objects have. Fields are named as in YAML."""

from palier.api.field_names import to_snake
from palier.api.rule import Rule
from palier.api.spec.values import Duration


def exactly_one(*fields: str, message: str) -> Rule:
    """The rule that exactly one of some fields is given."""
    return Rule(
        cel=f"[{', '.join(f'has(self.{field})' for field in fields)}].filter(given, given).size() == 1",
        holds=lambda given: sum(getattr(given, to_snake(field)) is not None for field in fields) == 1,
        message=message,
    )


def longer_than_zero(field: str, *, example: str, what: str = "") -> Rule:
    """The rule that a field is above zero; its own rule refuses what is not a duration.

    Args:
        field: the field.
        example: a value that it could have.
        what: what the message calls it; the field by its name when left out.
    """
    return Rule(
        cel=f"!self.{field}.matches(r'{Duration.form}') || duration(self.{field}) > duration('0s')",
        holds=lambda given: getattr(given, to_snake(field)).seconds > 0,
        message=f"{what or field} must be above zero, such as {example}",
        field=f".{field}",
    )
