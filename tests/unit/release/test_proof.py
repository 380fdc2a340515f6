"""The proof that the spec asks for is asked in the shadow and in an experiment, too."""

from typing import Any

import pytest

from palier.api.v1alpha1 import Experiment, ModelDeployment
from palier.evidence.objective import ObjectiveRule
from palier.release.rules import objectives_of
from tests.support.release.examples import hold_of, release_of
from tests.support.release.trial_examples import in_shadow
from tests.support.release.trial_specs import tried

SHADOWED: tuple[dict[str, Any], ...] = (
    {"name": "errors", "errorRate": {"maxPercent": "1"}},
    {"name": "answers", "agreement": {"minPercent": "95"}},
    {"name": "pace", "slowdown": {"factor": "1.5", "maxPercent": "50"}},
)


def spec_with_shadow(name: str, proof: str) -> ModelDeployment:
    """A release with a shadow in which one objective has this proof."""
    return tried(
        golden=False,
        objectives=tuple({**one, **({"proof": proof} if one["name"] == name else {})} for one in SHADOWED),
    )


@pytest.mark.parametrize(("name", "bad"), [("answers", {"answers": 15}), ("pace", {"pace": 190})])
def test_what_only_the_shadow_shows_is_proven_there_as_the_spec_asks(name: str, bad: dict[str, int]) -> None:
    """A share that is below twice what is allowed passes by default, and waits where less is to be proven."""
    assert release_of(in_shadow(spec_with_shadow(name, "BelowTwiceTheLimit"), **bad)).cursor == 1
    strict = in_shadow(spec_with_shadow(name, "BelowTheLimit"), **bad)
    assert release_of(strict).cursor == 0
    assert hold_of(strict).message.startswith(f"{name}: {bad[name]} of 400 pairs ")
    assert "needed to prove that it stays below 5" in hold_of(strict).message


def test_a_shadow_without_a_proof_passes_with_the_fewest_pairs() -> None:
    """Nothing speaks against the candidate, and its share is within the limit, though nothing is proven."""
    assert release_of(in_shadow(spec_with_shadow("answers", "NoBreach"), answers=15)).cursor == 1
    assert release_of(in_shadow(spec_with_shadow("answers", "NoBreach"), answers=21)).cursor == 0


def test_errors_are_proven_where_users_are_whatever_the_shadow_says() -> None:
    """Copies prove nothing about users: the shadow passes errors without the strict proof."""
    assert release_of(in_shadow(spec_with_shadow("errors", "BelowTheLimit"), errors=3)).cursor == 1


@pytest.mark.parametrize(
    ("proof", "margin"),
    [("NoBreach", None), ("BelowTwiceTheLimit", 2.0), ("BelowTheLimit", 1.0), ("NoWorseThanStable", 2.0)],
)
def test_an_experiment_asks_for_better_beside_the_proof_of_the_limit(proof: str, margin: float | None) -> None:
    """The proof of the limit is the spec's, and what decides the experiment is that the candidate is better."""
    spec = tried(
        golden=False,
        shadow=False,
        weights=(),
        objectives=({"name": "errors", "errorRate": {"maxPercent": "1"}, "proof": proof},),
        experiment={"objective": "errors", "weight": 50, "duration": "30s"},
    )
    (experiment,) = spec.spec.release.canaries
    assert isinstance(experiment, Experiment)
    (found,) = objectives_of(spec, experiment=experiment).measured
    assert isinstance(found.rule, ObjectiveRule)
    assert (found.rule.proof_margin, found.rule.require_better, found.rule.proven_odds_ratio) == (margin, True, 1.0)
