"""What matters and what is certain: both are needed, and how many events would do is told."""

import math

import numpy as np
import pytest

from palier.simulate.data_drift import tilt_shares
from palier.watch.features.distances import compute_psi
from palier.watch.features.measure import DriftRules, measure, measure_tables, name_certain, plan_events, share_alpha
from palier.watch.features.table import Table

EVEN = (1000,) * 10
SPECIAL = (0, 0, 0)


def table(*current: int, reference: tuple[int, ...] = EVEN, special: tuple[int, int, int] = SPECIAL) -> Table:
    """Numbers in ten bins, beside an even reference."""
    return Table((*reference, *SPECIAL), (*current, *special), len(reference))


def test_a_change_that_is_small_does_not_matter() -> None:
    """However many events prove it."""
    found = measure_tables([table(*[10**6] * 9, 12 * 10**5, reference=(10**6,) * 10)], DriftRules())

    assert found.psi[0] < 0.01
    assert not found.matters[0]
    assert found.log_e[0] == -math.inf


def test_a_change_matters_unless_it_is_shown_to_be_small() -> None:
    """The upper end of the interval decides."""
    found = measure_tables([table(*[7] * 10), table(*[100] * 10), table(*[20] * 5, *[40] * 5)], DriftRules())

    assert found.matters.tolist() == [True, False, True]
    assert found.high[0] > 0.1 > found.high[1]


def test_psi_is_less_its_bias() -> None:
    """Of a hundred rows the plain PSI is 0.09 on average where nothing has changed; what is told is near 0."""
    random = np.random.default_rng(8)
    r, c = random.multinomial(20_000, np.full(10, 0.1), size=500), random.multinomial(100, np.full(10, 0.1), size=500)
    special = np.zeros((500, 3))

    found = measure(np.hstack([r, special]), np.hstack([c, special]), ordered=10, rules=DriftRules())

    assert compute_psi(r, c).mean() > 0.08
    assert found.psi.mean() < 0.03


@pytest.mark.parametrize("size", [200, 1000, 10_000])
def test_the_interval_covers_psi(size: int) -> None:
    """A PSI that is exactly the limit is not shown to be below it in 98 % of the windows or more, but for chance."""
    random = np.random.default_rng(9)
    shares = np.array([*[0.099] * 10, 0, 0, 0.01])
    r = random.multinomial(20_000, shares, size=200)
    c = np.array([random.multinomial(size, tilt_shares(shares, 0.1, random)) for _ in range(200)])

    found = measure(r, c, ordered=10, rules=DriftRules())

    assert found.matters.mean() >= 0.96


def test_few_events_show_nothing() -> None:
    """With fewer than thirty on either side nobody can say that nothing has changed, whatever the interval is."""
    same = Table((5000, 0, 0, 0), (29, 0, 0, 0), 1), Table((29, 0, 0, 0), (5000, 0, 0, 0), 1)

    found = measure_tables([*same, Table((5000, 0, 0, 0), (30, 0, 0, 0), 1)], DriftRules())

    assert found.few.tolist() == [True, True, False]
    assert found.matters.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("special", "matters"),
    [
        ((99, 0, 0), False),
        ((110, 0, 0), True),
        ((0, 99, 0), False),
        ((0, 110, 0), True),
        ((0, 0, 300), False),
        ((0, 0, 600), True),
    ],
)
def test_values_that_should_not_be_there(special: tuple[int, int, int], *, matters: bool) -> None:
    """1 % of new categories or unreadable values matters, and 5 points more missing ones, whatever PSI says."""
    some = table(*EVEN, reference=EVEN, special=special)
    found = measure_tables([some], DriftRules(psi=10))

    assert bool(found.matters[0]) is matters


def test_nothing_to_compare() -> None:
    """No events on a side: nothing is known, and nothing is named."""
    found = measure_tables([Table((0,) * 4, (1, 2, 3, 4), 1), Table((1, 2, 3, 4), (0,) * 4, 1)], DriftRules())

    assert np.isnan(found.psi).all()
    assert np.isinf(found.high).all()
    assert not found.matters.any()
    assert measure_tables([], DriftRules()).psi.size == 0


def test_tables_of_any_shape() -> None:
    """Each is measured as by itself, in the order in which they are given."""
    tables = [
        table(*[20] * 5, *[40] * 5),
        Table((40, 60, 0, 0, 0), (60, 40, 0, 0, 0), 0),
        Table((40, 60, 0, 0, 0), (60, 40, 0, 0, 0), 2),
    ]

    together = measure_tables(tables, DriftRules())

    for place, one in enumerate(tables):
        alone = measure([one.reference], [one.current], ordered=one.ordered, rules=DriftRules())
        assert [column[place] for column in together] == pytest.approx([column[0] for column in alone])


def test_e_bh() -> None:
    """The largest k such that k e-values are at least K / (k alpha); beside a large one a smaller one is enough."""
    log = np.log([1000.0, 260.0, 1.0, 130.0])

    assert name_certain(log, 0.01).tolist() == [True, True, False, False]
    assert name_certain(np.log([1000.0, 260.0, 140.0, 130.0]), 0.01).tolist() == [True] * 4
    assert name_certain(np.log([399.0, 1.0, 1.0, 1.0]), 0.01).tolist() == [False] * 4
    assert name_certain(np.full(3, -math.inf), 0.01).tolist() == [False] * 3
    assert name_certain(np.array([]), 0.01).size == 0


def test_nothing_is_named_where_nothing_has_changed() -> None:
    """In fewer than alpha of the comparisons of fifty features, with so few rows that PSI is often above 0.1."""
    random = np.random.default_rng(5)
    named = large = 0
    shares = np.array([*[0.099] * 10, 0, 0, 0.01])
    for _ in range(400):
        r, c = random.multinomial(20_000, shares, size=50), random.multinomial(60, shares, size=50)
        found = measure(r, c, ordered=10, rules=DriftRules())
        named += bool(name_certain(found.log_e, 0.05).any())
        large += bool((found.psi > 0.1).any())
    assert large > 200
    assert named <= 0.05 * 400


def test_false_actions_are_shared_by_windows() -> None:
    """One in 30 days is 1/720 for each hour; long windows do not get more than 5 %."""
    assert share_alpha(3600) == pytest.approx(1 / 720)
    assert share_alpha(3600, actions=2, days=60) == pytest.approx(1 / 720)
    assert share_alpha(7 * 86_400) == 0.05


def test_how_many_events_are_needed() -> None:
    """More for smaller changes and more questions; none are enough where the reference is too small."""
    some = table(*[5] * 10)

    one = plan_events(some, questions=1, rules=DriftRules()).events
    many = plan_events(some, questions=1000, rules=DriftRules()).events
    large = plan_events(some, questions=1, rules=DriftRules(psi=0.25)).events
    assert one is not None
    assert many is not None
    assert large is not None
    assert large < one < many < 2 * one
    small = plan_events(table(*[5] * 10, reference=(20,) * 10), questions=1, rules=DriftRules())
    assert small.events is None
    assert small.reference_events > 200


@pytest.mark.parametrize("changes", [{"psi": 0.0}, {"psi": math.inf}, {"alpha": 0.0}, {"alpha": 1.0}])
def test_rules_that_find_nothing_or_everything(changes: dict[str, float]) -> None:
    """They are refused."""
    with pytest.raises(ValueError, match="psi has to be above 0"):
        DriftRules(**changes)
