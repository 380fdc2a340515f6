"""Windows of the fleet: each is read once, after it is over; what fails is asked again, and holds nobody else up."""

from itertools import pairwise

import pytest

from palier.errors import MetricsUnavailable
from palier.metrics.increases import TWINS, Pods
from palier.metrics.owners import Key
from palier.metrics.windows import (
    OUTAGE,
    RETRIED_AFTER,
    FeatureWindows,
    WatchedPods,
    WindowRead,
    find_offset,
)
from palier.watch.features.exported import COUNTED, Increase
from palier.watch.features.profile import Profile
from tests.support.metrics.exported import Exported, count_category

KEY: Key = ("ml", "demo")
HOUR, MINUTE = 3600.0, 60.0
BORN = 1_000_000_000.0
AWAY = MetricsUnavailable("Unreachable", "nobody there")
SLOW = MetricsUnavailable("Timeout", "did not answer within 8 s")
LARGE = MetricsUnavailable("TooManySeries", "more than 20000 series")


class Reading:
    """Rounds on a clock of their own, and what they told."""

    def __init__(self) -> None:
        self.source = Exported()
        self.now = BORN
        self.told: list[tuple[Key, WindowRead]] = []
        self.asked_at: list[float] = []
        self.seconds_of_a_question = 0.0
        self.forgets = False
        """Whether everybody is forgotten while a question is under way."""
        self.reader = FeatureWindows(self, clock=lambda: self.now, window_read=self.tell)

    async def increases(self, pods: Pods, *, at: float, seconds: float) -> list[Increase]:
        """See `IncreaseSource.increases`."""
        self.asked_at.append(self.now)
        self.now += self.seconds_of_a_question
        if self.forgets:
            self.reader.forget(KEY)
        return await self.source.increases(pods, at=at, seconds=seconds)

    async def tell(self, key: Key, window: WindowRead) -> None:
        """A window was read."""
        self.told.append((key, window))

    def watch(self, *names: str, namespace: str = "ml", since: float = 0.0) -> None:
        """Models that have served for a long time."""
        for name in names:
            self.reader.watch((namespace, name), WatchedPods("aaaaaaaaaa", since, HOUR))

    async def run(self, seconds: float) -> None:
        """A round every half minute."""
        until = self.now + seconds
        while self.now < until:
            self.now += 30
            await self.reader.read()


def asked_for(reading: Reading) -> list[str]:
    """Whom was asked for, in order."""
    return [pods.workload.removesuffix("-aaaaaaaaaa") for pods, _, _ in reading.source.asked]


async def test_every_window_is_read_once() -> None:
    """One after the other, without gaps and without overlap."""
    reading = Reading()
    reading.watch("demo")
    await reading.run(10 * HOUR)

    ends = [window.end for _, window in reading.told]
    assert len(ends) in {11, 12}
    assert all(window.end - window.start == HOUR for _, window in reading.told)
    assert [later - earlier for earlier, later in pairwise(ends)] == [HOUR] * (len(ends) - 1)
    assert [(at, seconds) for _, at, seconds in reading.source.asked] == [(end, HOUR) for end in ends]
    assert {pods for pods, _, _ in reading.source.asked} == {Pods("ml", "demo-aaaaaaaaaa")}
    late = [asked - end for asked, end in zip(reading.asked_at, ends, strict=True)]
    assert all(45 <= seconds < 76 for seconds in late[2:])  # not before it is complete


async def test_a_process_that_begins_reads_the_last_two_windows() -> None:
    """It takes two to find a drift."""
    reading = Reading()
    reading.watch("demo")
    await reading.run(30)

    first, second = (window for _, window in reading.told)
    assert first.end == second.start
    assert BORN - HOUR < second.end < BORN


async def test_no_window_of_the_version_before_is_read() -> None:
    """What it was fed with is no matter of the one that serves now."""
    reading = Reading()
    reading.watch("demo", since=BORN + 10 * MINUTE)
    await reading.run(3 * HOUR)

    assert reading.told
    assert all(window.start >= BORN + 10 * MINUTE for _, window in reading.told)


async def test_windows_of_a_fleet_end_at_different_instants() -> None:
    """Prometheus is asked all the time, and never for everybody at once; every process has the same instants."""
    offsets = sorted(find_offset(("ml", f"demo-{number}"), HOUR) for number in range(200))

    assert all(0 <= offset < HOUR for offset in offsets)
    assert max(later - earlier for earlier, later in pairwise(offsets)) < HOUR / 10
    assert find_offset(("ml", "demo"), HOUR) == 467


async def test_an_outage_is_read_back_where_it_was_short() -> None:
    """It is asked again every minute, and told only where a window was missed."""
    reading = Reading()
    reading.watch("demo")
    await reading.run(HOUR)
    reading.source.failing = AWAY
    reading.told.clear()
    await reading.run(HOUR)
    assert reading.told == []
    reading.source.failing = None
    await reading.run(2 * MINUTE)

    (told,) = reading.told
    assert isinstance(told[1].found, Profile)
    assert len(reading.source.asked) < HOUR / RETRIED_AFTER + 10


async def test_a_long_outage_is_told_once() -> None:
    """After a window that nobody could read; then the last two are read back."""
    reading = Reading()
    reading.watch("demo")
    await reading.run(HOUR)
    reading.told.clear()
    reading.source.failing = AWAY
    await reading.run(6 * HOUR)
    assert [window.found for _, window in reading.told] == [str(AWAY)]
    reading.source.failing = None
    await reading.run(2 * MINUTE)

    assert [type(window.found) for _, window in reading.told[1:]] == [Profile, Profile]


