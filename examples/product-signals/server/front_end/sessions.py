"""Sessions of users, counted once: when they are so old that it is known how they went.

A session that goes well is often known to go well after a minute, and one that is abandoned only when nobody has come
back for an hour. Whoever counts each as soon as it is known, counts the good ones of a new revision first, and it looks
better than it is. So every session waits until it is `horizon` old, whatever has become of it by then.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter

GROUPS = ("new", "loyal")
OTHER = "other"
"""The group of all whose group is unknown: a label that users could choose freely would never end."""


class Outcome(StrEnum):
    """How a session went, as Palier's product signals name it."""

    RESOLVED = "resolved"
    """The first answer helped."""
    FOLLOWED_UP = "followed_up"
    """It took more than one answer."""
    ABANDONED = "abandoned"
    """Nothing helped, and the user went away."""
    HANDED_OVER = "handed_over"
    """A person had to take over."""


class Rating(StrEnum):
    """A vote."""

    UP = "up"
    DOWN = "down"


@dataclass(slots=True)
class _Session:
    revision: str
    group: str
    began: float
    answers: int = 1
    helped: bool = False
    handed_over: bool = False
    rating: Rating | None = None

    @property
    def outcome(self) -> Outcome:
        if self.handed_over:
            return Outcome.HANDED_OVER
        if not self.helped:
            return Outcome.ABANDONED
        return Outcome.RESOLVED if self.answers == 1 else Outcome.FOLLOWED_UP


class Sessions:
    """The open sessions of this process, and the counters of the closed ones.

    Args:
        horizon: seconds after its first answer at which a session is counted.
        registry: where the counters are.
        clock: seconds that only grow.
    """

    def __init__(
        self, *, horizon: float, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._horizon, self._clock = horizon, clock
        self._open: dict[str, _Session] = {}  # in the order in which they began
        by = ["revision", "customer_kind"]
        self._sessions = Counter(
            "product_sessions_total", "Sessions, at their horizon.", [*by, "outcome"], registry=registry
        )
        self._votes = Counter(
            "product_feedback_total", "Votes, at the session's horizon.", [*by, "rating"], registry=registry
        )
        self._silent = Counter("product_silent_sessions_total", "Sessions without a vote.", by, registry=registry)

    def answered(self, session: str, *, revision: str, group: str = OTHER) -> None:
        """An answer was shown; the first one decides which revision the session belongs to.

        Args:
            session: its name.
            revision: the answer's header `x-palier-revision`.
            group: of the user; `OTHER` for all that are not in `GROUPS`.
        """
        self.close()
        if known := self._open.get(session):
            known.answers += 1
            return
        group = group if group in GROUPS else OTHER
        self._open[session] = _Session(revision, group, self._clock())
        # All series of a revision begin at 0, so that its very first event is an increase.
        for outcome in Outcome:
            self._sessions.labels(revision, group, outcome)
        for rating in Rating:
            self._votes.labels(revision, group, rating)
        self._silent.labels(revision, group)

    def helped(self, session: str) -> bool:
        """The user said that it helped, or did what people do whom it helped; False for a session that is not open."""
        return self._changed(session, "helped", value=True)

    def handed_over(self, session: str) -> bool:
        """A person takes over; False for a session that is not open."""
        return self._changed(session, "handed_over", value=True)

    def voted(self, session: str, rating: Rating) -> bool:
        """The user voted, the last vote counts; False for a session that is not open."""
        return self._changed(session, "rating", value=rating)

    def close(self) -> int:
        """Count every session that is old enough; how many these were."""
        now, closed = self._clock(), 0
        for name, session in list(self._open.items()):
            if session.began + self._horizon > now:
                break
            del self._open[name]
            closed += 1
            by = session.revision, session.group
            self._sessions.labels(*by, session.outcome).inc()
            if session.rating is None:
                self._silent.labels(*by).inc()
            else:
                self._votes.labels(*by, session.rating).inc()
        return closed

    def _changed(self, session: str, what: str, *, value: object) -> bool:
        known = self._open.get(session)
        if known is None or known.began + self._horizon <= self._clock():
            return False
        setattr(known, what, value)
        return True
