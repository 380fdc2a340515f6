"""The numbers of the closing table: when a breach began and ended, and whose fault a failure was."""

from dataclasses import replace

import pytest

from local.demo.acts import ACTS, Breach
from local.demo.conclusion import conclude
from local.demo.measuring import Failures, Served, blame, breach_time, served, zero_time
from local.demo.observation import Condition, Outcome, Plan, Snapshot, Verdict
from local.demo.table import Result, render
from local.demo.watching import Seen
from local.demo.world import World
from local.traffic import Response, Responses

LIGHT_ACT, SLOW_ACT, HEAVY_ACT = ACTS[1], ACTS[2], ACTS[6]


def answer(sent: float, latency: float = 0.01, *, revision: str | None = "new", status: int = 200) -> Response:
    """An answer that the model server of a revision signed."""
    return Response(sent, 0.0, latency, status, revision=revision, model="m/1")


def test_a_breach_begins_when_its_first_bad_answer_arrives() -> None:
    """Slow: later than the threshold; failed: an error; only the candidate's answers count."""
    answers = [answer(1, 0.3, revision="old"), answer(2, 0.25), answer(3, 0.4), answer(4, status=500), answer(5, 0.5)]
    assert breach_time(answers, candidate="new", breach=Breach.SLOW) == 3.4
    assert breach_time(answers, candidate="new", breach=Breach.FAILED) == pytest.approx(4.01)
    assert breach_time(answers[:2], candidate="new", breach=Breach.SLOW) is None


def test_weight_is_zero_when_the_route_says_so_and_no_answer_comes_any_more() -> None:
    """Whichever is later: the route's word or the last request that the candidate answered."""
    weights = [(0.0, {"old": 100.0}), (1.0, {"old": 75.0, "new": 25.0}), (9.0, {"old": 100.0, "new": 0.0})]
    assert zero_time([answer(8)], weights, candidate="new") == 9
    assert zero_time([answer(8), answer(9.2)], weights, candidate="new") == 9.2
    assert zero_time([answer(9.5, revision="old")], [*weights, (10.0, {"old": 100.0})], candidate="new") == 9


def test_weight_is_not_zero_while_it_may_come_back() -> None:
    """A candidate that has weight, or never had any, has not gone to 0."""
    risen = [(0.0, {"old": 100.0}), (1.0, {"old": 75.0, "new": 25.0})]
    assert zero_time([], risen, candidate="new") is None
    assert zero_time([], [(0.0, {"old": 100.0})], candidate="new") is None
    assert zero_time([], [], candidate="new") is None


def test_an_error_is_the_candidates_own_only_if_its_server_signed_it() -> None:
    """What a proxy made up for the candidate's revision, and what stable answered, is nobody else's excuse."""
    failures = blame(
        [
            answer(1),
            answer(2, status=500),
            replace(answer(3, status=503), model=None),
            answer(4, status=500, revision="old"),
            Response(5, 0.0, 0.1, error="ClientOSError"),
        ],
        candidate="new",
    )
    assert failures == Failures(own=1, other=3)
    assert blame([answer(1, status=500)], candidate=None) == Failures(own=0, other=1)


def test_the_share_is_counted_between_the_changes_of_weight() -> None:
    """Moments in which the gateway follows the route are left out; each weight is counted for itself."""
    weights = [(0.0, {"old": 100.0}), (10.0, {"old": 75.0, "new": 25.0}), (20.0, {"old": 50.0, "new": 50.0})]
    answers = [answer(10.5)]  # too early to count
    answers += [answer(11 + number / 100, revision="new" if number % 4 == 0 else "old") for number in range(800)]
    answers += [answer(21 + number / 100, revision="new" if number % 10 == 0 else "old") for number in range(800)]
    first, second = served(Responses(answers), weights, candidate="new", until=40.0)
    assert (first.weight, first.candidate, first.total, first.as_declared) == (25, 200, 800, True)
    assert (second.weight, second.percent, second.as_declared) == (50, 10, False)


