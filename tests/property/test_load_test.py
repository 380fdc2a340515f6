"""Properties of releases that begin with a load test, over random results, prices, specs, people and kills."""

from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from palier.release.state import Result
from tests.support.release.load_fates import ALL, FAMILIES, Fate, best, finished, may_pass, serving, spec
from tests.support.release.load_world import PRICES, LoadWorld, Truth
from tests.support.thorough import examples

TRUTHS = st.builds(
    Truth,
    kind=st.sampled_from(["Pass"] * 6 + ["Fail", "NoEvidence", "Replaced", "Nothing"]),
    capacity=st.sampled_from([Decimal(20), Decimal(50), Decimal(100), Decimal(200)]),
)


FATES = st.fixed_dictionaries(dict.fromkeys(ALL, TRUTHS))


EVENTS = st.sampled_from(
    ["tick"] * 14
    + [f"version {version}" for version in FAMILIES]
    + [
        "alone 2",
        "alone 3",
        "other requests",
        "stage removed",
        "ten minutes",
        "prices away",
        "prices back",
        "texts away",
        "texts back",
        "pause",
        "resume",
        "abort",
        "retry",
        "promote",
        "break candidate",
        "heal candidates",
        "kill after 1",
        "kill after 2",
        "kill after 3",
    ]
)


@settings(max_examples=examples(20, thorough=60), deadline=None)
@given(FATES, st.sampled_from(["Hold", "Rollback"]), st.lists(EVENTS, min_size=20, max_size=120))
@example(  # the stage goes in the second in which the test ends, and comes back
    dict.fromkeys(ALL, Truth("Pass", Decimal(20))),
    "Hold",
    ["version 3", "alone 3", "tick", "tick", "stage removed", "tick", "tick", "alone 3", "tick", "tick"],
)
def test_users_meet_only_what_was_tested_and_is_affordable(
    truths: dict[str, Truth], on_no_evidence: str, events: list[str]
) -> None:
    """Whatever happens: no weight before a passed load test, stable whole, no verdict asked for twice, nothing left."""
    fate = Fate(truths, on_no_evidence=on_no_evidence)
    for event in events:
        fate.let(event)


@settings(max_examples=examples(10, thorough=40), deadline=None)
@given(FATES, st.sampled_from(["2", "3", "4"]), st.integers(0, 60), st.lists(st.integers(0, 59), max_size=5))
def test_the_cheapest_variant_that_passes_is_released(
    truths: dict[str, Truth], version: str, without_prices: int, kills: list[int]
) -> None:
    """Whenever the operator dies and however long prices are missing; if none passes, stable goes on."""
    world = serving(truths)
    first = world.state.stable
    world.ask_for(spec(version, stage={"maxDuration": "1h"}))
    best_one, hopeless = best(world), not any(may_pass(world, one) for one in world.revisions().values())
    for second in range(120):
        world.prices = None if second < without_prices else PRICES
        world.tick(kill_after=1 + second % 3 if second in kills else None)
    state = world.state
    assert state.stable is not None
    if best_one is not None:
        assert state.stable.revision == best_one
        assert state.stable.variant == next(name for name, one in world.revisions().items() if one == best_one)
    else:
        assert state.stable == first
        # What nobody could find out holds the release; only what was found out refuses it.
        assert (state.outcome is not None and state.outcome.result is Result.REFUSED) is hopeless
        assert (state.release is None) is hopeless
    if state.release is None:
        assert not world.left_behind()


@settings(max_examples=examples(6, thorough=30), deadline=None)
@given(FATES, st.sampled_from(["2", "3"]), st.lists(st.tuples(st.integers(0, 60), st.integers(1, 4)), max_size=8))
def test_killing_the_operator_in_mid_test_changes_nothing(
    truths: dict[str, Truth], version: str, kills: list[tuple[int, int]]
) -> None:
    """The same runs are made, the same is found, and the release ends in the same way at the same second."""
    ends = []
    for killed in (False, True):
        world = serving(truths)
        world.ask_for(spec(version, stage={"maxDuration": "50s"}, onNoEvidence="Rollback"))
        for second in range(110):
            world.tick(kill_after=dict(kills).get(second) if killed else None)
        ends.append((world.made, world.state, world.history, world.replicas, world.jobs))
    assert ends[0] == ends[1]


@settings(max_examples=examples(10, thorough=30), deadline=None)
@given(
    st.lists(st.integers(1, 3000), min_size=2, max_size=5, unique=True),
    st.sampled_from(["monthly", "perThousandInferences"]),
    TRUTHS,
)
def test_more_budget_never_refuses_what_less_budget_allows(amounts: list[int], limit: str, truth: Truth) -> None:
    """From the least to the most of budgets, a release is refused, or waits, up to some amount and passes above it."""
    ends = []
    for amount in sorted(amounts):
        written = str(amount) if limit == "monthly" else f"0.{amount:06d}"
        world = LoadWorld.born(spec("1", budget={"currency": "EUR", limit: written}, stage={"maxDuration": "1h"}))
        world.truths[world.revision] = truth
        finished(world, 40)
        ends.append(world.state.stable is not None)
        if not ends[-1] and truth.kind == "Pass":
            assert world.state.outcome is not None
            assert world.state.outcome.reason == "OverBudget"
    assert ends == sorted(ends)
