"""`palier plan --json`: the keys of the contract, the arithmetic between them, and the exit status."""

import json
import math
from typing import Any

import pytest

from tests.unit.cli.plan.cases import PRICES, Command, model, template, variants

KEYS = {
    "requestsPerSecond",
    "replicas",
    "monthlyServing",
    "monthlyOverheads",
    "monthlyTotal",
    "perThousandInferences",
    "withinBudget",
}


def test_contract(command: Command) -> None:
    """Programs find the keys that were promised, and the numbers fit together."""
    told = command.json(3, model(), "--capacity", "10")

    assert (told["currency"], told["hourlyPerReplica"], told["utilization"]) == ("EUR", 0.14, 0.7)
    assert [point["name"] for point in told["points"]] == ["POC", "Target", "Double", "Tenfold"]
    assert [point["requestsPerSecond"] for point in told["points"]] == [2, 200, 400, 2000]
    for point in told["points"]:
        assert point.keys() >= KEYS
        assert point["replicas"] == math.ceil(point["requestsPerSecond"] / (10 * 0.7))
        assert point["monthlyServing"] == pytest.approx(point["replicas"] * 0.14 * 730)
        assert point["monthlyOverheads"] == 550
        assert point["monthlyTotal"] == pytest.approx(point["monthlyServing"] + 550)
        thousands = point["requestsPerSecond"] * 730 * 3600 / 1000
        assert point["perThousandInferences"] * thousands == pytest.approx(point["monthlyTotal"])
        assert point["withinBudget"] is (point["monthlyTotal"] <= 3000)
    assert [point["withinBudget"] for point in told["points"]] == [True, False, False, False]
    # 2,450 EUR are left for replicas of 102.20 EUR: 23 of them, with 7 requests/s each.
    assert told["largestAffordableRequestsPerSecond"] == 161
    assert (told["verdict"], told["reason"]) == ("Fail", "OverBudget")
    assert "at most 161 requests/s fit" in told["message"]
    assert told["prices"] == {"source": "a price list", "asOf": "2026-11-01"}
    assert (told["capacity"], told["capacitySource"], told["variants"]) == (10, "declared", [])


def test_within_budget(command: Command) -> None:
    """A target that the budget pays for passes."""
    told = command.json(0, model(budget={"currency": "EUR", "monthly": "4000"}), "--capacity", "10")

    assert (told["verdict"], told["reason"]) == ("Pass", "WithinBudget")
    assert told["points"][1]["withinBudget"] is True


def test_every_limit_counts(command: Command) -> None:
    """A budget for a thousand inferences refuses a proof of concept whose replica idles."""
    told = command.json(0, model(budget={"currency": "EUR", "perThousandInferences": "0.02"}), "--capacity", "10")

    assert [point["withinBudget"] for point in told["points"]] == [False, True, True, True]
    assert told["budget"] == {"currency": "EUR", "perThousandInferences": 0.02}
    assert told["largestAffordableRequestsPerSecond"] is None


def test_without_budget(command: Command) -> None:
    """Nothing is judged where nothing is limited."""
    told = command.json(0, model(budget=None), "--capacity", "10")

    assert (told["verdict"], told["reason"], told["budget"]) == ("Pass", "NoBudget", None)
    assert {point["withinBudget"] for point in told["points"]} == {None}


def test_without_capacity(command: Command) -> None:
    """Without a capacity nothing can be said, but what a replica costs."""
    told = command.json(4, model())

    assert (told["verdict"], told["reason"]) == ("NoEvidence", "NoCapacity")
    assert (told["hourlyPerReplica"], told["capacity"], told["capacitySource"]) == (0.14, None, None)
    assert {point["replicas"] for point in told["points"]} == {None}


def test_without_prices(command: Command) -> None:
    """Without prices the replicas are told, and that the rest is not known."""
    file = command.written("model.yaml", model())
    told = json.loads(command.raw(4, file, "--capacity", "10", "--json"))

    assert (told["verdict"], told["reason"], told["currency"]) == ("NoEvidence", "PricesMissing", None)
    assert "--prices" in told["message"]
    assert told["points"][1]["replicas"] == 29


def test_old_prices(command: Command) -> None:
    """Prices of years ago are none."""
    file = command.written("model.yaml", model())
    old = command.written("old.yaml", PRICES | {"asOf": "2020-01-01", "maxAge": "365d"})
    told = json.loads(command.raw(4, file, "--prices", old, "--capacity", "10", "--json"))

    assert told["reason"] == "PricesStale"


