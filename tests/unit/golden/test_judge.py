"""A judge over real HTTP: what a good one says counts, and nothing that a bad one does ever speaks for a candidate."""

import asyncio
import gzip
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import aiohttp
import pytest
from aiohttp import web

from palier.golden.calibration import CONTROLS
from palier.golden.judge import FEWEST_COMPARED, LiveJudge, _majority
from palier.golden.judge_plan import JudgePlan
from palier.golden.judge_reply import Opinion
from palier.golden.votes import FAILURES_IN_A_ROW, LONGEST_BODY
from tests.unit.golden import judges
from tests.unit.golden.judges import Answer, Question, Served

CONTROL_VOTES = 2 * len(CONTROLS)
PLAN = JudgePlan(url="http://127.0.0.1:1/", model="judge-1", prompt=judges.PROMPT, timeout=10)


class Pauses:
    """Pauses that take no time, counted."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Pause."""
        self.seconds.append(seconds)


@asynccontextmanager
async def judging(
    answer: Answer,
    plan: JudgePlan = PLAN,
    *,
    token: str = "",
    lines: Iterable[str] = (),
    pause: Pauses | None = None,
) -> AsyncIterator[tuple[LiveJudge, Served]]:
    """A judge with its server."""
    async with judges.served(answer) as server:
        at = replace(plan, url=server.url)
        async with LiveJudge(at, token=token, calibration=lines, pause=pause or Pauses()) as judge:
            yield judge, server


def calibrated(plan: JudgePlan = PLAN) -> JudgePlan:
    """A plan with a calibration."""
    return replace(plan, calibration_digest="0123456789abcdef")


async def prefers(judge: LiveJudge, candidate: str, stable: str, request: str = "r") -> float | None:
    """The preference between two answers."""
    return await judge.preference(request, "good", candidate, stable)


async def test_a_good_judge_is_heard() -> None:
    """Better is 1, worse is 0, as good is 0.5, whatever the order in which the answers are shown."""
    async with judging(judges.good) as (judge, server):
        assert await judge.calibrated() == ""
        assert await prefers(judge, "good good", "good") == 1
        assert await prefers(judge, "bad", "good") == 0
        assert await prefers(judge, "good this", "good that") == 0.5
        said = judge.result()

    assert said.votes == len(server.questions) == CONTROL_VOTES + 6
    assert (said.failed_votes, said.position_changes, said.tokens) == (0, 0, 100 * said.votes)
    assert (judge.notes, judge.ended, judge.doubt) == ((), "", "")


async def test_what_a_judge_is_asked() -> None:
    """The model and the prompt of the plan, at temperature 0, as one message, with the token and without a stream."""
    async with judging(judges.good, token="secret-token\n") as (judge, server):  # noqa: S106 - no password
        await judge.preference({"text": "ä{first}"}, None, "good {second}", "bad")

    last = [question for question in server.questions if question.first == "good {second}"]
    assert [question.second for question in last] == ["bad"]
    assert last[0].texts["request"] == '{"text": "ä{first}"}'
    assert (last[0].asked["model"], last[0].asked["temperature"], last[0].asked["stream"]) == ("judge-1", 0, False)
    assert last[0].request.headers["Authorization"] == "Bearer secret-token"


async def test_the_same_answers_need_no_judge() -> None:
    """Nobody is asked about answers that do not differ."""
    async with judging(judges.good) as (judge, server):
        assert await judge.preference("r", None, {"a": 1}, {"a": 1}) == 0.5
        assert len(server.questions) == CONTROL_VOTES


async def test_a_pair_is_asked_about_once() -> None:
    """What a judge has said about a pair is remembered; of another expected answer it is asked anew."""
    async with judging(judges.good) as (judge, server):
        assert [await prefers(judge, "good", "bad") for _ in range(5)] == [1, 1, 1, 1, 1]
        assert len(server.questions) == CONTROL_VOTES + 2
        assert await judge.preference("r", "another", "good", "bad") == 1
        assert len(server.questions) == CONTROL_VOTES + 4


def wrapped(wrap: Callable[[bytes], bytes], headers: dict[str, str]) -> Answer:
    """A good judge whose answers come as what they should not be."""

    async def answer(question: Question) -> web.StreamResponse:
        body = judges.opinion(judges.better(question)).body
        assert isinstance(body, bytes)
        return web.Response(body=wrap(body), headers=headers)

    return answer


