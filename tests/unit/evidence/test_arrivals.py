"""Requests of two revisions side by side, whenever their pods are scraped, and a candidate that gets none of them."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks.reach.play import Case, found_at, looks
from palier.evidence.arrivals import Arrivals, Block, ScrapedStep, Scrapes, add_arrivals
from palier.evidence.objective import Counts, Evidence, ObjectiveRule, begin_share, observe, start_evidence
from palier.evidence.sample_ratio import FEWEST_REQUESTS, NOT_REACHED_BY_CHANCE, not_reached

RULE = ObjectiveRule("errors", limit=0.01, margin=1.25, alpha=0.01)


def scrapes(time: float, *, pods: int = 1, joined: bool = False) -> Scrapes:
    """Pods that were all scraped at one instant."""
    return Scrapes(pods, time, time, joined)


def scraped(number: int, *, mine: Scrapes | None = None, theirs: Scrapes | None = None) -> ScrapedStep:
    """A look every 15 s, with scrapes of the candidate 5 s and of stable 10 s before it unless told otherwise."""
    at = 15.0 * number
    return ScrapedStep(at - 15, at, mine or scrapes(at - 5), theirs or scrapes(at - 10), weight_since=0.0)


def after(counts: Sequence[tuple[int, int]]) -> Arrivals:
    """The arrivals after looks with these counts of candidate and stable."""
    arrivals: Arrivals | None = None
    for number, (candidate, stable) in enumerate(counts, start=1):
        arrivals = add_arrivals(arrivals, candidate, stable, scraped(number))
    assert arrivals is not None
    return arrivals


def test_stable_is_set_beside_a_longer_time_of_the_candidate() -> None:
    """The block of a stretch has the candidate's requests of the stretches before and after it, too."""
    arrivals = after([(7, 7), (1, 10), (2, 20), (4, 40), (8, 80)])

    assert arrivals.blocks == (Block(1 + 2 + 4, 20), Block(2 + 4 + 8, 40))


def test_stables_scrapes_before_the_weight_are_not_compared() -> None:
    """What stable counted from a scrape on that was before the weight had no candidate beside it."""
    arrivals: Arrivals | None = None
    for number in range(1, 7):
        arrivals = add_arrivals(arrivals, 0, 100 * number, replace(scraped(number), weight_since=21.0))
    assert arrivals is not None
    # Only at the third look, second 45, had stable been scraped after second 21.
    assert sum(block.stable for block in arrivals.blocks) == 400 + 500


def test_a_pod_that_is_scraped_late_is_waited_for() -> None:
    """As long as one pod of the candidate has not been scraped after stable's last scrape, nothing is concluded."""
    arrivals = after([(0, 0), (0, 50), (0, 50), (0, 50)])
    assert len(arrivals.blocks) == 1
    late = Scrapes(2, oldest=45.0, newest=72.0)
    waiting = add_arrivals(replace(arrivals, pods=2), 0, 1000, scraped(5, mine=late))

    assert waiting is not None
    assert waiting.blocks == arrivals.blocks
    assert waiting.stretches[-1].stable == 1000


@pytest.mark.parametrize(
    "step",
    [
        scraped(5, mine=scrapes(70, joined=True)),
        scraped(5, mine=scrapes(70, pods=2)),
        scraped(6),
    ],
    ids=["a pod that was never scraped before", "a pod that was not scraped lately", "a look is missing"],
)
def test_across_what_is_not_known_nothing_is_counted(step: ScrapedStep) -> None:
    """Counting begins anew, and what stable had counted until then is not held against the candidate."""
    arrivals = add_arrivals(after([(0, 0), (0, 500), (0, 500), (0, 500)]), 0, 500, step)

    assert arrivals is not None
    assert (arrivals.blocks, len(arrivals.stretches), arrivals.stretches[0].stable) == ((), 1, 0)


def test_where_a_revision_was_not_scraped_nothing_is_known() -> None:
    """There is nothing to compare until both are scraped again."""
    assert add_arrivals(after([(0, 0), (0, 500), (0, 500), (0, 500)]), 0, 500, None) is None


def test_a_pod_that_is_gone_is_remembered_as_not_scraped() -> None:
    """The fewest pods of any look are told, so that the caller can compare them with those that are ready."""
    many = replace(after([(0, 0), (0, 50)]), pods=3)
    fewer = add_arrivals(many, 0, 50, scraped(3, mine=scrapes(40, pods=2)))

    assert fewer is not None
    assert (fewer.pods, sum(one.stable for one in fewer.stretches)) == (2, 100)


def test_old_blocks_are_put_together_and_none_is_lost() -> None:
    """A day of looks leaves a few blocks, the newer the finer."""
    arrivals = after([(1, 10)] * 5760)

    assert len(arrivals.blocks) < 30
    assert sum(block.stable for block in arrivals.blocks) == 10 * 5757
    assert sum(block.size for block in arrivals.blocks) == 5757
    assert [block.size for block in arrivals.blocks] == sorted((b.size for b in arrivals.blocks), reverse=True)


def test_arrivals_survive_a_restart_to_the_last_digit() -> None:
    """They are read back from JSON as they were written."""
    arrivals = replace(after([(0, 0), (3, 50), (4, 50), (5, 50)]), until=1_767_323_045.123456)
    evidence = replace(start_evidence("a"), arrivals=arrivals)

    assert Evidence.from_status(json.loads(json.dumps(evidence.to_status()))) == evidence


