"""Whose series is it: the pod's name, the `revision` label and the router's label, and nobody where that is unclear."""

from dataclasses import replace

from palier import presets
from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.counters import Series
from palier.evidence.objective import ObjectiveRule
from palier.manifests.shadow import shadow_name
from palier.metrics.owners import Key, Owners
from palier.release.look import Watched
from palier.release.questions import Question
from palier.release.shadowing import ShadowRun
from palier.release.sources import CounterRatio, MeasuredObjective, Origin, RouterSeries
from tests.property.world import model_deployment

STABLE, CANDIDATE = "aaaaaaaaaa", "bbbbbbbbbb"
PODS, ROUTER = Question("requests_total"), Question("istio_requests_total", of_router=True)


def deployment(name: str) -> ModelDeployment:
    """A model of this name."""
    known = model_deployment()
    return known.model_copy(update={"metadata": known.metadata.model_copy(update={"name": name})})


def watched(router: RouterSeries | None = None) -> Watched:
    """A release."""
    return Watched(CANDIDATE, STABLE, 0, 0.0, 0.0, (), {}, router=router)


def found(owners: Owners, question: Question, *series: Series) -> dict[Key, list[tuple[str, str]]]:
    """Revision and `mark` of the series that each release gets."""
    return {
        key: [(revision, one.labels["mark"]) for rows in targets.values() for revision, one in rows]
        for key, targets in owners.sorted(question, series).items()
    }


def series(mark: str, **labels: str) -> Series:
    """A series that can be told from others."""
    return Series({"namespace": "ml", "mark": mark, **labels}, [(1.0, 5.0)])


def test_a_pods_own_name_goes_before_a_revision_label() -> None:
    """A label that says something else is about somebody else."""
    owners = Owners({("ml", "chat"): watched()})
    pod = f"chat-{STABLE}-6b7f9c8d5f-x2x4z"

    assert found(owners, PODS, series("own", pod=pod, revision=CANDIDATE), series("judge", revision=CANDIDATE)) == {
        ("ml", "chat"): [(STABLE, "own"), (CANDIDATE, "judge")]
    }


def test_a_revision_that_two_models_share_counts_for_nobody_but_by_pod() -> None:
    """The same model is served under two names: only the pods tell which."""
    owners = Owners({("ml", "chat-a"): watched(), ("ml", "chat-b"): watched(), ("other", "chat"): watched()})
    pods = [
        series(name, pod=f"{name}-{CANDIDATE}-6b7f9c8d5f-x2x4z", revision=CANDIDATE) for name in ("chat-a", "chat-b")
    ]

    assert found(
        owners,
        PODS,
        *pods,
        series("whose", revision=CANDIDATE),
        series("known", namespace="other", revision=CANDIDATE),
    ) == {
        ("ml", "chat-a"): [(CANDIDATE, "chat-a")],
        ("ml", "chat-b"): [(CANDIDATE, "chat-b")],
        ("other", "chat"): [(CANDIDATE, "known")],
    }


def test_services_of_the_same_name_in_two_namespaces_are_two_backends() -> None:
    """Istio's series of production are not staging's."""
    preset = presets.router("Istio")

    def routed(namespace: str) -> RouterSeries:
        candidate, stable = (
            preset.backend(namespace=namespace, name="m", revision=revision, position=0)
            for revision in (CANDIDATE, STABLE)
        )
        return RouterSeries(preset.label, candidate=candidate, stable=stable)

    owners = Owners({(namespace, "m"): watched(routed(namespace)) for namespace in ("staging", "prod")})
    answer = [
        series(
            namespace,
            namespace="istio-system",
            pod="gateway",
            destination_service=f"m-{CANDIDATE}.{namespace}.svc.cluster.local",
            destination_service_name=f"m-{CANDIDATE}",
        )
        for namespace in ("staging", "prod")
    ]

    assert found(owners, ROUTER, *answer) == {
        ("staging", "m"): [(CANDIDATE, "staging")],
        ("prod", "m"): [(CANDIDATE, "prod")],
    }


def test_a_shadow_that_compares_otherwise_counts_for_nobody() -> None:
    """The checks were changed: what the proxy before has counted is no evidence for the comparison of now."""
    about = MeasuredObjective(
        ObjectiveRule("answers", limit=0.03, margin=1.25, alpha=0.01),
        CounterRatio(("disagreements_total",), ("pairs_total",)),
        None,
        origin=Origin.ELSEWHERE,
        about="now",
    )
    owners = Owners({("ml", "chat"): replace(watched(), objectives=(about,))})

    assert found(
        owners,
        PODS,
        series("now", revision=CANDIDATE, comparison="now"),
        series("before", revision=CANDIDATE, comparison="before"),
        series("feedback", revision=CANDIDATE),
    ) == {("ml", "chat"): [(CANDIDATE, "now"), (CANDIDATE, "feedback")]}


def test_a_proxys_series_are_of_the_model_that_it_is_named_after() -> None:
    """Whatever it compares, and however the pod's name was shortened; a stranger's proxy counts for nobody."""
    long = "a-name-that-is-as-long-as-a-name-may-be0"
    fleet = {("ml", name): watched() for name in ("chat", "chat-b", long)}
    owners = Owners({**fleet, ("ml", "other"): replace(watched(), candidate="cccccccccc")})
    ends = dict.fromkeys(("chat", "chat-b", "gone"), "-6b7f9c8d5f-x2x4z") | {long: "x2x4z"}
    run = ShadowRun(CANDIDATE, STABLE, 20, "now")
    pods = {name: shadow_name(deployment(name), run) + end for name, end in ends.items()}
    answer = [series(name, pod=pod, revision=STABLE, comparison="now") for name, pod in pods.items()]
    answer += [
        series("candidate", pod=pods["chat"], revision=CANDIDATE, comparison="before"),
        series("third", pod=pods["chat"], revision="cccccccccc"),
        series("elsewhere", namespace="prod", pod=pods["chat"], revision=STABLE),
        series("no proxy", pod="their-chat-0123456789-6b7f9c8d5f-x2x4z", revision=STABLE),
        series("no pod", revision=STABLE),
    ]
    told = {
        key: [(revision, one.labels["mark"]) for rows in targets.values() for revision, one in rows]
        for key, targets in owners.of_proxies(answer).items()
    }

    assert told == {
        ("ml", "chat"): [(STABLE, "chat"), (CANDIDATE, "candidate")],
        ("ml", "chat-b"): [(STABLE, "chat-b")],
        ("ml", long): [(STABLE, long)],
    }
