"""The example front end: it reads the revision from answers, and counts each session once, at its horizon."""

import re
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
import yaml
from aiohttp import web
from front_end.app import FrontEnd
from front_end.sessions import OTHER, Rating, Sessions
from prometheus_client import CollectorRegistry

from palier import presets
from palier.api.v1alpha1 import parse
from tests.unit.product_signals.conftest import EXAMPLE, Model, listening

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "product-signals.md"
HOUR = 3600.0


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now


class Counted:
    """Sessions with their clock and counters."""

    def __init__(self, *, horizon: float = HOUR) -> None:
        self.clock, self.registry = Clock(), CollectorRegistry()
        self.sessions = Sessions(horizon=horizon, registry=self.registry, clock=self.clock)

    def of(self, name: str, *, revision: str = "aaaaaaaaaa", kind: str = OTHER, **labels: str) -> float | None:
        """The value of a counter; None where it is not exported."""
        return self.registry.get_sample_value(name, {"revision": revision, "customer_kind": kind, **labels})


@pytest.mark.parametrize(
    ("happens", "outcome"),
    [
        (lambda sessions: sessions.helped("s"), "resolved"),
        (lambda _: None, "abandoned"),
        (lambda sessions: (sessions.answered("s", revision="aaaaaaaaaa"), sessions.helped("s")), "followed_up"),
        (lambda sessions: sessions.answered("s", revision="aaaaaaaaaa"), "abandoned"),
        (lambda sessions: (sessions.helped("s"), sessions.handed_over("s")), "handed_over"),
    ],
)
def test_a_session_is_counted_once_by_how_it_went(happens: Callable[[Sessions], object], outcome: str) -> None:
    """At its horizon, not before, and never again."""
    counted = Counted()
    counted.sessions.answered("s", revision="aaaaaaaaaa")
    happens(counted.sessions)
    counted.clock.now = HOUR - 1
    assert counted.sessions.close() == 0
    assert counted.of("product_sessions_total", outcome=outcome) == 0
    counted.clock.now = HOUR
    assert counted.sessions.close() == 1
    assert counted.sessions.close() == 0
    found = {
        value: counted.of("product_sessions_total", outcome=value)
        for value in ("resolved", "followed_up", "abandoned", "handed_over")
    }
    assert found == {value: float(value == outcome) for value in found}


def test_good_and_bad_sessions_are_counted_at_the_same_age() -> None:
    """What was known at once waits as long as what nobody has said anything about."""
    counted = Counted()
    counted.sessions.answered("good", revision="aaaaaaaaaa")
    counted.sessions.helped("good")
    counted.clock.now = 10.0
    counted.sessions.answered("silent", revision="aaaaaaaaaa")
    counted.clock.now = HOUR + 5
    assert counted.sessions.close() == 1
    assert counted.of("product_sessions_total", outcome="resolved") == 1
    counted.clock.now = HOUR + 10
    assert counted.sessions.close() == 1
    assert counted.of("product_sessions_total", outcome="abandoned") == 1


def test_what_comes_after_the_horizon_is_too_late() -> None:
    """Also where nobody has closed the session yet; the next question begins another session."""
    counted = Counted()
    counted.sessions.answered("s", revision="aaaaaaaaaa")
    counted.clock.now = HOUR
    assert not counted.sessions.helped("s")
    assert not counted.sessions.voted("s", Rating.UP)
    counted.sessions.answered("s", revision="bbbbbbbbbb")
    assert counted.of("product_sessions_total", outcome="abandoned") == 1
    assert counted.sessions.helped("s")
    counted.clock.now = 2 * HOUR
    counted.sessions.close()
    assert counted.of("product_sessions_total", revision="bbbbbbbbbb", outcome="resolved") == 1
    assert not counted.sessions.handed_over("unknown")


