"""Reads from the cache what one decision needs to know; asks the API server nothing."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from palier.api.constants import (
    ANNOTATION_ABORT,
    ANNOTATION_ENDING,
    ANNOTATION_FIX,
    ANNOTATION_MARK,
    ANNOTATION_PROMOTE,
    ANNOTATION_RETRY,
    ANNOTATION_STABLE,
    LABEL_DEPLOYMENT,
    LABEL_REVISION,
)
from palier.api.v1alpha1 import Gateway, ModelDeployment, ParentRef
from palier.cluster.indices import SERVICE_NAME
from palier.cluster.inputs import SpecInputs
from palier.cluster.ownership import find_owned
from palier.cluster.store import Store
from palier.manifests.metadata import child_name, owned_by, tell_owner
from palier.manifests.traffic import route_positions, route_weights
from palier.release.memory import read_revision
from palier.release.observation import MeasuredEvidence, Observation, Requests, RevisionFacts, RouteEnding, RouteFacts
from palier.release.standing import tell_gone
from palier.release.state import Ending, Result, RevisionRef, State

NOTHING: Mapping[str, str] = MappingProxyType({})

REQUESTS = {"abort": ANNOTATION_ABORT, "promote": ANNOTATION_PROMOTE, "retry": ANNOTATION_RETRY}


def observe(
    store: Store,
    deployment: ModelDeployment,
    state: State,
    *,
    inputs: SpecInputs,
    measured: MeasuredEvidence,
    troubles: Mapping[str, str],
    unexplained: Mapping[str, str] = NOTHING,
    steered_for: float = math.inf,
) -> Observation:
    """What is there now.

    Args:
        store: the cache.
        deployment: the spec.
        state: the memory.
        inputs: what the spec asks for.
        measured: the evidence of the release in progress.
        troubles: why pods are not ready, by revision, where that was looked up.
        unexplained: why it could not be looked up, by revision.
        steered_for: seconds since Palier last wrote the route; infinite when this operator has not yet.
    """
    demanded = [state.stable.revision] if state.stable else []
    if state.candidate and state.release and state.release.has_met_users:
        demanded.append(state.candidate.revision)
    revisions = revision_facts(store, deployment, troubles, unexplained, demanded=demanded)
    gateway = deployment.spec.traffic.gateway
    route = (
        replace(_gateway_route(store, deployment, gateway), unchanged_for=steered_for)
        if gateway
        else _front_service(store, deployment, state, revisions)
    )
    return Observation(
        revision=inputs.revision,
        revisions=revisions,
        route=route,
        measured=measured,
        requests=_requests(store, deployment),
        options=inputs.options,
        unreadable=inputs.unreadable,
    )


def revision_facts(
    store: Store,
    deployment: ModelDeployment,
    troubles: Mapping[str, str],
    unexplained: Mapping[str, str] = NOTHING,
    *,
    demanded: Iterable[str] = (),
) -> dict[str, RevisionFacts]:
    """Facts of every revision that has a Deployment or a Service, and of those that have to have one."""
    namespace, name = deployment.metadata.namespace, deployment.metadata.name
    facts = {}
    for workload in store.list("Deployment", namespace, {LABEL_DEPLOYMENT: name}):
        revision = workload["metadata"]["labels"].get(LABEL_REVISION)
        if not revision or not owned_by(deployment, workload) or workload["metadata"].get("deletionTimestamp"):
            continue
        child, status = child_name(deployment, revision), workload.get("status", {})
        failure = _replica_failure(status)
        service = find_owned(store, deployment, "Service", child)
        gone = tell_gone(child, workload=True, service=service is not None)
        facts[revision] = RevisionFacts(
            exists=service is not None,
            replicas=int(workload["spec"].get("replicas", 1)),
            available=int(status.get("availableReplicas", 0)),
            endpoints=len(ready_addresses(store, namespace, child)),
            pods=int(status.get("replicas", 0)),
            trouble=failure or gone or troubles.get(revision, ""),
            unexplained="" if failure else unexplained.get(revision, ""),
            mark=_mark(workload, revision),
            port=_port(service),
        )
    for service in store.list("Service", namespace, {LABEL_DEPLOYMENT: name}):
        revision = service["metadata"]["labels"].get(LABEL_REVISION)
        if not revision or revision in facts or not owned_by(deployment, service):
            continue
        # Somebody has deleted its Deployment: what is left of it is known, so that it goes in the end as well.
        gone = tell_gone(child_name(deployment, revision), workload=False, service=True)
        facts[revision] = RevisionFacts(trouble=gone, port=_port(service))
    for revision in demanded:
        if revision not in facts:
            child = child_name(deployment, revision)
            there = find_owned(store, deployment, "Service", child) is not None
            facts[revision] = RevisionFacts(trouble=tell_gone(child, workload=False, service=there))
    return facts


def _port(service: Mapping[str, Any] | None) -> int:
    return int(service["spec"]["ports"][0]["port"]) if service else 0


def _mark(workload: Mapping[str, Any], revision: str) -> RevisionRef | None:
    """What the mark of a Deployment tells of its revision; None where there is none that can be read."""
    text = (workload["metadata"].get("annotations") or {}).get(ANNOTATION_MARK)
    try:
        mark = read_revision(json.loads(text)) if text else None
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError):
        return None
    return mark if mark and mark.revision == revision else None


def _read_ending(route: Mapping[str, Any]) -> RouteEnding | None:
    """The end of a release that a route remembers; None where it remembers none that can be read."""
    text = (route["metadata"].get("annotations") or {}).get(ANNOTATION_ENDING)
    try:
        known = json.loads(text) if text else None
        if not known:
            return None
        ending = Ending(Result(known["result"]), str(known["reason"]), str(known["message"]))
        return RouteEnding(str(known["request"]), ending)
    except (LookupError, TypeError, ValueError, AttributeError):
        return None


def ready_addresses(store: Store, namespace: str, service: str) -> frozenset[str]:
    """The addresses of the ready pods behind a Service."""
    return frozenset(
        address
        for part in store.list("EndpointSlice", namespace, {SERVICE_NAME: service})
        for endpoint in part.get("endpoints") or ()
        if endpoint.get("conditions", {}).get("ready", True)
        for address in endpoint.get("addresses", ())
    )


def _replica_failure(status: Mapping[str, Any]) -> str:
    """Pods that cannot even be created (quota, admission) are told by the Deployment itself."""
    for condition in status.get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return str(condition.get("message", ""))
    return ""


def _requests(store: Store, deployment: ModelDeployment) -> Requests:
    meta = deployment.metadata
    requested = {name: meta.annotations.get(annotation, "") for name, annotation in REQUESTS.items()}
    writers = {
        name: writer.manager
        for name, annotation in REQUESTS.items()
        if requested[name] and (writer := store.who_wrote(meta.namespace, meta.name, annotation))
    }
    return Requests(
        **requested,
        stable=meta.annotations.get(ANNOTATION_STABLE, ""),
        fix=meta.annotations.get(ANNOTATION_FIX, ""),
        by=writers,
    )


def _front_service(
    store: Store, deployment: ModelDeployment, state: State, revisions: Mapping[str, RevisionFacts]
) -> RouteFacts:
    """Without a gateway: the front Service's selector and the ready pods behind it make the split."""
    service = store.get("Service", deployment.metadata.namespace, deployment.metadata.name)
    if service is None:
        return RouteFacts()
    if not owned_by(deployment, service):
        return RouteFacts(exists=True, conflict=tell_owner(deployment, service))
    only = service["spec"].get("selector", {}).get(LABEL_REVISION)
    behind = len(ready_addresses(store, deployment.metadata.namespace, deployment.metadata.name))
    if only:
        # Its endpoints follow its selector a moment later; only then do users reach the revision.
        reached = behind > 0 and behind == revisions.get(only, RevisionFacts()).endpoints
        return RouteFacts(exists=True, ours=True, weights={only: 100}, accepted=reached, serving=behind > 0)
    stable, candidate = (
        revisions.get(reference.revision, RevisionFacts()).endpoints if reference else 0
        for reference in (state.stable, state.candidate)
    )
    if not state.stable or not state.candidate or not stable + candidate:
        return RouteFacts(exists=True, ours=True, accepted=behind > 0, serving=behind > 0)
    share = round(100 * candidate / (stable + candidate))
    share = min(max(share, 1 if candidate else 0), 99 if stable else 100)
    weights = {state.stable.revision: 100 - share, state.candidate.revision: share}
    reached = behind == stable + candidate
    return RouteFacts(exists=True, ours=True, weights=weights, accepted=reached, serving=behind > 0)


