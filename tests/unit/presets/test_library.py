"""The presets that ship: complete, found by name and version, and refused with file and field where they are broken."""

import re
import tomllib
from pathlib import Path

import pytest

from palier.api.spec.values import HistogramSelector, ProductSignal, Selector
from palier.presets.library import (
    PRODUCT_SIGNALS,
    ROUTERS,
    RUNTIMES,
    BrokenPresetError,
    all_presets,
    all_product_signals,
    all_routers,
    parse,
    product,
    router,
    runtime,
)
from palier.presets.model import (
    REQUIRED,
    Counter,
    Gauge,
    Histogram,
    Mean,
    Missing,
    Preset,
    ProductPreset,
    RouterPreset,
    Signal,
)

SMALLEST = """
name: vllm
title: vLLM
versions: '>=0.11,<2'
provenance: Documented
source:
  - {project: vLLM, document: metrics.md, read: 2026-11-24}
scrape: {port: 8000, path: /metrics}
signals:
  requests: {kind: Counter, selectors: [done_total]}
  errors: {kind: Missing, why: It counts none., fix: Ask the router.}
  latency: {kind: Histogram, selector: duration_seconds, unit: Seconds, bounds: [0.1, 1]}
"""


def selectors(signal: Signal) -> list[str]:
    """Every selector of a signal but a histogram's."""
    match signal:
        case Counter(selectors=found):
            return list(found)
        case Mean(amount=amount, total=total):
            return [amount, *total]
        case Gauge(selector=selector):
            return [selector]
        case _:
            return []


def titled(preset: Preset | ProductPreset | RouterPreset) -> str:
    """Names a preset in a test's id."""
    return preset.title


def test_there_is_a_preset_for_every_name() -> None:
    """Each runtime and each router that can be named has data."""
    assert [name for name in RUNTIMES if not runtime(name).signals] == []
    assert {preset.name for preset in all_presets()} == set(RUNTIMES)
    assert tuple(preset.name for preset in all_routers()) == ROUTERS


@pytest.mark.parametrize("preset", all_presets(), ids=titled)
def test_every_preset_speaks_of_requests_errors_and_latency(preset: Preset) -> None:
    """What a runtime does not tell is said, with what helps."""
    for name in REQUIRED:
        signal = preset.signals[name]
        assert not isinstance(signal, Missing) or (signal.why and signal.fix)


@pytest.mark.parametrize("preset", all_presets(), ids=titled)
def test_what_gives_a_mean_only_says_what_gives_more(preset: Preset) -> None:
    """A mean of a latency is a gap that the preset names a way around."""
    means = {name: signal.fix for name, signal in preset.signals.items() if isinstance(signal, Mean)}
    assert [name for name, fix in means.items() if not fix] == []


@pytest.mark.parametrize("preset", all_presets(), ids=titled)
def test_selectors_are_what_an_objective_may_name(preset: Preset) -> None:
    """Each selector has the form that the API asks of a user's own, and names no label twice."""
    for name, signal in preset.signals.items():
        for selector in selectors(signal):
            assert re.match(Selector.form, selector), (name, selector)
            assert len(selector) <= Selector.longest
        if isinstance(signal, Histogram):
            assert re.match(HistogramSelector.form, signal.selector), name


@pytest.mark.parametrize("preset", all_routers(), ids=titled)
def test_a_router_names_its_backends_by_a_label_that_its_selectors_leave_free(preset: RouterPreset) -> None:
    """Another matcher of the same label could contradict the backend's."""
    for selector in (*preset.requests.selectors, *preset.errors.selectors):
        assert re.match(Selector.form, selector)
        assert f"{preset.label}=" not in selector


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        ("EnvoyGateway", "httproute/ml/demo/rule/0/backend/1"),
        ("Istio", "demo-bbbbbbbbbb.ml.svc.cluster.local"),
    ],
)
def test_a_router_preset_fills_in_the_backend(name: str, backend: str) -> None:
    """The value of the label follows from the route and the revision."""
    assert router(name).backend(namespace="ml", name="demo", revision="bbbbbbbbbb", position=1) == backend


@pytest.mark.parametrize(
    ("name", "version", "title"),
    [
        ("vllm", "", "vLLM 0.11 and newer"),
        ("vllm", "0.11", "vLLM 0.11 and newer"),
        ("vllm", "v0.11.0rc1", "vLLM 0.11 and newer"),
        ("vllm", "1.2.3", "vLLM 0.11 and newer"),
        ("vllm", "0.10.2", "vLLM before 0.11"),
        ("vllm", "0.9", "vLLM before 0.11"),
        ("knative", "v1.19.0", "Knative Serving queue-proxy 1.19 and newer"),
        ("knative", "1.18.9", "Knative Serving queue-proxy before 1.19"),
        ("sglang", "0.0.1", "SGLang"),
    ],
)
def test_the_version_chooses_the_range(name: str, version: str, title: str) -> None:
    """Numbers are compared as numbers; without a version, the newest range counts."""
    assert runtime(name, version).title == title


def test_unknown_names_and_unreadable_versions_are_refused() -> None:
    """A name that nobody knows is a KeyError, a version that is none a LookupError that says so."""
    with pytest.raises(KeyError, match="ollama"):
        runtime("ollama")
    with pytest.raises(KeyError, match="Traefik"):
        router("Traefik")
    with pytest.raises(LookupError, match="'latest' is not a version"):
        runtime("vllm", "latest")