def test_the_band_is_three_standard_deviations() -> None:
    """25 percent of 1200: sqrt(0.25 * 0.75 / 1200) is 1.25 percent."""
    assert Served(25, 300, 1200).band == pytest.approx(3.75)


def world(*, result: str = "RolledBack") -> World:
    """A release to 25 percent and back."""
    seen = World(snapshot=Snapshot(outcome=Outcome("new", result, "ObjectiveBreached", "too slow")))
    seen.weights = [
        (0.0, {"old": 100.0}),
        (1.0, {"old": 75.0, "new": 25.0}),
        (9.0, {"old": 100.0, "new": 0.0}),
    ]
    return seen


def concluded(answers: list[Response], seen: World) -> Result:
    """Sum up the act with the slow version."""
    return conclude(SLOW_ACT, begin=0.5, end=20, world=seen, responses=Responses(answers), candidate="new", problems=())


def test_an_act_that_ends_as_told() -> None:
    """The table's numbers come from answers and route; nothing is left to complain about."""
    result = concluded([answer(1, revision="old"), answer(2, 0.4), answer(12, revision="old")], world())
    assert result.as_told
    assert (result.outcome, result.why, result.requests) == ("RolledBack", "too slow", 3)
    assert result.breach_to_zero == pytest.approx(9 - 2.4)


def test_an_act_that_does_not_end_as_told() -> None:
    """A wrong outcome, a lost request and a weight that stays are each named."""
    promoted = world(result="Promoted")
    promoted.weights.pop()
    result = concluded([answer(2, 0.4), Response(3, 0.0, 1.0, error="ClientOSError")], promoted)
    assert result.problems == (
        "it should have been RolledBack",
        "its weight never went to 0",
        "1 requests failed by no fault of the candidate (1 of ClientOSError)",
    )


def test_an_act_that_does_not_end_at_all() -> None:
    """What the object last said is the best reason that there is."""
    seen = world()
    seen.snapshot = Snapshot(conditions={"Ready": Condition("Unknown", "Judging", "3 of 20 requests")})
    result = conclude(
        SLOW_ACT,
        begin=0.5,
        end=20,
        world=seen,
        responses=Responses(),
        candidate=None,
        problems=["it had not ended"],
    )
    assert (result.outcome, result.why) == ("unfinished", "3 of 20 requests")
    assert result.problems == ("it had not ended", "no user was served")


def test_the_evidence_is_the_reason_of_a_promotion() -> None:
    """Why was it promoted? Because of its verdicts, and after what else is to be said."""
    seen = world(result="Promoted")
    verdicts = {"errors": Verdict("Pass", "Proven", "errors: 0 of 564")}
    seen.snapshot = replace(seen.snapshot, verdicts=verdicts)
    result = conclude(
        LIGHT_ACT,
        begin=0.5,
        end=20,
        world=seen,
        responses=Responses([answer(2)]),
        candidate="new",
        problems=(),
        remark="held for 25 s; ",
    )
    assert result.as_told
    assert result.why == "held for 25 s; errors: 0 of 564"


PLAN = Plan(
    verdict="Fail",
    message="2,000 requests/s take 15 replicas",
    currency="USD",
    capacity="201",
    target="2000",
    replicas=15,
    monthly="132.9",
    per_thousand="0.00002529",
    affordable="852.6",
)


def refused(answers: list[Response], weights: list[tuple[float, dict[str, float]]]) -> Result:
    """Sum up the act that ends before any user meets its version."""
    outcome = Outcome("new", "Refused", "OverBudget", "too dear")
    seen = World(snapshot=Snapshot(outcome=outcome, plan=PLAN), weights=weights)
    responses = Responses(answers)
    return conclude(HEAVY_ACT, begin=0.5, end=20, world=seen, responses=responses, candidate="new", problems=())


