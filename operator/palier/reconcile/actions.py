"""Carries out what a pass has decided, in an order of safety, and lets no failure hide another.

What takes a weight away comes first and depends on nothing: a refused Deployment, a status that cannot be written or a
Job that is denied never keeps a bad candidate in traffic. A weight rises only after the memory of that decision is
written. Whatever fails is collected, told and tried again after a pause of its own.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from palier.errors import ClusterError, Forbidden, Invalid, InvalidSpec, LeadershipLost, PalierError

logger = logging.getLogger(__name__)

SHORTEST_PAUSE = 1.0
"""Seconds between the first time that an action is carried out and the next time with the same content."""
LONGEST_PAUSE = 30.0
"""Seconds between two such times at the most."""
LONGEST_PAUSE_DOWN = 1.0
"""The same for what takes a weight away: users suffer meanwhile."""
PASSING = 2
"""Failures in a row of an action that may well succeed at once, before people are told of them."""
LONGEST_PASS = 10.0
"""Seconds after which a pass puts off what is neither a weight that falls nor the memory."""
FORGOTTEN_AFTER = 900.0
"""Seconds after which an action that was not carried out meanwhile starts with the shortest pause again."""


class Tier(IntEnum):
    """When an action is carried out: the lower, the earlier."""

    LOWER = 0
    """Takes a weight, or the copies of a shadow, away."""
    PODS = 1
    """Makes revisions, gives them pods and marks the one that serves."""
    MEMORY = 2
    """Writes the status."""
    RAISE = 3
    """Gives a weight, or copies, to a revision: needs the memory."""
    WORK = 4
    """Jobs, shadow proxies, policies: what tries a candidate and what goes along with it."""
    REMOVE = 5
    """Deletes what nothing needs any more."""


_NEVER_PUT_OFF = frozenset({Tier.LOWER, Tier.MEMORY})


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a pass wants done."""

    tier: Tier
    name: str
    """Names it among the actions of its object, for the pause between two tries."""
    run: Callable[[], Awaitable[ClusterError | None]]
    """Does it; returns what the API server denied although nothing depends on it."""
    content: str = ""
    """What is written: another content is tried at once."""
    lowers: bool = False
    """Whether a revision loses weight by it: users suffer until then, so that its pauses stay short."""
    vital: bool = True
    """Whether the release cannot go on without it."""
    repeated: bool = False
    """Whether every pass carries it out and it writes nothing where nothing differs: only a failure makes it wait."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An action that was not carried out."""

    action: Action
    error: PalierError
    vital: bool = True
    """Whether the release cannot go on without it; what was only denied on the side is not."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the actions of a pass."""

    done: tuple[str, ...] = ()
    """Names of those that were carried out."""
    failures: tuple[Failure, ...] = ()
    again_in: float | None = None
    """Seconds until the next one may be tried again; None where none waits."""

    def has_failed(self, tier: Tier) -> bool:
        """Whether an action of a tier was not carried out."""
        return any(failure.action.tier is tier for failure in self.failures)


@dataclass(slots=True)
class _Tried:
    """How often an action was carried out with the same content, and how that ended."""

    content: str
    times: int
    at: float
    failure: Failure | None


@dataclass(slots=True)
class Attempts:
    """What was tried of one object: the same content is tried again and again only after longer and longer pauses."""

    _tried: dict[str, _Tried] = field(default_factory=dict)

    def pause(self, action: Action, *, now: float) -> float:
        """Seconds for which an action has to wait; 0 where it may be tried now."""
        known = self._tried.get(action.name)
        if known is None or known.content != action.content or now - known.at > FORGOTTEN_AFTER or now < known.at:
            return 0.0
        passes = known.failure is not None and not is_lasting(known.failure.error)
        if passes and (known.times < PASSING or action.tier is Tier.LOWER):
            return 0.0  # it may well succeed at once
        longest = LONGEST_PAUSE_DOWN if action.lowers else LONGEST_PAUSE
        # Trying once more is right away: somebody may have undone it.
        pause = 0.0 if known.times == 1 and known.failure is None else SHORTEST_PAUSE * 2.0 ** min(known.times - 1, 30)
        return max(0.0, known.at + min(pause, longest) - now)

    def is_passing(self, failure: Failure) -> bool:
        """Whether a failure is too new to be told: it may well be over at once."""
        known = self._tried.get(failure.action.name)
        return not is_lasting(failure.error) and (known is None or known.times < PASSING)

    def last_failure(self, action: Action) -> Failure | None:
        """How the last try failed, for one that has to wait; None where it did not."""
        known = self._tried.get(action.name)
        return known.failure if known and known.content == action.content else None

    def note(self, action: Action, failure: Failure | None, *, now: float) -> None:
        """An action has been tried."""
        if failure is None and action.repeated:
            self._tried.pop(action.name, None)
            return
        self._tried = {name: one for name, one in self._tried.items() if now - one.at <= FORGOTTEN_AFTER}
        known = self._tried.get(action.name)
        anew = known is None or known.content != action.content or now - known.at > FORGOTTEN_AFTER
        times = 1 if anew or known is None else known.times + 1
        self._tried[action.name] = _Tried(action.content, times, now, failure)


async def carry_out(actions: Iterable[Action], attempts: Attempts, *, clock: Callable[[], float]) -> Outcomes:
    """Carry out the actions of a pass in the order of their tiers.

    Args:
        actions: all of them; those of one tier keep their order.
        attempts: what was tried of this object before; it is brought up to date.
        clock: seconds that only ever grow.

    Raises:
        LeadershipLost: this process may not act any more.
    """
    done: list[str] = []
    failures: list[Failure] = []
    waits: list[float] = []
    began = clock()
    for action in sorted(actions, key=lambda one: one.tier):
        if action.tier is Tier.RAISE and any(failure.action.tier is Tier.MEMORY for failure in failures):
            continue  # no weight rises that a restarted operator would not remember
        if action.tier not in _NEVER_PUT_OFF and clock() - began > LONGEST_PASS:
            waits.append(SHORTEST_PAUSE)  # the API server is slow, and a breach may have to be answered meanwhile
            continue
        if (pause := attempts.pause(action, now=clock())) > 0:
            waits.append(pause)
            if known := attempts.last_failure(action):
                failures.append(known)
            continue
        failure = await _try(action)
        attempts.note(action, failure, now=clock())
        if failure is None:
            done.append(action.name)
        else:
            failures.append(failure)
            waits.append(attempts.pause(action, now=clock()))
    return Outcomes(tuple(done), tuple(failures), min(waits, default=None))


async def _try(action: Action) -> Failure | None:
    try:
        denied = await action.run()
    except LeadershipLost:
        raise
    except PalierError as error:
        return Failure(action, error, vital=action.vital)
    except Exception as error:
        # A fault of ours in one action must not keep a weight where it is.
        logger.exception("%s failed unexpectedly", action.name)
        return Failure(action, InvalidSpec("spec", f"{action.name} failed: {type(error).__name__}"))
    return Failure(action, denied, vital=False) if denied is not None else None


def is_lasting(error: PalierError) -> bool:
    """Whether the API server has answered, and trying again at once cannot help."""
    return isinstance(error, Invalid | Forbidden | InvalidSpec)


def describe_failures(failures: Iterable[Failure]) -> str:
    """All failures in one text, each sentence once."""
    told: Mapping[str, None] = dict.fromkeys(str(failure.error) for failure in failures)
    return "; ".join(told)
