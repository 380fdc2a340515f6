"""Whole releases with golden answers and a shadow in a cluster in memory, the operator killed after any write."""

from collections.abc import Mapping
from typing import Any

import pytest

from palier.api.constants import KIND, LABEL_DEPLOYMENT
from palier.evidence.verdicts import Verdict
from palier.golden.result import GoldenResult
from palier.manifests.shadow import ANNOTATION_RENDERED, LABEL_SHADOW
from tests.support.cluster.trial_life import GOLDEN, KEY, PROMISES, TEXTS, Life, serving, whole
from tests.support.release.trial_examples import BAD
from tests.support.release.trial_specs import LENIENT

PROXY = ["+ ConfigMap shadow", "+ Service shadow", "+ Deployment shadow"]
PROXY_GONE = ["- Deployment shadow", "- ConfigMap shadow", "- Service shadow"]
JUDGED: dict[str, Any] = {
    "corpus": GOLDEN["corpus"],
    "judge": {"url": "http://judge.ml:8000/v1/chat/completions", "model": "somebody-else"},
}
PROMPTED: dict[str, Any] = {
    "golden": GOLDEN,
    "model": {
        "name": "m",
        "version": "2",
        "prompts": [{"name": "system", "configMapKeyRef": {"name": "texts", "key": "requests"}}],
    },
}


@pytest.fixture
def life() -> Life:
    """A life that has just begun."""
    return Life()


def take_texts(life: Life) -> None:
    """Somebody deletes the ConfigMap with the texts, and the watch tells."""
    texts = life.cluster.objects.pop(("ConfigMap", "ml", "texts"))
    life.cluster.version += 1
    life.store.remove({**texts, "metadata": {**texts["metadata"], "resourceVersion": str(life.cluster.version)}})


async def reached(life: Life, stage: str, *, version: str = "2", **changes: Any) -> str:  # noqa: ANN401
    """A second version that has come to a stage; the first one's revision."""
    first = await serving(life)
    life.ask_for(version, **changes)
    for _ in range(40):
        await life.run(1)
        if life.status["stage"] == stage:
            return first
    raise AssertionError(f"it never came to {stage}, but to {life.status['stage']}")


async def copied(life: Life, **changes: Any) -> str:  # noqa: ANN401 - arguments of `tried`
    """A second version that answers copies of users' requests; the first one's revision."""
    first = await reached(life, "Shadow 20", **changes)
    await life.run(3)
    assert life.copied_to is not None
    return first


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


@pytest.mark.parametrize("writes", range(48))
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


@pytest.mark.parametrize("writes", range(0, 34, 2))
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


@pytest.mark.parametrize("seconds", range(1, 13))
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
        await life.run(1)

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
    await life.run(9)

    assert life.status["stage"] == stage
    assert life.cluster.requests - requests <= 1  # that the gateway is silent is told once


@pytest.mark.parametrize(("stage", "field"), [("golden", "spec.golden.image"), ("shadow", "spec.shadow.image")])
async def test_what_nothing_can_run_is_told_once(stage: str, field: str) -> None:
    """However often the operator passes; and the release goes on as soon as the spec names an image."""
    life = Life()
    await serving(life)
    life.image = ""
    life.restart()
    asked = {"golden": stage == "golden", "shadow": stage == "shadow"}
    given: dict[str, Any] = {**asked, "objectives": PROMISES[:1], "spec": {"golden": GOLDEN} if asked["golden"] else {}}
    life.ask_for("2", **given)
    await life.run(10)
    version = life.cluster.version

    assert field in life.said("Ready")["message"]

    for _ in range(5):
        life.now += 700
        await life.run(1)

    assert life.cluster.version == version

    mine = {"golden": {**GOLDEN, "image": "mine:1"}} if stage == "golden" else {"shadow": {"image": "mine:1"}}
    life.ask_for("2", **{**given, "spec": mine})
    await life.run(40)

    assert life.status["stable"]["version"] == "2"


async def test_texts_that_are_replaced_do_not_disturb_the_golden_answers(life: Life) -> None:
    """While the ConfigMap is away the Job goes on, and its result counts for the same questions."""
    life.examination_takes = 1
    await serving(life)
    life.examination_takes = 15
    life.ask_for("2")
    await life.run(4)
    assert life.status["stage"] == "Golden"
    jobs = dict(life.started)
    take_texts(life)
    await life.run(4)

    assert life.said("Ready")["reason"] == "TextUnreadable"
    assert any(kind == "Job" for kind, _ in life.left())

    life.cluster.put(TEXTS)
    await life.run(40)

    assert life.status["stable"]["version"] == "2"
    assert life.started == jobs


