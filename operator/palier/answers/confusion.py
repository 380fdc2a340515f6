"""Which class the reference and the candidate gave, counted by pairs, with bounds on what is kept.

Labels come from models: a broken one can answer a new label to every request, and each pair of labels becomes a time
series. The first labels and the first pairs are kept, all later ones are one.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

OTHER: Final = "(other)"
"""The label of everything beyond the labels that are kept."""
MOST_LABELS: Final = 50
MOST_PAIRS: Final = 300
"""Different pairs of labels that are counted apart: the whole table of 17 classes."""
LONGEST_LABEL: Final = 64
"""Characters of a label."""


def bound_label(label: str) -> str:
    """A label that is short and can be written anywhere: what cannot be printed or is no Unicode becomes `?`."""
    cut = label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"
    return "".join(one if one.isprintable() else "?" for one in cut)


class Confusion:
    """A table of label pairs."""

    def __init__(self) -> None:
        self._labels: set[str] = set()
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, reference: str, candidate: str) -> tuple[str, str]:
        """Count a pair; returns it as it is kept."""
        pair = self._keep_label(reference), self._keep_label(candidate)
        if pair not in self._counts and len(self._counts) >= MOST_PAIRS:
            pair = OTHER, OTHER
        self._counts[pair] += 1
        return pair

    @property
    def counts(self) -> Mapping[tuple[str, str], int]:
        """How often each pair was seen, the reference's label first."""
        return dict(self._counts)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the table in the order of the alphabet, `OTHER` last."""
        used = {label for pair in self._counts for label in pair}
        return tuple(sorted(used, key=lambda label: (label == OTHER, label)))

    def table(self) -> Mapping[str, Mapping[str, int]]:
        """For each of the reference's labels the candidate's and how often they were seen."""
        rows: dict[str, dict[str, int]] = {}
        for (reference, candidate), count in sorted(self._counts.items()):
            rows.setdefault(reference, {})[candidate] = count
        return rows

    def _keep_label(self, label: str) -> str:
        short = bound_label(label)
        if short not in self._labels and len(self._labels) >= MOST_LABELS:
            return OTHER
        self._labels.add(short)
        return short
