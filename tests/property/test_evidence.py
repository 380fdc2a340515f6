"""What holds for every evidence, whatever was counted."""

import json
import math
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from palier.evidence import absolute
from palier.evidence.objective import (
    Amounts,
    Counts,
    Evidence,
    MeanRule,
    ObjectiveRule,
    ScoreRule,
    Verdict,
    begin_stage,
    combine_verdicts,
    has_failed,
    judge,
    observe,
    start_evidence,
)
from palier.evidence.odds_ratio import Look, gains
from palier.evidence.proportion import OBJECTIVE_BREACHED, STABLE_BREACHES_TOO, alarm
from palier.evidence.verdicts import Judgement

RULE = ObjectiveRule(name="errors", limit=0.01, margin=1.25, alpha=0.01)
QUICK = settings(deadline=None, max_examples=60)


@st.composite
def counts(draw: st.DrawFn, *, most: int = 5000) -> Counts:
    """Any possible counts of one arm in one look."""
    total = draw(st.integers(0, most))
    possible = draw(st.integers(0, total))
    return Counts(total, draw(st.integers(0, possible)), possible)


LOOKS = st.lists(st.tuples(counts(), st.none() | counts(), st.booleans()), max_size=12)
HUGE_LOOKS = st.lists(st.tuples(counts(most=2**53), st.none() | counts(most=2**53), st.booleans()), max_size=4)

EXCUSED: list[tuple[Counts, Counts | None, bool]] = [
    (Counts(1, 1, 1), None, False),
    (Counts(2, 2, 2), None, False),
    (Counts(4, 2, 2), None, False),
    (Counts(2, 1, 1), Counts(3, 0, 0), False),
    (Counts(2, 2, 2), None, True),
    (Counts(0, 0, 0), Counts(2, 2, 2), False),
]
"""A candidate that fails for long, and stable too in the end, as its stage tells and the whole release does not."""

RULES = st.builds(
    ObjectiveRule,
    name=st.just("any"),
    limit=st.floats(1e-6, 1 - 1e-6),
    margin=st.floats(1, 3),
    alpha=st.floats(1e-6, 0.5),
    cap=st.floats(0.1, 10) | st.just(math.inf),
    minimum_requests=st.integers(0, 100),
    hard_stop_share=st.floats(0.01, 1),
    compare_with_stable=st.booleans(),
    require_no_worse=st.booleans(),
    no_worse_margin=st.floats(1.01, 5),
    require_better=st.booleans(),
)


def gathered(looks: list[tuple[Counts, Counts | None, bool]], rule: ObjectiveRule = RULE) -> Evidence:
    """The evidence after looks, some of which begin a new stage."""
    evidence = start_evidence()
    for candidate, stable, new_stage in looks:
        if new_stage:
            evidence = begin_stage(evidence)
        evidence = observe(evidence, candidate, stable, rule)
    return evidence


@QUICK
@given(looks=LOOKS)
def test_evidence_survives_status_exactly(looks: list[tuple[Counts, Counts | None, bool]]) -> None:
    """Written to JSON and read back it is the same evidence, to the last bit."""
    evidence = gathered(looks)
    assert Evidence.from_status(json.loads(json.dumps(evidence.to_status()))) == evidence


@QUICK
@given(looks=LOOKS, cut=st.integers(0, 12))
def test_a_restart_between_two_looks_changes_nothing(looks: list[tuple[Counts, Counts | None, bool]], cut: int) -> None:
    """Evidence that went through status in the middle of a release ends where it would have ended."""
    evidence = gathered(looks[:cut])
    for candidate, stable, new_stage in looks[cut:]:
        evidence = Evidence.from_status(evidence.to_status())
        evidence = observe(begin_stage(evidence) if new_stage else evidence, candidate, stable, RULE)
    assert evidence == gathered(looks)


@QUICK
@given(looks=LOOKS | HUGE_LOOKS, rule=RULES, promotion=st.booleans())
def test_any_counts_get_a_verdict_and_a_sentence(
    looks: list[tuple[Counts, Counts | None, bool]], rule: ObjectiveRule, *, promotion: bool
) -> None:
    """No counts and no rule make a test crash, overflow or fall silent."""
    evidence = gathered(looks, rule)
    judgement = judge(evidence, rule, promotion=promotion)
    assert judgement.message.startswith("any: ")
    assert "nan" not in judgement.message
    assert "  " not in judgement.message
    for log in (*evidence.relative.logs, evidence.relative.cash, *evidence.absolute.logs, *evidence.not_worse):
        assert math.isfinite(log)
    assert has_failed(evidence, rule) == (judgement.verdict is Verdict.FAIL)
    if judgement.interval is not None and judgement.estimate is not None:
        assert judgement.interval[0] <= judgement.estimate <= judgement.interval[1]
    if judgement.verdict is Verdict.PASS:
        assert judgement.estimate is None or judgement.estimate <= rule.limit * (1 + 1e-6)


@QUICK
@given(candidate=counts(most=400), stable=counts(most=400), more=st.integers(1, 50))
def test_more_bad_events_never_speak_for_the_candidate(candidate: Counts, stable: Counts, more: int) -> None:
    """With more of the same requests bad, no test of the look says less against the candidate."""
    bad = min(candidate.total, candidate.bad + more)
    less, much = (Look(x, candidate.total, stable.bad, stable.total) for x in (candidate.bad, bad))
    assert all(a <= b + 1e-9 for a, b in zip(gains(less, margin=1.25), gains(much, margin=1.25), strict=True))
    against = [absolute.gains(x, candidate.total, limit=0.01) for x in (candidate.bad, bad)]
    assert all(a <= b + 1e-9 for a, b in zip(*against, strict=True))


