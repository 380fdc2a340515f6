"""The proxy towards the gateway: it never waits for the versions, and what it leaves out or drops is counted."""

import asyncio
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from palier.api.spec.answers import Answers
from palier.errors import InvalidSettings
from palier.shadow.ledger import Unpaired
from palier.shadow.sample import Exclusion
from palier.workers.shadow.pages import serve_pages
from palier.workers.shadow.proxy import ShadowProxy, port_of
from tests.support.shadow.arms import CANDIDATE, COMPARISON, PLAN, STABLE, raw, shadowed, until, waits_for


async def test_a_copy_is_answered_while_both_versions_hang() -> None:
    """The answer does not wait for them, nor for a place in the queue: what has none is dropped and counted."""
    async with shadowed(max_concurrent=2, max_queue=3) as shadow:
        shadow.candidate.gate.clear()
        shadow.stable.gate.clear()

        statuses = [await shadow.copy() for _ in range(10)]

        assert statuses == [204] * 10
        await until(lambda: len(shadow.candidate.seen) == len(shadow.stable.seen) == 2)
        assert await shadow.metric("in_flight") == 2
        assert await shadow.metric("queue") == 3
        assert await shadow.metric("sampled_total") == 10
        assert await shadow.metric("held") == 5
        assert await shadow.metric("pairs_total", segment="") == 0

        shadow.candidate.gate.set()
        shadow.stable.gate.set()
        await shadow.settled()
        assert await shadow.metric("unpaired_total", reason="QueueFull") == 5
        assert await shadow.metric("pairs_total", segment="") == 5
        assert await shadow.metric("held") == 0
        assert await shadow.metric("in_flight") == await shadow.metric("queue") == 0


async def test_a_hanging_candidate_alone_does_not_stop_the_proxy() -> None:
    """It fails at the timeout, and what waits is sent then."""
    async with shadowed(max_concurrent=1, max_queue=2, timeout=0.5) as shadow:
        shadow.candidate.gate.clear()
        for _ in range(3):
            assert await shadow.copy() == 204
        await shadow.settled()
        assert await shadow.metric("pairs_total", segment="") == 3
        assert await shadow.metric("disagreements_total", segment="") == 3


async def test_what_waits_to_be_counted_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a request that hangs, however fast the others are answered."""
    monkeypatch.setattr("palier.workers.shadow.proxy.MOST_HELD", 3)
    async with shadowed() as shadow:
        hanging = asyncio.Event()
        shadow.candidate.answer = waits_for(hanging, "/hangs")
        await shadow.copy(path="/hangs")
        await until(lambda: shadow.proxy.in_flight == 1)
        for number in range(6):
            await shadow.copy()
            await until(lambda ended=number + 1: shadow.proxy.turns.held_requests == ended)
        assert len(shadow.stable.seen) == 5
        hanging.set()
        await shadow.settled()
        assert await shadow.metric("unpaired_total", reason="QueueFull") == 2
        assert await shadow.metric("pairs_total", segment="") == 5


async def test_waiting_bodies_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many requests may wait, together they take no more memory than that."""
    monkeypatch.setattr("palier.workers.shadow.proxy.MOST_BYTES_WAITING", 10_000)
    async with shadowed(max_concurrent=1) as shadow:
        shadow.candidate.gate.clear()
        assert await shadow.copy() == 204
        await until(lambda: shadow.proxy.in_flight == 1)
        for _ in range(5):
            assert await shadow.copy("POST", data=b"x" * 3000) == 204
        assert await shadow.metric("queue") == 3
        assert await shadow.metric("held") == 2
        assert await shadow.copy() == 204
        assert await shadow.metric("queue") == 4

        shadow.candidate.gate.set()
        await shadow.settled()
        assert await shadow.metric("unpaired_total", reason="QueueFull") == 2
        for _ in range(5):
            assert await shadow.copy("POST", data=b"x" * 3000) == 204
            await shadow.settled()
        assert await shadow.metric("pairs_total", segment="") == 10
        assert await shadow.metric("unpaired_total", reason="QueueFull") == 2