def test_a_version_that_no_range_covers_is_named_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message tells which versions there are presets for."""
    preset = parse(SMALLEST, Preset, file="vllm.yaml")
    monkeypatch.setattr("palier.presets.library._runtimes", lambda: {"vllm": (preset,)})
    assert runtime("vllm", "1.9").covers("0.11")
    with pytest.raises(LookupError, match=re.escape("no preset for vllm 2.0; there are presets for vllm >=0.11,<2")):
        runtime("vllm", "2.0")


@pytest.mark.parametrize(
    ("written", "instead", "message"),
    [
        ("name: vllm", "name: v LLM", "vllm.yaml: name: "),
        ("port: 8000", "port: '8000'", "vllm.yaml: scrape.port: "),
        ("versions: '>=0.11,<2'", "versions: '~=0.11'", "vllm.yaml: versions: "),
        ("unit: Seconds", "unit: Minutes", "vllm.yaml: signals.latency.Histogram.unit: "),
        ("bounds: [0.1, 1]", "bounds: [1, 0.1]", "bucket edges rise from one to the next"),
        ("selector: duration_seconds", "selector: duration_seconds_bucket", "named without its suffix"),
        ("[done_total]", "['rate(done_total[1m])']", "vllm.yaml: signals.requests.Counter.selectors.0: "),
        ("requests: {", "answers: {}\n  requests: {", "vllm.yaml: signals.answers"),
        ("kind: Missing", "kind: Absent", "vllm.yaml: signals.errors: "),
        ("  errors:", "  queueTime:", "every runtime says something about errors"),
        ("provenance: Documented", "provenance: Documented\nprefix: x", "vllm.yaml: prefix: "),
        ("name: vllm", "name: [", "vllm.yaml: while parsing"),
    ],
)
def test_a_broken_file_is_refused_with_its_name_and_field(written: str, instead: str, message: str) -> None:
    """Who edits a data file is told where it went wrong."""
    assert written in SMALLEST
    with pytest.raises(BrokenPresetError, match=re.escape(message)):
        parse(SMALLEST.replace(written, instead), Preset, file="vllm.yaml")


def test_there_is_a_preset_for_every_product_signal_that_an_objective_may_name() -> None:
    """The API and the data know the same ones, by the same names."""
    assert tuple(signal.value for signal in ProductSignal) == PRODUCT_SIGNALS
    assert [preset.name for preset in all_product_signals()] == list(PRODUCT_SIGNALS)
    with pytest.raises(KeyError, match="Delight"):
        product("Delight")


@pytest.mark.parametrize("preset", all_product_signals(), ids=titled)
def test_a_product_signals_bad_events_are_among_all_of_them(preset: ProductPreset) -> None:
    """By every series that a front end may export, whatever the value of the label; others count for neither."""
    for selector in (*preset.bad, *preset.total):
        assert re.match(Selector.form, selector)
        assert len(selector) <= Selector.longest
    outcomes = {"resolved", "followed_up", "abandoned", "handed_over", "up", "down", "other", ""}
    bad, total = (
        {(name, label, value) for selector in side for name, label, value in chosen(selector, outcomes)}
        for side in (preset.bad, preset.total)
    )
    assert bad < total
    assert not {value for *_, value in total} & {"other", ""}


def chosen(selector: str, values: set[str]) -> list[tuple[str, str, str]]:
    """Which of these label values a selector with one matcher takes, with its metric's name and its label."""
    matched = re.fullmatch(r'(\w+)\{(\w+)(=~?)"([^"]+)"\}', selector)
    assert matched is not None
    name, label, _, pattern = matched.groups()
    return [(name, label, value) for value in values if re.fullmatch(pattern, value)]


@pytest.mark.parametrize(
    ("signal", "bad"),
    [
        ("FirstPassResolution", {"followed_up", "abandoned", "handed_over"}),
        ("Abandonment", {"abandoned"}),
        ("ManualFallback", {"handed_over"}),
        ("Feedback", {"down"}),
    ],
)
def test_a_product_signal_counts_what_its_name_says(signal: str, bad: set[str]) -> None:
    """Sessions by their outcome, votes by their thumb."""
    values = {"resolved", "followed_up", "abandoned", "handed_over", "up", "down"}
    found = [one for selector in product(signal).bad for one in chosen(selector, values)]
    assert {value for *_, value in found} == bad
    assert len(found) == len(bad)


def test_a_broken_product_signal_is_refused_with_its_name_and_field() -> None:
    """Whoever edits it is told where it went wrong."""
    text = "name: Delight\ntitle: Delight\nnoun: smiles\nbad_noun: faked\nbad: [faked_total]\ntotal: []\n"
    with pytest.raises(BrokenPresetError, match=re.escape("delight.yaml: total: ")):
        parse(text, ProductPreset, file="delight.yaml")


def test_a_preset_cannot_be_changed() -> None:
    """Presets are shared by everything that runs, so nobody may write to one."""
    preset = runtime("vllm")
    with pytest.raises(TypeError):
        preset.signals["requests"] = Counter(selectors=("mine_total",))  # type: ignore[index]


def test_data_files_are_package_data() -> None:
    """What is not declared would be missing from an installed Palier."""
    root = Path(__file__).parents[3]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["palier"]
    package = root / "operator" / "palier"
    declared = {path for pattern in patterns for path in package.glob(pattern)}
    assert set((package / "presets").rglob("*.yaml")) <= declared
