"""Whose data is watched, and what it is compared with: that of the stable version alone.

A candidate may compute its features and predictions otherwise, so that during its release everything would seem to
drift. What stable meets is what users send, because who is sent where is left to chance.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from palier.api.spec.data_drift import CanaryReference
from palier.api.v1alpha1 import ModelDeployment
from palier.release.state import State
from palier.watch.data_watch import Gathering
from palier.watch.features.bounds import bound_reference
from palier.watch.features.measure import DriftRules, share_alpha
from palier.watch.features.profile import Profile, Reference, read_profile

LONGEST_FILE: Final = 1024 * 1024
"""Characters of a profile's file; a ConfigMap has no more."""


@dataclass(frozen=True, slots=True)
class WatchedData:
    """What is watched of one ModelDeployment."""

    revision: str
    """The revision that serves."""
    since: float
    """When it began to, in seconds since the epoch: earlier windows are those of another version."""
    window: float
    """Length of a window in seconds."""
    of: str
    """Digest of what its data is compared with."""
    name: str
    """What that is called in messages."""
    against: Reference | Gathering
    rules: DriftRules
    features: tuple[str, ...] | None = None
    """Names that are wanted; None for all."""


def choose_data(deployment: ModelDeployment, state: State, *, profile: str = "") -> WatchedData | None:
    """What is watched of the version that serves; None where nobody has asked for it, or nothing serves yet.

    Args:
        deployment: the spec.
        state: the memory.
        profile: the text of the profile that the spec names; empty where it names none.

    Raises:
        ValueError: the text is no profile, with what is wrong.
    """
    spec, stable = deployment.spec.watch.data_drift, state.stable
    if spec is None or stable is None:
        return None
    features = tuple(sorted(spec.features)) if spec.features is not None else None
    window = spec.window.seconds
    rules = DriftRules(psi=float(spec.psi), alpha=share_alpha(window))
    reference = spec.reference
    if reference is not None and reference.profile is not None:
        key = reference.profile.config_map_key_ref
        name = f"{key.name}/{key.key}"
        against: Reference | Gathering = Reference(name, _read_file(profile, features))
        of = _digest("profile", profile, features)
    else:
        canary = (reference.canary if reference else None) or CanaryReference()
        name = f"what {stable.version} ({stable.revision}) met at first"
        against = Gathering(canary.windows, canary.min_events, features)
        of = _digest("canary", stable.revision, features)
    return WatchedData(stable.revision, stable.since, window, of, name[:200], against, rules, features)


@lru_cache(maxsize=32)
def _read_file(text: str, features: tuple[str, ...] | None) -> Profile:
    if len(text) > LONGEST_FILE:
        raise ValueError(f"more than {LONGEST_FILE} characters")
    return bound_reference(read_profile(text), features=features).profile


@lru_cache(maxsize=32)
def _digest(kind: str, text: str, features: tuple[str, ...] | None) -> str:
    about = json.dumps([kind, hashlib.sha256(text.encode(errors="replace")).hexdigest(), features])
    return hashlib.sha256(about.encode()).hexdigest()[:16]