@pytest.mark.parametrize(
    ("method", "more", "reason"),
    [
        ("PUT", {"data": b"x" * 100_000}, "Method"),
        ("OPTIONS", {}, "Method"),
        ("PROPFIND", {}, "Method"),
        ("POST", {"data": b"x", "headers": {"Content-Type": "application/grpc+proto"}}, "Protocol"),
        ("GET", {"headers": {"X-Palier-Shadow": "candidate"}}, "Loop"),
        ("POST", {"data": b"x" * 65537}, "RequestTooLarge"),
    ],
)
async def test_what_is_left_out_is_counted(method: str, more: dict[str, Any], reason: str) -> None:
    """It is answered like every copy, and neither version is asked."""
    async with shadowed() as shadow:
        assert await shadow.copy(method, **more) == 204
        assert await shadow.copy(method, **more) == 204
        assert await shadow.metric("mirrored_total") == 2
        assert await shadow.metric("excluded_total", reason=reason) == 2
        assert await shadow.metric("sampled_total") == 0
        assert shadow.candidate.seen == shadow.stable.seen == []


async def test_a_body_of_the_largest_size_is_sent() -> None:
    """Its limit is the largest that is compared."""
    async with shadowed() as shadow:
        await shadow.copy("POST", data=b"x" * 65536)
        await shadow.settled()
        assert await shadow.metric("pairs_total", segment="") == 1


async def test_a_body_without_a_length_is_bounded_too() -> None:
    """It is not read further than it may be long."""

    async def pieces(count: int) -> Any:  # noqa: ANN401
        for _ in range(count):
            yield b"x" * 16384

    async with shadowed() as shadow:
        assert await shadow.copy("POST", data=pieces(4)) == 204
        assert await shadow.copy("POST", data=pieces(5)) == 204
        await shadow.settled()
        assert await shadow.metric("excluded_total", reason="RequestTooLarge") == 1
        assert [len(seen.body) for seen in shadow.stable.seen] == [65536]


