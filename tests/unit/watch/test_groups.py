"""Groups of users under one promise: false alarms over all of them, who is named, and what a change of the mix is."""

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pytest

from palier.evidence.segments import LONGEST_NAME, NAMED, OTHER
from palier.watch.edetector import Batch, Detector, DetectorRule
from palier.watch.groups import EVERYONE, ConceptWatch, Finding, WatchRule

RULE = WatchRule(DetectorRule(0.1), elsewhere=0.1)


def play(batches: Iterable[Mapping[str, Batch]], rule: WatchRule) -> Iterator[tuple[int, tuple[Finding, ...]]]:
    """The number of the batch of each alarm, and what it names."""
    watch = ConceptWatch()
    for number, batch in enumerate(batches, start=1):
        watch = watch.add_batch(batch, rule)
        if found := watch.find_changes(rule):
            yield number, found
            watch = watch.start_anew()


def draw(rates: Mapping[str, float], *, size: int, number: int, seed: int) -> list[dict[str, Batch]]:
    """Batches in which each group has as many labels."""
    random = np.random.default_rng(seed)
    return [
        {name: Batch(size, int(random.binomial(size, rate))) for name, rate in rates.items()} for _ in range(number)
    ]


def name_groups(found: tuple[Finding, ...]) -> list[str]:
    """The names in an alarm."""
    return [one.group for one in found]


def test_capital_never_exceeds_the_labels_of_all_groups_over_every_path() -> None:
    """The promise over all groups, enumerated: at the tolerated shares and below, whatever each group tolerates."""
    rule = WatchRule(DetectorRule(0.3, run_length=200.0), groups={"a": 0.3, "b": 0.5})
    sizes = {"a": 2, "b": 1, EVERYONE: 1}
    for rates in ({"a": 0.3, "b": 0.5, EVERYONE: 0.3}, {"a": 0.1, "b": 0.5, EVERYONE: 0.3}):
        capital = alarms = labels = 0.0
        outcomes = list(itertools.product(*(range(size + 1) for size in sizes.values())))
        for path in itertools.product(outcomes, repeat=3):
            chance, watch = 1.0, ConceptWatch()
            for outcome in path:
                batch = {name: Batch(size, hits) for (name, size), hits in zip(sizes.items(), outcome, strict=True)}
                for name, one in batch.items():
                    hits = int(one.wrong)
                    chance *= math.comb(one.labels, hits) * rates[name] ** hits * (1 - rates[name]) ** (
                        one.labels - hits
                    )  # fmt: skip
                watch = watch.add_batch(batch, rule)
                if watch.find_changes(rule):
                    alarms += chance
                    watch = watch.start_anew()
            capital += chance * math.exp(watch.log_capital(rule)) if watch.everyone.logs else 0.0
            labels = 3 * sum(sizes.values())
        assert 0.3 * labels < capital + 200 * alarms <= labels * (1 + 1e-12)


def test_false_alarms_over_all_groups_are_as_rare_as_promised() -> None:
    """Five groups at what is tolerated: together at most one alarm in a run length."""
    rule = WatchRule(DetectorRule(0.1, run_length=200.0), elsewhere=0.1)
    batches = draw(dict.fromkeys("abcde", 0.1), size=1, number=4_000, seed=1)
    assert 10 <= len(list(play(batches, rule))) <= 100


def test_the_group_that_became_worse_is_named() -> None:
    """A tenth of the users, whom the total would show late."""
    healthy = {f"g{number}": 0.1 for number in range(9)}
    found = []
    for seed in range(20):
        batches = draw({**healthy, "hurt": 0.3}, size=4, number=400, seed=seed)
        found.append(next(play(batches, RULE)))
    assert sum(name_groups(names) == ["hurt"] for _, names in found) >= 17
    assert sorted(number for number, _ in found)[9] <= 60


def test_where_all_are_worse_everyone_is_named() -> None:
    """And groups only where they are clear by themselves."""
    found = [
        next(play(draw(dict.fromkeys("abcd", 0.25), size=3, number=300, seed=seed), RULE))[1] for seed in range(20)
    ]
    assert all(EVERYONE in name_groups(names) for names in found)


def test_everyone_is_named_where_no_group_is() -> None:
    """Parts that are enough together, and none of them alone or with its neighbours."""
    rule = WatchRule(DetectorRule(0.1, run_length=1000.0), elsewhere=0.1)
    watch = ConceptWatch()
    while not (found := watch.find_changes(rule)):
        watch = watch.add_batch({f"g{number}": Batch(1, 0.25) for number in range(15)}, rule)
    assert name_groups(found) == [EVERYONE]
    assert found[0].risen.labels > 0


def test_groups_that_agree_need_less_each() -> None:
    """At an alarm one group has to reach the bound, and each of two half of it; nobody is named without an alarm."""
    capital = math.log(RULE.everyone.run_length)
    full, half, third, less = (Detector((capital + part,)) for part in (0.0, -0.69, -1.09, -1.2))
    assert name_groups(ConceptWatch(full, {"a": full}).find_changes(RULE)) == ["a"]
    assert name_groups(ConceptWatch(full, {"a": half, "b": half, "c": less}).find_changes(RULE)) == ["a", "b"]
    assert name_groups(ConceptWatch(full, {"a": half, "b": third, "c": third}).find_changes(RULE)) == ["a", "b", "c"]
    assert name_groups(ConceptWatch(full, {"a": half, "b": third, "c": less}).find_changes(RULE)) == [EVERYONE]
    assert ConceptWatch(Detector(), {"a": full}).find_changes(RULE) == ()


