"""What `palier plan` reads: files of other versions as far as it can; mistakes are told in a line."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.plan.cases import PRICES, Command, model, variants

LATER: dict[str, Any] = {
    "model": {"name": "lingua", "version": "2.1.1", "prompts": [{"name": "system", "configMapKeyRef": {"name": "p"}}]},
    "objectives": [
        {"name": "latency", "latency": {"percentile": 95, "threshold": "2s"}},
        {"name": "answers", "likeness": {"minPercent": "97"}},
        {"name": "feedback", "ratio": {"bad": "<PromQL counter>", "total": "<PromQL counter>", "maxPercent": "10"}},
    ],
    "release": {
        "stages": [
            {"loadTest": {}},
            {"rehearsal": {"percent": 20}},
            {"canary": {"weight": 5}},
            {"canary": {"weight": 50}},
        ],
        "approvals": [{"stage": "promote", "minimum": 1}],
    },
    "lineage": {"from": {}},
    "governance": {"riskClass": "Minimal"},
}
"""A spec with parts that this version does not know, or cannot read."""


def test_spec_of_a_later_version(command: Command) -> None:
    """What does not matter for the cost may be unknown or wrong: the plan is the same, and tells what it missed."""
    plain, later = command.json(3, model(), "--capacity", "10"), command.json(3, model(**LATER), "--capacity", "10")

    assert later["points"] == plain["points"]
    assert len(later["notes"]) == 8
    for missed in (
        "prompts",
        "answers",
        "feedback",
        "rehearsal",
        "approvals",
        "lineage",
        "governance",
        "objectives are not",
    ):
        assert missed in command.errors
    assert "palier: demo: spec.lineage is not read: this version does not know the field" in command.errors
    assert plain["notes"] == []


def test_fields_of_pods_are_no_mistakes(command: Command) -> None:
    """The pod's own fields belong to Kubernetes, and nobody is told that Palier does not know them."""
    body = model()
    body["spec"]["serving"]["template"]["spec"] |= {"nodeSelector": {"pool": "big"}, "serviceAccountName": "model"}
    body["metadata"]["creationTimestamp"] = "2026-11-01T00:00:00Z"
    body["status"] = {"stage": "Idle"}

    assert command.json(3, body, "--capacity", "10")["notes"] == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"scale": None}, "spec.scale: a plan needs the traffic to carry"),
        ({"scale": {"target": {"requestsPerSecond": "0"}}}, "spec.scale.target.requestsPerSecond: a number is written"),
        (
            {"scale": {"target": {"requestsPerSecond": 200}}},
            "spec.scale.target.requestsPerSecond: it should be a valid",
        ),
        ({"budget": {"currency": "EUR"}}, "spec.budget: a budget needs at least one of"),
        ({"budget": {"currency": "euro", "monthly": "1"}}, "spec.budget.currency"),
        ({"serving": {"port": 8080}}, "spec.serving.template: this field is required"),
        ({"owner": None}, "spec.owner"),
    ],
)
def test_parts_that_matter(command: Command, spec: dict[str, Any], told: str) -> None:
    """A mistake in what costs money stops the plan, and names its field."""
    file = command.written("model.yaml", model(**spec))

    assert command.raw(1, file, "--prices", command.prices, "--capacity", "10") == ""
    assert command.errors.startswith(f"palier: {told}")
    assert command.errors.count("\n") == 1


def test_mistake_in_one_of_several(command: Command) -> None:
    """Among several ModelDeployments the one with the mistake is named."""
    broken = model(scale=None)
    broken["metadata"]["name"] = "broken"
    command.raw(1, command.written("all.yaml", model(), broken), "--capacity", "10")

    assert command.errors.startswith("palier: ModelDeployment broken: spec.scale: a plan needs the traffic")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "cannot read {file}: while parsing"),
        ("just words", "{file} holds no ModelDeployment"),
        ("", "{file} holds no ModelDeployment"),
        ("kind: Service", "{file} holds no ModelDeployment"),
        ("kind: ModelDeployment", "metadata: this field is required"),
    ],
)
def test_no_model_deployment(command: Command, text: str, told: str) -> None:
    """A file without one is told in one line."""
    file = command.written("model.yaml", text)
    command.raw(1, file)

    assert command.errors.startswith(f"palier: {told.format(file=file)}")
    assert command.errors.count("\n") == 1


