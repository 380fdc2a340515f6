"""Open questions: when one begins, which labels answer it, and how it is kept."""

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from palier.evidence.segments import LONGEST_NAME, NAMED, OTHER, shorten_name
from palier.watch.attributed import Attributions
from palier.watch.attribution import Attribution, AttributionRule, Cause, compute_pair_gains
from palier.watch.edetector import Batch
from palier.watch.groups import EVERYONE
from palier.watch.pairs import NO_PAIRS, PairedLabels, Tolerated

RULE = AttributionRule(Tolerated(0.1, 0.1), groups={"hard": Tolerated(0.4, 0.4)})
SOME = PairedLabels(7, 2, 1, 0)
OTHERS = PairedLabels(5, 1, 2, 2)


def add(open_: Attributions, batch: dict[str, PairedLabels], *places: str) -> Attributions:
    """The questions after one batch."""
    return open_.add_batch(batch, RULE, places=places)


def test_only_labels_after_the_alarm_count() -> None:
    """What came before it, however much, leaves no trace."""
    long = Attributions()
    for _ in range(50):
        long = add(long, {EVERYONE: PairedLabels(10, 0, 5, 0)})
    assert add(long.begin([EVERYONE]), {EVERYONE: SOME}) == add(Attributions().begin([EVERYONE]), {EVERYONE: SOME})


def test_an_alarm_that_chose_its_moment_changes_no_promise() -> None:
    """Enumerated: given an alarm because of the pairs before, a wrong verdict is no likelier than alpha."""
    rule = AttributionRule(Tolerated(0.2, 0.2), alpha=0.6)
    chances = (0.58, 0.12, 0.12, 0.18)
    kinds = [counts for counts in itertools.product(range(3), repeat=4) if sum(counts) == 2]
    alarmed = wrong = 0.0
    for path in itertools.product(kinds, repeat=3):
        if path[0][1] < 1:
            continue  # nothing spoke against the present version, and nobody alarmed
        chance = math.prod(
            2 / math.prod(map(math.factorial, counts)) * math.prod(map(math.pow, chances, counts)) for counts in path
        )
        questions = Attributions().add_batch({EVERYONE: PairedLabels.from_counts(path[0])}, rule, places=())
        questions = questions.begin([EVERYONE])
        for counts in path[1:]:
            questions = questions.add_batch({EVERYONE: PairedLabels.from_counts(counts)}, rule, places=())
        alarmed += chance
        wrong += chance * (questions.open[EVERYONE].cause is Cause.MODEL_IS_WORSE)
    assert 0 < wrong <= 0.6 * alarmed


def test_a_question_that_is_open_goes_on() -> None:
    """While answers go on being worse, alarms go on; each only bets a part of what was kept for it."""
    once = add(Attributions().begin([EVERYONE, "fr"]), {EVERYONE: SOME, "fr": SOME}, "fr")
    again = once.begin([EVERYONE, "de"])
    assert again.open[EVERYONE] == once.open[EVERYONE].add_alarm() != once.open[EVERYONE]
    assert again.open[EVERYONE].labels == SOME.plus(SOME)
    assert again.open["fr"] == once.open["fr"]
    assert again.open["de"] == Attribution(named=2)


def test_a_question_ends_with_its_finding() -> None:
    """The next alarm begins a new one."""
    once = add(Attributions().begin([EVERYONE, "de"]), {EVERYONE: SOME})
    ended = once.end(EVERYONE)
    assert list(ended.open) == ["de"]
    assert ended.begin([EVERYONE]).open[EVERYONE] == Attribution()


def test_alpha_is_divided_among_those_that_an_alarm_names() -> None:
    """Each of them knows how many there are."""
    assert {one.named for one in Attributions().begin([EVERYONE, "de", "fr"]).open.values()} == {3}


