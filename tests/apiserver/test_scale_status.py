"""The status of load tests, plans and costs is stored as it is written, at its largest."""

from typing import TYPE_CHECKING, Any

from palier.api.constants import FIELD_MANAGER_STATUS

if TYPE_CHECKING:
    from tests.apiserver.conftest import Api

TESTED = {
    "variant": "cpu-int8",
    "digest": "0123456789abcdef",
    "replicas": 1,
    "measuredAt": "2026-11-05T10:00:00.123456Z",
    "verdict": "Pass",
    "reason": "CapacityFound",
    "message": "42.5 requests per second",
    "capacity": "42.5",
    "ceiling": "44",
    "atLeast": False,
    "requests": 123456,
    "scheduleLag": "0.0004",
    "tokensPerSecond": "812",
    "firstToken": "0.21",
    "perToken": "0.031",
    "coldStart": "41.5",
    "cpuCores": "0.97",
    "memoryBytes": 1288490188,
    "gpuUtilization": "0.91",
    "node": "node-1",
    "steps": [
        {
            "phase": "Search",
            "offered": "44",
            "achieved": "43.9",
            "p50": "0.11",
            "p95": "0.26",
            "p99": "0.4",
            "requests": 880,
            "errors": 1,
            "lag": "0.0004",
            "holds": False,
        }
    ]
    * 32,
}


def test_what_was_tested_planned_and_paid_is_stored(api: "Api", minimal: dict[str, Any]) -> None:
    """Every field that tells of load tests and money passes the API server unchanged."""
    api.apply(minimal)
    identity = {key: minimal[key] for key in ("apiVersion", "kind")} | {"metadata": {"name": "minimal"}}
    written = {
        "release": {
            "step": "LoadTesting",
            "tested": True,
            "testReplicas": 4,
            "attempt": 2,
            "testing": {
                "variant": "cpu-int8",
                "revision": "5f6a7b8c9d",
                "replicas": 4,
                "run": 1,
                "attempt": 2,
                "phase": "Search",
                "requestsPerSecond": "42.5",
                "passed": "40",
                "failed": "45.333333333333333333333333333",
                "message": "42.5 requests per second for 20 s",
            },
        },
        "stable": {"revision": "0a1b2c3d4e", "variant": "cpu-int8", "family": "1111111111"},
        "outcome": {"revision": "0a1b2c3d4e", "result": "Refused", "family": "1111111111"},
        "loadTests": [{**TESTED, "revision": f"{number:010x}"} for number in range(32)],
        "plan": {
            "currency": "EUR",
            "hourlyPerReplica": "0.081",
            "capacity": "42.5",
            "utilization": "0.7",
            "replicas": 7,
            "points": [
                {
                    "name": name,
                    "requestsPerSecond": "200",
                    "replicas": 7,
                    "monthlyServing": "413.91",
                    "monthlyOverheads": "550",
                    "monthlyTotal": "963.91",
                    "perThousandInferences": "0.001833923135464231354642313546",
                    "withinBudget": True,
                }
                for name in ("POC", "Target", "Double", "Tenfold")
            ],
            "largestAffordableRequestsPerSecond": "1200",
            "verdict": "Pass",
            "reason": "WithinBudget",
            "message": "963.91 EUR a month",
            "priceSource": "list prices of example.com",
            "pricesAsOf": "2026-11-01",
            "recommendation": {
                "cpuRequest": "850m",
                "memoryRequest": "1200Mi",
                "memoryLimit": "1500Mi",
                "minReplicas": 2,
                "maxReplicas": 14,
                "targetUtilization": 70,
            },
            "variants": [
                {
                    "name": f"variant-{number}",
                    "revision": "5f6a7b8c9d",
                    "verdict": "Fail",
                    "reason": "OverBudget",
                    "message": "18000 EUR a month",
                    "monthlyTotal": "18000",
                    "chosen": False,
                }
                for number in range(8)
            ],
        },
        "cost": {
            "currency": "EUR",
            "perThousandInferences": "0.38",
            "candidatePerThousandInferences": "0.41",
            "hourly": "0.567",
            "monthlyProjection": "963.91",
            "month": "2026-11",
            "spent": "120.5",
            "at": "2026-11-05T10:00:00Z",
            "rates": [{"since": f"2026-11-05T09:00:{second:02}Z", "hourly": "0.567"} for second in range(16)],
            "burn": "0.32",
            "message": "the budget lasts",
        },
    }
    api.apply({**identity, "status": written}, manager=FIELD_MANAGER_STATUS, status=True)

    assert api.get("minimal")["status"] == written
