"""What is counted as what."""

import math
from dataclasses import replace

from palier.api.spec.answers import Answers
from palier.shadow.ledger import Ledger, Outcome, Times, edges_with
from palier.shadow.reply import Failure, Reply, decode_body
from tests.support.shadow.arms import PLAN


def test_edges_have_the_thresholds_exactly() -> None:
    """From 1 ms to 60 s in order, each at most 1.7 times the one before."""
    edges = edges_with((0.25, 0.1, 120.0))
    assert list(edges) == sorted(set(edges))
    assert {0.25, 0.1, 120.0} <= set(edges)
    assert (edges[0], edges[-2]) == (0.001, 60.0)
    assert all(later / earlier < 1.7 for earlier, later in zip(edges, edges_with(()), strict=False) if later > earlier)


def test_a_time_at_an_edge_is_not_above_it() -> None:
    """A threshold is the longest good time."""
    times = Times((0.25, 0.5))
    for seconds in (0.25, 0.2500001, 0.5, 0.7):
        times.add(seconds)
    times.add_failure(30.0)
    assert list(times.buckets()) == [(0.25, 1), (0.5, 3), (math.inf, 5)]
    assert times.sum == 0.25 + 0.2500001 + 0.5 + 0.7 + 30.0


def test_a_request_counts_for_both_or_for_neither() -> None:
    """A stream that only one of them gave is timed for both: a whole answer comes when it is whole."""
    ledger = Ledger(PLAN)
    candidate = Reply(seconds=2.0, status=200, streamed=True, first_event=0.5)
    stable = Reply(seconds=1.0, status=200)
    ledger.count(Outcome(replies={"candidate": candidate, "stable": stable}))
    broken = Reply(seconds=0.1, failure=Failure.BROKEN_CONNECTION, streamed=True)
    ledger.count(Outcome(replies={"candidate": broken, "stable": stable}))

    assert dict(ledger.first_events["candidate"].buckets())[0.5] == 1
    assert dict(ledger.first_events["candidate"].buckets())[60.0] == 1
    assert dict(ledger.first_events["candidate"].buckets())[math.inf] == 2
    assert dict(ledger.first_events["stable"].buckets())[1.0] == 2
    assert dict(ledger.first_events["stable"].buckets())[0.7] == 0


def test_a_candidate_that_is_missing_fails_every_check() -> None:
    """It is slower than any factor too, when it failed."""
    plan = {"checks": [{"name": "one"}, {"name": "two"}]}
    ledger = Ledger(replace(PLAN, answers=Answers.model_validate(plan), factors=("2",)))
    failed = Reply(seconds=0.001, failure=Failure.SERVER_ERROR, status=500)
    replies = {"candidate": failed, "stable": Reply(seconds=1.0, status=200)}
    ledger.count(Outcome(replies=replies, checked=frozenset({"one", "two"})))
    assert (ledger.pairs, ledger.disagreements, ledger.slower) == (1, 1, {"2": 1})
    assert all((check.pairs, check.disagreements, check.score_sum) == (1, 1, 0) for check in ledger.checks.values())


def test_bodies_that_differ_are_texts_that_differ() -> None:
    """Also where they are no text: a picture is compared byte by byte."""
    assert decode_body("é".encode()) == "é"
    assert decode_body("é".encode("latin-1"), "latin-1") == "é"
    assert decode_body("é".encode(), "ascii") == "é"
    assert decode_body(b"x", "no-such-encoding") == "x"
    assert decode_body(b"x", "rot13") == "x"
    assert decode_body(b"\xff\xd8\x01") != decode_body(b"\xff\xd9\x01")
