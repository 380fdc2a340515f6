"""What `palier status` says to do next: a line for every reason that the documentation lists."""

import re
from pathlib import Path
from typing import Any

import pytest

from palier.api.status.values import Result
from palier.cli.advice import ENDED, HELD, NOTHING_TO_DO, next_step

ROOT = Path(__file__).parents[3]


def sections() -> dict[str, set[str]]:
    """The reasons that docs/troubleshooting.md lists, by heading: as headings of their own or in tables."""
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        rows = re.findall(r"^\| ((?:`[A-Z]\w+`(?:, )?)+) \|", rest, re.MULTILINE)
        listed = {reason for row in rows for reason in re.findall(r"`(\w+)`", row)}
        found[title] = listed | set(re.findall(r"^### `(\w+)`$", rest, re.MULTILINE))
    return found


SECTIONS = sections()
ENDINGS = SECTIONS.pop("How a release ended")
LISTED = sorted(set().union(*SECTIONS.values()) - set(Result))
COMMAND = re.compile(r"`([^`]+)`")


def body(reason: str, *, status: str = "Unknown", **parts: Any) -> dict[str, Any]:  # noqa: ANN401
    """A ModelDeployment whose `Ready` has this reason."""
    return {
        "metadata": {"name": "demo", "namespace": "ml", "generation": 1},
        "status": {
            "observedGeneration": 1,
            "stable": {"revision": "aaaaaaaaaa"},
            "candidate": {"revision": "bbbbbbbbbb"},
            "conditions": [{"type": "Ready", "status": status, "reason": reason}],
            **parts,
        },
    }


def test_the_documentation_is_read() -> None:
    """A page whose form has changed would leave nothing to hold together."""
    assert {"CandidateNotReady", "Paused", "InvalidSpec", "TooFewRequests", "BudgetSpent"} <= set(LISTED)
    assert {"Promoted", "QualityWorse", "NoEvidence"} <= ENDINGS


@pytest.mark.parametrize("reason", LISTED)
def test_every_reason_that_the_documentation_lists_has_its_line(reason: str) -> None:
    """One line with the object's own names; none where all is well."""
    told = next_step(body(reason))

    assert "look " + reason not in told
    assert bool(told) == (reason not in NOTHING_TO_DO)
    assert "\n" not in told
    assert not re.search(r"[{][a-z]+[}]", told)


@pytest.mark.parametrize("reason", sorted(ENDINGS))
def test_every_ending_has_its_line(reason: str) -> None:
    """What refuses a revision says what to change, and that the same one can be tried again."""
    assert reason in ENDED or reason in NOTHING_TO_DO
    if reason in ENDED:
        told = next_step(body("RolledBack", status="False", outcome={"reason": reason, "result": "RolledBack"}))

        assert told == f"{ENDED[reason]}; to try the same revision again, `palier retry demo -n ml`"


@pytest.mark.parametrize("result", [result for result in Result if result.refuses])
def test_every_refusing_result_leads_to_a_retry(result: Result) -> None:
    """Also when its reason is one that nobody has heard of."""
    assert "`palier retry demo -n ml`" in next_step(body(result.value, status="False"))
    assert "`palier retry demo -n ml`" in next_step(body(result.value, status="False", outcome={"reason": "New"}))


@pytest.mark.parametrize(
    ("reason", "command"),
    [
        ("Paused", "palier resume demo -n ml"),
        ("DeadlineWithoutEvidence", "palier abort demo -n ml"),
        ("ObjectiveBreached", "palier promote demo -n ml"),
        ("CandidateNotReady", "kubectl describe pods -n ml -l palier.dev/revision=bbbbbbbbbb"),
        ("StableUnavailable", "kubectl describe pods -n ml -l palier.dev/revision=aaaaaaaaaa"),
        ("RouteNotAccepted", "kubectl describe httproute demo -n ml"),
    ],
)
def test_what_can_be_typed_is_there_to_be_copied(reason: str, command: str) -> None:
    """With the names of this very object."""
    assert command in COMMAND.findall(next_step(body(reason)))


def test_a_broken_promise_says_what_to_do_although_everything_serves() -> None:
    """What serves may be `Ready` and fail its users."""
    serving = body("Serving", status="True")
    for status, reason, told in (
        ("True", "ErrorBudgetLeft", ""),
        ("Unknown", "NotKnownYet", ""),
        ("False", "ErrorBudgetBurns", HELD["ErrorBudgetBurns"]),
        ("Unknown", "CannotWatch", HELD["CannotWatch"]),
    ):
        condition = {"type": "WithinErrorBudget", "status": status, "reason": reason}
        conditions = [*serving["status"]["conditions"], condition]
        assert next_step({**serving, "status": {**serving["status"], "conditions": conditions}}) == told


def test_data_that_has_drifted_says_what_to_do_although_everything_serves() -> None:
    """Its condition is True where something is wrong, other than that of a promise."""
    serving = body("Serving", status="True")
    for status, reason, told in (
        ("False", "NoDrift", ""),
        ("Unknown", "NotKnownYet", ""),
        ("Unknown", "CannotTell", ""),
        ("True", "DataDrifts", HELD["DataDrifts"]),
        ("True", "FeatureBroken", HELD["FeatureBroken"]),
        ("Unknown", "CannotWatch", HELD["CannotWatch"]),
    ):
        condition = {"type": "DataDrift", "status": status, "reason": reason}
        conditions = [*serving["status"]["conditions"], condition]
        assert next_step({**serving, "status": {**serving["status"], "conditions": conditions}}) == told


def test_a_missing_verdict_says_more_than_that_it_is_missing() -> None:
    """`Judging` is the reason of the hold; what to do depends on why there is no verdict."""
    verdicts = [{"verdict": "Pass", "reason": "WithinObjective"}, {"verdict": "NoEvidence", "reason": "NoRequests"}]

    assert next_step(body("Judging", verdicts=verdicts)) == HELD["NoRequests"]
    assert next_step(body("Judging")) == HELD["Judging"]


def test_what_is_denied_is_told_beside_everything_else() -> None:
    """It hides nothing, and is hidden by nothing."""
    shown = body("Serving", status="True")
    assert next_step(shown) == ""
    shown["status"]["conditions"].append({"type": "Denied", "status": "True", "reason": "Forbidden"})
    assert next_step(shown) == HELD["Forbidden"]
    shown["status"]["conditions"][0]["reason"] = "MinimumDuration"
    assert next_step(shown) == f"{HELD['MinimumDuration']}; {HELD['Forbidden']}"


def test_a_change_that_nobody_has_seen_is_the_operators_to_see() -> None:
    """What the status says is about another spec."""
    old = body("Serving", status="True")
    old["metadata"]["generation"] = 2

    assert "see whether an operator runs" in next_step(old)
    assert "see whether an operator runs" in next_step({"metadata": old["metadata"]})


def test_a_reason_of_a_later_version_is_not_passed_over() -> None:
    """An operator that is newer than the command has reasons that the command does not know."""
    assert next_step(body("Brand")) == "look Brand up in docs/troubleshooting.md"