def test_two_currencies(command: Command) -> None:
    """Nothing is converted: both currencies are named and nothing is said."""
    told = command.json(4, model(budget={"currency": "USD", "monthly": "3000"}), "--capacity", "10")

    assert (told["verdict"], told["reason"]) == ("NoEvidence", "CurrencyMismatch")
    assert "USD" in told["message"]
    assert "EUR" in told["message"]
    assert {point["monthlyTotal"] for point in told["points"]} == {None}


def test_proof_of_concept_of_the_command_line(command: Command) -> None:
    """--poc comes before the file."""
    told = command.json(3, model(), "--capacity", "10", "--poc", "0.5")

    assert told["points"][0]["requestsPerSecond"] == 0.5


def test_tokens_and_a_bought_api(command: Command) -> None:
    """With tokens there are costs of a million of them; with an API's price there is a break-even."""
    scale = model()["spec"]["scale"] | {"apiPrice": {"perThousandInferences": "0.05"}}
    scale["target"] = {"requestsPerSecond": "200", "tokensIn": 800, "tokensOut": 200}
    told = command.json(3, model(scale=scale), "--capacity", "10")

    target = told["points"][1]
    assert target["perMillionTokens"] == pytest.approx(target["perThousandInferences"])
    assert told["marginalPerThousandInferences"] == pytest.approx(0.14 / (10 * 3.6))
    assert told["breakEven"]["apiPerThousandInferences"] == 0.05
    even = told["breakEven"]["requestsPerSecond"]
    assert 0.05 * even * 2628 == pytest.approx(550 + 102.2 * math.ceil(even / 7))


def test_variants(command: Command) -> None:
    """The cheapest way that fits is chosen, and every other one has its reason."""
    capacities = ["--capacity", "heavy=40", "--capacity", "middle=14", "--capacity", "light=9"]
    told = command.json(0, model(**variants()), *capacities)

    assert (told["verdict"], told["reason"], told["variant"]) == ("Pass", "Cheapest", "light")
    found = {variant["name"]: variant for variant in told["variants"]}
    assert [variant["chosen"] for variant in told["variants"]] == [False, False, True]
    assert {name: variant["reason"] for name, variant in found.items()} == {
        "heavy": "OverBudget",
        "middle": "NotCheapest",
        "light": "Cheapest",
    }
    assert found["light"]["points"] == told["points"]
    assert found["heavy"]["hourlyPerReplica"] == 0.84
    assert found["middle"]["points"][1]["monthlyTotal"] > told["points"][1]["monthlyTotal"]


def test_no_variant_fits(command: Command) -> None:
    """The numbers of the one that carries most for the money stand first."""
    capacities = ["--capacity", "heavy=4", "--capacity", "middle=1", "--capacity", "light=1"]
    told = command.json(3, model(**variants()), *capacities)

    assert (told["verdict"], told["variant"]) == ("Fail", "light")
    assert "heavy" in told["message"]


def test_unknown_variant_may_still_fit(command: Command) -> None:
    """While nothing passes, a variant without a capacity keeps the others from being refused for good."""
    capacities = ["--capacity", "heavy=4", "--capacity", "middle=1"]
    told = command.json(4, model(**variants()), *capacities)

    assert (told["verdict"], told["reason"]) == ("NoEvidence", "NoCapacity")


def test_several_documents(command: Command) -> None:
    """One line for each ModelDeployment; the worst verdict is the exit status, other objects are passed over."""
    cheap = model(budget={"currency": "EUR", "monthly": "4000"})
    cheap["metadata"]["name"] = "cheap"
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "demo"}}
    file = command.written("all.yaml", cheap, service, model())
    lines = command.raw(3, file, "--prices", command.prices, "--capacity", "10", "--json").splitlines()

    told: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert [(one["name"], one["verdict"]) for one in told] == [("cheap", "Pass"), ("demo", "Fail")]


def test_list_from_the_cluster(command: Command) -> None:
    """What kubectl prints for all objects together can be planned."""
    file = command.written("all.yaml", {"apiVersion": "v1", "kind": "List", "items": [model(), model()]})

    assert command.raw(3, file, "--prices", command.prices, "--capacity", "10", "--json").count("\n") == 2


def test_gpu_without_price(command: Command) -> None:
    """A GPU that the table does not know is no GPU for nothing."""
    serving = {
        "port": 8080,
        "placement": {"accelerator": "GPU", "gpu": {"product": "NVIDIA-H100"}},
        "template": template(),
    }
    told = command.json(4, model(serving=serving), "--capacity", "10")

    assert told["reason"] == "GpuPriceMissing"
    assert "H100" in told["message"]
