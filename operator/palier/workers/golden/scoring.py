"""What the answers to one request are worth: compared with the expected one, or preferred by a judge.

A candidate that fails gets 0. Where stable fails, or nobody knows what an answer is worth, the request has no score.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from palier.answers.comparison import Answer, compare_values, to_embed
from palier.answers.paths import find_values
from palier.api.spec.answers import Answers
from palier.golden.corpus import Case
from palier.golden.plan import GoldenPlan
from palier.golden.verdict import Gap, Item
from palier.workers.embedding import Embedder
from palier.workers.golden.ask import document_of
from palier.workers.golden.asking import Replies
from palier.workers.golden.judge import LiveJudge


@dataclass(frozen=True, slots=True)
class _PairScore:
    """What one pair of answers is worth."""

    candidate: float
    stable: float
    message: str
    """Why the candidate's score is what it is."""


@dataclass(frozen=True, slots=True)
class _Missing:
    """Why it is not known what one pair of answers is worth."""

    gap: Gap
    message: str = ""


class Scoring:
    """Scores the answers of an examination.

    Args:
        plan: the examination.
        judge: who says which answer is better; None where answers are compared with expected ones.
        embedder: makes vectors of texts; None where no check needs any.
    """

    def __init__(self, plan: GoldenPlan, *, judge: LiveJudge | None = None, embedder: Embedder | None = None) -> None:
        self._plan, self._judge, self._embedder = plan, judge, embedder

    async def item(self, case: Case, repetitions: Sequence[Replies]) -> Item:
        """The scores of one request."""
        scores = await asyncio.gather(*(self._scores(case, replies) for replies in repetitions))
        scored = [one for one in scores if isinstance(one, _PairScore)]
        gaps = [one for one in scores if isinstance(one, _Missing)]
        return Item(
            case.id,
            candidate=fmean(one.candidate for one in scored) if scored else None,
            stable=fmean(one.stable for one in scored) if scored and self._plan.stable else None,
            scored=len(scored),
            gaps=tuple(one.gap for one in gaps),
            segment=case.segment,
            message=next((one.message for one in scored or gaps if one.message), ""),
        )

    async def _scores(self, case: Case, replies: Replies) -> _PairScore | _Missing:
        candidate, stable = replies["candidate"], replies.get("stable")
        if stable is not None and stable.answer is None:
            return _Missing(Gap.STABLE, stable.failure)
        failure = f"the candidate failed: {candidate.failure}" if candidate.answer is None else ""
        if self._judge is not None and stable is not None:
            preference = await self._preference(case, candidate.answer, stable.answer)
            return _Missing(Gap.VOTE) if preference is None else _PairScore(preference, 1 - preference, failure)
        score, message = await self._score(case, candidate.answer)
        score_of_stable, why = (0.0, "") if stable is None else await self._score(case, stable.answer)
        if score is None or score_of_stable is None:
            return _Missing(Gap.SCORE, message if score is None else why)
        return _PairScore(score, score_of_stable, failure or message)

    async def _preference(self, case: Case, candidate: Answer | None, stable: Answer | None) -> float | None:
        if self._judge is None or candidate is None or stable is None:
            return 0.0
        request = (
            f"{case.method or self._plan.method} {case.path or self._plan.path}" if case.body is None else case.body
        )
        return await self._judge.preference(
            request,
            case.expected,
            select_judged(candidate, self._plan.answers),
            select_judged(stable, self._plan.answers),
        )

    async def _score(self, case: Case, answer: Answer | None) -> tuple[float | None, str]:
        """Score of one answer against the expected one, None where it is not known, and why."""
        if answer is None:
            return 0.0, ""
        likenesses = await self._likenesses(case, answer)
        # In another thread: comparing long texts takes a while, in which other answers would seem to be late.
        compared = await asyncio.to_thread(
            compare_values, case.expected, answer, self._plan.answers, likenesses=likenesses
        )
        return compared.score, compared.message

    async def _likenesses(self, case: Case, answer: Answer) -> dict[str, float]:
        if self._embedder is None:
            return {}
        texts = to_embed(case.expected, answer, self._plan.answers)
        likenesses = {name: await self._embedder.likeness(*both) for name, both in texts.items()}
        return {name: likeness for name, likeness in likenesses.items() if likeness is not None}


def select_judged(answer: Answer, answers: Answers) -> Any:  # noqa: ANN401 - any JSON
    """What a judge sees of an answer: what is at the places of the checks, or else the whole of it."""
    document = document_of(answer, answers.stream_path)
    values = [value for check in answers.effective_checks for _, value in find_values(document, check.path)]
    return values[0] if len(values) == 1 else values or document
