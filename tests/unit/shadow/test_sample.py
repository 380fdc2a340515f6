"""Which requests are taken, how groups are named, and what is kept of a disagreement."""

import json
import random
from collections import Counter
from dataclasses import replace

import pytest
from multidict import CIMultiDict

from palier.api.spec.answers import Answers, JsonPath
from palier.shadow.plan import ShadowPlan
from palier.shadow.sample import Exclusion, Reservoir, Segments, find_exclusion, show_body

PLAN = ShadowPlan(
    candidate="c",
    stable="s",
    percent=20,
    methods=("GET",),
    timeout=1.0,
    max_body_bytes=1,
    max_queue=1,
    max_concurrent=1,
    answers=Answers(),
)
REDACT = [JsonPath("$.text"), JsonPath("$.users[*].name")]


def excluded(method: str = "GET", draw: float = 0.0, **headers: str) -> Exclusion | None:
    """Why a request with these headers is left out."""
    named = CIMultiDict({name.replace("_", "-").title(): value for name, value in headers.items()})
    return find_exclusion(method, named, PLAN, draw=draw)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (excluded(), None),
        (excluded(draw=0.19999), None),
        (excluded(draw=0.2), Exclusion.PERCENT),
        (excluded("POST"), Exclusion.METHOD),
        (excluded("POST", draw=0.9), Exclusion.PERCENT),
        (excluded("BREW"), Exclusion.METHOD),
        (excluded("POST", content_type="application/grpc"), Exclusion.PROTOCOL),
        (excluded("POST", content_type="Application/gRPC-Web+proto"), Exclusion.PROTOCOL),
        (excluded(content_type="application/json"), None),
        (excluded(upgrade="websocket", connection="Upgrade"), Exclusion.PROTOCOL),
        (excluded(x_palier_shadow="stable"), Exclusion.LOOP),
        (excluded("POST", x_palier_shadow="", upgrade="websocket"), Exclusion.LOOP),
    ],
)
def test_a_request_is_left_out_for_one_reason(found: Exclusion | None, expected: Exclusion | None) -> None:
    """The sample comes first: the share of it that cannot be sent is that of all the traffic, whatever its size."""
    assert found is expected


def test_everything_is_taken_where_the_gateway_samples() -> None:
    """A share of 100 % leaves nothing to chance."""
    plan = replace(PLAN, percent=100)
    assert find_exclusion("GET", CIMultiDict(), plan, draw=0.9999999999) is None


def test_groups_are_bounded() -> None:
    """20 keep their names for ever, all others share one; whoever names none has an empty one."""
    segments = Segments()

    names = [segments.label(f"group {number}") for number in range(30)]

    assert names == [f"group {number}" for number in range(20)] + ["(other)"] * 10
    assert segments.label("group 3") == "group 3"
    assert segments.label("") == segments.label("  ") == ""


def test_names_of_groups_are_fit_for_labels() -> None:
    """Bounded, printable, and UTF-8 even where the header was not."""
    segments = Segments()
    assert segments.label("g" * 1000) == "g" * 64
    assert segments.label("a\tb\x00c") == "abc"
    assert segments.label("caf\udce9").encode() == b"caf?"
    assert segments.label("café") == "café"


def test_a_reservoir_is_fair() -> None:
    """Each of ten has the same chance to be one of the three that are kept, the first like the last."""
    counts: Counter[int] = Counter()
    chance = random.Random(20240607)  # noqa: S311
    for _ in range(5000):
        reservoir: Reservoir[int] = Reservoir(3, chance)
        for item in range(10):
            if (place := reservoir.place()) is not None:
                reservoir.put(place, item)
        assert len(reservoir.items()) == 3
        assert reservoir.offered == 10
        counts.update(reservoir.items())
    # 1500 expected of each, with a standard deviation of 32.
    assert all(1350 < counts[item] < 1650 for item in range(10))


def test_a_reservoir_that_keeps_nothing_is_empty() -> None:
    """Without a wish to keep anything, nothing has a place."""
    reservoir: Reservoir[int] = Reservoir(0, random.Random(1))  # noqa: S311
    assert [reservoir.place() for _ in range(10)] == [None] * 10


def test_redacted_places_are_not_shown() -> None:
    """Before anything is cut off, at every place that a path finds."""
    body = json.dumps({"text": "secret", "users": [{"name": "secret"}, {"name": "secret", "age": 3}], "id": 7})

    text = show_body(body, redact=REDACT, longest=500)

    assert json.loads(text) == {"text": "***", "users": [{"name": "***"}, {"name": "***", "age": 3}], "id": 7}


@pytest.mark.parametrize("body", ["a secret", '"secret"', '{"text": "secret"', "text=secret", "[" * 100_000 + "secret"])
def test_what_is_no_document_is_told_by_its_length(body: str) -> None:
    """Nobody knows where the secrets are in it."""
    assert show_body(body, redact=REDACT, longest=500) == f"({len(body)} characters)"


def test_without_secrets_the_text_is_shown_and_cut() -> None:
    """The beginning tells most."""
    assert show_body("no document", redact=[], longest=500) == "no document"
    assert show_body("x" * 600, redact=[], longest=500) == "x" * 500 + "…"
    assert show_body("", redact=REDACT, longest=500) == ""


def test_a_secret_is_not_shown_by_being_cut() -> None:
    """Redaction sees the whole document, however little of it is kept."""
    body = json.dumps({"text": "secret" * 1000})
    assert show_body(body, redact=REDACT, longest=16) == '{"text": "***"}'
