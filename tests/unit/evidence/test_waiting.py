"""How long a proof takes: the same look as in a release that is played with exactly the expected counts."""

from dataclasses import replace

import pytest

from palier.evidence.objective import ObjectiveRule, Verdict, begin_stage, judge, observe, start_evidence
from palier.evidence.waiting import Landing, Traffic, seconds_until_proven
from tests.support.evidence.objectives import ERRORS, LATENCY, arm

STRENGTHS = {
    "no breach": replace(ERRORS, proof_margin=None),
    "below twice": ERRORS,
    "below": replace(ERRORS, proof_margin=1.0),
    "no worse": replace(ERRORS, require_no_worse=True),
}
STEPS = (Landing(0.05, 600.0), Landing(0.25, 600.0), Landing(0.5, 600.0))
HALF = Traffic(rate=40.0, candidate=0.005, stable=0.005, look=30.0)
"""1,200 requests a look, of which six fail: the expected counts of every landing but the first are whole numbers."""


def play(rule: ObjectiveRule, landings: tuple[Landing, ...], traffic: Traffic) -> float:
    """Seconds until the first look at which a promotion would pass, with the expected counts in every look."""
    evidence, at, seen_bad, seen = start_evidence(), 0.0, [0, 0], [0.0, 0.0]
    for number, landing in enumerate(landings):
        evidence, ends = begin_stage(evidence), at + landing.minimum
        while at < ends or number == len(landings) - 1:
            at += traffic.look
            arms = []
            for index, (weight, share) in enumerate(
                ((landing.weight, traffic.candidate), (1 - landing.weight, traffic.stable))
            ):
                total = round(traffic.rate * weight * traffic.look)
                seen[index] += share * total
                bad = round(seen[index]) - seen_bad[index]
                seen_bad[index] += bad
                arms.append(arm(total, bad))
            evidence = observe(evidence, *arms, rule)
            if judge(evidence, rule, promotion=True).verdict is Verdict.PASS:
                return at
    raise AssertionError("the last landing lasts until the proof")


@pytest.mark.parametrize("rate", [4.0, 40.0, 100.0])
@pytest.mark.parametrize("landings", [STEPS, (Landing(0.1, 0.0),), (Landing(0.5, 0.0),)], ids=["steps", "10", "50"])
@pytest.mark.parametrize("strength", sorted(STRENGTHS))
def test_a_played_release_is_proven_at_the_same_look_or_near_it(
    strength: str, landings: tuple[Landing, ...], rate: float
) -> None:
    """Two looks apart at most, or a tenth: whole failures come later or sooner than fractions of them."""
    traffic = replace(HALF, rate=rate)
    planned = seconds_until_proven([(STRENGTHS[strength], traffic)], landings)
    played = play(STRENGTHS[strength], landings, traffic)
    assert planned is not None
    assert abs(planned - played) <= max(2 * traffic.look, 0.1 * played)


def test_a_stronger_proof_takes_longer_and_more_traffic_shortens_it() -> None:
    """The ladder is one: at every rate each rung takes at least as long as the one below."""
    for rate in (1.0, 10.0, 100.0):
        times = [
            seconds_until_proven([(STRENGTHS[name], replace(HALF, rate=rate))], (Landing(0.1, 0.0),))
            for name in ("no breach", "below twice", "below")
        ]
        assert times == sorted(time for time in times if time is not None)
    slow, fast = (seconds_until_proven([(ERRORS, replace(HALF, rate=rate))], STEPS) for rate in (1.0, 10.0))
    assert slow is not None
    assert fast is not None
    assert fast < slow


@pytest.mark.parametrize(
    ("strength", "share"), [("below", 0.01), ("below twice", 0.011), ("no breach", 0.011), ("no worse", 0.0)]
)
def test_what_is_never_proven_has_no_time(strength: str, share: float) -> None:
    """At the limit the strict proof never comes, above it no stage passes, and without failures nothing compares."""
    traffic = replace(HALF, candidate=share, stable=share)
    assert seconds_until_proven([(STRENGTHS[strength], traffic)], STEPS) is None


def test_a_candidate_with_twice_stables_odds_is_never_proven_no_worse() -> None:
    """The proof is against stable, although the limit is met by far."""
    traffic = replace(HALF, candidate=0.004, stable=0.002)
    assert seconds_until_proven([(STRENGTHS["no worse"], traffic)], STEPS) is None
    assert seconds_until_proven([(ERRORS, traffic)], STEPS) is not None


def test_the_slowest_objective_decides() -> None:
    """A promotion waits for all of them."""
    slow = replace(HALF, candidate=0.048, stable=0.048)
    together = seconds_until_proven([(ERRORS, HALF), (replace(LATENCY, proof_margin=1.0), slow)], STEPS)
    alone = seconds_until_proven([(replace(LATENCY, proof_margin=1.0), slow)], STEPS)
    assert together == alone
    assert alone is not None
    assert alone > (seconds_until_proven([(ERRORS, HALF)], STEPS) or 0)


def test_a_stage_is_not_left_before_it_has_its_fewest_requests() -> None:
    """With one request in 20 s for the candidate the first stage lasts 400 s, whatever its shortest time is."""
    landings = (Landing(0.05, 30.0), Landing(0.5, 30.0))
    traffic = replace(HALF, rate=1.0)
    first = seconds_until_proven([(STRENGTHS["no breach"], traffic)], landings)
    assert first == 420


def test_one_look_proves_no_more_than_the_cap_however_much_traffic_there_is() -> None:
    """The proof against stable takes as many looks as in a played release, and the one of the limit a single one."""
    traffic, landings = replace(HALF, rate=10_000.0), (Landing(0.1, 0.0),)
    planned = seconds_until_proven([(STRENGTHS["no worse"], traffic)], landings)
    assert planned == play(STRENGTHS["no worse"], landings, traffic) > 2 * traffic.look
    assert seconds_until_proven([(STRENGTHS["below"], traffic)], landings) == traffic.look