async def test_an_upgrade_is_left_out() -> None:
    """Web sockets cannot be asked twice."""
    async with shadowed() as shadow:
        answer = await raw(
            shadow.url,
            b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        assert answer.startswith(b"HTTP/1.1 204 ")
        assert b"connection: close" in answer.lower()  # whatever follows is not HTTP
        assert await shadow.metric("excluded_total", reason="Protocol") == 1


async def test_a_body_that_never_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is given up after a while, and the request left out."""
    monkeypatch.setattr("palier.workers.shadow.proxy.READING", 0.1)
    async with shadowed() as shadow:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"
        assert (await raw(shadow.url, head)).startswith(b"HTTP/1.1 204 ")
        assert await shadow.metric("excluded_total", reason="RequestIncomplete") == 1


async def test_a_body_that_is_cut_off_is_left_out() -> None:
    """By the gateway or by what it sends."""
    async with shadowed() as shadow:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"
        await raw(shadow.url, head, close=True)
        await until(lambda: shadow.proxy.ledger.excluded[Exclusion.REQUEST_INCOMPLETE] == 1)
        await raw(
            shadow.url, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n", b"hal", close=True
        )
        await until(lambda: shadow.proxy.ledger.excluded[Exclusion.REQUEST_INCOMPLETE] == 2)
        assert shadow.proxy.ledger.sampled == 0
        assert await shadow.copy() == 204


async def test_a_body_that_waits_to_be_asked_for_is_asked_for() -> None:
    """With `Expect: 100-continue`, which is not sent on."""
    async with shadowed() as shadow:
        assert await shadow.copy("POST", data=b"x" * 1000, expect100=True) == 204
        await shadow.settled()
        assert len(shadow.stable.seen[0].body) == 1000
        assert "expect" not in shadow.stable.seen[0].headers


async def test_the_proxy_takes_its_share() -> None:
    """Where it gets every request, it leaves most of them, by chance."""
    async with shadowed(percent=20) as shadow:
        shadow.proxy._chance.seed(7)
        for _ in range(400):
            await shadow.copy()
        await shadow.settled()
        sampled = await shadow.metric("sampled_total")
        assert 55 <= sampled <= 105  # 80, with a standard deviation of 8
        assert await shadow.metric("excluded_total", reason="Percent") == 400 - sampled
        assert await shadow.metric("pairs_total", segment="") == sampled == len(shadow.stable.seen)


async def test_large_headers_are_taken() -> None:
    """Gateways allow 60 KiB of them."""
    async with shadowed() as shadow:
        assert await shadow.copy("GET", f"/?{'q' * 20_000}", headers={"Cookie": "c" * 30_000}) == 204
        await shadow.settled()
        assert await shadow.metric("pairs_total", segment="") == 1
        assert len(shadow.candidate.seen[0].headers["cookie"]) == 30_000


async def test_every_counter_is_there_from_the_start() -> None:
    """With 0, for both versions, so that the first event is not lost for rates; and Prometheus can read the page."""
    answers = Answers.model_validate(
        {"checks": [{"name": "language", "compare": "Label", "path": "$.l"}, {"name": "shape", "compare": "Shape"}]}
    )
    versions = {
        "candidate": {
            "model": "lid",
            "version": "2",
            "uri": "s3://x",
            "prompt/system": "a" * 64,
            "prompt/more": "b" * 64,
        },
        "stable": {"model": "lid", "version": "1"},
    }
    plan: dict[str, Any] = {"answers": answers, "factors": ("1.5", "2"), "thresholds": (0.25, 0.123)}
    async with shadowed(**plan, segment_header="x-kind", versions=versions) as shadow:
        found = await shadow.metrics()
        status, page = await shadow.page("/metrics")

    assert status == 200
    expected: set[tuple[str, tuple[tuple[str, str], ...]]] = {
        *((f"palier_shadow_{name}", ()) for name in ("mirrored_total", "sampled_total", "queue", "in_flight", "held")),
        *(("palier_shadow_excluded_total", (("reason", reason.value),)) for reason in Exclusion),
        *(("palier_shadow_unpaired_total", (("reason", reason.value),)) for reason in Unpaired),
        *(
            (f"palier_shadow_{name}", (("segment", segment),))
            for name in ("pairs_total", "disagreements_total")
            for segment in ("", "(other)")
        ),
        *(
            (f"palier_shadow_{name}", (("check", check),))
            for name in ("check_pairs_total", "check_disagreements_total", "check_score_sum", "check_score_count")
            for check in ("language", "shape")
        ),
        *(("palier_shadow_slower_total", (("factor", factor),)) for factor in ("1.5", "2")),
    }
    comparison = ("comparison", COMPARISON)
    for name, labels in expected:
        assert found.pop((name, frozenset({("revision", CANDIDATE), comparison, *labels}))) == 0
    for revision in (CANDIDATE, STABLE):
        for name in ("copies_total", "failed_copies_total"):
            assert found.pop((f"palier_shadow_{name}", frozenset({("revision", revision), comparison}))) == 0
        for name in ("answers_total", "failed_answers_total"):
            for segment in ("", "(other)"):
                of_group = frozenset({("revision", revision), comparison, ("segment", segment)})
                assert found.pop((f"palier_shadow_{name}", of_group)) == 0
        for name in ("answer_seconds", "first_token_seconds"):
            of_one = frozenset({("revision", revision), comparison})
            assert found.pop((f"palier_shadow_{name}_sum", of_one)) == 0
            assert found.pop((f"palier_shadow_{name}_count", of_one)) == 0
            edges = {"0.001", "0.25", "0.123", "1.0", "60.0", "+Inf"}
            buckets = {
                key: value
                for key, value in found.items()
                if key[0] == f"palier_shadow_{name}_bucket" and of_one < key[1]
            }
            assert {key for key, value in buckets.items() if value} == set()
            assert edges <= {dict(key[1])["le"] for key in buckets}
            assert len(buckets) == 33
            for key in buckets:
                del found[key]
    facts = [
        {"revision": CANDIDATE, "model": "lid", "version": "2", "prompts": f"more={'b' * 12},system={'a' * 12}"},
        {"revision": STABLE, "model": "lid", "version": "1", "prompts": ""},
    ]
    assert found == {("palier_shadow_info", frozenset({*one.items(), comparison})): 1.0 for one in facts}
    kinds = {family.name: family.type for family in text_string_to_metric_families(page)}
    assert kinds["palier_shadow_answer_seconds"] == "histogram"
    assert kinds["palier_shadow_pairs"] == "counter"
    assert kinds["palier_shadow_queue"] == "gauge"
    assert "process_cpu_seconds" in kinds


async def test_every_series_says_which_comparison_it_is_of() -> None:
    """The pairs of a former one, still in Prometheus, are not those of this one; without a name it is empty."""
    labelled = Answers.model_validate({"checks": [{"name": "language", "compare": "Label", "path": "$.language"}]})
    for comparison in (COMPARISON, ""):
        async with shadowed(comparison=comparison, answers=labelled, factors=("2",)) as shadow:
            await shadow.copy()
            await shadow.settled()
            found = await shadow.metrics()
            assert "palier_shadow_labels_total" in {name for name, _ in found}
            # An empty label is the same as none, for Prometheus and for this reader alike.
            assert {dict(labels).get("comparison") for _, labels in found} == {comparison}


async def test_pages_say_that_it_is_ready_until_it_stops() -> None:
    """The gateway sends no more to a proxy that is about to end."""
    async with shadowed() as shadow:
        assert await shadow.page("/healthz") == (200, "ok")
        assert await shadow.page("/readyz") == (200, "ready")
        await shadow.proxy.stop()
        assert await shadow.page("/readyz") == (503, "not ready: stopping")
        assert await shadow.page("/healthz") == (200, "ok")


async def test_what_is_under_way_comes_to_an_end_when_the_proxy_stops() -> None:
    """What waits is counted as stopped, and what still comes over open connections is not sent."""
    async with shadowed(max_concurrent=1) as shadow:
        shadow.candidate.gate.clear()
        for _ in range(3):
            await shadow.copy()
        await until(lambda: len(shadow.candidate.seen) == 1)

        stopping = asyncio.create_task(shadow.proxy.stop())
        await until(lambda: shadow.proxy.turns.held_requests == 2)
        assert await shadow.copy() == 204
        shadow.candidate.gate.set()
        await stopping

        assert await shadow.metric("unpaired_total", reason="Stopped") == 3
        assert await shadow.metric("pairs_total", segment="") == 1
        assert await shadow.metric("sampled_total") == 4
        assert len(shadow.candidate.seen) == 1


async def test_what_does_not_come_to_an_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kubelet does not wait for ever."""
    monkeypatch.setattr("palier.workers.shadow.proxy.ENDING", 0.1)
    async with shadowed() as shadow:
        shadow.candidate.gate.clear()
        await shadow.copy()
        await until(lambda: len(shadow.candidate.seen) == 1)
        await shadow.proxy.stop()
        assert await shadow.metric("unpaired_total", reason="Stopped") == 1
        assert await shadow.metric("in_flight") == 0


async def test_a_port_that_is_taken_is_told() -> None:
    """In one line, with the port."""
    async with shadowed() as shadow:
        taken = port_of(shadow.proxy.runner)
        with pytest.raises(InvalidSettings, match=rf"^cannot listen on port {taken}: [^\n]+$"):
            async with ShadowProxy(PLAN, port=taken, tell=shadow.told.append):
                raise AssertionError
        with pytest.raises(InvalidSettings, match=rf"^cannot listen on port {taken}: [^\n]+$"):
            await serve_pages(shadow.proxy, port=taken)


async def test_copies_are_taken_on_any_path_by_many_connections() -> None:
    """Gateways keep some connections each."""
    async with shadowed() as shadow:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as other:

            async def copy(number: int) -> int:
                async with other.get(f"{shadow.url}//a/{number}/../b;c=1") as response:
                    return response.status

            assert set(await asyncio.gather(*map(copy, range(60)))) == {204}
        await shadow.settled()
        assert await shadow.metric("pairs_total", segment="") == 60
