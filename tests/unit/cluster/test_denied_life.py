"""Releases whose remains may not be cleared away: users are moved, and what is denied is told beside that."""

from typing import Any

import pytest

from palier.errors import ClusterError, Forbidden, Invalid
from tests.support.cluster.trial_life import KEY, PROMISES, Life, serving

POLICY = "admission webhook denied the request: nothing is deleted"
REFUSALS = [Forbidden(POLICY), Invalid(POLICY)]
PLAIN: dict[str, Any] = {"golden": False, "shadow": False, "objectives": PROMISES[:1], "spec": {}}


async def promoted(refusal: ClusterError) -> tuple[Life, str, str]:
    """A second version serves, and the first one's Deployment may not be deleted; both revisions."""
    life = Life()
    first = await serving(life)
    life.cluster.refuses_deletion["Deployment demo-"] = refusal
    life.ask_for("2", **PLAIN)
    await life.run(60)
    second: str = life.status["stable"]["revision"]
    assert second != first
    assert ("Deployment", f"demo-{first}") in life.left()
    return life, first, second


def told(life: Life) -> dict[str, dict[str, Any]]:
    """The conditions by their type."""
    return {entry["type"]: entry for entry in life.status["conditions"]}


@pytest.mark.parametrize("refusal", REFUSALS, ids=type)
async def test_a_release_that_succeeded_says_so(refusal: ClusterError) -> None:
    """Whoever waits for it (Helm, Flux, kubectl) is not told that it failed; the remains are named beside that."""
    life, first, _ = await promoted(refusal)
    found = told(life)

    assert (life.status["stage"], life.status["outcome"]["result"]) == ("Serving", "Promoted")
    assert (found["Ready"]["status"], found["Available"]["reason"]) == ("True", "Serving")
    assert "Stalled" not in found
    assert found["Denied"]["status"] == "True"
    assert found["Denied"]["reason"] == ("Forbidden" if isinstance(refusal, Forbidden) else "Rejected")
    assert found["Denied"]["message"] == f"deleting Deployment ml/demo-{first}: {POLICY}"


async def test_it_is_told_once_and_tried_again_until_it_is_lifted() -> None:
    """No pass writes anything, also after a restart; then the condition goes with what it spoke of."""
    life, first, second = await promoted(Forbidden(POLICY))
    version, events = life.cluster.version, len(life.cluster.events)
    for restarted in (False, False, True, False):
        if restarted:
            life.restart()
        life.now += 700
        tried = life.cluster.requests
        rest = await life.controller.reconcile(KEY)

        assert life.cluster.requests > tried
        assert rest is not None
        assert 0 < rest <= 30
    assert (life.cluster.version, len(life.cluster.events)) == (version, events)

    life.cluster.refuses_deletion.clear()
    await life.run(4)
    assert ("Deployment", f"demo-{first}") not in life.left()
    assert (life.status["stage"], life.status["stable"]["revision"]) == ("Serving", second)
    assert "Denied" not in told(life)


@pytest.mark.parametrize("refusal", REFUSALS, ids=type)
async def test_the_next_release_is_not_delayed(refusal: ClusterError) -> None:
    """Nothing that it needs was refused: its users come when its pods are ready."""
    life, _, second = await promoted(refusal)
    life.ask_for("3", **PLAIN)
    begun = life.now
    while life.weights()[second] != 50 and life.now < begun + 60:
        await life.run(1)
    third = life.status["candidate"]["revision"]

    assert life.now <= begun + 6
    assert life.weights() == {second: 50, third: 50}
    assert life.status["stage"] == "Canary 50"
    assert told(life)["Denied"]["status"] == "True"

    life.annotate(abort=third)
    await life.run(12)
    assert (life.status["stage"], life.status["outcome"]["result"]) == ("RolledBack", "Aborted")
    assert told(life)["Ready"]["reason"] == "Aborted"
    assert life.weights() == {second: 100}


@pytest.mark.parametrize("what", ["Deployment shadow-", "Job golden-"])
async def test_what_was_left_of_one_trial_does_not_keep_the_next_from_starting(what: str) -> None:
    """Its proxy or its Job may not be deleted; the next version still gets its own."""
    life = Life()
    life.cluster.refuses_deletion[what] = Forbidden(POLICY)
    life.ask_for("1")
    await life.run(12)
    for version in ("2", "3"):
        life.ask_for(version)
        await life.run(60)

        assert (life.status["stage"], life.status["stable"]["version"]) == ("Serving", version)
        assert told(life)["Denied"]["message"].startswith(f"deleting {what.replace(' ', ' ml/')}")
