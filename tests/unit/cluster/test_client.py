"""The client at its edge: what becomes of refusals and failures. What requests do is tested on a real API server."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration
from kubernetes.aio.config.incluster_config import InClusterConfigLoader

from palier.cluster.client import KubernetesCluster
from palier.cluster.instruments import Instruments
from palier.cluster.kinds import Reference
from palier.cluster.transport import Transport, configure
from palier.errors import ClusterError, Conflict, Forbidden, Invalid, InvalidSettings, NotFound, Unavailable
from palier.settings import VERSION

SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "ml"}}
REFERENCE = Reference("v1", "Service", "ml", "a")

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Stub:
    """A server that answers as told and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: Answer = self.empty
        self.requests: list[web.Request] = []
        self.bodies: list[Any] = []
        self.instruments = Instruments()
        self.cluster: KubernetesCluster

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Remember the request and answer it."""
        self.requests.append(request)
        self.bodies.append(await request.json() if request.can_read_body else None)
        return await self.answer(request)

    async def empty(self, _request: web.Request) -> web.StreamResponse:
        """The answer when none was given."""
        return web.json_response({})

    def refuse(self, code: int, **headers: str) -> None:
        """Answer with a Status as the API server does."""

        async def answer(_request: web.Request) -> web.StreamResponse:
            status = {"kind": "Status", "code": code, "message": "the server's own words"}
            return web.json_response(status, status=code, headers={k.replace("_", "-"): v for k, v in headers.items()})

        self.answer = answer

    def count(self, **labels: str) -> float | None:
        """How many requests were counted with these labels."""
        return self.instruments.registry.get_sample_value("palier_api_requests_total", labels)


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    """A stub server and a cluster client that talks to it, with a short time limit."""
    stub = Stub()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", stub.handle)
    async with TestServer(application) as server:
        configuration = Configuration(host=str(server.make_url("/")).rstrip("/"))
        stub.cluster = KubernetesCluster(Transport(configuration, timeout=0.5, instruments=stub.instruments))
        yield stub
        await stub.cluster.close()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (400, Invalid),
        (401, Forbidden),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Unavailable),
        (413, Invalid),
        (422, Invalid),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
async def test_refusals_become_our_errors(stub: Stub, code: int, expected: type[ClusterError]) -> None:
    """Each HTTP status is one of our errors, and the message says what failed in the API server's own words."""
    stub.refuse(code)
    with pytest.raises(ClusterError, match=r"applying Service ml/a: the server's own words") as caught:
        await stub.cluster.apply(SERVICE)
    assert type(caught.value) is expected
    assert stub.count(verb="PATCH", kind="Service", code=str(code)) == 1


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), (None, None)])
async def test_retry_after_travels_along(stub: Stub, header: str | None, seconds: float | None) -> None:
    """The patience that an overloaded API server asks for reaches the queue."""
    stub.refuse(429, **({"Retry_After": header} if header else {}))
    with pytest.raises(Unavailable) as caught:
        await stub.cluster.apply(SERVICE)
    assert caught.value.retry_after == seconds


async def test_no_answer_in_time(stub: Stub) -> None:
    """A server that hangs costs the time limit, not the default of five minutes."""
    forever = asyncio.Event()

    async def hang(_request: web.Request) -> web.StreamResponse:
        await forever.wait()
        return web.Response()

    stub.answer = hang
    with pytest.raises(Unavailable, match="no answer"):
        await stub.cluster.apply(SERVICE)
    forever.set()
    assert stub.count(verb="PATCH", kind="Service", code="0") == 1


async def test_connection_breaks_in_the_middle(stub: Stub) -> None:
    """An answer that stops half-way is no answer."""

    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"kind":')
        assert request.transport is not None
        request.transport.abort()
        return response

    stub.answer = break_off
    with pytest.raises(Unavailable, match="cannot be reached"):
        await stub.cluster.apply(SERVICE)


