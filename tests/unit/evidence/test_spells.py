"""A gauge that is above its maximum in spells of minutes: a few bad moments blame nobody, a lasting fault is found."""

import json
import math
from itertools import pairwise, product

import numpy as np
import pytest

from benchmarks.levels.play import LOOK, MINUTE, find_blame, gather, level, play
from palier.evidence.objective import Counts, Evidence, Verdict, judge, start_evidence
from palier.evidence.spells import LONGEST_MEAN, NO_SPELLS, Spells

QUIET, HIGH = Counts(2, 0, 0), Counts(2, 2, 2)


def seen(text: str, *, seconds: float = LOOK) -> Spells:
    """Looks, high ones written as 1."""
    spells = NO_SPELLS
    for look in text:
        spells = spells.add_look(2 * int(look), 2, seconds=seconds)
    return spells


@pytest.mark.parametrize("limit", [0.01, 0.05, 0.4])
@pytest.mark.parametrize("spell", [45.0, 180.0, LONGEST_MEAN])
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_no_innocent_chain_gains_on_average(limit: float, spell: float, share: float) -> None:
    """Over everything that ten looks can show, the mean of the e-value is at most 1: that is its whole promise."""
    ends = 1 - math.exp(-LOOK / spell)
    innocent = share * limit
    begins = ends * innocent / (1 - innocent)
    mean = 0.0
    for looks in product((0, 1), repeat=10):
        likely = innocent if looks[0] else 1 - innocent
        for before, after in pairwise(looks):
            to_high = (1 - ends) if before else begins
            likely *= to_high if after else 1 - to_high
        mean += likely * math.exp(seen("".join(map(str, looks))).log_e(limit))

    assert 0.05 < mean <= 1


def count_blamed(*, share: float, limit: float, spell: float, in_spells: bool = True, releases: int = 100) -> int:
    """How many releases of an hour are rolled back."""
    chance, rule = np.random.default_rng(20), level(limit, in_spells=in_spells)
    times = [play(chance, rule, above=share, spell=spell, minutes=60) for _ in range(releases)]
    return sum(map(math.isfinite, times))


@pytest.mark.parametrize("limit", [0.01, 0.05])
@pytest.mark.parametrize("spell", [60.0, 180.0, 600.0])
def test_a_gauge_within_its_limit_is_not_blamed_for_its_spells(limit: float, spell: float) -> None:
    """At the limit itself, in releases of an hour; before, up to a third of them were rolled back."""
    assert count_blamed(share=limit, limit=limit, spell=spell) <= 1


def test_scrapes_alone_would_blame_it() -> None:
    """Taken for independent events, they say that a queue is long too often when it has been long once."""
    assert count_blamed(share=0.05, limit=0.05, spell=180.0, in_spells=False) >= 20


@pytest.mark.parametrize(("limit", "minutes"), [(0.01, 14), (0.05, 30)])
def test_a_gauge_that_is_always_too_high_is_found_in_a_stated_time(limit: float, minutes: float) -> None:
    """Ten minutes times the log of 4 limit / alpha."""
    found = find_blame([HIGH] * 120, level(limit))

    assert found == pytest.approx(LONGEST_MEAN / MINUTE * math.log(4 * limit / 0.01), abs=1)
    assert found == pytest.approx(minutes, abs=1)


@pytest.mark.parametrize(("spell", "minutes"), [(60.0, 20.0), (180.0, 60.0)])
def test_a_gauge_that_is_too_high_half_of_the_time_is_found(spell: float, minutes: float) -> None:
    """In most releases within so many minutes, at a limit of 5 %."""
    chance, rule = np.random.default_rng(3), level(0.05)
    found = [play(chance, rule, above=0.5, spell=spell, minutes=120) for _ in range(15)]

    assert sorted(found)[12] <= minutes


def test_a_gauge_that_stays_high_late_is_found() -> None:
    """An hour of quiet before does not hide it for ever."""
    assert 60 < find_blame([QUIET] * 120 + [HIGH] * 240, level(0.05)) <= 60 + 85


def test_a_long_spell_holds_the_release_and_says_so() -> None:
    """It is neither blamed nor promoted while nobody can tell."""
    rule = level(0.05)
    *_, evidence = gather([QUIET] * 20 + [HIGH] * 20, rule)

    for promotion in (False, True):
        judgement = judge(evidence, rule, promotion=promotion)
        assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "FewSpells")
    assert judgement.message == (
        "queue: 40 of 80 scrapes showed more than 20 (50 %, between 32 and 68 %); the objective allows 5 %, but that"
        " was in one spell, which may be a few bad moments; evidence that it is too often 1:0.96 (needs 1:100)"
    )


def test_several_spells_are_counted_in_the_sentence() -> None:
    """With the one under way."""
    rule = level(0.05)
    *_, evidence = gather([HIGH] * 4 + [QUIET] * 4 + [HIGH] * 4, rule)

    assert "but that was in 2 spells, " in judge(evidence, rule, promotion=False).message


def test_half_of_the_scrapes_make_a_look_high() -> None:
    """One of two scrapes, or two of four pods."""
    assert (NO_SPELLS.add_look(1, 2, seconds=30).high, NO_SPELLS.add_look(1, 3, seconds=30).high) == (True, False)


def test_what_is_counted() -> None:
    """Pairs of neighbouring looks, and the time between the first and the last."""
    assert seen("0011101") == Spells(quiet=1, begun=2, held=2, ended=1, seconds=180.0, looks=7, high=True)
    assert (seen("0011101").spells, seen("1101").spells, seen("000").spells) == (2, 2, 0)
    assert NO_SPELLS.log_e(0.05) == 0


def test_longer_looks_are_longer_spells() -> None:
    """How long a spell lasts is a matter of time, not of how often anybody looks."""
    assert seen("1" * 21, seconds=60.0).log_e(0.05) == pytest.approx(seen("1" * 41, seconds=30.0).log_e(0.05), abs=0.1)


def test_spells_survive_the_status() -> None:
    """A restart between two looks changes nothing."""
    rule = level(0.05)
    *_, evidence = gather([QUIET, HIGH, HIGH, QUIET, HIGH], rule)
    status = json.loads(json.dumps(evidence.to_status()))

    assert Evidence.from_status(status) == evidence
    assert "spells" not in start_evidence().to_status()


@pytest.mark.parametrize(
    "spells",
    [
        {"quiet": -1, "looks": 0},
        {"quiet": 2, "looks": 2},
        {"begun": 2, "looks": 3, "high": True},
        {"quiet": 1, "looks": 2, "seconds": "inf"},
        {"quiet": 1, "looks": 2, "seconds": "-1"},
        {"looks": 0, "high": True},
        {"quiet": "many"},
    ],
)
def test_impossible_spells_are_refused(spells: dict[str, object]) -> None:
    """What was tampered with is an error, never evidence."""
    with pytest.raises(ValueError, match=r"."):
        Evidence.from_status({"spells": spells})
