"""Where the capacity of a plan comes from: a load test in the object's status, or the command line."""

import pytest

from tests.unit.cli.plan.cases import Command, entry, measured, model, variants


def test_measured_capacity(command: Command) -> None:
    """Without a declared capacity, the load test's is planned with, and the page says when it was measured."""
    body = model()
    body = measured(body, entry(body))

    told = command.json(3, body)
    assert (told["capacity"], told["capacitySource"], told["points"][1]["replicas"]) == (10, "measured", 29)
    assert "10 requests/s for each replica, measured on 2026-11-20" in command.text(3, body)


def test_declared_comes_first(command: Command) -> None:
    """Whoever declares a capacity wants to know what would be."""
    body = model()
    told = command.json(0, measured(body, entry(body)), "--capacity", "100")

    assert (told["capacity"], told["capacitySource"]) == (100, "declared")


def test_newest_counts(command: Command) -> None:
    """Of two load tests of the same, the newer one is planned with."""
    body = model()
    older = entry(body, capacity="5", measuredAt="2026-10-01T10:00:00Z")

    assert command.json(3, measured(body, entry(body), older))["capacity"] == 10


def test_contention(command: Command) -> None:
    """A load test of several replicas shows what they share: more of them are needed than one alone promises."""
    body = model()
    told = command.json(3, measured(body, entry(body), entry(body, replicas=4, capacity="25", ceiling="26", steps=[])))

    assert told["capacity"] == 10
    assert told["points"][0]["replicas"] == 1
    assert told["points"][1]["replicas"] is None
    assert told["reason"] == "TargetUnreachable"


def test_contention_that_may_be_noise(command: Command) -> None:
    """The operator would not refuse it, and neither does the command: exit status 4, and what to do."""
    body = model(budget={"currency": "EUR", "monthly": "3600"})
    told = command.json(4, measured(body, entry(body), entry(body, replicas=4, capacity="37", ceiling="40", steps=[])))

    assert told["reason"] == "ContentionUnclear"
    assert "load tests of 1 and 4 replicas leave open (0 to" in told["message"]
    assert command.json(3, measured(body, entry(body), entry(body, replicas=4, capacity="37", ceiling="38")))[
        "reason"
    ] == ("OverBudget")


@pytest.mark.parametrize("capacity", ["0", "-1"])
def test_a_pass_without_a_capacity_is_none(command: Command, capacity: str) -> None:
    """Whatever program wrote it."""
    body = model()

    assert command.json(4, measured(body, entry(body, capacity=capacity)))["verdict"] == "NoEvidence"


def test_another_revision(command: Command) -> None:
    """What was measured of another spec is not planned with, and this is told."""
    body = model()
    told = command.json(4, measured(body, entry(body, revision="aaaaaaaaaa")))

    assert told["reason"] == "NoCapacity"
    assert "it measured revision aaaaaaaaaa, and the file describes" in command.errors


def test_each_variant_has_its_own(command: Command) -> None:
    """A load test of one variant says nothing of another."""
    body = model(**variants())
    told = command.json(0, measured(body, entry(body, "light", capacity="9")), "--capacity", "heavy=40")

    found = {variant["name"]: (variant["capacity"], variant["capacitySource"]) for variant in told["variants"]}
    assert found == {"heavy": (40, "declared"), "middle": (None, None), "light": (9, "measured")}


@pytest.mark.parametrize(("verdict", "status"), [("Fail", 3), ("NoEvidence", 4)])
def test_load_test_without_a_capacity(command: Command, verdict: str, status: int) -> None:
    """A load test that found none is the verdict of the plan."""
    body = model()
    message = "even 1 request/s is too much"
    failed = entry(body, verdict=verdict, reason="ObjectiveUnreachable", message=message, capacity=None)
    told = command.json(status, measured(body, failed))

    assert (told["verdict"], told["reason"], told["message"]) == (verdict, "ObjectiveUnreachable", message)


def test_unreadable_load_test(command: Command) -> None:
    """A status of another program is no reason to stop."""
    body = model()
    command.json(4, measured(body, entry(body, capacity="much")))

    assert "a load test in status.loadTests cannot be read" in command.errors
