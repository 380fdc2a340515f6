"""Whose series is it? The answers of Prometheus are for the whole fleet; here each series finds its release.

An answer has tens of thousands of series, so each is placed by one look into a table, however large the fleet is: what
a pod's name says is found out once for each pod.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from operator import itemgetter
from typing import Final, NamedTuple

from palier.evidence.counters import TARGET_LABELS, Series, Target, Times
from palier.measuring.look import WatchedRelease
from palier.measuring.questions import Question

Key = tuple[str, str]
"""Namespace and name of a ModelDeployment."""

Sorted = dict[Target, list[tuple[str, Series]]]
"""The series of one release by target, each with its revision."""

NOBODY_ELSE: Final[Mapping[Key, Collection[str]]] = {}
"""Where only the releases under judgement are known."""

_PROXY: Final = re.compile(r"[0-9a-f]{10}(?:[a-z0-9]{5}|(?:-[a-z0-9]+){1,2})")
"""What follows `shadow-<ModelDeployment>-` in the name of a proxy's pod: the digest of the comparison, then what a
Deployment adds, shortened where the name is long."""


_TARGET: Final[Callable[[Mapping[str, str]], Target]] = itemgetter(*TARGET_LABELS)


class _Owner(NamedTuple):
    key: Key
    revision: str


class _Several(NamedTuple):
    """Those who may be meant by a revision that all of them have."""

    revision: str
    keys: tuple[Key, ...]


class Owners:
    """Tells whose series are whose: by the name of a pod, by a `revision` label, or by the router's own label.

    A pod's own name goes first: what a label of its series says may be about somebody else. A `revision` that two
    ModelDeployments of a namespace share, because they serve the very same model, tells nothing; see `list_unclear`.
    What a shadow proxy has counted belongs to the ModelDeployment that its pod is named after, and to nobody if it is
    about another comparison than the one that is asked for.

    Args:
        fleet: the releases that series are wanted for.
        serving: the revisions of every ModelDeployment, also of those that nobody judges now.
    """

    def __init__(
        self, fleet: Mapping[Key, WatchedRelease], *, serving: Mapping[Key, Collection[str]] = NOBODY_ELSE
    ) -> None:
        self._prefixes: dict[tuple[str, str], _Owner] = {}
        self._routed: dict[str, dict[str, _Owner]] = {}
        self._known: dict[tuple[str, ...], tuple[_Owner | _Several | None, Target]] = {}
        self._last: tuple[Target, str, tuple[_Owner | _Several | None, Target]] = (), "", (None, ())
        """The target and revision that were asked about last, and whose they are: mostly the next series' too."""
        self._times: dict[Times, Times] = {}
        self._proxies: dict[tuple[str, str], Key | None] = {}
        """By namespace and name of a proxy's pod: whose it is."""
        self._unclear: dict[Key, dict[tuple[Question, str], str]] = {}
        self._fleet = fleet
        for key, watched in fleet.items():
            if router := watched.router:
                values = self._routed.setdefault(router.label, {})
                values[router.stable] = _Owner(key, watched.stable)
                values[router.candidate] = _Owner(key, watched.candidate)
        served = {key: {watched.candidate, watched.stable} - {""} for key, watched in fleet.items()}
        for key, revisions in serving.items():
            served.setdefault(key, set()).update(revisions)
        sharing: dict[tuple[str, str], list[_Owner]] = {}
        for key, found in served.items():
            namespace, name = key
            for revision in found:
                owner = self._prefixes[namespace, f"{name}-{revision}"] = _Owner(key, revision)
                sharing.setdefault((namespace, revision), []).append(owner)
        self._revisions = {
            named: owners[0] if len(owners) == 1 else _Several(named[1], tuple(sorted(owner.key for owner in owners)))
            for named, owners in sharing.items()
        }

    def sort_series(self, question: Question, series: Iterable[Series]) -> dict[Key, Sorted]:
        """Series by owner and target; strangers' are left out.

        Series that were read by the same scrapes come out with the very same tuple of times.
        """
        if question.of_proxy:
            return self._sort_by_owner(question, self._owner_of_pairs, series)
        return self._sort_by_owner(question, self._owner_at_router if question.of_router else self._owner, series)

    def of_proxies(self, question: Question, series: Iterable[Series]) -> dict[Key, Sorted]:
        """Series of shadow proxies by owner and target, whatever they compare.

        What is compared does not matter where it only counts how often the pods were asked. Whose pods those are, the
        name of the proxy tells: a revision may be one model's candidate and another one's stable.
        """
        return self._sort_by_owner(question, self._owner_of_proxy, series)

    def list_unclear(self, key: Key) -> Mapping[tuple[Question, str], str]:
        """Questions and revisions for which there were series that may be this one's or another one's, and why."""
        return self._unclear.get(key, {})

    def _sort_by_owner(
        self,
        question: Question,
        owner_of: Callable[[Mapping[str, str]], tuple[_Owner | _Several | None, Target]],
        series: Iterable[Series],
    ) -> dict[Key, Sorted]:
        found: dict[Key, Sorted] = {}
        share = self._times.setdefault
        times: Times = ()
        shared: Times = ()
        before: tuple[_Owner | _Several | None, Target] | None = None
        rows: list[tuple[str, Series]] | None = None
        revision = ""
        for one in series:
            placed = owner_of(one.labels)
            if placed is not before:  # a server lists the series of one target one after another
                before = placed
                owner, target = placed
                rows = None
                if isinstance(owner, _Several):
                    self._leave(question, owner)
                elif owner is not None:
                    rows = found.setdefault(owner.key, {}).setdefault(target, [])
                    revision = owner.revision
            if rows is None:
                continue
            if one.times is not times:  # the series of one answer share theirs already
                times = one.times
                shared = share(times, times)
            one.times = shared
            rows.append((revision, one))
        return found

    def _leave(self, question: Question, several: _Several) -> None:
        """Say to each of several owners that there are series of this revision that nobody gets."""
        about = question, several.revision
        for key in several.keys:
            reasons = self._unclear.setdefault(key, {})
            if about in reasons:
                return  # and to the others too
            others = ", ".join(name for _, name in several.keys if name != key[1])
            has = "has" if len(several.keys) == 2 else "have"  # noqa: PLR2004 - one other
            reasons[about] = (
                f'{question.selector} with revision="{several.revision}" may belong to {others} as well, which {has}'
                f" the same revision in namespace {key[0]}"
            )

    def _owner(self, labels: Mapping[str, str]) -> tuple[_Owner | _Several | None, Target]:
        try:
            where = _TARGET(labels)
        except KeyError:
            where = tuple(labels.get(name, "") for name in TARGET_LABELS)
        revision = labels.get("revision", "")
        if where == self._last[0] and revision == self._last[1]:
            return self._last[2]
        known = self._known.get((*where, revision))
        if known is None:
            namespace, pod = where[:2]
            owner = self._owner_of_pod(namespace, pod) or self._revisions.get((namespace, revision))
            if isinstance(owner, _Owner) and owner.key not in self._fleet:
                owner = None
            known = self._known[*where, revision] = (owner, where)
        self._last = where, revision, known
        return known

    def _owner_at_router(self, labels: Mapping[str, str]) -> tuple[_Owner | None, Target]:
        get = labels.get
        for label, owners in self._routed.items():
            if owner := owners.get(get(label, "")):
                return owner, (get("namespace", ""), get("pod", ""), get("job", ""), get("instance", ""))
        return None, ()

    def _owner_of_pairs(self, labels: Mapping[str, str]) -> tuple[_Owner | None, Target]:
        owner, target = self._owner_of_proxy(labels)
        if owner is None or labels.get("comparison", "") != self._fleet[owner.key].comparison:
            return None, target
        return owner, target

    def _owner_of_proxy(self, labels: Mapping[str, str]) -> tuple[_Owner | None, Target]:
        get = labels.get
        namespace, pod, revision = get("namespace", ""), get("pod", ""), get("revision", "")
        target = (namespace, pod, get("job", ""), get("instance", ""))
        if (namespace, pod) not in self._proxies:
            self._proxies[namespace, pod] = self._named_after(namespace, pod)
        key = self._proxies[namespace, pod]
        if key is None or revision not in {self._fleet[key].candidate, self._fleet[key].stable}:
            return None, target
        return _Owner(key, revision), target

    def _named_after(self, namespace: str, pod: str) -> Key | None:
        """The ModelDeployment of a proxy's pod, whose Deployment is named shadow-<ModelDeployment>-<digest>."""
        first, *parts = pod.split("-")
        for length in range(len(parts) - 1 if first == "shadow" else 0, 0, -1):
            key = namespace, "-".join(parts[:length])
            if key in self._fleet and _PROXY.fullmatch("-".join(parts[length:])):
                return key
        return None

    def _owner_of_pod(self, namespace: str, pod: str) -> _Owner | None:
        # A pod is named <Deployment>-<ReplicaSet's hash>-<suffix>, shortened when that is too long: try each dash.
        parts = pod.split("-")
        for length in range(len(parts) - 1, 1, -1):
            if owner := self._prefixes.get((namespace, "-".join(parts[:length]))):
                return owner
        return None
