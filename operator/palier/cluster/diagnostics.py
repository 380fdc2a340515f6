"""Why pods do not become ready, in one sentence, from what the kubelet and the scheduler say about them.

Pods are not watched, because a fleet has many and hardly any of them is of interest: they are asked for while somebody
waits for them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from palier.cluster.client import Cluster

ASKED_AGAIN_AFTER = 10.0
"""Seconds between two looks at pods at the most, while somebody waits for them."""

ASKED_AGAIN_FIRST = 1.0
"""Seconds between two looks at the least."""

SILENT = {"ContainerCreating", "PodInitializing"}
"""Waiting reasons that mean only that it takes a while."""

CRASHING = "CrashLoopBackOff"
"""The waiting reason that says only that a container will be started again; how it ended says why."""

LAST_WORDS_LIMIT = 200
"""Characters of what a program has said about its own end."""


class ProblemKind(IntEnum):
    """What keeps a pod from being ready; of several kinds the first explains most, and it is the one that is told."""

    CANNOT_START = 0
    """The image cannot be pulled, a Secret is missing: it never ran."""
    OUT_OF_MEMORY = 1
    ENDED = 2
    """It ended by itself, with an exit code."""
    NOT_PLACED = 3
    """No node can take it."""
    REMOVED = 4
    """The kubelet ended it: evicted, or its node shut down."""
    NOT_READY = 5
    """It runs, and the readiness probe says no."""
    LEAVING = 6
    """It is being taken from its node, and another one takes its place."""


@dataclass(frozen=True, slots=True)
class PodProblem:
    """What keeps one pod from being ready."""

    kind: ProblemKind
    sentence: str


@dataclass(frozen=True, slots=True)
class _Diagnosis:
    """What was answered last."""

    labels: Mapping[str, str]
    """Labels of the pods that it is about."""
    since: float
    """When they began to start."""
    asked_at: float = -math.inf
    seen: object = None
    """What the cluster had told of the pods by itself when they were last asked for."""
    problem: PodProblem | None = None

    @property
    def message(self) -> str:
        """The problem in one sentence; empty for none."""
        return self.problem.sentence if self.problem else ""

    @property
    def again_at(self) -> float:
        """When they are asked for again: while nothing explains it, after as long as they have been starting."""
        if self.problem and self.problem.kind < ProblemKind.NOT_READY:
            return self.asked_at + ASKED_AGAIN_AFTER
        taken = self.asked_at - self.since
        return self.asked_at + min(ASKED_AGAIN_AFTER, max(ASKED_AGAIN_FIRST, taken))


class PodDiagnostics:
    """Why pods are not ready, asked of the API server at once, and then less and less often.

    The cost: while nothing explains it, a list of the pods of one revision after 0, 1, 2, 4, 8 and 16 seconds, and then
    every `ASKED_AGAIN_AFTER` seconds, as well as soon as something does; besides that one for each change of what the
    cluster tells by itself, no two within `ASKED_AGAIN_FIRST` seconds. Pods that are ready cost nothing.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[tuple[str, str], _Diagnosis] = {}
        """By namespace and whose pods they are."""

    async def diagnose(
        self,
        namespace: str,
        whose: str,
        labels: Mapping[str, str],
        *,
        since: float,
        now: float,
        due: float = math.inf,
        seen: object = None,
    ) -> str:
        """What is known of some pods that are not ready; empty while nothing is.

        Args:
            namespace: where they are.
            whose: names what they are for; `forget` takes the same.
            labels: of the pods; what is known of others is forgotten.
            since: when they began to start.
            now: seconds since the epoch.
            due: when something is decided by the answer: whatever was known before, it is asked anew then.
            seen: what the cluster tells of the pods by itself, such as how many there are and how many are ready; when
                that has changed, they are asked for anew.

        Raises:
            ClusterError: it could not be asked. That is not "nothing is known": nobody may decide by it.
        """
        known = self._known.get((namespace, whose))
        if known is None or known.labels != labels:
            known = _Diagnosis(labels, since)
        changed = seen != known.seen and now - known.asked_at >= ASKED_AGAIN_FIRST
        set_back = now < known.asked_at  # the clock, so that the instants above lie in a future that may never come
        if now >= known.again_at or changed or set_back or known.asked_at < due <= now:
            pods = await self._cluster.list_pods(namespace, labels)
            known = _Diagnosis(labels, since, now, seen, find_problem(pods))
        self._known[namespace, whose] = known
        return known.message

    def again_in(self, namespace: str, whose: str, *, now: float) -> float:
        """Seconds until the pods are worth being asked for again; infinite when nobody waits for them."""
        known = self._known.get((namespace, whose))
        return max(0.0, known.again_at - now) if known else math.inf

    def recall(self, namespace: str, whose: str) -> str:
        """What was answered last, for those who only tell it; empty for nothing."""
        known = self._known.get((namespace, whose))
        return known.message if known else ""

    def forget(self, namespace: str, whose: str) -> None:
        """They are ready, or nobody waits for them any more."""
        self._known.pop((namespace, whose), None)


