"""What is played: every row of the report, and how often."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from palier.simulate.case import MINUTE, Case, Span, Stage
from palier.simulate.scenarios import SCENARIOS

ENGINES = ("palier", "argo", "flagger", "kayenta", "naive")


@dataclass(frozen=True, slots=True)
class Row:
    """One case of the report."""

    key: str
    title: str
    case: Case
    harmless: bool
    """Whether a rollback is false."""
    thorough: bool = False
    """Whether Palier plays it most often: the promise of at most 1 % is tested here."""
    blind: bool = False
    """Whether nothing can be known: any decision is wrong."""
    dead: bool = False
    """Whether the candidate fails every request."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Runs per row."""

    thorough: int
    """Palier, in the rows that test its promise."""
    harmless: int
    """Palier, in the other rows without harm."""
    harmful: int
    """Palier, in the rows with harm."""
    peers: int
    """Everybody else, in every row."""
    sweep: int
    """Palier, for each of its settings in the sweep."""
    sweep_peers: int
    """Everybody else, for each setting in the sweep."""


QUICK = Effort(thorough=400, harmless=100, harmful=100, peers=200, sweep=30, sweep_peers=60)
FULL = Effort(thorough=10_000, harmless=1000, harmful=1000, peers=2000, sweep=200, sweep_peers=600)


def _case(scenario: str, **changes: object) -> Case:
    return replace(Case(**SCENARIOS[scenario].changes), **changes)  # type: ignore[arg-type]


_LATENCY = ("latency",)

ROWS: tuple[Row, ...] = (
    Row("aa-100", "equal, 100 requests/s", _case("aa"), harmless=True, thorough=True),
    Row("aa-10", "equal, 10 requests/s", _case("aa", rps=10.0), harmless=True, thorough=True),
    Row("aa-1", "equal, 1 request/s", _case("aa", rps=1.0), harmless=True, thorough=True),
    Row(
        "over-0.002",
        "equal, failures in clusters (0.002)",
        _case("overdispersion", overdispersion=0.002),
        harmless=True,
    ),
    Row("over-0.01", "equal, failures in clusters (0.01)", _case("overdispersion"), harmless=True, thorough=True),
    Row("over-0.05", "equal, failures in clusters (0.05)", _case("overdispersion", overdispersion=0.05), harmless=True),
    Row("churn", "equal, pods restart or change every 5 min", _case("churn"), harmless=True, thorough=True),
    Row("outage", "equal, shared outage of 5 min at 10 %", _case("outage"), harmless=True, thorough=True),
    Row("ramp", "equal, weight climbs 5, 10, 25, 50 %", _case("ramp-weights"), harmless=True, thorough=True),
    Row(
        "ramp-falling",
        "equal, weight climbs while errors of both fall 2 → 0.3 %",
        _case("ramp-weights", base_error=0.02, base_error_end=0.003),
        harmless=True,
    ),
    Row(
        "ramp-rising",
        "equal, weight climbs while errors of both rise 0.3 → 2 %",
        _case("ramp-weights", base_error=0.003, base_error_end=0.02),
        harmless=True,
    ),
    Row("missing", "equal, 20 % of the scrapes fail", _case("missing-data"), harmless=True, thorough=True),
    Row("target-gone", "equal, candidate not scraped for 5 min", _case("target-gone"), harmless=True),
    Row("prometheus-down", "equal, Prometheus down for 3 min", _case("prometheus-down"), harmless=True),
    Row(
        "prometheus-long",
        "equal, Prometheus down for 15 min",
        _case("prometheus-down", prometheus_down=Span(20 * MINUTE, 15 * MINUTE)),
        harmless=True,
    ),
    Row("diurnal", "equal, traffic and errors swing", _case("diurnal"), harmless=True),
    Row("bursty", "equal, bursts of ten times the traffic", _case("bursty"), harmless=True),
    Row("cold-start", "equal after 60 s at 5 x the latency", _case("cold-start"), harmless=True),
    Row("aa-latency-100", "equal, latency judged, 100 requests/s", _case("aa", objectives=_LATENCY), harmless=True),
    Row(
        "aa-latency-5",
        "equal, latency judged, 5 requests/s at 20 %",
        _case("aa", objectives=_LATENCY, rps=5.0, stages=(Stage(20, 60 * MINUTE, 60 * MINUTE),)),
        harmless=True,
    ),
    Row("no-data", "nothing is ever scraped", Case(no_data=True), harmless=True, blind=True),
    Row("errors-0.5", "+0.5 points of errors, 100 requests/s", _case("errors", error_delta=0.005), harmless=False),
    Row("errors-1", "+1 point, 100 requests/s", _case("errors"), harmless=False),
    Row("errors-5", "+5 points, 100 requests/s", _case("errors", error_delta=0.05), harmless=False),
    Row("errors-1-slow", "+1 point, 10 requests/s", _case("errors", rps=10.0), harmless=False),
    Row("errors-5-slow", "+5 points, 1 request/s", _case("low-traffic"), harmless=False),
    Row("late", "+1 point from minute 40 on", _case("late"), harmless=False),
    Row("leak", "errors grow by 5 points in 30 min", _case("leak"), harmless=False),
    Row("dead-100", "every request fails, 100 requests/s", _case("dead"), harmless=False, dead=True),
    Row("dead-1", "every request fails, 1 request/s", _case("dead", rps=1.0), harmless=False, dead=True),
    Row("latency-1.1", "latency x 1.1, 100 requests/s", _case("latency", latency_factor=1.1), harmless=False),
    Row("latency-1.5", "latency x 1.5, 100 requests/s", _case("latency"), harmless=False),
    Row("latency-5", "latency x 5, 100 requests/s", _case("latency", latency_factor=5.0), harmless=False),
)

BY_KEY: Mapping[str, Row] = {row.key: row for row in ROWS}


@dataclass(frozen=True, slots=True)
class Curve:
    """One panel of a picture: a row without harm, and one with it, at the same traffic."""

    title: str
    harmless: str
    harmful: str


PICTURES: Mapping[str, tuple[Curve, ...]] = {
    "five-points": (
        Curve("100 requests/s, +5 points", "aa-100", "errors-5"),
        Curve("10 requests/s, +5 points", "aa-10", "errors-5-ten"),
        Curve("1 request/s, +5 points", "aa-1", "errors-5-slow"),
    ),
    "one-point": (
        Curve("100 requests/s, +1 point", "aa-100", "errors-1"),
        Curve("10 requests/s, +1 point", "aa-10", "errors-1-slow"),
        Curve("100 requests/s, +1 point, clusters 0.01", "over-0.01", "errors-1-over"),
    ),
}

SWEPT: Mapping[str, Row] = {
    **BY_KEY,
    "errors-5-ten": Row(
        "errors-5-ten", "+5 points, 10 requests/s", _case("errors", error_delta=0.05, rps=10.0), harmless=False
    ),
    "errors-1-over": Row(
        "errors-1-over", "+1 point, clusters (0.01)", _case("errors", overdispersion=0.01), harmless=False
    ),
}