BAD = {
    "always first": judges.always("first"),
    "always second": judges.always("second"),
    "always a tie": judges.always("tie"),
    "lost": judges.lost,
    "silent": judges.silent,
    "hangs up": judges.hangs_up,
    "endless": judges.endless,
    "HTTP 500": judges.says(lambda: web.Response(status=500, text='{"choices": []}')),
    "HTTP 503": judges.says(lambda: web.Response(status=503)),
    "HTTP 401": judges.says(lambda: web.json_response({"error": "secret-token is not known"}, status=401)),
    "redirect": judges.says(lambda: web.Response(status=307, headers={"Location": "/v1/chat/completions"})),
    "HTML": judges.says(lambda: web.Response(text="<html>Bad gateway</html>", content_type="text/html")),
    "another type": wrapped(bytes, {"Content-Type": "text/plain"}),
    "no JSON": judges.says(lambda: web.Response(text="{", content_type="application/json")),
    "nonsense": judges.says(lambda: web.json_response([None, 3])),
    "no choices": judges.says(lambda: web.json_response({"choices": []})),
    "no content": judges.says(lambda: judges.completion(None)),
    "prose": judges.says(lambda: judges.completion("The first is better.")),
    "another word": judges.says(lambda: judges.completion('{"better": "both"}')),
    "truncated": judges.says(lambda: judges.completion('{"better": "fir')),
    "of two minds": judges.says(lambda: judges.completion('{"better": "first"} {"better": "second"}')),
    "chatter": judges.says(lambda: judges.completion("so " * 10_000 + '{"better": "tie"}')),
    "compressed": wrapped(gzip.compress, {"Content-Encoding": "gzip", "Content-Type": "application/json"}),
}


@pytest.mark.parametrize("lines", [(), tuple(judges.pairs())], ids=["controls", "calibration"])
@pytest.mark.parametrize("name", BAD)
async def test_a_bad_judge_is_found_out(name: str, lines: tuple[str, ...]) -> None:
    """With and without people's pairs: it is refused with a sentence, and has no preference."""
    plan = replace(calibrated() if lines else PLAN, timeout=0.1 if name == "silent" else 10)
    async with judging(BAD[name], plan, lines=lines) as (judge, server):
        refused = await judge.calibrated()
        assert await prefers(judge, "good", "bad") is None
        assert await prefers(judge, "same", "same") is None
        asked = len(server.questions)

    assert refused
    assert judge.ended == judge.doubt == refused
    assert "\n" not in refused
    assert "secret" not in refused
    assert asked <= 2 * 2 * max(len(CONTROLS), len(lines))
    if judge.result().votes == 0:
        assert f"{FAILURES_IN_A_ROW} votes in a row" in refused


