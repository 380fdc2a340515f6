"""Whose series is it: the pod's name, the `revision` label and the router's label, and nobody where that is unclear."""

from dataclasses import replace

from palier import presets
from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.counters import Series
from palier.evidence.objective import ObjectiveRule
from palier.manifests.shadow import shadow_name
from palier.measuring.look import WatchedRelease
from palier.measuring.questions import Question
from palier.measuring.sources import CounterRatio, MeasuredObjective, Origin, RouterSeries
from palier.metrics.owners import Key, Owners
from palier.release.shadowing import ShadowRun
from tests.support.release.world import model_deployment

STABLE, CANDIDATE = "aaaaaaaaaa", "bbbbbbbbbb"
PODS, ROUTER = Question("requests_total"), Question("istio_requests_total", of_router=True)
PAIRS = Question("palier_shadow_pairs_total", of_proxy=True)
RUN = ShadowRun(CANDIDATE, STABLE, 20, "now")


def deployment(name: str) -> ModelDeployment:
    """A model of this name."""
    known = model_deployment()
    return known.model_copy(update={"metadata": known.metadata.model_copy(update={"name": name})})


def watched(router: RouterSeries | None = None) -> WatchedRelease:
    """A release."""
    return WatchedRelease(CANDIDATE, STABLE, 0, 0.0, 0.0, (), {}, router=router)


def found(owners: Owners, question: Question, *series: Series) -> dict[Key, list[tuple[str, str]]]:
    """Revision and `mark` of the series that each release gets."""
    return {
        key: [(revision, one.labels["mark"]) for rows in targets.values() for revision, one in rows]
        for key, targets in owners.sort_series(question, series).items()
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
        return RouterSeries(preset.label, candidate=candidate, stable=stable, namespaces=("gateways",))

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


def shadowed(about: str = "now") -> WatchedRelease:
    """A release in its shadow."""
    rule = ObjectiveRule("answers", limit=0.03, margin=1.25, alpha=0.01)
    pairs = CounterRatio(("disagreements_total",), ("pairs_total",))
    return replace(watched(), objectives=(MeasuredObjective(rule, pairs, None, origin=Origin.SHADOW, about=about),))


def proxy(name: str, run: ShadowRun = RUN) -> str:
    """The pod of a shadow's proxy."""
    return f"{shadow_name(deployment(name), run)}-6b7f9c8d5f-x2x4z"


def test_a_shadow_that_compares_otherwise_counts_for_nobody() -> None:
    """The checks were changed: what the proxy before has counted is no evidence for the comparison of now."""
    owners = Owners({("ml", "chat"): shadowed()})
    pod = proxy("chat")

    assert found(
        owners,
        PAIRS,
        series("now", pod=pod, revision=CANDIDATE, comparison="now"),
        series("before", pod=pod, revision=CANDIDATE, comparison="before"),
        series("feedback", pod=pod, revision=CANDIDATE),
        series("third", pod=pod, revision="cccccccccc", comparison="now"),
        series("no proxy", pod="front-end-0", revision=CANDIDATE, comparison="now"),
        series("no pod", revision=CANDIDATE, comparison="now"),
    ) == {("ml", "chat"): [(CANDIDATE, "now")]}


def test_pairs_are_of_the_proxys_own_model() -> None:
    """Twins have the same revisions and compare alike: only the proxy's name tells them apart, watched or not."""
    names = ("chat", "chat-b", "chat-b-c")
    answer = [series(name, pod=proxy(name), revision=CANDIDATE, comparison="now") for name in names]

    for watched_ones in (names, names[:1], names[1:]):
        owners = Owners({("ml", name): shadowed() for name in watched_ones})

        assert found(owners, PAIRS, *answer) == {("ml", name): [(CANDIDATE, name)] for name in watched_ones}


def test_twins_that_serve_are_known_though_nobody_looks_at_them() -> None:
    """One that is at rest has users too: their sessions count for nobody, and it is said whose they may be."""
    others = {("ml", "chat-b"): frozenset({STABLE}), ("prod", "chat"): frozenset({STABLE, CANDIDATE})}
    owners = Owners({("ml", "chat"): watched()}, serving={**others, ("ml", "chat"): frozenset({STABLE, CANDIDATE})})
    pods = [series(name, pod=f"{name}-{STABLE}-6b7f9c8d5f-x2x4z", revision=STABLE) for name in ("chat", "chat-b")]
    answer = [*pods, series("whose", revision=STABLE), series("mine", revision=CANDIDATE)]

    assert found(owners, PODS, *answer) == {("ml", "chat"): [(STABLE, "chat"), (CANDIDATE, "mine")]}
    ((about, reason),) = owners.list_unclear(("ml", "chat")).items()
    assert about == (PODS, STABLE)
    assert reason == (
        f'requests_total with revision="{STABLE}" may belong to chat-b as well, which has the same revision'
        " in namespace ml"
    )
    assert owners.list_unclear(("prod", "chat")) == {}


def test_what_is_clear_is_not_said_to_be_unclear() -> None:
    """Twins whose pods count for themselves can be told apart by the pods' names."""
    owners = Owners({("ml", name): watched() for name in ("chat", "chat-b")})
    pods = [series(name, pod=f"{name}-{STABLE}-6b7f9c8d5f-x2x4z", revision=STABLE) for name in ("chat", "chat-b")]
    found(owners, PODS, *pods)
    assert owners.list_unclear(("ml", "chat")) == {}

    found(owners, PODS, series("whose", revision=CANDIDATE))
    assert set(owners.list_unclear(("ml", "chat"))) == set(owners.list_unclear(("ml", "chat-b"))) == {(PODS, CANDIDATE)}


def test_a_proxys_series_are_of_the_model_that_it_is_named_after() -> None:
    """Whatever it compares, and however the pod's name was shortened; a stranger's proxy counts for nobody."""
    long = "a-name-that-is-as-long-as-a-name-may-be0"
    fleet = {("ml", name): watched() for name in ("chat", "chat-b", long)}
    owners = Owners({**fleet, ("ml", "other"): replace(watched(), candidate="cccccccccc")})
    ends = dict.fromkeys(("chat", "chat-b", "gone"), "-6b7f9c8d5f-x2x4z") | {long: "x2x4z"}
    pods = {name: shadow_name(deployment(name), RUN) + end for name, end in ends.items()}
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
        for key, targets in owners.of_proxies(PAIRS, answer).items()
    }

    assert told == {
        ("ml", "chat"): [(STABLE, "chat"), (CANDIDATE, "candidate")],
        ("ml", "chat-b"): [(STABLE, "chat-b")],
        ("ml", long): [(STABLE, long)],
    }


def test_a_proxy_of_somebody_unknown_is_not_taken_for_one_of_a_similar_name() -> None:
    """There is no budget for chat-b, so it is not in the fleet: its copies are not those of chat."""
    owners = Owners({("ml", "chat"): watched()})

    assert owners.of_proxies(PAIRS, [series("b", pod=proxy("chat-b"), revision=STABLE, comparison="now")]) == {}