def test_missing_file(command: Command) -> None:
    """A file that is not there is named, whichever it is."""
    command.raw(1, "/nowhere/model.yaml")
    assert command.errors == "palier: cannot read /nowhere/model.yaml: No such file or directory\n"

    command.raw(1, command.written("model.yaml", model()), "--prices", "/nowhere/prices.yaml")
    assert command.errors == "palier: cannot read /nowhere/prices.yaml: No such file or directory\n"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cpuHour": "-1"}, "cpuHour: it must be a price of 0 or more"),
        ({"gpuHour": {"L4": "cheap"}}, "gpuHour.L4: it must be a price of 0 or more"),
        ({"asOf": "yesterday"}, "asOf: it must be a date"),
        ({"ramHour": "1"}, "ramHour: there is no such field"),
        ({"currency": None}, "currency: this field is required"),
    ],
)
def test_bad_prices(command: Command, change: dict[str, Any], told: str) -> None:
    """A price that is none is told with the file and the field."""
    prices = command.written("other.yaml", PRICES | change)
    command.raw(1, command.written("model.yaml", model()), "--prices", prices)

    assert command.errors.startswith(f"palier: {prices}: {told}")


@pytest.mark.parametrize("text", ["[1", "- 1", ""])
def test_prices_that_are_no_table(command: Command, text: str) -> None:
    """A file that is no table is told with its name."""
    prices = command.written("other.yaml", text)
    command.raw(1, command.written("model.yaml", model()), "--prices", prices)

    assert str(prices) in command.errors
    assert command.errors.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--capacity", "0"], "argument --capacity: requests per second are a number above 0, such as 12.5, not '0'"),
        (["--capacity", "-3"], "requests per second are a number above 0"),
        (["--capacity", "many"], "requests per second are a number above 0"),
        (["--capacity", "1,5"], "requests per second are a number above 0"),
        (["--capacity", "NaN"], "requests per second are a number above 0"),
        (["--capacity", "big=5"], "argument --capacity: there is no variant big; there are no variants"),
        (["--capacity", "5", "--capacity", "6"], "argument --capacity: the value is given twice"),
        (["--capacity", "=5"], "the name of a variant is missing"),
        (["--poc", "0"], "argument --poc: requests per second are a number above 0"),
        (["--service-time", "0s"], "argument --service-time: a time above 0 is needed"),
        (["--service-time", "soon"], "argument --service-time: a time is written"),
        (["--concurrency", "1.5"], "argument --concurrency: must be a whole number from 1 to 100000, not '1.5'"),
    ],
)
def test_bad_arguments(command: Command, arguments: list[str], told: str) -> None:
    """Numbers that cannot be are refused before anything is computed."""
    assert told in command.misunderstood(command.written("model.yaml", model()), *arguments)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--capacity", "5"], "argument --capacity: say for which variant, such as heavy=...: heavy, light, middle"),
        (["--capacity", "tiny=5"], "there is no variant tiny; the variants are heavy, light, middle"),
        (["--capacity", "light=5", "--capacity", "light=6"], "argument --capacity: light is given twice"),
    ],
)
def test_arguments_of_variants(command: Command, arguments: list[str], told: str) -> None:
    """With variants a value says of which one it is."""
    assert told in command.misunderstood(command.written("model.yaml", model(**variants())), *arguments)


def test_standard_input(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash reads what another command prints."""
    file = Path(command.written("model.yaml", model()))
    monkeypatch.setattr(sys, "stdin", io.StringIO(file.read_text(encoding="utf-8")))

    assert "ml/demo" in command.raw(3, "-", "--prices", command.prices, "--capacity", "10")


def test_needs_no_cluster(command: Command) -> None:
    """Neither the Kubernetes client nor Kopf is loaded for a plan, so that it answers at once, anywhere."""
    file = command.written("model.yaml", model())
    code = (
        "import sys; from palier.cli.main import main;"
        f"main(['plan', {file!r}, '--prices', {command.prices!r}, '--capacity', '10', '--json']);"
        "print(sorted({'kopf', 'kubernetes', 'aiohttp', 'matplotlib'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert told.splitlines()[-1] == "[]"
