"""The benchmark of data drift: the rules of others are theirs, the streams are as they say, the report is written."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, wasserstein_distance

from benchmarks.drift import data
from benchmarks.drift.columns import GROUPS, NEW_WORD, SMALLEST, Stream, World, count_rows, find_edges, find_move
from benchmarks.drift.defaults import EmptyColumnError, EvidentlyDefaults, SortedSample, find_chance
from benchmarks.drift.duel import COLUMNS, PALIER, SET, TOOLS, play
from palier.watch.features.distances import compute_jensen_shannon, compute_psi
from palier.watch.features.profile import Feature, Numbers
from palier.watch.features.rows import profile_rows
from palier.watch.features.table import align


def test_the_distances_are_those_of_scipy() -> None:
    """Wasserstein's from one pass over sorted values, and Jensen and Shannon's from counts."""
    random = np.random.default_rng(1)
    for size in (1, 7, 300):
        reference, column = random.lognormal(size=500), random.lognormal(0.2, size=size) - 0.3
        found = SortedSample(reference).find_distance(np.sort(column))
        assert found == pytest.approx(wasserstein_distance(reference, column) / np.std(reference))
    shares = random.dirichlet(np.ones(6)), random.dirichlet(np.ones(6))
    assert compute_jensen_shannon(*(1000 * share for share in shares)) == pytest.approx(jensenshannon(*shares))


def test_few_p_values_have_to_be_computed() -> None:
    """The answers are those of every single one: p falls with the distance."""
    random = np.random.default_rng(2)
    reference = random.normal(size=400)
    sample = SortedSample(reference)
    for _ in range(60):
        column = np.sort(random.normal(0.15, size=80))
        assert sample.is_unlikely(column) == (ks_2samp(reference, column).pvalue < 0.05)


def test_a_word_that_is_new_has_no_chance() -> None:
    """Its expected number is 0."""
    assert find_chance(np.array([50, 50, 0]), np.array([50, 49, 1])) == 0


def test_an_empty_column_is_an_error() -> None:
    """As it is there."""
    stream = Stream(World("", 200, 2000, shift="null 1"), seed=1, run=0)
    rows = next(stream.list_windows(1, onset=0))

    with pytest.raises(EmptyColumnError, match="number 0"):
        EvidentlyDefaults(stream.reference).name_columns(rows)


@pytest.mark.parametrize("shift", ["mean 0.1", "mean 0.3", "tail 0.1", "spread 0.1"])
def test_a_shift_has_the_size_that_it_is_called_by(shift: str) -> None:
    """PSI of one column in the bins that Palier uses; the others stay as they were."""
    world = World("", 40_000, 40_000, shift=shift)
    stream = Stream(world, seed=1, run=0)
    before, after = (count_rows(next(stream.list_windows(1, onset=onset)), stream.edges) for onset in (1, 0))

    for name, feature in before.features.items():
        table = align(feature, after.features[name])
        size = float(shift.split()[1]) if name == world.column else 0.0
        assert compute_psi(table.reference, table.current) == pytest.approx(size, rel=0.15, abs=0.002)


def test_a_shift_of_a_group_leaves_the_others() -> None:
    """The smallest group has moved; new and vanished words are where they should be."""
    stream = Stream(World("", 20_000, 1000, shift="group 1"), seed=1, run=0)
    rows = next(stream.list_windows(1, onset=0))
    small = rows.groups == SMALLEST
    assert rows.numbers[small, 0].mean() == pytest.approx(find_move(1.0), abs=0.1)
    assert rows.numbers[~small, 0].mean() == pytest.approx(0, abs=0.05)
    assert small.mean() == pytest.approx(0.05, abs=0.01)
    rows = next(Stream(World("", 2000, 1000, shift="new word 0.05"), seed=1, run=0).list_windows(1, onset=0))
    assert (rows.words[:, 0] == NEW_WORD).mean() == pytest.approx(0.05, abs=0.02)
    with pytest.raises(ValueError, match="there is no shift 'sideways 1'"):
        next(Stream(World("", 20, 100, shift="sideways 1"), seed=1, run=0).list_windows(1, onset=0))


def test_bins_are_counted_as_rows_are() -> None:
    """The profile that is made from arrays is the one that Palier makes of the same rows."""
    rows = Stream(World("", 500, 300), seed=1, run=0).reference
    plain = [
        {"number 0": number, "word 0": f"w{word}", "group": GROUPS[group]}
        for number, word, group in zip(rows.numbers[:, 0].tolist(), rows.words[:, 0], rows.groups, strict=True)
    ]

    counted, expected = count_rows(rows, find_edges(rows)), profile_rows(plain, by="group")

    pairs = [(counted.features, expected.features)]
    pairs += [(counted.groups[name].features, expected.groups[name].features) for name in GROUPS]
    for mine, theirs in pairs:
        assert replace_sums(mine["number 0"]) == replace_sums(theirs["number 0"])
        words = [{name: count for name, count in one["word 0"].counts.items() if count} for one in (mine, theirs)]
        assert words[0] == words[1]


def replace_sums(feature: Feature) -> Numbers:
    """A number without its sums, which differ in their last digits, and of which one is not kept."""
    assert isinstance(feature, Numbers)
    return replace(feature, total=None, decades=None, squares=None)


def test_a_duel() -> None:
    """Palier finds the shift by its second window and names nothing else; the share of columns never does."""
    results = play(World("", 1000, 20_000, shift="null 0.2"), seed=1, run=0)

    assert set(results) == set(TOOLS)
    assert (results[PALIER].found_after, results[PALIER].false) == (2, 0)
    assert results[COLUMNS].found_after > 12
    assert results[SET].found_after > 12
    assert results == play(World("", 1000, 20_000, shift="null 0.2"), seed=1, run=0)


def test_the_report_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line for each world, with a cell for each tool, and whether the promise is kept."""
    monkeypatch.setattr(data, "QUIET_WORLDS", data.QUIET_WORLDS[4:5])
    monkeypatch.setattr(data, "SHIFTED_WORLDS", data.SHIFTED_WORLDS[:1])

    report, met = data.run_data(streams=2, seed=1, jobs=1, windows=4)

    assert met
    assert "- met: false actions of Palier in 30 days" in report
    lines = [line for line in report.splitlines() if line.startswith("| ")]
    assert {line.count("|") for line in lines} == {4 + len(TOOLS)}
    assert "| nothing changes | 100 | 1000 | 0 | " in report
    assert "| mean moves, PSI 0.1 | 1000 | 20000 | 100 %, 100 %; 2 | " in report
