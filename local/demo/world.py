"""What was seen of the object and its route since the story began, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.demo import timeline
from local.demo.acts import NAME
from local.demo.measuring import Weights
from local.demo.observation import Snapshot, read, route_weights
from local.demo.terminal import Line
from local.demo.watching import Seen


@dataclass
class World:
    """All that was seen of the object and its route, for the whole story."""

    snapshot: Snapshot = field(default_factory=Snapshot)
    weights: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    reasons: list[tuple[float, str, str]] = field(default_factory=list)  # of condition Ready: time, reason, message

    def take(self, seen: Seen) -> list[Line]:
        """Take in what was seen, and return what is new about it."""
        if seen.name != NAME or seen.body is None:
            return []
        if seen.plural == "httproutes":
            return self._route(seen.time, seen.body)
        before, self.snapshot = self.snapshot, read(seen.body)
        if ready := self.snapshot.conditions.get("Ready"):
            self.reasons.append((seen.time, ready.reason, ready.message))
        return timeline.changes(before, self.snapshot)

    @property
    def weight_now(self) -> Mapping[str, float]:
        """The route's weights as last seen."""
        return self.weights[-1][1] if self.weights else {}

    def weights_since(self, begin: float) -> Weights:
        """The route's weights from a moment on, beginning with those that were in force then."""
        earlier = [weights for time, weights in self.weights if time < begin]
        return [(begin, earlier[-1] if earlier else {}), *(entry for entry in self.weights if entry[0] >= begin)]

    def _route(self, moment: float, body: Mapping[str, Any]) -> list[Line]:
        before, after = dict(self.weight_now), route_weights(body, NAME)
        if before == after:
            return []
        self.weights.append((moment, after))
        return timeline.weight_changes(before, after)