async def test_texts_that_are_replaced_do_not_disturb_the_shadow(life: Life) -> None:
    """What the proxy was told of the prompts is still so: its pod is not started anew."""
    await copied(life, spec=PROMPTED)
    (name,) = life.proxies()

    def rendered() -> str:
        proxy = life.cluster.find("Deployment", name)
        assert proxy is not None
        text: str = proxy["spec"]["template"]["metadata"]["annotations"][ANNOTATION_RENDERED]
        return text

    before = rendered()
    take_texts(life)
    life.source.away = True
    await life.run(3)

    assert life.status["stage"] == "Shadow 20"
    assert rendered() == before
    assert life.copied_to == name


@pytest.mark.parametrize("stage", ["Golden", "Canary 50"])
async def test_a_judge_that_cannot_judge_stops_nothing_else(life: Life, stage: str) -> None:
    """The author names the judged model as the judge in mid-release: who has users can still be taken back."""
    first = await reached(life, stage, spec={"golden": JUDGED})
    broken = {**JUDGED, "judge": {**JUDGED["judge"], "model": "m"}}
    life.ask_for("2", spec={"golden": broken})
    await life.run(2)
    assert life.status["candidate"]["version"] == "2"
    if stage == "Golden":
        assert "spec.golden.judge.model" in life.said("Ready")["message"]
    life.annotate(abort=life.status["candidate"]["revision"])
    await life.run(12)

    assert life.status["outcome"]["result"] == "Aborted"
    assert life.weights() == {first: 100}
    assert life.left() == whole(first)


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


async def test_what_cannot_be_read_is_no_verdict(life: Life) -> None:
    """Prometheus is away: the shadow waits and says why, and goes on when it is back."""
    await copied(life)
    life.source.away = True
    await life.run(20)

    assert life.status["stage"] == "Shadow 20"
    assert life.said("Ready")["reason"] == "CannotMeasure"

    life.source.away = False
    await life.run(40)

    assert life.status["stable"]["version"] == "2"


@pytest.mark.parametrize("tried", [{"golden": False}, {"shadow": False, "objectives": PROMISES[:1]}])
async def test_nobody_meets_a_version_that_nobody_could_judge(life: Life, tried: dict[str, Any]) -> None:
    """Its pods are not scraped: what a proxy or a Job has told of it is no look at them."""
    await serving(life)
    life.unscraped.add("2")
    life.ask_for("2", **tried)
    await life.run(30)

    assert (life.status["stage"], life.said("Ready")["reason"]) == ("Preparing", "WaitingForMetrics")
    assert life.weights().get(life.status["candidate"]["revision"], 0) == 0

    life.unscraped.clear()
    await life.run(20)

    assert life.status["stable"]["version"] == "2"


async def test_pairs_are_no_evidence_for_the_canary(life: Life) -> None:
    """It begins with nothing: neither the pairs' own objectives nor failures of copies are in it."""
    await reached(life, "Canary 50")
    await life.run(1)

    assert {entry["objective"] for entry in life.status["release"].get("evidence", ())} <= {"errors"}
    assert {entry["objective"] for entry in life.status.get("verdicts", ())} <= {"errors"}


async def test_how_well_the_pods_can_be_measured_is_not_read_from_the_proxy(life: Life) -> None:
    """The proxy has an edge at the threshold, the pods have none: what was read of the one is not told of the other."""
    objectives = ({"name": "slow", "latency": {"percentile": 95, "threshold": "250ms"}},)
    signals = {"latency": {"histogram": "seconds"}}
    await copied(life, objectives=objectives, spec={"golden": GOLDEN, "signals": signals})
    told: list[tuple[str, str]] = []
    check = life.cluster.after_write

    def remember() -> None:
        check()
        told.extend((entry["of"], entry["measurable"]) for entry in life.status.get("readings", ()))

    life.cluster.after_write = remember
    await life.run(30)

    assert life.status["stable"]["version"] == "2"
    assert set(told) == {("palier_shadow_answer_seconds 0.25", "Exact"), ("seconds 0.25", "Bracketed")}


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


async def test_a_proxy_that_does_not_start_says_why(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words of the kubelet, at once; it is not asked at every pass."""
    await copied(life)
    (name,) = life.proxies()
    body = life.cluster.find("Deployment", name)
    assert body is not None
    life.cluster.put({**body, "status": {"observedGeneration": 1, "availableReplicas": 0}})
    waiting = {"name": "proxy", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    pod = {
        "metadata": {"namespace": "ml", "name": f"{name}-x", "labels": {LABEL_SHADOW: name}},
        "status": {"phase": "Pending", "containerStatuses": [waiting]},
    }
    asked: list[float] = []

    async def told(_namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        if LABEL_SHADOW not in labels:
            return []
        asked.append(life.now)
        return [pod]

    monkeypatch.setattr(life.cluster, "list_pods", told)
    monkeypatch.setattr(life.cluster, "bring_up_pods", lambda **_: None)
    await life.run(32)

    assert life.said("Ready")["reason"] == "ShadowNotReady"
    assert "ImagePullBackOff" in life.said("Ready")["message"]
    assert len(asked) == 4
