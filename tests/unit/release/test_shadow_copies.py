"""When copies of users' requests are sent, and what of them a revision has answered."""

from typing import Any

import pytest

from palier.evidence.counters import Series
from palier.measuring.interval import Answer
from palier.measuring.questions import Question
from palier.release.shadow_copies import NEVER, QUESTIONS, TRAILING, Copies, answered_copies, find_copies
from palier.release.state import ReleasePhase, Result, State
from tests.support.release.examples import CANDIDATE, NOW, SERVICE, STABLE, ended, planned, serving
from tests.support.release.trial_examples import trying
from tests.support.release.trial_specs import tried
from tests.support.release.world import model_deployment

TOTAL = Question("palier_shadow_copies_total", of_proxy=True)
FAILED = Question("palier_shadow_failed_copies_total", of_proxy=True)
PROXY = ("ml", "shadow-demo-0123456789-6b7f9c8d5f-x2x4z", "pods", "10.0.0.1:9090")


def told(total: list[tuple[float, float]], failed: list[tuple[float, float]] | None = None) -> dict[Question, Answer]:
    """What one proxy has counted of stable."""
    return {
        question: {PROXY: [(STABLE, Series({}, samples))]}
        for question, samples in ((TOTAL, total), (FAILED, failed or [(time, 0.0) for time, _ in total]))
    }


def counted(
    answers: dict[Question, Answer],
    unanswered: dict[Question, str] | None = None,
    **changes: Any,  # noqa: ANN401
) -> int | str:
    """The copies that stable has answered from 100 to 160 s, without failed ones unless `changes` say otherwise."""
    stretch = {"start": 100.0, "end": 160.0, "sent_until": NEVER, "staleness": 25.0, "with_failures": False, **changes}
    return answered_copies(STABLE, answers, unanswered or {}, **stretch)


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (serving(), Copies.POSSIBLE),
        (ended(Result.REFUSED), Copies.POSSIBLE),
        (trying(ReleasePhase.PREPARING), Copies.POSSIBLE),
        (trying(ReleasePhase.SHADOWING), Copies.POSSIBLE),
        (trying(ReleasePhase.SHADOWING, traffic_since=NOW), Copies.SENT),
        (trying(ReleasePhase.SHADOWING, traffic_since=NOW, breach="errors: 9 of 100"), Copies.POSSIBLE),
        (trying(ReleasePhase.CANARY, plan=planned(tried()), traffic_since=NOW), Copies.POSSIBLE),
        (trying(ReleasePhase.ROLLING_BACK, traffic_since=NOW), Copies.POSSIBLE),
    ],
)
def test_copies_are_sent_in_a_shadow(state: State, found: Copies) -> None:
    """From when the gateways have accepted it, to when it is over or a person is waited for."""
    assert find_copies(tried(), state) is found


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (serving(), Copies.NONE),
        (trying(ReleasePhase.CANARY, traffic_since=NOW), Copies.NONE),
        (trying(ReleasePhase.CANARY, plan=planned(tried()), traffic_since=NOW), Copies.POSSIBLE),
        (trying(ReleasePhase.SHADOWING), Copies.POSSIBLE),
        (trying(ReleasePhase.SHADOWING, traffic_since=NOW), Copies.SENT),
    ],
)
def test_a_stage_that_was_taken_out_of_the_spec(state: State, found: Copies) -> None:
    """What is under way counts, and not what is written now."""
    assert find_copies(model_deployment(), state) is found


def test_there_is_no_copy_without_a_gateway() -> None:
    """Nobody could send one."""
    spec = tried().spec
    alone = spec.model_copy(update={"traffic": model_deployment(traffic=SERVICE).spec.traffic})

    assert find_copies(tried().model_copy(update={"spec": alone}), serving()) is Copies.NONE


def test_two_questions_for_all_shadows() -> None:
    """All copies, and the failed ones."""
    assert set(QUESTIONS) == {TOTAL, FAILED}


def test_copies_between_two_instants() -> None:
    """Those of before and after are no part of it."""
    answers = told([(90, 50), (120, 60), (150, 80), (165, 99)], [(90, 5), (120, 6), (150, 9), (165, 9)])

    assert counted(answers) == 30 - 4
    assert counted(answers, with_failures=True) == 30


def test_a_process_that_starts_anew() -> None:
    """What it counts after its fall to 0 is new."""
    assert counted(told([(90, 50), (120, 60), (150, 7)])) == 10 + 7


def test_no_proxy_has_sent_nothing() -> None:
    """Unless there is a shadow."""
    assert counted({}) == 0
    assert "no fresh samples of the shadow proxy" in str(counted({}, sent_until=float("inf")))
    assert "no fresh samples of the shadow proxy" in str(counted({}, sent_until=101.0))
    assert counted({}, sent_until=100.0) == 0


@pytest.mark.parametrize(
    ("last", "sent_until", "known"),
    [(136, float("inf"), True), (134, float("inf"), False), (116, 140.0, True), (114, 140.0, False)],
)
def test_a_proxy_has_to_be_read_as_long_as_it_gets_copies(last: float, sent_until: float, *, known: bool) -> None:
    """Two scrapes may be missed; after the shadow it may be gone."""
    found = counted(told([(90, 50), (last, 60)]), sent_until=sent_until)

    assert (found == 10) is known
    assert isinstance(found, int) is known


@pytest.mark.parametrize("first", [0, 1])
def test_what_was_sent_before_the_first_scrape(first: float) -> None:
    """0 is no copy; of anything else it is not known whether it was in this stretch."""
    found = counted(told([(120, first), (150, 20)]))

    assert found == 20 if first == 0 else "before it was first scraped" in str(found)


def test_a_group_that_appears_late_is_new() -> None:
    """Its counter is born while the proxy is scraped, so that all it tells of is new."""
    answers = told([(90, 50), (120, 60), (150, 60)])
    answers[TOTAL] = {PROXY: [*answers[TOTAL][PROXY], (STABLE, Series({"segment": "new"}, [(150, 5)]))]}

    assert counted(answers) == 15


@pytest.mark.parametrize(
    ("sent_until", "answers", "gap"),
    [
        (float("inf"), {}, True),
        (NEVER, {}, False),
        (100.0 - TRAILING + 1, {}, True),
        (100.0 - TRAILING, {}, False),
        (NEVER, {TOTAL: told([(90, 50), (150, 60)])[TOTAL]}, True),
    ],
)
def test_a_question_that_failed(sent_until: float, answers: dict[Question, Answer], *, gap: bool) -> None:
    """In a shadow and for a minute afterwards nothing is known then, nor where a proxy is seen."""
    found = counted(answers, {FAILED: "Timeout: too slow"}, sent_until=sent_until)

    assert found == (
        f"users' requests to {STABLE} cannot be told from the copies of a shadow: Timeout: too slow" if gap else 0
    )


def test_a_value_that_no_counter_has() -> None:
    """Neither a count nor a guess."""
    assert "which no counter can be" in str(counted(told([(90, 0), (150, -5)])))


def test_the_candidates_copies_are_not_stables() -> None:
    """The proxy tells of both."""
    answers = told([(90, 50), (150, 60)])
    answers[TOTAL] = {PROXY: [*answers[TOTAL][PROXY], (CANDIDATE, Series({}, [(90, 50), (150, 59)]))]}

    assert counted(answers) == 10
