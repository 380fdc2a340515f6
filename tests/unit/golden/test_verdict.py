"""When an examination is decided, and how: by numbers that are known, and by chance that is drawn."""

import math
import random
from collections.abc import Iterable
from decimal import Decimal

import pytest

from palier.api.status.values import Verdict
from palier.golden.verdict import ALPHA, BETA, Examination, Finding, Gap, Item, Question, nothing_to_compare

PAIRED = Question(margin=0.02)
ALONE = Question(margin=0.02, minimum=0.9, paired=False)
BOTH = Question(margin=0.02, minimum=0.9)
TIE, WIN, LOSS = (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)


def pair(number: int, candidate: float, stable: float | None = None) -> Item:
    """A scored request."""
    return Item(str(number), candidate=candidate, stable=stable, scored=1)


def gap(number: int, kind: Gap, message: str = "") -> Item:
    """A request without a score."""
    return Item(str(number), gaps=(kind,), message=message)


def examined(examination: Examination, items: Iterable[Item]) -> int:
    """Add items until it is decided; how many it took."""
    number = 0
    for item in items:
        number += 1
        if examination.add(item):
            break
    return number


def pairs(scores: Iterable[tuple[float, float]]) -> Iterable[Item]:
    """Pairs of scores as items."""
    return (pair(number, *both) for number, both in enumerate(scores))


def scores(values: Iterable[float]) -> Iterable[Item]:
    """Scores without a stable revision, as items."""
    return (pair(number, value) for number, value in enumerate(values))


@pytest.mark.parametrize(("margin", "needed"), [(0.01, 564), (0.02, 280), (0.05, 110), (0.1, 53)])
def test_an_equal_candidate_passes_as_soon_as_it_is_proven(margin: float, needed: int) -> None:
    """The best case, every answer as good as stable's; the numbers of the documentation."""
    examination = Examination(Question(margin=margin), items=1000)

    assert examined(examination, pairs([TIE] * 1000)) == needed
    result = examination.result()
    assert (result.verdict, result.reason, result.scored, result.requests) == (Verdict.PASS, "Proven", needed, 1000)
    assert result.message == (
        f"candidate 100 %, stable 100 % of the best score over {needed} requests; surely not more than"
        f" {100 * margin:g} points below, evidence 1:20 (needs 1:20)"
    )


def test_one_answer_fewer_is_too_few() -> None:
    """All of them scored and still open is no evidence, and it says how many more it takes."""
    examination = Examination(PAIRED, items=240)

    examined(examination, pairs([TIE] * 240))

    assert examination.finding == Finding(
        Verdict.NO_EVIDENCE,
        "TooFewGoldenAnswers",
        "candidate 100 %, stable 100 % of the best score over 240 requests (difference between -2.8 and 2.8 points,"
        " at most 2 points below allowed); about 40 more golden answers like these would decide it",
    )


def test_a_broken_candidate_fails_after_twelve() -> None:
    """Nothing more has to be asked of who loses every time."""
    examination = Examination(PAIRED, items=1000)

    assert examined(examination, pairs([LOSS] * 1000)) == 12
    result = examination.result()
    assert (result.verdict, result.reason) == (Verdict.FAIL, "QualityWorse")
    assert (result.score, result.stable_score) == (Decimal(0), Decimal(1))
    assert result.difference_high is not None
    assert result.difference_high < Decimal("-0.02")


def _share(question: Question, *, wins: float, losses: float, runs: int, items: int) -> dict[Verdict, int]:
    """How often each verdict falls on candidates that win and lose by chance."""
    draw = random.Random(7)  # noqa: S311
    found = dict.fromkeys(Verdict, 0)
    for _ in range(runs):
        drawn = draw.choices([WIN, LOSS, TIE], [wins, losses, 1 - wins - losses], k=items)
        examination = Examination(question, items=items)
        examined(examination, pairs(drawn))
        assert examination.finding is not None
        found[examination.finding.verdict] += 1
    return found


def _at_most(share: float, runs: int) -> float:
    """So many of the runs, and what chance may add in three standard deviations."""
    return runs * share + 3 * math.sqrt(runs * share * (1 - share))


