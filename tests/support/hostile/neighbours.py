"""A good ModelDeployment that is released on and on, and a hostile one beside it in the same cluster and namespace."""

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from traceback import extract_tb
from typing import Any

from palier.api.constants import API_VERSION, KIND, LABEL_DEPLOYMENT, LABEL_WATCH
from palier.api.v1alpha1 import parse
from palier.cluster.queue import Key
from palier.errors import Invalid, InvalidSpec, PalierError
from tests.support.cluster.schema import violations
from tests.support.cluster.trial_life import Life, serving
from tests.support.hostile.mutations import named_texts

HOSTILE = Key("ml", "hostile")
PASSES = 6
"""Reconciles that follow each other at once for one hostile object, at most."""
SHOWN = 20


@dataclass
class Findings:
    """What went wrong over hostile objects."""

    found: list[tuple[str, str]] = field(default_factory=list)
    """What, and the object that did it."""

    def add(self, what: str, changes: object) -> None:
        """Something went wrong."""
        self.found.append((what, ascii(changes)))

    def __str__(self) -> str:
        """Each kind of fault once, the most frequent first, with an object that shows it."""
        counted = Counter(what for what, _ in self.found)
        first = dict(reversed(self.found))
        lines = [f"{number} times: {what}\n    {first[what]}" for what, number in counted.most_common(SHOWN)]
        return "\n".join([f"{len(self.found)} faults", *lines])


class Neighbours:
    """The life of a good object, with hostile ones stored beside it one after another."""

    def __init__(self) -> None:
        self.life = Life()
        self.findings = Findings()
        self.promotions = 0
        self._changes: object = ()
        self._write = self.life.cluster.apply_status
        self.life.cluster.apply_status = self._watched_write  # type: ignore[method-assign]

    async def begin(self) -> None:
        """The good object serves its first version."""
        await serving(self.life)
        for name, keys in named_texts().items():
            metadata = {"name": name, "namespace": HOSTILE.namespace, "labels": {LABEL_WATCH: "true"}}
            data = dict.fromkeys(keys, '{"body": 1, "expected": 1}')
            self.life.cluster.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    async def meet(self, body: Mapping[str, Any], changes: object, status: Mapping[str, Any] | None = None) -> None:
        """The hostile object is stored, or stored anew, and the operator looks at it until it rests.

        Args:
            body: as somebody wrote it.
            changes: what is hostile about it, in words.
            status: the status that is stored with it; that of before when left out.
        """
        self._changes = changes
        cluster = self.life.cluster
        before = cluster.objects.pop((KIND, *HOSTILE), None) or {"metadata": {}}
        metadata = body.get("metadata") or {}
        stored = {
            **body,
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {
                **{name: before["metadata"][name] for name in ("uid", "generation") if name in before["metadata"]},
                "namespace": HOSTILE.namespace,
                "name": HOSTILE.name,
                "annotations": metadata.get("annotations") or {},
            },
        }
        told = before.get("status") if status is None else status
        cluster.put({**stored, **({"status": copy.deepcopy(told)} if told is not None else {})})
        cluster.tell(self.life.store)
        await self._settle()
        self._check_told()

    def remove(self) -> None:
        """The hostile object goes, and with it what is its own."""
        cluster = self.life.cluster
        for identity, obj in list(cluster.objects.items()):
            named = obj["metadata"].get("labels", {}).get(LABEL_DEPLOYMENT)
            if identity == (KIND, *HOSTILE) or named == HOSTILE.name:
                cluster.version += 1
                gone = cluster.objects.pop(identity)
                gone["metadata"]["resourceVersion"] = str(cluster.version)
                cluster.gone[identity] = gone
        cluster.tell(self.life.store)

    async def live(self, seconds: int) -> None:
        """Time goes by for both; the good one gets a new version whenever the last one serves."""
        for _ in range(seconds):
            status = self.life.status
            if status["stage"] == "Serving" and not status.get("former"):
                self.promotions = int(status["stable"]["version"]) - 1
                self.life.ask_for(str(self.promotions + 2))
            await self.life.run(1)
            await self._settle()

    async def _settle(self) -> None:
        for _ in range(PASSES):
            try:
                again = await self.life.controller.reconcile(HOSTILE)
            except PalierError:
                return
            except Exception as error:  # noqa: BLE001 - what must never come is what is looked for
                self.findings.add(f"{type(error).__name__} at {_place(error)}", self._changes)
                return
            self.life.cluster.tell(self.life.store)
            if again != 0:
                return

    async def _watched_write(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return await self._write(manifest)
        except Invalid:
            wrong = next(iter(violations(manifest["status"])), "nothing")
            self.findings.add(f"the CRD refuses a status: {wrong[:100]}", self._changes)
            raise

    def _check_told(self) -> None:
        """An object that breaks a rule says so."""
        body = self.life.cluster.find(KIND, HOSTILE.name)
        assert body is not None
        try:
            parse(body)
        except InvalidSpec as error:
            said = {entry["type"]: entry for entry in (body.get("status") or {}).get("conditions", ())}
            stalled = said.get("Stalled", {})
            if (stalled.get("status"), stalled.get("reason")) != ("True", "InvalidSpec"):
                self.findings.add(f"nothing says that {error.field[:80]} is invalid", self._changes)
            elif not stalled["message"].isprintable():
                self.findings.add("a message is not printable", self._changes)


async def collect_statuses(life: Life) -> list[dict[str, Any]]:
    """Every status that a good object has on its way through golden answers, shadow and canary, and a rollback."""
    found: list[dict[str, Any]] = []

    def take() -> None:
        if life.status and life.status not in found:
            found.append(copy.deepcopy(life.status))
        life.check()

    life.cluster.after_write = take
    await serving(life)
    for version, breaks in (("2", False), ("3", True)):
        life.fails[version] = 0.5 if breaks else 0.0
        life.ask_for(version)
        await life.run(50)
    return found


def _place(error: BaseException) -> str:
    """The innermost line of ours that an exception passed."""
    frames = [frame for frame in extract_tb(error.__traceback__) if "palier" in Path(frame.filename).parts]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno} {frames[-1].name}" if frames else "nowhere"
