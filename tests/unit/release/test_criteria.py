"""By what a candidate is judged at each stage: which series and rules, which share of alpha, which comparison."""

from dataclasses import replace
from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.objective import ObjectiveRule
from palier.measuring.sources import CounterRatio, MeasuredObjective, Origin, SlowerThan
from palier.release.rules import ERROR_MARGIN, LATENCY_MARGIN, RELEASE_ALPHA, alpha_of, judged_in_shadow, objectives_of
from palier.release.shadow_objectives import COVERAGE, LEFT_OUT, shadow_objectives
from palier.release.shadowing import comparison
from palier.release.stages.table import criteria
from palier.release.state import ReleasePhase, State
from palier.shadow.plan import TIMED
from tests.support.release.examples import CANDIDATE, STABLE, THIRD, first, planned, releasing, serving
from tests.support.release.objectives import judged_by
from tests.support.release.trial_examples import gathered, trying
from tests.support.release.trial_specs import LENIENT, STRICT, tried

EVERYTHING: tuple[dict[str, Any], ...] = (
    {"name": "slow", "latency": {"percentile": 95, "threshold": "250ms"}},
    {"name": "first-token", "latency": {"signal": "timeToFirstToken", "percentile": 90, "threshold": "2s"}},
    {"name": "queue", "latency": {"signal": "queueTime", "percentile": 90, "threshold": "1s"}},
    {"name": "errors", "errorRate": {"maxPercent": "1"}},
    {"name": "answers", "agreement": {"minPercent": "97"}},
    {"name": "language", "agreement": {"minPercent": "99", "check": "language"}},
    {"name": "pace", "slowdown": {"factor": "1.50", "maxPercent": "40"}},
    {"name": "feedback", "ratio": {"bad": 'votes_total{kind="bad"}', "total": "votes_total", "maxPercent": "10"}},
    {"name": "price", "cost": {"maxPerThousandInferences": "0.4"}},
)
CHECKS = {"checks": [{"name": "answer"}, {"name": "language", "path": "$.language", "compare": "Label"}]}
SIGNALS = {
    "requests": "requests_total",
    "errors": 'requests_total{code="500"}',
    "latency": {"histogram": "seconds"},
    "timeToFirstToken": {"histogram": "first_token_seconds"},
    "queueTime": {"histogram": "queue_seconds"},
}
BUDGET = {"currency": "EUR", "monthly": "1000"}
OF_SAMPLE = (LEFT_OUT, COVERAGE)
SHADOWED = trying(ReleasePhase.SHADOWING)


def everything(**changes: Any) -> ModelDeployment:  # noqa: ANN401 - arguments of `tried`
    """A spec with an objective of nearly every kind."""
    given = {"objectives": EVERYTHING, "answers": CHECKS, "spec": {"signals": SIGNALS, "budget": BUDGET}}
    return tried(golden=False, **{**given, **changes})


def judged(deployment: ModelDeployment, state: State) -> dict[str, MeasuredObjective]:
    """The objectives by name."""
    found = criteria(deployment, state)
    assert found.unmeasurable == ()
    return {one.rule.name: one for one in found.measured}


def rule_of(one: MeasuredObjective) -> ObjectiveRule:
    """The rule of a share."""
    assert isinstance(one.rule, ObjectiveRule)
    return one.rule


def test_the_shadow_judges_what_its_proxy_sees() -> None:
    """Answers, pace, failures and times of the same requests; neither queues in the pods nor votes nor money."""
    assert list(judged(everything(), SHADOWED)) == [
        "slow",
        "first-token",
        "errors",
        "answers",
        "language",
        "pace",
        LEFT_OUT,
        COVERAGE,
    ]


@pytest.mark.parametrize(
    "state",
    [
        serving(),
        State(),
        first(ReleasePhase.PREPARING),
        trying(ReleasePhase.PREPARING),
        trying(ReleasePhase.EXAMINING),
        trying(ReleasePhase.PREPARING, plan=planned(everything()), cursor=1),
        releasing(ReleasePhase.CANARY),
        releasing(ReleasePhase.PROMOTING),
        releasing(ReleasePhase.ROLLING_BACK),
    ],
)
def test_everywhere_else_users_are_what_counts(state: State) -> None:
    """Nobody can say there whether stable would have answered the same."""
    assert list(judged(everything(), state)) == ["slow", "first-token", "queue", "errors", "feedback"]


def test_the_series_of_a_shadow_are_those_of_its_proxy() -> None:
    """They have a `revision` label and no pods of the candidate; each check and each factor has counters of its own."""
    found = judged(everything(), SHADOWED)
    pairs = ("palier_shadow_pairs_total",)

    left_out = 'palier_shadow_excluded_total{reason=~"Method|Protocol|RequestTooLarge|RequestIncomplete"}'
    assert {one.origin for one in found.values()} == {Origin.SHADOW}
    assert {name: one.source for name, one in found.items()} == {
        "slow": SlowerThan("palier_shadow_answer_seconds", 0.25),
        "first-token": SlowerThan("palier_shadow_first_token_seconds", 2.0),
        "errors": CounterRatio(("palier_shadow_failed_answers_total",), ("palier_shadow_answers_total",)),
        "answers": CounterRatio(("palier_shadow_disagreements_total",), pairs),
        "language": CounterRatio(
            ('palier_shadow_check_disagreements_total{check="language"}',),
            ('palier_shadow_check_pairs_total{check="language"}',),
        ),
        "pace": CounterRatio(('palier_shadow_slower_total{factor="1.50"}',), pairs),
        LEFT_OUT: CounterRatio((left_out,), ("palier_shadow_sampled_total", left_out)),
        COVERAGE: CounterRatio(
            ("palier_shadow_unpaired_total",), ("palier_shadow_unpaired_total", "palier_shadow_pairs_total")
        ),
    }