def _gateway_route(store: Store, deployment: ModelDeployment, gateway: Gateway) -> RouteFacts:
    namespace, name = deployment.metadata.namespace, deployment.metadata.name
    route = store.get("HTTPRoute", namespace, name)
    if route is not None and not owned_by(deployment, route):
        return RouteFacts(exists=True, conflict=tell_owner(deployment, route))
    conflict = _taken_hostname(store, deployment, gateway, ours=route)
    if route is None:
        return RouteFacts(conflict=conflict)
    accepted, serving, problem = acceptance(route, gateway, namespace=namespace)
    return RouteFacts(
        exists=True,
        ours=True,
        weights=route_weights(deployment, route),
        accepted=accepted,
        serving=serving,
        problem=problem,
        conflict=conflict,
        positions=route_positions(deployment, route),
        ending=_read_ending(route),
    )


def acceptance(route: Mapping[str, Any], gateway: Gateway, *, namespace: str) -> tuple[bool, bool, str]:
    """Whether every Gateway accepted the present generation, whether any earlier one is in force, and what is wrong."""
    generation = int(route["metadata"].get("generation", 0))
    answers = route.get("status", {}).get("parents", ())
    accepted = serving = True
    for parent in gateway.parent_refs:
        mine = [answer for answer in answers if _same_parent(answer.get("parentRef", {}), parent, namespace=namespace)]
        found = {c["type"]: c for answer in mine for c in answer.get("conditions", ())}
        for kind in ("Accepted", "ResolvedRefs"):
            condition = found.get(kind)
            if condition is None:
                accepted = serving = False
                continue
            current = int(condition.get("observedGeneration", 0)) >= generation
            if condition["status"] != "True":
                if current:
                    named = f"{parent.namespace or namespace}/{parent.name}"
                    text = f"Gateway {named} says {condition.get('reason')}: {condition.get('message', '')}"
                    return False, False, text
                serving = False
            accepted = accepted and current and condition["status"] == "True"
    return accepted, serving, ""


