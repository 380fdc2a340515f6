"""Outcomes are handed on in the order in which their requests were taken."""

import random

from hypothesis import given
from hypothesis import strategies as st

from palier.workers.shadow.turns import Turns


def test_whoever_hangs_holds_back_those_after_it() -> None:
    """And lets all of them go when it has ended."""
    told: list[str] = []
    turns = Turns(told.append)
    first, second, third = turns.take(), turns.take(), turns.take()
    turns.end(third, "third")
    turns.end(second, "second")
    assert (told, turns.held_requests) == ([], 2)
    turns.end(first, "first")
    assert (told, turns.held_requests) == (["first", "second", "third"], 0)


def test_many_that_end_at_once_take_the_room_of_one() -> None:
    """Behind one that hangs, without losing their number or their place."""
    told: list[str] = []
    turns = Turns(told.append)
    hanging = turns.take()
    for _ in range(1000):
        turns.pass_over("full")
    following = turns.take()
    turns.pass_over("full")
    turns.end(following, "following")
    assert (turns.held_requests, turns.held_outcomes) == (1002, 3)
    turns.end(hanging, "hanging")
    assert told == ["hanging", *["full"] * 1000, "following", "full"]
    assert (turns.held_requests, turns.held_outcomes) == (0, 0)


@given(st.lists(st.booleans(), max_size=30), st.randoms(use_true_random=False))
def test_every_outcome_is_handed_on_once_and_in_order(passed_over: list[bool], chance: random.Random) -> None:
    """In whatever order requests end."""
    told: list[str] = []
    turns = Turns(told.append)
    under_way: list[tuple[int, str]] = []
    for number, at_once in enumerate(passed_over):
        if at_once:
            turns.pass_over("full")
        else:
            under_way.append((turns.take(), str(number)))
    chance.shuffle(under_way)
    for turn, outcome in under_way:
        turns.end(turn, outcome)
    assert told == ["full" if at_once else str(number) for number, at_once in enumerate(passed_over)]
