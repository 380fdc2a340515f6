"""What the generator's program promises to those who start it; its own tests are in Go, beside its source."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from palier.loadtest.corpus import read, targets
from palier.loadtest.measure import Outcome, answers_of
from tests.support.loadtest.served import Served, served


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """A server for all tests here."""
    with served() as one:
        yield one


def _fired(generator: Path, folder: Path, lines: Iterator[str], *options: str) -> list[dict[str, Any]]:
    """The generator's lines for these targets."""
    file = folder / "targets.jsonl"
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    command = [str(generator), f"--targets={file}", "--duration=1s", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_requests_arrive_as_they_were_written(generator: Path, tmp_path: Path, server: Served) -> None:
    """Method, path, headers and body of a line reach the server, whatever its letters."""
    server.requests.clear()
    line = json.dumps(
        {
            "method": "PUT",
            "path": "/grüße?q={{word}}",
            "headers": {"X-Key": "k {{sequence}}"},
            "body": {"text": "{{word}}"},
            "variables": {"word": ["ça & 你好"]},
        }
    )
    written = targets(read([line]), base_urls=(server.url,), path="/", method="GET", count=3, seed=1)

    _fired(generator, tmp_path, written, "--rate=3")

    assert sorted(seen.headers["X-Key"] for seen in server.requests) == ["k 0", "k 1", "k 2"]
    (seen, *_) = server.requests
    assert (seen.method, json.loads(seen.body)) == ("PUT", {"text": "ça & 你好"})
    assert seen.path == "/gr%C3%BC%C3%9Fe?q=%C3%A7a%20%26%20%E4%BD%A0%E5%A5%BD"
    assert seen.headers["Content-Type"] == "application/json"


def test_every_request_is_told_of(generator: Path, tmp_path: Path, server: Served) -> None:
    """Each has a line that `measure` reads, and the last line sums up."""
    written = targets((), base_urls=(server.url,), path="/missing", method="GET", count=1, seed=1)

    *lines, last = _fired(generator, tmp_path, written, "--rate=40", "--seed=3")

    answers = answers_of(line for line in lines if "at" in line)
    assert len(answers) == last["sent"] == last["scheduled"] == 40
    assert (last["done"], last["stopped"]) == (True, False)
    assert set(answers["outcome"]) == {Outcome.NOT_ACCEPTED}
    assert set(answers["code"]) == {404}
    assert (answers["lag"] >= 0).all()
    assert (answers["latency"] > answers["lag"]).all()
    beats = [line for line in lines if "elapsed" in line]
    assert beats
    assert all({"sent", "open"} <= beat.keys() for beat in beats)


def test_the_same_seed_draws_the_same_arrivals(generator: Path, tmp_path: Path, server: Served) -> None:
    """So that a test can be repeated; another seed draws others."""

    def due(seed: int) -> list[float]:
        written = targets((), base_urls=(server.url,), path="/", method="GET", count=1, seed=1)
        lines = _fired(generator, tmp_path, written, "--rate=30", f"--seed={seed}")
        return sorted(line["at"] for line in lines if "at" in line)

    first = due(5)
    assert due(5) == first
    assert due(6) != first


def test_mistakes_end_it(generator: Path, tmp_path: Path) -> None:
    """What it cannot do it says in a line, with a status that is not 0."""
    command = [str(generator), "--rate=1", "--duration=1s", f"--targets={tmp_path}/none"]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    assert done.returncode == 1
    assert done.stderr.startswith("palier-generator: ")
    assert "none" in done.stderr
