"""A model with a plan: what it promises, what it may cost, what a pod costs, and what is left of its load tests."""

import copy
import datetime as dt
import json
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from local import cluster
from tests.e2e.objects import list_names, list_objects
from tests.e2e.support import Model, kubectl

SYSTEM = "palier-system"
CHART = ("palier", str(Path(__file__).parents[2] / "charts" / "palier"))

SERVICE_TIME = 0.02
WORKERS = 4
MONTHLY = "40"
"""The budget in USD: the target takes nine replicas; small ones cost 22 in a month, large ones 132."""
TARGET = "350"
LATENCY = 0.2
"""Seconds; 80 % of the answers must come within it, which takes fewer of them to judge than 95 %."""
EXACT_LATENCY = 0.06
"""Seconds for 95 % of the answers, where the capacity is compared with theory."""
RATE = "60"
"""Load tests end at this rate, which the server carries with ease on a busy machine too: enough for a verdict."""


def planned(model: Model) -> None:
    """Give a model under test the server of known law, a plan, a budget and a load test that is over soon."""
    spec = model.manifest["spec"]
    spec["model"]["name"] = "capacity"
    spec["serving"]["template"] = template(model)
    spec["serving"]["replicas"] = 1
    spec["objectives"] = [
        {"name": "latency", "latency": {"percentile": 80, "threshold": f"{LATENCY * 1000:.0f}ms"}},
        {"name": "errors", "errorRate": {"maxPercent": "5"}},
    ]
    spec["budget"] = {"currency": "USD", "monthly": MONTHLY}
    spec["scale"] = {
        "target": {"requestsPerSecond": TARGET},
        "loadTest": {
            "warmUp": "2s",
            "stepDuration": "2s",
            "soak": "1s",
            "maxDuration": "90s",
            "startRequestsPerSecond": RATE,
            "maxRequestsPerSecond": RATE,
            "resources": {"requests": {"cpu": "400m", "memory": "64Mi"}},  # its share of a busy machine
        },
    }
    spec["release"]["stages"] = [
        {"loadTest": {"maxDuration": "10m"}},
        {"canary": {"weight": 50, "minDuration": "2s", "maxDuration": "10m"}},
    ]


def search_exactly(model: Model) -> None:
    """Have the load test find the capacity where the server is nearly saturated."""
    spec = model.manifest["spec"]
    spec["objectives"][0]["latency"] = {"percentile": 95, "threshold": f"{EXACT_LATENCY * 1000:.0f}ms"}
    rates = {"startRequestsPerSecond": "120", "maxRequestsPerSecond": "1000"}
    spec["scale"]["loadTest"] |= {"soak": "5s", **rates}


def template(
    model: Model, *, memory: str = "64Mi", service_time: str = f"{SERVICE_TIME * 1000:.0f}ms"
) -> dict[str, Any]:
    """A pod of the server of known law; `memory` only makes it dearer."""
    pod: dict[str, Any] = copy.deepcopy(model.manifest["spec"]["serving"]["template"])
    container = pod["spec"]["containers"][0]
    environment = {
        "SERVICE_TIME": service_time,
        "WORKERS": str(WORKERS),
        "BUCKETS": f"{SERVICE_TIME:g},{EXACT_LATENCY:g},{LATENCY:g}",
    }
    container["env"] = [{"name": name, "value": value} for name, value in environment.items()]
    container["resources"] = {"requests": {"cpu": "100m", "memory": memory}}
    return pod


def variants(model: Model) -> list[dict[str, Any]]:
    """Three ways to serve it: one that is slower than promised, one that costs too much, one that fits."""
    return [
        {"name": "slow", "template": template(model, service_time="300ms")},
        {"name": "large", "template": template(model, memory="4Gi")},
        {"name": "small", "template": template(model)},
    ]


def charge(currency: str | None) -> None:
    """Install a price table, or take it away, as who runs Palier would."""
    today = dt.datetime.now(dt.UTC).date().isoformat()
    prices = {
        "currency": currency,
        "source": "end-to-end tests",
        "asOf": today,
        "cpuHour": "0.031611",
        "memoryGiBHour": "0.004237",
    }
    chosen = f"prices={json.dumps(prices)}" if currency else "prices=null"
    cluster.helm(
        *("upgrade", *CHART, "--namespace", SYSTEM, "--reuse-values", "--set-json", chosen),
        *("--wait", "--timeout", "3m"),
    )


def generator_of(namespace: str) -> dict[str, Any]:
    """The running pod that sends the requests of a load test; empty while there is none."""
    pods = list_objects(namespace, "pods", selector="palier.dev/load-test")
    return next((pod for pod in pods if pod["status"].get("phase") == "Running"), {})


def leftovers(namespace: str) -> list[str]:
    """What is there of load tests."""
    return [name for name in list_names(namespace, "jobs", "configmaps", "pods") if name.startswith("load-")]


def events(model: Model, reason: str) -> list[str]:
    """The messages of the Events with a reason."""
    items = json.loads(kubectl("get", "events", "-n", model.namespace, "-o", "json"))["items"]
    return [item["message"] for item in items if item["reason"] == reason]


def operators_metrics() -> Callable[[str, Mapping[str, str]], list[float]]:
    """The operator's own metrics: a function that tells the values of a metric, by some of its labels."""
    selector = ("-n", SYSTEM, "-l", "app.kubernetes.io/name=palier")
    address = kubectl("get", "services", *selector, "-o", "jsonpath={.items[0].spec.clusterIP}")
    with urllib.request.urlopen(f"http://{address}:8080/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))

    def values(name: str, labels: Mapping[str, str]) -> list[float]:
        samples = (sample for family in families for sample in family.samples if sample.name == name)
        return [sample.value for sample in samples if labels.items() <= sample.labels.items()]

    return values
