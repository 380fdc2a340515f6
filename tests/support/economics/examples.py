"""Specs and prices that the tests of the economics start from."""

from copy import deepcopy
from datetime import date
from decimal import Decimal
from typing import Any

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.economics.capacity import ScalingLaw
from palier.economics.money import Money
from palier.economics.plan import PlanInputs
from palier.economics.prices import Priced, PriceTable, Unpriced

TODAY = date(2026, 11, 24)
PRICES: dict[str, Any] = {
    "currency": "EUR",
    "source": "list prices",
    "asOf": "2026-11-01",
    "cpuHour": "0.03",
    "memoryGiBHour": "0.004",
    "gpuHour": {"L4": "0.80", "NVIDIA-H100-80GB-HBM3": "6.88"},
}
_BODY: dict[str, Any] = {
    "metadata": {"name": "language-id", "namespace": "nlp"},
    "spec": {
        "owner": {"name": "NLP platform lead", "email": "nlp@example.com"},
        "model": {"name": "lingua", "version": "2.1.1"},
        "serving": {
            "port": 8080,
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "server",
                            "image": "registry.example.com/lingua:1",
                            "resources": {"requests": {"cpu": "500m", "memory": "2Gi"}},
                        }
                    ]
                }
            },
        },
        "traffic": {"service": {}},
    },
}


def deployment(pod: dict[str, Any] | None = None, **spec: Any) -> ModelDeployment:  # noqa: ANN401
    """A model on half a core and 2 GiB; `pod` replaces its pod, `spec` further parts."""
    body = deepcopy(_BODY)
    if pod is not None:
        body["spec"]["serving"]["template"]["spec"] = pod
    placement = spec.pop("placement", None)
    if placement is not None:
        body["spec"]["serving"]["placement"] = placement
    body["spec"].update(spec)
    return parse(body)


def container(*, requests: dict[str, Any] | None = None, limits: dict[str, Any] | None = None, **more: Any) -> Any:  # noqa: ANN401
    """One container of a pod."""
    resources = {name: value for name, value in (("requests", requests), ("limits", limits)) if value is not None}
    return {"name": "server", "image": "registry.example.com/server:1", "resources": resources, **more}


def prices(**changes: Any) -> PriceTable:  # noqa: ANN401
    """The table of prices, with fields replaced; None leaves one out."""
    written = {**PRICES, **changes}
    return PriceTable.parse({name: value for name, value in written.items() if value is not None})


def priced(hourly: str | Decimal, currency: str = "EUR") -> Priced:
    """A replica of that price."""
    return Priced(Money(Decimal(hourly), currency), {}, "list prices", date(2026, 11, 1))


def inputs(**changes: Any) -> PlanInputs:  # noqa: ANN401
    """A target of 200 requests/s on replicas of one request/s and 0.0632 EUR an hour, planned to 70 %."""
    usual: dict[str, Any] = {
        "target": Decimal(200),
        "poc": Decimal(1),
        "law": ScalingLaw(Decimal(1)),
        "utilization": Decimal("0.7"),
        "hourly": priced("0.0632"),
    }
    return PlanInputs(**{**usual, **changes})


def unpriced(reason: str = "PricesMissing") -> Unpriced:
    """A replica without a price."""
    return Unpriced(reason, "no prices are known: give a table")


def euros(amount: str) -> Money:
    """An amount of the usual currency."""
    return Money(Decimal(amount), "EUR")