def test_only_what_both_arms_have_is_compared_with_stable() -> None:
    """A pair is one event of both: to differ from oneself is impossible, and to be slower than oneself too."""
    found = judged(everything(), SHADOWED)
    compared = {name for name, one in found.items() if rule_of(one).compare_with_stable}

    assert compared == {"slow", "first-token", "errors"}
    assert {name for name, one in found.items() if one.stable_source is not None} == compared
    assert all(one.stable_source in {one.source, None} for one in found.values())


def test_the_rules_of_a_shadow() -> None:
    """Limits as written, and only the dead are ended by a handful of requests: who is slow is not dead."""
    found = {name: rule_of(one) for name, one in judged(everything(), SHADOWED).items()}

    assert {name: round(rule.limit, 6) for name, rule in found.items()} == {
        "slow": 0.05,
        "first-token": 0.1,
        "errors": 0.01,
        "answers": 0.03,
        "language": 0.01,
        "pace": 0.4,
        LEFT_OUT: 0.5,
        COVERAGE: 0.1,
    }
    assert {rule.minimum_requests for rule in found.values()} == {100}
    assert {name for name, rule in found.items() if rule.hard_stop_share < 1} == {"errors", "answers", "language"}
    assert {name for name, rule in found.items() if rule.margin == LATENCY_MARGIN} == {"slow", "first-token"}
    assert {rule.margin for rule in found.values()} == {LATENCY_MARGIN, ERROR_MARGIN}


def test_alpha_is_shared_by_every_test_of_a_release() -> None:
    """What is judged in the shadow and again where users are is tested twice; cost is no test at all."""
    spec = everything()
    shares = {rule_of(one).alpha for name, one in judged(spec, SHADOWED).items() if name not in OF_SAMPLE}
    shares |= {rule_of(one).alpha for one in judged(spec, releasing(ReleasePhase.CANARY)).values()}

    assert shares == {RELEASE_ALPHA / (5 + 6)}
    assert alpha_of(tried(shadow=False)) == RELEASE_ALPHA
    assert alpha_of(tried(shadow=False, objectives=())) == RELEASE_ALPHA


@pytest.mark.parametrize(("weights", "tests"), [((), 1), ((5,), 2), ((5, 50), 2)])
def test_who_decides_an_experiment_is_tested_in_it_anew(weights: tuple[int, ...], tests: int) -> None:
    """Its evidence begins again there, because another proof is asked for; so it has one more chance to be wrong."""
    spec = tried(shadow=False, weights=weights, experiment={"objective": "errors", "weight": 60, "duration": "30s"})

    assert alpha_of(spec) == RELEASE_ALPHA / tests


def test_another_comparison_is_other_evidence() -> None:
    """Under other checks, or beside another stable, what was counted says nothing; the name alone does not."""
    strict, lenient = tried(answers=STRICT), tried(answers=LENIENT)
    digests = {
        one.digest
        for spec, state in (
            (strict, SHADOWED),
            (lenient, SHADOWED),
            (strict, replace(SHADOWED, stable=replace(SHADOWED.stable, revision=THIRD))),  # type: ignore[type-var]
        )
        for one in judged(spec, state).values()
    }

    assert len(digests) == 3 * 5
    assert gathered(judged(strict, SHADOWED)["answers"], 10, 0).of in digests


@pytest.mark.parametrize(
    "changes",
    [
        {"percent": 60},
        {"shadow_stage": {"maxDuration": "2h"}},
        {"weights": (10,)},
        {"version": "2"},
        {"spec": {"shadow": {"maxBodyBytes": 1048576}}},
    ],
)
def test_what_does_not_change_the_comparison(changes: dict[str, Any]) -> None:
    """A larger sample, more time, other stages and what is default anyway."""
    digests = [{one.digest for one in judged(tried(**given), SHADOWED).values()} for given in ({}, changes)]

    assert digests[0] == digests[1]
    assert comparison(tried(), candidate=CANDIDATE, stable=STABLE) == comparison(
        tried(**changes), candidate=CANDIDATE, stable=STABLE
    )


def test_the_same_name_with_users_is_other_evidence() -> None:
    """Failures of copies are none of users' requests."""
    assert (
        judged(tried(), SHADOWED)["errors"].digest != judged(tried(), releasing(ReleasePhase.CANARY))["errors"].digest
    )