def test_a_session_belongs_to_the_revision_that_answered_first() -> None:
    """A later answer of another one changes nothing of that."""
    counted = Counted()
    counted.sessions.answered("s", revision="aaaaaaaaaa")
    counted.sessions.answered("s", revision="bbbbbbbbbb")
    counted.sessions.helped("s")
    counted.clock.now = HOUR
    counted.sessions.close()
    assert counted.of("product_sessions_total", outcome="followed_up") == 1
    assert counted.of("product_sessions_total", revision="bbbbbbbbbb", outcome="followed_up") is None


def test_votes_are_counted_at_the_horizon_and_silence_too() -> None:
    """The last vote counts; who does not vote is counted apart."""
    counted = Counted()
    for session in ("up", "down", "changed", "silent"):
        counted.sessions.answered(session, revision="aaaaaaaaaa", group="new")
    counted.sessions.voted("up", Rating.UP)
    counted.sessions.voted("down", Rating.DOWN)
    counted.sessions.voted("changed", Rating.UP)
    counted.sessions.voted("changed", Rating.DOWN)
    assert counted.of("product_feedback_total", kind="new", rating="up") == 0
    counted.clock.now = HOUR
    counted.sessions.close()
    assert counted.of("product_feedback_total", kind="new", rating="up") == 1
    assert counted.of("product_feedback_total", kind="new", rating="down") == 2
    assert counted.of("product_silent_sessions_total", kind="new") == 1


def test_every_series_of_a_revision_begins_at_zero() -> None:
    """Before anything can have happened, so that the first event is an increase; groups are bounded."""
    counted = Counted()
    counted.sessions.answered("s", revision="aaaaaaaaaa", group="' OR 1=1")
    assert counted.of("product_sessions_total", outcome="abandoned") == 0
    assert counted.of("product_feedback_total", rating="down") == 0
    assert counted.of("product_silent_sessions_total") == 0
    samples = [sample for family in counted.registry.collect() for sample in family.samples]
    assert {sample.labels["customer_kind"] for sample in samples} == {OTHER}


async def test_questions_go_to_the_model_and_answers_are_counted(client: aiohttp.ClientSession) -> None:
    """Over HTTP: the user is named for the gateway, the revision is read from the header, a scrape closes sessions."""
    counted, model = Counted(), Model()
    backend = web.Application()
    backend.router.add_post("/answer", model.answer)
    async with listening(backend) as url:
        front_end = FrontEnd(model=f"{url}/answer", sessions=counted.sessions, registry=counted.registry)
        async with listening(front_end.application()) as own:
            for session, revision in (("one", "aaaaaaaaaa"), ("two", "bbbbbbbbbb"), ("none", "")):
                model.revision = revision
                asked = client.post(
                    f"{own}/sessions/{session}/questions", json={"q": session}, headers={"x-customer-kind": "new"}
                )
                async with asked as answer:
                    assert (answer.status, await answer.json()) == (200, {"answer": "42", "asked": {"q": session}})
            statuses = {}
            for told in ("one/helped", "two/hand-over", "two/votes/down", "two/votes/meh", "none/helped"):
                async with client.post(f"{own}/sessions/{told}") as answer:
                    statuses[told] = answer.status
            counted.clock.now = HOUR
            async with client.get(f"{own}/metrics") as answer:
                text = await answer.text()
            async with client.get(f"{own}/healthz") as answer:
                assert answer.status == 200

    assert model.users == ["one", "two", "none"]
    assert statuses == {
        "one/helped": 200,
        "two/hand-over": 200,
        "two/votes/down": 200,
        "two/votes/meh": 404,
        "none/helped": 404,
    }
    labels = 'customer_kind="new",outcome="{}",revision="{}"'
    assert f"product_sessions_total{{{labels.format('resolved', 'aaaaaaaaaa')}}} 1.0" in text
    assert f"product_sessions_total{{{labels.format('handed_over', 'bbbbbbbbbb')}}} 1.0" in text
    assert 'product_feedback_total{customer_kind="new",rating="down",revision="bbbbbbbbbb"} 1.0' in text


