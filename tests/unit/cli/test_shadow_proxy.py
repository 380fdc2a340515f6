"""`palier shadow-proxy`: the whole program, from a plan to its end."""

import argparse
import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from palier.api.spec.shadow import Disagreements
from palier.cli.shadow import add_command
from palier.errors import InvalidSettings
from tests.support.shadow.arms import CANDIDATE, PLAN, STABLE, Arm, serve, until

PROGRAM = """\
import argparse, sys
from palier.cli.shadow import add_command
parser = argparse.ArgumentParser()
add_command(parser.add_subparsers(required=True))
options = parser.parse_args()
options.run(options)
"""
"""The command alone: palier.cli.main has all of them."""


def free_port() -> int:
    """A port that nobody listens on."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listening:
        return int(listening.getsockname()[1])


class Program:
    """The program under way."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, pages: int, kept: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.pages = f"http://127.0.0.1:{pages}"
        self.kept = f"http://127.0.0.1:{kept}/disagreements"

    async def copy(self) -> int:
        """Send a copy."""
        async with aiohttp.ClientSession() as session, session.get(self.url) as response:
            return response.status

    async def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Ask it to end: exit status, standard output, standard error."""
        self.process.send_signal(number)
        output, errors = await asyncio.wait_for(self.process.communicate(), 20)
        assert self.process.returncode is not None
        return self.process.returncode, output.decode(), errors.decode()


@asynccontextmanager
async def program(
    folder: Path, candidate: Arm, stable: Arm, *, disagreements: Disagreements | None = None
) -> AsyncIterator[Program]:
    """The program between two servers, once it says that it is there."""
    async with AsyncExitStack() as stack:
        for arm in (candidate, stable):
            await serve(arm, stack)
            stack.callback(arm.gate.set)
        plan = folder / "plan.json"
        told = replace(PLAN, candidate_url=candidate.url, stable_url=stable.url, disagreements=disagreements)
        plan.write_text(told.to_json())
        port, pages, kept = free_port(), free_port(), free_port()
        ports = {"--port": port, "--metrics-port": pages, "--disagreements-port": kept}
        arguments = ("shadow-proxy", "--plan", str(plan), *(str(word) for pair in ports.items() for word in pair))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PYTHONPATH": ":".join(sys.path)},
        )
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), 30)
            expected = f"compares {CANDIDATE} with {STABLE}: copies to port {port}, metrics on {pages}"
            also = "" if disagreements is None else f", disagreements on 127.0.0.1:{kept}"
            assert line.decode() == f"shadow-proxy: {expected}{also}\n"
            yield Program(process, port, pages, kept)
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_program_ends_when_it_is_asked_to(tmp_path: Path, number: int) -> None:
    """What is under way is finished first, and the last line says how it went."""
    candidate, stable = Arm(), Arm()
    async with program(tmp_path, candidate, stable) as proxy:
        candidate.gate.clear()
        assert await proxy.copy() == 204
        await until(lambda: len(candidate.seen) == 1)
        ending = asyncio.create_task(proxy.end(number))
        async with aiohttp.ClientSession() as session:

            async def ready() -> int:
                async with session.get(f"{proxy.pages}/readyz") as response:
                    return response.status

            async with asyncio.timeout(10):
                while await ready() != 503:
                    pass
        candidate.gate.set()
        status, output, errors = await ending

    assert (status, errors) == (0, "")
    assert output == "shadow-proxy: stopped: 1 pairs, 0 disagreements, 0 without a pair\n"


async def test_disagreements_have_a_port_of_their_own(tmp_path: Path) -> None:
    """It is open only where some are kept."""

    async def other(_request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
        return web.Response(text="other")

    async with (
        program(tmp_path, Arm(other), Arm(), disagreements=Disagreements(keep=1)) as proxy,
        aiohttp.ClientSession() as session,
    ):
        assert await proxy.copy() == 204

        async def kept() -> list[object]:
            async with session.get(proxy.kept) as response:
                return list(json.loads(await response.text())["kept"])

        async with asyncio.timeout(10):
            while not await kept():
                pass
        async with session.get(f"{proxy.pages}/disagreements") as response:
            assert response.status == 404
        assert (await proxy.end())[0] == 0

    async with program(tmp_path, Arm(), Arm()) as proxy, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(proxy.kept)


def run(*arguments: str) -> None:
    """Run the command here."""
    parser = argparse.ArgumentParser()
    add_command(parser.add_subparsers(required=True))
    options = parser.parse_args(["shadow-proxy", *arguments])
    options.run(options)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is not JSON"),
        (b"{}", "not the plan of a shadow: the field candidate is missing"),
        (b"\xff", "is not UTF-8"),
        (PLAN.to_json().encode(), "candidateUrl must be like http://host:port, not ''"),
        (replace(PLAN, candidate_url="http://a", stable_url="ftp://b").to_json().encode(), "stableUrl must be like"),
        (replace(PLAN, candidate_url="http://a:99999", stable_url="http://b").to_json().encode(), "candidateUrl must"),
        (json.dumps(json.loads(PLAN.to_json()) | {"percent": 0}).encode(), "percent must be 1 to 100, not 0"),
        (json.dumps(json.loads(PLAN.to_json()) | {"answers": {"checks": [{}]}}).encode(), "checks"),
    ],
)
def test_a_plan_that_cannot_be_used_is_told_in_one_line(tmp_path: Path, text: bytes, said: str) -> None:
    """With the file and what is wrong with it."""
    plan = tmp_path / "plan.json"
    plan.write_bytes(text)
    with pytest.raises(InvalidSettings) as caught:
        run("--plan", str(plan))
    assert str(plan) in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_plan_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(InvalidSettings, match=r"--plan: cannot read .*missing\.json: No such file"):
        run("--plan", str(tmp_path / "missing.json"))


def test_every_port_is_another(tmp_path: Path) -> None:
    """Copies would be counted as looks at the metrics."""
    plan = tmp_path / "plan.json"
    plan.write_text(replace(PLAN, candidate_url="http://a", stable_url="http://b").to_json())
    with pytest.raises(InvalidSettings, match="--metrics-port: 8080 is already the port of the copies"):
        run("--plan", str(plan), "--metrics-port", "8080")
    with pytest.raises(InvalidSettings, match="--disagreements-port: 9090 is already the port of the metrics"):
        run("--plan", str(plan), "--disagreements-port", "9090")
    with pytest.raises(InvalidSettings, match="--disagreements-port: 8080 is already the port of the copies"):
        run("--plan", str(plan), "--disagreements-port", "8080")


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "٣"])
def test_a_port_is_a_number(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    """From 1 to 65535."""
    with pytest.raises(SystemExit):
        run("--plan", "plan.json", "--port", port)
    assert "a port is a number from 1 to 65535" in capsys.readouterr().err
