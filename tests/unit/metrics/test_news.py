"""Which releases cannot wait after a look: those that it has changed, and none that merely got new numbers."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from palier.api.status.values import SuspectedBy
from palier.errors import MetricsUnavailable
from palier.evidence.caution import CLEARED, CONFIRMED, Caution, Suspicion
from palier.evidence.counters import Series
from palier.evidence.objective import Counts, Evidence, ObjectiveRule, has_failed, observe, start_evidence
from palier.measuring.coverage import Coverage
from palier.measuring.look import WatchedRelease
from palier.measuring.sources import CounterRatio, MeasuredObjective
from palier.metrics.looks import Looks
from palier.metrics.news import News

STABLE, CANDIDATE = "aaaaaaaaaa", "bbbbbbbbbb"
START = 1_000_000.0
KEY, OTHER = ("ml", "demo"), ("ml", "other")
ERRORS = MeasuredObjective(
    ObjectiveRule("errors", limit=0.01, margin=1.25, alpha=0.01, pods_may_grow=False),
    CounterRatio(("bad_total",), ("all_total",)),
    CounterRatio(("bad_total",), ("all_total",)),
)


def release(**changes: object) -> WatchedRelease:
    """A candidate that has had traffic since START."""
    watched = WatchedRelease(
        candidate=CANDIDATE,
        stable=STABLE,
        stage_index=0,
        begun_at=START - 10,
        traffic_since=START,
        objectives=(ERRORS,),
        evidence={},
    )
    return replace(watched, **changes)


def seen(*looks: Counts) -> dict[str, Evidence]:
    """The evidence of a candidate beside a stable that fails nothing."""
    evidence = start_evidence(ERRORS.digest)
    for counts in looks:
        evidence = observe(evidence, counts, Counts(counts.total, 0, 0), ERRORS.rule)
    return {"errors": evidence}


GOOD, BAD = Counts(100, 0, 0), Counts(100, 20, 20)


def test_numbers_alone_are_no_news() -> None:
    """However much a good candidate is seen, nothing has changed that could not wait."""
    news = News()
    for number in range(1, 30):
        assert not news.take(KEY, release(evidence=seen(*[GOOD] * number)))


def test_a_breach_is_news_in_the_very_look_that_proves_it() -> None:
    """Whenever the evidence comes to fail the candidate, it is told; from then on it is known."""
    news, told = News(), []
    for bad in range(8):
        evidence = seen(GOOD, GOOD, *[BAD] * bad)
        if news.take(KEY, release(evidence=evidence)) and has_failed(evidence["errors"], ERRORS.rule):
            told.append(bad)
    first = next(bad for bad in range(8) if has_failed(seen(GOOD, GOOD, *[BAD] * bad)["errors"], ERRORS.rule))
    assert told == [first]


def test_a_suspicion_is_news_before_the_breach_is() -> None:
    """In the look that first suspects the candidate, which is handled before all that can wait."""
    news = News()
    assert not news.take(KEY, release(evidence=seen(GOOD)))
    suspected = seen(GOOD, BAD)

    assert not has_failed(suspected["errors"], ERRORS.rule)
    assert news.take(KEY, release(evidence=suspected))
    assert not news.take(KEY, release(evidence=suspected))


def test_what_fresh_requests_say_is_news_at_its_bounds() -> None:
    """When they clear or confirm the suspicion, and not while they only come nearer to it."""
    news, evidence = News(), seen(GOOD)["errors"]
    ratios = [0.0, CONFIRMED / 2, CONFIRMED, CONFIRMED + 1, CLEARED / 2, CLEARED, CLEARED - 1]
    told = []
    for ratio in ratios:
        suspicion = Suspicion(SuspectedBy.RELATIVE, 3, ratio, 2)
        followed = {"errors": replace(evidence, caution=Caution(suspicion=suspicion))}
        told.append(news.take(KEY, release(evidence=followed, cautious=True)))

    assert told == [True, False, True, False, True, True, False]


@pytest.mark.parametrize("change", ["pods_read", "router_read"])
def test_blindness_is_news_when_it_begins_and_when_it_ends(change: str) -> None:
    """But neither while it lasts nor when only its reason is another one."""
    news = News()
    reasons = ["", "away", "away", "no samples", "", ""]
    assert [news.take(KEY, release(**{change: Coverage(unseen=reason)})) for reason in reasons] == [
        False,
        True,
        False,
        False,
        True,
        False,
    ]


def test_an_objective_that_cannot_be_measured_is_news() -> None:
    """Each for itself."""
    news = News()
    missing: list[dict[str, str]] = [{}, {"errors": "gone"}, {"errors": "still"}, {"errors": "gone", "p95": "gone"}, {}]
    assert [news.take(KEY, release(missing=one)) for one in missing] == [False, True, False, True, True]


def test_releases_are_told_apart_and_told_anew_when_forgotten() -> None:
    """A restart or another stage knows of nothing that was told before."""
    news = News()
    breached = release(evidence=seen(*[BAD] * 8))
    assert news.take(KEY, breached)
    assert not news.take(KEY, breached)
    assert news.take(OTHER, breached)
    news.forget(KEY)
    assert news.take(KEY, breached)
    assert not news.take(OTHER, breached)


def test_evidence_that_cannot_be_judged_is_news_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever judges it has to say so; the looks at all others go on."""

    def broken(_evidence: Evidence, _rule: ObjectiveRule) -> str:
        raise ValueError("math domain error")

    monkeypatch.setattr("palier.measuring.alerts.alarm", broken)
    assert News().take(KEY, release(evidence=seen(GOOD)))
    assert "ml/demo cannot be judged" in caplog.text


