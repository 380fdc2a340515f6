"""The status that the operator writes is the status that it reads back after a crash: nothing is refused or dropped."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from palier.api.constants import AVAILABLE, FIELD_MANAGER_STATUS, PROGRESSING, READY, RECONCILING
from palier.api.spec.release import ReleaseRules, Stage
from palier.api.status.conditions import condition, merge_conditions
from palier.evidence.objective import Counts, ObjectiveRule, judge, observe, start_evidence
from palier.evidence.verdicts import Verdict
from palier.loadtest.result import LoadTestResult
from palier.measuring.coverage import Coverage
from palier.release.memory import read_state, write_state
from palier.release.report import verdict_status
from palier.release.state import (
    Drain,
    Ending,
    Former,
    Outcome,
    Release,
    Result,
    RevisionRef,
    State,
)
from palier.release.testing import LoadTestRecord, Usage

if TYPE_CHECKING:
    from tests.apiserver.conftest import Api

NOW = 1_767_323_045.123456
RULE = ObjectiveRule(name="errors", limit=0.01, margin=1.25, alpha=0.01)
EVIDENCE = observe(start_evidence(), Counts(200, 9, 11), Counts(1000, 4, 4), RULE)


def _reference(revision: str) -> RevisionRef:
    return RevisionRef(
        revision=revision,
        model="lingua",
        version="2.1.1",
        port=8080,
        since=NOW,
        variant="cpu-int8",
        family="4444444444",
    )


ALL_KINDS = tuple(
    Stage.model_validate(stage)
    for stage in (
        {"loadTest": {}},
        {"golden": {}},
        {"shadow": {"percent": 20, "minPairs": 500}},
        {"canary": {"weight": 5}},
        {"experiment": {"objective": "errors", "weight": 50, "duration": "24h"}},
    )
)
FULL = State(
    stable=_reference("0a1b2c3d4e"),
    candidate=_reference("5f6a7b8c9d"),
    former=Former(_reference("1111111111"), until=NOW + 600),
    backend_positions=("0a1b2c3d4e", "5f6a7b8c9d"),
    drains=(Drain("2222222222", until=NOW + 10), Drain("2222222222", until=NOW + 20)),
    release=Release(
        started_at=NOW,
        stage_started_at=NOW,
        plan=ALL_KINDS,
        cursor=3,
        opened_at=NOW,
        traffic_since=NOW,
        unready_since=NOW,
        gone_since=NOW,
        losses=1,
        skipped=True,
        pods_read=Coverage(NOW, unseen_since=NOW),
        breach="errors: 9 of 200 requests failed",
        attempt=2,
        ending=Ending(Result.ROLLED_BACK, "ObjectiveBreached", "errors: 9 of 200 requests failed"),
        evidence={"errors": EVIDENCE, "latency": start_evidence()},
    ),
    outcome=Outcome(
        "3333333333",
        Result.PROMOTED,
        "Proven",
        "all objectives hold",
        NOW,
        rules="0123456789abcdef",
        family="4444444444",
    ),
    history=tuple(Outcome("3333333333", result, "Proven", "", NOW) for result in Result),
    handled={"abort": "0a1b2c3d4e", "promote": "0a1b2c3d4e@2026-01-02T03:04:05.123456Z", "retry": "try 2"},
    load_tests=(
        LoadTestRecord(
            revision="5f6a7b8c9d",
            variant="cpu-int8",
            digest="0123456789abcdef",
            replicas=4,
            measured_at=NOW,
            result=LoadTestResult(
                Verdict.PASS, "CapacityFound", "42.5 requests per second", capacity=Decimal("42.5"), requests=123456
            ),
            node="node-1",
            usage=Usage(cold_start=Decimal("41.5"), memory_bytes=1_288_490_188),
        ),
    ),
)


def _written(state: State) -> dict[str, Any]:
    found = [
        condition(kind, "True", reason="Judging", message="25 % for at least 40 s more", observed_generation=1)
        for kind in (READY, RECONCILING, PROGRESSING, AVAILABLE)
    ]
    return {
        "observedGeneration": 1,
        "stage": "Canary 25",
        "weight": 25,
        "replicas": 3,
        "selector": "palier.dev/modeldeployment=minimal",
        "conditions": merge_conditions([], found, NOW),
        "verdicts": [verdict_status(judge(EVIDENCE, RULE, promotion=False))],
        **write_state(state),
    }


def _with_status(manifest: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": manifest["apiVersion"],
        "kind": manifest["kind"],
        "metadata": {"name": manifest["metadata"]["name"]},
        "status": status,
    }


def test_everything_that_a_release_remembers_is_stored(api: "Api", minimal: dict[str, Any]) -> None:
    """Every field of the operator's memory survives the API server to the last digit."""
    api.apply(minimal)
    written = _written(FULL)
    api.apply(_with_status(minimal, written), manager=FIELD_MANAGER_STATUS, status=True)

    stored = api.get("minimal")["status"]

    assert written == stored
    assert read_state(stored, ReleaseRules()) == FULL


def test_writing_the_same_status_again_changes_nothing(api: "Api", minimal: dict[str, Any]) -> None:
    """An idle operator causes no traffic: the second write of the same status is none."""
    api.apply(minimal)
    first, second = (
        api.apply(_with_status(minimal, _written(FULL)), manager=FIELD_MANAGER_STATUS, status=True) for _ in range(2)
    )

    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


def test_what_is_left_out_disappears(api: "Api", minimal: dict[str, Any]) -> None:
    """When a release ends, its memory leaves the status without any explicit removal."""
    api.apply(minimal)
    api.apply(_with_status(minimal, _written(FULL)), manager=FIELD_MANAGER_STATUS, status=True)

    api.apply(_with_status(minimal, {"stage": "Serving"}), manager=FIELD_MANAGER_STATUS, status=True)

    assert api.get("minimal")["status"] == {"stage": "Serving"}


def test_undeclared_status_fields_are_refused(api: "Api", minimal: dict[str, Any]) -> None:
    """A field that the schema does not know is an error, not a silent loss of memory."""
    api.apply(minimal)

    answer = api.run(
        "apply",
        "--server-side",
        "--subresource=status",
        "--validate=false",
        "-f-",
        given=_with_status(minimal, {"phase": "Running"}),
    )

    assert answer.status != 0
    assert ".status.phase: field not declared in schema" in answer.complaints
