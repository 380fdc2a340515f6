"""Whatever a status or an exporter says about pods and suspicions, nothing breaks."""

import pytest

from palier.evidence.bets import Bets
from palier.evidence.caution import Caution
from palier.evidence.objective import Evidence
from palier.evidence.pods import MOST_PODS, NO_PODS, Pods, differ_as_much
from palier.evidence.stepping import Step, can_step_down, choose_step, is_suspected, step_down
from tests.support.evidence.objectives import ERRORS, arm, seen


@pytest.mark.parametrize("total", ["0.0", "1e308", "inf", "nan", "-1.0"])
def test_tallies_that_no_pod_has_are_unreadable(total: str) -> None:
    """Nothing is divided by them, and no sum of them overflows."""
    entry = {"pod": "a", "total": total, "bad": "0.0"}
    with pytest.raises(ValueError, match="impossible"):
        Pods.from_status({"candidate": [entry], "stable": [entry]})


def test_the_largest_counts_are_read_back() -> None:
    """A counter may rise by 2^53 in every look of a long release, or by more than anything."""
    for most, seconds in ((2.0**53, 30.0), (2.0**53, 0.0), (1e300, 1.0)):
        pods = NO_PODS
        for _ in range(400):
            pods = pods.add_look({"a": (most, most / 2)}, {"b": (most, 1.0)}, seconds=seconds)
        assert Pods.from_status(pods.to_status()) == pods
        assert not differ_as_much(pods, spread=0.3)


def test_bets_on_another_grid_suspect_nobody_of_what_nobody_knows() -> None:
    """A later version may bet on more odds ratios, and a status may hold as many as its schema allows."""
    many = Bets((30.0,) * 16, 0.0)
    evidence = seen([(arm(1000, 50), arm(9000, 9))] * 2)
    evidence = Evidence(
        caution=Caution(many, many, looks=3), release=evidence.release, stage=evidence.stage, last=evidence.last
    )
    assert is_suspected(evidence, ERRORS)
    assert can_step_down(evidence, ERRORS, weight=10)
    assert step_down(evidence, ERRORS, weight=10).caution.suspicion is not None
    assert choose_step([(evidence, ERRORS)], weight=10, wanted=10, cautious=False, steps=0) is Step.DOWN


def test_pods_that_are_gone_leave_their_places_to_those_that_live() -> None:
    """Where pods are replaced again and again, those of before do not speak for those of now."""
    pods = NO_PODS
    for number in range(40):
        for _ in range(10):
            pods = pods.add_look({f"pod-{number:02}": (300.0, 3.0)}, {"s": (900.0, 3.0)}, seconds=30.0)
    assert "pod-39" in {one.name for one in pods.candidate}
    assert len(pods.candidate) < MOST_PODS


def test_a_bad_pod_that_is_deleted_is_soon_forgotten() -> None:
    """Its version is judged by the pods that it has."""
    pods = NO_PODS
    for _ in range(40):
        pods = pods.add_look({"bad": (300.0, 100.0), "a": (300.0, 1.0)}, {"s": (900.0, 3.0)}, seconds=30.0)
    for _ in range(20):
        pods = pods.add_look({"a": (300.0, 1.0), "b": (300.0, 1.0)}, {"s": (900.0, 3.0)}, seconds=30.0)
    assert {one.name for one in pods.candidate} == {"a", "b"}


def test_a_name_that_no_pod_can_have_is_nobodys() -> None:
    """The API server would refuse a status that holds it, and with it everything else."""
    pods = NO_PODS.add_look({"x" * 254: (300.0, 1.0), "y" * 253: (300.0, 1.0)}, {}, seconds=30.0)
    assert [one.name for one in pods.candidate] == ["y" * 253]


def test_pods_that_are_read_have_the_places() -> None:
    """When all pods are replaced at once, none of those of before is in their way, whatever their names are."""
    old, new = ({f"{letter}{number}": (300.0, 3.0) for number in range(MOST_PODS)} for letter in "ab")
    pods = NO_PODS.add_look(old, {}, seconds=30.0).add_look(new, {}, seconds=30.0)
    assert {one.name for one in pods.candidate} == set(new)
