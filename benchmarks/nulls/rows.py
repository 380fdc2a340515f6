"""What is played: worlds in which both versions are equal but look unlike, and candidates that must be found."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product

from benchmarks.evidence.rows import BY_KEY
from benchmarks.nulls.amounts import Means
from benchmarks.nulls.gauges import Gauges
from benchmarks.nulls.groups import Groups
from palier.evidence.sentences import write_limit
from palier.simulate.case import MINUTE, Case, Span, Stage

World = Case | Groups | Means | Gauges


class Aim(StrEnum):
    """What is wanted of a row."""

    LEFT_ALONE = "left alone"
    """The versions are equal: at most 1 % are rolled back."""
    NOT_BLAMED = "not blamed"
    """One pod has a bad spell: the version is blamed for it in at most 5 %."""
    NOT_PROVEN = "not proven"
    """The objective is broken by little: a promotion is wrong."""
    FOUND = "found"
    """The candidate is worse."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report."""

    key: str
    section: str
    title: str
    world: World
    aim: Aim = Aim.LEFT_ALONE
    independent: bool = False
    """Whether failures are independent, so that hardly ever anybody should step back."""
    heavy: bool = False
    """Whether a run takes so long that fewer are played."""
    least: float = 1.0
    """Share of the runs in which a candidate that is worse has to be stopped."""
    within: float = math.inf
    """Seconds after the onset within which half of the runs have to be."""
    dead: bool = False
    """Whether the candidate fails every request."""

    @property
    def onset(self) -> float:
        """When the candidate becomes worse, or one of its pods fails, in seconds."""
        if not isinstance(self.world, Case):
            return 0.0
        return self.world.bad_pod.start if self.world.bad_pod.length else self.world.onset


@dataclass(frozen=True, slots=True)
class Effort:
    """Runs per row."""

    harmless: int
    harmful: int
    heavy: int


QUICK = Effort(harmless=80, harmful=80, heavy=10)
FULL = Effort(harmless=600, harmful=400, heavy=400)

HALF = 30.0
"""Minutes of a release whose story is short."""


def _traffic(rate: float, weight: int = 10) -> str:
    return f"{rate:g} request{'' if rate == 1 else 's'}/s at {weight} %"


def _pods(number: int) -> str:
    return f"{number} pod{'' if number == 1 else 's'} of the candidate and 3 of stable"


def _points(number: int) -> str:
    return f"{number} percentage point{'' if number == 1 else 's'}"


def case(weight: int = 10, **changes: object) -> Case:
    """A case at one weight until its end."""
    changed = replace(Case(), **changes)  # type: ignore[arg-type]
    return replace(changed, stages=(Stage(weight, changed.duration, changed.duration),))


def _plain() -> Iterator[Row]:
    section = "Nothing is unusual"
    for rate, weight in product((100, 10, 1), (5, 10, 50)):
        yield Row(
            f"aa-{rate}-{weight}", section, _traffic(rate, weight), case(weight, rps=float(rate)), independent=True
        )
    for rate in (100, 5):
        slow = case(objectives=("latency",), rps=float(rate))
        yield Row(f"aa-latency-{rate}", section, f"latency, {_traffic(rate)}", slow, independent=True)


def _unlike() -> Iterator[Row]:
    section = "Pods that are not alike"
    for spread, pods in product((0.02, 0.05, 0.1), (1, 3)):
        world = case(objectives=("latency",), pod_speed_spread=spread, candidate_pods=pods)
        yield Row(f"speed-{spread}-{pods}", section, f"speed differs by {write_limit(spread)}, {_pods(pods)}", world)
    for limit, pods in product((0.01, 0.05), (1, 3)):
        world = case(pod_error_spread=0.6, max_errors=limit, candidate_pods=pods)
        title = f"errors differ by e^±0.6, {write_limit(limit)} allowed, {_pods(pods)}"
        yield Row(f"odds-{limit}-{pods}", section, title, world)


def _drifting() -> Iterator[Row]:
    section = "Pods that wander, within 20 minutes"
    for pods in (1, 3):
        of = _pods(pods)
        speed = case(objectives=("latency",), pod_speed_drift=0.05, candidate_pods=pods)
        yield Row(f"drift-speed-{pods}", section, f"speed by 5 %, {of}", speed)
        both = case(objectives=("errors", "latency"), pod_speed_drift=0.05, pod_error_drift=0.05, candidate_pods=pods)
        yield Row(f"drift-both-{pods}", section, f"speed and errors by 5 %, both promised, {of}", both)
        errors = case(pod_error_drift=0.3, candidate_pods=pods)
        yield Row(f"drift-errors-{pods}", section, f"errors by e^±0.3, {of}", errors)