def _same_parent(answer: Mapping[str, Any], parent: ParentRef, *, namespace: str) -> bool:
    return (
        answer.get("name") == parent.name
        and answer.get("namespace", namespace) == (parent.namespace or namespace)
        and answer.get("sectionName") == parent.section_name
    )


def _taken_hostname(
    store: Store, deployment: ModelDeployment, gateway: Gateway, *, ours: Mapping[str, Any] | None
) -> str:
    """An older route for the same host on the same Gateway gets all its traffic, whatever ours says."""
    meta = deployment.metadata
    born = ours["metadata"].get("creationTimestamp", "") if ours else "9"
    listeners = {
        (parent.namespace or meta.namespace, parent.name, parent.section_name) for parent in gateway.parent_refs
    }
    wanted = set(gateway.hostnames)
    for other in store.list_routes_of(wanted):
        theirs = other["metadata"]
        if (theirs["namespace"], theirs["name"]) == (meta.namespace, meta.name):
            continue
        if (theirs.get("creationTimestamp", ""), theirs["namespace"], theirs["name"]) > (
            born,
            meta.namespace,
            meta.name,
        ):
            continue
        shared = wanted & set(other["spec"].get("hostnames") or ())
        if _shares_a_listener(other, listeners) and _takes_everything(other):
            host = ", ".join(sorted(shared)) or "every host"
            return f"{host} is taken by the older HTTPRoute {theirs['namespace']}/{theirs['name']}"
    return ""


def _shares_a_listener(route: Mapping[str, Any], listeners: set[tuple[str, str, str | None]]) -> bool:
    """Whether a route is attached where ours is; one that the Gateway refused takes nothing."""
    own = route["metadata"]["namespace"]
    refused = {
        _listener(answer.get("parentRef", {}), own)
        for answer in route.get("status", {}).get("parents", ())
        for condition in answer.get("conditions", ())
        if condition["type"] == "Accepted" and condition["status"] == "False"
    }
    for reference in route["spec"].get("parentRefs", ()):
        theirs = _listener(reference, own)
        if theirs not in refused and any(
            theirs[:2] == ours[:2] and (None in {theirs[2], ours[2]} or theirs[2] == ours[2]) for ours in listeners
        ):
            return True
    return False


def _listener(reference: Mapping[str, Any], namespace: str) -> tuple[str, str, str | None]:
    return reference.get("namespace", namespace), reference.get("name", ""), reference.get("sectionName")


def _takes_everything(route: Mapping[str, Any]) -> bool:
    """Whether a rule of the route matches every path, as ours does."""
    for rule in route["spec"].get("rules", ()):
        for match in rule.get("matches") or ({"path": {"type": "PathPrefix", "value": "/"}},):
            path = match.get("path", {"type": "PathPrefix", "value": "/"})
            if set(match) <= {"path"} and path.get("type") == "PathPrefix" and path.get("value") == "/":
                return True
    return False