@pytest.mark.parametrize(
    "change",
    [
        {"stretches": []},
        {"until": "inf"},
        {"blocks": [{"total": -1, "size": 1}]},
        {"blocks": [{"size": 0}]},
        {"pods": None},
    ],
)
def test_impossible_arrivals_are_refused(change: dict[str, object]) -> None:
    """What somebody wrote into the status is not counted."""
    written = {**after([(0, 0), (3, 50)]).to_status(), **change}

    with pytest.raises(ValueError, match=r"arrivals are impossible|evidence is unreadable"):
        Evidence.from_status({"arrivals": written})


def test_evidence_counts_arrivals_and_forgets_them_at_another_weight() -> None:
    """From look to look with the scrapes, not without them nor without stable, and anew after a weight step."""
    evidence, none = start_evidence(), Counts(0, 0, 0)
    for number in range(1, 6):
        evidence = observe(evidence, none, Counts(500, 0, 0), RULE, scraped=scraped(number))
    assert evidence.arrivals is not None
    assert evidence.arrivals.blocks == (Block(0, 500), Block(0, 500))
    assert begin_share(evidence).arrivals is None
    assert observe(evidence, none, Counts(500, 0, 0), RULE).arrivals is None
    assert observe(evidence, none, None, RULE, scraped=scraped(6)).arrivals is None


@pytest.mark.parametrize(("weight", "stable"), [(1, 2000), (5, 500), (10, 200), (50, 50)])
def test_a_candidate_that_gets_nothing_is_found(weight: int, stable: int) -> None:
    """As soon as so many requests of stable without one of its own are next to impossible."""
    found = not_reached([Block(0, stable)], weight=weight)

    assert found is not None
    assert (found.candidate, found.stable) == (0, stable)
    assert binom.pmf(0, stable, weight / 100) < NOT_REACHED_BY_CHANCE
    assert not_reached([Block(0, stable // 4)], weight=weight) is None


def test_the_ratio_of_the_likelihoods_is_scipys() -> None:
    """A tenth of the weight against the weight, and its mean under the weight is 1."""
    found = not_reached([Block(3, 2000)], weight=10)
    assert found is not None
    expected = binom.logpmf(3, 2003, 0.01) - binom.logpmf(3, 2003, 0.1)
    assert found.log_e == pytest.approx(expected)
    mean = sum(
        binom.pmf(k, 200, 0.1) * math.exp(binom.logpmf(k, 200, 0.01) - binom.logpmf(k, 200, 0.1)) for k in range(201)
    )
    assert mean == pytest.approx(1.0)


@pytest.mark.parametrize("share", [0.15, 0.4, 0.8, 1.0])
def test_a_gateway_that_gives_less_is_another_thing(share: float) -> None:
    """A clearly smaller share than configured is told elsewhere, however long it lasts."""
    due = 1_000_000 * 0.5 / 0.5
    assert not_reached([Block(round(share * due), 1_000_000)], weight=50) is None


def test_few_requests_of_stable_say_nothing() -> None:
    """However impossible they are under a large weight."""
    assert not_reached([Block(0, FEWEST_REQUESTS - 1)], weight=99) is None
    assert not_reached([Block(0, FEWEST_REQUESTS)], weight=99) is not None


@pytest.mark.parametrize("weight", [0, 100])
def test_where_nothing_is_shared_out_nothing_is_said(weight: int) -> None:
    """Without a weight, or with all of it."""
    assert not_reached([Block(0, 10_000)], weight=weight) is None


def test_a_candidate_that_gets_nothing_from_now_on_is_found() -> None:
    """What it got before does not excuse it, and what is told is the time since then."""
    blocks = [Block(10_000, 90_000, size=64), Block(0, 400), Block(0, 400)]
    found = not_reached(blocks, weight=10)

    assert found is not None
    assert (found.candidate, found.stable) == (0, 800)
    assert not_reached([*blocks, Block(40, 400)], weight=10) is None


def test_a_late_beginning_is_asked_for_more() -> None:
    """Every block may be the first one: what is asked for grows with the number of those before it."""
    early, late = (not_reached([Block(90, 10, size), Block(0, 200)], weight=10) for size in (1, 1000))

    assert early is not None
    assert late is None


def test_healthy_candidates_are_hardly_ever_said_not_to_be_reached() -> None:
    """A seeded simulation with scrapes in random phases; `python -m benchmarks.reach` plays 10,000 of each."""
    chance = np.random.default_rng(7)
    cases = [Case(weight, rate) for weight in (1, 5, 50) for rate in (1, 10, 100)]
    cases += [Case(50, 100, lasts=4.0), Case(50, 100, served=0.4), Case(50, 200, interval=1.0, stables=1)]

    assert [found_at(case, until=300, chance=chance) for case in cases for _ in range(20)] == [None] * 240


@pytest.mark.parametrize(
    ("case", "within"),
    [
        (Case(10, 50, lost_from=0.0), 90),
        (Case(10, 50, lost_from=0.0, interval=1.0, scrape=1.0), 10),
        (Case(10, 50, lost_from=300.0), 390),
        (Case(1, 10, lost_from=0.0), 300),
    ],
)
def test_lost_candidates_are_found_soon(case: Case, within: float) -> None:
    """From the beginning, or after a while, whatever the phases of the scrapes."""
    chance = np.random.default_rng(7)
    times = [found_at(case, until=600, chance=chance) for _ in range(20)]

    assert all(time is not None and max(0, case.lost_from) <= time <= within for time in times)


def test_every_request_of_stable_is_compared_at_most_once() -> None:
    """The blocks never add up to more than stable counted under the weight."""
    chance = np.random.default_rng(3)
    *_, (_, arrivals) = looks(Case(10, 50, interval=1.0), until=600, chance=chance)

    assert arrivals is not None
    compared = sum(block.stable for block in arrivals.blocks)
    assert 0.85 * 600 * 45 < compared < 600 * 46