def test_each_group_is_answered_by_its_own_labels_and_everyone_by_all() -> None:
    """Against what is tolerated there: for everyone the groups are added up."""
    begun = Attributions().begin([EVERYONE, "hard", "easy"])
    known = add(begun, {"hard": SOME, "easy": OTHERS, EVERYONE: SOME}, "hard", "easy")
    labels = {name: one.labels for name, one in known.open.items()}
    assert labels == {EVERYONE: SOME.plus(SOME).plus(OTHERS), "hard": SOME, "easy": OTHERS}
    parts = [compute_pair_gains(SOME, RULE.groups["hard"], RULE), compute_pair_gains(OTHERS, RULE.everyone, RULE)]
    one = Attribution(named=3)
    assert known.open["hard"] == one.add_batch(SOME, parts[0], RULE)
    everyone = one.add_batch(
        SOME.plus(SOME).plus(OTHERS), parts[0].plus(parts[1]).plus(compute_pair_gains(SOME, RULE.everyone, RULE)), RULE
    )
    assert list(known.open[EVERYONE].own.bets.logs) == pytest.approx(list(everyone.own.bets.logs))
    assert everyone.world.bets.log_e == pytest.approx(known.open[EVERYONE].world.bets.log_e)


def test_more_users_of_a_hard_group_are_no_change() -> None:
    """Of both versions 40 % are wrong there, which is tolerated: neither has fallen, though 25 % are wrong in all."""
    random = np.random.default_rng(1)
    questions = Attributions().begin([EVERYONE])
    for _ in range(150):
        hard, easy = random.multinomial(10, (0.45, 0.15, 0.15, 0.25)), random.multinomial(10, (0.84, 0.06, 0.06, 0.04))
        questions = add(
            questions,
            {"hard": PairedLabels.from_counts(hard.tolist()), "easy": PairedLabels.from_counts(easy.tolist())},
        )
    known = questions.open[EVERYONE]
    assert known.labels.former.wrong > 0.2 * known.labels.pairs
    assert (known.cause, known.fallen.is_shown) == (Cause.UNATTRIBUTED, False)


def test_groups_without_a_place_of_their_own_answer_together() -> None:
    """As the detector keeps them; a name that is too long is shortened in the same way."""
    long = "x" * (LONGEST_NAME + 1)
    begun = Attributions().begin([OTHER, shorten_name(long)])
    known = add(begun, {"a": SOME, "b": OTHERS, long: SOME}, shorten_name(long), "(elsewhere)")
    assert known.open[OTHER].labels == SOME.plus(OTHERS)
    assert known.open[shorten_name(long)].labels == SOME


def test_labels_that_belong_to_no_group_are_only_those_of_everyone() -> None:
    """They are not mixed with those of groups without a place."""
    known = add(Attributions().begin([EVERYONE, OTHER]), {EVERYONE: SOME})
    assert known.open[OTHER] == Attribution(named=2)
    assert known.open[EVERYONE].labels == SOME


def test_a_batch_that_answers_nothing_changes_nothing() -> None:
    """Labels of groups that nobody asks about, and batches without any label of the former version."""
    begun = Attributions().begin(["de"])
    assert add(begun, {"fr": SOME, "de": NO_PAIRS}, "de", "fr") == begun


def test_status_reads_back_exactly() -> None:
    """Also through JSON; and as many as there can be stay small."""
    questions = Attributions().begin([EVERYONE, OTHER, *(f"group-{number}" for number in range(NAMED))])
    places = [f"group-{number}" for number in range(NAMED)]
    for batch in ({"group-1": SOME, "z": OTHERS}, dict.fromkeys(places, replace(SOME, former_alone=Batch(3, 1)))):
        questions = add(questions, batch, *places)
    text = json.dumps(questions.to_status())
    assert Attributions.from_status(json.loads(text)) == questions
    assert len(text) < 32_000
    assert Attributions.from_status([]) == Attributions()


@pytest.mark.parametrize(
    "status",
    [
        [{"looks": 1}],
        [{"name": "a"}, {"name": "a"}],
        [{"name": str(number)} for number in range(NAMED + 3)],
        [{"name": "a", "named": 0}],
        ["a"],
        3,
    ],
)
def test_an_impossible_status_is_refused(status: object) -> None:
    """It was damaged: whoever reads it asks anew rather than trusting it."""
    with pytest.raises(ValueError, match=r".+"):
        Attributions.from_status(status)  # type: ignore[arg-type]
