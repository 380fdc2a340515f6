"""A language model as a judge of two answers, believed only if it has earned it.

Judges are swayed by the order of the answers, go down, and say what nobody can read. So each pair is asked in both
orders, a judge has to agree with people before it judges, and no vote is never a vote for the candidate: without an
opinion there is no preference, and without preferences no proof.
"""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Self

from palier.errors import InvalidCorpus
from palier.golden import calibration as calibrations
from palier.golden.calibration import CONTROLS, CONTROLS_NEEDED, Agreement, Pair
from palier.golden.judge_plan import JudgePlan
from palier.golden.judge_reply import Opinion
from palier.golden.prompt import fill_prompt, text_of
from palier.golden.result import JudgeResult
from palier.workers.golden.votes import Pause, Votes

FEWEST_COMPARED: Final = 20
"""Pairs after which it shows whether a judge follows the order."""

_SCORES: Final = {Opinion.FIRST: 1.0, Opinion.TIE: 0.5, Opinion.SECOND: 0.0}
_MILLION: Final = 1_000_000
_COST_PLACES: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class _PairOpinion:
    """One pair, asked in both orders."""

    opinion: Opinion | None
    changed: bool = False
    """Whether the judge changed its mind with the order."""
    new: bool = True
    """Whether it was asked, and not remembered."""


