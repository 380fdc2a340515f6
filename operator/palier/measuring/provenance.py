"""Whether counts would be added that were told twice, or of another cluster.

Behind one query address there may be several clusters, several tenants, or two servers that scrape the same pods. Their
series differ only in labels that no objective knows. A metric's own labels (`code`, `le`) split a counter into parts
that belong together; the labels of where a series comes from do not. They are told apart by `up`, which Prometheus
itself writes for every target: it has all labels of the target and of the server, and none of a metric's own.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from palier.evidence.counters import Series
from palier.measuring.interval import Answer
from palier.measuring.look import WatchedRelease
from palier.measuring.questions import Question, questions
from palier.measuring.sources import Origin

OF_SERVERS: Final = frozenset(
    {
        *("cluster", "cluster_id", "cluster_name", "k8s_cluster", "k8s_cluster_name", "kubernetes_cluster"),
        *("prometheus", "prometheus_replica", "prometheus_server", "__replica__", "receive_replica", "rule_replica"),
        *("tenant_id", "__tenant_id__", "datacenter", "vm_account_id", "vm_project_id"),
    }
)
"""Labels that name a cluster, a server or a tenant wherever they are seen."""

_OF_PODS: Final = frozenset(
    {
        *("__name__", "namespace", "pod", "job", "instance", "container", "endpoint", "service", "metrics_path"),
        *("node", "nodename", "host", "hostname", "ip", "uid", "zone", "port", "path", "scheme", "address", "phase"),
        *("container_name", "kubernetes_pod_name", "kubernetes_node", "instance_id", "availability_zone"),
    }
)
_ENDS: Final = re.compile(
    r"(__)?(pod|node|host|container|topology|scrape|instance|kubernetes_(pod|node|io)|beta_kubernetes)_.*"
    r"|.*_(ip|uid|hash|hostname|node|zone)|.*_kubernetes_io_.*"
)
"""Labels that differ between the pods of one revision in one cluster, because pods, nodes and ports do."""


def of_several_servers(
    answers: Mapping[Question, Answer],
    scraped: Answer,
    watched: WatchedRelease,
    *,
    pod_labels: frozenset[str] = frozenset(),
) -> dict[tuple[Question, str], str]:
    """Why series cannot be added, by question and revision; empty where all is clear.

    The pods of one revision have the same labels, so that a label of `up` in which they differ within one job names
    where a series comes from, unless it is one of those in which pods and nodes differ. Between revisions and jobs, and
    for series of targets whose `up` is not known, only labels count that name clusters and servers wherever they are.

    Args:
        answers: one release's series by question.
        scraped: the `up` series of its pods.
        watched: the release.
        pod_labels: more labels that may differ between the pods of one revision.
    """
    unclear: dict[tuple[Question, str], str] = {}
    revisions = (watched.candidate, watched.stable)
    if reasons := _among_pods(scraped, revisions, pod_labels):
        of_pods = (one for one in watched.objectives if one.origin in {Origin.PODS, Origin.ELSEWHERE})
        for question in {question for objective in of_pods for question in questions(objective)}:
            unclear.update({(question, revision): reason for revision, reason in reasons.items()})
    named = OF_SERVERS - pod_labels if pod_labels else OF_SERVERS
    for question, answer in answers.items():
        rows = [row for target, rows in answer.items() if target not in scraped for row in rows]
        suspicious = {name for _, one in rows for name in named & one.labels.keys()}
        if not suspicious:
            continue
        label, values = _find_differing((one for _, one in rows), suspicious - _known_labels(watched))
        if label:
            for revision in {revision for revision, _ in rows}:
                unclear.setdefault((question, revision), _reason(question.selector, label, values))
    return unclear


def _known_labels(watched: WatchedRelease) -> frozenset[str]:
    """Labels that somebody has named: the router's, by which backends are told apart, and those of segments."""
    router = {watched.router.label} if watched.router else set()
    return frozenset(router | {objective.segment_by for objective in watched.objectives if objective.segment_by})


def _among_pods(scraped: Answer, revisions: tuple[str, str], pod_labels: frozenset[str]) -> dict[str, str]:
    """By revision the reason why its pods are not those of one cluster, told once by one server."""
    if all(one.labels.keys() <= _OF_PODS for rows in scraped.values() for _, one in rows):
        return {}  # so it is mostly, and for a large fleet it has to be known quickly
    rows = [(target[2] if len(target) > 2 else "", *row) for target, rows in scraped.items() for row in rows]  # noqa: PLR2004
    if len(rows) < 2:  # noqa: PLR2004 - with one, nothing can differ
        return {}
    names = {name for _, _, one in rows for name in one.labels} - _OF_PODS - pod_labels
    label, values = _find_differing((one for _, _, one in rows), names & OF_SERVERS)
    if label:
        return dict.fromkeys(revisions, _reason("the pods' series", label, values))
    unknown = {name for name in names - OF_SERVERS if not _ENDS.fullmatch(name)}
    found = {}
    for revision in revisions:
        for job in sorted({job for job, owner, _ in rows if owner == revision}):
            mine = [one for of, owner, one in rows if (of, owner) == (job, revision)]
            label, values = _find_differing(mine, unknown, present_only=False)
            if label:
                found[revision] = _reason(f"the series of {revision}", label, values)
                break
    return found


def _find_differing(
    series: Iterable[Series], labels: Iterable[str], *, present_only: bool = True
) -> tuple[str, tuple[str, ...]]:
    """The first label, by name, that has several values, and these; "" where there is none."""
    every = [one.labels for one in series]
    for label in sorted(labels):
        values = {one.get(label, "") for one in every}
        if present_only:
            values.discard("")
        if len(values) > 1:
            return label, tuple(sorted(values))
    return "", ()


def _reason(what: str, label: str, values: tuple[str, ...]) -> str:
    shown = ", ".join(f'"{value}"' for value in values[:3]) + (", …" if len(values) > 3 else "")  # noqa: PLR2004
    return (
        f"{what} differ in the label {label} ({shown}), so that events of another cluster would be added or counted "
        f"twice: choose one with prometheus.matchers, such as {label}={values[-1]!r}, or have the server deduplicate"
    ).replace("'", '"')
