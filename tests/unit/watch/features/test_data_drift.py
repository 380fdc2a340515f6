"""One comparison, and window after window: what is found, when it is confirmed, and what nobody can tell."""

import math
from dataclasses import replace

import numpy as np
import pytest

from palier.watch.features.broken import FaultKind
from palier.watch.features.data_drift import (
    DriftFinding,
    Memory,
    Report,
    Series,
    State,
    compare_windows,
    name_confirmed,
    watch_window,
)
from palier.watch.features.drift_words import describe_finding
from palier.watch.features.measure import DriftRules, Measures, share_alpha
from palier.watch.features.profile import Categories, Feature, Numbers, Part, Profile, Reference
from tests.support.thorough import examples

EDGES = tuple(float(edge) for edge in range(1, 10))
RULES = DriftRules(alpha=share_alpha(3600))
EVEN = np.full(10, 0.1)
SLOPE = np.linspace(0.16, 0.04, 10)
"""PSI 0.18 from even shares."""


class Source:
    """Windows of four features, drawn by chance."""

    def __init__(self, seed: int = 1) -> None:
        self.random = np.random.default_rng(seed)

    def number(self, rows: int, shares: np.ndarray = EVEN) -> Numbers:
        """A window of a number."""
        return Numbers(EDGES, tuple(self.random.multinomial(rows, shares).tolist()))

    def window(self, rows: int, **features: Feature) -> Profile:
        """A window of all users and of two groups, in which some features are as given."""
        usual = {f"f{place}": self.number(rows) for place in range(4)}
        groups = {
            name: Part(size, {f"f{place}": self.number(size) for place in range(4)})
            for name, size in (("large", rows * 9 // 10), ("small", rows // 10))
        }
        return Profile(rows, {**usual, **features}, "group", groups)


def states(report: Report, feature: str = "f0", group: str = "") -> State:
    """What is known of one feature."""
    return next(one.state for one in report.findings if one.series == Series(group, feature))


@pytest.fixture
def source() -> Source:
    """A source with a seed."""
    return Source()


@pytest.fixture
def reference(source: Source) -> Reference:
    """Twenty thousand rows."""
    return Reference("training.csv", source.window(20_000))


def test_nothing_has_changed(source: Source, reference: Reference) -> None:
    """It is shown to be so, for all users and for each group."""
    report = compare_windows(source.window(5000), reference, RULES)

    assert {one.state for one in report.findings} == {State.NO_DRIFT}
    assert len(report.findings) == 12
    assert not report.has_drifted
    assert (report.reference, report.rows, report.reference_rows) == ("training.csv", 5000, 20_000)


def test_one_feature_has_drifted(source: Source, reference: Reference) -> None:
    """It alone is named, with its size, its interval, and the distances that other tools show."""
    report = compare_windows(source.window(5000, f2=source.number(5000, SLOPE)), reference, RULES)

    (found,) = report.list_findings(State.DRIFT)
    assert found.series == Series("", "f2")
    assert found.psi is not None
    assert found.low < found.psi < found.high
    assert found.psi == pytest.approx(0.18, abs=0.04)
    assert found.distances is not None
    assert found.distances.chi_square_p < 1e-9
    assert found.distances.kolmogorov_smirnov == pytest.approx(0.17, abs=0.03)
    assert (found.major, found.faults) == (False, ())


def test_only_a_group_has_drifted(source: Source, reference: Reference) -> None:
    """It is named, although the total does not show it."""
    window = source.window(5000)
    small = {**window.groups["small"].features, "f1": source.number(500, np.linspace(0.19, 0.01, 10))}
    window = replace(window, groups={**window.groups, "small": Part(500, small)})

    report = compare_windows(window, reference, RULES)

    assert [one.series for one in report.list_findings(State.DRIFT)] == [Series("small", "f1")]
    assert str(report.list_findings(State.DRIFT)[0].series) == "f1 of small"
    assert report.list_findings(State.DRIFT)[0].major


def test_too_few_events(source: Source, reference: Reference) -> None:
    """Nobody can tell, and the number that would do is told; with that many it can be told."""
    few = compare_windows(source.window(40), reference, RULES)

    found = next(one for one in few.findings if one.series.group == "")
    assert found.state is State.CANNOT_TELL
    assert found.needed is not None
    assert found.needed.events is not None
    enough = compare_windows(source.window(found.needed.events), reference, RULES)
    assert states(enough) is State.NO_DRIFT


def test_a_reference_that_is_too_small(source: Source) -> None:
    """No window is large enough then: the number that the reference needs is told."""
    report = compare_windows(source.window(5000), Reference("canary", source.window(60)), RULES)

    found = report.findings[0]
    assert found.state is State.CANNOT_TELL
    assert "60 events in the reference are too few" in describe_finding(found, RULES)


def test_absent_data_decides_nothing(source: Source, reference: Reference) -> None:
    """A feature or a group that was not measured, or a window without rows, is neither drift nor none."""
    window = source.window(5000)
    lacking = replace(
        window,
        features={name: one for name, one in window.features.items() if name != "f3"},
        groups={"large": window.groups["large"]},
    )

    report = compare_windows(lacking, reference, RULES)

    unknown = {one.series for one in report.list_findings(State.CANNOT_TELL)}
    assert unknown == {Series("", "f3"), *(Series("small", f"f{place}") for place in range(4))}
    assert not report.has_drifted
    nothing = compare_windows(Profile(0, {}), reference, RULES)
    assert {one.state for one in nothing.findings} == {State.CANNOT_TELL}


def test_columns_of_a_file(source: Source, reference: Reference) -> None:
    """Where a file has all columns, one that is missing or new is a finding."""
    window = source.window(5000, new=Categories({"a": 5000}))
    window = replace(window, features={name: one for name, one in window.features.items() if name != "f3"})

    report = compare_windows(window, reference, RULES, complete=True)

    found = {one.series.feature: one.faults[0].kind for one in report.list_findings(State.DRIFT)}
    assert found == {"f3": FaultKind.MISSING_COLUMN, "new": FaultKind.NEW_COLUMN}
    assert not any(one.series.feature == "f3" and one.series.group for one in report.findings)


def test_bins_without_a_common_edge(source: Source, reference: Reference) -> None:
    """They cannot be compared, which is told and decides nothing."""
    report = compare_windows(source.window(500, f0=Numbers((0.5, 77.0), (1, 2, 497))), reference, RULES)

    found = next(one for one in report.findings if one.series == Series("", "f0"))
    assert found.state is State.CANNOT_TELL
    assert "no edge in common" in describe_finding(found, RULES)


def play(reference: Reference, *windows: Profile) -> list[Report]:
    """Windows that follow each other."""
    memory: Memory | None = None
    reports = []
    for window in windows:
        memory, report = watch_window(memory, window, reference, RULES)
        reports.append(report)
    return reports


def test_a_drift_is_confirmed_by_the_second_window(source: Source, reference: Reference) -> None:
    """The first one makes it suspected; a window before it without drift does not delay it."""
    windows = [source.window(2000), *(source.window(2000, f0=source.number(2000, SLOPE)) for _ in range(3))]

    found = [states(report) for report in play(reference, *windows)]

    assert found == [State.NO_DRIFT, State.SUSPECTED, State.DRIFT, State.DRIFT]


def test_a_drift_from_the_first_window_on(source: Source, reference: Reference) -> None:
    """Without a window before it there is nothing to confirm it."""
    windows = [source.window(2000, f0=source.number(2000, SLOPE)) for _ in range(2)]

    assert [states(report) for report in play(reference, *windows)] == [State.SUSPECTED, State.DRIFT]


def test_one_odd_window_is_no_drift(source: Source, reference: Reference) -> None:
    """However odd it is: the next one has to agree."""
    windows = [
        source.window(2000),
        source.window(2000, f0=source.number(2000, np.eye(10)[3])),
        source.window(2000),
        source.window(2000),
    ]

    found = [states(report) for report in play(reference, *windows)]

    assert found[1] is State.SUSPECTED
    assert State.DRIFT not in found
    assert found[3] is State.NO_DRIFT


@pytest.mark.parametrize(("chance", "confirmed"), [(0.0009, False), (1e-6, True)])
def test_beside_an_odd_window_nothing_is_confirmed_by_chance(chance: float, *, confirmed: bool) -> None:
    """Where both windows together name a hundred features, one in a thousand is no p-value that says anything."""
    hundred = Measures(*(np.zeros(100),) * 5, np.full(100, 50.0))

    found = name_confirmed(hundred, lambda place: chance if place == 7 else 0.5, RULES)

    assert found.tolist() == [confirmed and place == 7 for place in range(100)]


def test_alone_one_in_a_thousand_is_enough() -> None:
    """Where nothing else is named, and not more: the bound is that of both windows together."""
    one = Measures(*(np.zeros(3),) * 5, np.array([50.0, -math.inf, -math.inf]))

    assert name_confirmed(one, lambda _: 0.0009, RULES).tolist() == [True, False, False]
    assert name_confirmed(one, lambda _: 0.0011, RULES).tolist() == [False] * 3


def test_two_windows_find_what_one_cannot(source: Source, reference: Reference) -> None:
    """Each window has a third of the events that are needed; together they are enough."""
    steep = np.linspace(0.17, 0.03, 10)
    windows = [source.window(350, f0=source.number(350, steep)) for _ in range(2)]

    found = [states(report) for report in play(reference, *windows)]

    assert found[1] is State.DRIFT


def test_a_gap_confirms_nothing(source: Source, reference: Reference) -> None:
    """After a window that has nothing of the feature, the next one starts anew."""
    odd = [source.window(2000, f0=source.number(2000, SLOPE)) for _ in range(3)]
    empty = Profile(0, {}, "group", {})

    found = [states(report) for report in play(reference, odd[0], empty, *odd[1:])]

    assert found == [State.SUSPECTED, State.CANNOT_TELL, State.SUSPECTED, State.DRIFT]


def test_a_season_has_a_reference_for_each_window(source: Source) -> None:
    """Windows that differ from each other as their references do are no drift; a change of both is one."""
    day, night = EVEN, np.linspace(0.02, 0.18, 10)

    def reference(shares: np.ndarray) -> Reference:
        return Reference("season", source.window(20_000, f0=source.number(20_000, shares)))

    memory: Memory | None = None
    for shares in (day, night, day, night):
        window = source.window(2000, f0=source.number(2000, shares))
        memory, report = watch_window(memory, window, reference(shares), RULES)
        assert states(report) is State.NO_DRIFT
    found = []
    for shares in (day, night):
        window = source.window(2000, f0=source.number(2000, SLOPE))
        memory, report = watch_window(memory, window, reference(shares), RULES)
        found.append(states(report))
    assert found == [State.SUSPECTED, State.DRIFT]


def test_a_window_of_another_kind_is_not_added_up(source: Source, reference: Reference) -> None:
    """A number that becomes a category is compared by itself, and confirmed by the next window."""
    words = [source.window(2000, f0=Categories({"a": 2000})) for _ in range(2)]

    reports = play(reference, source.window(2000), *words)

    assert [states(report) for report in reports] == [State.NO_DRIFT, State.SUSPECTED, State.DRIFT]
    found = next(one for one in reports[2].findings if one.series == Series("", "f0"))
    assert [fault.kind for fault in found.faults] == [FaultKind.KIND_CHANGED]


def test_a_healthy_month_has_no_false_action() -> None:
    """Windows of 100 rows, in which ten features of all users and of two groups do not change: ten days of them."""
    source = Source(7)
    reference = Reference("training", source.window(20_000))

    reports = play(reference, *(source.window(100) for _ in range(examples(240, thorough=720))))

    assert sum(report.has_drifted for report in reports) == 0


def finding(**changes: object) -> DriftFinding:
    """A drift of a number, with some changes."""
    found = DriftFinding(
        Series("", "x"), State.DRIFT, "number", 500, 20_000, psi=0.31, low=0.27, high=0.354, log_e=math.log(2400)
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def test_words() -> None:
    """What is wrong, how large the change is, and how sure it is."""
    assert describe_finding(finding(), RULES) == "drift: PSI 0.31 (0.27 to 0.35; limit 0.1), odds 1:2400"
    assert describe_finding(finding(major=True), RULES).startswith("major drift: PSI 0.31")
    suspected = finding(state=State.SUSPECTED)
    assert describe_finding(suspected, RULES).startswith("drift is suspected; the next window will tell: PSI 0.31")
    small = finding(state=State.NO_DRIFT, psi=0.0041, low=0.0, high=0.02)
    assert describe_finding(small, RULES) == "no drift: PSI 0.004 (0 to 0.02; limit 0.1)"
    empty = finding(state=State.CANNOT_TELL, psi=None, events=0)
    assert describe_finding(empty, RULES) == "cannot tell: there is no event in the window"