class Fleet:
    """Stands for Prometheus: pods of several releases, each of which fails a share of its requests."""

    def __init__(self) -> None:
        self.fails: dict[str, float] = {}
        """Share of the requests that the candidate of a release fails, by its name."""
        self.away = False
        self._counted: dict[tuple[str, str], list[tuple[float, float, float]]] = {}

    def count(self, at: float, *names: str) -> None:
        """Another second: each pod has answered a hundred requests more and was scraped."""
        for name in names:
            for revision in (STABLE, CANDIDATE):
                samples = self._counted.setdefault((name, revision), [(at - 1, 0.0, 0.0)])
                bad = 100 * self.fails.get(name, 0.0) if revision == CANDIDATE else 0.0
                samples.append((at, samples[-1][1] + 100, samples[-1][2] + bad))

    async def samples(self, selector: str, *, at: float, seconds: float) -> list[Series]:
        """See `MetricSource.samples`."""
        if self.away:
            raise MetricsUnavailable("Unreachable", "nobody there")
        column = {"all_total": 1, "bad_total": 2}.get(selector.partition("{")[0])
        return [
            Series(
                {"namespace": "ml", "pod": f"{name}-{revision}-6b7f9c8d5f-x2x4z"},
                tuple((one[0], one[column] if column else 1.0) for one in samples if at - seconds < one[0] <= at),
            )
            for (name, revision), samples in self._counted.items()
        ]

    def close(self) -> None:
        """Nothing is held."""


async def test_a_look_tells_of_everybody_and_apart_of_those_that_cannot_wait() -> None:
    """All are looked at at every look; a breach and a Prometheus that goes away or comes back are told apart."""
    fleet, told = Fleet(), list[tuple[Sequence[tuple[str, str]], Sequence[tuple[str, str]]]]()
    changed: list[Sequence[tuple[str, str]]] = []
    looks = Looks(
        fleet,
        interval=1,
        scrape_interval=1,
        looked=lambda keys: told.append((keys, changed.pop())),
        changed=changed.append,
        clock=lambda: START,
    )
    for key in (KEY, OTHER):
        looks.watch(key, release())
    for second in range(1, 16):
        fleet.fails = {"demo": 0.5} if second >= 5 else {}
        fleet.away = 10 <= second < 13
        fleet.count(START + second, "demo", "other")
        await looks.look(START + second)

    assert all(keys == [KEY, OTHER] for keys, _ in told)
    found = {second: apart for second, (_, apart) in enumerate(told, start=1) if apart}
    (breach, *_) = found
    assert 5 <= breach <= 7
    assert found == {breach: [KEY], 10: [KEY, OTHER], 13: [KEY, OTHER]}
    # A release that begins another stage is told anew of what stands against it.
    evidence = looks.find_watched(KEY, candidate=CANDIDATE, begun_at=START - 10, stage_index=0)
    assert evidence is not None
    looks.watch(KEY, replace(evidence, stage_index=1))
    fleet.count(START + 16, "demo", "other")
    await looks.look(START + 16)
    assert told[-1][1] == [KEY]
