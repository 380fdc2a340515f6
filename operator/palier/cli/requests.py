"""What people ask for from a terminal: abort, promote, retry, pause, resume.

A command writes one annotation or one field with the rights of the person who runs it, as Git or kubectl could; the
operator does the rest. It first reads where the release stands, so that a request which could have no effect is
refused at once instead of lying around until it has one.
"""

import datetime as dt
import secrets
from functools import partial
from typing import Any

from palier.api.constants import ANNOTATION_ABORT, ANNOTATION_PROMOTE, ANNOTATION_RETRY, API_VERSION, KIND
from palier.api.status.values import Result
from palier.cluster.client import KubernetesCluster, Reference
from palier.errors import NotApplicable, NotFound

MANAGER = "palier-cli"
"""Our name in `metadata.managedFields`: the operator reports it with the request."""

REFUSING = frozenset(result.value for result in Result if result.refuses)
"""Endings after which a revision is tried again only on request, as the operator itself has them."""


async def find(cluster: KubernetesCluster, namespace: str, name: str) -> dict[str, Any]:
    """The ModelDeployment.

    Raises:
        NotFound: there is none of that name.
        ClusterError: it could not be read.
    """
    body = await cluster.get(Reference(API_VERSION, KIND, namespace, name))
    if body is None:
        raise NotFound(f"there is no ModelDeployment {name} in namespace {namespace}")
    return body


async def abort(cluster: KubernetesCluster, namespace: str, name: str) -> str:
    """Have the candidate taken back; returns what to tell the person.

    Raises:
        NotApplicable: no release is in progress.
    """
    revision = await _ask_about_candidate(ANNOTATION_ABORT, cluster, namespace, name)
    return f"asked to abort the release of {revision}: its traffic returns to stable"


async def promote(cluster: KubernetesCluster, namespace: str, name: str) -> str:
    """Have the remaining stages skipped; returns what to tell the person.

    Raises:
        NotApplicable: no release is in progress.
    """
    revision = await _ask_about_candidate(ANNOTATION_PROMOTE, cluster, namespace, name)
    return f"asked to promote {revision} without its remaining stages"


async def retry(cluster: KubernetesCluster, namespace: str, name: str) -> str:
    """Have the refused revision tried again; returns what to tell the person.

    Raises:
        NotApplicable: a release is in progress, or the last one did not refuse its revision.
    """
    status = (await find(cluster, namespace, name)).get("status") or {}
    if status.get("release"):
        raise NotApplicable(f"a release of {name} is in progress ({status.get('stage')}): abort it first")
    outcome = status.get("outcome")
    if not outcome or outcome["result"] not in REFUSING:
        raise NotApplicable(f"there is nothing to retry: the last release of {name} was not taken back")
    token = f"{dt.datetime.now(dt.UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}-{secrets.token_hex(3)}"
    # An operator of version 0.1.0 would take an earlier abort or promotion of the same revision for one of the new try.
    wanted = {ANNOTATION_RETRY: token, ANNOTATION_ABORT: None, ANNOTATION_PROMOTE: None}
    await cluster.annotate(namespace, name, wanted, manager=MANAGER)
    return f"asked to try {outcome['revision']} again (last time: {outcome['result']})"


async def _set_paused(cluster: KubernetesCluster, namespace: str, name: str, *, paused: bool) -> str:
    """Have the release stay where it is, or go on; returns what to tell the person."""
    body = await find(cluster, namespace, name)
    word = "paused" if paused else "resumed"
    if bool(body["spec"].get("release", {}).get("paused")) == paused:
        return f"{name} is already {word}"
    reference = Reference(API_VERSION, KIND, namespace, name)
    await cluster.patch(reference, {"spec": {"release": {"paused": paused}}}, manager=MANAGER)
    return f"{name} is {word}"


pause, resume = partial(_set_paused, paused=True), partial(_set_paused, paused=False)
"""Have the release stay where it is, and have it go on; each returns what to tell the person."""


async def _ask_about_candidate(annotation: str, cluster: KubernetesCluster, namespace: str, name: str) -> str:
    """Annotate a request that acts on this release and on no other; returns the revision under trial.

    Raises:
        NotApplicable: there is none.
    """
    status = (await find(cluster, namespace, name)).get("status") or {}
    if not status.get("release") or not status.get("candidate"):
        raise NotApplicable(f"no release of {name} is in progress (stage: {status.get('stage', 'not looked at yet')})")
    revision, release = str(status["candidate"]["revision"]), status["release"]
    # An operator of version 0.1.0, which writes no cursor, knows requests by the revision alone.
    request = f"{revision}@{release['startedAt']}" if "cursor" in release else revision
    await cluster.annotate(namespace, name, {annotation: request}, manager=MANAGER)
    return revision