def describe_problem(pods: Sequence[Mapping[str, Any]]) -> str:
    """The problem of several pods that explains most, in one sentence; empty when they merely take their time."""
    found = find_problem(pods)
    return found.sentence if found else ""


def find_problem(pods: Sequence[Mapping[str, Any]]) -> PodProblem | None:
    """The problem of several pods that explains most; None when they merely take their time.

    Its sentence has the last state of the pod, so that it can be kept when the pod is gone.
    """
    return min((one for pod in pods for one in _list_problems(pod)), key=lambda one: one.kind, default=None)


def _list_problems(pod: Mapping[str, Any]) -> Iterator[PodProblem]:
    """All that keeps a pod from being ready."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    conditions = {entry["type"]: entry for entry in status.get("conditions") or ()}
    if pod["metadata"].get("deletionTimestamp") or _holds(conditions.get("DisruptionTarget")):
        told = _explain_condition(conditions.get("DisruptionTarget"))
        yield PodProblem(ProblemKind.LEAVING, f"pod {name} is being removed" + (f": {told}" if told else ""))
        return
    if status.get("reason"):
        told = ": ".join(filter(None, (status["reason"], status.get("message"))))
        yield PodProblem(ProblemKind.REMOVED, f"pod {name} was ended by its node: {told}")
        return
    if (placed := conditions.get("PodScheduled")) and placed["status"] == "False":
        yield PodProblem(ProblemKind.NOT_PLACED, f"pod {name} cannot be placed: {_explain_condition(placed)}")
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    ready = conditions.get("Ready")
    unready_since = str((ready or {}).get("lastTransitionTime") or "")
    for container in containers:
        if problem := _find_container_problem(container, unready_since):
            where = f"pod {name}, container {container['name']}"
            yield PodProblem(problem.kind, f"{where}: {problem.sentence}")
    if ready and ready["status"] == "False" and any("running" in (c.get("state") or {}) for c in containers):
        yield PodProblem(ProblemKind.NOT_READY, f"pod {name} runs but is not ready: {_explain_condition(ready)}")


def _holds(condition: Mapping[str, Any] | None) -> bool:
    return condition is not None and condition["status"] == "True"


def _explain_condition(condition: Mapping[str, Any] | None) -> str:
    return str(condition.get("message") or condition.get("reason") or "") if condition else ""


def _find_container_problem(container: Mapping[str, Any], unready_since: str) -> PodProblem | None:
    """What a container says, also while it is being started again: how it ended the last time explains more.

    Args:
        container: its status.
        unready_since: when its pod was last ready, or began, in RFC 3339.
    """
    state, ended = container.get("state") or {}, (container.get("lastState") or {}).get("terminated")
    if terminated := state.get("terminated"):
        return _describe_end(container, terminated) if terminated.get("exitCode") else None
    if container.get("ready") or unready_since > (state.get("running") or {}).get("startedAt", "9"):
        return None  # it was ready since it was started again: its end is not what keeps it from being so now
    waiting = state.get("waiting") or {}
    reason = waiting.get("reason", "")
    if reason and reason not in SILENT and reason != CRASHING:
        told = ": ".join(filter(None, (reason, waiting.get("message"))))
        return PodProblem(ProblemKind.CANNOT_START, told)
    if ended:
        return _describe_end(container, ended)
    return PodProblem(ProblemKind.ENDED, f"{reason}: {waiting.get('message', '')}") if reason == CRASHING else None


def _describe_end(container: Mapping[str, Any], ended: Mapping[str, Any]) -> PodProblem:
    """How a container ended; the words are the same while it waits to be started and while it runs again."""
    memory = ended.get("reason") == "OOMKilled"
    reason = f", {ended['reason']}" if ended.get("reason") else ""
    why = " (it needs more memory than its limit allows)" if memory else ""
    count = int(container.get("restartCount") or 0)
    restarts = f", restarted {count} time{'' if count == 1 else 's'}" if count else ""
    lines = [line.strip() for line in str(ended.get("message") or "").splitlines() if line.strip()]
    words = f": {lines[-1][:LAST_WORDS_LIMIT]}" if lines else ""
    sentence = f"ended with exit code {ended.get('exitCode')}{reason}{why}{restarts}{words}"
    return PodProblem(ProblemKind.OUT_OF_MEMORY if memory else ProblemKind.ENDED, sentence)
