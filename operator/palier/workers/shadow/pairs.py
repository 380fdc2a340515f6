"""Makes a pair of one request: sends it to both versions at the same moment, and compares."""

import asyncio
import random
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

from palier.answers.comparison import Answer, ComparisonResult, compare, own_texts, to_embed
from palier.answers.confusion import bound_label
from palier.answers.stream import text_of
from palier.answers.text import likeness
from palier.api.spec.answers import Answers, Comparison, Similarity, TextMetric
from palier.api.spec.shadow import Disagreements
from palier.shadow.ledger import ARMS, Outcome, Unpaired
from palier.shadow.plan import ShadowPlan
from palier.shadow.reply import Reply, answer_of, decode_body
from palier.shadow.sample import Reservoir, show_body
from palier.workers.embedding import Embedder
from palier.workers.shadow.sender import Outgoing, Sender

Kept = dict[str, Any]
"""A disagreement, as people read it."""

_AT_ONCE: Final = 65536
"""Bytes of both answers that are compared between two other things; longer ones are compared in another thread."""
_TEXTS_AT_ONCE: Final = 4096
"""The same where texts are compared, which takes longer for each byte."""
_LAST: Final = 0.1
"""Share of the requests after which both connections are closed. A Service spreads connections over pods, not requests:
those that are kept for long would all lead to a few pods. One for each request is felt by users: docs/benchmarks.md."""
_LONGEST_PATH: Final = 200
_REFUSALS: Final = frozenset({401, 403, 408, 409, 425, 429})
"""Status codes that say nothing of what was asked: a quota is used up, or a nonce or key was used by the user just now;
stable answered the same request to the user."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A pair that was not answered alike."""

    request: Outgoing
    candidate: Reply
    stable: Reply
    compared: ComparisonResult | None
    """None where the candidate has nothing to compare."""


@dataclass(frozen=True, slots=True)
class PairResult:
    """What was made of one request."""

    outcome: Outcome
    disagreement: Disagreement | None = None
    """None where there is none to be read."""
    fault: Exception | None = None
    """A defect of ours in the comparison."""


@dataclass(frozen=True, slots=True)
class _PairComparison:
    """What is known of a pair."""

    compared: ComparisonResult | None
    """None where the candidate has nothing to compare."""
    checked: frozenset[str] = frozenset()
    """The names of the checks that had anything to look at."""


class Pairs:
    """Makes pairs, as many at once as it is asked for."""

    def __init__(
        self,
        plan: ShadowPlan,
        *,
        senders: Mapping[str, Sender],
        embedder: Embedder | None,
        threads: Executor,
        chance: random.Random,
    ) -> None:
        self._plan = plan
        self._senders = senders
        self._embedder = embedder
        self._threads = threads
        self._chance = chance
        texts = [
            check.text or Similarity() for check in plan.answers.effective_checks if check.compare is Comparison.TEXT
        ]
        self._at_once = _TEXTS_AT_ONCE if texts else _AT_ONCE
        for metric in {one.metric for one in texts} - {TextMetric.EMBEDDING}:
            likeness(metric, "one text", "another")  # some load a library first, for which no answer should wait
        keep = plan.disagreements.keep if plan.disagreements else 0
        self.kept: Reservoir[Kept] = Reservoir(keep, chance)

    async def make(self, request: Outgoing) -> PairResult:
        """Send a request to both, and compare what comes back."""
        # Who is first alternates by chance: the second one's request leaves a moment later.
        arms = ARMS if self._chance.random() < 0.5 else ARMS[::-1]  # noqa: PLR2004
        last = self._chance.random() < _LAST
        answered = await asyncio.gather(*(self._senders[arm].send(request, last=last) for arm in arms))
        replies = dict(zip(arms, answered, strict=True))
        candidate, stable = replies["candidate"], replies["stable"]
        outcome = Outcome(request.segment, {arm: replace(replies[arm], body=b"") for arm in ARMS})
        if reason := _not_fit(stable):
            return PairResult(replace(outcome, unpaired=reason))
        missing = candidate.failure is not None or candidate.too_large
        try:
            comparison = await self._compare_replies(
                candidate, stable, missing=missing, bodies=request.method != "HEAD"
            )
        except Exception as error:  # noqa: BLE001 - what cannot be compared is counted, and reported
            return PairResult(replace(outcome, unpaired=Unpaired.NOT_COMPARED), fault=error)
        if comparison is None:
            return PairResult(replace(outcome, unpaired=Unpaired.NOT_COMPARED))
        outcome = replace(outcome, compared=_strip_texts(comparison.compared), checked=comparison.checked)
        if comparison.compared is not None and comparison.compared.agrees:
            return PairResult(outcome)
        return PairResult(outcome, Disagreement(request, candidate, stable, comparison.compared))

    async def keep(self, disagreement: Disagreement) -> None:
        """Keep a disagreement, if that is wanted and the sample has a place for it."""
        rules = self._plan.disagreements
        if rules is None or (place := self.kept.place()) is None:
            return
        size = sum(map(len, (disagreement.request.body, disagreement.candidate.body, disagreement.stable.body)))
        self.kept.put(place, await self._run(size, partial(_readable, self._plan, rules, disagreement)))

    async def _compare_replies(
        self, candidate: Reply, stable: Reply, *, missing: bool, bodies: bool
    ) -> _PairComparison | None:
        """How both answers compare; None where that is not known, whatever the candidate answers."""
        if not bodies:
            agrees = candidate.status == stable.status
            return _PairComparison(None if missing else ComparisonResult(agrees=agrees))
        reference = answer_of(stable)
        answer = None if missing else answer_of(candidate)
        likenesses = await self._likenesses(reference, answer)
        if likenesses is None:
            return None
        return await self._run(
            len(candidate.body) + len(stable.body),
            partial(_compare_fairly, reference, answer, self._plan.answers, likenesses),
        )

    async def _likenesses(self, reference: Answer, candidate: Answer | None) -> dict[str, float] | None:
        """The likeness for each check that needs vectors; None when there is none of one of the reference's texts."""
        if self._embedder is None:
            return {}
        needed = {} if candidate is None else to_embed(reference, candidate, self._plan.answers)
        own = own_texts(reference, self._plan.answers)
        likenesses: dict[str, float] = {}
        for name, text in own.items():
            if name in needed:
                cosine = await self._embedder.likeness(*needed[name])
                if cosine is None:
                    return None
                likenesses[name] = cosine
            elif not await self._embedder.embeds(text):
                return None
        # While nobody makes vectors, the pairs that need none must not count either: they are no fair sample.
        return likenesses if own or await self._embedder.answers() else None

    async def _run(self, size: int, work: Callable[[], Result]) -> Result:
        """Do what takes the processor: at once when it is little."""
        if size <= self._at_once:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _not_fit(stable: Reply) -> Unpaired | None:
    """Why stable's answer is none that another one could be compared with."""
    if stable.failure is not None:
        return Unpaired.STABLE_FAILED
    if stable.status in _REFUSALS:
        return Unpaired.STABLE_REFUSED
    return Unpaired.ANSWER_TOO_LARGE if stable.too_large else None


