"""The examination itself: asks candidate and stable, has the answers scored, and stops as soon as it is decided.

It runs in a pod of its own, or by hand. Whatever happens to the operator meanwhile, it goes on, and its result waits in
the pod's termination message.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final, TextIO

from palier.api.status.values import Verdict
from palier.golden import corpus
from palier.golden.corpus import Case
from palier.golden.plan import GoldenPlan
from palier.golden.result import GoldenResult
from palier.golden.verdict import Examination, Gap, Item, nothing_to_compare
from palier.workers.embedding import Embedder
from palier.workers.golden.asking import Asking, Replies, in_order
from palier.workers.golden.judge import LiveJudge
from palier.workers.golden.scorer import ScorerFailed, answer_line, read_items
from palier.workers.golden.scoring import Scoring

EVERY: Final = 5.0
"""Seconds between two tellings of the progress."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an examination is."""

    asked: int
    of: int
    """Requests in all, repetitions counted; it may be decided after fewer."""
    message: str
    stopped: bool = False
    """Whether somebody has stopped it: it goes no further than this."""

    def to_json(self) -> str:
        """One line."""
        return json.dumps({"progress": {"asked": self.asked, "of": self.of, "message": self.message}})


Tell = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class ExaminationReport:
    """What came of it."""

    result: GoldenResult
    items: tuple[Item, ...] = ()
    """The scored requests, in the order that was drawn."""
    worst: tuple[Item, ...] = ()
    notes: tuple[str, ...] = ()
    """What belongs with the result, as sentences."""


async def examine(
    plan: GoldenPlan, lines: Iterable[str], *, tell: Tell, token: str = "", calibration: Iterable[str] = ()
) -> ExaminationReport:
    """Ask, score and decide.

    Args:
        plan: what is asked.
        lines: the corpus.
        tell: called with the progress every few seconds.
        token: the bearer token that the judge asks for; empty for none.
        calibration: lines of pairs that people have judged.

    Raises:
        InvalidCorpus: the requests cannot be read.
    """
    cases = _draw_cases(corpus.read(lines, expects=plan.expects), plan)
    examination = _examination(plan, cases)
    if examination.finding:
        return _make_report(examination)
    async with AsyncExitStack() as open_things:
        enter = open_things.enter_async_context
        judge = (
            await enter(LiveJudge(plan.judge, token=token, calibration=calibration)) if plan.judge is not None else None
        )
        embeddings = plan.answers.embeddings if plan.answers.embeds and judge is None else None
        embedder = await enter(Embedder(embeddings)) if embeddings is not None else None
        asking = await enter(Asking(plan))
        await enter(_report_progress(plan, asking, cases, tell, so_far=lambda: examination.so_far))
        doubt = await judge.find_doubt() if judge else ""
        if judge and doubt:
            examination.end(_reason_of_doubt(judge), doubt)
        else:
            await _until_decided(cases, asking, Scoring(plan, judge=judge, embedder=embedder), examination, judge)
        return _make_report(examination, judge)


async def collect(plan: GoldenPlan, lines: Iterable[str], into: TextIO, *, tell: Tell) -> None:
    """Ask everything, and write the answers as lines for a scorer.

    Raises:
        InvalidCorpus: the requests cannot be read.
        OSError: the answers cannot be written.
    """
    cases = corpus.read(lines, expects=False)

    async def ask_case(case: Case) -> tuple[Case, list[Replies]]:
        return case, await asking.ask(case)

    async with (
        Asking(plan) as asking,
        _report_progress(plan, asking, cases, tell),
        aclosing(in_order(cases, ask_case, at_once=plan.concurrency)) as answered,
    ):
        async for case, repetitions in answered:
            written = (answer_line(case, number, replies, plan) for number, replies in enumerate(repetitions))
            into.writelines(f"{line}\n" for line in written)


