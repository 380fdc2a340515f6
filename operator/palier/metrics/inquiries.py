"""What exactly is asked for whom: the pods of a few releases, never all that a cluster has of a metric.

A question that many releases have is asked for some of them at a time, so that an answer has a bounded size however
large the fleet is, and so that whoever makes an answer too large can be asked for apart.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from palier.evidence.counters import Series
from palier.metrics.matchers import anyone_of, narrowed, none_of
from palier.metrics.owners import Key
from palier.metrics.prometheus import MOST_SERIES
from palier.release.look import Watched
from palier.release.questions import Question
from palier.release.sources import Origin

__all__ = ["ANYBODY", "Inquiry", "Scope", "alone", "each_once", "inquiries"]

RELEASES_AT_ONCE: Final = 50
"""Releases that one question names at most."""
LONGEST_SCOPE: Final = 3500
"""Characters by which releases are named in one question at most; proxies before a server refuse URLs beyond 8 KiB."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an operator has been told about the labels of its Prometheus."""

    router_namespaces: tuple[str, ...] = ()
    """Where the gateway's proxies run; empty for what the route and the router's preset say."""
    pod_labels: frozenset[str] = frozenset()
    """Labels that may differ between the pods of one revision, beside those that are known."""
    most_series: int = MOST_SERIES
    """Series that one answer may have."""

    def applied(self, watched: Watched) -> Watched:
        """A release whose router is looked for where the operator has been told."""
        if watched.router is None or not self.router_namespaces:
            return watched
        return replace(watched, router=replace(watched.router, namespaces=self.router_namespaces))


ANYBODY: Final = Scope()


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One question for some of the releases that have it."""

    question: Question
    keys: tuple[Key, ...]
    """For whom; never empty, and each key is in one inquiry of a question only, so that nothing counts twice."""
    selectors: tuple[str, ...]
    """Vector selectors; several name different series."""

    @property
    def namespace(self) -> str:
        """The namespace of all of its releases; "" where they are in several."""
        namespaces = {namespace for namespace, _ in self.keys}
        return namespaces.pop() if len(namespaces) == 1 else ""

    @property
    def only(self) -> Key | None:
        """The only release that it is for, if there is just one."""
        return self.keys[0] if len(self.keys) == 1 else None


def inquiries(
    question: Question,
    keys: Iterable[Key],
    fleet: Mapping[Key, Watched],
    *,
    apart: Container[tuple[Question, Key]] = (),
) -> Iterator[Inquiry]:
    """Everything that has to be asked so that a question is answered for some releases.

    Args:
        question: which.
        keys: who has it.
        fleet: what is known of them.
        apart: whom to ask for alone, by question.
    """
    places: dict[tuple[str, tuple[str, ...], bool], list[Key]] = {}
    for key in sorted(keys):
        watched = fleet[key]
        if not _names(question, key, watched):
            continue  # there is nothing yet by which its series could be told from others
        label = ""
        namespaces: tuple[str, ...] = ()
        if question.of_router and watched.router is not None:
            label, namespaces = watched.router.label, watched.router.namespaces
        elsewhere = _counted_elsewhere(question, watched)
        if (question, key) in apart:
            yield _inquiry(question, (key,), fleet, elsewhere=elsewhere)
        else:
            places.setdefault((label, namespaces, elsewhere), []).append(key)
    for (_, _, elsewhere), same in places.items():
        for some in _chunks(question, same, fleet):
            yield _inquiry(question, some, fleet, elsewhere=elsewhere)


def each_once(answers: Sequence[list[Series]]) -> list[Series]:
    """The series of several answers without those that an earlier one has, whatever a server makes of a matcher."""
    if len(answers) == 1:
        return answers[0]
    found: dict[frozenset[tuple[str, str]], list[Series]] = {}
    for answer in answers:
        mine: dict[frozenset[tuple[str, str]], list[Series]] = {}
        for one in answer:
            mine.setdefault(frozenset(one.labels.items()), []).append(one)
        found = mine | found
    return [one for same in found.values() for one in same]


def _chunks(question: Question, keys: Sequence[Key], fleet: Mapping[Key, Watched]) -> Iterator[tuple[Key, ...]]:
    some: list[Key] = []
    length = 0
    for key in keys:
        mine = len(key[0]) + sum(len(value) + 8 for value in _names(question, key, fleet[key]))
        if some and (len(some) == RELEASES_AT_ONCE or length + mine > LONGEST_SCOPE):
            yield tuple(some)
            some, length = [], 0
        some.append(key)
        length += mine
    if some:
        yield tuple(some)


def _names(question: Question, key: Key, watched: Watched) -> list[str]:
    """By what the series of a release are known: its router's backends, or the beginnings of its pods' names."""
    if question.of_router:
        return [watched.router.stable, watched.router.candidate] if watched.router else []
    if question.of_proxy:
        return [f"shadow-{key[1]}-"]
    return [f"{key[1]}-{revision}-" for revision in _revisions(watched)]


def _revisions(watched: Watched) -> list[str]:
    return [revision for revision in (watched.candidate, watched.stable) if revision.strip("-")]


def _inquiry(question: Question, keys: tuple[Key, ...], fleet: Mapping[Key, Watched], *, elsewhere: bool) -> Inquiry:
    names = sorted({name for key in keys for name in _names(question, key, fleet[key])})
    if question.of_router:
        router = fleet[keys[0]].router
        assert router is not None  # noqa: S101 - `inquiries` has left those without one out
        where = anyone_of("namespace", router.namespaces)
        return Inquiry(question, keys, (narrowed(question.selector, where, anyone_of(router.label, names)),))
    where = anyone_of("namespace", sorted({namespace for namespace, _ in keys}))
    selectors = [narrowed(question.selector, where, anyone_of("pod", names, end=".+"))]
    if elsewhere:
        revisions = sorted({revision for key in keys for revision in _revisions(fleet[key])})
        others = none_of("pod", names, end=".+")
        selectors.append(narrowed(question.selector, where, anyone_of("revision", revisions), others))
    return Inquiry(question, keys, tuple(selectors))


def _counted_elsewhere(question: Question, watched: Watched) -> bool:
    """Whether another program may export the series, with a label `revision` instead of the pod's own name."""
    return any(
        objective.origin is Origin.ELSEWHERE and question.selector in objective.selectors
        for objective in watched.objectives
    )


def alone(inquiry: Inquiry, fleet: Mapping[Key, Watched]) -> list[Inquiry]:
    """The same question for each of its releases apart."""
    elsewhere = len(inquiry.selectors) > 1
    return [_inquiry(inquiry.question, (key,), fleet, elsewhere=elsewhere) for key in inquiry.keys]
