"""Customers of a model: a front end that counts how their sessions go, and customers who react to the answers."""

import asyncio
import json
import random
import socket
import threading
import urllib.request
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml
from prometheus_client.parser import text_string_to_metric_families

from local import cluster
from local.addons import answers
from local.traffic import sentences
from tests.e2e.support import Model, kubectl, wait_until

MANIFEST = Path(__file__).parents[2] / "examples" / "product-signals" / "front-end.yaml"
HORIZON = 5  # seconds: customers of ours have made up their minds long before

NEW_CUSTOMERS = 0.05
LEAVING = {"loyal": 0.1, "new": 0.05}
"""Share of the customers of each kind who leave whatever the answer is."""

Counted = Counter[tuple[str, ...]]
"""Sessions by revision, kind of customer and outcome."""


class FrontEnd:
    """The front end of examples/product-signals in the namespace of a model, which it reaches through the gateway."""

    def __init__(self, model: Model, *, image: str) -> None:
        self._namespace = model.namespace
        host, _, port = cluster.gateway_address().partition(":")
        deployment, service = yaml.safe_load_all(MANIFEST.read_text())
        pod = deployment["spec"]["template"]["spec"]
        # Nobody answers for a hostname of a test in the DNS.
        pod["hostAliases"] = [{"ip": socket.gethostbyname(host), "hostnames": [model.hostname]}]
        container = pod["containers"][0]
        container["image"] = image
        container["env"] = [
            {"name": "MODEL_URL", "value": f"http://{model.hostname}{port and ':'}{port}/v1/detect"},
            {"name": "HORIZON", "value": str(HORIZON)},
        ]
        container["readinessProbe"]["periodSeconds"] = 1
        for one in (deployment, service):
            one["metadata"]["namespace"] = model.namespace
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([deployment, service]))

    @cached_property
    def address(self) -> str:
        """The URL of its Service, once it answers there."""
        query = ("get", "service", "front-end", "-n", self._namespace, "-o", "jsonpath={.spec.clusterIP}")
        address = f"http://{kubectl(*query)}"
        wait_until(lambda: answers(f"{address}/healthz", HTTPStatus.OK), timeout=90, what="the front end to answer")
        return address

    def counted(self) -> Counted:
        """The sessions that it has counted, without those that nobody had."""
        with urllib.request.urlopen(f"{self.address}/metrics", timeout=10) as answer:  # noqa: S310 - always http
            families = list(text_string_to_metric_families(answer.read().decode()))
        sessions = [one for family in families for one in family.samples if one.name == "product_sessions_total"]
        labels = ("revision", "customer_kind", "outcome")
        return +Counter({tuple(one.labels[label] for label in labels): int(one.value) for one in sessions})

    def counts(self, sessions: int) -> Counted:
        """What it has counted once it has counted so many sessions."""
        counted: Counted = wait_until(
            lambda: now if (now := self.counted()).total() >= sessions else None,
            timeout=HORIZON + 15,
            what=f"{sessions} sessions to be counted",
        )
        return counted


@dataclass(frozen=True, slots=True)
class Visit:
    """One customer's session, as the customer knows it."""

    kind: str
    helped: bool
    version: str
    """Of the model that answered; empty without an answer."""


class Customers:
    """Visitors of a front end, in a thread of their own; they come at their own pace, whatever became of those before.

    They ask in which language a sentence is, and know it. New ones leave after a wrong answer. Loyal ones see through
    it. Some of either kind leave anyway.
    """

    def __init__(self, front_end: str, *, rate: float) -> None:
        self.visits: list[Visit] = []
        self._front_end, self._pause = front_end, 1 / rate
        self._chance = random.Random(5)  # noqa: S311 - no secret
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._come()), name="customers", daemon=True)

    def __enter__(self) -> Self:
        """Let them come."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let no more come, and wait for those who are there."""
        self._over.set()
        self._thread.join()

    def counted(self, revisions: dict[str, str]) -> Counted:
        """Their sessions as a front end should have counted them, given the revision of each version."""
        return Counter(
            (revisions[one.version], one.kind, "resolved" if one.helped else "abandoned")
            for one in self.visits
            if one.version
        )

    async def _come(self) -> None:
        loop, known = asyncio.get_running_loop(), sentences()
        due = loop.time()
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=timeout) as client, asyncio.TaskGroup() as there:
            number = 0
            while not self._over.is_set():
                kind = "new" if self._chance.random() < NEW_CUSTOMERS else "loyal"
                leaves = self._chance.random() < LEAVING[kind]
                there.create_task(self._visit(client, number, kind, self._chance.choice(known), leaves=leaves))
                number += 1
                due += self._pause
                await asyncio.sleep(due - loop.time())

    async def _visit(
        self, client: aiohttp.ClientSession, number: int, kind: str, question: tuple[str, str], *, leaves: bool
    ) -> None:
        language, text = question
        session = f"{self._front_end}/sessions/{number}"
        answer: dict[str, Any] = {}
        try:
            asked = client.post(f"{session}/questions", json={"text": text}, headers={"x-customer-kind": kind})
            async with asked as response:
                answer = json.loads(await response.read()) if response.ok else {}
            helped = not leaves and (kind == "loyal" or answer.get("language") == language)
            if answer and helped:
                async with client.post(f"{session}/helped") as response:
                    helped = response.ok
        except (aiohttp.ClientError, TimeoutError, OSError):
            helped = False
        self.visits.append(Visit(kind, helped, answer.get("version", "")))