def _one_pod() -> Iterator[Row]:
    section = "A bad spell of one pod of the candidate, from minute 10"
    spells = ((3, 0.5), (5, 0.2), (10, 0.05))
    for (minutes, share), rate, pods in product(spells, (100.0, 10.0), (1, 2, 4)):
        world = case(
            minutes=HALF,
            rps=rate,
            candidate_pods=pods,
            bad_pod=Span(10 * MINUTE, minutes * MINUTE),
            spell_share=share,
        )
        title = (
            f"{minutes} min at {write_limit(share)}, the only pod"
            if pods == 1
            else f"{minutes} min at {write_limit(share)}, 1 of {pods}"
        )
        key = f"bad-pod-{minutes}-{rate:g}-{pods}"
        yield Row(key, section, f"{title}, {_traffic(rate)}", world, Aim.NOT_BLAMED)


def _spells() -> Iterator[Row]:
    section = "Bad spells of any pod, one an hour for each, 3 min on average"
    for share, pods in product((0.05, 0.3), (1, 3)):
        world = case(spells=1.0, spell_share=share, candidate_pods=pods)
        yield Row(f"spells-{share}-{pods}", section, f"{write_limit(share)} fail, {_pods(pods)}", world, Aim.NOT_BLAMED)


def _poison() -> Iterator[Row]:
    section = "Four poisoned requests an hour, ten tries each"
    for rate, weight in product((100, 10, 1), (10, 50)):
        world = case(weight, rps=float(rate), poison=4.0)
        yield Row(f"poison-{rate}-{weight}", section, _traffic(rate, weight), world)


def _cold_caches() -> Iterator[Row]:
    section = "A cold cache: half of the first answers are slow"
    for minutes, rate in product((1, 2, 3), (100, 10)):
        world = case(
            rps=float(rate),
            objectives=("latency",),
            latency_factor=20.0,
            slow_for=minutes * MINUTE,
            slow_part=0.5,
        )
        yield Row(f"cold-{minutes}-{rate}", section, f"{minutes} min, {_traffic(rate)}", world)


def _outages() -> Iterator[Row]:
    section = "An outage that both share, in minute 10"
    for share, seconds, rate, weight in product((1.0, 0.5), (10, 30, 60, 120), (100, 1), (10, 50, 90)):
        outage = Span(10 * MINUTE + 5, seconds)
        world = case(weight, minutes=HALF, rps=float(rate), outage=outage, outage_share=share)
        title = f"{write_limit(share)} fail for {seconds} s, {_traffic(rate, weight)}"
        yield Row(f"outage-{share:g}-{seconds}-{rate}-{weight}", section, title, world)


_SHARED = (
    *("diurnal", "bursty", "missing", "target-gone", "prometheus-down", "prometheus-long", "churn"),
    *("over-0.002", "over-0.01", "over-0.05", "outage", "ramp", "ramp-falling", "ramp-rising", "cold-start"),
)
"""Rows of the comparison with other tools."""


def _shared_rows() -> Iterator[Row]:
    for key in _SHARED:
        yield Row(key, "Traffic, scrapes and clusters", BY_KEY[key].title, BY_KEY[key].case)


def _groups() -> Iterator[Row]:
    section = "Groups of users, of which a fifth fails 8 instead of 2 %, judged without pods and scrapes"
    for number, sticks in product((5, 20, 200, 2000), (False, True)):
        title = f"{number:,} groups, {'each at one version' if sticks else 'each request by chance'}"
        key = f"groups-{number}-{'sticky' if sticks else 'random'}"
        yield Row(key, section, title, Groups(number, sticks=sticks), heavy=number > 200)  # noqa: PLR2004


def _means() -> Iterator[Row]:
    section = "Amounts as skewed as a lognormal with sigma 2, judged without pods and scrapes"
    for requests in (1, 3, 30):
        at_limit = f"{requests} a look, the mean exactly at the limit"
        yield Row(f"mean-{requests}-limit", section, at_limit, Means(requests, 1.0), heavy=True)
        above = f"{requests} a look, a tenth above the limit"
        yield Row(f"mean-{requests}-above", section, above, Means(requests, 1.1), Aim.NOT_PROVEN, heavy=True)


