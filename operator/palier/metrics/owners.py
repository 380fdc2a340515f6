"""Whose series is it? The answers of Prometheus are for the whole fleet; here each series finds its release.

An answer has tens of thousands of series, so each is placed by one look into a table, however large the fleet is: what
a pod's name says is found out once for each pod.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from palier.evidence.counters import Series, Target, Times
from palier.release.look import Watched
from palier.release.questions import Question

Key = tuple[str, str]
"""Namespace and name of a ModelDeployment."""

Sorted = dict[Target, list[tuple[str, Series]]]
"""The series of one release by target, each with its revision."""


class _Owner(NamedTuple):
    key: Key
    revision: str


class Owners:
    """Tells whose series are whose: by the name of a pod, by a `revision` label, or by the router's own label.

    A pod's own name goes first: what a label of its series says may be about somebody else. A `revision` that two
    ModelDeployments of a namespace share, because they serve the very same model, tells nothing. Neither does what a
    shadow proxy has counted by another comparison than the one that is asked for.
    """

    def __init__(self, fleet: Mapping[Key, Watched]) -> None:
        self._prefixes: dict[tuple[str, str], _Owner] = {}
        self._routed: dict[str, dict[str, _Owner]] = {}
        self._known: dict[tuple[str, ...], tuple[_Owner | None, Target]] = {}
        self._times: dict[Times, Times] = {}
        for key, watched in fleet.items():
            namespace, name = key
            for revision in (watched.candidate, watched.stable):
                if revision:
                    self._prefixes[namespace, f"{name}-{revision}"] = _Owner(key, revision)
            if router := watched.router:
                values = self._routed.setdefault(router.label, {})
                values[router.stable] = _Owner(key, watched.stable)
                values[router.candidate] = _Owner(key, watched.candidate)
        self._serving = {key: (watched.candidate, watched.stable) for key, watched in fleet.items()}
        self._comparisons = {(key[0], watched.candidate): watched.comparison for key, watched in fleet.items()}
        self._comparisons |= {(key[0], watched.stable): watched.comparison for key, watched in fleet.items()}
        self._revisions: dict[tuple[str, str], _Owner | None] = {}
        for owner in self._prefixes.values():
            named = owner.key[0], owner.revision
            self._revisions[named] = None if named in self._revisions else owner

    def sorted(self, question: Question, series: Iterable[Series]) -> dict[Key, Sorted]:
        """Series by owner and target; strangers' are left out.

        Series that were read by the same scrapes come out with the very same tuple of times.
        """
        return self._sorted(self._owner_at_router if question.of_router else self._owner, series)

    def of_proxies(self, series: Iterable[Series]) -> dict[Key, Sorted]:
        """Series of shadow proxies by owner and target, whatever they compare.

        What is compared does not matter where it only counts how often the pods were asked. Whose pods those are, the
        name of the proxy tells: a revision may be one model's candidate and another one's stable.
        """
        return self._sorted(self._owner_of_proxy, series)

    def _sorted(
        self, owner_of: Callable[[Mapping[str, str]], tuple[_Owner | None, Target]], series: Iterable[Series]
    ) -> dict[Key, Sorted]:
        found: dict[Key, Sorted] = {}
        share = self._times.setdefault
        for one in series:
            owner, target = owner_of(one.labels)
            if owner is None:
                continue
            one.times = share(one.times, one.times)
            mine = found.get(owner.key)
            if mine is None:
                mine = found[owner.key] = {}
            rows = mine.get(target)
            if rows is None:
                rows = mine[target] = []
            rows.append((owner.revision, one))
        return found

    def _owner(self, labels: Mapping[str, str]) -> tuple[_Owner | None, Target]:
        get = labels.get
        where = (get("namespace", ""), get("pod", ""), get("job", ""), get("instance", ""))
        named = (*where, get("revision", ""), get("comparison", ""))
        known = self._known.get(named)
        if known is None:
            owner = self._owner_of_pod(*where[:2]) or self._owner_of_revision(where[0], *named[4:])
            known = self._known[named] = (owner, where)
        return known

    def _owner_of_revision(self, namespace: str, revision: str, comparison: str) -> _Owner | None:
        """Who a revision belongs to; a shadow proxy that compares otherwise than is asked for now counts for nobody."""
        if comparison and comparison != self._comparisons.get((namespace, revision)):
            return None
        return self._revisions.get((namespace, revision))

    def _owner_at_router(self, labels: Mapping[str, str]) -> tuple[_Owner | None, Target]:
        get = labels.get
        for label, owners in self._routed.items():
            if owner := owners.get(get(label, "")):
                return owner, (get("namespace", ""), get("pod", ""), get("job", ""), get("instance", ""))
        return None, ()

    def _owner_of_proxy(self, labels: Mapping[str, str]) -> tuple[_Owner | None, Target]:
        get = labels.get
        namespace, pod, revision = get("namespace", ""), get("pod", ""), get("revision", "")
        target = (namespace, pod, get("job", ""), get("instance", ""))
        # Its Deployment is named shadow-<ModelDeployment>-<digest>: the longest name is the right one.
        first, *parts = pod.split("-")
        for length in range(len(parts) - 1 if first == "shadow" else 0, 0, -1):
            key = (namespace, "-".join(parts[:length]))
            if key in self._serving:
                return (_Owner(key, revision) if revision in self._serving[key] else None), target
        return None, target

    def _owner_of_pod(self, namespace: str, pod: str) -> _Owner | None:
        # A pod is named <Deployment>-<ReplicaSet's hash>-<suffix>, shortened when that is too long: try each dash.
        parts = pod.split("-")
        for length in range(len(parts) - 1, 1, -1):
            if owner := self._prefixes.get((namespace, "-".join(parts[:length]))):
                return owner
        return None
