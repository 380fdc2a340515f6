"""Fault 11 of the property kind: whatever people, policies, nodes, clocks and restarts do, users are kept safe.

Each story is a list of things that happen, one after the other, with a pass or more after each. What has to hold is
looked at after every single pass, and after every single write (see `Life`).
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from palier.api.constants import KIND
from palier.errors import ClusterError, Conflict, Forbidden, Invalid, Unavailable
from tests.support.safety.api_server import ANY
from tests.support.safety.life import Life, serving
from tests.support.safety.specs import ERRORS, Stage, canary
from tests.support.thorough import examples

REPLICAS = 4
VERSIONS = ("1", "2", "3")
LISTS: tuple[list[Stage], ...] = (
    [canary(5), canary(25), canary(50)],
    [canary(25), canary(50)],
    [canary(60)],
    [canary(1), canary(99)],
    [],
)
REFUSED = [(kind, verb) for kind in ("Deployment", "Service", ANY) for verb in ("create", "update", "delete", ANY)]
REFUSED += [("Event", "create"), (KIND, "status"), (ANY, "status")]
ERROR: dict[str, ClusterError] = {
    "Forbidden": Forbidden("not today"),
    "Invalid": Invalid("not so"),
    "Unavailable": Unavailable("not now"),
    "Conflict": Conflict("not you"),
}
Event = tuple[Any, ...]

EVENTS = st.one_of(
    st.tuples(st.just("time"), st.integers(1, 12)),
    st.tuples(st.just("time"), st.integers(1, 12)),
    st.tuples(st.just("moment"), st.sampled_from([0.1, 0.3, 0.6])),
    st.tuples(st.just("ask"), st.sampled_from(VERSIONS), st.sampled_from(range(len(LISTS)))),
    st.tuples(st.just("stages"), st.sampled_from(range(len(LISTS)))),
    st.tuples(st.just("pause"), st.booleans()),
    st.tuples(st.just("request"), st.sampled_from(["promote", "abort"]), st.sampled_from([*VERSIONS, "old", "gone"])),
    st.tuples(st.just("request"), st.just("retry"), st.sampled_from(["a", "b", "gone"])),
    st.tuples(st.just("pods"), st.sampled_from(VERSIONS), st.integers(0, REPLICAS)),
    st.tuples(st.just("fail"), st.sampled_from(VERSIONS[1:]), st.booleans()),
    st.tuples(st.just("refuse"), st.sampled_from(REFUSED), st.sampled_from(sorted(ERROR))),
    st.tuples(st.just("allow")),
    st.tuples(st.just("gateway"), st.booleans()),
    st.tuples(st.just("prometheus"), st.booleans()),
    st.tuples(st.just("clock"), st.sampled_from([-3600, -2, 2])),
    st.tuples(st.just("autoscaler"), st.integers(1, 7)),
    st.tuples(st.just("restart")),
)


@dataclass
class Story:
    """A life, and what has to hold in it."""

    life: Life
    stages: int = 0
    version: str = "1"
    promoted: set[str] = field(default_factory=set)
    """Starts of the releases for which a promotion was asked for while they were under way."""
    before: dict[str, Any] = field(default_factory=dict)
    """The release as it stood after the last pass."""
    weights: dict[str, int] = field(default_factory=dict)
    former: str = ""
    plan: list[int] = field(default_factory=list)
    """Weights of the stages that the present release began with."""
    reached: set[int] = field(default_factory=set)
    """Shares that its candidate has had."""
    direct: bool = False
    """Whether it is the first revision, or the way back to one that is still warm."""

    async def happens(self, event: Event) -> None:
        """One thing happens, then the operator has a pass; time alone has passes of its own."""
        match event:
            case ("time", seconds):
                for _ in range(seconds):
                    await self.passes(1.0)
            case ("moment", seconds):
                await self.passes(seconds)
            case _:
                self._disturb(event)
                await self.passes(0.01, looked=False)

    def _disturb(self, event: Event) -> None:  # noqa: C901, PLR0912 - one line for each thing that can happen
        life = self.life
        match event:
            case ("ask", version, stages):
                self.version, self.stages = version, stages
                life.ask_for(version, stages=LISTS[stages], objectives=(ERRORS,), replicas=REPLICAS)
            case ("stages", stages):
                self.stages = stages
                life.edit(stages=LISTS[stages])
            case ("pause", paused):
                life.edit(paused=paused)
            case ("request", "promote" | "abort" as name, whom):
                value = {"old": "0123456789", "gone": None}.get(whom, life.revisions.get(whom, "0123456789"))
                life.annotate(**{name: value})
                candidate = (life.status.get("candidate") or {}).get("revision")
                if name == "promote" and value and value == candidate and life.release:
                    self.promoted.add(life.release["startedAt"])
            case ("request", "retry", value):
                life.annotate(retry=None if value == "gone" else value)
            case ("pods", version, most):
                life.most_ready[version] = most
            case ("fail", version, fails):
                life.fails[version] = 0.6 if fails else 0.0
            case ("refuse", (kind, verb), error):
                life.cluster.refuse(kind, verb, ERROR[error])
            case ("allow",):
                life.cluster.refused.clear()
            case ("gateway", answers):
                life.gateways_answer = answers
            case ("prometheus", there):
                life.source.away = not there
            case ("clock", seconds):
                life.now += seconds
            case ("autoscaler", count):
                for (kind, _, _), found in list(life.cluster.objects.items()):
                    if kind == "Deployment":
                        life.cluster.write({**found, "spec": {**found["spec"], "replicas": count}})
            case ("restart",):
                life.restart()
            case _:
                raise AssertionError(f"{event} is nothing that happens")

    async def passes(self, seconds: float, *, looked: bool = True) -> None:
        """Time passes, and the operator has passes until it comes to rest; each is looked at."""
        life = self.life
        life.tick(seconds)
        if looked:
            await life.look()
            if not life.bell.rings(life.elapsed):
                return
        for _ in range(20):
            rest = await life.one_pass()
            self.check()
            if rest != 0:
                return
        raise AssertionError(f"the operator does not come to rest: {life.story()}")

    def check(self) -> None:
        """What holds after every pass."""
        life = self.life
        weights, release = life.weights(), life.release
        for revision, weight in weights.items():
            if weight > self.weights.get(revision, 0):
                anybody = any(life.ready(other) for other in weights)
                assert life.ready(revision) or not anybody, f"{weight} % for pods that are not ready: {life.story()}"
        if release:
            self._check_plan(release, weights)
        self.former = (life.status.get("former") or {}).get("revision", "")
        self.before, self.weights = release, weights

    def _check_plan(self, release: dict[str, Any], weights: dict[str, int]) -> None:
        """The candidate gets the shares of the list that its release began with, each after the one before it."""
        life, started = self.life, release["startedAt"]
        candidate = life.status["candidate"]["revision"]
        if started != self.before.get("startedAt"):
            self.plan = [stage["canary"]["weight"] for stage in LISTS[self.stages]]
            self.reached = set()
            self.direct = candidate == self.former or "stable" not in life.status
        share, free = weights.get(candidate, 0), self.direct or started in self.promoted
        if share > max(1, self.weights.get(candidate, 0)) and not free:
            number = self.plan.index(share) if share in self.plan else len(self.plan)
            assert share in {*self.plan, 99, 100}, f"{share} % is in no stage of {self.plan}: {life.story()}"
            passed = not number or self.plan[number - 1] in self.reached
            assert passed, f"{share} % before {self.plan[number - 1]} % was passed: {life.story()}"
        self.reached.add(share)
        if "plan" not in release or self.direct:
            return
        assert share <= most(release), f"{share} % where the plan allows {most(release)} %: {life.story()}"
        if started == self.before.get("startedAt") and started not in self.promoted:
            steps = release["cursor"] - self.before["cursor"]
            assert steps <= 1, f"{steps} stages in one pass: {life.story()}"


def most(release: dict[str, Any]) -> int:
    """The largest weight that the plan allows where the release stands, in percent."""
    if release["cursor"] >= len(release["plan"]):
        return 100
    return _weight(release["plan"][release["cursor"]])


def _weight(entry: object) -> int:
    if not isinstance(entry, dict):
        return 100 if "promot" in str(entry).lower() else 0
    if "weight" in entry:
        return int(entry["weight"])
    return max((_weight(part) for part in entry.values()), default=0)


MADE: list[Life] = []


async def begun() -> Story:
    """Version 1 serves, with four pods."""
    if not MADE:
        MADE.append(await serving(stages=LISTS[0], replicas=REPLICAS))
        for version in VERSIONS[1:]:
            twin = await serving(stages=LISTS[0], replicas=REPLICAS)
            twin.ask_for(version, stages=LISTS[0], replicas=REPLICAS)
            await twin.run(2)
            MADE[0].revisions[version] = twin.revisions[version]
            MADE[0].versions[twin.revisions[version]] = version
    story = Story(await MADE[0].twin())
    story.weights = story.life.weights()
    return story


async def told(events: list[Event]) -> Story:
    """A story from its beginning; nothing is put right at its end."""
    story = await begun()
    for event in events:
        await story.happens(event)
    return story


async def calm(story: Story) -> None:
    """Everything works again, nobody asks for anything more, and all versions are good."""
    life = story.life
    for event in (("allow",), ("gateway", True), ("prometheus", True), ("pause", False)):
        await story.happens(event)
    life.most_ready.clear()
    life.fails.clear()
    await story.happens(("time", 90))


STORIES = settings(
    max_examples=examples(20, thorough=60),
    deadline=None,
    derandomize=True,
    report_multiple_bugs=False,
    phases=(
        Phase.explicit,
        Phase.generate,
    ),  # a story of 25 things that happen is readable; to shorten it takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@STORIES
@given(st.lists(EVENTS, max_size=25))
@example([("ask", "2", 0), ("time", 4), ("stages", 2), ("time", 3)])
@example([("ask", "2", 0), ("time", 4), ("stages", 4), ("time", 3)])
@example([("ask", "2", 0), ("time", 4), ("request", "promote", "2"), ("time", 8), ("ask", "1", 0), ("time", 9)])
@example([("ask", "2", 0), ("time", 8), ("refuse", (KIND, "status"), "Forbidden"), ("pods", "2", 0), ("time", 3)])
@example([("ask", "2", 0), ("time", 8), ("clock", -3600), ("fail", "2", True), ("time", 3)])
def test_no_story_harms_the_users(events: list[Event]) -> None:
    """After every pass: the weights sum to 100 for pods that are ready, and the plan is kept, stage after stage."""
    story = asyncio.run(told(events))

    assert sum(story.life.weights().values()) == 100


@STORIES
@given(st.lists(EVENTS, max_size=20))
def test_every_story_comes_to_a_good_end(events: list[Event]) -> None:
    """When all is well again one version has all of the traffic, and it is the stable one; no release hangs."""

    async def live() -> Story:
        story = await told([event for event in events if event[0] != "clock"])
        await calm(story)
        return story

    life = asyncio.run(live()).life
    assert not life.release, life.story()
    assert life.share(life.serving()) == 100, life.story()
    assert life.ready(life.revisions[life.serving()])


async def at_a_canary(events: list[Event]) -> tuple[Story, str]:
    """A story with a candidate that has a share of the traffic, and the candidate's version."""
    story = await told([event for event in events if event[0] != "clock"])
    life = story.life
    life.cluster.refused.clear()
    for event in (("gateway", True), ("prometheus", True), ("pods", "1", REPLICAS), ("time", 3)):
        await story.happens(event)
    candidate = life.version_of((life.status.get("candidate") or {}).get("revision", ""))
    if candidate in VERSIONS[1:] and 1 < life.share(candidate) < 100 and life.release.get("step") == "Canary":
        return story, candidate
    return await told([("ask", "2", 0), ("time", 4)]), "2"


