"""Plays the acts: applies a version, reports what happens while it happens, and measures how it ended."""

import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.demo import timeline
from local.demo.acts import HOST, Act, Ending
from local.demo.conclusion import conclude
from local.demo.table import Result
from local.demo.terminal import Line, Terminal, Tone
from local.demo.watching import Seen
from local.demo.world import World
from local.traffic import Responses, Traffic, TrafficThread

ACT_LIMIT = 420.0  # seconds for an act; much longer than any should take
TELL_EVERY = 5.0  # seconds between two lines about users
MIDDLE = 20.0  # percent: from this weight on, a release is in its middle
LAST_LOOK = 2.0  # seconds in which a look from before the outage may still have its effect
CANNOT_MEASURE = "CannotMeasure"  # reason of Palier's conditions while it waits for metrics


@dataclass
class Stage:
    """What the story is played with.

    Args:
        terminal: where the story is printed.
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
    seen: queue.Queue[Seen]
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
        self._candidate: str | None = None  # the revision under trial
        self._last_told = 0.0

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
        remark = f"held through {self._stage.outage:g} s without metrics; " if act.outage and not problems else ""
        if not self._follow(lambda: self._over(act, generation), limit=ACT_LIMIT):
            ready = self._world.snapshot.conditions.get("Ready")
            state = f"{ready.reason}: {ready.message}" if ready else "it has no conditions"
            problems.append(f"it had not ended after {ACT_LIMIT:.0f} s; {state}")
        if act.ending is Ending.LIVE and not problems:
            begin = time.time()  # until now there was nothing that could have answered
            self._admit_users()
        self._follow(lambda: False, limit=self._stage.settle)
        return conclude(
            act,
            begin=begin,
            end=time.time(),
            world=self._world,
            responses=self._traffic.responses if self._traffic else Responses(),
            candidate=self._candidate,
            problems=problems,
            remark=remark,
        )

    def _admit_users(self) -> None:
        """Ready means that users are served: from here on, no request may fail."""
        stage = self._stage
        traffic = Traffic(stage.url, host=HOST, rate=stage.rate, jsonl=stage.record)
        self._traffic = TrafficThread(traffic).start()
        self._last_told = time.time()
        stage.terminal.line(Line("users", f"{stage.rate:g} requests/s from now to the end, to {stage.url} as {HOST}"))

    def _over(self, act: Act, generation: int) -> bool:
        """Whether the release has ended, one way or another."""
        snapshot = self._world.snapshot
        self._notice_candidate(generation)
        if snapshot.observed < generation:
            return False
        if act.ending is Ending.LIVE:
            return snapshot.is_true("Ready")
        return snapshot.outcome is not None and snapshot.outcome.revision == self._candidate

    def _notice_candidate(self, generation: int) -> None:
        snapshot = self._world.snapshot
        known = {snapshot.stable and snapshot.stable.revision, snapshot.outcome and snapshot.outcome.revision}
        current = snapshot.candidate
        if self._candidate is None and snapshot.observed >= generation and current and current.revision not in known:
            self._candidate = current.revision

    def _weight(self) -> float:
        return self._world.weight_now.get(self._candidate or "", 0.0)

    def _outage(self, generation: int) -> list[str]:
        """Take Prometheus away in the middle of the release; return what went wrong."""
        terminal = self._stage.terminal

        def in_the_middle() -> bool:
            self._notice_candidate(generation)
            return self._weight() >= MIDDLE

        if not self._follow(in_the_middle, limit=ACT_LIMIT):
            return [f"the candidate had not reached {MIDDLE:g} % after {ACT_LIMIT:.0f} s"]
        self._stage.take_away()
        gone = time.time()
        terminal.line(Line("metrics", f"Prometheus is gone, for {self._stage.outage:g} s", Tone.WARNING))
        self._follow(lambda: False, limit=self._stage.outage)
        problems = []
        if len({weights.get(self._candidate or "") for _, weights in self._world.weights_since(gone + LAST_LOOK)}) > 1:
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
        if self._traffic is not None and now - self._last_told >= TELL_EVERY:
            responses = self._traffic.responses.between(self._last_told, now)
            self._stage.terminal.line(timeline.users(responses, candidate=self._candidate, weight=self._weight()))
            self._last_told = now
