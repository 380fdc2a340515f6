"""The hard stop: a dead candidate is stopped within a look of its sixth failure, and nothing else looks like one."""

import json

import numpy as np
import pytest

from palier.evidence.counts import Tally
from palier.evidence.hard_stop import NO_RUN, HardStopRun
from palier.evidence.objective import Counts, Evidence, judge, observe, start_evidence
from tests.support.evidence.objectives import ERRORS, arm, seen

Arms = tuple[tuple[int, int], tuple[int, int] | None]


def gather(*looks: Arms) -> Evidence:
    """The evidence after looks, each with (requests, failed) of the candidate and of stable."""
    return seen((arm(*candidate), arm(*stable) if stable else None) for candidate, stable in looks)


def stops(*looks: Arms) -> bool:
    """Whether the hard stop ends the release after these looks."""
    return judge(gather(*looks), ERRORS, promotion=False).hard_stop


def test_an_outage_is_not_blamed_on_the_candidate_because_stable_has_few_requests() -> None:
    """At a weight of 90 % stable has three requests in a look, or none: until it can tell, nobody is blamed."""
    before = ((27, 0), (3, 0))
    assert not stops(before, ((27, 27), (0, 0)))
    assert not stops(before, ((27, 27), (1, 1)))
    assert not stops(before, ((27, 27), (0, 0)), ((27, 27), (3, 3)))
    assert not stops(before, ((27, 27), (1, 1)), ((27, 27), (1, 1)), ((27, 27), (3, 0)))
    assert stops(before, ((27, 27), (0, 0)), ((27, 27), (3, 0)))
    assert not stops(before, ((27, 27), (0, 0)), ((27, 0), (3, 0)))


def test_a_dead_candidate_beside_a_stable_without_requests_is_stopped_in_the_end() -> None:
    """After four looks with failures nobody waits for stable; where it never had any requests, nobody waits at all."""
    quiet = ((27, 27), (0, 0))
    assert not stops(((27, 0), (3, 0)), *[quiet] * 3)
    assert stops(((27, 0), (3, 0)), *[quiet] * 4)
    assert stops(*[quiet] * 2)
    assert stops(*[((27, 27), None)] * 2)


def test_shared_outages_stop_nobody_at_any_split() -> None:
    """One request a second, everything fails for two minutes in both versions: none of the releases is stopped."""
    random = np.random.default_rng(20_410)
    for weight in (0.5, 0.9):
        for _ in range(30):
            evidence = start_evidence()
            for look in range(20):
                arms = []
                for share in (weight, 1 - weight):
                    total = int(random.poisson(30 * share))
                    bad = total if 8 <= look < 12 else int(random.binomial(total, 0.005))
                    arms.append(Counts(total, bad, bad))
                evidence = observe(evidence, arms[0], arms[1], ERRORS)
                assert not judge(evidence, ERRORS, promotion=False).hard_stop


def test_stable_has_to_tell_that_it_does_not_fail_as_well() -> None:
    """Where half of the requests fail, three good ones of stable a look are soon had by chance in a shared outage."""
    half = ((27, 15), (3, 0))
    assert not stops(half, half)
    assert stops(half, half, half, half)
    assert not stops(*[((27, 15), (1, 0))] * 6)
    assert stops(((27, 26), (3, 0)), ((27, 26), (3, 0)))


def test_a_stable_that_fails_in_the_last_look_too_stops_nobody() -> None:
    """What it had before the outage began says nothing about the outage."""
    run = HardStopRun(bad=45, total=81, looks=3, stable_bad=1, stable_total=20)
    assert run.is_over(
        ERRORS, last=Tally(total=27, bad=15, bad_possible=15, stable_total=9, stable_bad=0), beside_stable=True
    )
    assert not run.is_over(
        ERRORS, last=Tally(total=27, bad=15, bad_possible=15, stable_total=3, stable_bad=1), beside_stable=True
    )


def test_an_empty_look_changes_no_mind() -> None:
    """A candidate that is dead stays so while it gets no requests, as in a release that is held for a person."""
    dead = [((27, 27), (3, 0))] * 2
    assert stops(*dead)
    assert stops(*dead, ((0, 0), (0, 0)), ((0, 0), None))


def test_a_run_is_read_back_from_status_exactly() -> None:
    """What stable had is not forgotten by a restart."""
    evidence = gather(((27, 0), (3, 0)), ((9, 9), (3, 0)), ((9, 9), (0, 0)))
    assert evidence.hard_stop == HardStopRun(bad=18, total=18, looks=2, stable_bad=0, stable_total=3)
    assert Evidence.from_status(json.loads(json.dumps(evidence.to_status()))) == evidence
    assert gather(((27, 0), (3, 0))).hard_stop == NO_RUN


@pytest.mark.parametrize("changes", [{"bad": 2}, {"stable_bad": 1}, {"looks": -1}])
def test_an_impossible_run_is_refused(changes: dict[str, int]) -> None:
    """What was tampered with is an error."""
    with pytest.raises(ValueError, match="hard stop"):
        HardStopRun(**{"total": 1, **changes})
