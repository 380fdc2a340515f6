"""What makes a pair is decided by stable's answer alone: no candidate can choose which of its answers count."""

import asyncio
import json
import pickle
from typing import Any

import pytest

from palier.api.spec.answers import Answers
from palier.shadow.ledger import Outcome, Unpaired
from tests.support.shadow.arms import CANDIDATE, STABLE, reset, same, shadowed, stream, text, until, waits_for

LANGUAGE = Answers.model_validate({"checks": [{"name": "language", "path": "$.language", "compare": "Label"}]})
MISSPELLED = Answers.model_validate({"checks": [{"name": "language", "path": "$.langauge", "compare": "Label"}]})
ONE_MISSPELLED = Answers.model_validate(
    {
        "checks": [
            {"name": "language", "path": "$.language", "compare": "Label"},
            {"name": "script", "path": "$.scirpt", "compare": "Label"},
        ]
    }
)


async def test_what_the_checks_cannot_read_is_no_pair() -> None:
    """A check of a place in a document says nothing of texts; where it fails must not be all that counts then."""
    async with shadowed(candidate=text("one"), stable=text("two"), answers=LANGUAGE) as shadow:
        await shadow.copy()
        await shadow.settled()
        shadow.candidate.answer = text("oops", 500)
        await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("unpaired_total", reason="NotCompared") == 2
        assert await shadow.metric("pairs_total", segment="") == 0
        assert await shadow.metric("disagreements_total", segment="") == 0
        assert await shadow.metric("failed_answers_total", CANDIDATE, segment="") == 1


@pytest.mark.parametrize(
    "answering", [same, text('{"langauge": "fr"}'), text("oops", 500), text('{"langauge": 1}', 404)]
)
async def test_a_check_that_finds_nothing_proves_nothing(answering: Any) -> None:  # noqa: ANN401
    """A misspelled path would find agreement wherever it looks; whatever the candidate does, there is no pair."""
    async with shadowed(candidate=answering, answers=MISSPELLED) as shadow:
        for _ in range(5):
            await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("unpaired_total", reason="NotCompared") == 5
        assert await shadow.metric("pairs_total", segment="") == 0
        assert await shadow.metric("check_pairs_total", check="language") == 0


@pytest.mark.parametrize(
    ("answering", "pairs"), [(same, 0), (text("oops", 500), 0), (text('{"language": "fr", "scirpt": "Latn"}'), 1)]
)
async def test_a_check_counts_only_where_it_finds_something(answering: Any, pairs: int) -> None:  # noqa: ANN401
    """Beside others it counts no agreement where nobody has what it looks for, and no failure of the candidate."""
    async with shadowed(candidate=answering, answers=ONE_MISSPELLED) as shadow:
        await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("pairs_total", segment="") == 1
        assert await shadow.metric("check_pairs_total", check="language") == 1
        assert await shadow.metric("disagreements_total", segment="") == int(answering is not same)
        for name in ("check_pairs_total", "check_disagreements_total", "check_score_count"):
            assert await shadow.metric(name, check="script") == pairs


async def test_an_error_of_stable_is_a_pair_though_the_checks_find_nothing() -> None:
    """What a client asks wrongly is refused by both, with a document of another kind: their status codes agree."""
    refusal = text('{"detail": "no text"}', 422)
    async with shadowed(candidate=refusal, stable=refusal, answers=LANGUAGE) as shadow:
        await shadow.copy()
        await shadow.settled()
        shadow.candidate.answer = same
        await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("pairs_total", segment="") == 2
        assert await shadow.metric("disagreements_total", segment="") == 1
        assert await shadow.metric("check_pairs_total", check="language") == 0


@pytest.mark.parametrize(
    "stable", [text("bonjour"), stream(b'data: {"text": "bonjour"}\n\n'), text("["), text("x" * 50_000)]
)
@pytest.mark.parametrize(
    "candidate",
    [text("salut"), text('{"error": "x"}'), text("{}"), text('{"language": "fr"}'), text("oops", 500), reset],
)
async def test_stable_alone_decides_what_can_be_told(stable: Any, candidate: Any) -> None:  # noqa: ANN401
    """Where no check can read stable's answer, no candidate agrees and none disagrees."""
    async with shadowed(candidate=candidate, stable=stable, answers=LANGUAGE) as shadow:
        await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("unpaired_total", reason="NotCompared") == 1
        assert await shadow.metric("pairs_total", segment="") == 0


LONG = Answers.model_validate(
    {"checks": [{"name": "text", "compare": "Text", "text": {"metric": "chrf", "min": "90"}}]}
)


