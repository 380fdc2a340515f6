"""Labels of a promoted version, of which more are wrong from some moment on: what is simulated.

No canary and no traffic, therefore a case of its own beside `case`: what is watched after a promotion is a stream of
labels, which say of one answer each whether it was wrong.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from typing_extensions import override

from palier.simulate.label_stream import Bounds, LabelStream
from palier.simulate.scenarios import Scenario

NAME: Final = "concept-drift"
SCENARIO: Final = Scenario(
    "After a promotion more labels say that an answer was wrong (by default 20 % instead of 10 %); no canary."
)
SEGMENT: Final = "segment"
"""The group of users that becomes worse, where there is one."""
REST: Final = "rest"
"""All others."""


@dataclass(frozen=True, slots=True)
class ConceptCase(LabelStream):
    """The parameters; after the change only the segment has the other accuracy, where there is one.

    Raises:
        ValueError: a value makes no sense; the text starts with the name of the parameter.
    """

    bounds: ClassVar[Bounds] = {
        **LabelStream.bounds,
        "tolerated_accuracy": (0.01, 0.9999),
        "reference_labels": (0, 10_000_000),
        "segment_share": (0, 0.99),
        "overdispersion": (0, 0.99),
    }

    tolerated_accuracy: float | None = None
    """The accuracy that is still fine; None for the one before the change."""
    reference_labels: int = 0
    """Labels from before the stream, from which is learned what is tolerated; 0 where it is stated."""
    segment_share: float = 0.0
    """Share of the labels that belong to the segment; 0 for no segments."""
    overdispersion: float = 0.0
    """Correlation of wrong answers within a batch: its accuracy is shifted by a draw from a beta distribution."""

    @override
    def __post_init__(self) -> None:
        LabelStream.__post_init__(self)
        if self.tolerated_accuracy is not None:
            if self.reference_labels:
                raise ValueError("tolerated-accuracy: it is stated, or learned from --reference-labels")
            if self.tolerated_accuracy > self.accuracy_before:
                raise ValueError(
                    f"tolerated-accuracy: at most the accuracy before the change ({self.accuracy_before:g}), or every "
                    f"alarm would be right from the first label on, not {self.tolerated_accuracy:g}"
                )

    @property
    def tolerated_errors(self) -> float:
        """The share of wrong answers that is tolerated, where it is stated."""
        return 1 - (self.accuracy_before if self.tolerated_accuracy is None else self.tolerated_accuracy)

    @property
    def is_worse(self) -> bool:
        """Whether an alarm after the change is right."""
        return 1 - self.accuracy_after > self.tolerated_errors