@pytest.mark.parametrize(("wins", "losses"), [(0.0, 0.02), (0.04, 0.06), (0.2, 0.22)])
def test_a_candidate_at_the_margin_rarely_passes(wins: float, losses: float) -> None:
    """Exactly as much worse as is not allowed any more: at most beta of them pass, however often it is looked at."""
    found = _share(PAIRED, wins=wins, losses=losses, runs=150, items=300)

    assert found[Verdict.PASS] <= _at_most(BETA, 150)
    assert found[Verdict.FAIL] <= _at_most(ALPHA, 150)


def test_an_equal_candidate_rarely_fails_and_a_worse_one_does() -> None:
    """At most alpha of those that are equal fail; of those that are 10 points worse nearly all do."""
    equal = _share(PAIRED, wins=0.1, losses=0.1, runs=100, items=400)
    worse = _share(PAIRED, wins=0.02, losses=0.12, runs=60, items=500)

    assert equal[Verdict.FAIL] <= _at_most(ALPHA, 100)
    assert worse[Verdict.PASS] == 0
    assert worse[Verdict.FAIL] >= 55


def test_a_minimum_is_proven_early() -> None:
    """Without stable, the whole corpus is not needed where the candidate is far above the minimum."""
    examination = Examination(ALONE, items=500)

    assert examined(examination, scores([1.0] * 500)) < 60
    result = examination.result()
    assert (result.verdict, result.reason) == (Verdict.PASS, "Proven")
    assert (result.stable_score, result.difference_low) == (None, None)
    assert "surely not more than 2 points below it" in result.message


@pytest.mark.parametrize(
    ("good", "verdict", "reason"),
    [(18, Verdict.PASS, "Proven"), (17, Verdict.FAIL, "QualityTooLow")],
)
def test_the_whole_corpus_tells_whether_the_minimum_is_reached(good: int, verdict: Verdict, reason: str) -> None:
    """90 % of 20 are 18, no more and no less, though nothing is proven with so few."""
    examination = Examination(ALONE, items=20)

    assert examined(examination, scores([1.0] * good + [0.0] * (20 - good))) == 20
    assert examination.finding is not None
    assert (examination.finding.verdict, examination.finding.reason) == (verdict, reason)
    assert examination.finding.message.endswith("that is the whole corpus")


def test_a_mean_that_only_rounding_keeps_below_the_minimum() -> None:
    """A tenth ten times is not quite 1 in a computer."""
    examination = Examination(Question(margin=0.02, minimum=0.1, paired=False), items=10)

    examined(examination, scores([0.1 - 1e-17, *[0.1] * 9]))

    assert examination.finding is not None
    assert examination.finding.verdict is Verdict.PASS


def test_a_candidate_far_below_the_minimum_fails_early() -> None:
    """Evidence against it suffices; the corpus is not asked to its end."""
    examination = Examination(ALONE, items=500)

    assert examined(examination, scores([1.0, 0.0] * 250)) < 60
    assert examination.finding is not None
    assert (examination.finding.verdict, examination.finding.reason) == (Verdict.FAIL, "QualityTooLow")
    assert "evidence that it is below" in examination.finding.message


def test_with_so_wide_a_margin_only_the_whole_corpus_tells() -> None:
    """Nobody can bet against a mean below 0: a minimum of 2 % less 2 points is no proof at once."""
    examination = Examination(Question(margin=0.02, minimum=0.02, paired=False), items=100)

    assert examined(examination, scores([0.0, *[1.0] * 99])) == 100
    assert examination.finding is not None
    assert examination.finding.verdict is Verdict.PASS


def test_both_have_to_hold() -> None:
    """As good as stable is not enough where both are bad, nor good enough where stable is better."""
    as_bad_as_stable = Examination(BOTH, items=400)
    examined(as_bad_as_stable, pairs([(0.8, 0.8)] * 400))
    worse_than_stable = Examination(Question(margin=0.02, minimum=0.5), items=400)
    examined(worse_than_stable, pairs([(0.8, 1.0)] * 400))

    assert as_bad_as_stable.result().reason == "QualityTooLow"
    assert worse_than_stable.result().reason == "QualityWorse"


