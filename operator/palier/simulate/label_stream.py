"""A stream of labels of a promoted version, of which more are wrong from some moment on: what its scenarios share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

Bounds = Mapping[str, tuple[float, float]]

_LARGEST: Final = 0.1
"""Share of the labels of a false alarm that a batch has at most, as of `palier.watch.edetector`."""


@dataclass(frozen=True, slots=True)
class LabelStream:
    """The parameters that a case has whatever is asked of the labels; shares lie between 0 and 1.

    Raises:
        ValueError: a value makes no sense; the text starts with the name of the parameter.
    """

    bounds: ClassVar[Bounds] = {
        "accuracy_before": (0.01, 0.9999),
        "accuracy_after": (0, 1),
        "labels": (1, 10_000_000),
        "batch": (1, 1_000_000),
        "labels_per_hour": (0.001, 1e9),
        "run_length": (10, 1e9),
    }
    """What each number may be."""

    accuracy_before: float = 0.9
    """Share of the labels that say that an answer was right, before the change."""
    accuracy_after: float = 0.8
    """The same of the present version after it."""
    labels: int = 10_000
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
        for name, (low, high) in self.bounds.items():
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
