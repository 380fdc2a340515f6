"""The example server of embeddings, with a tiny model: its texts, its answers, its end, and what deploys it."""

import asyncio
import base64
import io
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import numpy as np
import pytest
import yaml
from embedding_export import __main__ as exporting
from embedding_server.__main__ import serve
from embedding_server.app import MAX_TEXT, MAX_TEXTS, Service
from embedding_server.model import Model, _groups
from embedding_server.settings import Settings, SettingsError, from_environment

from palier.api.spec.answers import Answers, Embeddings
from palier.workers.embedding import Embedder
from tests.unit.examples.tiny_embeddings import CAT, EXAMPLE, HIDDEN, MOST, vector_of


def test_texts_keep_their_order_whatever_their_length(model: Model) -> None:
    """Texts of similar length are computed together, and each gets its own vector."""
    texts = [" ".join(["cat", "sits", "outside", "not", "stone"][: 1 + place % 5]) for place in range(120)]

    together = model.embed(texts)

    assert together.vectors.shape == (120, HIDDEN)
    for text, vector in zip(texts, together.vectors, strict=True):
        assert np.abs(vector - model.embed([text]).vectors[0]).max() < 1e-6
    assert together.tokens == sum(len(text.split()) + 2 for text in texts)


@pytest.mark.parametrize(
    ("lengths", "groups"),
    [
        ([], []),
        ([600], [[0]]),
        ([256, 3, 256, 256, 4], [[1, 4], [0, 2], [3]]),
        ([8] * 65, [list(range(64)), [64]]),
        ([171, 171, 170, 170, 170], [[2, 3, 4], [0, 1]]),
    ],
)
def test_memory_is_bounded_by_the_tokens_computed_together(lengths: list[int], groups: list[list[int]]) -> None:
    """Many long texts in one request take no more than two of them."""
    assert list(_groups(lengths)) == groups


def test_a_long_text_is_that_of_its_beginning(model: Model) -> None:
    """The limit is the model's, not the one that the tokenizer's file asks for."""
    beginning = model.embed(["cat sits outside not stone ."])

    assert beginning.tokens == MOST
    assert model.embed(["cat sits outside not stone . kitten kitten"]).vectors.tolist() == beginning.vectors.tolist()
    assert model.embed(["cat sits outside not kitten"]).vectors.tolist() != beginning.vectors.tolist()


@asynccontextmanager
async def running(
    load_model: Callable[[], Any], *, ready: bool = True, drained: asyncio.Event | None = None
) -> AsyncIterator[SimpleNamespace]:
    """Serve on a port of the loopback interface; a drain lasts until the event."""
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def pause(_: float) -> None:
        if drained is not None:
            await drained.wait()

    service = Service(load_model)
    serving = asyncio.create_task(
        serve(
            service,
            host="127.0.0.1",
            port=0,
            drain_seconds=5,
            stop=stop,
            pause=pause,
            listening=port.set_result,
        )
    )
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{await port}", timeout=aiohttp.ClientTimeout(total=10)
    ) as client:
        try:
            if ready:
                await readiness(client, 200)
            yield SimpleNamespace(
                client=client, url=f"http://127.0.0.1:{port.result()}", service=service, stop=stop, serving=serving
            )
        finally:
            stop.set()
            if drained is not None:
                drained.set()
            await asyncio.gather(serving, return_exceptions=True)