def test_a_version_that_was_refused_met_no_user() -> None:
    """Its plan is kept for the table; a single answer of it, or weight on the route, is not as told."""
    fine = refused([answer(2, revision="old")], [(0.0, {"old": 100.0})])
    assert fine.as_told
    assert (fine.outcome, fine.why, fine.plan) == ("Refused", "too dear", PLAN)

    met = refused([answer(2, revision="old"), answer(3)], [(0.0, {"old": 100.0}), (1.0, {"old": 99.0, "new": 1.0})])
    assert met.problems == ("1 users met it", "it had weight")


def test_the_plan_of_an_act_without_one_is_not_told() -> None:
    """What an earlier act has left in the status is no news."""
    seen = world()
    seen.snapshot = replace(seen.snapshot, plan=PLAN)
    assert concluded([answer(2, 0.4)], seen).plan is None


def test_the_table_tells_what_the_plan_takes() -> None:
    """A row for each version that was tested for it; numbers are short, and what is not known is a dash."""
    unknown = replace(
        PLAN, verdict="NoEvidence", capacity="", replicas=None, monthly="", per_thousand="", affordable=""
    )
    results = [
        Result(5, "heavy", "Refused", "too dear", 900, Failures(0, 0), 0.004, plan=PLAN),
        Result(6, "light", "unfinished", "no price", 900, Failures(0, 0), 0.004, plan=unknown),
    ]
    lines = render(results, colour=False).splitlines()
    title = lines.index("what 2,000 requests/s would take")
    assert lines[title + 3].split() == ["5", "heavy", "Fail", "201", "15", "133", "USD", "0.0000253", "USD", "852"]
    assert lines[title + 4].split() == ["6", "light", "NoEvidence", "-", "-", "-", "-", "-"]


def test_the_world_remembers_weights_and_reasons() -> None:
    """What is seen twice is told once, and what was in force before a moment is known at it."""
    seen = World()
    body = {
        "metadata": {"name": "language-id", "generation": 1},
        "status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "Judging"}]},
    }
    route = {"spec": {"rules": [{"backendRefs": [{"name": "language-id-aaa", "weight": 100}]}]}}
    assert [line.topic for line in seen.take(Seen(1.0, "modeldeployments", "language-id", body))] == ["holds"]
    assert [line.topic for line in seen.take(Seen(2.0, "httproutes", "language-id", route))] == ["route"]
    assert seen.take(Seen(3.0, "httproutes", "language-id", route)) == []
    assert seen.take(Seen(4.0, "httproutes", "another", {})) == []
    assert seen.take(Seen(5.0, "modeldeployments", "language-id", None)) == []
    assert seen.reasons == [(1.0, "Judging", "")]
    assert seen.weights_since(9.0) == [(9.0, {"aaa": 100.0})]
    assert seen.weights_since(0.0) == [(0.0, {}), (2.0, {"aaa": 100.0})]


def test_the_table_has_a_row_for_each_act() -> None:
    """Numbers, reasons, shares and definitions all fit, and a problem cannot be overlooked."""
    results = [
        Result(
            2, "slow version", "RolledBack", "latency: 31 of 40 slower than 250 ms", 812, Failures(0, 0), 0.012, 3.4
        ),
        Result(
            3,
            "failing version",
            "Promoted",
            "no failure was seen",
            900,
            Failures(7, 1),
            None,
            served=[Served(25, 90, 200)],
            problems=["it should have been RolledBack"],
        ),
    ]
    lines = render(results, colour=False).splitlines()
    assert lines[0].split("  ")[0] == "act"
    assert lines[2].split() == ["2", "slow", "version", "RolledBack", "3.4", "s", "812", "0", "0", "12", "ms"]
    assert lines[3].split() == ["3", "failing", "version", "Promoted", "-", "900", "7", "1", "-"]
    assert "   not as told: it should have been RolledBack" in lines
    assert "   act 3: 45.0 % of 200 (25 %, BEYOND 3 SIGMA)" in lines
    assert any(line.startswith("breach to 0 %: from the moment") for line in lines)
    assert "\x1b[31m" in render(results, colour=True)
