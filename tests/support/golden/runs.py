"""Examinations of model servers on the loopback: what they plan, what is asked, and models with known answers."""

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

from palier.api.spec.answers import Answers
from palier.golden.plan import GoldenPlan
from palier.workers.golden.run import ExaminationReport, Progress, Tell, examine
from tests.support.golden.models import Model

LABEL = Answers.model_validate({"checks": [{"name": "language", "path": "$.language", "compare": "Label"}]})
TEXT = Answers.model_validate({"checks": [{"name": "text", "path": "$.text", "compare": "Text"}]})


def french(_asked: Any) -> Any:  # noqa: ANN401
    """A model that is always right, and never the same."""
    return {"language": "fr", "id": random.random()}  # noqa: S311


def wrong_above(limit: int) -> Callable[[Any], Any]:
    """A model that is wrong about texts with a number above."""
    return lambda asked: {"language": "fr" if asked["n"] <= limit else "de"}


def corpus(number: int, **more: Any) -> list[str]:  # noqa: ANN401
    """So many requests."""
    return [json.dumps({"body": {"n": one}, "expected": {"language": "fr"}, **more}) for one in range(1, number + 1)]


def plan(candidate: Model, stable: Model | None = None, **more: Any) -> GoldenPlan:  # noqa: ANN401
    """A plan for servers."""
    return GoldenPlan(
        candidate="candidate",
        stable="stable" if stable else "",
        candidate_url=candidate.url,
        stable_url=stable.url if stable else "",
        **{"path": "/predict", "answers": LABEL, "margin": 0.1, **more},
    )


def silent(_progress: Progress) -> None:
    """Nobody listens."""


def asked(plan: GoldenPlan, lines: list[str], *, tell: Tell = silent) -> ExaminationReport:
    """An examination that must not take for ever, in a loop of its own: its connections are closed afterwards."""

    async def examined() -> ExaminationReport:
        async with asyncio.timeout(30):
            return await examine(plan, lines, tell=tell)

    return asyncio.run(examined())