@pytest.mark.parametrize("candidate", ["y" * 200_001, "x" * 150_000 + "y" * 100_000, "x" * 500_000])
async def test_a_candidate_cannot_talk_itself_out_of_a_comparison(candidate: str) -> None:
    """Its text is longer than any that is compared, stable's is not: it is another answer."""
    async with shadowed(
        candidate=text(candidate), stable=text("x" * 150_000), answers=LONG, max_body_bytes=2**20
    ) as shadow:
        await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("pairs_total", segment="") == 1
        assert await shadow.metric("check_disagreements_total", check="text") == 1
        assert await shadow.metric("check_score_sum", check="text") == 0


@pytest.mark.parametrize("candidate", ["x" * 200_001, "x", "oops"])
async def test_a_text_of_stable_that_is_too_long_makes_no_pair(candidate: str) -> None:
    """Whatever the candidate answers, the same text too."""
    answering = text(candidate, 500 if candidate == "oops" else 200)
    async with shadowed(candidate=answering, stable=text("x" * 200_001), answers=LONG, max_body_bytes=2**20) as shadow:
        await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("unpaired_total", reason="NotCompared") == 1


@pytest.mark.parametrize("status", [401, 403, 408, 409, 425, 429])
@pytest.mark.parametrize("also", [True, False])
async def test_what_stable_refuses_for_another_reason_than_the_request_makes_no_pair(
    status: int, *, also: bool
) -> None:
    """A quota that is used up, a nonce or a key that was used by the user already: it says nothing of the model."""
    refusal = text("no", status)
    async with shadowed(candidate=refusal if also else same, stable=refusal, factors=("1",)) as shadow:
        await shadow.copy()
        await shadow.copy("HEAD")
        await shadow.settled()
        assert await shadow.metric("unpaired_total", reason="StableRefused") == 2
        assert await shadow.metric("pairs_total", segment="") == 0
        assert await shadow.metric("slower_total", factor="1") == 0
        for revision in (CANDIDATE, STABLE):
            assert await shadow.metric("answers_total", revision, segment="") == 2
            assert await shadow.metric("failed_answers_total", revision, segment="") == 0


async def test_what_only_the_candidate_refuses_is_a_disagreement() -> None:
    """Stable answered the same request."""
    async with shadowed(candidate=text("no", 429)) as shadow:
        await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("disagreements_total", segment="") == 1


async def test_who_hangs_holds_back_the_counts_of_those_after_it() -> None:
    """Else a candidate that never answers some requests would look good until the first of them has timed out."""
    async with shadowed(timeout=0.5) as shadow:
        shadow.candidate.answer = waits_for(asyncio.Event(), "/hangs")
        await shadow.copy(path="/hangs")
        for _ in range(9):
            await shadow.copy()
        await until(lambda: shadow.proxy.turns.held_requests == 9)
        seen = await shadow.metrics()
        assert {
            value for (name, _), value in seen.items() if name.endswith(("pairs_total", "_count", "answers_total"))
        } == {0}
        for revision in (CANDIDATE, STABLE):  # whoever counts requests by the minute cannot wait
            assert await shadow.metric("copies_total", revision) == 9
        await shadow.settled()
        assert await shadow.metric("copies_total", CANDIDATE) == 10
        assert await shadow.metric("failed_copies_total", CANDIDATE) == 1
        assert await shadow.metric("failed_copies_total", STABLE) == 0
        assert await shadow.metric("pairs_total", segment="") == 10
        assert await shadow.metric("disagreements_total", segment="") == 1
        assert await shadow.metric("failed_answers_total", CANDIDATE, segment="") == 1


async def test_what_waits_to_be_counted_keeps_nothing_of_the_answers() -> None:
    """However long the texts are that a broken candidate puts where a label should be."""
    labels = [json.dumps({"language": word * 50_000}) for word in ("x", "y")]
    async with shadowed(candidate=text(labels[0]), stable=text(labels[1]), answers=LANGUAGE) as shadow:
        taken = shadow.proxy.turns.take()
        for _ in range(20):
            await shadow.copy()
        await until(lambda: shadow.proxy.turns.held_requests == 20)
        assert len(pickle.dumps(shadow.proxy.turns._ended)) < 20 * 2000
        shadow.proxy.turns.end(taken, Outcome(unpaired=Unpaired.STOPPED))
        assert await shadow.metric("disagreements_total", segment="") == 20


async def test_no_connection_is_kept_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Service spreads connections over pods: copies that shared few for ever would all go to few pods."""
    monkeypatch.setattr("palier.workers.shadow.proxy.LATER", 0.0)
    async with shadowed() as shadow:
        for _ in range(300):
            await shadow.copy()
            await shadow.settled()
        for arm in (shadow.candidate, shadow.stable):
            # About 30 are expected; far fewer would be no chance any more, and neither would one for each.
            assert 10 <= len({id(seen.connection) for seen in arm.seen}) <= 60
