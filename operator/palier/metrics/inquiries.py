"""What exactly is asked for whom: the pods of a few releases, never all that a cluster has of a metric.

A question that many releases have is asked for some of them at a time, so that an answer has a bounded size however
large the fleet is, and so that whoever makes an answer too large can be asked for apart.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple
from urllib.parse import quote_plus

from palier.evidence.counters import Series
from palier.measuring.look import WatchedRelease
from palier.measuring.matchers import anyone_of, narrow_selector, none_of
from palier.measuring.questions import Question
from palier.measuring.sources import Origin
from palier.metrics.owners import Key
from palier.metrics.prometheus import MOST_SERIES

RELEASES_AT_ONCE: Final = 100
"""Releases that one question names at most."""
LONGEST_QUESTION: Final = 7600
"""Characters that a question has at most as it stands in a URL; proxies before a server refuse URLs beyond 8 KiB."""
USUAL_SELECTOR: Final = 500
"""Characters that are kept for what is asked: only a question with a longer selector names fewer releases for it."""


_FRAME: Final = 150
"""Characters of the labels by which releases are named, and of what stands around their values."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an operator has been told about the labels of its Prometheus."""

    router_namespaces: tuple[str, ...] = ()
    """Where the gateway's proxies run; empty for what the route and the router's preset say."""
    pod_labels: frozenset[str] = frozenset()
    """Labels that may differ between the pods of one revision, beside those that are known."""
    most_series: int = MOST_SERIES
    """Series that one answer may have."""
    matchers: tuple[str, ...] = ()
    """Label matchers that every question has besides, which take room in its URL."""

    def apply(self, watched: WatchedRelease) -> WatchedRelease:
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
    def only_release(self) -> Key | None:
        """The only release that it is for, if there is just one."""
        return self.keys[0] if len(self.keys) == 1 else None


class _Kind(NamedTuple):
    """By what series are named."""

    label: str = ""
    """The label of a router's backends; "" for series of pods."""
    namespaces: tuple[str, ...] = ()
    """Where the router's proxies are."""
    of_proxy: bool = False
    elsewhere: bool = False


_PODS: Final = _Kind()
_PROXIES: Final = _Kind(of_proxy=True)
_ANYWHERE: Final = _Kind(elsewhere=True)


