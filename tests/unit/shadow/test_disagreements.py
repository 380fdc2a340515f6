"""The disagreements that are kept to be read: a fair few, and none of their secrets."""

import json
import random
from typing import Any

import pytest
from aiohttp import web

from palier.errors import InvalidSettings
from palier.shadow.plan import ShadowPlan
from palier.workers.shadow.pages import serve_disagreements
from palier.workers.shadow.proxy import port_of
from tests.support.shadow.arms import PLAN, raw, reset, shadowed, text

SECRET = "s3cr3t-9b1d"  # noqa: S105
REDACTED: dict[str, Any] = {"keep": 4, "redact": ["$.text", "$.answers[*].echo"], "maxCharacters": 200}


def plan_with_disagreements(**rules: Any) -> dict[str, Any]:  # noqa: ANN401
    """Fields of a plan that keeps disagreements."""
    entry = json.loads(PLAN.to_json()) | {"disagreements": REDACTED | rules}
    return {"disagreements": ShadowPlan.from_json(json.dumps(entry)).disagreements}


async def echo(_request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """Say the text again, where it is redacted, and set a cookie that no program likes."""
    said = json.loads(body)["text"] if body.startswith(b"{") else body.decode()
    headers = {"Set-Cookie": f"bad[]={SECRET};,;", "X-Secret": SECRET}
    return web.json_response({"id": random.random(), "answers": [{"echo": said}]}, headers=headers)  # noqa: S311


async def test_disagreements_are_kept_without_their_secrets(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A fair few of them, with what people need to understand them; nothing else of a request is anywhere."""
    answers = [echo, text(SECRET, 500), reset, text(f'"{SECRET}"'), text(SECRET)]
    async with shadowed(stable=echo, **plan_with_disagreements()) as shadow:
        for answering in answers:
            shadow.candidate.answer = answering
            for body in (json.dumps({"text": SECRET, "n": 1}).encode(), SECRET.encode()):
                await shadow.copy("POST", f"/v1/x?q={SECRET}", data=body, headers={"X-Key": SECRET})
                await shadow.settled()
        for nonsense in (f"NONSENSE {SECRET}\r\n\r\n", f"GET /{SECRET}{'q' * 70_000} HTTP/1.1\r\n\r\n"):
            assert (await raw(shadow.url, nonsense.encode())).startswith(b"HTTP/1.0 400 ")
        page = await shadow.disagreements()
        _, metrics = await shadow.page("/metrics")
        told = "\n".join(shadow.told)

    found = json.loads(page)
    assert found["seen"] == 10
    assert len(found["kept"]) == 4
    for one in found["kept"]:
        assert one["method"] == "POST"
        assert one["path"] == "/v1/x"
        assert one["request"] in ('{"text": "***", "n": 1}', f"({len(SECRET)} characters)")
        assert one["stable"]["status"] == 200
        assert one["stable"]["seconds"] > 0
        assert json.loads(one["stable"]["body"])["answers"] == [{"echo": "***"}]
    output = capfd.readouterr()
    for place in (page, metrics, told, output.out, output.err, caplog.text):
        assert SECRET not in place
        assert SECRET.upper() not in place


async def test_a_kept_disagreement_says_what_happened() -> None:
    """Time, status codes, how long it took, what failed, and both bodies, shortened."""
    async with shadowed(candidate=text("x" * 500), **plan_with_disagreements(redact=[])) as shadow:
        await shadow.copy("POST", data=b"what?")
        await shadow.settled()
        shadow.candidate.answer = text("oops", 503)
        await shadow.copy("POST", data=b"and?")
        await shadow.settled()
        shadow.candidate.answer = text("x" * 200_000)
        await shadow.copy("POST", data=b"\xff", headers={"Content-Encoding": "br"})
        await shadow.settled()
        page = await shadow.disagreements()

    first, second, third = json.loads(page)["kept"]
    assert first["time"].endswith("+00:00")
    assert (first["request"], first["failedChecks"]) == ("what?", ["answer"])
    assert (first["candidate"]["status"], first["candidate"]["body"]) == (200, "x" * 200 + "…")
    assert json.loads(first["stable"]["body"]) == {"language": "fr", "characters": 5}
    assert (second["candidate"]["failure"], second["candidate"]["status"]) == ("ServerError", 503)
    assert second["candidate"]["body"] == "oops"
    assert third["candidate"]["body"] == "(more than 65536 bytes)"
    assert third["request"] == "(1 bytes)"


async def test_nothing_is_kept_that_was_not_asked_for() -> None:
    """There is no page then."""
    async with shadowed(candidate=text("different")) as shadow:
        await shadow.copy()
        await shadow.settled()
        assert shadow.proxy.ledger.disagreements == 1
        assert shadow.kept is None
        assert (await shadow.page("/disagreements"))[0] == 404
        assert shadow.proxy.pairs.kept.items() == []


async def test_disagreements_are_for_those_who_may_enter_the_pod() -> None:
    """Whatever can reach the metrics gets none of them: their port is open on the loopback address only."""
    async with shadowed(candidate=text("different"), **plan_with_disagreements()) as shadow:
        await shadow.copy()
        await shadow.settled()
        assert json.loads(await shadow.disagreements())["seen"] == 1
        assert (await shadow.page("/disagreements"))[0] == 404

        runner = await serve_disagreements(shadow.proxy, port=0)
        assert runner is not None
        try:
            assert [address[0] for address in runner.addresses] == ["127.0.0.1"]
            port = port_of(runner)
            with pytest.raises(InvalidSettings, match=rf"^cannot listen on port {port}: [^\n]+$"):
                await serve_disagreements(shadow.proxy, port=port)
        finally:
            await runner.cleanup()
