"""What Palier has written: its annotations keep an objective whole, and never hide what an object really says."""

from typing import Any

import pytest

from palier.errors import InvalidSpec
from tests.support.watch.models import OBJECTIVES, adopt, describe_model, export


def mark(form: str, index: int, **marks: str) -> dict[str, Any]:
    """What Palier has written, with other annotations."""
    one = export(describe_model(), form)[index]
    one["metadata"]["annotations"] |= {f"palier.dev/{name}": value for name, value in marks.items()}
    return one


@pytest.mark.parametrize(
    ("index", "name", "value"),
    [
        (0, "kind", "latency"),
        (0, "kind", "score"),
        (1, "kind", "ratio"),
        (0, "maxPercent", "0.6"),
        (0, "router", "Nginx"),
        (0, "source", "Elsewhere"),
        (1, "unit", "Hours"),
        (1, "threshold", "300ms"),
        (1, "signal", "mood"),
        (1, "runtimeVersion", "x"),
        (3, "proof", "Certain"),
        (3, "labelDelay", "soon"),
        (3, "segmentBy", "a b"),
    ],
)
def test_an_annotation_that_does_not_fit_is_refused(index: int, name: str, value: str) -> None:
    """Somebody has changed it, or what it is about."""
    marks = {name: value} | ({"runtime": "vllm"} if name == "runtimeVersion" else {})
    with pytest.raises(InvalidSpec) as caught:
        adopt([mark("sloth", index, **marks)], "sloth")
    assert caught.value.field == f"metadata.annotations.palier.dev/{name}"


def test_queries_that_were_changed_are_read_as_they_are() -> None:
    """The annotations do not hide what the object really counts."""
    (one, *_) = export(describe_model(), "pyrra")
    metric = one["spec"]["indicator"]["ratio"]["errors"]["metric"]
    one["spec"]["indicator"]["ratio"]["errors"]["metric"] = metric.replace("5..", "[45]..")
    assert adopt([one], "pyrra").signals["errors"] == 'http_requests_total{code=~"[45].."}'

    one["spec"]["indicator"]["ratio"]["errors"]["metric"] = "hits"
    with pytest.raises(InvalidSpec, match="does not end as Palier has written it") as caught:
        adopt([one], "pyrra")
    assert caught.value.field == "spec.indicator.ratio.errors"


def test_counters_of_a_router_that_were_changed_are_refused() -> None:
    """Palier reads the router's own, and no others by that name."""
    body = describe_model([{"name": "errors", "errorRate": {"maxPercent": "1"}}], signals=None, router="EnvoyGateway")
    (one,) = export(body, "pyrra")
    errors = one["spec"]["indicator"]["ratio"]["errors"]
    errors["metric"] = errors["metric"].replace('"5"', '"4"')
    with pytest.raises(InvalidSpec, match="these are not the counters of EnvoyGateway"):
        adopt([one], "pyrra")


def test_a_histogram_of_a_router_that_was_changed_is_refused() -> None:
    """The same for times."""
    slow = {"name": "slow", "latency": {"percentile": 99, "threshold": "1s", "source": "Router"}}
    (one,) = export(describe_model([slow], signals=None, router="Istio"), "pyrra")
    metrics = one["spec"]["indicator"]["latency"]
    for part in metrics.values():
        part["metric"] = part["metric"].replace("istio_request_duration", "other")
    with pytest.raises(InvalidSpec, match="this is not the histogram of Istio"):
        adopt([one], "pyrra")


def test_objectives_of_one_name_are_refused() -> None:
    """A list of objectives has each name once."""
    objects = export(describe_model(OBJECTIVES[:1]), "sloth")
    with pytest.raises(InvalidSpec, match="an objective before this one is called errors, too"):
        adopt([*objects, *objects], "sloth")
