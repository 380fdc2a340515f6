"""From the author's words to the numbers of the tests, fixed before any evidence is seen."""

from typing import Any

import pytest

from palier.api.v1alpha1 import Objective, Signals
from palier.errors import InvalidSpec
from palier.evidence.objective import MeanRule, ScoreRule
from palier.measuring.sources import AboveLevel, CounterRatio, MeanOf, MeasuredObjective, Origin, SlowerThan
from palier.release.rules import ERROR_MARGIN, LATENCY_MARGIN, RELEASE_ALPHA, measured_objectives
from tests.support.release.objectives import judged_by, latency, only, served_by, share_rule


@pytest.mark.parametrize(("percentile", "limit"), [(50, 0.5), (90, 0.1), (95, 0.05), (99, 0.01)])
def test_a_percentile_is_a_share_of_slow_requests(percentile: int, limit: float) -> None:
    """The 95th percentile within 250 ms means that at most 5 % are slower than that."""
    rule = share_rule(only(latency(percentile, "250ms")))

    assert rule.limit == pytest.approx(limit, rel=1e-12)
    assert rule.margin == LATENCY_MARGIN
    assert (rule.noun, rule.bad_noun) == ("requests", "slower than 250ms")


@pytest.mark.parametrize(
    ("unit", "threshold", "edge"),
    [
        ("Seconds", "250ms", 0.25),
        ("Seconds", "1m30s", 90.0),
        ("Milliseconds", "43ms", 43.0),
        ("Milliseconds", "2s", 2000.0),
        ("Microseconds", "250ms", 250_000.0),
    ],
)
def test_a_threshold_is_told_in_the_unit_of_the_buckets(unit: str, threshold: str, edge: float) -> None:
    """Near enough to the edge that it is recognised as the edge."""
    source = only(latency(95, threshold), latency={"histogram": "request_time", "unit": unit}).source

    assert isinstance(source, SlowerThan)
    assert source.threshold == pytest.approx(edge, rel=1e-12)


def test_a_histogram_is_read_as_its_author_names_it() -> None:
    """Classic or native: which of the two it is shows when it is read."""
    measured = only(latency(95, "1s"), latency={"histogram": 'request_seconds{handler="/predict"}'})

    assert measured.selectors == ('request_seconds{handler="/predict"}',)
    assert measured.origin is Origin.PODS


def test_a_cold_start_is_no_dead_candidate() -> None:
    """Six slow requests in a row end a release at once only for errors, never for latency."""
    assert share_rule(only(latency(95, "1s"))).hard_stop_share == 1
    assert share_rule(only({"errorRate": {"maxPercent": "1"}})).hard_stop_share == 0.2


@pytest.mark.parametrize(("percent", "limit"), [("1", 0.01), ("0.5", 0.005), ("99.9999", 0.999999), ("0.0001", 1e-6)])
def test_an_error_rate_is_a_ratio_of_two_counters(percent: str, limit: float) -> None:
    """Failed requests of all requests, to the last decimal of the limit."""
    measured = only({"errorRate": {"maxPercent": percent}})

    assert share_rule(measured).limit == limit
    assert share_rule(measured).margin == ERROR_MARGIN
    assert measured.source == CounterRatio(bad=('requests_total{code=~"5.."}',), total=("requests_total",))
    assert measured.selectors == ('requests_total{code=~"5.."}', "requests_total")
    assert measured.origin is Origin.PODS


def test_a_ratio_of_the_authors_own_counters() -> None:
    """It speaks of events, needs no signals, and may be counted by something else than the pods."""
    deployment = judged_by({"name": "it", "ratio": {"bad": 'f{kind="bad"}', "total": "f", "maxPercent": "10"}})
    spec = deployment.spec.model_copy(update={"signals": None})
    (measured,) = measured_objectives(deployment.model_copy(update={"spec": spec}))

    assert share_rule(measured).limit == 0.1
    assert (share_rule(measured).noun, share_rule(measured).bad_noun) == ("events", "bad")
    assert measured.source == CounterRatio(bad=('f{kind="bad"}',), total=("f",))
    assert measured.origin is Origin.ELSEWHERE