async def test_answer_that_is_not_json(stub: Stub) -> None:
    """A proxy's error page with status 200 is not taken for an object."""

    async def page(_request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>")

    stub.answer = page
    with pytest.raises(Unavailable, match="JSON"):
        await stub.cluster.apply(SERVICE)


async def test_nobody_listens() -> None:
    """A refused connection is the API server being unavailable."""
    cluster = KubernetesCluster(Transport(Configuration(host="http://127.0.0.1:1")))
    with pytest.raises(Unavailable, match="cannot be reached"):
        await cluster.apply(SERVICE)
    await cluster.close()


async def test_requests_say_who_asks(stub: Stub) -> None:
    """The audit log can tell our requests from those of others."""
    await stub.cluster.apply(SERVICE)
    assert stub.requests[0].headers["User-Agent"] == f"palier/{VERSION}"


async def test_what_is_gone_need_not_be_deleted(stub: Stub) -> None:
    """Deleting what does not exist is a success."""
    stub.refuse(404)
    await stub.cluster.delete(REFERENCE)


async def test_another_object_of_the_name_is_not_deleted(stub: Stub) -> None:
    """The uid goes along as a precondition, and its failure is a conflict."""
    stub.refuse(409)
    with pytest.raises(Conflict):
        await stub.cluster.delete(Reference("v1", "Service", "ml", "a", uid="u1"))
    assert stub.bodies[0]["preconditions"] == {"uid": "u1"}
    assert stub.bodies[0]["propagationPolicy"] == "Background"


async def test_absent_object_reads_as_none(stub: Stub) -> None:
    """Reading what does not exist is an answer, not a failure."""
    stub.refuse(404)
    assert await stub.cluster.get(REFERENCE) is None
    assert await stub.cluster.served_kinds("gateway.networking.k8s.io/v1") == frozenset()


@pytest.mark.parametrize("code", [403, 404, 422, 500])
async def test_lost_events_harm_nobody(stub: Stub, code: int, caplog: pytest.LogCaptureFixture) -> None:
    """An Event that cannot be written is logged, and the work goes on."""
    stub.refuse(code)
    await stub.cluster.emit_event(regarding=SERVICE, type_="Normal", reason="Promoted", action="Promote", note="done")
    assert "Promoted about Service ml/a is lost" in caplog.text


async def test_a_note_is_printable(stub: Stub) -> None:
    """`kubectl events` prints what a label value or the name of a model says, and obeys none of it."""
    await stub.cluster.emit_event(
        regarding=SERVICE, type_="Warning", reason="RolledBack", action="RollBack", note="segment \x1b[2J\u202e\nde"
    )
    assert stub.bodies[0]["note"] == r"segment \x1b[2J\u202e\nde"


async def test_long_notes_are_cut_to_what_the_api_server_takes(stub: Stub) -> None:
    """The limit of 1024 counts bytes, and no character is torn apart."""
    await stub.cluster.emit_event(
        regarding=SERVICE, type_="Warning", reason="RolledBack", action="RollBack", note="€" * 1000
    )
    assert stub.bodies[0]["note"] == "€" * 341


async def test_lists_are_read_page_by_page(stub: Stub) -> None:
    """All pages make one list, and its items say what they are."""
    pages = {
        None: {"metadata": {"resourceVersion": "9", "continue": "next"}, "items": [{"metadata": {"name": "a"}}]},
        "next": {"metadata": {"resourceVersion": "9"}, "items": [{"metadata": {"name": "b"}}]},
    }

    async def page(request: web.Request) -> web.StreamResponse:
        return web.json_response(pages[request.query.get("continue")])

    stub.answer = page
    objects, version = await stub.cluster.list("v1", "Service", namespace=None, selector="app=x,tier")
    assert [(obj["apiVersion"], obj["kind"], obj["metadata"]["name"]) for obj in objects] == [
        ("v1", "Service", "a"),
        ("v1", "Service", "b"),
    ]
    assert version == "9"
    assert [request.query["labelSelector"] for request in stub.requests] == ["app=x,tier", "app=x,tier"]


class Inside:
    """A process inside a cluster whose API server is the stub."""

    def __init__(self, configuration: Configuration, loader: InClusterConfigLoader, token: Path) -> None:
        self.cluster = KubernetesCluster(Transport(configuration))
        self.token = token
        self._loader = loader

    def a_minute_passes(self) -> None:
        """The client library reads the token's file once in a minute."""
        self._loader.token_expires_at = self._loader.token_expires_at.min


@pytest.fixture
async def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stub: Stub) -> AsyncIterator[Inside]:
    """A client configured by the files and variables that a pod finds."""
    token, ca = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("first")
    ca.write_text("unused")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    configuration = await configure(token_file=str(token), ca_file=str(ca))
    assert configuration.host == "https://10.0.0.1:443"
    # The stub speaks no TLS: from here on the library's loader says where it is.
    (loader,) = [cell.cell_contents for cell in configuration.refresh_api_key_hook.__closure__]
    loader.host, loader.ssl_ca_cert = stub.cluster.configuration.host, None
    configuration.refresh_api_key_hook(configuration)
    inside = Inside(configuration, loader, token)
    yield inside
    await inside.cluster.close()