def test_two_ways_to_fail_share_alpha() -> None:
    """With a minimum beside stable, each of the two needs twice the evidence."""
    alone, both = Examination(PAIRED, items=500), Examination(Question(margin=0.02, minimum=0.1), items=500)
    losses = [(0.5, 1.0)] * 500

    assert examined(alone, pairs(losses)) < examined(both, pairs(losses))
    assert "(needs 1:100)" in alone.result().message
    assert "(needs 1:200)" in both.result().message


def test_proven_beside_stable_and_the_minimum_only_by_the_whole_corpus() -> None:
    """What was proven early stays proven while the minimum is still open."""
    examination = Examination(Question(margin=0.02, minimum=0.02), items=400)
    # Proven beside stable after 280, and then doubtful again.
    given = [TIE] * 300 + [LOSS] * 15 + [TIE] * 85

    assert examined(examination, pairs(given)) == 400
    assert examination.result().verdict is Verdict.PASS
    assert "surely not more than 2 points below" in examination.result().message
    assert examination.result().message.endswith("at least 2 % wanted; that is the whole corpus")


@pytest.mark.parametrize("kind", Gap)
def test_too_many_without_a_score(kind: Gap) -> None:
    """More than a tenth of the corpus left out says nothing, and it ends as soon as that is certain."""
    examination = Examination(PAIRED, items=100)

    assert examined(examination, (gap(number, kind, "HTTP 503") for number in range(100))) == 11
    result = examination.result()
    assert (result.verdict, result.reason, result.scored, result.score) == (
        Verdict.NO_EVIDENCE,
        kind.value,
        0,
        None,
    )
    assert "for 11 of 11 requests" in result.message
    assert "HTTP 503" in result.message


def test_a_tenth_may_be_left_out() -> None:
    """Ten of a hundred, and the rest decides."""
    examination = Examination(Question(margin=0.1), items=100)
    items = [*(pair(number, 1.0, 1.0) for number in range(90)), *(gap(number, Gap.STABLE) for number in range(90, 100))]

    examined(examination, items)

    assert examination.result().verdict is Verdict.PASS


@pytest.mark.parametrize("good", [True, False])
def test_nothing_is_decided_while_too_many_are_left_out(*, good: bool) -> None:
    """What answers sooner may be a choice: a verdict waits until the gaps are few enough."""
    gaps = [gap(number, Gap.STABLE) for number in range(100)]
    rest = [pair(number, 1.0 if good else 0.0, 1.0) for number in range(100, 1100)]
    examination = Examination(PAIRED, items=1100)

    assert examined(examination, [*gaps, *rest]) == 1000


def test_repetitions_are_one_score() -> None:
    """Ten answers to one request know no more of other requests than one does."""
    once, often = Examination(PAIRED, items=500), Examination(PAIRED, items=500, repeat=10)
    repeated = (Item(str(number), candidate=1.0, stable=1.0, scored=10) for number in range(500))

    assert examined(once, pairs([TIE] * 500)) == examined(often, repeated)
    assert often.result().requests == 5000
    assert often.result().scored == 2800


def test_all_scores_count_where_it_must_not_end_early() -> None:
    """A scorer has done all the work: its verdict is about all of it."""
    examination = Examination(PAIRED, items=500, early=False)

    assert examined(examination, pairs([TIE] * 500)) == 500
    assert examination.result().scored == 500
    assert examination.result().verdict is Verdict.PASS


def test_a_judge_that_sees_no_difference_is_undecided() -> None:
    """Preferences become scores: half to each in a tie, all to the better one."""
    judged = Question(margin=0.02, judged=True)
    examination = Examination(judged, items=20)

    examined(examination, pairs([(0.5, 0.5)] * 18 + [WIN, LOSS]))

    result = examination.result()
    assert (result.verdict, result.reason) == (Verdict.NO_EVIDENCE, "JudgeUndecided")
    assert "the judge prefers the candidate on 1 and stable on 1" in result.message
    assert result.worst == ("19",)