async def test_an_outage_asks_for_a_few_only() -> None:
    """A round is over when nobody gets an answer."""
    reading = Reading()
    reading.watch(*(f"demo-{number}" for number in range(50)))
    reading.source.failing = AWAY
    reading.now += 30
    await reading.reader.read()

    assert len(reading.source.asked) == OUTAGE


async def test_an_answer_that_is_too_large_is_given_up_until_the_next_window() -> None:
    """It is told at once, and asked for once in each window."""
    reading = Reading()
    reading.watch("demo")
    reading.source.failing = LARGE
    await reading.run(3 * HOUR)

    assert {window.found for _, window in reading.told} == {str(LARGE)}
    assert len(reading.source.asked) == len(reading.told) <= 5


async def test_whose_question_was_too_much_comes_last() -> None:
    """Others are asked for first; and a slow question is asked ever more seldom."""
    reading = Reading()
    reading.watch("aaa", namespace="aa")
    reading.watch("demo", "demo2")
    reading.source.failing_for = {"aaa-aaaaaaaaaa": SLOW}
    await reading.run(2 * HOUR)
    asked = asked_for(reading)
    assert asked.count("aaa") < 15
    assert asked.count("demo") >= 3
    reading.now += 3 * HOUR
    reading.source.asked.clear()
    await reading.reader.read()
    assert asked_for(reading)[-1] == "aaa"
    assert {"demo", "demo2"} < set(asked_for(reading))


async def test_questions_that_always_fail_stop_nobody_elses() -> None:
    """A round that finds no answer is over early, and the next one does not begin with those that failed."""
    reading = Reading()
    odd = [f"odd{number:02d}" for number in range(20)]
    for number, name in enumerate(odd):
        reading.watch(name, namespace=f"n{number:02d}")
    reading.watch("demo", namespace="zz")
    failed = MetricsUnavailable("Refused", "vector cannot contain metrics with the same labelset")
    reading.source.failing_for = {f"{name}-aaaaaaaaaa": failed for name in odd}
    await reading.run(5 * HOUR)

    found = [window.found for (_, name), window in reading.told if name == "demo"]
    assert len(found) >= 5
    assert all(isinstance(one, Profile) for one in found)


async def test_a_namespace_with_many_models_holds_nobody_up() -> None:
    """Namespaces take turns: who has one model waits for one of the others."""
    reading = Reading()
    reading.watch(*(f"m{number:02d}" for number in range(50)), namespace="aa")
    reading.watch("only", namespace="zz")
    reading.seconds_of_a_question = 8.0
    await reading.run(30)

    assert asked_for(reading).index("only") <= 4
    assert len(set(asked_for(reading))) < 50  # a round ends, and the next one goes on


async def test_series_that_are_there_twice_are_told() -> None:
    """Two servers behind one address would make every event two, and so certain what is not."""
    reading = Reading()
    reading.watch("demo")
    reading.source.count("demo-aaaaaaaaaa", count_category("plan", {"free": 5}), at=BORN - 10 * MINUTE)
    reading.source.count("demo-aaaaaaaaaa", {((COUNTED, TWINS),): 2.0}, at=BORN - 10 * MINUTE)
    reading.source.count("demo-aaaaaaaaaa", {((COUNTED, TWINS),): 1.0}, at=BORN - 100 * MINUTE)
    await reading.run(2 * HOUR)

    told = [window.found for _, window in reading.told if isinstance(window.found, str)]
    assert told == ["each series of a pod is there 2 times: two servers or two jobs scrape it"]


@pytest.mark.parametrize("error", [ValueError("odd"), KeyError("value"), RuntimeError("x")])
async def test_one_odd_answer_ends_nothing(error: Exception) -> None:
    """It is told of the object whose answer it is, and the others go on."""
    reading = Reading()
    reading.watch("aaa", "demo")
    reading.source.failing_for = {"aaa-aaaaaaaaaa": error}
    await reading.run(30)

    found = {name: window.found for (_, name), window in reading.told}
    assert found["aaa"] == f"reading failed: {type(error).__name__}"
    assert isinstance(found["demo"], Profile)


async def test_who_is_forgotten_is_not_told_of() -> None:
    """Also where the question was under way."""
    reading = Reading()
    reading.watch("demo")
    reading.forgets = True
    await reading.run(30)
    assert reading.told == []
    assert reading.reader.list_watched() == []


async def test_another_version_begins_anew() -> None:
    """With its own first window."""
    reading = Reading()
    reading.watch("demo")
    await reading.run(HOUR)
    reading.reader.watch(KEY, WatchedPods("bbbbbbbbbb", reading.now, HOUR))
    reading.told.clear()
    await reading.run(HOUR)
    assert reading.told == []
    await reading.run(HOUR)
    assert reading.source.asked[-1][0] == Pods("ml", "demo-bbbbbbbbbb")


async def test_the_loop_reads_and_waits() -> None:
    """Until it is cancelled."""
    reading = Reading()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        reading.now += seconds
        if len(slept) > 3:
            raise InterruptedError

    reader = FeatureWindows(reading, clock=lambda: reading.now, window_read=reading.tell, sleep=sleep)
    reader.watch(KEY, WatchedPods("aaaaaaaaaa", 0.0, HOUR))
    with pytest.raises(InterruptedError):
        await reader.run()
    assert len(reading.told) == 2
