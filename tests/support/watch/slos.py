"""SLOs as others write them, one in each format."""

from typing import Any

OPENSLO: dict[str, Any] = {
    "apiVersion": "openslo/v1",
    "kind": "SLO",
    "metadata": {"name": "api-errors"},
    "spec": {
        "service": "api",
        "indicator": {
            "metadata": {"name": "api-errors"},
            "spec": {
                "ratioMetric": {
                    "counter": True,
                    "bad": {"metricSource": {"type": "Prometheus", "spec": {"query": 'sum(hits{code="500"})'}}},
                    "total": {"metricSource": {"type": "prometheus", "spec": {"query": "hits"}}},
                }
            },
        },
        "timeWindow": [{"duration": "28d", "isRolling": True}],
        "budgetingMethod": "Occurrences",
        "objectives": [{"displayName": "few errors", "target": 0.995}],
    },
}
SLOTH: dict[str, Any] = {
    "apiVersion": "sloth.slok.dev/v1",
    "kind": "PrometheusServiceLevel",
    "metadata": {"name": "api", "namespace": "ml", "labels": {"team": "nlp"}},
    "spec": {
        "service": "api",
        "labels": {"owner": "nlp"},
        "slos": [
            {
                "name": "errors",
                "objective": 99.5,
                "description": "few errors",
                "sli": {
                    "events": {
                        "errorQuery": 'sum(rate(hits{code="500"}[{{ .window }}]))',
                        "totalQuery": "sum(rate(hits[{{.window}}]))",
                    }
                },
                "alerting": {"name": "Errors"},
            },
            {
                "name": "fast",
                "objective": "95",
                "sli": {
                    "events": {
                        "errorQuery": (
                            "(sum(rate(time_seconds_count[{{.window}}])) -"
                            ' sum(rate(time_seconds_bucket{le="0.3"}[{{.window}}])))'
                        ),
                        "totalQuery": "sum(rate(time_seconds_count[{{.window}}]))",
                    }
                },
                "alerting": {"name": "Slow"},
            },
        ],
    },
}
PYRRA: dict[str, Any] = {
    "apiVersion": "pyrra.dev/v1alpha1",
    "kind": "ServiceLevelObjective",
    "metadata": {"name": "api-errors", "namespace": "ml"},
    "spec": {
        "target": "99.5",
        "window": "4w",
        "indicator": {"ratio": {"errors": {"metric": 'hits{code="500"}'}, "total": {"metric": "hits"}, "grouping": []}},
        "alerting": {"name": "Errors"},
    },
}
OBJECTS = {"openslo": OPENSLO, "sloth": SLOTH, "pyrra": PYRRA}
