"""The requests of a revision, as its pods would count them."""

from collections.abc import Mapping
from typing import Protocol


class Source(Protocol):
    """Where pods are scraped."""

    def up(self, pod: str, *, at: float) -> None:
        """A pod was scraped."""

    def add(self, selector: str, amount: float, *, at: float, **labels: str) -> None:
        """A pod has counted so many more."""


def count_in_pods(source: Source, name: str, counted: Mapping[str, int], *, at: float, pods: int) -> None:
    """Each pod gets as much of everything as the others, but for a rest that does not divide.

    Args:
        source: where they are scraped.
        name: of their Deployment.
        counted: events by selector.
        at: seconds since the epoch.
        pods: how many there are.
    """
    for number in range(pods):
        pod = f"{name}-5d8f7b-x{number}"
        source.up(pod, at=at)
        for selector, amount in counted.items():
            part, rest = divmod(amount, pods)
            source.add(selector, part + (number < rest), at=at, pod=pod, instance=pod)
