"""Whether a judge may judge: agreement with people, beyond chance, on enough pairs."""

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.errors import InvalidCorpus
from palier.golden.calibration import CONTROLS, CONTROLS_NEEDED, FEWEST_PAIRS, MOST_PAIRS, Pair, agreement_of, read
from palier.golden.judge_reply import Opinion
from tests.support.golden import judges

FIRST, SECOND, TIE = Opinion
OPINIONS = st.sampled_from([FIRST, SECOND, TIE])


def pairs(*better: Opinion) -> list[Pair]:
    """Pairs that people have judged so."""
    return [Pair("r", "a", "b", one) for one in better]


def table(*rows: Sequence[int]) -> tuple[list[Pair], list[Opinion]]:
    """Pairs and opinions with these counts: people's opinions down, the judge's across."""
    cells = [(people, judge) for people in range(len(rows)) for judge in range(len(rows))]
    each = [
        (list(Opinion)[people], list(Opinion)[judge]) for people, judge in cells for _ in range(rows[people][judge])
    ]
    return pairs(*(people for people, _ in each)), [judge for _, judge in each]


@pytest.mark.parametrize(
    ("rows", "kappa"),
    [
        (((20, 5), (10, 15)), "0.4"),  # 35 of 50 agree, 25 would by chance: (0.7 - 0.5) / 0.5
        (((45, 15), (25, 15)), "0.1304"),  # 0.6 agree, 0.54 by chance
        (((25, 35), (5, 35)), "0.2593"),  # 0.6 agree, 0.46 by chance
        (((10, 0, 0), (0, 10, 0), (0, 0, 10)), "1"),
        (((10, 10), (10, 10)), "0"),
        (((0, 10), (10, 0)), "-1"),
    ],
)
def test_kappa_is_what_others_compute(rows: tuple[tuple[int, ...], ...], kappa: str) -> None:
    """Tables whose kappa is known."""
    found = agreement_of(*table(*rows)).kappa

    assert found is not None
    assert float(found) == pytest.approx(float(kappa), abs=5e-5)


@given(st.lists(st.tuples(OPINIONS, OPINIONS | st.none()), min_size=1, max_size=60))
def test_kappa_keeps_its_bounds(both: list[tuple[Opinion, Opinion | None]]) -> None:
    """It is at most 1, reaches it with full agreement only, is not above the share, and knows no order of the pairs."""
    people, judge = pairs(*(one for one, _ in both)), [one for _, one in both]
    found = agreement_of(people, judge)
    again = agreement_of(people[::-1], judge[::-1])

    assert found == again
    if found.kappa is not None:
        assert -1 <= found.kappa <= found.share <= 1
        assert (found.kappa == 1) == (found.share == 1)


@given(st.lists(OPINIONS, min_size=FEWEST_PAIRS, max_size=60), OPINIONS | st.none())
def test_who_says_always_the_same_never_passes(people: list[Opinion], said: Opinion | None) -> None:
    """However often a habit happens to be right, it is no agreement."""
    assert agreement_of(pairs(*people), [said] * len(people)).fault(Decimal("0.0001"))


def test_agreement_is_exact_at_its_limit() -> None:
    """Seven of ten are seventy percent; one ten-thousandth more is asked for in vain."""
    people = pairs(*[FIRST, SECOND] * 10)
    found = agreement_of(people, [FIRST, SECOND] * 7 + [SECOND, FIRST] * 3)

    assert found.share == Fraction(7, 10)
    assert found.fault(Decimal("0.7")) == ""
    assert found.fault(Decimal("0.7001")) == "judge and people agree on 14 of 20 pairs (70 %); 70.01 % are asked for"


def test_silence_is_disagreement() -> None:
    """What the judge did not answer is told, and counts against it."""
    found = agreement_of(pairs(*[FIRST, SECOND] * 10), [FIRST, SECOND] * 6 + [None] * 8)

    assert (found.agreed, found.unjudged) == (12, 8)
    assert found.fault(Decimal("0.7")) == (
        "judge and people agree on 12 of 20 pairs (60 %), and on 8 it said nothing; 70 % are asked for"
    )