def test_the_clearest_group_is_named_first() -> None:
    """And everyone before all groups, where that is clear by itself."""
    capital = math.log(RULE.everyone.run_length)
    parts = [Detector((capital + more,)) for more in (0.0, 1.0)]
    found = ConceptWatch(parts[1], {"a": parts[0], "b": parts[1]}).find_changes(RULE)
    assert name_groups(found) == [EVERYONE, "b", "a"]


def test_a_shift_of_the_mix_is_no_change() -> None:
    """More users of the group that has always been served worse: the total is worse, and nobody is."""
    rule = WatchRule(DetectorRule(0.1), groups={"easy": 0.05, "hard": 0.3})
    random = np.random.default_rng(1)

    def batches(hard: int, number: int) -> Iterator[dict[str, Batch]]:
        for _ in range(number):
            yield {
                "easy": Batch(20 - hard, int(random.binomial(20 - hard, 0.05))),
                "hard": Batch(hard, int(random.binomial(hard, 0.3))),
            }

    shifted = [*batches(4, 100), *batches(16, 100)]
    assert list(play(shifted, rule)) == []
    assert list(play(({EVERYONE: one["easy"].plus(one["hard"])} for one in shifted), rule)) != []


def test_a_group_without_a_tolerated_share_counts_for_everyone_only() -> None:
    """Nothing is known of what is usual there."""
    rule = WatchRule(DetectorRule(0.1), groups={"a": 0.1})
    watch = ConceptWatch().add_batch({"a": Batch(3, 1), "new": Batch(5, 5), EVERYONE: Batch(2, 0)}, rule)
    assert list(watch.groups) == ["a"]
    assert watch.everyone.risen == Batch(10, 6)
    assert ConceptWatch().add_batch({EVERYONE: Batch(3, 1)}, RULE).groups == {}


def test_after_an_alarm_all_start_anew() -> None:
    """Without capital, and with what is known of how labels come together."""
    watch = ConceptWatch()
    for wrong in (0, 9, 1, 8):
        watch = watch.add_batch({"a": Batch(10, wrong)}, RULE)
    anew = watch.start_anew()
    assert anew.log_capital(RULE) == -math.inf
    assert (anew.everyone.jumps, anew.groups["a"].jumps) == (watch.everyone.jumps, watch.groups["a"].jumps)


def test_without_groups_everyone_has_the_whole_bound() -> None:
    """Nothing is paid for what is not watched."""
    rule = WatchRule(DetectorRule(0.1))
    watch = ConceptWatch().add_batch({EVERYONE: Batch(10, 4)}, rule)
    assert watch.log_capital(rule) == watch.everyone.log_capital
    assert watch.groups == {}
    assert watch.log_capital(RULE) == pytest.approx(watch.everyone.log_capital - math.log(2))


def test_groups_beyond_twenty_share_one_place() -> None:
    """In the order of their appearance; long names are shortened; what they say adds up."""
    names = [f"g{number:02}" for number in range(NAMED)]
    watch = ConceptWatch().add_batch({name: Batch(1, 0) for name in names}, RULE)
    watch = watch.add_batch({"late": Batch(2, 2), "z" * 500: Batch(1, 1), "g00": Batch(1, 0)}, RULE)
    assert sorted(watch.groups) == sorted([*names, OTHER])
    assert watch.groups[OTHER].risen == Batch(3, 3)
    alone = ConceptWatch().add_batch({"z" * 500: Batch(1, 1)}, RULE)
    assert [len(name) for name in alone.groups] == [LONGEST_NAME]


def test_status_reads_back_exactly() -> None:
    """Also through JSON, with groups and without."""
    watch = ConceptWatch()
    for batch in ({EVERYONE: Batch(3, 1)}, {"a": Batch(7, 3), "b": Batch(1, 0)}, {"a": Batch(2, 0.5)}):
        assert ConceptWatch.from_status(json.loads(json.dumps(watch.to_status()))) == watch
        watch = watch.add_batch(batch, RULE)
    assert ConceptWatch.from_status(watch.to_status()) == watch
    assert ConceptWatch.from_status({}) == ConceptWatch()


@pytest.mark.parametrize(
    "status",
    [
        {"everyone": {"logs": ["nan"]}},
        {"everyone": 3},
        {"groups": [{"logs": ["0.0"]}]},
        {"groups": [{"name": "a"}, {"name": "a"}]},
        {"groups": [{"name": f"{number}"} for number in range(NAMED + 2)]},
        {"groups": 3},
        [],
    ],
)
def test_an_impossible_status_is_refused(status: dict[str, object]) -> None:
    """It was damaged."""
    with pytest.raises(ValueError, match=r".+"):
        ConceptWatch.from_status(status)


@pytest.mark.parametrize("shares", [{"groups": {"a": 1.0}}, {"elsewhere": 0.0}])
def test_shares_of_groups_that_promise_nothing_are_refused(shares: dict[str, object]) -> None:
    """As that of everyone is."""
    with pytest.raises(ValueError, match=r"^the tolerated share must be above 0 and below 1"):
        WatchRule(DetectorRule(0.1), **shares)  # type: ignore[arg-type]