@QUICK
@given(candidate=counts(most=400), stable=counts(most=400), more=st.integers(1, 50))
def test_more_bad_events_of_stable_never_speak_against_the_candidate(
    candidate: Counts, stable: Counts, more: int
) -> None:
    """The comparison has the right sign in both arms."""
    worse = min(stable.total, stable.bad + more)
    first = gains(Look(candidate.bad, candidate.total, stable.bad, stable.total), margin=1.25)
    second = gains(Look(candidate.bad, candidate.total, worse, stable.total), margin=1.25)
    assert all(b <= a + 1e-9 for a, b in zip(first, second, strict=True))


@QUICK
@given(
    quiet=st.lists(st.integers(0, 3000), max_size=6),
    burst=counts(most=100_000),
    stable=st.none() | counts(),
    after=st.lists(st.integers(0, 3000), max_size=6),
)
def test_no_single_look_fails_a_candidate_except_by_hard_stop(
    quiet: list[int], burst: Counts, stable: Counts | None, after: list[int]
) -> None:
    """Requests that fail together in one look among good ones are never a verdict."""
    looks = [
        *((Counts(total, 0, 0), stable, False) for total in quiet),
        (burst, stable, False),
        *((Counts(total, 0, 0), stable, False) for total in after),
    ]
    judgement = judge(gathered(looks), RULE, promotion=False)
    assert judgement.verdict is not Verdict.FAIL or judgement.hard_stop


@QUICK
@given(looks=LOOKS, random=st.randoms(use_true_random=False))
def test_the_order_of_looks_does_not_matter_for_the_counts(
    looks: list[tuple[Counts, Counts | None, bool]], random: Random
) -> None:
    """What was counted is a sum over looks; only what was bet depends on when."""
    shuffled = list(looks)
    random.shuffle(shuffled)
    one, other = gathered(looks), gathered(shuffled)
    assert one.release == other.release
    assert (one.looks, one.bad_looks) == (other.looks, other.bad_looks)


@given(verdicts=st.lists(st.sampled_from(Verdict)), random=st.randoms(use_true_random=False))
def test_the_order_of_objectives_does_not_matter(verdicts: list[Verdict], random: Random) -> None:
    """A stage's verdict depends on which verdicts there are, not on their order or number."""
    judgements = [Judgement("any", verdict, "", "", None, 0, 0, 0, 0, hard_stop=False) for verdict in verdicts]
    shuffled = [*judgements, *judgements]
    random.shuffle(shuffled)
    assert combine_verdicts(shuffled) is combine_verdicts(judgements)


def spoken(evidence: Evidence) -> str:
    """Which test speaks against the candidate, excused or not."""
    reason = alarm(evidence, RULE)
    return OBJECTIVE_BREACHED if reason == STABLE_BREACHES_TOO else reason


@QUICK
@given(looks=LOOKS)
@example(looks=EXCUSED)
def test_a_weight_step_changes_no_e_value(looks: list[tuple[Counts, Counts | None, bool]]) -> None:
    """Beginning a stage creates no evidence: a test that had not fired does not fire by it, nor the reverse.

    That stable breaches too in the present stage excuses the candidate in that stage only; a release that waits for it
    begins no other.
    """
    evidence = gathered(looks)
    before, after = (judge(one, RULE, promotion=False) for one in (evidence, begin_stage(evidence)))
    assert spoken(evidence) == spoken(begin_stage(evidence))
    if alarm(evidence, RULE) != STABLE_BREACHES_TOO:
        assert (before.verdict is Verdict.FAIL) == (after.verdict is Verdict.FAIL)
    assert before.hard_stop == after.hard_stop


@QUICK
@given(looks=LOOKS)
def test_a_weight_step_keeps_all_capital(looks: list[tuple[Counts, Counts | None, bool]]) -> None:
    """Cash moves into bets, and their sum stays what it was."""
    evidence = gathered(looks)
    begun = begin_stage(evidence)
    for before, after in ((evidence.relative, begun.relative), (evidence.absolute, begun.absolute)):
        assert math.isclose(before.log_e, after.log_e, rel_tol=1e-9, abs_tol=1e-9)
    assert begin_stage(begun) == begun


AMOUNTS = st.builds(Amounts, st.integers(0, 2**53), st.floats(allow_nan=False, allow_infinity=False))


@QUICK
@given(
    looks=st.lists(st.tuples(AMOUNTS, st.none() | AMOUNTS), max_size=30),
    rule=st.sampled_from(
        [
            MeanRule("any", 0.35, 0.01, minimum_looks=2),
            *(MeanRule("any", 0.35, 0.01, most=most) for most in (0.35, 0.36, 4.2, 1e12)),
            ScoreRule("any", 0.9, 0.01),
        ]
    ),
    promotion=st.booleans(),
)
def test_any_amounts_get_a_verdict_and_a_sentence(
    looks: list[tuple[Amounts, Amounts | None]], rule: MeanRule | ScoreRule, *, promotion: bool
) -> None:
    """No amount makes a test crash, and what was written to status reads back."""
    evidence = start_evidence()
    for candidate, stable in looks:
        evidence = observe(evidence, candidate, stable, rule)
    judgement = judge(evidence, rule, promotion=promotion)
    assert judgement.message.startswith("any: ")
    assert has_failed(evidence, rule) == (judgement.verdict is Verdict.FAIL)
    assert Evidence.from_status(json.loads(json.dumps(evidence.to_status()))) == evidence
