"""Presets against the real Prometheus: every signal is in what the runtime answers, with the numbers that happened.

The answers below `expositions/` are recorded from the program where their first line says so; the others are written
after its documentation, independently of the preset.
"""

import math
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass

import pytest

from palier.evidence.counters import Measurable, Series
from palier.metrics.prometheus import PrometheusSource
from palier.presets import ROUTERS, Counter, Gauge, Histogram, Mean, Missing, Provenance, all_presets, router
from tests.prometheus.conftest import EXPOSITIONS, NAMESPACE, Scraped, texts
from tests.prometheus.expected import CASES, ROUTED, Case, Level, Slow, Sum
from tests.support.counting import histogram_counts, increments

STALENESS = 5.0


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what was scraped of one runtime."""

    source: PrometheusSource
    scraped: Scraped
    answer: str

    async def series(self, selector: str) -> list[Series]:
        """The series of a selector, of this runtime only."""
        found = await self.source.samples(selector, at=self.scraped.after, seconds=60)
        return [one for one in found if one.labels["job"] == self.answer]

    async def events(self, selectors: Iterable[str], only: tuple[str, str] | None = None) -> int:
        """Events between the scrapes."""
        series = [one for selector in selectors for one in await self.series(selector)]
        assert series, f"{self.answer} has none of {list(selectors)}"
        counted = increments(
            [*series, *await self.series("up")],  # `up` tells since when the runtime has been scraped
            pod_of=self._chooser(only),
            start=self.scraped.before,
            end=self.scraped.after,
            staleness=STALENESS,
        )
        return counted[self.answer].count if self.answer in counted else 0

    def _chooser(self, only: tuple[str, str] | None) -> Callable[[Mapping[str, str]], str | None]:
        """What counts: the series with the label's value, or all, and never `up`."""

        def chosen(labels: Mapping[str, str]) -> str | None:
            counts = labels["__name__"] != "up" and (only is None or labels.get(only[0]) == only[1])
            return self.answer if counts else None

        return chosen

    async def rise(self, selector: str) -> float:
        """How much the series of a sum rose together."""
        series = await self.series(selector)
        assert series, f"{self.answer} has no {selector}"
        return math.fsum(
            one.samples[-1][1] - next((value for at, value in one.samples if at <= self.scraped.before), 0.0)
            for one in series
        )

    async def slow(self, histogram: Histogram, edge: float, only: tuple[str, str] | None = None) -> tuple[int, int]:
        """Observations between the scrapes, and those above an edge, which has to be one of the histogram's."""
        buckets = await self.series(_suffixed(histogram.selector, "_bucket"))
        counted = histogram_counts(
            [*buckets, *await self.series("up")],
            threshold=edge,
            pod_of=self._chooser(only),
            start=self.scraped.before,
            end=self.scraped.after,
            staleness=STALENESS,
        )[self.answer]
        assert counted.measurable is Measurable.EXACT
        return counted.counts.total, counted.counts.bad

    async def edges(self, histogram: Histogram) -> list[float]:
        """The bucket edges that the runtime really has."""
        buckets = await self.series(_suffixed(histogram.selector, "_bucket"))
        return sorted({float(one.labels["le"]) for one in buckets} - {math.inf})

    async def level(self, selector: str) -> float:
        """The newest values of a gauge, added up."""
        series = await self.series(selector)
        assert series, f"{self.answer} has no {selector}"
        return math.fsum(one.samples[-1][1] for one in series)


def _suffixed(selector: str, suffix: str) -> str:
    return re.sub(r"^[^{]+", lambda name: name[0] + suffix, selector)


@pytest.fixture
async def source(scraped: Scraped) -> AsyncIterator[PrometheusSource]:
    """Palier's own reader of Prometheus."""
    reader = PrometheusSource(scraped.url)
    yield reader
    reader.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.answer)
async def test_a_preset_finds_every_signal_in_what_the_runtime_answers(
    case: Case, scraped: Scraped, source: PrometheusSource
) -> None:
    """Requests, errors, slow shares, means and levels come out as they happened; edges are those of the preset."""
    reader = Reader(source, scraped, case.answer)
    told = {name for name, signal in case.preset.signals.items() if not isinstance(signal, Missing)}
    assert set(case.expected) == told
    for name, expected in case.expected.items():
        match case.preset.signals[name], expected:
            case Counter(selectors=selectors), int():
                assert await reader.events(selectors) == expected, name
            case Histogram() as histogram, Slow(edge, total, above):
                assert await reader.slow(histogram, edge) == (total, above), name
                assert await reader.edges(histogram) == pytest.approx(histogram.bounds, rel=1e-9), name
            case Mean(amount=amount, total=parts), Sum(risen, total):
                assert await reader.rise(amount) == pytest.approx(risen), name
                assert await reader.events(parts) == total, name
            case Gauge(selector=selector), Level(value):
                assert await reader.level(selector) == value, name
            case signal, _:
                pytest.fail(f"{name} is a {type(signal).__name__}, and {expected} was expected")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.answer)
async def test_each_selector_of_a_preset_has_series(case: Case, scraped: Scraped, source: PrometheusSource) -> None:
    """A selector that finds nothing would count zero, so each of them is met."""
    reader = Reader(source, scraped, case.answer)
    for name, signal in case.preset.signals.items():
        match signal:
            case Counter(selectors=selectors):
                wanted = selectors
            case Mean(amount=amount, total=parts):
                wanted = (amount, *parts)
            case _:
                wanted = ()
        for selector in wanted:
            assert await reader.series(selector), f"{name}: {selector}"


@pytest.mark.parametrize("name", ROUTERS)
async def test_a_router_preset_tells_the_backends_apart(name: str, scraped: Scraped, source: PrometheusSource) -> None:
    """Each backend's requests, errors and slow requests are its own, also those that begin with its first error."""
    preset, reader = router(name), Reader(source, scraped, name)
    assert preset.latency is not None
    for backend in ROUTED[name]:
        value = preset.backend(namespace=NAMESPACE, name="demo", revision=backend.revision, position=backend.position)
        only = (preset.label, value)
        assert await reader.events(preset.requests.selectors, only) == backend.requests, backend
        assert await reader.events(preset.errors.selectors, only) == backend.errors, backend
        if backend.slow is not None:
            counted = await reader.slow(preset.latency, backend.slow.edge, only)
            assert counted == (backend.slow.total, backend.slow.above), backend
    assert await reader.edges(preset.latency) == list(preset.latency.bounds)


def test_every_preset_is_tested_and_says_how_it_is_known() -> None:
    """No preset and no answer is left out, and a preset is Recorded exactly if its answer was."""
    assert sorted(case.preset.title for case in CASES) == sorted(preset.title for preset in all_presets())
    assert {case.answer for case in CASES} | set(ROUTERS) == {path.stem for path in EXPOSITIONS.glob("*.txt")}
    known = {case.answer: case.preset.provenance for case in CASES}
    known |= {name: router(name).provenance for name in ROUTERS}
    for answer, provenance in known.items():
        recorded = texts(answer)[0].startswith("# Recorded from ")
        assert recorded == (provenance is Provenance.RECORDED), answer
