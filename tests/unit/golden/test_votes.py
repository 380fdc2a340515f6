"""Votes over real HTTP: bounded in time, size, number and tokens, whatever the server does."""

import asyncio
import json
import socket
import time
from dataclasses import replace
from decimal import Decimal

import aiohttp
import pytest
from aiohttp import web

from palier.golden.judge_reply import Opinion
from palier.workers.golden.judge import LiveJudge
from palier.workers.golden.votes import FAILURES_IN_A_ROW, LONGEST_BODY
from tests.support.golden import judges
from tests.support.golden.judges import CONTROL_VOTES, PLAN, Answer, Pauses, Question, judging, prefers


async def test_nobody_there_is_told() -> None:
    """Where no server listens, the sentence names it, without the password of its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
        async with LiveJudge(replace(PLAN, url=f"http://me:secret@{host}/v1")) as judge:
            refused = await judge.find_doubt()
            assert await prefers(judge, "good", "bad") is None

    assert refused == f"the judge is down: 10 votes in a row have failed, the last because {host} cannot be reached"
    assert judge.result().tokens == 0


@pytest.mark.parametrize("token", ["two words", "ü", "a\r\nX-Evil: 1", "a\x00b"])
async def test_a_token_that_no_header_can_hold_is_refused(token: str) -> None:
    """It is told without the token, and nobody is asked."""
    async with judging(judges.good, token=token) as (judge, server):
        assert await judge.find_doubt() == "the token for the judge must be one word of ASCII characters"
        assert server.questions == []


async def test_a_judge_who_dies_is_given_up() -> None:
    """After ten failed votes in a row nobody is asked any more, and nothing more is preferred."""
    failing = judges.says(lambda: web.Response(status=500))
    async with judging(judges.after(CONTROL_VOTES + 2, failing)) as (judge, server):
        assert await prefers(judge, "good", "bad") == 1
        for number in range(100):
            assert await prefers(judge, f"good {number}", "bad") is None
        assert len(server.questions) == CONTROL_VOTES + 2 + FAILURES_IN_A_ROW
        assert await prefers(judge, "good", "bad") == 1

    assert judge.ended == "the judge is down: 10 votes in a row have failed, the last because it answers with HTTP 500"
    assert (judge.doubt, judge.result().failed_votes) == ("", FAILURES_IN_A_ROW)


async def test_a_vote_ends_in_time() -> None:
    """A judge who falls silent costs its timeout and no more, and the tokens of the question."""
    plan = replace(PLAN, timeout=1.0)
    async with judging(judges.after(CONTROL_VOTES, judges.silent), plan) as (judge, _):
        assert await judge.find_doubt() == ""
        tokens, began = judge.result().tokens, time.monotonic()
        assert await prefers(judge, "good", "bad") is None
        assert 1 <= time.monotonic() - began < 5
        assert judge.result().tokens > tokens


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_judge_is_asked_once_more(status: int) -> None:
    """One further attempt after a moment, as long as the server asks for within bounds; no third."""
    pauses, busy = Pauses(), {"Retry-After": "3"}

    async def sometimes(question: Question) -> web.StreamResponse:
        if question.texts["request"] == "busy" or question.number % 2 == 0:
            return web.Response(status=status, headers=busy)
        return judges.opinion(judges.better(question))

    async with judging(sometimes, replace(PLAN, timeout=60), pause=pauses) as (judge, server):
        for first, second in (("good", "bad"), ("good good", "bad")):
            question = {"request": "r", "expected": "", "first": first, "second": second}
            assert await judge._votes.vote(judges.PROMPT.format(**question)) == "first"
        assert len(server.questions) == 4
        assert all(3 < seconds < 5 for seconds in pauses.seconds)
        busy["Retry-After"] = "86400"
        question["request"] = "busy"
        assert await judge._votes.vote(judges.PROMPT.format(**question)) is None
        assert len(server.questions) == 6
        assert pauses.seconds[-1] < 7


@pytest.mark.parametrize("asked", ["Fri, 31 Dec 2027 23:59:59 GMT", "-5", "1e9", "٣", "9" * 5000, ""])
async def test_a_strange_time_to_come_back_is_ignored(asked: str) -> None:
    """Whatever stands there, the pause is short."""
    pauses = Pauses()
    answer = judges.says(lambda: web.Response(status=503, headers={"Retry-After": asked}))
    async with judging(answer, pause=pauses) as (judge, _):
        assert "HTTP 503" in await judge.find_doubt()

    assert pauses.seconds
    assert all(0 < seconds < 7 for seconds in pauses.seconds)


async def test_a_broken_connection_is_tried_once_more() -> None:
    """A reset in between does not cost the vote."""

    async def shaky(question: Question) -> web.StreamResponse:
        return await (judges.hangs_up if question.number % 2 == 0 else judges.good)(question)

    async with judging(shaky) as (judge, server):
        question = {"request": "r", "expected": "", "first": "good", "second": "bad"}
        for _ in range(5):
            assert await judge._votes.vote(judges.PROMPT.format(**question)) == "first"
        assert len(server.questions) == 10
        assert judge.result().failed_votes == 0


async def test_a_judge_who_fails_now_and_then_is_not_down() -> None:
    """Only failures in a row end the judging, however many there are in all."""

    async def shaky(question: Question) -> web.StreamResponse:
        failing = question.number % FAILURES_IN_A_ROW
        return web.Response(status=500) if failing else await judges.good(question)

    async with judging(shaky) as (judge, _):
        question = judges.PROMPT.format(request="r", expected="", first="good", second="bad")
        said = [await judge._votes.vote(question) for _ in range(5 * FAILURES_IN_A_ROW)]

    assert (said.count(Opinion.FIRST), said.count(None), judge.ended) == (5, 45, "")


async def test_tokens_end_the_judging() -> None:
    """When the next vote would take more than all may, nobody is asked; what was said still stands."""
    plan = replace(PLAN, max_tokens_total=100 * (CONTROL_VOTES + 4) + 10, price=Decimal("2.5"))
    async with judging(judges.good, plan) as (judge, server):
        said = [await prefers(judge, f"good {number}", "bad") for number in range(10)]
        assert said == [1, 1] + [None] * 8
        assert len(server.questions) == CONTROL_VOTES + 4

    result = judge.result()
    assert result.tokens == 100 * (CONTROL_VOTES + 4)
    assert result.cost == Decimal("0.005")
    assert judge.doubt == ""
    assert judge.ended.startswith("the judge's votes have taken 2000 tokens, and maxTokensTotal, 2010,")


async def test_tokens_may_not_suffice_to_begin() -> None:
    """A judge who has no tokens left after the calibration has not been calibrated."""
    async with judging(judges.good, replace(PLAN, max_tokens_total=500)) as (judge, _):
        assert "maxTokensTotal" in await judge.find_doubt()
        assert await prefers(judge, "good", "bad") is None
        assert judge.result().tokens <= 500 + 8 * 100


@pytest.mark.parametrize(
    "usage",
    [None, "much", {}, *({"total_tokens": total} for total in (0, 1, -5, True, "7", 1.5, 10**18))],
    ids=str,
)
async def test_a_judge_who_lies_about_tokens_is_not_believed(usage: object) -> None:
    """Tokens that are missing or cannot be are estimated from the texts, so that the limit holds all the same."""

    async def lies(question: Question) -> web.StreamResponse:
        return judges.completion(json.dumps({"better": judges.better(question)}), usage)

    async with judging(lies) as (judge, server):
        assert await prefers(judge, "good " * 1000, "bad") == 1
        tokens = judge.result().tokens

    asked = sum(len(question.asked["messages"][0]["content"]) for question in server.questions)  # type: ignore[index]
    replies = sum(len(json.dumps({"better": judges.better(question)})) for question in server.questions)
    assert (asked + replies) / 4 <= tokens <= (asked + replies) / 4 + len(server.questions)
    assert judge.notes == ("the judge's tokens are estimated in part, from the length of the texts",)


async def test_an_address_that_is_none_is_a_failed_vote() -> None:
    """Whatever the plan has as an address, there is a sentence and no traceback."""
    async with LiveJudge(replace(PLAN, url="http://[::1"), pause=Pauses()) as judge:
        assert "votes in a row have failed" in await judge.find_doubt()


async def test_the_judge_is_not_overrun() -> None:
    """However many preferences are asked for, few votes are asked for at the same time."""
    eight = asyncio.Event()

    async def patient(question: Question) -> web.StreamResponse:
        if question.number == 7:
            eight.set()
        await asyncio.wait_for(eight.wait(), 10)
        return await judges.good(question)

    async with judging(patient) as (judge, server):
        said = await asyncio.gather(*(prefers(judge, f"good {number}", "bad") for number in range(100)))
        assert said == [1] * 100
        assert server.most_at_once == 8


async def test_a_judge_who_is_left_leaves_nothing() -> None:
    """Whoever is cancelled while votes are under way ends at once, and the session is closed."""
    began = asyncio.Event()

    async def begins(question: Question) -> web.StreamResponse:
        began.set()
        return await judges.silent(question)

    async with judging(judges.after(CONTROL_VOTES, begins)) as (judge, _):
        asking = asyncio.create_task(prefers(judge, "good", "bad"))
        await asyncio.wait_for(began.wait(), 10)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        session = judge._votes._session
        assert isinstance(session, aiohttp.ClientSession)
    assert session.closed


async def test_no_more_is_read_than_needed() -> None:
    """An answer just within the bound counts, one beyond does not."""

    def padded(size: int) -> Answer:
        async def answer(question: Question) -> web.StreamResponse:
            body = judges.opinion(judges.better(question)).body
            assert isinstance(body, bytes)
            return web.Response(body=body.ljust(size), content_type="application/json")

        return answer

    async with judging(padded(LONGEST_BODY)) as (judge, _):
        assert await prefers(judge, "good", "bad") == 1
    async with judging(padded(LONGEST_BODY + 1)) as (judge, _):
        assert "longer than" in await judge.find_doubt()