@pytest.mark.parametrize("count", [1, 2, 16])
def test_the_error_budget_is_split_evenly(count: int) -> None:
    """However many objectives, a good candidate is rolled back with the same small probability."""
    deployment = judged_by(*({"name": f"o{number}", **latency(95, "1s")} for number in range(count)))
    rules = [measured.rule for measured in measured_objectives(deployment)]

    assert sum(rule.alpha for rule in rules) == pytest.approx(RELEASE_ALPHA)
    assert len({rule.alpha for rule in rules}) == 1
    assert [rule.name for rule in rules] == [f"o{number}" for number in range(count)]


def test_no_objectives_are_no_error() -> None:
    """Then only readiness is checked."""
    assert measured_objectives(judged_by()) == ()


@pytest.mark.parametrize(
    ("objective", "signals", "field"),
    [
        (latency(95, "1s"), Signals(requests="r_total", errors="e_total"), "spec.objectives[1].latency"),
        (latency(95, "1s"), None, "spec.objectives[1].latency"),
        ({"errorRate": {"maxPercent": "1"}}, Signals(requests="r_total"), "spec.objectives[1].errorRate"),
        ({"errorRate": {"maxPercent": "1"}}, Signals(errors="e_total"), "spec.objectives[1].errorRate"),
        ({"errorRate": {"maxPercent": "1"}}, None, "spec.objectives[1].errorRate"),
    ],
)
def test_an_objective_without_its_signal_is_named(
    objective: dict[str, Any], signals: Signals | None, field: str
) -> None:
    """Also where the parser let it pass: its author reads which objective it is."""
    deployment = judged_by({"name": "a", "ratio": {"bad": "b", "total": "t", "maxPercent": "1"}})
    objectives = [*deployment.spec.objectives, Objective.model_validate({"name": "it", **objective})]
    spec = deployment.spec.model_copy(update={"signals": signals, "objectives": objectives})
    with pytest.raises(InvalidSpec) as refused:
        measured_objectives(deployment.model_copy(update={"spec": spec}))

    assert refused.value.field == field


def test_the_digest_of_an_objective_is_what_its_evidence_rests_on() -> None:
    """Another limit, counter or place is another thing; another objective beside it is not."""
    one = only({"errorRate": {"maxPercent": "1"}})
    others = [
        only({"errorRate": {"maxPercent": "5"}}),
        only({"errorRate": {"maxPercent": "1"}}, errors="other_total"),
        only({"errorRate": {"maxPercent": "1"}, "segmentBy": "kind"}),
    ]
    beside, _ = measured_objectives(
        judged_by({"name": "it", "errorRate": {"maxPercent": "1"}}, {"name": "more", **latency(95, "1s")})
    )

    assert len({one.digest, *(other.digest for other in others)}) == 4
    assert beside.digest == one.digest


def test_a_mean_of_tokens_is_per_request() -> None:
    """Tokens are a counter of their own, requests another."""
    (measured,) = measured_objectives(
        served_by("vllm", {"name": "length", "mean": {"signal": "tokensOut", "max": "400"}})
    )

    assert isinstance(measured.rule, MeanRule)
    assert measured.rule.maximum == 400
    assert measured.source == MeanOf("vllm:generation_tokens_total", ("vllm:request_success_total",))


def test_the_largest_amount_of_an_event_is_part_of_what_evidence_rests_on() -> None:
    """Where it is stated or changed, what was gathered says nothing any more; without it everything stays as it was."""

    def mean(**more: str) -> MeasuredObjective:
        return only({"mean": {"sum": "s_sum", "count": "s_count", "max": "400", **more}})

    bounded = mean(maxPerEvent="4096")
    assert isinstance(bounded.rule, MeanRule)
    assert bounded.rule.most == 4096
    assert len({one.digest for one in (mean(), bounded, mean(maxPerEvent="4096.5"), mean(maxPerEvent="400"))}) == 4
    source = MeanOf("sum", ("count",))
    assert MeasuredObjective(MeanRule("length", 400.0, 0.01), source, source).digest == "29e0126309"


