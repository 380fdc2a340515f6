"""A promoted version of which more answers are wrong, and a former version that answers a part of its requests: a case.

After a change each of the two has a share of right answers of its own. The question is what an alarm about the present
version is put down to.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from palier.simulate.label_stream import Bounds, LabelStream
from palier.simulate.scenarios import Scenario

NAME: Final = "world-or-model"
SCENARIO: Final = Scenario(
    "After a promotion more answers are wrong; the former version answers some requests, and tells why; no canary."
)


@dataclass(frozen=True, slots=True)
class AttributionCase(LabelStream):
    """The parameters; before the change both versions have the same accuracy.

    Raises:
        ValueError: a value makes no sense; the text starts with the name of the parameter.
    """

    bounds: ClassVar[Bounds] = {
        **LabelStream.bounds,
        "former_accuracy_after": (0, 1),
        "copied": (0, 1),
        "shared_mistakes": (0, 1),
    }

    labels: int = 2000
    """Of one stream, before and after the change."""
    former_accuracy_after: float | None = None
    """The share of right answers of the former version after the change; None for as much as the present one: the world
    has changed."""
    copied: float = 1.0
    """Share of the requests that the former version answers as well; all labels of these are pairs."""
    shared_mistakes: float = 0.3
    """Correlation of the mistakes of both versions on one request: some requests are hard for both."""

    @property
    def former(self) -> float:
        """The share of right answers of the former version after the change."""
        return self.accuracy_after if self.former_accuracy_after is None else self.former_accuracy_after
