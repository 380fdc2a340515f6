"""Plays the acts: applies a version, tells what happens while it happens, and measures how it ended."""

import queue
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.demo import timeline
from local.demo.acts import HOST, NAME, Act, Ending
from local.demo.measuring import Weights, blame, breach_time, served, zero_time
from local.demo.observation import Snapshot, Version, read, route_weights
from local.demo.table import Result
from local.demo.terminal import Line, Terminal, Tone
from local.demo.watching import Seen
from local.traffic import Responses, Traffic, TrafficThread

ACT_LIMIT = 420.0  # seconds for an act; much longer than any should take
TELL_EVERY = 5.0  # seconds between two lines about users
MIDDLE = 20.0  # percent: from this weight on, a release is in its middle
CANNOT_MEASURE = "CannotMeasure"  # reason of Palier's conditions while it waits for metrics


@dataclass
class World:
    """All that was seen of the object and its route, for the whole story."""

    snapshot: Snapshot = field(default_factory=Snapshot)
    weights: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    reasons: list[tuple[float, str, str]] = field(default_factory=list)  # of condition Ready: time, reason, message

    def take(self, seen: Seen) -> list[Line]:
        """Take in what was seen, and return what is new about it."""
        if seen.name != NAME or seen.body is None:
            return []
        if seen.plural == "httproutes":
            return self._route(seen.time, seen.body)
        before, self.snapshot = self.snapshot, read(seen.body)
        if ready := self.snapshot.conditions.get("Ready"):
            self.reasons.append((seen.time, ready.reason, ready.message))
        return timeline.changes(before, self.snapshot)

    @property
    def weight_now(self) -> Mapping[str, float]:
        """The route's weights as last seen."""
        return self.weights[-1][1] if self.weights else {}

    def weights_since(self, begin: float) -> Weights:
        """The route's weights from a moment on, beginning with those that were in force then."""
        earlier = [weights for time, weights in self.weights if time < begin]
        return [(begin, earlier[-1] if earlier else {}), *(entry for entry in self.weights if entry[0] >= begin)]

    def _route(self, moment: float, body: Mapping[str, Any]) -> list[Line]:
        before, after = dict(self.weight_now), route_weights(body, NAME)
        if before == after:
            return []
        self.weights.append((moment, after))
        return timeline.weight_changes(before, after)


@dataclass
class Stage:
    """What the story is played with.

    Args:
        terminal: where it is told.
        seen: what the watcher has seen.
        manifest: reads a manifest as it is to be applied.
        apply: applies it and returns its generation.
        url: where users' requests go.
        rate: users' requests per second.
        take_away: takes Prometheus away.
        bring_back: brings it back.
        outage: how long it stays away, in seconds.
        settle: how long to go on watching after an act has ended, in seconds.
        record: a file for all responses.
    """

    terminal: Terminal
    seen: "queue.Queue[Seen]"
    manifest: Callable[[Path], dict[str, Any]]
    apply: Callable[[Mapping[str, Any]], int]
    url: str
    rate: float
    take_away: Callable[[], None]
    bring_back: Callable[[], None]
    outage: float
    settle: float
    record: Path | None = None


