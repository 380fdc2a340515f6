"""The page of `palier status`: it tells the story, and copes with everything that is not there yet."""

from typing import Any

from palier.cli.page import page

BODY: dict[str, Any] = {
    "metadata": {"name": "language-id", "namespace": "ml", "generation": 3},
    "spec": {
        "owner": {"name": "NLP platform lead", "email": "nlp@example.com", "team": "nlp"},
        "release": {"paused": True},
    },
    "status": {
        "observedGeneration": 3,
        "stage": "Canary 25",
        "weight": 25,
        "conditions": [
            {"type": "Available", "status": "True"},
            {"type": "Ready", "status": "Unknown", "reason": "Paused", "message": "paused at 25 %"},
        ],
        "stable": {"revision": "0a1b2c3d4e", "model": "lingua", "version": "2.1.0", "since": "2026-11-01T10:00:00Z"},
        "candidate": {"revision": "5f6a7b8c9d", "model": "lingua", "version": "2.1.1"},
        "former": {"revision": "1111111111", "until": "2026-11-24T10:10:00Z"},
        "release": {"step": "Canary", "stageIndex": 1},
        "verdicts": [
            {
                "objective": "latency",
                "verdict": "Pass",
                "reason": "Within",
                "message": "p95 holds",
                "estimate": "3.1 %",
                "interval": "2.4 % to 4 %",
            },
            {"objective": "errors", "verdict": "NoEvidence", "reason": "TooFew", "message": "12 of 20 requests"},
            {"objective": "feedback", "verdict": "Fail"},
        ],
        "outcome": {
            "revision": "1111111111",
            "result": "RolledBack",
            "reason": "Breach",
            "message": "errors: 4.2 % failed",
            "time": "2026-11-20T09:00:00Z",
        },
        "history": [
            {"revision": "2222222222", "result": "Promoted", "time": "2026-11-01T10:00:00Z"},
            {
                "revision": "1111111111",
                "result": "RolledBack",
                "reason": "Breach",
                "message": "errors: 4.2 % failed",
                "time": "2026-11-20T09:00:00Z",
            },
        ],
    },
}

PAGE = """\
ml/language-id
Owner      NLP platform lead <nlp@example.com>, team nlp
Ready      Unknown, Paused: paused at 25 %
Next       `palier resume language-id -n ml`; with GitOps set spec.release.paused: false in Git
Paused     yes: `palier resume` goes on
Stage      Canary 25, 25 % of the requests go to the candidate
Stable     0a1b2c3d4e  lingua 2.1.0, since 2026-11-01T10:00:00Z
Candidate  5f6a7b8c9d  lingua 2.1.1
Former     1111111111, kept ready until 2026-11-24T10:10:00Z

Verdicts
  ✓ latency   Pass        Within: p95 holds (measured 3.1 %, 95 %: 2.4 % to 4 %)
  ? errors    NoEvidence  TooFew: 12 of 20 requests
  ✗ feedback  Fail

Last release
  2026-11-20T09:00:00Z  1111111111  RolledBack  Breach: errors: 4.2 % failed

Before
  2026-11-01T10:00:00Z  2222222222  Promoted
"""


def test_whole_page() -> None:
    """Owner, revisions, stage, verdicts with their numbers and the history are all there."""
    assert page(BODY) == PAGE


def test_object_that_nobody_looked_at() -> None:
    """Without a status the page says so instead of showing emptiness."""
    body = {"metadata": BODY["metadata"], "spec": {"owner": {"name": "A", "email": "a@example.com"}}}
    assert page(body) == (
        "ml/language-id\nOwner      A <a@example.com>\nReady      the operator has not looked at it yet\n"
        "Next       see whether an operator runs and serves this namespace: "
        "`kubectl get pods -A -l app.kubernetes.io/name=palier`\n"
    )


def test_change_that_was_not_seen_yet_is_told() -> None:
    """A status that speaks about an older generation is not passed off as the present."""
    body = BODY | {"metadata": BODY["metadata"] | {"generation": 4}}
    assert "the operator has not seen the latest change yet" in page(body)


def test_idle_object() -> None:
    """A status with hardly anything in it makes a page too."""
    status = {"observedGeneration": 3, "stage": "Serving", "weight": 0}
    text = page({"metadata": BODY["metadata"], "spec": {}, "status": status})
    assert "Stable     -\nCandidate  -\n" in text


def test_the_plan_its_variants_and_the_cost() -> None:
    """What the target costs, why each variant was or was not chosen, and what is spent now."""
    status = {
        "observedGeneration": 3,
        "release": {"step": "LoadTesting", "testing": {"phase": "Climb", "message": "80 requests/s are tried"}},
        "plan": {
            "verdict": "Pass",
            "reason": "WithinBudget",
            "message": "200 requests/s take 3 replicas",
            "variants": [
                {"name": "heavy", "reason": "OverBudget", "message": "9,000 EUR a month"},
                {"name": "light", "reason": "Cheapest", "message": "120 EUR a month", "chosen": True},
            ],
        },
        "cost": {"currency": "EUR", "hourly": "0.16", "month": "2026-11", "monthlyProjection": "117.2"},
    }
    text = page({"metadata": BODY["metadata"], "spec": {}, "status": status})
    assert (
        "Load test  80 requests/s are tried\n"
        "Plan       ✓ WithinBudget: 200 requests/s take 3 replicas\n"
        "             heavy  OverBudget: 9,000 EUR a month\n"
        "           → light  Cheapest: 120 EUR a month\n"
        "Cost       0.16 EUR an hour, 117.2 EUR for 2026-11, projected\n"
    ) in text


def test_error_budgets_of_what_serves() -> None:
    """What is left, what burns, and what is not known; as of when, because it is written now and then."""
    objectives = [
        {"objective": "errors", "budgetLeft": "83 %", "message": "83 % of the error budget of 28 days is left"},
        {"objective": "p95", "budgetLeft": "2 %", "alert": "Page", "message": "300 of 600 bad in 56 minutes"},
        {"objective": "votes", "message": "it is not known what is left of the error budget"},
    ]
    watch = {"at": "2026-11-25T09:00:00Z", "objectives": objectives}
    found = page({"metadata": {"name": "demo", "namespace": "ml"}, "status": {"stable": None, "watch": watch}})

    assert (
        """
Error budgets, as of 2026-11-25T09:00:00Z
  ✓ errors  83 % of the error budget of 28 days is left
  ✗ p95     300 of 600 bad in 56 minutes
  ? votes   it is not known what is left of the error budget
"""
        in found
    )


def test_data_of_what_serves() -> None:
    """What has drifted, since when, and how much more; or that nothing has, or that it is not known."""

    def shown(**drift: object) -> str:
        watch = {"dataDrift": {"at": "2026-11-25T09:00:00Z", **drift}}
        return page({"metadata": {"name": "demo", "namespace": "ml"}, "status": {"stable": None, "watch": watch}})

    finding = {"feature": "amount", "message": "amount: drift: PSI 0.31", "since": "2026-11-25T08:00:00Z"}
    assert """
Data, as of 2026-11-25T09:00:00Z
  ✗ amount: drift: PSI 0.31, since 2026-11-25T08:00:00Z
  ✗ 3 more
""" in shown(reason="DataDrifts", message="amount: drift; and 3 more", findings=[finding], others=3)
    assert "  ✓ none of 12 features has drifted\n" in shown(reason="NoDrift", message="none of 12 features has drifted")
    assert "  ? no window is over yet\n" in shown(reason="NotKnownYet", message="no window is over yet")
    assert "Data" not in page({"metadata": {"name": "demo", "namespace": "ml"}, "status": {"stable": None}})