def _strip_texts(compared: ComparisonResult | None) -> ComparisonResult | None:
    """What is counted of a comparison: an outcome may be kept for minutes, and must not keep what was answered."""
    if compared is None:
        return None
    results = (
        replace(one, message="", labels=one.labels and (bound_label(one.labels[0]), bound_label(one.labels[1])))
        for one in compared.results
    )
    return replace(compared, message="", results=tuple(results))


def _compare_fairly(
    reference: Answer, candidate: Answer | None, answers: Answers, likenesses: Mapping[str, float]
) -> _PairComparison | None:
    """Compare, but only where the reference alone says that there is something to compare.

    Else a candidate could choose which of its answers count.
    """
    itself = compare(reference, reference, answers)
    if _is_unreadable(reference, itself):
        return None
    compared = None if candidate is None else compare(reference, candidate, answers, likenesses=likenesses)
    results = (*itself.results, *(() if compared is None else compared.results))
    return _PairComparison(compared, frozenset(result.name for result in results if result.found))


def _is_unreadable(reference: Answer, itself: ComparisonResult) -> bool:
    """Whether the checks can read too little of the reference: some of them have no result, or none finds anything.

    Without a result of one check, the others are no fair sample. They need not find anything in an error: its status is
    compared.
    """
    open_checks = itself.agrees is None or any(result.agrees is None for result in itself.results)
    succeeded = reference.status // 100 == 2  # noqa: PLR2004 - 2xx
    return open_checks or (succeeded and not any(result.found for result in itself.results))


def _readable(plan: ShadowPlan, rules: Disagreements, disagreement: Disagreement) -> Kept:
    """A disagreement without its secrets: no query, no headers, and no messages of checks, which quote answers."""

    def cut(text: str) -> str:
        return show_body(text, redact=rules.redact, longest=rules.max_characters)

    def describe_reply(reply: Reply) -> Kept:
        facts: Kept = {"status": reply.status, "seconds": round(reply.seconds, 6)}
        if reply.failure is not None:
            facts["failure"] = reply.failure.value
        if reply.too_large:
            return facts | {"body": f"(more than {plan.max_body_bytes} bytes)"}
        body = answer_of(reply).body
        return facts | {"body": cut(text_of(body, plan.answers.stream_path) if reply.streamed else body)}

    request, compared = disagreement.request, disagreement.compared
    compressed = "content-encoding" in request.headers
    return {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "method": request.method,
        "path": request.target.partition("?")[0][:_LONGEST_PATH],
        "request": f"({len(request.body)} bytes)" if compressed else cut(decode_body(request.body)),
        "failedChecks": [] if compared is None else list(compared.failed_checks),
        "candidate": describe_reply(disagreement.candidate),
        "stable": describe_reply(disagreement.stable),
    }
