"""The order of safety in which a pass carries out its actions, with a clock that the actions themselves move."""

from palier.errors import Forbidden, Unavailable
from palier.reconcile.actions import LONGEST_PASS, Action, Attempts, Tier, carry_out


class Clock:
    """Tells the seconds that have passed."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Now."""
        return self.now


async def test_a_slow_api_server_puts_off_all_but_what_is_safe() -> None:
    """One write takes long: the memory is still written, and whatever else there is waits for the next pass."""
    clock = Clock()

    async def slow() -> None:
        clock.now += LONGEST_PASS + 5

    async def quick() -> None:
        """Take no time."""

    actions = [
        Action(Tier.WORK, "work", quick),
        Action(Tier.PODS, "slow pods", slow),
        Action(Tier.PODS, "other pods", quick),
        Action(Tier.MEMORY, "remember", quick),
        Action(Tier.LOWER, "lower", quick, lowers=True),
    ]
    outcomes = await carry_out(actions, Attempts(), clock=clock)

    assert outcomes.done == ("lower", "slow pods", "remember")
    assert outcomes.failures == ()
    assert outcomes.again_in is not None


async def test_no_weight_rises_without_the_memory() -> None:
    """The status is refused: what gives a weight is not even tried, and what takes one away is done."""
    done: list[str] = []

    async def refuse() -> None:
        raise Forbidden("no status today")

    async def do_it(name: str) -> None:
        done.append(name)

    actions = [
        Action(Tier.RAISE, "raise", lambda: do_it("raise")),
        Action(Tier.MEMORY, "remember", refuse),
        Action(Tier.LOWER, "lower", lambda: do_it("lower"), lowers=True),
    ]
    await carry_out(actions, Attempts(), clock=Clock())

    assert done == ["lower"]


async def test_what_fails_again_and_again_comes_after_pauses() -> None:
    """An API server that does not answer is not asked for the same in every pass."""
    clock, attempts, tried = Clock(), Attempts(), []

    async def fail() -> None:
        tried.append(clock.now)
        raise Unavailable("no answer")

    for _ in range(100):
        await carry_out([Action(Tier.PODS, "pods", fail)], attempts, clock=clock)
        clock.now += 1

    assert 3 <= len(tried) < 12
