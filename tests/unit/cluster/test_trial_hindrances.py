"""Golden answers and a shadow in a cluster in memory, where texts, judges, proxies or measurements are missing."""

from collections.abc import Mapping
from typing import Any

import pytest

from palier.manifests.shadow import ANNOTATION_RENDERED, LABEL_SHADOW
from tests.support.cluster.trial_life import GOLDEN, PROMISES, TEXTS, Life, copied, reached, serving, whole

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


def take_texts(life: Life) -> None:
    """Somebody deletes the ConfigMap with the texts, and the watch tells."""
    texts = life.cluster.objects.pop(("ConfigMap", "ml", "texts"))
    life.cluster.version += 1
    life.store.remove({**texts, "metadata": {**texts["metadata"], "resourceVersion": str(life.cluster.version)}})


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
        await life.run(1, idly=True)

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
    await life.run(32, idly=True)

    assert life.said("Ready")["reason"] == "ShadowNotReady"
    assert "ImagePullBackOff" in life.said("Ready")["message"]
    assert len(asked) == 4