@pytest.mark.parametrize(("items", "early"), [(1000, True), (60, True), (1000, False)])
def test_as_bad_as_a_stable_that_gets_nothing_right_is_no_pass(items: int, *, early: bool) -> None:
    """A wrong corpus, path or check makes both alike: whatever is proven then, the gate stays closed."""
    examination = Examination(Question(margin=0.1), items=items, early=early)

    assert examined(examination, pairs([(0.0, 0.0)] * items)) == items
    assert examination.finding == Finding(
        Verdict.NO_EVIDENCE,
        "NothingRight",
        f"neither the candidate nor stable got anything right in {items} requests, so their likeness proves"
        " nothing: look at golden.path, at the corpus, and at answers.checks or the scorer",
    )
    assert examination.result().score == examination.result().stable_score == Decimal(0)


@pytest.mark.parametrize("right", [(1.0, 1.0), (0.0, 0.25), (0.25, 0.0)])
def test_one_score_above_nothing_is_enough_to_compare(right: tuple[float, float]) -> None:
    """As soon as anything is right, what was proven before counts."""
    examination = Examination(Question(margin=0.1), items=200)

    assert examined(examination, pairs([(0.0, 0.0)] * 100 + [right] + [(0.0, 0.0)] * 99)) == 101
    assert examination.result().reason == "Proven"


def test_nothing_right_against_a_stable_that_was_right_is_a_failure() -> None:
    """Only where both have nothing it is taken for a mistake in the question; nor does it excuse a first revision."""
    beside, alone = Examination(PAIRED, items=400), Examination(ALONE, items=20)
    examined(beside, pairs([LOSS] * 400))
    examined(alone, scores([0.0] * 20))

    assert (beside.result().reason, alone.result().reason) == ("QualityWorse", "QualityTooLow")


def test_a_judge_has_no_scores_of_nothing() -> None:
    """What it gives to one answer it takes from the other."""
    examination = Examination(Question(margin=0.1, judged=True), items=200)

    examined(examination, pairs([(0.5, 0.5)] * 200))

    assert examination.result().reason == "Proven"


def test_the_worst_are_those_that_lost_most() -> None:
    """First what was lost against stable, then what is wrong in both; what is right is not shown."""
    examination = Examination(PAIRED, items=6)
    given = [(0.5, 1.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0), (0.4, 0.4), (1.0, 0.0)]

    examined(examination, pairs(given))

    assert [item.id for item in examination.list_worst()] == ["2", "0", "3", "4"]


def test_nothing_to_compare() -> None:
    """Without stable and without a minimum there is no question; the words say what to write."""
    assert nothing_to_compare(PAIRED) is None
    assert nothing_to_compare(ALONE) is None
    alone = nothing_to_compare(Question(margin=0.02, paired=False))
    judged = nothing_to_compare(Question(margin=0.02, paired=False, judged=True))

    assert alone is not None
    assert judged is not None
    assert (alone.verdict, alone.reason) == (Verdict.NO_EVIDENCE, "NothingToCompare")
    assert "golden.minPercent" in alone.message
    assert "in place of golden.judge" in judged.message


@pytest.mark.parametrize(
    "item",
    [
        pair(1, 1.1, 1.0),
        pair(1, math.nan, 1.0),
        pair(1, 1.0, -0.1),
        pair(1, 1.0, math.nan),
        pair(1, 1.0),
        Item("1", scored=1, gaps=(Gap.STABLE,)),
    ],
    ids=repr,
)
def test_what_is_no_score_is_refused(item: Item) -> None:
    """A defect of whoever calls must not become a verdict."""
    with pytest.raises(ValueError, match=r"^1: "):
        Examination(PAIRED, items=2).add(item)


def test_more_than_the_corpus_has_is_refused() -> None:
    """The last item ends it."""
    examination = Examination(PAIRED, items=1)
    with pytest.raises(ValueError, match="not over"):
        examination.result()
    examination.add(pair(1, 1.0, 1.0))

    with pytest.raises(ValueError, match="was examined before"):
        examination.add(pair(2, 1.0, 1.0))
