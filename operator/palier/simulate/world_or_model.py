"""A promoted version of which more answers are wrong, and a former version that answers a part of its requests: a case.

After a change each of the two has a share of right answers of its own. The question is what an alarm about the present
version is put down to.
"""

from dataclasses import dataclass
from typing import Final

from palier.simulate.scenarios import Scenario

NAME: Final = "world-or-model"
SCENARIO: Final = Scenario(
    "After a promotion more answers are wrong; the former version answers some requests, and tells why; no canary."
)


@dataclass(frozen=True, slots=True)
class AttributionCase:
    """The parameters; shares lie between 0 and 1.

    Raises:
        ValueError: a value makes no sense; the text starts with the name of the parameter.
    """

    accuracy_before: float = 0.9
    """Share of the labels that say that an answer was right, before the change, of both versions."""
    accuracy_after: float = 0.8
    """The same of the present version after it."""
    former_accuracy_after: float | None = None
    """The same of the former version after the change; None for as much as the present one: the world has changed."""
    copied: float = 1.0
    """Share of the requests that the former version answers as well; all labels of these are pairs."""
    shared_mistakes: float = 0.3
    """Correlation of the mistakes of both versions on one request: some requests are hard for both."""
    labels: int = 2000
    """Of one stream, before and after the change."""
    change_at: int | None = None
    """How many labels come before the change; None for half of them."""
    batch: int = 10
    """Labels that are read together."""
    labels_per_hour: float = 10.0
    run_length: float = 10_000.0
    """Labels to a false alarm, on average and at least."""

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

    @property
    def change(self) -> int:
        """How many labels come before the change."""
        return self.labels // 2 if self.change_at is None else self.change_at

    @property
    def former(self) -> float:
        """The share of right answers of the former version after the change."""
        return self.accuracy_after if self.former_accuracy_after is None else self.former_accuracy_after


_LARGEST = 0.1
_BOUNDS = {
    "accuracy_before": (0.01, 0.9999),
    "accuracy_after": (0, 1),
    "former_accuracy_after": (0, 1),
    "copied": (0, 1),
    "shared_mistakes": (0, 1),
    "labels": (1, 10_000_000),
    "batch": (1, 1_000_000),
    "labels_per_hour": (0.001, 1e9),
    "run_length": (10, 1e9),
}
"""What each number may be."""