def go_wrong(life: Life, fault: str, candidate: str) -> None:
    """What takes the candidate out of the traffic."""
    if fault == "breach":
        life.fails[candidate] = 1.0
    elif fault == "no pods":
        life.most_ready[candidate] = 0
    else:
        life.annotate(abort=life.revisions[candidate])


@STORIES
@given(
    st.lists(EVENTS, max_size=12),
    st.sampled_from(["breach", "no pods", "abort"]),
    st.sampled_from([None, *((refusal, error) for refusal in REFUSED for error in sorted(ERROR))]),
)
@example([], "breach", ((ANY, ANY), "Forbidden"))
@example([], "no pods", ((KIND, "status"), "Conflict"))
@example([("autoscaler", 7)], "abort", (("Deployment", "update"), "Invalid"))
def test_down_at_once_whatever_else_is_refused(events: list[Event], fault: str, refusal: Any) -> None:  # noqa: ANN401
    """A candidate that fails, or is gone, or is aborted is at 1 % after one pass and at nothing half a second later.

    That it fails is confirmed by one more look before.
    """

    async def live() -> None:
        story, candidate = await at_a_canary(events)
        life = story.life
        life.annotate(abort=None)  # what was asked for before is not what is asked for now
        await story.happens(("autoscaler", 7))
        if refusal:
            await story.happens(("refuse", *refusal))
        await story.happens(("time", 2))
        if not 1 < life.share(candidate) < 100:
            return  # it is on its way out, or all others are
        go_wrong(life, fault, candidate)
        for _ in range(4 if fault == "breach" else 1):  # looks come at whole seconds, and a breach takes some requests
            life.tick(1)
            await life.look()
            await life.one_pass()
            if life.share(candidate) <= 1:
                break
        assert life.share(candidate) <= 1, life.story()
        if fault == "breach":  # fresh requests confirm it
            life.tick(1)
            await life.look()
            await life.one_pass()
        life.tick(0.6)
        await life.one_pass()
        assert life.share(candidate) == 0, life.story()

    asyncio.run(live())


@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
@pytest.mark.parametrize("every", [1, 2, 5])
def test_restarts_change_no_end(every: int, *, good: bool) -> None:
    """An operator that starts anew every few seconds comes to the same end by the same shares."""

    async def live(*, restarts: bool) -> tuple[Any, ...]:
        story = await told([("ask", "2", 0), ("time", 4), *([] if good else [("fail", "2", True)])])
        for second in range(60):
            if restarts and second % every == 0:
                await story.happens(("restart",))
            await story.happens(("time", 1))
        life = story.life
        shares = [split.get("2", 0) for split in life.splits]
        ended = [share for number, share in enumerate(shares) if not number or shares[number - 1] != share]
        return life.serving(), life.outcome, life.weights(), ended

    assert asyncio.run(live(restarts=True)) == asyncio.run(live(restarts=False))
