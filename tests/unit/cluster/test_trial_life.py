"""Whole releases with golden answers and a shadow in a cluster in memory, the operator killed after any write."""

import pytest

from palier.api.constants import KIND, LABEL_DEPLOYMENT
from palier.evidence.verdicts import Verdict
from palier.golden.result import GoldenResult
from tests.support.cluster.trial_life import KEY, PROMISES, Life, copied, reached, serving, whole
from tests.support.release.trial_examples import BAD
from tests.support.release.trial_specs import LENIENT
from tests.support.thorough import some_of

PROXY = ["+ ConfigMap shadow", "+ Service shadow", "+ Deployment shadow"]
PROXY_GONE = ["- Deployment shadow", "- ConfigMap shadow", "- Service shadow"]


async def test_everything_comes_and_goes_in_order(life: Life) -> None:
    """The Job, then the proxy, then the copies; and the copies end before the proxy is deleted."""
    first = await serving(life)
    life.ask_for("2")
    await life.run(40)
    second = life.status["stable"]["revision"]

    assert life.status["stage"] == "Serving"
    assert second != first
    assert life.left() == whole(second)
    assert life.log == ["+ Job golden", "- Job golden", *PROXY, "+ copies", "- copies", *PROXY_GONE]
    assert [reason for _, reason, _ in life.cluster.events] == [
        "ReleaseStarted",
        "GoldenStarted",
        "GoldenFinished",
        "GoldenPassed",
        "ShadowStarted",
        "ShadowPassed",
        "StageStarted",
        "Promoted",
    ]
    record = life.status["golden"]
    assert (record["candidate"], record["stable"], record["verdict"]) == (second, first, "Pass")
    assert record["about"] == ["candidate: model m, version 2", "stable: model m, version 1"]


@pytest.mark.parametrize("writes", some_of(range(48), one_in=4))
async def test_a_kill_after_any_write_leaves_nothing_behind(life: Life, writes: int) -> None:
    """Wherever the operator dies, the second version serves in the end, and users met nobody before it was tried."""
    first = await serving(life)
    met: list[tuple[str, bool]] = []
    check = life.cluster.after_write

    def remember() -> None:
        check()
        met.extend((revision, "- copies" in life.log) for revision, weight in life.weights().items() if weight)

    life.cluster.after_write = remember
    life.ask_for("2")
    life.cluster.breaks_after = writes
    await life.run(50)
    second = life.status["stable"]["revision"]

    assert (life.status["stage"], life.status["stable"]["version"]) == ("Serving", "2")
    assert life.left() == whole(second)
    assert {revision for revision, _ in met} == {first, second}
    assert all(tried for revision, tried in met if revision == second)
    assert len(life.started) == 2  # one Job for each version


@pytest.mark.parametrize("writes", some_of(range(34), one_in=4))
@pytest.mark.parametrize("how", ["answers differ", "golden answers are bad"])
async def test_a_kill_while_a_version_is_refused_leaves_nothing_behind(life: Life, writes: int, how: str) -> None:
    """It is refused all the same, with the reason; stable serves, and nothing else is there."""
    first = await serving(life)
    if how == "answers differ":
        life.differs["2"] = 0.5
    else:
        life.golden["2"] = BAD
    life.ask_for("2")
    life.cluster.breaks_after = writes
    await life.run(45)

    assert life.status["stage"] == "Refused"
    assert life.status["outcome"]["reason"] == ("ObjectiveBreached" if how == "answers differ" else "WorseThanStable")
    assert life.weights() == {first: 100}
    assert life.left() == whole(first)
    assert life.copied_to is None


@pytest.mark.parametrize("seconds", some_of(range(1, 13), one_in=3))
@pytest.mark.parametrize("how", ["third", "revert", "abort", "removed"])
async def test_whatever_comes_between_leaves_nothing_behind(life: Life, seconds: int, how: str) -> None:
    """In the middle of golden answers or of the shadow: its Job, its proxy and its pods go, in order."""
    first = await serving(life)
    life.ask_for("2")
    await life.run(seconds)
    match how:
        case "third":
            life.ask_for("3")
        case "revert":
            life.ask_for("1")
        case "abort":
            life.annotate(abort=life.status["candidate"]["revision"])
        case "removed":
            life.ask_for("2", golden=False, shadow=False, objectives=PROMISES[:1])  # it keeps its stages
    await life.run(60)
    stable = life.status["stable"]

    assert stable["version"] == {"third": "3", "revert": "1", "abort": "1", "removed": "2"}[how]
    assert life.left() == whole(stable["revision"])
    assert (stable["revision"] == first) is (stable["version"] == "1")
    assert life.copied_to is None


