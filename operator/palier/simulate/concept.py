"""Labels of a promoted version, of which more are wrong from some moment on: what is simulated.

No canary and no traffic, therefore a case of its own beside `case`: what is watched after a promotion is a stream of
labels, which say of one answer each whether it was wrong.
"""

from dataclasses import dataclass
from typing import Final

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
class ConceptCase:
    """The parameters; shares lie between 0 and 1.

    Raises:
        ValueError: a value makes no sense; the text starts with the name of the parameter.
    """

    accuracy_before: float = 0.9
    """Share of the labels that say that an answer was right, before the change."""
    accuracy_after: float = 0.8
    """The same after it; in the segment only, where there is one."""
    labels: int = 10_000
    """Of one stream, before and after the change."""
    change_at: int | None = None
    """How many labels come before the change; None for half of them."""
    batch: int = 10
    """Labels that are read together."""
    labels_per_hour: float = 10.0
    tolerated_accuracy: float | None = None
    """The accuracy that is still fine; None for the one before the change."""
    reference_labels: int = 0
    """Labels from before the stream, from which is learned what is tolerated; 0 where it is stated."""
    run_length: float = 10_000.0
    """Labels to a false alarm, on average and at least."""
    segment_share: float = 0.0
    """Share of the labels that belong to the segment; 0 for no segments."""
    overdispersion: float = 0.0
    """Correlation of wrong answers within a batch: its accuracy is shifted by a draw from a beta distribution."""

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        for name, (low, high) in _BOUNDS.items():
            number = getattr(self, name)
            if number is not None and not low <= number <= high:
                raise ValueError(f"{name.replace('_', '-')}: from {low:g} to {high:g}, not {number:g}")
        if self.change_at is not None and not 0 <= self.change_at < self.labels:
            raise ValueError(f"change-at: from 0 to {self.labels - 1}, before the last label, not {self.change_at}")
        if self.batch > _LARGEST * self.run_length:
            raise ValueError(
                f"batch: at most a tenth of the {self.run_length:g} labels of a false alarm, not {self.batch}"
            )
        if self.tolerated_accuracy is not None:
            if self.reference_labels:
                raise ValueError("tolerated-accuracy: it is stated, or learned from --reference-labels")
            if self.tolerated_accuracy > self.accuracy_before:
                raise ValueError(
                    f"tolerated-accuracy: at most the accuracy before the change ({self.accuracy_before:g}), or every "
                    f"alarm would be right from the first label on, not {self.tolerated_accuracy:g}"
                )

    @property
    def change(self) -> int:
        """How many labels come before the change."""
        return self.labels // 2 if self.change_at is None else self.change_at

    @property
    def tolerated_errors(self) -> float:
        """The share of wrong answers that is tolerated, where it is stated."""
        return 1 - (self.accuracy_before if self.tolerated_accuracy is None else self.tolerated_accuracy)

    @property
    def is_worse(self) -> bool:
        """Whether an alarm after the change is right."""
        return 1 - self.accuracy_after > self.tolerated_errors


_LARGEST = 0.1
_BOUNDS = {
    "accuracy_before": (0.01, 0.9999),
    "accuracy_after": (0, 1),
    "labels": (1, 10_000_000),
    "batch": (1, 1_000_000),
    "labels_per_hour": (0.001, 1e9),
    "tolerated_accuracy": (0.01, 0.9999),
    "reference_labels": (0, 10_000_000),
    "run_length": (10, 1e9),
    "segment_share": (0, 0.99),
    "overdispersion": (0, 0.99),
}
"""What each number may be."""