def test_chance_is_told() -> None:
    """A judge with a habit that suits a one-sided calibration is refused with its kappa."""
    found = agreement_of(pairs(*[FIRST] * 18, SECOND, TIE), [FIRST] * 20)

    assert found.fault(Decimal("0.7")) == (
        "judge and people agree on 18 of 20 pairs, which is no more than chance (Cohen's kappa 0.0000)"
    )
    assert "cannot be told from habit" in agreement_of(pairs(*[FIRST] * 20), [FIRST] * 20).fault(Decimal("0.7"))


def test_agreement_needs_pairs() -> None:
    """Nothing to compare is no agreement of 0 or 1."""
    with pytest.raises(ValueError, match="at least one"):
        agreement_of([], [])
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        agreement_of(pairs(FIRST), [])


def test_lines_are_read() -> None:
    """Texts and other JSON, with and without what was expected; empty lines are left out."""
    line = '{"request": {"q": "ä"}, "first": "a", "second": ["b"], "better": "tie", "expected": 3}'
    found = read([line, "", " \n", *judges.pairs(FEWEST_PAIRS)])

    assert len(found) == FEWEST_PAIRS + 1
    assert found[0] == Pair('{"q": "ä"}', "a", '["b"]', TIE, "3")
    assert found[1] == Pair("r0", "good 0", "bad 0", FIRST)


GOOD = {"request": "r", "first": "a", "second": "b", "better": "tie"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nothing", "line 3: it is not JSON"),
        ("[" * 100_000, "line 3: it is not JSON"),
        ("3", "line 3: it is not a JSON object"),
        (json.dumps(GOOD | {"winner": "a"}), "line 3: winner is not known; a line has request, first, second, better,"),
        ('{"request": "r", "first": "a", "better": "tie"}', "line 3: second is missing"),
        (json.dumps(GOOD | {"better": "a"}), 'line 3: better must be first, second or tie, not "a"'),
        (json.dumps(GOOD | {"better": {}}), "line 3: better must be first, second or tie, not {}"),
        (json.dumps(GOOD | {"second": "a"}), "line 3: first and second are the same"),
        (json.dumps(GOOD | {"second": "\ud83d"}), "line 3: an escape such as"),
        (json.dumps(GOOD), "line 3: the same pair as in line 1"),
        (json.dumps(GOOD | {"first": "b", "second": "a"}), "line 3: the same pair as in line 1"),
    ],
)
def test_a_line_that_is_no_pair_is_told(line: str, words: str) -> None:
    """Line and field, before anybody is asked."""
    with pytest.raises(InvalidCorpus) as caught:
        read([json.dumps(GOOD), "", line, *judges.pairs()])
    assert words in str(caught.value)


@pytest.mark.parametrize(("count", "words"), [(0, "there are 0 pairs"), (FEWEST_PAIRS - 1, "there are 19 pairs")])
def test_too_few_pairs_are_told(count: int, words: str) -> None:
    """Twenty are needed, and they have to differ."""
    with pytest.raises(InvalidCorpus, match=words):
        read(judges.pairs(count))
    assert len(read(judges.pairs(FEWEST_PAIRS))) == FEWEST_PAIRS


def test_too_many_pairs_are_told() -> None:
    """Nobody pays for a million votes by mistake."""
    assert len(read(judges.pairs(MOST_PAIRS))) == MOST_PAIRS
    with pytest.raises(InvalidCorpus, match="take a sample"):
        read(judges.pairs(10**9))


def test_the_controls_tell_who_reads_them() -> None:
    """Half of them have the better answer first; a habit gets half, and a guess almost never enough."""
    better = [control.better for control in CONTROLS]
    by_guessing = sum(math.comb(8, right) * 0.25**right * 0.75 ** (8 - right) for right in range(CONTROLS_NEEDED, 9))

    assert (better.count(FIRST), better.count(SECOND), len(CONTROLS)) == (4, 4, 8)
    assert 1 / by_guessing == pytest.approx(2621, abs=1)
    assert len({(control.first, control.second) for control in CONTROLS}) == len(CONTROLS)
