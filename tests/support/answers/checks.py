"""Answers of a model, and checks of them as people write them."""

import json
from collections.abc import Mapping
from typing import Any

from palier.answers.comparison import Answer
from palier.api.v1alpha1 import Answers

ONE = "check"


def answers(*checks: Mapping[str, Any], **more: Any) -> Answers:  # noqa: ANN401
    """Checks as people write them, named by their place."""
    named = [{"name": ONE if not number else f"{ONE}-{number}", **check} for number, check in enumerate(checks)]
    return Answers.model_validate({"checks": named, **more})


def body(value: object) -> Answer:
    """A successful answer with this body, as JSON unless it is a text."""
    return Answer(200, value if isinstance(value, str) else json.dumps(value))
