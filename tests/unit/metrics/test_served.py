"""What users meet of each objective: of all revisions that serve, and unknown where any of it could not be read."""

from dataclasses import replace

import pytest

from palier.evidence.objective import Counts
from palier.measuring.sources import Origin
from palier.metrics.served import ServedMinute, ServedObjectives
from palier.release.answer_counters import NOBODY
from palier.release.served import choose_objectives
from palier.release.state import ReleasePhase, State
from tests.support.metrics.fleet import ERRORS, KEY, MINUTE, SCRAPE, START, Prometheus
from tests.support.release.examples import CANDIDATE, STABLE, releasing, serving
from tests.support.release.world import model_deployment


class Reading:
    """A reading every minute, and what it told."""

    def __init__(self, state: State | None = None) -> None:
        self.prometheus = Prometheus()
        self.now = START
        self.told: list[ServedMinute] = []
        self.reader = ServedObjectives(
            self.prometheus,
            scrape_interval=SCRAPE,
            clock=lambda: self.now,
            minute_read=lambda _key, minute: self.told.append(minute),
        )
        watched = choose_objectives(model_deployment(), state or serving())
        assert watched is not None
        self.reader.watch(KEY, watched)

    async def pass_minutes(self, minutes: int) -> Counts | str:
        """Let so many readings happen; what the last one told of the errors."""
        for _ in range(minutes):
            self.now += MINUTE
            await self.reader.read(self.now)
        return self.told[-1].counts["errors"]


async def test_a_minute_of_all_pods() -> None:
    """Two pods with 10 requests a second, one of which fails."""
    reading = Reading()
    reading.prometheus.pod(STABLE, per_second=4)
    reading.prometheus.pod(STABLE, per_second=6, failing=1)

    assert await reading.pass_minutes(2) == Counts(600, 60, 60)
    assert reading.told[-1].end - reading.told[-1].start == MINUTE


async def test_users_meet_both_revisions_of_a_canary() -> None:
    """Whoever answers: a budget is about users."""
    reading = Reading(releasing(ReleasePhase.CANARY))
    reading.prometheus.pod(STABLE, per_second=9)
    reading.prometheus.pod(CANDIDATE, per_second=1, failing=1)

    assert await reading.pass_minutes(2) == Counts(600, 60, 60)


async def test_one_revision_that_cannot_be_read_leaves_all_unknown() -> None:
    """The part that can be read would tell a better budget, or a worse one."""
    reading = Reading(releasing(ReleasePhase.CANARY))
    reading.prometheus.pod(STABLE, per_second=9)

    found = await reading.pass_minutes(2)
    assert found == f"no fresh samples of errors for {CANDIDATE} from its pods"


async def test_a_minute_without_requests_is_known() -> None:
    """Nobody asked anything, which is neither good nor bad and no gap."""
    reading = Reading()
    reading.prometheus.pod(STABLE, per_second=0)

    assert await reading.pass_minutes(2) == Counts(0, 0, 0)


async def test_a_pod_that_cannot_be_scraped_leaves_a_gap() -> None:
    """Its requests would be missing, and later be counted as if they had come then."""
    reading = Reading()
    reading.prometheus.pod(STABLE, per_second=4)
    pod = reading.prometheus.pod(STABLE, per_second=6)
    await reading.pass_minutes(2)
    reading.prometheus.down.add(pod)

    assert await reading.pass_minutes(1) == f"pod {pod} of {STABLE} could not be scraped"


@pytest.mark.parametrize("refused", ["up", ERRORS])
async def test_a_question_without_an_answer_leaves_a_gap(refused: str) -> None:
    """The reason is told, and the rest of the fleet goes on."""
    reading = Reading()
    reading.prometheus.pod(STABLE, per_second=4)
    reading.prometheus.refused.add(refused.partition("{")[0] if refused == "up" else refused[:-1])

    assert "nobody there" in str(await reading.pass_minutes(2))


async def test_after_an_outage_of_metrics_ten_minutes_are_read_back() -> None:
    """What Prometheus still knows is no gap."""
    reading = Reading()
    reading.prometheus.pod(STABLE, per_second=1)
    await reading.pass_minutes(1)
    reading.prometheus.away = True
    await reading.pass_minutes(5)
    assert "nobody there" in str(reading.told[-1].counts["errors"])
    reading.prometheus.away = False

    assert await reading.pass_minutes(1) == Counts(360, 0, 0)
    assert reading.told[-1].end - reading.told[-1].start == 6 * MINUTE