async def test_nobody_there_is_told() -> None:
    """Where no server listens, the sentence names it, without the password of its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
        async with LiveJudge(replace(PLAN, url=f"http://me:secret@{host}/v1")) as judge:
            refused = await judge.calibrated()
            assert await prefers(judge, "good", "bad") is None

    assert refused == f"the judge is down: 10 votes in a row have failed, the last because {host} cannot be reached"
    assert judge.result().tokens == 0


async def test_a_preference_asks_whether_the_judge_may_judge() -> None:
    """Nobody can forget to: the first preference finds it out, and only once for many at the same time."""
    async with judging(judges.always("first")) as (judge, server):
        answers = await asyncio.gather(*(prefers(judge, f"good {number}", "bad") for number in range(20)))
        assert set(answers) == {None}
        assert len(server.questions) == CONTROL_VOTES


async def test_agreement_with_people_is_recorded() -> None:
    """A judge who is wrong on some pairs may judge when the rest suffices, and the figures tell."""
    wrong = {f"r{number}" for number in (0, 4, 6, 9)}

    async def errs(question: Question) -> web.StreamResponse:
        if question.texts["request"] not in wrong:
            return await judges.good(question)
        return judges.opinion("second" if judges.better(question) == "first" else "first")

    async with judging(errs, calibrated(), lines=judges.pairs(40)) as (judge, _):
        assert await judge.calibrated() == ""
        assert await prefers(judge, "good", "bad") == 1
        said = judge.result()

    assert (said.calibration_pairs, said.agreement) == (40, Decimal("0.9000"))
    assert said.kappa is not None
    assert Decimal("0.84") < said.kappa < Decimal("0.86")

    strict = replace(calibrated(), min_agreement=Decimal("0.95"))
    async with judging(errs, strict, lines=judges.pairs(40)) as (judge, _):
        refused = await judge.calibrated()
        assert refused == "judge and people agree on 36 of 40 pairs (90 %); 95 % are asked for"
        assert await prefers(judge, "good", "bad") is None
        assert judge.result().agreement == Decimal("0.9000")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (list(judges.pairs(19)), "there are 19 pairs, and fewer than 20"),
        ([], "there are 0 pairs"),
        ([*judges.pairs(20), "{"], "line 21: it is no JSON"),
    ],
)
async def test_a_calibration_that_cannot_be_used_is_told(lines: list[str], words: str) -> None:
    """The judge is refused with the reason, and nobody is asked."""
    async with judging(judges.good, calibrated(), lines=lines) as (judge, server):
        assert words in await judge.calibrated()
        assert await prefers(judge, "good", "bad") is None
        assert server.questions == []


async def test_a_calibration_that_cannot_be_read_is_told() -> None:
    """A file that breaks off while it is read refuses the judge."""

    def broken() -> Iterable[str]:
        yield "{}"[:0]
        raise OSError(5, "Input/output error")

    async with judging(judges.good, calibrated(), lines=broken()) as (judge, _):
        assert await judge.calibrated() == "the calibration of the judge cannot be read (OSError)"


async def test_nobody_judges_itself() -> None:
    """The model whose answers are judged is refused as a judge without being asked."""
    async with judging(judges.good, replace(PLAN, judged_model="acme/Judge-1")) as (judge, server):
        assert await judge.calibrated() == "judge-1 would judge its own answers"
        assert await prefers(judge, "good", "bad") is None
        assert server.questions == []


@pytest.mark.parametrize("token", ["two words", "ü", "a\r\nX-Evil: 1", "a\x00b"])
async def test_a_token_that_no_header_can_hold_is_refused(token: str) -> None:
    """It is told without the token, and nobody is asked."""
    async with judging(judges.good, token=token) as (judge, server):
        assert await judge.calibrated() == "the token for the judge must be one word of ASCII characters"
        assert server.questions == []


async def test_a_judge_who_begins_to_go_by_the_order_loses_all_trust() -> None:
    """Contradictions count as ties until there are too many: then there is doubt about all that was said."""
    async with judging(judges.after(CONTROL_VOTES, judges.always("first"))) as (judge, _):
        said = [await prefers(judge, f"good {number}", "bad") for number in range(30)]

    assert said == [0.5] * (FEWEST_COMPARED - 1) + [None] * (30 - FEWEST_COMPARED + 1)
    assert judge.doubt == "the judge changes its mind with the order of the answers on 20 of 20 pairs"
    assert judge.ended == judge.doubt
    assert judge.result().position_changes == FEWEST_COMPARED


async def test_a_few_contradictions_are_ties() -> None:
    """A judge who is unsure of some pairs goes on; what it says of them is neither for nor against."""

    async def unsure(question: Question) -> web.StreamResponse:
        return judges.opinion("first") if "close" in question.first else await judges.good(question)

    async with judging(unsure) as (judge, _):
        said = [
            await prefers(judge, f"good {number}" + " close" * (number % 3 == 0), "bad" + " close" * (number % 3 == 0))
            for number in range(60)
        ]

    assert said == [0.5 if number % 3 == 0 else 1 for number in range(60)]
    assert (judge.doubt, judge.result().position_changes) == ("", 20)


async def test_half_an_opinion_is_a_change_of_mind() -> None:
    """Better in one order and as good in the other is no preference."""

    async def half(question: Question) -> web.StreamResponse:
        known = question.second == "stable"
        return judges.opinion("first") if known else await judges.good(question)

    async with judging(half) as (judge, _):
        assert await prefers(judge, "candidate", "stable") == 0.5
        assert judge.result().position_changes == 1


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
        assert await judge.calibrated() == ""
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
        assert "HTTP 503" in await judge.calibrated()

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


async def test_the_majority_of_votes_counts() -> None:
    """Of three votes in each order two suffice, and one that fails does not matter."""
    seen: dict[str, int] = {}

    async def wavers(question: Question) -> web.StreamResponse:
        if question.texts["request"] != "r":
            return await judges.good(question)
        number = seen[question.first] = seen.get(question.first, 0) + 1
        if number == 1:
            return web.Response(status=500)
        return await judges.good(question)

    async with judging(wavers, replace(PLAN, votes=3)) as (judge, _):
        assert await prefers(judge, "good", "bad") == 1
        assert judge.result().failed_votes == 2


async def test_half_of_the_votes_are_no_majority() -> None:
    """Of two votes one fails in one order: there is no preference, however clear the others are."""
    failed: list[str] = []

    async def limps(question: Question) -> web.StreamResponse:
        if question.first == "bad" and not failed:
            failed.append(question.first)
            return web.Response(status=500)
        return await judges.good(question)

    async with judging(limps, replace(PLAN, votes=2)) as (judge, _):
        assert await prefers(judge, "good", "bad") is None
        assert await prefers(judge, "good", "bad") == 1


async def test_divided_votes_are_a_tie() -> None:
    """A judge who says each once has no majority, hence no preference for anyone."""
    said = iter(["first", "second", "tie"] * 2)

    async def divided(question: Question) -> web.StreamResponse:
        return judges.opinion(next(said)) if question.texts["request"] == "r" else await judges.good(question)

    async with judging(divided, replace(PLAN, votes=3)) as (judge, _):
        assert await prefers(judge, "good", "bad") == 0.5


def test_more_than_half_is_a_majority() -> None:
    """Of the votes that came; and those that came are more than half of those that were asked for."""
    first, second, tie = Opinion

    assert _majority([first, second, first], asked=3) is first
    assert _majority([second, second, first, first], asked=4) is tie
    assert _majority([second, first, tie, second], asked=4) is tie
    assert _majority([second, second], asked=3) is second
    assert _majority([second, second], asked=4) is None
    assert _majority([], asked=1) is None


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
        assert "maxTokensTotal" in await judge.calibrated()
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
        assert "votes in a row have failed" in await judge.calibrated()


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
        assert "longer than" in await judge.calibrated()