def examine_scores(
    plan: GoldenPlan, lines: Iterable[str], *, answers: Iterable[str], scores: Iterable[str]
) -> ExaminationReport:
    """Decide by the scores of a scorer, all of which count.

    Args:
        plan: what was asked.
        lines: the corpus.
        answers: what `collect` has written.
        scores: what the scorer has written.

    Raises:
        InvalidCorpus: the requests cannot be read.
        OSError: answers or scores cannot be read.
    """
    cases = _draw_cases(corpus.read(lines, expects=False), plan)
    examination = _examination(plan, cases, early=False)
    if examination.finding:
        return _make_report(examination)
    try:
        items = read_items(cases, answers, scores, plan)
    except ScorerFailed as failure:
        examination.end("ScorerFailed", f"the scores cannot be used: {failure}")
        return _make_report(examination)
    for case in cases:
        if examination.add(items[case.id]):
            break
    return _make_report(examination)


def _draw_cases(cases: Sequence[Case], plan: GoldenPlan) -> list[Case]:
    """The cases in random order: what was asked up to any moment is then a sample of the whole."""
    order = random.Random(plan.seed)  # noqa: S311 - the same order in every run, and no secret
    return order.sample(cases, len(cases))


def _examination(plan: GoldenPlan, cases: Sequence[Case], *, early: bool = True) -> Examination:
    """An examination, which is over already where there is nothing to decide."""
    examination = Examination(plan.question, items=len(cases), repeat=plan.repeat, early=early)
    if finding := nothing_to_compare(plan.question):
        examination.end(finding.reason, finding.message)
    return examination


def _make_report(examination: Examination, judge: LiveJudge | None = None) -> ExaminationReport:
    result = examination.result(judge=judge.result() if judge else None)
    return ExaminationReport(result, examination.items, examination.list_worst(), judge.notes if judge else ())


def _reason_of_doubt(judge: LiveJudge) -> str:
    """Who says nothing has not disagreed."""
    result = judge.result()
    return "JudgeUnavailable" if result.failed_votes >= result.votes else "JudgeDisagreesWithPeople"


async def _until_decided(
    cases: Sequence[Case], asking: Asking, scoring: Scoring, examination: Examination, judge: LiveJudge | None
) -> None:
    async def item(case: Case) -> Item:
        return await scoring.item(case, await asking.ask(case))

    async with aclosing(in_order(cases, item, at_once=asking.at_once)) as items:
        async for one in items:
            finding = examination.add(one)
            if judge:
                _doubt_the_judge(judge, examination, one)
            if finding and finding.verdict is Verdict.FAIL and asking.unreached:
                message = (
                    f"the candidate could not be reached even once ({asking.unreached}), so its answers are not known"
                )
                examination.end(Gap.SCORE, message)
            if examination.finding:
                return


def _doubt_the_judge(judge: LiveJudge, examination: Examination, item: Item) -> None:
    """End an examination whose judge cannot be believed, or says nothing any more."""
    finding, so_far = examination.finding, examination.so_far
    if judge.doubt:
        examination.end("JudgeUndecided", judge.doubt)
    elif judge.ended and not finding and Gap.VOTE in item.gaps:
        examination.end(Gap.VOTE, "; ".join(filter(None, (judge.ended, so_far))))
    elif finding and finding.verdict is Verdict.PASS and not judge.result().votes:
        examination.end(Gap.VOTE, "the judge has given no vote, so nothing is proven")


@asynccontextmanager
async def _report_progress(
    plan: GoldenPlan, asking: Asking, cases: Sequence[Case], tell: Tell, *, so_far: Callable[[], str] = str
) -> AsyncIterator[None]:
    """Tells how far it is, now, from time to time until the end of the block, and when somebody stops it."""
    of = len(cases) * plan.repeat

    def progress() -> Progress:
        count = (
            f"asked {asking.asked} of {of} requests" if asking.asked or plan.judge is None else "tries out the judge"
        )
        return Progress(asking.asked, of, "; ".join(filter(None, (count, so_far()))))

    async def from_time_to_time() -> None:
        while True:
            tell(progress())
            await asyncio.sleep(EVERY)

    telling = asyncio.create_task(from_time_to_time())
    try:
        yield
    except asyncio.CancelledError:
        tell(replace(progress(), stopped=True))
        raise
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