async def test_two_series_of_servers_are_not_added() -> None:
    """Two clusters behind one address would count every request of both."""
    reading = Reading()
    reading.prometheus.pod(STABLE, per_second=1)
    for number, cluster in enumerate(("east", "west")):
        pod = f"demo-{STABLE}-6b7f9c8d5f-x{number}"
        labels = {"namespace": "ml", "pod": pod, "job": "pods", "instance": pod, "cluster": cluster}
        reading.prometheus.counters.append(("up", labels, lambda _time: 1.0))
        reading.prometheus.counters.append(("requests_total", {**labels, "code": "200"}, lambda time: time - START))

    assert "cluster" in str(await reading.pass_minutes(2))


async def test_who_is_forgotten_is_not_asked_for() -> None:
    """Nothing is read where nobody is watched, nor told of who has gone while the questions were under way."""
    reading = Reading()
    watched = reading.reader.find_fleet()[KEY]
    reading.prometheus.pod(STABLE, per_second=1)
    reading.reader.forget(KEY)
    assert reading.reader.find_fleet() == {}
    reading.reader.watch(KEY, watched)
    ask = reading.prometheus.samples

    async def forget_meanwhile(*args: object, **options: object) -> object:
        reading.reader.forget(KEY)
        return await ask(*args, **options)  # type: ignore[arg-type]

    reading.prometheus.samples = forget_meanwhile  # type: ignore[method-assign, assignment]
    reading.now += MINUTE
    await reading.reader.read(reading.now)
    assert reading.told == []


async def test_a_pod_that_has_just_begun_to_count_leaves_a_gap() -> None:
    """What it had counted before its first scrape is not known to be of this minute."""
    reading = Reading()
    await reading.pass_minutes(1)
    reading.prometheus.pod(STABLE, per_second=1, since=reading.now + 20)

    assert await reading.pass_minutes(1) == f"errors of {STABLE} has only just begun to count"
    assert await reading.pass_minutes(1) == Counts(60, 0, 0)


async def test_series_that_may_be_anothers_are_counted_for_nobody() -> None:
    """Two objects serve the very same model, and a program names the revision alone."""
    reading = Reading()
    watched = reading.reader.find_fleet()[KEY]
    elsewhere = replace(watched.objectives[0], origin=Origin.ELSEWHERE)
    for key in (KEY, ("ml", "twin")):
        reading.reader.watch(key, replace(watched, objectives=(elsewhere,)))
    reading.prometheus.pod(STABLE, per_second=1)
    labels = {"namespace": "ml", "pod": "collector-0", "job": "pods", "instance": "collector-0", "revision": STABLE}
    reading.prometheus.counters.append(("requests_total", labels, lambda time: time - START + 7200))

    assert "may belong to demo as well" in str(await reading.pass_minutes(2))


async def test_a_runtime_without_the_series_leaves_it_unknown() -> None:
    """Stable's runtime has no such counter: nothing is made up."""
    reading = Reading()
    watched = reading.reader.find_fleet()[KEY]
    without = replace(watched.objectives[0], stable_source=None)
    reading.reader.watch(KEY, replace(watched, objectives=(without,)))
    reading.prometheus.pod(STABLE, per_second=1)

    assert await reading.pass_minutes(2) == f"{STABLE} has no series for the objective errors"


async def test_a_router_that_cannot_be_told_apart_yet_leaves_a_gap() -> None:
    """The route has no backend position of stable."""
    reading = Reading()
    watched = reading.reader.find_fleet()[KEY]
    routed = replace(watched.objectives[0], origin=Origin.ROUTER)
    reading.reader.watch(KEY, replace(watched, objectives=(routed,)))

    assert await reading.pass_minutes(2) == "the route has no backend position yet"


async def test_one_odd_object_does_not_end_the_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reason is told, and all others are counted."""
    reading = Reading()
    reading.prometheus.pod(STABLE, per_second=1)

    def fail(*_: object, **__: object) -> Counts:
        raise RuntimeError("odd")

    monkeypatch.setattr("palier.metrics.served.count_served", fail)
    assert await reading.pass_minutes(1) == "counting failed: RuntimeError"


def test_a_candidate_without_users_is_nobody() -> None:
    """What only waits for its pods is not what users meet."""
    watched = choose_objectives(model_deployment(), releasing(ReleasePhase.PREPARING, traffic_since=None))
    assert watched is not None
    assert watched.candidate == NOBODY


def test_what_has_no_bad_events_has_no_budget() -> None:
    """A mean and a score are watched otherwise; without any share there is nothing to count."""
    deployment = model_deployment()
    (errors,) = deployment.spec.objectives
    mean = errors.model_validate({"name": "tokens", "mean": {"signal": "tokensIn", "max": "5"}})
    spec = deployment.spec.model_copy(update={"objectives": [mean]})

    assert choose_objectives(deployment.model_copy(update={"spec": spec}), serving()) is None
    assert choose_objectives(deployment, State()) is None