async def test_everything_belongs_to_the_model_deployment(life: Life) -> None:
    """So that all of it goes with it, in the middle of a shadow too."""
    await copied(life)
    body = life.cluster.find(KIND, "demo")
    assert body is not None
    for (kind, _, name), obj in life.cluster.objects.items():
        if kind != KIND and name != "texts" and "slice" not in kind.casefold():
            assert [owner["uid"] for owner in obj["metadata"]["ownerReferences"]] == [body["metadata"]["uid"]]
            assert obj["metadata"]["labels"][LABEL_DEPLOYMENT] == "demo"

    life.cluster.objects.pop((KIND, "ml", "demo"))
    life.store.remove({**body, "metadata": {**body["metadata"], "resourceVersion": str(life.cluster.version + 1)}})

    assert await life.controller.reconcile(KEY) is None
    assert life.controller.looks.find_watched(KEY, candidate="", begun_at=0, stage_index=-1) is None


async def test_a_life_at_rest_writes_nothing(life: Life) -> None:
    """An hour of passes after such a release asks the API server for nothing and tells nobody anything."""
    await serving(life)
    life.ask_for("2")
    await life.run(45)
    at_rest, told = life.cluster.requests, len(life.cluster.events)
    for _ in range(20):
        life.now += 180
        await life.run(1, idly=True)

    assert life.status["stage"] == "Serving"
    assert (life.cluster.requests, len(life.cluster.events)) == (at_rest, told)


@pytest.mark.parametrize("stage", ["Golden", "Shadow 20"])
async def test_while_it_waits_nothing_is_written_again(life: Life, stage: str) -> None:
    """A Job that takes its time, and a shadow without any requests, cost the API server nothing."""
    life.examination_takes = 2
    await reached(life, stage)
    life.examination_takes = 900
    life.differs["2"] = 0.02
    life.gateways_answer = False
    await life.run(6 if stage == "Golden" else 12)
    requests = life.cluster.requests
    await life.run(9, idly=True)

    assert life.status["stage"] == stage
    assert life.cluster.requests - requests <= 1  # that the gateway is silent is told once


async def test_other_checks_have_another_proxy(life: Life) -> None:
    """The new proxy comes before its copies, the old one goes, and what that has counted refuses nobody."""
    life.differs["2"] = 0.5
    await copied(life, onBreach="Hold")
    (before,) = life.proxies()
    life.log.clear()
    life.differs["2"] = 0.0
    life.ask_for("2", answers=LENIENT)
    await life.run(1)
    assert life.status["release"].get("evidence") is None
    await life.run(40)

    assert life.status["stable"]["version"] == "2"
    assert before not in {name for _, name in life.left()}
    assert life.log.index("+ Deployment shadow") < life.log.index("+ copies")


async def test_a_proxy_stays_while_a_silent_gateway_may_copy_to_it(life: Life) -> None:
    """The route is written, but nobody has taken it over: users of the old one would get errors without the proxy."""
    life.differs["2"] = 0.5
    await copied(life)
    (name,) = life.proxies()
    life.gateways_answer = False
    await life.run(15)

    assert life.log[-1] == "- copies"
    assert ("Service", name) in life.left()
    assert life.status["stage"] == "RollingBack"

    life.gateways_answer = True
    await life.run(10)

    assert life.status["stage"] == "Refused"
    assert ("Service", name) not in life.left()


async def test_pairs_are_no_evidence_for_the_canary(life: Life) -> None:
    """It begins with nothing: neither the pairs' own objectives nor failures of copies are in it."""
    await reached(life, "Canary 50")
    await life.run(1)

    assert {entry["objective"] for entry in life.status["release"].get("evidence", ())} <= {"errors"}
    assert {entry["objective"] for entry in life.status.get("verdicts", ())} <= {"errors"}


async def test_a_first_version_without_a_good_enough_answer_does_not_serve(life: Life) -> None:
    """There is nothing else to serve, and still nobody gets bad answers."""
    life.golden["1"] = GoldenResult(verdict=Verdict.FAIL, reason="ScoreTooLow", message="0.4, at least 0.9 wanted")
    life.ask_for("1")
    await life.run(15)

    assert life.status["stage"] == "Refused"
    assert life.status["outcome"]["reason"] == "ScoreTooLow"
    assert life.weights() == {}
    assert life.left() == set()


async def test_copies_end_with_the_gateway(life: Life) -> None:
    """The author moves the traffic to a Service in mid-shadow: the route that is left over copies nothing any more."""
    await copied(life)
    life.ask_for("2", traffic={"service": {}}, shadow=False, objectives=PROMISES[:1])
    await life.run(20)

    assert life.copied_to is None
    assert life.proxies() == {}