async def test_rotated_token_is_picked_up(inside: Inside, stub: Stub) -> None:
    """The token's file is read again after a minute, so that a rotated token is used in time."""
    await inside.cluster.apply(SERVICE)
    inside.token.write_text("second")
    await inside.cluster.apply(SERVICE)
    inside.a_minute_passes()
    await inside.cluster.apply(SERVICE)
    seen = [request.headers["Authorization"] for request in stub.requests]
    assert seen == ["bearer first", "bearer first", "bearer second"]


async def test_unreadable_token_is_an_outage_not_a_crash(inside: Inside) -> None:
    """A token file that is empty in the moment of its rotation makes one request fail, to be tried again."""
    inside.token.write_text("")
    inside.a_minute_passes()
    with pytest.raises(Unavailable):
        await inside.cluster.apply(SERVICE)
    inside.token.write_text("second")
    await inside.cluster.apply(SERVICE)


async def test_no_configuration_at_all(tmp_path: Path) -> None:
    """Without a cluster and a kubeconfig the message says what is missing."""
    with pytest.raises(InvalidSettings, match=r"--kubeconfig: cannot read .*absent: No such file or directory"):
        await configure(kubeconfig=str(tmp_path / "absent"))


async def test_unknown_context(tmp_path: Path) -> None:
    """A context that the kubeconfig does not have is a user's mistake."""
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        json.dumps({"contexts": [], "clusters": [], "users": [], "current-context": "a", "kind": "Config"})
    )
    with pytest.raises(InvalidSettings):
        await configure(kubeconfig=str(kubeconfig), context="b")


async def test_a_log_is_read_from_its_end_as_text(stub: Stub) -> None:
    """A few lines are asked for, and come back as they are, odd bytes replaced."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=b"one\n\xfftwo\n", content_type="text/plain")

    stub.answer = answer
    assert await stub.cluster.log_tail("ml", "load-x", 2) == "one\n\N{REPLACEMENT CHARACTER}two\n"
    (request,) = stub.requests
    assert request.path == "/api/v1/namespaces/ml/pods/load-x/log"
    assert request.query["tailLines"] == "2"


async def test_the_log_of_a_pod_that_is_gone_is_empty(stub: Stub) -> None:
    """A pod that went away between the list and this question has nothing to say; a refusal is still an error."""
    stub.refuse(404)
    assert await stub.cluster.log_tail("ml", "load-x", 2) == ""
    stub.refuse(400)
    with pytest.raises(Invalid, match="reading the log of Pod ml/load-x"):
        await stub.cluster.log_tail("ml", "load-x", 2)