def test_there_is_the_sample_besides_a_single_promise() -> None:
    """Whatever a shadow is about, it has to have had its pairs."""
    alone = tried(objectives=EVERYTHING[3:4])
    stage = alone.spec.release.shadow
    assert stage is not None
    found = shadow_objectives(alone, stage, alpha=0.01, about="x")

    assert [one.rule.name for one in found] == ["errors", *OF_SAMPLE]


def test_a_shadow_judges_what_its_proxy_counts() -> None:
    """The times that the API lets be judged in a shadow are those that the proxy measures; users and costs are not."""
    named = {objective.name for objective in everything().spec.objectives if judged_in_shadow(objective)}
    timed = {one.latency.signal for one in everything().spec.objectives if one.latency and judged_in_shadow(one)}

    assert named == {"slow", "first-token", "errors", "answers", "language", "pace"}
    assert timed == TIMED


def test_a_stage_that_left_the_spec_leaves_the_criteria_of_users() -> None:
    """In the very pass in which the release moves on."""
    assert list(judged(tried(shadow=False), SHADOWED)) == ["errors"]


@pytest.mark.parametrize(("index", "step", "better"), [(0, ReleasePhase.CANARY, False), (1, ReleasePhase.CANARY, True)])
def test_only_in_the_experiment_is_better_asked_for(index: int, step: ReleasePhase, better: bool) -> None:
    """Of the one objective that decides it; a canary before it asks for no such thing."""
    spec = everything(
        shadow=False,
        weights=(5,),
        objectives=tuple(one for one in EVERYTHING if not {"agreement", "slowdown"} & set(one)),
        experiment={"objective": "feedback", "duration": "30s"},
    )
    found = judged(spec, releasing(step, index=index, plan=planned(spec)))

    assert [name for name, one in found.items() if rule_of(one).require_better] == (["feedback"] if better else [])
    assert (found["feedback"].digest != _plain(spec, "feedback").digest) is better
    assert found["errors"].digest == _plain(spec, "errors").digest


def test_a_release_that_comes_to_its_experiment_is_judged_by_it() -> None:
    """Also while its first pods start, so that it is known before users meet it whether it can be decided.

    And on the way to all of the traffic, which goes on with what the last stage has counted.
    """
    spec = tried(golden=False, shadow=False, weights=(), experiment={"objective": "errors", "duration": "30s"})

    assert rule_of(judged(spec, trying(ReleasePhase.PREPARING, plan=planned(spec)))["errors"]).require_better
    assert rule_of(judged(spec, releasing(ReleasePhase.PROMOTING, plan=planned(spec)))["errors"]).require_better
    assert not rule_of(judged(spec, serving())["errors"]).require_better


def test_labels_that_come_late_are_known_of() -> None:
    """In seconds; without a word of it answers are known to be good at once."""
    late = (
        {"name": "votes", "ratio": {"bad": "b", "total": "t", "maxPercent": "5"}, "labelDelay": "15s"},
        {"name": "errors", "errorRate": {"maxPercent": "1"}},
    )
    found = judged(tried(shadow=False, objectives=late), releasing(ReleasePhase.CANARY))

    assert {name: one.label_delay for name, one in found.items()} == {"votes": 15.0, "errors": 0.0}


@pytest.mark.parametrize(
    ("objective", "warms_up"),
    [
        ({"latency": {"percentile": 95, "threshold": "250ms"}}, True),
        ({"mean": {"signal": "latency", "max": "0.3"}}, True),
        ({"mean": {"signal": "tokensOut", "max": "400"}}, False),
        ({"mean": {"sum": "cost_sum", "count": "cost_count", "max": "1"}}, False),
        ({"errorRate": {"maxPercent": "1"}}, False),
        ({"level": {"gauge": "waiting", "max": "20", "maxPercent": "5"}}, False),
    ],
)
def test_what_is_about_times_warms_up(objective: dict[str, Any], warms_up: bool) -> None:
    """A cold cache makes answers late, and nothing else worse."""
    (found,) = objectives_of(judged_by({"name": "it", **objective}, tokensOut="tokens_total")).measured

    assert found.warms_up is warms_up


def test_times_warm_up_in_the_shadow_too() -> None:
    """Its candidate has as cold a cache; how many answers are alike has nothing to do with it."""
    found = judged(tried(), SHADOWED)

    assert {name for name, one in found.items() if one.warms_up} == {"pace"}


def test_evidence_of_what_is_judged_as_before_is_still_about_the_same() -> None:
    """An upgrade in the middle of a release drops nothing that another version has gathered."""
    ratio = CounterRatio(("errors_total",), ("requests_total",))
    rule = ObjectiveRule("errors", limit=0.01, margin=1.25, alpha=0.01)

    assert MeasuredObjective(rule, ratio, ratio).digest == "c411f5fb18"
    assert MeasuredObjective(rule, ratio, ratio, warms_up=True).digest == "c411f5fb18"
    assert MeasuredObjective(replace(rule, in_spells=True), ratio, ratio).digest != "c411f5fb18"


def _plain(spec: ModelDeployment, name: str) -> MeasuredObjective:
    """An objective as it is judged outside of experiments."""
    return next(one for one in objectives_of(spec).measured if one.rule.name == name)