async def got(client: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    """Status and text of a page."""
    async with client.get(path) as answer:
        return answer.status, await answer.text()


async def readiness(client: aiohttp.ClientSession, status: int) -> str:
    """Ask until the server is ready, or is not; returns what it says."""
    async with asyncio.timeout(10):
        while (found := await got(client, "/readyz"))[0] != status:
            pass
    return found[1]


async def asked(client: aiohttp.ClientSession, question: object) -> tuple[int, Any]:
    """Status and document of an answer."""
    body = question if isinstance(question, bytes) else json.dumps(question).encode()
    async with client.post(
        "/v1/embeddings", data=io.BytesIO(body), headers={"content-type": "application/json"}
    ) as answer:
        return answer.status, await answer.json()


async def test_an_answer_has_openais_form(model: Model) -> None:
    """Vectors in the order of the texts, with their places, the model's name and the number of tokens."""
    async with running(lambda: model) as server:
        status, answer = await asked(server.client, {"input": ["stone", "the cat sits"], "model": "tiny", "user": "me"})

    assert status == 200
    assert (answer["object"], answer["model"]) == ("list", "tiny")
    assert answer["usage"] == {"prompt_tokens": 8, "total_tokens": 8}
    assert [(entry["object"], entry["index"]) for entry in answer["data"]] == [("embedding", 0), ("embedding", 1)]
    for entry, tokens in zip(answer["data"], ([2, 6, 3], [2, 1, 4, 7, 3]), strict=True):
        assert entry["embedding"] == pytest.approx(vector_of(tokens), abs=1e-6)


async def test_one_text_needs_no_list(model: Model) -> None:
    """A text alone is asked for as OpenAI's clients do."""
    async with running(lambda: model) as server:
        _, alone = await asked(server.client, {"input": "cat", "encoding_format": "float"})
        _, listed = await asked(server.client, {"input": ["cat"], "model": None, "dimensions": HIDDEN})

    assert alone == listed
    assert len(alone["data"]) == 1


async def test_vectors_come_as_base64_when_asked(model: Model) -> None:
    """OpenAI's own client asks for single-precision numbers, little end first."""
    async with running(lambda: model) as server:
        _, plain = await asked(server.client, {"input": "cat"})
        _, packed = await asked(server.client, {"input": "cat", "encoding_format": "base64"})

    raw = base64.b64decode(packed["data"][0]["embedding"])
    assert list(struct.unpack(f"<{HIDDEN}f", raw)) == plain["data"][0]["embedding"]


@pytest.mark.parametrize(
    ("question", "status", "message"),
    [
        (b"{", 400, 'the body must be JSON such as {"input": ["Good morning"]}'),
        (b"\xff", 400, "the body must be JSON"),
        (b"[" * 100_000, 400, "the body must be JSON"),
        ([], 400, "the body must be JSON"),
        ({}, 400, '"input" must be a text or a list of texts'),
        ({"input": [1, 2]}, 400, "tokens are not taken"),
        ({"input": [["cat"]]}, 400, '"input" must be a text or a list of texts'),
        ({"input": []}, 400, f'"input" has 0 texts, 1 to {MAX_TEXTS} are allowed'),
        ({"input": ["cat"] * (MAX_TEXTS + 1)}, 400, f'"input" has {MAX_TEXTS + 1} texts, 1 to {MAX_TEXTS} are allowed'),
        ({"input": ""}, 400, "text 0 is empty"),
        ({"input": ["cat", ""]}, 400, "text 1 is empty"),
        ({"input": ["cat", "x" * (MAX_TEXT + 1)]}, 400, f"text 1 has {MAX_TEXT + 1} characters, at most {MAX_TEXT}"),
        ({"input": "\ud800"}, 400, "text 0 has half a character"),
        ({"input": "cat", "encoding_format": "hex"}, 400, '"encoding_format" must be float or base64'),
        ({"input": "cat", "encoding_format": ["float"]}, 400, '"encoding_format" must be float or base64'),
        ({"input": "cat", "dimensions": 4}, 400, f'"dimensions" must be {HIDDEN} or left out'),
        ({"input": "cat", "model": "gpt"}, 404, '"model" must be tiny or left out'),
        ({"input": "cat", "model": ["tiny"]}, 404, '"model" must be tiny or left out'),
        ({"input": ["x" * MAX_TEXT] * 50}, 413, "Maximum request body size 4194304 exceeded"),
    ],
    ids=range(19),
)
async def test_a_bad_question_is_refused_with_the_reason(
    model: Model, question: object, status: int, message: str
) -> None:
    """The client learns what is allowed, and the server goes on."""
    async with running(lambda: model) as server:
        found, answer = await asked(server.client, question)
        after, _ = await asked(server.client, {"input": "cat"})

    assert (found, after) == (status, 200)
    assert answer["error"]["message"].startswith(message) or message in answer["error"]["message"]
    assert answer["error"]["type"] == "invalid_request_error"


async def test_the_longest_texts_fit(model: Model) -> None:
    """A pair of the longest texts is not refused for its bytes, whatever its script and however it is escaped."""
    async with running(lambda: model) as server:
        status, _ = await asked(server.client, {"input": ["\U00020000" * MAX_TEXT] * 2})

    assert status == 200


async def test_other_paths_and_methods_are_refused_in_the_same_form(model: Model) -> None:
    """A wrong address is told from a wrong question."""
    async with running(lambda: model) as server:
        async with server.client.get("/v1/embeddings") as answer:
            wrong_method = answer.status, answer.headers["Allow"], (await answer.json())["error"]["message"]
        async with server.client.post("/embeddings") as answer:
            wrong_path = answer.status, (await answer.json())["error"]["message"]

    assert wrong_method == (405, "POST", "405: Method Not Allowed")
    assert wrong_path == (404, "404: Not Found")


async def test_paliers_client_understands_the_server(model: Model) -> None:
    """Likeness is the cosine of both vectors; what the server refuses counts as the reference's or the candidate's."""
    async with running(lambda: model) as server:
        embeddings = Embeddings.model_validate({"url": f"{server.url}/v1/embeddings", "model": "tiny"})
        async with Embedder(embeddings) as client:
            likeness = await client.likeness("cat", "stone")
            refused = await client.likeness("x" * (MAX_TEXT + 1), "cat"), await client.likeness("cat", "\ud800")
            same = await client.likeness("cat sits", "cat sits")

    one, other = vector_of(CAT), vector_of([2, 6, 3])
    assert likeness == pytest.approx(sum(x * y for x, y in zip(one, other, strict=True)), abs=1e-6)
    assert refused == (None, 0.0)
    assert same == pytest.approx(1.0)


async def test_it_is_ready_when_the_model_is_loaded(model: Model) -> None:
    """Before, it lives but is not ready, and refuses questions."""
    loaded = threading.Event()

    def slow() -> Model:
        loaded.wait(10)
        return model

    async with running(slow, ready=False) as server:
        before = await got(server.client, "/healthz"), await got(server.client, "/readyz")
        question = await asked(server.client, {"input": "cat"})
        loaded.set()
        await readiness(server.client, 200)

    assert before == ((200, "ok\n"), (503, "loading the model\n"))
    assert question == (503, {"error": {"message": "the model is being loaded", "type": "server_error"}})


async def test_a_model_that_cannot_be_loaded_ends_the_server(tmp_path: Path) -> None:
    """The pod is restarted and says why, instead of never being ready."""
    async with running(lambda: Model(tmp_path, threads=1), ready=False) as server:
        with pytest.raises(Exception, match=r"model\.onnx"):
            await server.serving


async def test_it_goes_on_serving_while_it_drains(model: Model) -> None:
    """Requests still arrive when a pod is told to stop: they are answered, and their connections closed."""
    async with running(lambda: model, drained=asyncio.Event()) as server:
        server.stop.set()
        said = await readiness(server.client, 503)
        async with server.client.post("/v1/embeddings", json={"input": "cat"}) as answer:
            status, connection = answer.status, answer.headers.get("Connection")

    assert said == "draining\n"
    assert (status, connection) == (200, "close")


async def test_a_failure_is_the_servers(model: Model) -> None:
    """A model that breaks is not blamed on the text."""

    class Broken:
        name, size = "tiny", HIDDEN

        def embed(self, texts: list[str]) -> object:
            if texts == ["cat"]:
                raise RuntimeError("out of memory")
            return model.embed(texts)

    async with running(Broken) as server:
        status, answer = await asked(server.client, {"input": "cat"})
        after, _ = await asked(server.client, {"input": "stone"})

    assert (status, answer["error"]) == (500, {"message": "the model failed", "type": "server_error"})
    assert after == 200


async def test_who_gives_up_is_not_computed(model: Model) -> None:
    """Requests whose clients have gone do not keep the others waiting, which would never end under load."""
    computed: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    class Slow:
        name, size = "tiny", HIDDEN

        def embed(self, texts: list[str]) -> object:
            computed.extend(texts)
            if texts == ["cat"]:
                begun.set()
                go_on.wait(10)
            return model.embed(texts)

    async with running(Slow) as server:
        first = asyncio.create_task(asked(server.client, {"input": "cat"}))
        await asyncio.to_thread(begun.wait, 10)
        second = asyncio.create_task(asked(server.client, {"input": "kitten"}))
        while server.service._thread._work_queue.empty():
            await got(server.client, "/healthz")
        second.cancel()
        await asyncio.wait([second])
        await got(server.client, "/healthz")  # what happened before has been noticed
        go_on.set()
        answers = await first, await asked(server.client, {"input": "stone"})

    assert [status for status, _ in answers] == [200, 200]
    assert computed[1:] == ["cat", "stone"]


def test_sigterm_ends_the_program(folder: Path) -> None:
    """It is started as in the image, and leaves with status 0 when Kubernetes asks it to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    more = {"MODEL_FOLDER": str(folder), "PORT": str(port), "DRAIN_SECONDS": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "embedding_server"],
        cwd=EXAMPLE,
        env=os.environ | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        assert program.stdout
        said = ""
        for line in program.stdout:
            said += line
            if "ready: tiny" in line:
                program.send_signal(signal.SIGTERM)
        status = program.wait(20)

    assert status == 0, said
    assert f"listening on port {port}" in said
    assert "all requests are finished" in said


def test_settings_come_from_the_environment() -> None:
    """A manifest says everything; what it leaves out is safe: one thread."""
    assert from_environment({}) == Settings(Path("/srv/model"), 8080, 1, 5.0)
    given = {"MODEL_FOLDER": "/m", "PORT": "81", "INTRA_OP_THREADS": "4", "DRAIN_SECONDS": "0.5"}
    assert from_environment(given) == Settings(Path("/m"), 81, 4, 0.5)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "http", "PORT must be a number from 1 to 65535, not 'http'"),
        ("INTRA_OP_THREADS", "0", "INTRA_OP_THREADS must be a number from 1 to 64, not '0'"),
        ("DRAIN_SECONDS", "-1", "DRAIN_SECONDS must be a number from 0 to 600, not '-1'"),
    ],
)
def test_senseless_settings_are_refused(name: str, value: str, words: str) -> None:
    """A misspelled number stops the start, with the variable's name."""
    with pytest.raises(SettingsError, match=re.escape(words)):
        from_environment({name: value})


def test_the_manifests_fit_together() -> None:
    """The Service finds the pods, the checks find the Service, and the model's name is the server's."""
    manifests = {one["kind"]: one for one in yaml.safe_load_all((EXAMPLE / "embeddings.yaml").read_text())}
    deployment, service, policy = (manifests[kind]["spec"] for kind in ("Deployment", "Service", "NetworkPolicy"))
    labels = deployment["template"]["metadata"]["labels"]
    (container,) = deployment["template"]["spec"]["containers"]
    answers = Answers.model_validate(yaml.safe_load((EXAMPLE / "answers.yaml").read_text())["spec"]["answers"])

    assert (
        deployment["selector"]["matchLabels"] == service["selector"] == policy["podSelector"]["matchLabels"] == labels
    )
    assert service["ports"][0]["targetPort"] == container["ports"][0]["name"]
    assert answers.embeds
    assert answers.embeddings is not None
    port = service["ports"][0]["port"]
    assert answers.embeddings.url == f"http://{manifests['Service']['metadata']['name']}.ml:{port}/v1/embeddings"
    assert answers.embeddings.model == exporting.NAME
    assert {entry["name"] for entry in container["env"]} == {"INTRA_OP_THREADS"}
    assert container["securityContext"]["readOnlyRootFilesystem"]