class LiveJudge:
    """A judge under way.

    Args:
        plan: what it works by.
        token: the bearer token that it asks for; empty for none.
        calibration: the lines of the calibration, where the plan has one.
        pause: waits so many seconds before the one further attempt that some failures get.

    Attributes:
        doubt: why nothing that it has said may count, as a sentence; empty as long as there is no doubt.
    """

    def __init__(
        self, plan: JudgePlan, *, token: str = "", calibration: Iterable[str] = (), pause: Pause = asyncio.sleep
    ) -> None:
        self.doubt = ""
        self._plan = plan
        self._token = token.strip()
        self._lines = calibration
        self._votes = Votes(plan, token=self._token, pause=pause)
        self._known: dict[str, Opinion] = {}
        """What it has said before, by the digest of the question."""
        self._calibrating = asyncio.Lock()
        self._calibrated = False
        self._agreement: Agreement | None = None
        self._position_changes = 0
        self._compared = 0
        self._compared_changes = 0

    async def __aenter__(self) -> Self:
        """Get ready to ask."""
        # Before the first header is made of it: an error about a header would show the token.
        if self._token and not (self._token.isascii() and self._token.isprintable() and " " not in self._token):
            self.doubt = "the token for the judge must be one word of ASCII characters"
        await self._votes.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._votes.__aexit__()

    async def find_doubt(self) -> str:
        """Why the judge must not judge, as a sentence; empty when it may. It is found out once.

        Where people have judged no pairs, it has to get questions right that are hard to get wrong.
        """
        async with self._calibrating:
            if not self._calibrated:
                self.doubt = self.doubt or await self._calibrate()
                self._calibrated = True
        return self.doubt

    async def preference(self, request: Any, expected: Any, candidate: Any, stable: Any) -> float | None:  # noqa: ANN401
        """Whether the candidate's answer is better: 1, stable's: 0, neither: 0.5.

        None when there is none: the judge must not judge, does not answer, or has used up its tokens. Answers that
        are the same are equally good without being asked about. Texts count as they are, other JSON as it is written.
        """
        if await self.find_doubt():
            return None
        texts = [text_of(value) for value in (request, expected, candidate, stable)]
        if texts[2] == texts[3]:
            return 0.5
        judged = await self._judge_both_orders(*texts)
        if judged.new and judged.opinion is not None:
            self._compared += 1
            self._compared_changes += judged.changed
            self._doubt_whoever_goes_by_the_order()
        return None if judged.opinion is None or self.doubt else _SCORES[judged.opinion]

    @property
    def ended(self) -> str:
        """Why the judge says nothing more, as a sentence; empty while it does."""
        return self.doubt or self._votes.ended

    @property
    def notes(self) -> tuple[str, ...]:
        """What belongs with the result, as sentences."""
        estimated = "the judge's tokens are estimated in part, from the length of the texts"
        return tuple(note for note in (self.ended, estimated if self._votes.estimated else "") if note)

    def result(self) -> JudgeResult:
        """How far the judge can be believed, and what it has cost so far."""
        price, agreement = self._plan.price, self._agreement
        share, kappa = agreement.figures if agreement else (None, None)
        return JudgeResult(
            model=self._plan.model,
            model_digest=self._plan.model_digest,
            prompt_digest=self._plan.prompt_digest,
            calibration_pairs=agreement.pairs if agreement else 0,
            agreement=share,
            kappa=kappa,
            votes=self._votes.received,
            failed_votes=self._votes.failed,
            position_changes=self._position_changes,
            tokens=self._votes.tokens,
            cost=None if price is None else (self._votes.tokens * price / _MILLION).quantize(_COST_PLACES),
        )

    async def _calibrate(self) -> str:
        if self._plan.judges_itself:
            return f"{self._plan.model} would judge its own answers"
        if not self._plan.calibration_digest:
            control = await self._agreement_on(CONTROLS)
            if control.agreed >= CONTROLS_NEEDED:
                return ""
            return self._votes.ended or (
                f"the judge gets {control.agreed} of {len(CONTROLS)} simple questions right, each asked in both orders,"
                f" where {CONTROLS_NEEDED} are needed"
            )
        try:
            pairs = calibrations.read(self._lines)
        except InvalidCorpus as error:
            return f"the calibration of the judge cannot be used: {error}"
        except (OSError, UnicodeDecodeError) as error:
            return f"the calibration of the judge cannot be read ({type(error).__name__})"
        self._agreement = await self._agreement_on(pairs)
        return self._votes.ended or self._agreement.fault(self._plan.min_agreement)

    async def _agreement_on(self, pairs: tuple[Pair, ...]) -> Agreement:
        judged = await asyncio.gather(
            *(self._judge_both_orders(pair.request, pair.expected, pair.first, pair.second) for pair in pairs)
        )
        return calibrations.agreement_of(pairs, [one.opinion for one in judged])

    async def _judge_both_orders(self, request: str, expected: str, first: str, second: str) -> _PairOpinion:
        (forth, forth_is_new), (back, back_is_new) = await asyncio.gather(
            self._in_order(request, expected, first, second), self._in_order(request, expected, second, first)
        )
        new = forth_is_new or back_is_new
        if forth is None or back is None:
            return _PairOpinion(None, new=new)
        if forth is back.opposite:
            return _PairOpinion(forth, new=new)
        self._position_changes += new
        return _PairOpinion(Opinion.TIE, changed=True, new=new)

    async def _in_order(self, request: str, expected: str, first: str, second: str) -> tuple[Opinion | None, bool]:
        """The opinion of the majority in one order, and whether votes were needed for it."""
        texts = [self._plan.prompt_digest, self._plan.model, request, expected, first, second]
        key = hashlib.sha256(json.dumps(texts).encode()).hexdigest()
        if key in self._known:
            return self._known[key], False
        question = fill_prompt(self._plan.prompt, request=request, expected=expected, first=first, second=second)
        votes = await asyncio.gather(*(self._votes.vote(question) for _ in range(self._plan.votes)))
        opinion = _majority([one for one in votes if one is not None], asked=self._plan.votes)
        if opinion is not None:
            self._known[key] = opinion
        return opinion, True

    def _doubt_whoever_goes_by_the_order(self) -> None:
        if self._compared >= FEWEST_COMPARED and 2 * self._compared_changes > self._compared and not self.doubt:
            self.doubt = (
                f"the judge changes its mind with the order of the answers on {self._compared_changes} of"
                f" {self._compared} pairs"
            )


def _majority(votes: list[Opinion], *, asked: int) -> Opinion | None:
    """What more than half of the votes say, else a tie; None when half of those that were asked for are missing."""
    if 2 * len(votes) <= asked:
        return None
    opinion, count = Counter(votes).most_common(1)[0]
    return opinion if 2 * count > len(votes) else Opinion.TIE
