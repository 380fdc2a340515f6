"""The shadow as a release knows it: the proxy that compares, and the copies that the gateway sends to it."""

from dataclasses import dataclass

from palier.api.v1alpha1 import ModelDeployment
from palier.shadow.plan import digest, plan_for


@dataclass(frozen=True, slots=True)
class ShadowRun:
    """One shadow: which versions are compared, and how."""

    candidate: str
    stable: str
    percent: int
    """Share of the users' requests that are copied, in percent."""
    digest: str
    """Digest of how answers are compared; another one is another shadow."""


@dataclass(frozen=True, slots=True)
class ShadowFacts:
    """What is known of the proxy and the copies of one shadow."""

    exists: bool = False
    """Its Deployment and its Service are there."""
    ready: bool = False
    """It can take requests."""
    message: str = ""
    """Why it is not ready, in one sentence, when that is known."""
    mirrored: bool = False
    """The route sends it copies, and the gateway has accepted that."""


NO_SHADOW = ShadowFacts()


def comparison(deployment: ModelDeployment, *, candidate: str, stable: str) -> str:
    """Digest of how the answers of two revisions are compared in the shadow."""
    return digest(plan_for(deployment, candidate=candidate, stable=stable))
