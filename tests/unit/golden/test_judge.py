"""A judge over real HTTP: what a good one says counts, and nothing that a bad one does ever speaks for a candidate."""

import asyncio
import gzip
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal

import pytest
from aiohttp import web

from palier.golden.calibration import CONTROLS
from palier.golden.judge_reply import Opinion
from palier.workers.golden.judge import FEWEST_COMPARED, _majority
from palier.workers.golden.votes import FAILURES_IN_A_ROW
from tests.support.golden import judges
from tests.support.golden.judges import CONTROL_VOTES, PLAN, Answer, Question, calibrated, judging, prefers


async def test_a_good_judge_is_heard() -> None:
    """Better is 1, worse is 0, as good is 0.5, whatever the order in which the answers are shown."""
    async with judging(judges.good) as (judge, server):
        assert await judge.find_doubt() == ""
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
        refused = await judge.find_doubt()
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
        assert await judge.find_doubt() == ""
        assert await prefers(judge, "good", "bad") == 1
        said = judge.result()

    assert (said.calibration_pairs, said.agreement) == (40, Decimal("0.9000"))
    assert said.kappa is not None
    assert Decimal("0.84") < said.kappa < Decimal("0.86")

    strict = replace(calibrated(), min_agreement=Decimal("0.95"))
    async with judging(errs, strict, lines=judges.pairs(40)) as (judge, _):
        refused = await judge.find_doubt()
        assert refused == "judge and people agree on 36 of 40 pairs (90 %); 95 % are asked for"
        assert await prefers(judge, "good", "bad") is None
        assert judge.result().agreement == Decimal("0.9000")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (list(judges.pairs(19)), "there are 19 pairs, and fewer than 20"),
        ([], "there are 0 pairs"),
        ([*judges.pairs(20), "{"], "line 21: it is not JSON"),
    ],
)
async def test_a_calibration_that_cannot_be_used_is_told(lines: list[str], words: str) -> None:
    """The judge is refused with the reason, and nobody is asked."""
    async with judging(judges.good, calibrated(), lines=lines) as (judge, server):
        assert words in await judge.find_doubt()
        assert await prefers(judge, "good", "bad") is None
        assert server.questions == []


async def test_a_calibration_that_cannot_be_read_is_told() -> None:
    """A file that breaks off while it is read refuses the judge."""

    def broken() -> Iterable[str]:
        yield "{}"[:0]
        raise OSError(5, "Input/output error")

    async with judging(judges.good, calibrated(), lines=broken()) as (judge, _):
        assert await judge.find_doubt() == "the calibration of the judge cannot be read (OSError)"


async def test_nobody_judges_itself() -> None:
    """The model whose answers are judged is refused as a judge without being asked."""
    async with judging(judges.good, replace(PLAN, judged_model="acme/Judge-1")) as (judge, server):
        assert await judge.find_doubt() == "judge-1 would judge its own answers"
        assert await prefers(judge, "good", "bad") is None
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