async def test_a_model_that_does_not_answer_is_nobodys_session(client: aiohttp.ClientSession) -> None:
    """Without an answer there is no revision to count for."""
    counted = Counted()
    front_end = FrontEnd(model="http://127.0.0.1:1/", sessions=counted.sessions, registry=counted.registry)
    async with (
        listening(front_end.application()) as own,
        client.post(f"{own}/sessions/s/questions", json={}) as answer,
    ):
        assert answer.status == 502
    assert [sample for family in counted.registry.collect() for sample in family.samples] == []


def test_it_exports_what_the_presets_read() -> None:
    """Every preset of a product signal finds its good and its bad events among the example's series."""
    counted = Counted()
    counted.sessions.answered("s", revision="aaaaaaaaaa")
    exported = {
        (sample.name, label, value)
        for family in counted.registry.collect()
        for sample in family.samples
        for label, value in sample.labels.items()
    }
    for preset in presets.all_product_signals():
        for selector in (*preset.bad, *preset.total):
            name, label, _, values = re.fullmatch(r'(\w+)\{(\w+)(=~?)"([^"]+)"\}', selector).groups()  # type: ignore[union-attr]
            assert {(name, label, value) for value in values.split("|")} <= exported, preset.name


def test_the_manifests_are_what_the_operator_reads() -> None:
    """The ModelDeployment is valid, waits as long as the front end, and names counters that the front end has."""
    deployment = parse(yaml.safe_load((EXAMPLE / "modeldeployment.yaml").read_text(encoding="utf-8")))
    pods, service = yaml.safe_load_all((EXAMPLE / "front-end.yaml").read_text(encoding="utf-8"))
    (container,) = pods["spec"]["template"]["spec"]["containers"]
    horizon = float(next(one["value"] for one in container["env"] if one["name"] == "HORIZON"))
    delays = {one.label_delay.seconds for one in deployment.spec.objectives if one.label_delay}

    assert delays == {horizon}
    assert pods["metadata"]["namespace"] == deployment.metadata.namespace == service["metadata"]["namespace"]
    assert service["spec"]["selector"] == pods["spec"]["template"]["metadata"]["labels"]
    counted = Counted()
    counted.sessions.answered("s", revision="aaaaaaaaaa")
    exported = {sample.name for family in counted.registry.collect() for sample in family.samples}
    ratios = [one.ratio for one in deployment.spec.objectives if one.ratio]
    assert {name for ratio in ratios for name in (ratio.bad, ratio.total)} <= exported


def test_the_program_of_the_documentation_counts_as_it_says() -> None:
    """The code on the page runs: a session is counted at its horizon, with both of its numbers at once."""
    (code,) = re.findall(r"^```python\n(.*?)^```", DOCUMENTATION.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    clock = Clock()
    program: dict[str, object] = {"__name__": "documented"}
    exec(compile(code, str(DOCUMENTATION), "exec"), program)  # noqa: S102 (our own page)
    answered, helped, close, registry = (program[name] for name in ("answered", "helped", "close", "REGISTRY"))
    answered("s", {"x-palier-revision": "aaaaaaaaaa"}, now=clock())  # type: ignore[operator]
    answered("t", {"x-palier-revision": "aaaaaaaaaa"}, now=clock())  # type: ignore[operator]
    answered("u", {}, now=clock())  # type: ignore[operator]
    helped("s")  # type: ignore[operator]

    def sessions(outcome: str) -> float | None:
        found: float | None = registry.get_sample_value(  # type: ignore[attr-defined]
            "product_sessions_total", {"revision": "aaaaaaaaaa", "outcome": outcome}
        )
        return found

    close(now=1799.0)  # type: ignore[operator]
    assert (sessions("resolved"), sessions("abandoned")) == (0, 0)
    close(now=1800.0)  # type: ignore[operator]
    assert (sessions("resolved"), sessions("abandoned")) == (1, 1)