class Story:
    """The acts in their order, under one stream of users."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._world = World()
        self._traffic: TrafficThread | None = None
        self._candidate: Version | None = None
        self._told = 0.0

    def play(self, acts: Sequence[Act]) -> list[Result]:
        """Play the acts; without a first version that serves there is no second act."""
        results: list[Result] = []
        try:
            for act in acts:
                results.append(self._act(act))
                if act.ending is Ending.LIVE and results[-1].problems:
                    break
        finally:
            self._stage.bring_back()
            if self._traffic is not None:
                self._traffic.stop()
        return results

    @property
    def _responses(self) -> Responses:
        return self._traffic.responses if self._traffic else Responses()

    def _act(self, act: Act) -> Result:
        terminal = self._stage.terminal
        terminal.heading(f"Act {act.number}: {act.title}", act.story)
        manifest = self._stage.manifest(act.manifest)
        model = manifest["spec"]["model"]
        self._candidate = None
        begin = time.time()
        generation = self._stage.apply(manifest)
        terminal.line(Line("apply", f"{act.manifest.name}: {model['name']} {model['version']}"))

        problems: list[str] = []
        if act.outage:
            problems += self._outage(generation)
        if not self._follow(lambda: self._over(act, generation), limit=ACT_LIMIT):
            ready = self._world.snapshot.conditions.get("Ready")
            state = f"{ready.reason}: {ready.message}" if ready else "it has no conditions"
            problems.append(f"it had not ended after {ACT_LIMIT:.0f} s; {state}")
        if act.ending is Ending.LIVE and not problems:
            begin = time.time()  # until now there was nothing that could have answered
            self._admit_users()
        self._follow(lambda: False, limit=self._stage.settle)
        return self._result(act, begin=begin, problems=problems)

    def _admit_users(self) -> None:
        """Ready means that users are served: from here on, no request may fail."""
        stage = self._stage
        traffic = Traffic(stage.url, host=HOST, rate=stage.rate, jsonl=stage.record)
        self._traffic = TrafficThread(traffic).start()
        self._told = time.time()
        stage.terminal.line(Line("users", f"{stage.rate:g} requests/s from now to the end, to {stage.url} as {HOST}"))

    def _over(self, act: Act, generation: int) -> bool:
        """Whether the release has ended, one way or another."""
        snapshot = self._world.snapshot
        self._notice_candidate(generation)
        if snapshot.observed < generation:
            return False
        if act.ending is Ending.LIVE:
            return snapshot.is_true("Ready")
        ended = snapshot.outcome is not None and self._candidate is not None
        return ended and snapshot.outcome is not None and snapshot.outcome.revision == self._revision

    def _notice_candidate(self, generation: int) -> None:
        snapshot = self._world.snapshot
        known = {snapshot.stable and snapshot.stable.revision, snapshot.outcome and snapshot.outcome.revision}
        found = snapshot.candidate
        if self._candidate is None and snapshot.observed >= generation and found and found.revision not in known:
            self._candidate = found

    @property
    def _revision(self) -> str | None:
        return self._candidate.revision if self._candidate else None

    def _weight(self) -> float:
        return self._world.weight_now.get(self._revision or "", 0.0)

    def _outage(self, generation: int) -> list[str]:
        """Take Prometheus away in the middle of the release; return what went wrong."""
        terminal = self._stage.terminal

        def in_the_middle() -> bool:
            self._notice_candidate(generation)
            return self._weight() >= MIDDLE

        if not self._follow(in_the_middle, limit=ACT_LIMIT):
            return [f"the candidate had not reached {MIDDLE:g} % after {ACT_LIMIT:.0f} s"]
        self._follow(lambda: False, limit=TELL_EVERY / 2)
        self._stage.take_away()
        gone, weight = time.time(), self._weight()
        terminal.line(Line("metrics", f"Prometheus is taken away, for {self._stage.outage:g} s", Tone.WARNING))
        self._follow(lambda: False, limit=self._stage.outage)
        problems = []
        if any(weights.get(self._revision or "") != weight for _, weights in self._world.weights_since(gone)):
            problems.append("the weight changed while there were no metrics")
        if not any(moment >= gone and reason == CANNOT_MEASURE for moment, reason, _ in self._world.reasons):
            problems.append("the status did not say that nothing could be measured")
        self._stage.bring_back()
        terminal.line(Line("metrics", "Prometheus comes back", Tone.GOOD))
        return problems

    def _follow(self, done: Callable[[], bool], *, limit: float) -> bool:
        """Tell what happens until it is done; False if the time is over before."""
        deadline = time.monotonic() + limit
        while not done():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            try:
                lines = self._world.take(self._stage.seen.get(timeout=min(left, 0.25)))
            except queue.Empty:
                lines = []
            for line in lines:
                self._stage.terminal.line(line)
            self._tell_users()
        return True

    def _tell_users(self) -> None:
        now = time.time()
        if self._traffic is not None and now - self._told >= TELL_EVERY:
            responses = self._responses.between(self._told, now)
            self._stage.terminal.line(timeline.users(responses, candidate=self._revision, weight=self._weight()))
            self._told = now

    def _result(self, act: Act, *, begin: float, problems: list[str]) -> Result:
        end, snapshot, candidate = time.time(), self._world.snapshot, self._revision
        responses = self._responses.between(begin, end)
        failures = blame(responses, candidate=candidate)
        outcome = snapshot.outcome
        if act.ending is Ending.LIVE:
            reached, why = (act.ending if snapshot.is_true("Ready") else "not live"), _ready_message(snapshot)
        elif outcome is None or outcome.revision != candidate:
            reached, why = "unfinished", _ready_message(snapshot)
        else:
            reached, why = outcome.result, outcome.message
        if reached not in {act.ending, "unfinished"}:
            problems.append(f"it should have been {act.ending}")
        weights = self._world.weights_since(begin)
        to_zero = None
        if act.breach is not None and candidate is not None:
            breached = breach_time(responses, candidate=candidate, breach=act.breach)
            zero = zero_time(responses, weights, candidate=candidate)
            if breached is None or zero is None:
                problems.append("no bad answer was seen" if breached is None else "its weight never went to 0")
            else:
                to_zero = max(0.0, zero - breached)
        if failures.other:
            problems.append(f"{failures.other} requests failed by no fault of the candidate: {_kinds(responses)}")
        if self._traffic is not None and not responses:
            problems.append("no user was served")
        return Result(
            number=act.number,
            title=act.title,
            outcome=reached,
            why=why,
            requests=len(responses),
            failures=failures,
            p95=self._responses.percentile(95, begin, end),
            breach_to_zero=to_zero,
            served=served(self._responses, weights, candidate=candidate, until=end) if candidate else (),
            problems=tuple(problems),
        )


def _ready_message(snapshot: Snapshot) -> str:
    ready = snapshot.conditions.get("Ready")
    return ready.message if ready else "nothing is known"


def _kinds(responses: Sequence[Any]) -> str:
    kinds = Counter(each.error or f"status {each.status}" for each in responses if each.failed)
    return ", ".join(f"{count} × {kind}" for kind, count in kinds.most_common(5))