def _cut_means() -> Iterator[Row]:
    section = "The same amounts, cut off at 100 times the limit, which is stated as maxPerEvent"
    for requests in (1, 3, 30):
        for name, mean, aim in (("limit", 1.0, Aim.LEFT_ALONE), ("above", 1.1, Aim.NOT_PROVEN)):
            where = "the mean exactly at the limit" if name == "limit" else "a tenth above the limit"
            world = Means(requests, mean, most=100.0, stated=True)
            yield Row(f"mean-cut-{requests}-{name}", section, f"{requests} a look, {where}", world, aim, heavy=True)


def _dearer_means() -> Iterator[Row]:
    section = "Amounts as skewed as a lognormal with sigma 1, 300 a look, stable a tenth below the limit"
    for most, more, stated in product((4, 12), (20, 100), (True, False)):
        world = Means(300, 0.9 * (1 + more / 100), 0.9, sigma=1.0, most=float(most), stated=stated, ends=True)
        known = "stated" if stated else "not stated"
        title = f"+{more} %, at most {most} times the limit, which is {known}"
        key = f"mean-dearer-{most}-{more}-{'stated' if stated else 'estimated'}"
        yield Row(key, section, title, world, Aim.FOUND, heavy=True, least=0.95)


def _gauges() -> Iterator[Row]:
    section = "A gauge that is bad in spells, 5 % of the scrapes allowed, judged without pods"
    for share, minutes in product((0.02, 0.05), (1, 3, 10)):
        yield Row(
            f"gauge-{share}-{minutes}",
            section,
            f"{write_limit(share)} in spells of {minutes} min",
            Gauges(share, minutes),
        )


def _worse() -> Iterator[Row]:
    """With the times that the engine took before it gave suspicious candidates less traffic, and a look more."""
    section = "The candidate is worse"
    for points, rate, weight, least, within in (
        (5, 100, 5, 0.99, 180.0),
        (1, 100, 5, 0.99, 540.0),
        (5, 100, 10, 0.99, 180.0),
        (1, 100, 10, 0.99, 360.0),
        (1, 10, 10, 0.9, 1980.0),
        (5, 1, 10, 0.95, 1560.0),
    ):
        world = case(weight, rps=float(rate), error_delta=points / 100)
        title = f"+{_points(points)}, {_traffic(rate, weight)}"
        key = f"errors-{points}-{rate}-{weight}"
        yield Row(key, section, title, world, Aim.FOUND, least=least, within=within)
    for factor, within in ((1.1, 750.0), (1.2, 270.0), (1.5, 180.0)):
        world = case(objectives=("latency",), latency_factor=factor)
        title = f"latency x {factor}, {_traffic(100)}"
        yield Row(f"latency-{factor}", section, title, world, Aim.FOUND, least=0.99, within=within)
    for points, rate, within in ((5, 100, 330.0), (1, 100, 600.0), (5, 10, 480.0)):
        world = case(rps=float(rate), error_delta=points / 100, onset=40 * MINUTE)
        title = f"+{_points(points)} from minute 40 on, {_traffic(rate)}"
        yield Row(f"late-{points}-{rate}", section, title, world, Aim.FOUND, least=0.99, within=within)


def _dead() -> Iterator[Row]:
    section = "Every request to the candidate fails"
    for rate, (look, scrape) in product((1, 10, 100), ((5, 5), (5, 15), (15, 15), (30, 15))):
        world = case(minutes=15.0, rps=float(rate), look=float(look), scrape=float(scrape), error_delta=1.0)
        title = f"{_traffic(rate)}, looks every {look} s, scrapes every {scrape} s"
        yield Row(f"dead-{rate}-{look}-{scrape}", section, title, world, Aim.FOUND, dead=True)


ROWS: tuple[Row, ...] = (
    *_plain(),
    *_unlike(),
    *_drifting(),
    *_one_pod(),
    *_spells(),
    *_poison(),
    *_cold_caches(),
    *_outages(),
    *_shared_rows(),
    *_groups(),
    *_means(),
    *_cut_means(),
    *_dearer_means(),
    *_gauges(),
    *_worse(),
    *_dead(),
)

ROW_BY_KEY: Mapping[str, Row] = {row.key: row for row in ROWS}