class Inquirer:
    """Puts a fleet's questions into words.

    Most questions are those of the same releases, so that how these are named is found out once.

    Args:
        fleet: what is known of the releases.
        matchers: label matchers that every question has besides.
    """

    def __init__(self, fleet: Mapping[Key, WatchedRelease], *, matchers: Sequence[str] = ()) -> None:
        self._fleet = fleet
        self._room = LONGEST_QUESTION - len(quote_plus(",".join(matchers)))
        self._elsewhere = {key: named for key, watched in fleet.items() if (named := _counted_elsewhere(watched))}
        self._chunked: dict[tuple[_Kind, tuple[Key, ...], int], list[tuple[Key, ...]]] = {}
        self._named: dict[tuple[_Kind, tuple[Key, ...]], tuple[str, ...]] = {}

    def inquiries(
        self, question: Question, keys: Iterable[Key], *, apart: Container[tuple[Question, Key]] = ()
    ) -> Iterator[Inquiry]:
        """Everything that has to be asked so that a question is answered for some releases.

        Args:
            question: which.
            keys: who has it.
            apart: whom to ask for alone, by question.
        """
        kinds: dict[_Kind, list[Key]] = {}
        for key in keys:
            kind = self._kind(question, key)
            if kind is None:
                continue  # there is nothing yet by which its series could be told from others
            if (question, key) in apart:
                yield self._inquiry(question, kind, (key,))
            else:
                kinds.setdefault(kind, []).append(key)
        room = self._room - max(USUAL_SELECTOR, _FRAME + len(quote_plus(question.selector)))
        for kind, same in kinds.items():
            about = kind, tuple(same), room
            if about not in self._chunked:
                self._chunked[about] = list(self._chunks(kind, sorted(same), room))
            for some in self._chunked[about]:
                yield self._inquiry(question, kind, some)

    def split_inquiry(self, inquiry: Inquiry) -> list[Inquiry]:
        """The same question for each of its releases apart."""
        found = []
        for key in inquiry.keys:
            kind = self._kind(inquiry.question, key)
            assert kind is not None  # noqa: S101 - it was asked for before
            found.append(self._inquiry(inquiry.question, kind, (key,)))
        return found

    def _kind(self, question: Question, key: Key) -> _Kind | None:
        """By what the series of a release are named; None while that is not known."""
        if question.of_router:
            router = self._fleet[key].router
            return _Kind(router.label, router.namespaces) if router else None
        if question.of_proxy:
            return _PROXIES
        return _ANYWHERE if self._elsewhere and question.selector in self._elsewhere.get(key, ()) else _PODS

    def _chunks(self, kind: _Kind, keys: Sequence[Key], room: int) -> Iterator[tuple[Key, ...]]:
        """As many releases at a time as can be named with so many characters."""
        room -= sum(map(_encoded_length, kind.namespaces))
        some: list[Key] = []
        length = 0
        for key in keys:
            named = self._names(kind, key)
            if kind.elsewhere:
                named = [*named, *_revisions(self._fleet[key])]
            mine = sum(map(_encoded_length, named))
            if not some or some[-1][0] != key[0]:  # they are in the order of their namespaces
                mine += _encoded_length(key[0])
            if some and (len(some) == RELEASES_AT_ONCE or length + mine > room):
                yield tuple(some)
                some, length = [], _encoded_length(key[0])
            some.append(key)
            length += mine
        if some:
            yield tuple(some)

    def _names(self, kind: _Kind, key: Key) -> list[str]:
        """By what the series of a release are known: its router's backends, or the beginnings of its pods' names."""
        watched = self._fleet[key]
        if kind.label:
            return [watched.router.stable, watched.router.candidate] if watched.router else []
        if kind.of_proxy:
            return [f"shadow-{key[1]}"]
        return [f"{key[1]}-{revision}" for revision in _revisions(watched)]

    def _inquiry(self, question: Question, kind: _Kind, keys: tuple[Key, ...]) -> Inquiry:
        about = kind, keys
        if about not in self._named:
            self._named[about] = self._scopes(kind, keys)
        return Inquiry(question, keys, tuple(narrow_selector(question.selector, one) for one in self._named[about]))

    def _scopes(self, kind: _Kind, keys: tuple[Key, ...]) -> tuple[str, ...]:
        """The matchers that name the series of some releases."""
        names = list(dict.fromkeys(name for key in keys for name in self._names(kind, key)))
        if kind.label:
            return (f"{anyone_of('namespace', kind.namespaces)},{anyone_of(kind.label, names)}",)
        where = anyone_of("namespace", sorted({namespace for namespace, _ in keys}))
        scopes = [f"{where},{anyone_of('pod', names, end='-.+')}"]
        if kind.elsewhere:
            revisions = dict.fromkeys(revision for key in keys for revision in _revisions(self._fleet[key]))
            others = none_of("pod", names, end="-.+")
            scopes.append(f"{where},{anyone_of('revision', revisions)},{others}")
        return tuple(scopes)


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


def _encoded_length(name: str) -> int:
    """Characters of one more name in a URL: a dot is escaped for PromQL and encoded then, as the mark between names."""
    return len(name) + 6 * name.count(".") + 2 * name.count("/") + 3


def _revisions(watched: WatchedRelease) -> list[str]:
    return [revision for revision in (watched.candidate, watched.stable) if revision.strip("-")]


def _counted_elsewhere(watched: WatchedRelease) -> frozenset[str]:
    """The selectors whose series another program may export, with a label `revision` instead of the pod's own name."""
    own = (objective for objective in watched.objectives if objective.origin is Origin.ELSEWHERE)
    return frozenset(selector for objective in own for selector in objective.selectors)
