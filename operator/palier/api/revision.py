"""The identity of a revision: what has to be equal for two specs to run the same thing.

Replicas are left out, because autoscalers change them, and so is `placement.surge`, which says how a release waits.
Values equal to their default are left out, so that a field added later, with a default, does not give every stored
object a new revision. Texts of prompts count, not the ConfigMaps that hold them alone, because a changed prompt is a
changed model.

A spec with variants has a hash too, which no pods have: it names the family of the revisions of its variants. Without
variants the family is the revision.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from palier.api.spec.serving import ModelVersion, Placement, Serving, Variant
from palier.api.spec.values import Surge

LENGTH: Final = 10
"""Hexadecimal digits: 40 bits, so that two of the few revisions of one object do not collide."""


def revision_hash(model: ModelVersion, serving: Serving, prompts: Mapping[str, str]) -> str:
    """The hash that names a revision.

    Args:
        model: `spec.model`.
        serving: `spec.serving`; its replicas and the surge of placements do not count.
        prompts: the text of each prompt by its name.

    Returns:
        The first 10 hexadecimal digits of the SHA-256 of the canonical JSON (sorted keys, no spaces, UTF-8).
    """
    identity = {
        "model": model.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "serving": _without_surge(serving).model_dump(
            mode="json", by_alias=True, exclude_defaults=True, exclude={"replicas"}
        ),
        "prompts": {name: _digest(text) for name, text in prompts.items()},
    }
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _digest(canonical)[:LENGTH]


def _digest(text: str) -> str:
    """The SHA-256 of any text, also of one with half of a surrogate pair in it."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _without_surge(serving: Serving) -> Serving:
    """The same with every surge at its default, so that a placement with nothing else in it is the default one."""
    variants = [_variant_without_surge(variant) for variant in serving.variants]
    return serving.model_copy(update={"placement": _wait_for_surge(serving.placement), "variants": variants})


def _variant_without_surge(variant: Variant) -> Variant:
    if variant.placement is None:
        return variant
    return variant.model_copy(update={"placement": _wait_for_surge(variant.placement)})


def _wait_for_surge(placement: Placement) -> Placement:
    return placement.model_copy(update={"surge": Surge.WAIT})