def test_a_mean_of_a_timed_signal_is_told_in_seconds() -> None:
    """Whatever unit the histogram has."""
    measured = only({"mean": {"signal": "latency", "max": "0.35"}}, latency={"histogram": "ms", "unit": "Milliseconds"})

    assert measured.source == MeanOf("ms_sum", ("ms_count",), scale=0.001)


def test_a_score_and_a_level() -> None:
    """A least mean of scores; a gauge that may be high only so often, and is not compared with stable."""
    score = only({"score": {"sum": "s_sum", "count": "s_count", "min": "80"}})
    level = only({"level": {"gauge": "waiting", "max": "20", "maxPercent": "5"}})

    assert isinstance(score.rule, ScoreRule)
    assert score.rule.least == 0.8
    assert level.source == AboveLevel("waiting", 20.0)
    assert not share_rule(level).compare_with_stable
    assert share_rule(level).hard_stop_share == 1
    assert share_rule(level).in_spells


@pytest.mark.parametrize(
    ("proof", "margin", "no_worse"),
    [
        ("NoBreach", None, False),
        ("BelowTwiceTheLimit", 2.0, False),
        ("WithinLimit", 2.0, False),
        ("BelowTheLimit", 1.0, False),
        ("NoWorseThanStable", 2.0, True),
    ],
)
@pytest.mark.parametrize("kind", [{"errorRate": {"maxPercent": "1"}}, latency(95, "250ms")], ids=["errors", "latency"])
def test_what_has_to_be_proven_is_what_the_author_asks_for(
    kind: dict[str, Any], proof: str, margin: float | None, no_worse: bool
) -> None:
    """Each strength has its margin; the older name of the default is the default."""
    rule = share_rule(only({**kind, "proof": proof}))

    assert (rule.proof_margin, rule.require_no_worse) == (margin, no_worse)
    assert (rule == share_rule(only(kind))) is (proof in {"BelowTwiceTheLimit", "WithinLimit"})


def test_a_level_has_a_proof_too() -> None:
    """It is a share of scrapes."""
    level = {"level": {"gauge": "waiting", "max": "20", "maxPercent": "5"}}

    assert share_rule(only({**level, "proof": "BelowTheLimit"})).proof_margin == 1


@pytest.mark.parametrize("proof", ["NoBreach", "BelowTwiceTheLimit", "BelowTheLimit"])
@pytest.mark.parametrize(
    "kind",
    [
        {"mean": {"signal": "tokensOut", "max": "400"}},
        {"score": {"sum": "s_sum", "count": "s_count", "min": "80"}},
        {"cost": {"maxPerThousandInferences": "1"}},
    ],
    ids=["mean", "score", "cost"],
)
def test_a_proof_of_a_limit_on_a_share_is_refused_for_anything_else(kind: dict[str, Any], proof: str) -> None:
    """It would change nothing, and the author would not know; only the older name is let through, as it always was."""
    with pytest.raises(InvalidSpec, match="a mean, a score and a cost have a proof of their own"):
        judged_by({"name": "it", **kind, "proof": proof})
    if "cost" not in kind:
        only({**kind, "proof": "WithinLimit"}, tokensOut="tokens_total")


def test_segments_and_proof_reach_the_rule() -> None:
    """As the author wrote them."""
    measured = only({"errorRate": {"maxPercent": "1"}, "segmentBy": "kind", "proof": "NoWorseThanStable"})

    assert measured.segment_by == "kind"
    assert share_rule(measured).segmented
    assert share_rule(measured).require_no_worse


@pytest.mark.parametrize(
    ("objective", "cautious"),
    [
        ({"errorRate": {"maxPercent": "1"}}, True),
        (latency(95, "250ms"), True),
        ({"ratio": {"bad": "bad_total", "total": "all_total", "maxPercent": "1"}}, True),
        ({"ratio": {"bad": "bad_total", "total": "all_total", "maxPercent": "1"}, "labelDelay": "10m"}, False),
        ({"level": {"gauge": "queue", "max": "5", "maxPercent": "1"}}, False),
    ],
)
def test_only_what_fresh_requests_can_tell_soon_lowers_a_share(objective: dict[str, Any], *, cautious: bool) -> None:
    """Neither a queue, which no user is, nor what is known only later."""
    assert share_rule(only(objective)).cautious == cautious
